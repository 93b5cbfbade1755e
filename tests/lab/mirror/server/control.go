package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

// health is what a running mirror says about itself.
type health struct {
	Pid            int      `json:"pid"`
	Files          []string `json:"files"`
	Registry       []string `json:"registry"`
	BytesPerSecond int64    `json:"bytesPerSecond"` // 0: no limit
	Faults         []fault  `json:"faults"`
}

// listenForControl replaces the socket of a mirror that was killed.
func listenForControl(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("cannot listen for control: %w", err)
	}
	return listener, nil
}

func controlHandler(about health, rate *throttle, faults *faultList) http.Handler {
	router := http.NewServeMux()
	router.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		now := about
		now.BytesPerSecond, now.Faults = rate.bytesPerSecond(), faults.list()
		_ = json.NewEncoder(w).Encode(now)
	})
	router.HandleFunc("PUT /throttle", func(w http.ResponseWriter, r *http.Request) {
		var bytesPerSecond int64
		if err := json.NewDecoder(r.Body).Decode(&bytesPerSecond); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		rate.set(bytesPerSecond)
	})
	router.HandleFunc("POST /faults", func(w http.ResponseWriter, r *http.Request) {
		wanted := &fault{}
		err := json.NewDecoder(r.Body).Decode(wanted)
		if err == nil {
			err = wanted.check()
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		faults.add(wanted)
	})
	router.HandleFunc("DELETE /faults", func(http.ResponseWriter, *http.Request) { faults.clear() })
	return router
}

// ask sends one request to the running mirror.
func ask(ctx context.Context, home place, method, path string, body any) ([]byte, error) {
	content, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://mirror"+path, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	client := http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", home.socket())
		},
	}}
	answer, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("the mirror does not answer: %w\nhint: start it with 'lab up'", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("the mirror refused: %s", strings.TrimSpace(string(text)))
	}
	return text, err
}

func healthCommand(ctx context.Context, arguments []string) error {
	flags := newFlags("health")
	root := flags.String("root", "", "folder of the mirror")
	if err := flags.Parse(arguments); err != nil || *root == "" || flags.NArg() != 0 {
		return errUsage
	}
	text, err := ask(ctx, place(*root), http.MethodGet, "/health", nil)
	if err == nil {
		fmt.Print(string(text))
	}
	return err
}

func throttleCommand(ctx context.Context, arguments []string) error {
	flags := newFlags("throttle")
	root := flags.String("root", "", "folder of the mirror")
	if err := flags.Parse(arguments); err != nil || *root == "" || flags.NArg() != 1 {
		return errUsage
	}
	bytesPerSecond, err := parseRate(flags.Arg(0))
	if err != nil {
		return err
	}
	_, err = ask(ctx, place(*root), http.MethodPut, "/throttle", bytesPerSecond)
	return err
}

func faultCommand(ctx context.Context, arguments []string) error {
	flags := newFlags("fault")
	root := flags.String("root", "", "folder of the mirror")
	if err := flags.Parse(arguments); err != nil || *root == "" || flags.NArg() == 0 {
		return errUsage
	}
	home, action, rest := place(*root), flags.Arg(0), flags.Args()[1:]
	switch {
	case action == "add":
		options := newFlags("fault add")
		times := options.Int("times", 0, "how often; 0: until cleared")
		if err := options.Parse(rest); err != nil {
			return errUsage
		}
		wanted, err := parseFault(options.Args(), *times)
		if err != nil {
			return err
		}
		_, err = ask(ctx, home, http.MethodPost, "/faults", wanted)
		return err
	case action == "clear" && len(rest) == 0:
		_, err := ask(ctx, home, http.MethodDelete, "/faults", nil)
		return err
	case action == "list" && len(rest) == 0:
		text, err := ask(ctx, home, http.MethodGet, "/health", nil)
		if err != nil {
			return err
		}
		var about health
		if err := json.Unmarshal(text, &about); err != nil {
			return err
		}
		for _, f := range about.Faults {
			fmt.Printf("%s %s %d times=%d\n", f.Glob, f.Kind, f.Argument, f.Times)
		}
		return nil
	}
	return errUsage
}

func faultKindNames() []string { return slices.Sorted(maps.Keys(faultKinds)) }
