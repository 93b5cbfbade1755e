package main

import (
	"fmt"
	"net/http"
	"os"
	"path"
	"strings"
)

// openBelow opens the file of this path below the first root that has it.
func openBelow(roots []string, name string) (*os.File, error) {
	var err error = os.ErrNotExist
	for _, root := range roots {
		var folder *os.Root
		if folder, err = os.OpenRoot(root); err != nil {
			continue
		}
		var file *os.File
		file, err = folder.Open(name)
		folder.Close()
		if err == nil {
			return file, nil
		}
	}
	return nil, err
}

// fileHandler serves the files under the roots by path, whole or by range; the first root that has a file counts. Roots are
// opened anew for each request, because publishing swaps the whole folder, and tests put files of their own beside it.
func fileHandler(roots ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		file, err := openBelow(roots, strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		defer file.Close()
		about, err := file.Stat()
		if err != nil || !about.Mode().IsRegular() {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("ETag", fmt.Sprintf(`"%x-%x"`, about.ModTime().UnixNano(), about.Size()))
		http.ServeContent(w, r, about.Name(), about.ModTime(), file)
	})
}
