// The cainjector: copies the webhook's certificate authority into the objects
// that name it, so that the API server trusts the webhook.
package main

import (
	"github.com/cert-manager/cert-manager/lab/cert-manager/process"
	"github.com/cert-manager/cert-manager/pkg/api"
	"github.com/cert-manager/cert-manager/pkg/controller/cainjector"
	core "k8s.io/api/core/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kubernetes "k8s.io/client-go/kubernetes/scheme"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

func main() {
	process.Accept("leader-election-namespace")
	ctx := process.Start("cainjector")

	// the types it injects into, and those it reads the authority from
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		api.AddToScheme, kubernetes.AddToScheme, apiextensions.AddToScheme, apiregistration.AddToScheme,
	} {
		process.Fail("could not register the types", add(scheme))
	}

	config, err := ctrl.GetConfig()
	process.Fail("could not read the cluster's configuration", err)
	// what stands before the slash becomes the field manager of what is injected
	config.UserAgent = "cert-manager-cainjector/" + process.Version

	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:  scheme,
		Metrics: server.Options{BindAddress: "0"},
		// the few Secrets it needs are read one by one, not the whole cluster's kept in memory
		Client: client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&core.Secret{}}}},
	})
	process.Fail("could not make the manager", err)
	err = cainjector.RegisterAllInjectors(ctx, manager, cainjector.SetupOptions{
		EnabledReconcilersFor: map[string]bool{
			cainjector.MutatingWebhookConfigurationName:   true,
			cainjector.ValidatingWebhookConfigurationName: true,
			cainjector.APIServiceName:                     true,
			cainjector.CustomResourceDefinitionName:       true,
		},
	})
	process.Fail("could not register the injectors", err)
	process.Fail("the manager ended", manager.Start(ctx))
}
