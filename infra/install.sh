#!/usr/bin/env bash
# Installs barkeep: program, configuration, data directory, systemd unit. Called by `make install`; DESTDIR and PREFIX as
# usual, BINARY is the program. A configuration that is there stays; the new one is laid beside it as *.new.
set -euo pipefail
cd "$(dirname "$0")/.."
DESTDIR="${DESTDIR:-}" PREFIX="${PREFIX:-/usr/local}"
etc=/etc/barkeep data=/var/lib/barkeep

# settle MODE FROM TO: a file that an operator may have changed.
settle() {
  if [ ! -e "$3" ]; then
    install -m "$1" "$2" "$3"
  elif ! cmp -s "$2" "$3"; then
    install -m "$1" "$2" "$3.new"
    echo "left $3 as it is; the new defaults are in $3.new"
  fi
}

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
sed -e "s|^data_dir = .*|data_dir = \"$data\"|" -e "s|^universe = .*|universe = \"$etc/universe.csv\"|" \
  configs/barkeep.toml > "$work/barkeep.toml"
sed -e "s|^ExecStart=/usr/local/|ExecStart=$PREFIX/|" infra/systemd/barkeep.service > "$work/barkeep.service"

install -d -m 0755 "$DESTDIR$PREFIX/bin" "$DESTDIR$etc" "$DESTDIR$PREFIX/share/barkeep/prometheus" \
  "$DESTDIR$PREFIX/lib/systemd/system" "$DESTDIR$PREFIX/lib/sysusers.d" "$DESTDIR$PREFIX/lib/tmpfiles.d"
[ -d "$DESTDIR$data" ] || install -d -m 0750 "$DESTDIR$data"
install -m 0755 "$BINARY" "$DESTDIR$PREFIX/bin/barkeep"
settle 0644 "$work/barkeep.toml" "$DESTDIR$etc/barkeep.toml"
settle 0644 configs/universe.csv "$DESTDIR$etc/universe.csv"
install -m 0644 "$work/barkeep.service" "$DESTDIR$PREFIX/lib/systemd/system/barkeep.service"
install -m 0644 infra/systemd/sysusers.conf "$DESTDIR$PREFIX/lib/sysusers.d/barkeep.conf"
install -m 0644 infra/systemd/tmpfiles.conf "$DESTDIR$PREFIX/lib/tmpfiles.d/barkeep.conf"
install -m 0644 infra/prometheus/prometheus.yml infra/prometheus/targets.json "$DESTDIR$PREFIX/share/barkeep/prometheus/"

# On this host itself, not in a package: the user and its folder.
if [ -z "$DESTDIR" ] && [ "$(id -u)" = 0 ]; then
  command -v systemd-sysusers >/dev/null && systemd-sysusers "$PREFIX/lib/sysusers.d/barkeep.conf"
  command -v systemd-tmpfiles >/dev/null && systemd-tmpfiles --create "$PREFIX/lib/tmpfiles.d/barkeep.conf"
  if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
fi
echo "installed $PREFIX/bin/barkeep, $etc and $data; infra/README.md tells how to operate it"
