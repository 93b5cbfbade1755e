# shellcheck shell=bash
# What the lab is made of. A Go module's version stands in its go.mod; these are the ones that names and flags need too.

architecture=$(dpkg --print-architecture)
kubernetes=1.34.10
etcd=3.6.5
coredns_tag=v1.12.1 # what kubeadm of this Kubernetes asks for; the program inside is newer
pause=3.10.1
local_path_provisioner=0.0.30
kind=0.33.0
helm=4.3.0
crictl=1.34.0
cert_manager=1.21.2
cloudnative_pg=1.30.0
postgres_major=17
spock=5.0.10
chart=1.0.0
