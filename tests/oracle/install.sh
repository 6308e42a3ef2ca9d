#!/usr/bin/env bash
# Installs numpy and pandas for the oracle of the pairs desk into oracle in the target folder; does nothing when they are there.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
target="$(realpath -m "${CARGO_TARGET_DIR:-$here/../../target}")/oracle"
mkdir -p "$target"

# install PACKAGE...: with the system's own packages, where that can be done without asking.
install() {
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy "$@"
  else
    echo "install $* first: the pairs desk is checked by a script with numpy and pandas" >&2
    exit 2
  fi
}

python="${PYTHON:-python3}"
command -v "$python" >/dev/null || install python3 python3-venv

if ! cmp -s "$here/requirements.txt" "$target/venv/installed.txt"; then
  rm -rf "$target/venv"
  "$python" -m venv "$target/venv" || { install python3-venv && "$python" -m venv "$target/venv"; }
  "$target/venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$target/venv/installed.txt"
fi
