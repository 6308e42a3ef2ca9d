# The few commands a developer or an operator needs. Every target installs what it uses.

CARGO ?= cargo
PREFIX ?= /usr/local

.PHONY: test check unit clients servers oracle install golden fuzz fuzz-smoke torture bench bench-ours bench-live fmt clean

FUZZ_SECONDS ?= 3
FUZZ_TARGETS := event block segment tape files config kite_request kite_frame kite_text fault_plan ws_frame ws_text \
	door_message historical_json instruments_csv
FUZZ_BIN := $(or $(CARGO_TARGET_DIR),fuzz/target)/$(shell rustc -vV | sed -n 's/^host: //p')/release

## test: formatting, lints, every test in debug, the golden digest in release and native builds, every fuzz target shortly
test: check unit golden fuzz

check:
	@rustup component add rustfmt clippy >/dev/null 2>&1 || true
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

unit: clients servers oracle
	$(CARGO) test --workspace --locked
	$(CARGO) test --locked -p barkeep-engine --features canary --test days

## clients: installs the official Kite clients, which the tests of the simulator run
clients:
	@tests/kite_clients/install.sh

## servers: installs Prometheus, with which tests scrape every service
servers:
	@tests/servers/install.sh

## oracle: installs numpy and pandas for the scripts that recompute the desk and the reconciliation; the desk's checks itself
oracle:
	@tests/oracle/install.sh
	@$(or $(CARGO_TARGET_DIR),target)/oracle/venv/bin/python tests/oracle/pairs.py --self-check

## install: program, /etc/barkeep, /var/lib/barkeep and the systemd unit; DESTDIR and PREFIX as usual
install:
	@[ -n "$(BINARY)" ] || $(CARGO) build --release --locked
	@DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" BINARY="$(or $(BINARY),$(or $(CARGO_TARGET_DIR),target)/release/barkeep)" infra/install.sh

# The engine must derive the same bytes however it was compiled.
golden:
	$(CARGO) test --locked --release -p barkeep-engine
	RUSTFLAGS="-C target-cpu=native" $(CARGO) test --locked --release -p barkeep-engine --target-dir target/native

## fuzz: every fuzz target for FUZZ_SECONDS; findings in fuzz/artifacts
fuzz:
	@$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-fuzz
	RUSTC_BOOTSTRAP=1 $(CARGO) fuzz build --sanitizer none
	@set -e; for target in $(FUZZ_TARGETS); do \
		found=fuzz/artifacts/$$target; \
		mkdir -p fuzz/corpus/$$target $$found; \
		$(FUZZ_BIN)/$$target -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
			-artifact_prefix=$$found/ fuzz/corpus/$$target fuzz/seeds/$$target > $$found/log 2>&1 \
			|| { cat $$found/log; exit 1; }; \
		sed -n "s/^stat::number_of_executed_units: */fuzz $$target, $(FUZZ_SECONDS) s: runs /p" $$found/log; \
	done

## fuzz-smoke: every fuzz target for a minute
fuzz-smoke:
	$(MAKE) fuzz FUZZ_SECONDS=60

## torture: the long forms of the tests that have two sizes (kills by the hundred, twenty million ticks, an hour of chaos, fifty
## kills of a daemon in its session, five days in one daemon, 500 days of the desk, four days
## with differences put into the broker's bars)
torture:
	$(CARGO) build --release --locked
	BARKEEP_TORTURE=1 $(CARGO) test --release --workspace --locked -- --nocapture

## bench: our numbers beside the peers', measured in the same minutes on one core, and a table of ratios; target/bench.jsonl
bench:
	benches/run.sh all

## bench-ours: our numbers alone
bench-ours:
	benches/run.sh ours

## bench-live: the daemon under load, from its websockets to the disk: latency, cores, memory, bytes
bench-live:
	$(CARGO) bench --locked -p barkeep --bench live

fmt:
	$(CARGO) fmt --all
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml

clean:
	$(CARGO) clean
