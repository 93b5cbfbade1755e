// init-spock wires the nodes of the chart with Spock. It is the program of the
// chart's hook: it waits for the Clusters, then makes on each node what is
// missing there. A second run finds nothing missing and changes nothing.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, nil)))
	if err := run(); err != nil {
		slog.Error("init-spock failed", "error", err.Error())
		os.Exit(1)
	}
	slog.Info("spock configuration successfully updated")
}

func run() error {
	settings, err := readSettings()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, settings.patience)
	defer cancel()

	slog.Info("configuring spock", "nodes", len(settings.nodes))
	for _, node := range settings.nodes {
		slog.Info("node", "name", node.Name, "hostname", node.Hostname, "bootstrap_mode", node.Bootstrap.Mode)
	}

	api, err := newAPI(settings.namespace)
	if err != nil {
		return fmt.Errorf("could not reach the API server: %w", err)
	}
	if err := waitForClusters(ctx, api, settings.appName); err != nil {
		return err
	}
	if err := waitForServers(ctx, settings); err != nil {
		return err
	}
	if settings.reset {
		if err := reset(ctx, settings); err != nil {
			return err
		}
	}
	number := 0
	for _, plan := range phases {
		events, err := plan(ctx, settings)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			continue
		}
		if err := execute(ctx, number, events); err != nil {
			return err
		}
		number++
	}
	return nil
}
