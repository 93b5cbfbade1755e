// The webhook: validates and defaults cert-manager's objects for the API
// server, with a serving certificate that it makes and renews itself.
package main

import (
	"flag"
	"time"

	"github.com/cert-manager/cert-manager/internal/apis/config/shared"
	config "github.com/cert-manager/cert-manager/internal/apis/config/webhook"
	"github.com/cert-manager/cert-manager/internal/webhook"
	"github.com/cert-manager/cert-manager/lab/cert-manager/process"
	logf "github.com/cert-manager/cert-manager/pkg/logs"
)

const (
	healthPort   = 6080 // the port "healthcheck" of the upstream manifest
	leafLifetime = 7 * 24 * time.Hour
)

func main() {
	port := flag.Int("secure-port", 10250, "where the API server calls")
	namespace := flag.String("dynamic-serving-ca-secret-namespace", "cert-manager", "namespace of the authority's Secret")
	secret := flag.String("dynamic-serving-ca-secret-name", "cert-manager-webhook-ca", "name of the authority's Secret")
	var names []string
	flag.Func("dynamic-serving-dns-names", "a name of the serving certificate, may be repeated", func(name string) error {
		names = append(names, name)
		return nil
	})
	ctx := process.Start("webhook")

	server, err := webhook.NewCertManagerWebhookServer(logf.Log, config.WebhookConfiguration{
		SecurePort:  int32(*port),
		HealthzPort: healthPort,
		TLSConfig: shared.TLSConfig{Dynamic: shared.DynamicServingConfig{
			SecretNamespace: *namespace,
			SecretName:      *secret,
			DNSNames:        names,
			LeafDuration:    leafLifetime,
		}},
	})
	process.Fail("could not make the server", err)
	process.Fail("the server ended", server.Run(ctx))
}
