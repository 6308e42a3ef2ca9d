#!/usr/bin/env bash
# Installs the servers that tests run beside barkeep, where they are missing: Prometheus, with promtool.
set -euo pipefail
missing=()
command -v prometheus >/dev/null && command -v promtool >/dev/null || missing+=(prometheus)
[ "${#missing[@]}" = 0 ] && exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
else
  echo "install ${missing[*]} first: tests scrape barkeep with it" >&2
  exit 2
fi
