package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// birthday is the date of every file and image of the lab: the same content then has the same digest on every machine.
var birthday = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// imageCommand makes an image from folders, each a layer, and writes it as an OCI layout.
func imageCommand(_ context.Context, arguments []string) error {
	var layers, entrypoint, command, environment words
	flags := newFlags("image")
	out := flags.String("out", "", "folder to write")
	flags.Var(&layers, "layer", "folder that becomes a layer")
	flags.Var(&entrypoint, "entrypoint", "word of the entrypoint")
	flags.Var(&command, "command", "word of the command")
	flags.Var(&environment, "env", "variable, NAME=VALUE")
	user := flags.String("user", "", "user, by number")
	folder := flags.String("workdir", "", "working folder")
	stopSignal := flags.String("stop-signal", "", "signal that stops it")
	if err := flags.Parse(arguments); err != nil || *out == "" || len(layers) == 0 || flags.NArg() != 0 {
		return errUsage
	}

	image := empty.Image
	file, err := image.ConfigFile()
	if err != nil {
		return err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", runtime.GOARCH
	file.Created = v1.Time{Time: birthday}
	file.Config = v1.Config{
		Entrypoint: entrypoint, Cmd: command, Env: environment,
		User: *user, WorkingDir: *folder, StopSignal: *stopSignal,
	}
	if image, err = mutate.ConfigFile(image, file); err != nil {
		return err
	}

	scratch, err := os.MkdirTemp(filepath.Dir(*out), "layers-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	for i, folder := range layers {
		packed := filepath.Join(scratch, fmt.Sprintf("%d.tar.gz", i))
		if err := packLayer(folder, packed); err != nil {
			return fmt.Errorf("cannot pack %s: %w", folder, err)
		}
		layer, err := tarball.LayerFromFile(packed)
		if err != nil {
			return err
		}
		addendum := mutate.Addendum{Layer: layer, History: v1.History{Created: v1.Time{Time: birthday}, CreatedBy: "lab"}}
		if image, err = mutate.Append(image, addendum); err != nil {
			return err
		}
	}
	target, err := layout.Write(*out, empty.Index)
	if err != nil {
		return err
	}
	return target.AppendImage(image)
}

// loadImage reads the one image of an OCI layout.
func loadImage(folder string) (v1.Image, error) {
	index, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		return nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	if len(manifest.Manifests) != 1 {
		return nil, fmt.Errorf("%s holds %d images instead of one", folder, len(manifest.Manifests))
	}
	return index.Image(manifest.Manifests[0].Digest)
}

// closeAfter closes in any case and reports the first error.
func closeAfter(closer io.Closer, err error) error {
	if closing := closer.Close(); err == nil {
		err = closing
	}
	return err
}
