package main

import (
	"fmt"
	"net/http"
	"os"
	"path"
	"strings"
)

// fileHandler serves the files under root by path, whole or by range. The root is opened anew for each request, because
// publishing swaps the whole folder.
func fileHandler(root string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		folder, err := os.OpenRoot(root)
		if err != nil {
			http.Error(w, "the mirror has no files", http.StatusServiceUnavailable)
			return
		}
		defer folder.Close()
		file, err := folder.Open(strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/"))
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
