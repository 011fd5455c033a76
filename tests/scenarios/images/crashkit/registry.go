package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

type blob struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int    `json:"size"`
	body      []byte
}

func newBlob(mediaType string, body []byte) blob {
	return blob{mediaType, fmt.Sprintf("sha256:%x", sha256.Sum256(body)), len(body), body}
}

// registry serves one image, made of this very binary, under every name; the repository's first word says how it fails:
// `flaky/…` answers 503 for the first --failures requests, `private/…` 401, `corrupt/…` a layer that is not what its digest says,
// anything else 404.
func registry(args []string) {
	f := flag.NewFlagSet("registry", flag.ExitOnError)
	listen := f.String("listen", "127.0.0.1:5055", "address")
	failures := f.Int64("failures", 1, "how many pulls of a flaky image fail")
	f.Parse(args)
	blobs, manifest := image("")
	// A layer of its own: one that the node has already is not fetched, and its damage never seen.
	others, damagedManifest := image(fmt.Sprint(time.Now().UnixNano()))
	for digest, b := range others {
		blobs[digest] = b
	}
	var asked atomic.Int64
	http.HandleFunc("/v2/", func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/v2/")
		kind, _, _ := strings.Cut(name, "/")
		wantsManifest := strings.Contains(name, "/manifests/")
		switch {
		case name == "":
			w.WriteHeader(http.StatusOK)
		case kind == "private":
			refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		case kind != "flaky" && kind != "corrupt":
			refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
		case kind == "flaky" && wantsManifest && asked.Add(1) <= *failures:
			refuse(w, http.StatusServiceUnavailable, "UNAVAILABLE", "upstream storage is not available")
		case wantsManifest && kind == "corrupt":
			send(w, r, damagedManifest)
		case wantsManifest:
			send(w, r, manifest)
		default:
			digest := name[strings.LastIndex(name, "/")+1:]
			b, ok := blobs[digest]
			if !ok {
				refuse(w, http.StatusNotFound, "BLOB_UNKNOWN", "blob unknown")
				return
			}
			if kind == "corrupt" && b.Size > 4096 {
				damaged := bytes.Clone(b.body)
				damaged[len(damaged)/2] ^= 0xff
				b.body = damaged
			}
			send(w, r, b)
		}
	})
	say("INFO", "registry listening on %s", *listen)
	die("%v", http.ListenAndServe(*listen, nil))
}

func send(w http.ResponseWriter, r *http.Request, b blob) {
	w.Header().Set("Content-Type", b.MediaType)
	w.Header().Set("Docker-Content-Digest", b.Digest)
	w.Header().Set("Content-Length", fmt.Sprint(b.Size))
	if r.Method != http.MethodHead {
		w.Write(b.body)
	}
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, message)
}

// image builds an OCI image of one layer: this binary as /crashkit, and a file that makes the layer unlike others.
func image(mark string) (map[string]blob, blob) {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		die("%v", err)
	}
	data, err := io.ReadAll(self)
	if err != nil {
		die("%v", err)
	}
	var archive bytes.Buffer
	t := tar.NewWriter(&archive)
	t.WriteHeader(&tar.Header{Name: "crashkit", Mode: 0o755, Size: int64(len(data)), Typeflag: tar.TypeReg})
	t.Write(data)
	t.WriteHeader(&tar.Header{Name: "mark", Mode: 0o644, Size: int64(len(mark)), Typeflag: tar.TypeReg})
	t.Write([]byte(mark))
	t.Close()
	layer := newBlob("application/vnd.oci.image.layer.v1.tar", archive.Bytes())
	cfg, _ := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "config": map[string]any{"Entrypoint": []string{"/crashkit"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{layer.Digest}},
	})
	configBlob := newBlob("application/vnd.oci.image.config.v1+json", cfg)
	m, _ := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": configBlob, "layers": []blob{layer},
	})
	manifest := newBlob("application/vnd.oci.image.manifest.v1+json", m)
	return map[string]blob{layer.Digest: layer, configBlob.Digest: configBlob}, manifest
}
