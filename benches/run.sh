#!/usr/bin/env bash
# Measures barkeep (`run.sh ours`), or barkeep and its peers in the same minutes, work by work (`run.sh all`): a JSON line
# each on stdout and in bench.jsonl of the target folder; with the peers, a table at the end. All on one core.
#
# BARKEEP_BENCH_SMALL=1 is a dry run of a minute, whose figures mean nothing; BARKEEP_BENCH_CORE names the core,
# BARKEEP_BENCH_SIM_CORE the one of the simulator, whose clients need another, PYTHON the interpreter of the peers. A peer
# that does not install or run is left out and named on stderr.
set -euo pipefail
cd "$(dirname "$0")/.."

what="${1:-all}"
target="$(realpath -m "${CARGO_TARGET_DIR:-target}")"
core="${BARKEEP_BENCH_CORE:-$(($(nproc) - 1))}"
export BARKEEP_BENCH_DIR="$target/bench"
export BARKEEP_BENCH_FILES="$BARKEEP_BENCH_DIR/full"
case "${BARKEEP_BENCH_SMALL:-0}" in 0) ;; *) BARKEEP_BENCH_FILES="$BARKEEP_BENCH_DIR/small" ;; esac
lines="$target/bench.jsonl"

pinned() { if command -v taskset >/dev/null; then taskset -c "$core" "$@"; else "$@"; fi; }

# ours PACKAGE BENCH WORK...: a bench of the workspace; one that fails ends the run.
ours() { pinned cargo bench -q --locked -p "$1" --bench "$2" -- "${@:3}" | tee -a "$lines"; }

# peer WHAT COMMAND...
peer() {
  [ "$what" = all ] || return 0
  pinned "${@:2}" | tee -a "$lines" || echo "left out, since it failed: $1" >&2
}

# python SCRIPT [TOOL], with the packages of requirements/VENV.txt: table VENV SCRIPT [TOOL]
script() { peer "${*:2}" "$target/bench-venv/$1/bin/python" "benches/peers/$2.py" "${@:3}"; }

store() { peer "$1" "$target/peers/release/barkeep-peers" "$1" "$BARKEEP_BENCH_FILES/feed.bin" "$BARKEEP_BENCH_DIR"; }

venv() {
  local venv="$target/bench-venv/$1" wanted="benches/peers/requirements/$1.txt"
  if cmp -s "$wanted" "$venv/installed.txt"; then return; fi
  rm -rf "$venv"
  "${PYTHON:-python3}" -m venv "$venv" >&2 || return 0
  timeout 900 "$venv/bin/pip" install -q --disable-pip-version-check -r "$wanted" >&2 || return 0
  cp "$wanted" "$venv/installed.txt"
}

install_peers() {
  venv tables
  venv datacompy
  venv backtesters
  CARGO_TARGET_DIR="$target/peers" cargo build -q --locked --release --manifest-path benches/peers/rust/Cargo.toml || true
}

mkdir -p "$target"
: >"$lines"
cargo build -q --locked --release
cargo bench -q --locked --workspace --bench day --bench tape --no-run
if [ "$what" = all ]; then install_peers; fi
ours barkeep day files

ours barkeep-storage tape append
for name in redb redb-cursor lmdb fjall sqlite file; do store "$name"; done
ours barkeep-storage tape size scan
script tables sizes
ours barkeep day bars
for tool in polars duckdb pandas; do script tables bars "$tool"; done
script backtesters hft_bars
script backtesters nautilus_bars
ours barkeep day desk
ours barkeep day import
script tables csv_to_bars
ours barkeep day compare
for tool in polars duckdb numpy; do script tables compare "$tool"; done
script datacompy compare datacompy
ours barkeep day recon busy-day
ours barkeep-storage tape reopen
ours barkeep day feed

if [ "$what" = all ]; then
  echo
  "${PYTHON:-python3}" benches/table.py "$lines" benches/peers/not_rerun.jsonl
fi
