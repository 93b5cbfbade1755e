package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// connect logs in to a node as the admin role with its client certificate. The
// server's certificate is made by an authority of each Cluster of its own, so it
// is not verified, as the nodes do not verify each other's.
func connect(ctx context.Context, s settings, n node) (*pgx.Conn, error) {
	return pgx.Connect(ctx, fmt.Sprintf(
		"host=%s port=5432 dbname=%s user=%s sslmode=require sslcert=%s/tls.crt sslkey=%s/tls.key connect_timeout=4 application_name=init-spock",
		n.host(), s.database, s.admin, adminFolder, adminFolder))
}

// waitForServers returns when every node lets the admin role in.
func waitForServers(ctx context.Context, s settings) error {
	for _, n := range s.nodes {
		var said time.Time
		for {
			connection, err := connect(ctx, s, n)
			if err == nil {
				_ = connection.Close(ctx)
				slog.Info("node accepting connections", "hostname", n.host())
				break
			}
			if time.Since(said) >= logEvery {
				said = time.Now()
				slog.Info("waiting for node", "hostname", n.host(), "error", err.Error())
			}
			if err := pause(ctx); err != nil {
				return fmt.Errorf("timed out waiting for %s: %w", n.host(), err)
			}
		}
	}
	return nil
}

// do runs statements on a node, each in a transaction of its own.
func do(ctx context.Context, s settings, n node, statements ...string) error {
	connection, err := connect(ctx, s, n)
	if err != nil {
		return fmt.Errorf("node %s: %w", n.Name, err)
	}
	defer func() { _ = connection.Close(ctx) }()
	for _, statement := range statements {
		if _, err := connection.Exec(ctx, statement); err != nil {
			return fmt.Errorf("node %s: %s: %w", n.Name, statement, explain(err))
		}
	}
	return nil
}

// ask returns the one value that a query gives.
func ask[T any](ctx context.Context, s settings, n node, query string, arguments ...any) (T, error) {
	var answer T
	connection, err := connect(ctx, s, n)
	if err != nil {
		return answer, fmt.Errorf("node %s: %w", n.Name, err)
	}
	defer func() { _ = connection.Close(ctx) }()
	if err := connection.QueryRow(ctx, query, arguments...).Scan(&answer); err != nil {
		return answer, fmt.Errorf("node %s: %s: %w", n.Name, query, explain(err))
	}
	return answer, nil
}

// explain adds the server's detail, which its short message leaves out.
func explain(err error) error {
	var fromServer *pgconn.PgError
	if errors.As(err, &fromServer) && fromServer.Detail != "" {
		return fmt.Errorf("%w (%s)", err, fromServer.Detail)
	}
	return err
}
