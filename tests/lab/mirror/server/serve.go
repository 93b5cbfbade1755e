package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"pgedge-bootstrap.test/lab/mirror/registry"
)

// serveCommand runs the mirror until it is told to stop.
func serveCommand(ctx context.Context, arguments []string) error {
	flags := newFlags("serve")
	root := flags.String("root", "", "folder of the mirror")
	filesAddresses := flags.String("files", "127.0.0.1:18443", "addresses of the file mirror")
	registryAddresses := flags.String("registry", "127.0.0.1:15000", "addresses of the registry")
	if err := flags.Parse(arguments); err != nil || *root == "" {
		return errUsage
	}
	return serve(ctx, place(*root), strings.Split(*filesAddresses, ","), strings.Split(*registryAddresses, ","))
}

func serve(ctx context.Context, home place, filesAddresses, registryAddresses []string) error {
	if err := os.MkdirAll(home.files(), 0o755); err != nil {
		return err
	}
	hosts, err := hostsOf(filesAddresses)
	if err != nil {
		return err
	}
	identity, err := ensureCertificates(home, hosts)
	if err != nil {
		return fmt.Errorf("cannot make the mirror's certificates: %w", err)
	}
	requests, err := openAccessLog(home.accessLog())
	if err != nil {
		return err
	}
	defer requests.close()

	images, err := registry.New(ctx, home.registry())
	if err != nil {
		return err
	}
	rate, faults := newThrottle(), &faultList{}
	dress := func(server string, handler http.Handler) http.Handler {
		return requests.record(server, rate.slow(faults.spoil(handler)))
	}
	// HTTP/1.1 only: a reset can then be a reset of the connection, which is what a learner's network does.
	noHTTP2 := map[string]func(*http.Server, *tls.Conn, http.Handler){}
	quiet := log.New(os.Stderr, "", log.LstdFlags)

	failed := make(chan error, 8)
	run := func(server *http.Server, listener net.Listener) {
		server.ErrorLog = quiet
		server.ReadHeaderTimeout = 30 * time.Second
		context.AfterFunc(ctx, func() { _ = server.Close() })
		go func() {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		}()
	}

	for _, address := range filesAddresses {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("cannot listen for the file mirror: %w", err)
		}
		secure := tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{identity}, MinVersion: tls.VersionTLS12})
		files := fileHandler(home.files(), home.guests())
		run(&http.Server{Handler: dress("files", files), TLSNextProto: noHTTP2}, secure)
	}

	for _, address := range registryAddresses {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("cannot listen for the registry: %w", err)
		}
		run(&http.Server{Handler: dress("registry", images)}, listener)
	}

	about := health{Pid: os.Getpid(), Files: filesAddresses, Registry: registryAddresses}
	control, err := listenForControl(home.socket())
	if err != nil {
		return err
	}
	run(&http.Server{Handler: controlHandler(about, rate, faults)}, control)

	if err := os.WriteFile(home.pidFile(), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
		return err
	}
	defer os.Remove(home.pidFile())
	log.Printf("files on %s, registry on %s", strings.Join(filesAddresses, " "), strings.Join(registryAddresses, " "))
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}
