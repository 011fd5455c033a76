package main

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

// runMake writes an image of one layer with everything below the root folder.
func runMake(args []string) error {
	var rootfs, name, out, arch, user, workdir string
	var entrypoint, cmd, env, expose list
	flags := flag.NewFlagSet("make", flag.ExitOnError)
	flags.StringVar(&rootfs, "rootfs", "", "folder that becomes /")
	flags.StringVar(&name, "name", "", "the image's name")
	flags.StringVar(&out, "out", "", "archive to write")
	flags.StringVar(&arch, "arch", runtime.GOARCH, "architecture the image claims to be for")
	flags.StringVar(&user, "user", "", "user (number or number:number is best)")
	flags.StringVar(&workdir, "workdir", "", "working folder")
	flags.Var(&entrypoint, "entrypoint", "a word of the entrypoint (repeat)")
	flags.Var(&cmd, "cmd", "a word of the command (repeat)")
	flags.Var(&env, "env", "NAME=VALUE (repeat)")
	flags.Var(&expose, "expose", "a port, such as 80/tcp (repeat)")
	_ = flags.Parse(args)
	if rootfs == "" || name == "" || out == "" || flags.NArg() > 0 {
		return errors.New("make: --rootfs, --name and --out are needed, and nothing else")
	}
	ref, err := reference.ParseDockerRef(name)
	if err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}

	layer, err := os.CreateTemp(filepath.Dir(out), ".layer-")
	if err != nil {
		return err
	}
	defer os.Remove(layer.Name())
	defer layer.Close()
	layerDesc, err := writeLayer(layer, rootfs)
	if err != nil {
		return err
	}

	epoch := time.Unix(0, 0).UTC()
	image := ocispec.Image{
		Created:  &epoch,
		Platform: ocispec.Platform{Architecture: arch, OS: "linux"},
		Config: ocispec.ImageConfig{
			User: user, Env: env, Entrypoint: entrypoint, Cmd: cmd, WorkingDir: workdir,
		},
		RootFS:  ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{layerDesc.Digest}},
		History: []ocispec.History{{Created: &epoch, CreatedBy: "image make"}},
	}
	if len(expose) > 0 {
		image.Config.ExposedPorts = map[string]struct{}{}
		for _, port := range expose {
			image.Config.ExposedPorts[port] = struct{}{}
		}
	}
	config, configDesc := blob(ocispec.MediaTypeImageConfig, image)
	manifest, manifestDesc := blob(ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: configDesc, Layers: []ocispec.Descriptor{layerDesc},
	})
	tag := "latest"
	if tagged, ok := ref.(reference.Tagged); ok {
		tag = tagged.Tag()
	}
	manifestDesc.Annotations = map[string]string{images.AnnotationImageName: ref.String(), ocispec.AnnotationRefName: tag}
	index, _ := blob(ocispec.MediaTypeImageIndex, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{manifestDesc},
	})
	docker, _ := blob("", []map[string]any{{
		"Config": blobPath(configDesc), "RepoTags": []string{reference.FamiliarString(ref)},
		"Layers": []string{blobPath(layerDesc)},
	}})

	temp, err := os.CreateTemp(filepath.Dir(out), ".image-")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	w := tar.NewWriter(temp)
	for _, f := range []struct {
		name string
		data []byte
	}{
		{"index.json", index},
		{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{"manifest.json", docker},
		{blobPath(configDesc), config},
		{blobPath(manifestDesc), manifest},
	} {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.data)), ModTime: epoch}); err != nil {
			return err
		}
		if _, err := w.Write(f.data); err != nil {
			return err
		}
	}
	if _, err := layer.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := w.WriteHeader(&tar.Header{Name: blobPath(layerDesc), Mode: 0o644, Size: layerDesc.Size, ModTime: epoch}); err != nil {
		return err
	}
	if _, err := io.Copy(w, layer); err != nil {
		return err
	}
	if err := errors.Join(w.Close(), temp.Chmod(0o644), temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), out)
}

func blob(mediaType string, value any) ([]byte, ocispec.Descriptor) {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // only our own types come here
	}
	return data, ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
}

func blobPath(d ocispec.Descriptor) string { return "blobs/sha256/" + d.Digest.Encoded() }

// writeLayer packs a folder in the order of its names: the same folder gives the same layer.
func writeLayer(file *os.File, root string) (ocispec.Descriptor, error) {
	hash := sha256.New()
	w := tar.NewWriter(io.MultiWriter(file, hash))
	seen := map[[2]uint64]string{} // inode -> first name, for hard links
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return writeEntry(w, path, rel, info, seen)
	})
	if err = errors.Join(err, w.Close()); err != nil {
		return ocispec.Descriptor{}, err
	}
	size, err := file.Seek(0, io.SeekCurrent)
	return ocispec.Descriptor{
		MediaType: ocispec.MediaTypeImageLayer, Size: size, Digest: digest.NewDigest(digest.SHA256, hash),
	}, err
}

func writeEntry(w *tar.Writer, path, rel string, info fs.FileInfo, seen map[[2]uint64]string) error {
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		var err error
		if target, err = os.Readlink(path); err != nil {
			return err
		}
	} else if !info.Mode().IsRegular() && !info.IsDir() {
		return nil // no devices, pipes or sockets in an image
	}
	header, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	header.Name = rel
	if info.IsDir() {
		header.Name += "/"
	}
	header.ModTime = info.ModTime().Truncate(time.Second)
	header.AccessTime, header.ChangeTime, header.Uname, header.Gname = time.Time{}, time.Time{}, "", ""
	if os.Geteuid() != 0 {
		header.Uid, header.Gid = 0, 0
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && info.Mode().IsRegular() && stat.Nlink > 1 {
		key := [2]uint64{uint64(stat.Dev), stat.Ino}
		if first, linked := seen[key]; linked {
			header.Typeflag, header.Linkname, header.Size = tar.TypeLink, first, 0
			return w.WriteHeader(header)
		}
		seen[key] = rel
	}
	if err := w.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(w, file)
	return err
}
