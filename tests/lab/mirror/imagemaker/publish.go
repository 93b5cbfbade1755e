package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"pgedge-bootstrap.test/lab/mirror/registry"
)

// named is an image and what it is called.
type named struct {
	text      string // as it was given
	reference name.Tag
	image     v1.Image
}

// loadNamed reads REFERENCE=FOLDER arguments.
func loadNamed(arguments []string) ([]named, error) {
	var all []named
	for _, argument := range arguments {
		text, folder, found := strings.Cut(argument, "=")
		if !found {
			return nil, errUsage
		}
		reference, err := name.NewTag(text)
		if err != nil {
			return nil, err
		}
		image, err := loadImage(folder)
		if err != nil {
			return nil, fmt.Errorf("cannot load the image for %s: %w", text, err)
		}
		all = append(all, named{text, reference, image})
	}
	return all, nil
}

// archiveCommand writes several images into one docker archive, which containerd imports under their names.
func archiveCommand(_ context.Context, arguments []string) error {
	flags := newFlags("archive")
	out := flags.String("out", "", "file to write")
	if err := flags.Parse(arguments); err != nil || *out == "" || flags.NArg() == 0 {
		return errUsage
	}
	images, err := loadNamed(flags.Args())
	if err != nil {
		return err
	}
	content := map[name.Tag]v1.Image{}
	for _, each := range images {
		content[each.reference] = each.image
	}
	return tarball.MultiWriteToFile(*out, content)
}

// publishCommand pushes images into a registry's folder through a registry of its own, so that no server need run, and
// prints each reference with its digest. The host of a reference is dropped: one registry stands in for all of them.
func publishCommand(ctx context.Context, arguments []string) error {
	flags := newFlags("publish")
	folder := flags.String("registry", "", "folder of the registry")
	if err := flags.Parse(arguments); err != nil || *folder == "" || flags.NArg() == 0 {
		return errUsage
	}
	images, err := loadNamed(flags.Args())
	if err != nil {
		return err
	}
	handler, err := registry.New(ctx, *folder)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler}
	defer server.Close()
	go func() { _ = server.Serve(listener) }()

	for _, each := range images {
		text := fmt.Sprintf("%s/%s:%s", listener.Addr(), each.reference.RepositoryStr(), each.reference.TagStr())
		target, err := name.NewTag(text, name.Insecure)
		if err != nil {
			return err
		}
		if err := remote.Write(target, each.image, remote.WithContext(ctx)); err != nil {
			return fmt.Errorf("cannot publish %s: %w", each.text, err)
		}
		digest, err := each.image.Digest()
		if err != nil {
			return err
		}
		fmt.Printf("%s %s\n", each.text, digest)
	}
	return nil
}
