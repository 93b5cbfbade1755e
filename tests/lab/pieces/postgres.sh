# shellcheck shell=bash
# The PostgreSQL image: Debian's PostgreSQL with the stand-in for Spock, as small as PostgreSQL and CloudNativePG let it be.
seconds=8
inputs=(spock/install.sh spock/src spock/sql spock/spock.control spock/snowflake.control parts/words/image.sh)
needs=(image-maker postgres-root)

# unneeded packages that come along: a compiler for queries, Debian's own way of managing servers, and the packager itself
unneeded='postgresql-common|postgresql-common-dev|postgresql-client-common|postgresql-17-jit|libllvm.*|libz3-4|perl|perl-modules-.*|libperl5.*|libjson-perl'
unneeded+='|ssl-cert|sysvinit-utils|debconf|apt|libapt-pkg.*|adduser|perl-base|gpgv|sqv|debian-archive-keyring|e2fsprogs|locales|login|passwd.*'

# slim ROOT
slim() {
  local root=$1
  local package list
  while IFS= read -r list; do
    package=$(basename "$list" .list)
    grep -qxE "(${unneeded})(:$architecture)?" <<< "$package" || continue
    echo "without $package"
    remove_package_files "$list"
  done < <(find "$root/var/lib/dpkg/info" -name '*.list')
  # without its compiler, the library that would load it: the server then does without
  rm -f "$root"/usr/lib/postgresql/*/lib/llvmjit*
  rm -rf "$root"/var/lib/{apt,dpkg} "$root"/usr/share/{perl,perl5,postgresql-common,zoneinfo/right} "$root"/usr/lib/postgresql/*/lib/bitcode "$root"/etc/apt
  local program
  for program in "$root/usr/lib/postgresql/$postgres_major/bin/"*; do
    ln -sf "../lib/postgresql/$postgres_major/bin/$(basename "$program")" "$root/usr/bin/$(basename "$program")"
  done
}

# remove_package_files LIST: the files of one package; folders stay, others may use them
remove_package_files() {
  local file
  while IFS= read -r file; do
    if [ -L "$root$file" ] || [ -f "$root$file" ]; then rm -f "$root$file"; fi
  done < "$1"
}

make_piece() {
  local root=$work/root
  step "adding the stand-in for Spock"
  cp -a "$(piece postgres-root)" "$root"
  # its headers of the server are kept for the next time
  bash "$lab/spock/install.sh" "$root" "$cache/postgres-headers"
  step "removing what is not needed"
  slim "$root"
  # the image is named after the version that Debian really has
  chroot "$root" postgres --version | sed 's/[^0-9]*\([0-9.]*\).*/\1/' > "$out/version"
  step "packing the image"
  image --out "$out/image" --layer "$root" --user 26 --env PATH=/usr/local/bin:/usr/bin:/bin --env LANG=C.UTF-8 --command /bin/bash
}
