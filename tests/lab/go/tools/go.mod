module pgedge-bootstrap.test/lab/tools

go 1.26.6

require (
	github.com/coredns/coredns v1.14.3
	github.com/rancher/local-path-provisioner v0.0.30
	helm.sh/helm/v4 v4.3.0
	sigs.k8s.io/kind v0.33.0
)
