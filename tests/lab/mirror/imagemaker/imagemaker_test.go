package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// aRoot is a small root file system with a link, a second name for a file, and a folder without content.
func aRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, err := range []error{
		os.MkdirAll(filepath.Join(root, "usr/bin"), 0o755),
		os.Mkdir(filepath.Join(root, "tmp"), 0o700),
		os.WriteFile(filepath.Join(root, "usr/bin/tool"), []byte("tool"), 0o755),
		os.Link(filepath.Join(root, "usr/bin/tool"), filepath.Join(root, "usr/bin/again")),
		os.Symlink("usr/bin", filepath.Join(root, "bin")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestTheSameContentGivesTheSameImage(t *testing.T) {
	var digests []string
	for i := range 2 {
		root := aRoot(t)
		when := time.Now().Add(time.Duration(i) * time.Hour)
		if err := os.Chtimes(filepath.Join(root, "usr/bin/tool"), when, when); err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(t.TempDir(), "image")
		if err := imageCommand(t.Context(), []string{"--out", out, "--layer", root, "--entrypoint", "/usr/bin/tool", "--user", "26"}); err != nil {
			t.Fatal(err)
		}
		image, err := loadImage(out)
		if err != nil {
			t.Fatal(err)
		}
		digest, err := image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, digest.String())
	}
	if digests[0] != digests[1] {
		t.Errorf("digests differ: %v", digests)
	}
}

func TestPublishedImagesAreInTheRegistry(t *testing.T) {
	out, registry := filepath.Join(t.TempDir(), "image"), t.TempDir()
	if err := imageCommand(t.Context(), []string{"--out", out, "--layer", aRoot(t)}); err != nil {
		t.Fatal(err)
	}
	if err := publishCommand(t.Context(), []string{"--registry", registry, "quay.io/some/tool:v1=" + out}); err != nil {
		t.Fatal(err)
	}
	link, err := os.ReadFile(filepath.Join(registry, "docker/registry/v2/repositories/some/tool/_manifests/tags/v1/current/link"))
	if err != nil || !bytes.HasPrefix(link, []byte("sha256:")) {
		t.Errorf("got %s %v", link, err)
	}
}
