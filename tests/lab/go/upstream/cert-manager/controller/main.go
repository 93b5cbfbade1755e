// The controller: turns Certificates into Secrets by way of CertificateRequests.
//
// Upstream's program lives in a module of its own that is not published, so
// this one puts the published controllers together. ACME and the issuers of
// other services are left out: nothing in the lab could answer them.
package main

import (
	"errors"
	"flag"
	"net/http"
	"sync"
	"time"

	"github.com/cert-manager/cert-manager/lab/cert-manager/process"
	"github.com/cert-manager/cert-manager/pkg/controller"
	"k8s.io/klog/v2"

	// the controllers and issuers make themselves known when they are imported
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/approver"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/ca"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/issuing"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/keymanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/readiness"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/requestmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/revisionmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/trigger"
	_ "github.com/cert-manager/cert-manager/pkg/controller/clusterissuers"
	_ "github.com/cert-manager/cert-manager/pkg/controller/issuers"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
)

const (
	livenessAddress = ":9403" // the port "http-healthz" of the upstream manifest
	workers         = 5       // of each controller
)

func main() {
	namespace := flag.String("cluster-resource-namespace", "kube-system", "where the Secrets of ClusterIssuers are")
	process.Accept("leader-election-namespace", "acme-http01-solver-image", "max-concurrent-challenges")
	ctx := process.Start("controller")

	factory, err := controller.NewContextFactory(ctx, controller.ContextOptions{
		KubernetesAPIQPS:   50,
		KubernetesAPIBurst: 100,
		IssuerOptions:      controller.IssuerOptions{ClusterResourceNamespace: *namespace},
		CertificateOptions: controller.CertificateOptions{
			CertificateRequestMinimumBackoffDuration: time.Hour,
			CertificateRequestMaximumBackoffDuration: 32 * time.Hour,
		},
	})
	process.Fail("could not read the cluster's configuration", err)
	shared, err := factory.Build()
	process.Fail("could not make the clients", err)

	var running sync.WaitGroup
	for name, construct := range controller.Known() {
		known, err := construct(factory)
		process.Fail("could not make the controller "+name, err)
		running.Go(func() {
			if err := known.Run(workers, ctx); err != nil {
				klog.ErrorS(err, "controller ended", "controller", name)
			}
		})
	}
	go serveLiveness()
	shared.SharedInformerFactory.Start(ctx.Done())
	shared.KubeSharedInformerFactory.Start(ctx.Done())
	shared.HTTP01ResourceMetadataInformersFactory.Start(ctx.Done())
	running.Wait()
}

// serveLiveness answers the kubelet's /livez.
func serveLiveness() {
	server := &http.Server{
		Addr:              livenessAddress,
		ReadHeaderTimeout: 5 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("ok"))
		}),
	}
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		process.Fail("could not serve "+livenessAddress, err)
	}
}
