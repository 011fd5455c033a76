package main

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// runLoad imports an archive under the names given, or under its own names if there are none.
// Loading what is there already does nothing.
func runLoad(args []string) error {
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	address := flags.String("address", "", "containerd's socket")
	snapshotter := flags.String("snapshotter", "overlayfs", "where to unpack to")
	_ = flags.Parse(args)
	if *address == "" || flags.NArg() < 1 {
		return errors.New("load: --address and an archive are needed")
	}
	archive := flags.Arg(0)
	names, err := fullNames(flags.Args()[1:])
	if err != nil {
		return err
	}
	client, err := containerd.New(*address)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx := namespaces.WithNamespace(context.Background(), "k8s.io")
	l := loader{client: client, snapshotter: *snapshotter}

	index, err := readIndex(archive)
	if err != nil {
		return err
	}
	wanted := names
	if len(wanted) == 0 && index != nil {
		for _, m := range index.Manifests {
			if n := m.Annotations[images.AnnotationImageName]; n != "" {
				wanted = append(wanted, n)
			}
		}
	}
	if index != nil && len(index.Manifests) == 1 && len(wanted) > 0 {
		have, err := l.have(ctx, index.Manifests[0].Digest, wanted)
		if err != nil {
			return err
		}
		if have {
			fmt.Println("already loaded:", strings.Join(wanted, " "))
			return nil
		}
		if ok, err := l.nameOnly(ctx, index.Manifests[0].Digest, wanted); ok || err != nil {
			return err
		}
	}
	return l.load(ctx, archive, names)
}

type loader struct {
	client      *containerd.Client
	snapshotter string
}

// have says whether every name points at the digest and is unpacked.
func (l loader) have(ctx context.Context, target digest.Digest, names []string) (bool, error) {
	for _, name := range names {
		img, err := l.client.GetImage(ctx, name)
		if errdefs.IsNotFound(err) {
			return false, nil
		} else if err != nil {
			return false, err
		}
		if img.Target().Digest != target {
			return false, nil
		}
		if unpacked, err := l.any(img.Metadata()).IsUnpacked(ctx, l.snapshotter); err != nil || !unpacked {
			return false, nil
		}
	}
	return true, nil
}

// nameOnly gives more names to an image that is there under another one.
func (l loader) nameOnly(ctx context.Context, target digest.Digest, names []string) (bool, error) {
	all, err := l.client.ImageService().List(ctx, "target.digest=="+target.String())
	if err != nil || len(all) == 0 {
		return false, err
	}
	if unpacked, err := l.any(all[0]).IsUnpacked(ctx, l.snapshotter); err != nil || !unpacked {
		return false, nil
	}
	return true, l.name(ctx, all[0].Target, names)
}

func (l loader) load(ctx context.Context, archive string, names []string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	// No digest reference is wanted but where the archive has no names at all.
	opts := []containerd.ImportOpt{
		containerd.WithAllPlatforms(true),
		containerd.WithImageRefTranslator(func(ref string) string {
			if full, err := fullNames([]string{ref}); err == nil {
				return full[0]
			}
			return ""
		}),
	}
	if len(names) > 0 {
		opts = append(opts, containerd.WithDigestRef(func(digest.Digest) string { return names[0] }))
	}
	imported, err := l.client.Import(ctx, file, opts...)
	if err != nil {
		return fmt.Errorf("%s: %w", archive, err)
	}
	if len(imported) == 0 {
		return fmt.Errorf("%s: no name in the archive; give one", archive)
	}
	for _, img := range imported {
		if len(names) > 0 && img.Target.Digest != imported[0].Target.Digest {
			return fmt.Errorf("%s: more than one image; load it without a name", archive)
		}
		if err := l.any(img).Unpack(ctx, l.snapshotter); err != nil {
			return fmt.Errorf("%s: unpack: %w", img.Name, err)
		}
		if len(names) == 0 {
			fmt.Println("loaded:", img.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	if err := l.name(ctx, imported[0].Target, names); err != nil {
		return err
	}
	for _, img := range imported {
		if !slices.Contains(names, img.Name) {
			if err := l.client.ImageService().Delete(ctx, img.Name); err != nil && !errdefs.IsNotFound(err) {
				return err
			}
		}
	}
	return nil
}

func (l loader) name(ctx context.Context, target ocispec.Descriptor, names []string) error {
	service := l.client.ImageService()
	for _, name := range names {
		img := images.Image{Name: name, Target: target}
		if _, err := service.Update(ctx, img, "target"); errdefs.IsNotFound(err) {
			if _, err := service.Create(ctx, img); err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
		fmt.Println("loaded:", name)
	}
	return nil
}

// any takes the image for whatever platform it claims: tests need wrong ones.
func (l loader) any(img images.Image) containerd.Image {
	return containerd.NewImageWithPlatform(l.client, img, platforms.All)
}

// fullNames writes names in full, as the kubelet's `image:` is understood.
func fullNames(names []string) ([]string, error) {
	full := make([]string, 0, len(names))
	for _, n := range names {
		named, err := reference.ParseDockerRef(n)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", n, err)
		}
		full = append(full, named.String())
	}
	return full, nil
}

// readIndex returns the archive's OCI index, nil if it has none (an old Docker archive).
func readIndex(archive string) (*ocispec.Index, error) {
	file, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	reader := tar.NewReader(file)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", archive, err)
		}
		if strings.TrimPrefix(header.Name, "./") == "index.json" {
			var index ocispec.Index
			return &index, json.NewDecoder(reader).Decode(&index)
		}
	}
}
