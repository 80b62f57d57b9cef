# Everything a person needs: `make run` to try it, `make test` to trust it, `make bench` to compare it, `make long` for
# what takes up to an hour, `make crs` for the Core Rule Set's own tests, `make detection` for what the detectors of our own
# find, `make personal-data` for
# what the detectors of personal data find. Each installs what it needs and needs no other command before it.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: run test cedar bench long crs detection personal-data fmt clippy unit e2e peers clean

# One profile for everything that is tested, so that dependencies compile once.
PROFILE := ci
CARGO := cargo
# Most tests of the gateway wait for somebody: twice as many run at a time as there are cores.
export RUST_TEST_THREADS ?= $(shell echo $$((2 * $$(nproc))))

run:
	@tools/run

test: peers
	@tools/step "format" $(CARGO) fmt --all --check
	@tools/step "clippy" $(CARGO) clippy --profile $(PROFILE) --workspace --all-targets --locked -- -D warnings
	@tools/step "build" $(CARGO) build --profile $(PROFILE) --workspace --bins --locked
	@tools/step "judges" .peers/venv/bin/python tests/peers/selftest.py
	@tools/step "tests" $(CARGO) test --profile $(PROFILE) --workspace --lib --bins --tests --locked --no-fail-fast
	@$(MAKE) --no-print-directory cedar
	@tools/step "examples in documentation" $(CARGO) test --profile $(PROFILE) --doc -p detect -p tape --locked

# Policies in Cedar, which releases have and the builds of all other tests have not: the language's crate, and the gateway with it.
# Over the whole workspace, so that everything else is the build that there is.
CEDAR := --workspace --features yett/cedar,controls/cedar,cedar/engine

cedar: peers
	@tools/step "clippy, with cedar" $(CARGO) clippy --profile $(PROFILE) -p cedar --features engine --all-targets --locked -- -D warnings
	@tools/step "tests of cedar" $(CARGO) test --profile $(PROFILE) $(CEDAR) --test cedar --locked

peers:
	@tests/peers/setup

bench: peers
	@tools/step "release build" $(CARGO) build --release --locked -p yett -p load
	@tools/step "release build of what measures credentials" $(CARGO) build --release --locked -p compile --example credentials
	@benches/run

# The Core Rule Set's own tests, through the gateway over HTTP and in process; the last line is the count of the latter.
crs:
	@$(CARGO) test --quiet --profile $(PROFILE) --locked -p yett --test crs -- --nocapture; over_http=$$?; \
	$(CARGO) run --quiet --profile $(PROFILE) --locked -p seclang --example crs && exit $$over_http

# What the built-in detectors find, on data that they were not tuned on: docs/detection.md.
detection:
	@$(CARGO) run --quiet --profile $(PROFILE) --locked -p detect --example detection -- report > docs/detection.md.new
	@mv docs/detection.md.new docs/detection.md && cat docs/detection.md

# What the detectors of personal data find in documents that others' generators make: docs/personal-data.md.
personal-data: peers
	@$(CARGO) build --quiet --profile $(PROFILE) --locked -p probe --example personal
	@.peers/venv/bin/python tests/long/personal.py --program target/$(PROFILE)/examples/personal --markdown > docs/personal-data.md.new
	@mv docs/personal-data.md.new docs/personal-data.md && cat docs/personal-data.md

long: peers
	@tools/long

clean:
	$(CARGO) clean
	rm -rf .peers
