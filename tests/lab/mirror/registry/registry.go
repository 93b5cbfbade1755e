// Package registry is the OCI registry that the mirror serves and that images are published through.
package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	"github.com/sirupsen/logrus"
)

// New gives a whole registry over a folder, without a cache in memory, so that several may work on one folder.
func New(ctx context.Context, folder string) (http.Handler, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	quoted, err := json.Marshal(folder)
	if err != nil {
		return nil, err
	}
	settings, err := configuration.Parse(strings.NewReader(fmt.Sprintf(`
version: 0.1
log: {accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: %s}
  delete: {enabled: true}
  maintenance: {uploadpurging: {enabled: false}}
http: {relativeurls: true, secret: lab}
`, quoted)))
	if err != nil {
		return nil, fmt.Errorf("cannot configure the registry: %w", err)
	}
	// it tells of every request, and of every blob that is not there yet as of an error; our access log says what matters
	logrus.SetLevel(logrus.FatalLevel)
	return handlers.NewApp(ctx, settings), nil
}
