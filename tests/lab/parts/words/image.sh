# shellcheck shell=bash
# What pieces that are images are written in.

# image OPTION…: an image, as an OCI layout
image() { "$(piece image-maker)/imagemaker" image "$@"; }

# program_image OUT PROGRAM PATH [OPTION…]: an image that holds one static program at PATH
program_image() {
  local target=$1 program=$2 path=$3
  shift 3
  local root
  root=$work/roots/$(basename "$target")
  mkdir -p "$root$(dirname "$path")"
  install -m 755 "$program" "$root$path"
  image --out "$target" --layer "$root" --env PATH=/usr/local/bin:/usr/bin:/bin --entrypoint "$path" "$@"
}
