package main

import (
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"
)

// accessLog writes one line for each request when it ends, however it ends.
type accessLog struct {
	lock sync.Mutex
	file *os.File
}

func openAccessLog(path string) (*accessLog, error) {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	return &accessLog{file: file}, err
}

func (l *accessLog) close() { _ = l.file.Close() }

func (l *accessLog) record(server string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		seen := &recorder{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			l.lock.Lock()
			defer l.lock.Unlock()
			fmt.Fprintf(l.file, "%s %s %s %s %s status=%d bytes=%d ms=%d range=%q fault=%q agent=%q\n",
				began.UTC().Format("2006-01-02T15:04:05.000Z"), r.RemoteAddr, server, r.Method, r.URL.RequestURI(),
				seen.status, seen.bytes, time.Since(began).Milliseconds(), r.Header.Get("Range"), seen.fault, r.UserAgent())
		}()
		next.ServeHTTP(seen, r)
	})
}

// recorder notes what was really sent.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
	fault  string
}

func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(content []byte) (int, error) {
	n, err := w.ResponseWriter.Write(content)
	w.bytes += int64(n)
	return n, err
}

// noteFault tells the recorder below w which fault the request met.
func noteFault(w http.ResponseWriter, kind string) {
	for {
		if seen, found := w.(*recorder); found {
			seen.fault = kind
			return
		}
		below, wraps := w.(interface{ Unwrap() http.ResponseWriter })
		if !wraps {
			return
		}
		w = below.Unwrap()
	}
}
