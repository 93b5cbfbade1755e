# shellcheck shell=bash
# What pieces made from Debian are written in.

# debian SUITE PACKAGE,… ROOT: a Debian root file system; what debootstrap mounts goes with its mount namespace
debian() {
  step "installing Debian $1"
  nice unshare --mount debootstrap --variant=minbase --include="$2" "$1" "$3"
  rm -rf "$3"/var/cache/apt/*.bin "$3"/var/cache/apt/archives/*.deb "$3"/var/lib/apt/lists/* "$3"/var/cache/debconf/*-old \
    "$3"/var/log/*.log "$3"/var/log/apt "$3"/var/lib/dpkg/*-old "$3"/usr/share/{doc,man,info,lintian,locale,bug}/*
  # devices and the like are made by whoever runs the container
  find "$3"/{dev,proc,sys,run,tmp} -mindepth 1 -delete
  : > "$3/etc/hostname"
  : > "$3/etc/resolv.conf"
}
