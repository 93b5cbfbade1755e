package main

import (
	"archive/tar"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/klauspost/compress/gzip"
)

// packLayer writes a folder as a compressed tar whose bytes depend on nothing but names, modes, owners and content.
func packLayer(folder, out string) error {
	file, err := os.Create(out)
	if err != nil {
		return err
	}
	packed := gzip.NewWriter(file)
	archive := tar.NewWriter(packed)
	err = packFolder(folder, archive)
	err = closeAfter(archive, err)
	err = closeAfter(packed, err)
	return closeAfter(file, err)
}

func packFolder(folder string, archive *tar.Writer) error {
	firstName := map[uint64]string{} // of each file that has several
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == folder {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		about, err := entry.Info()
		if err != nil {
			return err
		}
		if !about.Mode().IsRegular() && !about.IsDir() && about.Mode()&fs.ModeSymlink == 0 {
			return nil // devices and sockets are made by whoever runs the container
		}
		header, err := layerHeader(path, name, about)
		if err != nil {
			return err
		}
		if system, known := about.Sys().(*syscall.Stat_t); known && about.Mode().IsRegular() && system.Nlink > 1 {
			if first, seen := firstName[system.Ino]; seen {
				header.Typeflag, header.Linkname, header.Size = tar.TypeLink, first, 0
				return archive.WriteHeader(header)
			}
			firstName[system.Ino] = name
		}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if !about.Mode().IsRegular() {
			return nil
		}
		content, err := os.Open(path)
		if err != nil {
			return err
		}
		_, err = io.Copy(archive, content)
		return closeAfter(content, err)
	})
}

func layerHeader(path, name string, about fs.FileInfo) (*tar.Header, error) {
	target := ""
	if about.Mode()&fs.ModeSymlink != 0 {
		var err error
		if target, err = os.Readlink(path); err != nil {
			return nil, err
		}
	}
	header, err := tar.FileInfoHeader(about, target)
	if err != nil {
		return nil, err
	}
	header.Name = name
	if about.IsDir() {
		header.Name += "/"
	}
	header.Uname, header.Gname = "", ""
	header.Format = tar.FormatPAX
	header.ModTime, header.AccessTime, header.ChangeTime = birthday, time.Time{}, time.Time{}
	return header, nil
}
