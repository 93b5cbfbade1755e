module pgedge-bootstrap.test/lab/crictl

go 1.26.0

require sigs.k8s.io/cri-tools v1.34.0

// cri-tools asks for release candidates of these, which the checksum database does not know.
replace (
	k8s.io/api => k8s.io/api v0.34.10
	k8s.io/apimachinery => k8s.io/apimachinery v0.34.10
	k8s.io/cli-runtime => k8s.io/cli-runtime v0.34.10
	k8s.io/client-go => k8s.io/client-go v0.34.10
	k8s.io/component-base => k8s.io/component-base v0.34.10
	k8s.io/cri-api => k8s.io/cri-api v0.34.10
	k8s.io/cri-client => k8s.io/cri-client v0.34.10
	k8s.io/kubectl => k8s.io/kubectl v0.34.10
)
