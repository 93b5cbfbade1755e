package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// fault is one way to misbehave, for the requests whose path matches.
type fault struct {
	Glob     string `json:"glob"`     // over the path without its first slash; * crosses slashes
	Kind     string `json:"kind"`     // see faultKinds
	Argument int64  `json:"argument"` // what the kind says it is
	Times    int    `json:"times"`    // how often still; 0 or less: always
	pattern  *regexp.Regexp
}

// faultKinds says what the argument of each kind means, and what it is when none is given.
var faultKinds = map[string]struct {
	meaning  string
	standard int64
}{
	"status":      {"answer this status code", 503},
	"truncate":    {"close the connection after this many bytes of the body", 1000},
	"stall":       {"send this many bytes of the body and then nothing, for as long as the client stays", 1000},
	"reset":       {"reset the connection after this many bytes of the body", 0},
	"wrong-bytes": {"send as many bytes, all of them wrong from this one on", 0},
	"html":        {"answer a page of HTML instead, with this status code", 200},
	"delay":       {"wait this many milliseconds before answering properly", 1000},
}

func (f *fault) check() error {
	kind, known := faultKinds[f.Kind]
	if !known {
		return fmt.Errorf("unknown kind of fault %q\nhint: one of %s", f.Kind, strings.Join(faultKindNames(), ", "))
	}
	if f.Argument < 0 {
		f.Argument = kind.standard
	}
	expression := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimPrefix(f.Glob, "/")), `\*`, `.*`)
	f.pattern = regexp.MustCompile("^" + expression + "$")
	return nil
}

// faultList holds the faults in force; the first that matches a request is the one that it meets.
type faultList struct {
	lock   sync.Mutex
	faults []*fault
}

func (l *faultList) add(f *fault) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.faults = append(l.faults, f)
}

func (l *faultList) clear() {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.faults = nil
}

func (l *faultList) list() []fault {
	l.lock.Lock()
	defer l.lock.Unlock()
	all := []fault{}
	for _, f := range l.faults {
		all = append(all, *f)
	}
	return all
}

// take finds the fault for a path, counts it, and forgets it when it has been met often enough.
func (l *faultList) take(path string) *fault {
	l.lock.Lock()
	defer l.lock.Unlock()
	for i, f := range l.faults {
		if !f.pattern.MatchString(strings.TrimPrefix(path, "/")) {
			continue
		}
		met := *f
		if f.Times == 1 {
			l.faults = append(l.faults[:i], l.faults[i+1:]...)
		} else if f.Times > 1 {
			f.Times--
		}
		return &met
	}
	return nil
}

func (l *faultList) spoil(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := l.take(r.URL.Path)
		if f == nil {
			next.ServeHTTP(w, r)
			return
		}
		noteFault(w, f.Kind)
		switch f.Kind {
		case "status":
			answerStatus(w, r, int(f.Argument))
		case "html":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(int(f.Argument))
			fmt.Fprint(w, "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please sign in to the network.</body></html>\n")
		case "delay":
			select {
			case <-time.After(time.Duration(f.Argument) * time.Millisecond):
				next.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		default:
			next.ServeHTTP(&spoiledWriter{ResponseWriter: w, request: r, fault: f, left: f.Argument}, r)
		}
	})
}

// answerStatus refuses as a server or a registry would.
func answerStatus(w http.ResponseWriter, r *http.Request, code int) {
	if code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	if !strings.HasPrefix(r.URL.Path, "/v2/") {
		http.Error(w, http.StatusText(code), code)
		return
	}
	names := map[int]string{401: "UNAUTHORIZED", 403: "DENIED", 404: "MANIFEST_UNKNOWN", 429: "TOOMANYREQUESTS"}
	name := names[code]
	if name == "" {
		name = "UNKNOWN"
	}
	text := map[string]string{"code": name, "message": strings.ToLower(http.StatusText(code))}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{text}})
}

// spoiledWriter lets the first bytes of an answer through and then does what the fault says.
type spoiledWriter struct {
	http.ResponseWriter
	request *http.Request
	fault   *fault
	left    int64
}

func (w *spoiledWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *spoiledWriter) Write(content []byte) (int, error) {
	good := min(int64(len(content)), w.left)
	if good > 0 {
		n, err := w.ResponseWriter.Write(content[:good])
		w.left -= int64(n)
		if err != nil || n == len(content) {
			return n, err
		}
	}
	if w.fault.Kind == "wrong-bytes" {
		wrong := make([]byte, len(content)-int(good))
		for i, b := range content[good:] {
			wrong[i] = ^b
		}
		n, err := w.ResponseWriter.Write(wrong)
		return int(good) + n, err
	}
	_ = http.NewResponseController(w.ResponseWriter).Flush()
	switch w.fault.Kind {
	case "stall":
		<-w.request.Context().Done()
	case "reset":
		resetConnection(w.ResponseWriter)
	}
	panic(http.ErrAbortHandler) // closes the connection in the middle of the answer
}

// resetConnection ends the connection so that the client's next read fails with "connection reset by peer".
func resetConnection(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	raw := connection
	if secure, isSecure := connection.(interface{ NetConn() net.Conn }); isSecure {
		raw = secure.NetConn()
	}
	if tcp, isTCP := raw.(*net.TCPConn); isTCP {
		_ = tcp.SetLinger(0)
	}
	_ = raw.Close()
}

// parseFault reads GLOB KIND [ARGUMENT].
func parseFault(words []string, times int) (*fault, error) {
	if len(words) < 2 || len(words) > 3 {
		return nil, errUsage
	}
	f := &fault{Glob: words[0], Kind: words[1], Argument: -1, Times: times}
	if len(words) == 3 {
		value, err := strconv.ParseInt(words[2], 10, 64)
		if err != nil || value < 0 {
			return nil, fmt.Errorf("%q is no argument for %s\nhint: a number: %s", words[2], f.Kind, faultKinds[f.Kind].meaning)
		}
		f.Argument = value
	}
	return f, f.check()
}
