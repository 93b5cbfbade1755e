package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

const (
	configFile      = "/config/pgedge.yaml"
	adminFolder     = "/certificates/admin"
	nodeCertificate = "/projected/pgedge/certificates" // as a node's own server sees it
)

// node is one entry of the chart's ConfigMap.
type node struct {
	Name             string `yaml:"name"`
	Hostname         string `yaml:"hostname"`
	InternalHostname string `yaml:"internalHostname"`
	Bootstrap        struct {
		Mode       string `yaml:"mode"`
		SourceNode string `yaml:"sourceNode"`
	} `yaml:"bootstrap"`
}

type settings struct {
	appName   string
	namespace string
	database  string
	admin     string
	reset     bool
	patience  time.Duration
	nodes     []node
}

func readSettings() (settings, error) {
	s := settings{
		appName:   os.Getenv("APP_NAME"),
		namespace: os.Getenv("NAMESPACE"),
		database:  os.Getenv("DB_NAME"),
		admin:     os.Getenv("ADMIN_USER"),
		reset:     os.Getenv("RESET_SPOCK") == "true",
	}
	for name, value := range map[string]string{
		"APP_NAME": s.appName, "NAMESPACE": s.namespace, "DB_NAME": s.database, "ADMIN_USER": s.admin,
	} {
		if value == "" {
			return s, fmt.Errorf("%s is not set", name)
		}
	}
	seconds, err := strconv.Atoi(os.Getenv("INIT_SPOCK_TIMEOUT"))
	if err != nil {
		return s, fmt.Errorf("INIT_SPOCK_TIMEOUT is not a number of seconds: %w", err)
	}
	s.patience = patienceOf(seconds)
	content, err := os.ReadFile(configFile)
	if err != nil {
		return s, fmt.Errorf("could not read the nodes: %w", err)
	}
	s.nodes, err = parseNodes(content)
	return s, err
}

// patienceOf leaves the last seconds of the Job's own deadline for saying what
// went wrong: after it the pod is killed.
func patienceOf(jobSeconds int) time.Duration {
	const margin = 15
	if jobSeconds > 2*margin {
		jobSeconds -= margin
	}
	return time.Duration(jobSeconds) * time.Second
}

func parseNodes(content []byte) ([]node, error) {
	var nodes []node
	if err := yaml.Unmarshal(content, &nodes); err != nil {
		return nil, fmt.Errorf("could not read the nodes: %w", err)
	}
	if len(nodes) == 0 {
		return nil, errors.New("there are no nodes")
	}
	known := map[string]bool{}
	for _, n := range nodes {
		if n.Name == "" || n.Hostname == "" {
			return nil, fmt.Errorf("node %q needs a name and a hostname", n.Name)
		}
		if known[n.Name] {
			return nil, fmt.Errorf("node %s is there twice", n.Name)
		}
		known[n.Name] = true
	}
	for _, n := range nodes {
		switch n.Bootstrap.Mode {
		case "":
		case "spock":
			if !known[n.Bootstrap.SourceNode] || n.Bootstrap.SourceNode == n.Name {
				return nil, fmt.Errorf("node %s: source node %q is not another node", n.Name, n.Bootstrap.SourceNode)
			}
		default:
			return nil, fmt.Errorf("node %s: this stand-in knows no bootstrap mode %q", n.Name, n.Bootstrap.Mode)
		}
	}
	return nodes, nil
}

// host is where this program finds the node.
func (n node) host() string {
	if n.InternalHostname != "" {
		return n.InternalHostname
	}
	return n.Hostname
}

// dsn is how the other nodes' servers find the node.
func (s settings) dsn(n node) string {
	return fmt.Sprintf("host=%s dbname=%s user=pgedge sslcert=%s/tls.crt sslkey=%s/tls.key sslmode=require port=5432",
		n.Hostname, s.database, nodeCertificate, nodeCertificate)
}

func subscriptionName(from, to node) string { return "sub_" + from.Name + "_" + to.Name }

func (s settings) slotName(from, to node) string {
	return fmt.Sprintf("spk_%s_%s_%s", s.database, from.Name, subscriptionName(from, to))
}
