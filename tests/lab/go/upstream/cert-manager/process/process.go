// Package process is what the three programs do alike: flags, log, signals.
package process

import (
	"context"
	"flag"
	"fmt"
	"os"

	logf "github.com/cert-manager/cert-manager/pkg/logs"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

// Version is the release these programs are made from.
const Version = "v1.21.2"

// Accept declares flags that the upstream manifest sets and that have no
// meaning here, such as those of the leader election: there is one of each.
func Accept(names ...string) {
	for _, name := range names {
		flag.String(name, "", "accepted because the upstream manifest sets it")
	}
}

// Start parses the flags and returns a context that ends with SIGTERM.
func Start(name string) context.Context {
	klog.InitFlags(nil)
	flag.Parse()
	ctrl.SetLogger(klog.Background())
	klog.InfoS("starting", "program", name, "version", Version)
	return logf.NewContext(ctrl.SetupSignalHandler(), logf.Log, name)
}

// Fail ends the program when err is not nil.
func Fail(what string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}
