package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

const (
	accountFolder = "/var/run/secrets/kubernetes.io/serviceaccount"
	healthyPhase  = "Cluster in healthy state"
	askEvery      = time.Second
	logEvery      = 5 * time.Second
)

// api reads Clusters with the pod's own service account. One GET is all that is
// needed of Kubernetes, so there is no client library.
type api struct {
	base   string
	client *http.Client
}

type cluster struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Status struct {
		Phase string `json:"phase"`
	} `json:"status"`
}

func newAPI(namespace string) (*api, error) {
	host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return nil, errors.New("not in a cluster: KUBERNETES_SERVICE_HOST is not set")
	}
	authority, err := os.ReadFile(accountFolder + "/ca.crt")
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		return nil, errors.New("ca.crt of the service account holds no certificate")
	}
	return &api{
		base: fmt.Sprintf("https://%s/apis/postgresql.cnpg.io/v1/namespaces/%s/clusters", net.JoinHostPort(host, port), namespace),
		client: &http.Client{
			Timeout:   10 * time.Second,
			Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}},
		},
	}, nil
}

func (a *api) clusters(ctx context.Context, appName string) ([]cluster, error) {
	// read again each time: the kubelet renews it
	token, err := os.ReadFile(accountFolder + "/token")
	if err != nil {
		return nil, err
	}
	selector := url.Values{"labelSelector": {"pgedge.com/app-name=" + appName}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+"?"+selector.Encode(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+string(token))
	response, err := a.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		detail, _ := io.ReadAll(io.LimitReader(response.Body, 500))
		return nil, fmt.Errorf("listing clusters: %s: %s", response.Status, detail)
	}
	var list struct {
		Items []cluster `json:"items"`
	}
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		return nil, fmt.Errorf("listing clusters: %w", err)
	}
	return list.Items, nil
}

// waitForClusters returns when every Cluster of the application is healthy.
func waitForClusters(ctx context.Context, a *api, appName string) error {
	var said time.Time
	for {
		found, err := a.clusters(ctx, appName)
		tell := time.Since(said) >= logEvery
		if tell {
			said = time.Now()
		}
		waiting := 0
		for _, c := range found {
			if c.Status.Phase == healthyPhase {
				continue
			}
			waiting++
			if tell {
				slog.Info("waiting for cluster", "name", c.Metadata.Name, "phase", c.Status.Phase)
			}
		}
		switch {
		case err == nil && len(found) > 0 && waiting == 0:
			slog.Info("all CNPG clusters healthy", "count", len(found))
			return nil
		case err != nil && tell:
			slog.Warn("could not list clusters", "error", err.Error())
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("timed out waiting for the clusters: %w", err)
		}
	}
}

// pause waits until it is time to ask again, or returns why there is no more time.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(askEvery):
		return nil
	}
}
