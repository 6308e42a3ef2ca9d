# The few commands a developer or an operator needs. Every target installs what it uses.

CARGO ?= cargo
PREFIX ?= /usr/local

.PHONY: test check unit golden torture bench fmt clean

## test: formatting, lints, every test in debug, and the golden digest in release and native builds
test: check unit golden

check:
	@rustup component add rustfmt clippy >/dev/null 2>&1 || true
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

unit:
	$(CARGO) test --workspace --locked

# The engine must derive the same bytes however it was compiled.
golden:
	$(CARGO) test --locked --release -p barkeep-engine
	RUSTFLAGS="-C target-cpu=native" $(CARGO) test --locked --release -p barkeep-engine --target-dir target/native

## torture: the long forms of the tests that have two sizes (kills by the hundred, twenty million ticks)
torture:
	$(CARGO) build --release --locked
	BARKEEP_TORTURE=1 $(CARGO) test --release --workspace --locked -- --nocapture

## bench: our numbers beside a peer's
bench:
	$(CARGO) bench --workspace --locked

fmt:
	$(CARGO) fmt --all

clean:
	$(CARGO) clean
