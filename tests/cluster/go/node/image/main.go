// image makes container images out of folders and loads image archives into containerd.
//
//	image make --rootfs DIR --name NAME --out TAR [--entrypoint A --entrypoint B] [--cmd C] ...
//	image load --address SOCKET TAR [NAME...]
//
// An archive made here is an OCI layout and a Docker archive at once, so containerd, buildah,
// `docker load` and `kind load image-archive` all take it.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	var err error
	switch os.Args[1] {
	case "make":
		err = runMake(os.Args[2:])
	case "load":
		err = runLoad(os.Args[2:])
	default:
		usage()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: image make --rootfs DIR --name NAME --out TAR [options]\n       image load --address SOCKET TAR [NAME...]")
	os.Exit(2)
}
