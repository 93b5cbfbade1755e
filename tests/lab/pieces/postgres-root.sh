# shellcheck shell=bash
# The Debian under PostgreSQL, whole.
seconds=26
inputs=(parts/words/debian.sh)
needs=()

make_piece() {
  debian trixie "postgresql-$postgres_major" "$out"
  step "giving PostgreSQL the user that CloudNativePG wants"
  # Debian's group 26 is for tapes
  chroot "$out" sh -euc '
    if getent group tape > /dev/null; then groupdel tape; fi
    usermod -u 26 postgres
    groupmod -g 26 postgres
    chown -R 26:26 /var/lib/postgresql /var/log/postgresql /etc/postgresql
  '
}
