#!/usr/bin/env bash
# Installs the official Kite clients for Python and node into kite-clients in the target folder; does nothing when they are there.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
target="$(realpath -m "${CARGO_TARGET_DIR:-$here/../../target}")/kite-clients"
mkdir -p "$target"

# install PACKAGE...: with the system's own packages, where that can be done without asking.
install() {
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy "$@"
  else
    echo "install $* first: the tests of the simulator run the official Kite clients" >&2
    exit 2
  fi
}

python="${PYTHON:-python3}"
command -v "$python" >/dev/null || install python3 python3-venv
command -v node >/dev/null && command -v npm >/dev/null || install nodejs npm

if ! cmp -s "$here/requirements.txt" "$target/venv/installed.txt"; then
  rm -rf "$target/venv"
  "$python" -m venv "$target/venv" || { install python3-venv && "$python" -m venv "$target/venv"; }
  "$target/venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$target/venv/installed.txt"
fi
if ! cmp -s "$here/package-lock.json" "$target/installed.json"; then
  rm -rf "$target/node_modules"
  cp "$here/package.json" "$here/package-lock.json" "$target/"
  (cd "$target" && npm ci --silent --no-audit --no-fund)
  cp "$here/package-lock.json" "$target/installed.json"
fi
cp "$here/client.mjs" "$target/"
