# shellcheck shell=bash
# What pieces made from Go modules are written in.

# go_build MODULE PACKAGE FILE [LINKER-FLAGS]: a static program from the module in a folder of the lab
go_build() {
  step "building $(basename "$3")"
  (cd "$lab/$1" && CGO_ENABLED=0 GOFLAGS=-buildvcs=false nice go build -mod=readonly -trimpath -ldflags "-s -w ${4:-}" -o "$3" "$2")
}

# module_folder MODULE NAME: where Go keeps the source of a module that MODULE requires
module_folder() { (cd "$lab/$1" && go mod download "$2" && go list -mod=readonly -m -f '{{.Dir}}' "$2"); }
