# shellcheck shell=bash
# What pieces made from Go modules are written in.

# go_build MODULE LINKER-FLAGS FILE PACKAGE: a static program from the module in a folder of the lab
# go_build MODULE LINKER-FLAGS FOLDER/ PACKAGE…: several, beside each other, named as Go names them
go_build() {
  local module=$1 flags=$2 to=$3 programs
  shift 3
  programs=("${@##*/}")
  case $to in
    */) step "building ${programs[*]}" ;;
    *) step "building ${to##*/}" ;;
  esac
  # What is for debuggers would be made for each package, and thrown away by the linker.
  (cd "$lab/$module" && CGO_ENABLED=0 GOFLAGS=-buildvcs=false nice \
    go build -mod=readonly -trimpath -gcflags=all=-dwarf=false -ldflags "-s -w $flags" -o "$to" "$@")
}

# module_folder MODULE NAME: where Go keeps the source of a module that MODULE requires
module_folder() { (cd "$lab/$1" && go mod download "$2" && go list -mod=readonly -m -f '{{.Dir}}' "$2"); }
