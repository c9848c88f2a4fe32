# `make` alone lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3

# Tests start the server, and its commands, thousands of times: each process would compile all of it again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- Use it --------------------------------------------------------------------------------------------------

.PHONY: demo
demo: .venv/.installed  ## Show the main job: a dozen callbacks, live, until all have ended
	.venv/bin/ringback demo

.PHONY: demo-sip
demo-sip: .venv/.installed  ## The same with real telephones on this machine, which hear each other
	.venv/bin/python tests/sip/demo.py

.PHONY: run
run: .venv/.installed  ## Serve on 127.0.0.1:50051, HTTP on 127.0.0.1:8080, with ringback.db and deploy/services.yaml until Ctrl-C
	@echo 'When it listens, type in another terminal:'
	@echo '  .venv/bin/ringback create sip:busy.answer@sim.example --service sip:support@cc.example --gap 5'
	@echo
	@.venv/bin/ringback serve --http 127.0.0.1:8080 --services deploy/services.yaml

# Many tests wait, for a process or a database: twice as many as there are cores at a time.
IN_PARALLEL := --numprocesses 4 --dist worksteal

.PHONY: test
test: .venv/.installed  ## Run the tests, but those that take long
	.venv/bin/pytest $(IN_PARALLEL) --quiet -m 'not long and not sip and not browser'

.PHONY: test-long
test-long: .venv/.installed  ## Run the tests that take long: every interleaving, outages, moves from database to database, the largest messages, short hunts
	.venv/bin/pytest $(IN_PARALLEL) --quiet -m long

# Peers keep real time: while they ring, the machine is idle.
.PHONY: test-sip
test-sip: .venv/.installed  ## Call real SIP peers: SIPp, baresip, Twinkle, Kamailio (.ci/install brings them)
	.venv/bin/pytest --numprocesses 3 --dist worksteal --quiet -m sip --ignore tests/sip/test_load.py
	.venv/bin/pytest --quiet tests/sip/test_load.py

# axe-core, which looks for what people with a disability would trip over.
AXE := tests/page/node_modules/.package-lock.json

$(AXE): tests/page/package.json tests/page/package-lock.json
	npm ci --prefix tests/page --no-audit --no-fund --ignore-scripts --loglevel=error

.PHONY: test-browser
test-browser: .venv/.installed $(AXE)  ## Use the page, and watch callbacks, in a browser, through restarts (.ci/install brings Chromium)
	.venv/bin/pytest --numprocesses 2 --dist loadfile --quiet -m browser

# --- Check it ------------------------------------------------------------------------------------------------

.PHONY: lint
lint: .venv/.installed  ## Check style, types, and the direction of imports
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports

# Schemathesis has an environment of its own.
REST_FUZZ := tests/web/rest/fuzz-requirements.txt
REST_FUZZ_VENV := build/rest-fuzz-venv

$(REST_FUZZ_VENV)/.installed: $(REST_FUZZ)
	$(PYTHON) -m venv --clear $(REST_FUZZ_VENV)
	$(REST_FUZZ_VENV)/bin/pip install --quiet --requirement $(REST_FUZZ)
	touch $@

.PHONY: rest-fuzz
rest-fuzz: .venv/.installed $(REST_FUZZ_VENV)/.installed  ## Make requests of all kinds by the OpenAPI document, and compare the responses with it
	.venv/bin/python tests/web/rest/fuzz.py $(REST_FUZZ_VENV)/bin/schemathesis

SEEDS ?= 2000

.PHONY: simulate
simulate: .venv/.installed  ## Play 2,000 bad days of a server from their seeds, and look for a broken promise (SEEDS=; SEED=17 shows one)
	.venv/bin/python tests/simulation/run.py $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))

# All parts together; an hour finds more than a minute.
FUZZ_S ?= 60

.PHONY: fuzz
fuzz: .venv/.installed  ## Fuzz every RPC, its frames, the HTTP port and the files of operators for FUZZ_S seconds, again with SEED=
	.venv/bin/python tests/fuzz/run.py --seconds $(FUZZ_S) $(addprefix --seed ,$(or $(SEED),$(FUZZ_SEED)))

.PHONY: kill-storm
kill-storm: .venv/.installed  ## Kill a loaded server fifty times, and look for anything lost or doubled
	.venv/bin/python tests/hunts/kill_storm.py

.PHONY: power-cuts
power-cuts: .venv/.installed  ## Cut the power between any two writes of a server, and look for what was acknowledged (ACTS=100 for long)
	.venv/bin/python tests/hunts/power_cuts.py --acts $(or $(ACTS),16)

.PHONY: full-disk-hunt
full-disk-hunt: .venv/.installed  ## Fill the disk of a loaded server, free it, and look for anything lost or doubled (takes root)
	.venv/bin/python tests/hunts/full_disk.py

.PHONY: drain-hunt
drain-hunt: .venv/.installed  ## Stop a loaded server thirty times, and look at how each call ends
	.venv/bin/python tests/hunts/drains.py

.PHONY: dialer-hunt
dialer-hunt: .venv/.installed  ## Twenty dialers, some of them bad, and 5,000 callbacks: order, capacity, nothing doubled
	.venv/bin/python tests/hunts/dialers.py

.PHONY: sip-hunt
sip-hunt: .venv/.installed  ## Kill servers in the middle of telephone calls, and look for what is left of these
	.venv/bin/python tests/hunts/sip_calls.py --callbacks 120 --kills 12
	.venv/bin/python tests/hunts/sip_calls.py --callbacks 80 --kills 12 --postgres --servers 3

PAGE_HUNT_S ?= 60

.PHONY: page-hunt
page-hunt: .venv/.installed  ## Show 10,000 callbacks and 500 changes a second for a minute: no long task, no growth, nothing missed
	.venv/bin/python tests/hunts/page.py --alone --seconds $(PAGE_HUNT_S)

CALLBACKS := 1500
BLOWS := 28

.PHONY: hunts-postgres
hunts-postgres: .venv/.installed  ## The same with three servers on one PostgreSQL, and a failover to its standby (CALLBACKS=10000 for long)
	.venv/bin/python tests/hunts/kill_storm.py --postgres --servers 3 --kills 12 --drains 2
	.venv/bin/python tests/hunts/dialers.py --postgres --servers 3 --callbacks $(CALLBACKS)
	.venv/bin/python tests/hunts/failover.py --servers 3 --events 2000

.PHONY: postgres-faults
postgres-faults: .venv/.installed  ## Break the network and the primary of three servers in every way (BLOWS=200 for long)
	.venv/bin/python tests/hunts/postgres_faults.py --blows $(BLOWS)

.PHONY: counts
counts: .venv/.installed  ## Count statements, commits, bytes and encodes per callback, and fail if one has grown
	.venv/bin/python -m bench.counts

# --- The page: page/ to src/ringback/web/page/assets ---------------------------------------------------------------

# npm writes this file last. Nothing that is installed needs its scripts.
PAGE_INSTALLED := page/node_modules/.package-lock.json

$(PAGE_INSTALLED): page/package.json page/package-lock.json
	@command -v npm > /dev/null || { echo "npm is missing: install Node.js 20.19 or newer from https://nodejs.org" >&2; exit 1; }
	npm ci --prefix page --no-audit --no-fund --ignore-scripts --loglevel=error

.PHONY: page
page: $(PAGE_INSTALLED)  ## Build the page that the server has at its HTTP port (needs Node.js; users do not)
	npm run --silent --prefix page build

.PHONY: verify
verify: $(PAGE_INSTALLED)  ## Fail if the page in the package is not what page/ builds
	@npm run --silent --prefix page build -- --verify

.PHONY: check-page
check-page: $(PAGE_INSTALLED)  ## Check types, style and models of the page, and that its build is committed
	npm run --silent --prefix page check
	npm test --silent --prefix page
	@$(MAKE) --no-print-directory verify

# --- Measure it ----------------------------------------------------------------------------------------------

# What a machine has no compiler for is not built, and the page says so.
BENCH := .venv/.bench-installed $(if $(shell command -v go),build/bench/client) $(if $(shell command -v cc),build/bench/slow_disk.so)

.venv/.bench-installed: .venv/.installed pyproject.toml
	.venv/bin/pip install --quiet --constraint $(LOCK) --editable '.[bench]'
	touch $@

build/bench/client: bench/client/go.mod $(wildcard bench/client/*.go clients/go/*.go clients/go/ringback/v1/*.go)
	mkdir -p $(@D)
	go build -C bench/client -o $(abspath $@) .

build/bench/slow_disk.so: bench/slow_disk.c
	mkdir -p $(@D)
	cc -O2 -Wall -Wextra -Wpedantic -shared -fPIC -o $@ $<

.PHONY: bench
bench: $(BENCH)  ## Measure how fast it is beside what else there is, in a few minutes (PARTS='creates watches' for some; BEFORE=checkout for its code, too)
	.venv/bin/python -m bench $(if $(BEFORE),--before '$(BEFORE)') $(PARTS)

.PHONY: bench-full
bench-full: $(BENCH)  ## The same with ten million callbacks and more rounds, as docs/performance.md shows it
	.venv/bin/python -m bench --full $(if $(BEFORE),--before '$(BEFORE)') $(PARTS)

.PHONY: bench-guard
bench-guard: $(BENCH)  ## See that creates have not become slower, beside a bare echo, than docs/performance.md says
	.venv/bin/python -m bench.guard

.PHONY: bench-fairness
bench-fairness: $(BENCH)  ## Measure how much one caller's flood slows another caller down
	.venv/bin/python -m bench.fairness

.PHONY: bench-scrape
bench-scrape: .venv/.installed  ## Measure what metrics cost, for docs/metrics.md
	.venv/bin/python -m bench.scrape --write docs/metrics.md

.PHONY: bench-scaling
bench-scaling: .venv/.installed  ## Measure what several servers on one PostgreSQL carry, for docs/scaling.md
	.venv/bin/python -m bench.scaling --write docs/scaling.md

# --- The development environment -----------------------------------------------------------------------------

.PHONY: venv
venv: .venv/.installed  ## Make .venv, the environment for everything but the stubs

# As a constraint, and not as requirements: what a package needs on another platform may be missing from the lock,
# and is installed all the same.
LOCK := requirements/dev.txt

.venv/.installed: pyproject.toml $(LOCK)
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --constraint $(LOCK) --editable '.[dev]'
	touch $@

# uv locks for every platform at once; pip-tools would do it for the machine on which it runs.
LOCK_VENV := build/lock-venv
COMPILE := $(LOCK_VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --extra dev --extra bench \
	--no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' pyproject.toml

# The version stands here, so a change of this file installs it again.
$(LOCK_VENV)/.installed: Makefile
	$(PYTHON) -m venv --clear $(LOCK_VENV)
	$(LOCK_VENV)/bin/pip install --quiet uv==0.13.9
	touch $@

.PHONY: lock
lock: $(LOCK_VENV)/.installed  ## Lock the development tools anew, at the newest versions
	$(COMPILE) --upgrade --output-file $(LOCK)

# What is locked is kept where pyproject.toml allows it, so new versions elsewhere make no difference.
.PHONY: check-lock
check-lock: $(LOCK_VENV)/.installed  ## Fail if the lock is not of pyproject.toml
	mkdir -p build/lock-check
	cp $(LOCK) build/lock-check/dev.txt
	$(COMPILE) --output-file build/lock-check/dev.txt
	@diff --unified $(LOCK) build/lock-check/dev.txt \
		|| { echo "$(LOCK) is not of pyproject.toml. Run 'make lock' and commit." >&2; exit 1; }
	@echo "$(LOCK) is of pyproject.toml."

# The generator of stubs has an environment of its own: it is older than the runtime, on purpose
# (protos/requirements.txt).
STUBS_VENV := build/stubs-venv
BUF := $(STUBS_VENV)/bin/buf

$(STUBS_VENV)/.installed: protos/requirements.txt
	$(PYTHON) -m venv --clear $(STUBS_VENV)
	$(STUBS_VENV)/bin/pip install --quiet --requirement protos/requirements.txt
	touch $@

# --- Documents ------------------------------------------------------------------------------------------------

build/plugins/grpcurl/grpcurl:
	GOBIN=$(abspath $(@D)) go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3

.PHONY: transcripts
transcripts: .venv/.installed $(STUBS_VENV)/.installed build/plugins/grpcurl/grpcurl  ## Run the commands that the documents show, and compare
	.venv/bin/python tests/transcripts/check.py

.PHONY: screens
screens: .venv/.installed  ## Draw the terminals that docs/cli.md shows anew
	.venv/bin/python docs/cli/screens.py --write

.PHONY: call-picture
call-picture: .venv/.installed  ## Make a call between two telephones, and draw it for docs/sip.md
	.venv/bin/python docs/sip/record.py
	.venv/bin/python docs/sip/ladder.py --write

.PHONY: page-pictures
page-pictures: .venv/.installed  ## Make the pictures of the page for README.md and docs/page.md anew (needs Chromium)
	.venv/bin/python docs/page/pictures.py

.PHONY: trace
trace: .venv/.installed  ## Follow a callback from its request to its outcome, and print the trace, as docs/tracing.md shows it
	@.venv/bin/python docs/tracing/trace.py

DOCS_PLUGIN := build/plugins/docs/protoc-gen-doc

$(DOCS_PLUGIN):
	GOBIN=$(abspath $(@D)) go install github.com/pseudomuto/protoc-gen-doc/cmd/protoc-gen-doc@v1.5.1

.PHONY: docs
docs: $(STUBS_VENV)/.installed $(DOCS_PLUGIN)  ## Regenerate docs/api.md from the comments in protos/
	$(BUF) generate --template docs/api/buf.gen.yaml

.PHONY: check-docs
check-docs: $(STUBS_VENV)/.installed $(DOCS_PLUGIN)  ## Fail if docs/api.md is not what protos/ generates
	$(BUF) generate --template docs/api/buf.gen.yaml --output build/docs-check
	@diff --unified docs/api.md build/docs-check/docs/api.md \
		|| { echo "docs/api.md is not what protos/ generates. Run 'make docs' and commit." >&2; exit 1; }
	@echo "docs/api.md is what protos/ generates."

.PHONY: check-other-stubs
check-other-stubs: $(STUBS_VENV)/.installed  ## Generate for the languages of docs/stubs.md (needs make -C docs/stubs tools)
	$(MAKE) -C docs/stubs

.PHONY: check-resume-loops
check-resume-loops: .venv/.installed $(STUBS_VENV)/.installed  ## Run the watches that docs/stubs.md shows for C++ and Ruby
	.venv/bin/python tests/stubs/check.py

# --- Deployment -----------------------------------------------------------------------------------------------

DEPLOY_VENV := build/deploy-venv

$(DEPLOY_VENV)/.installed: deploy/requirements.txt
	$(PYTHON) -m venv --clear $(DEPLOY_VENV)
	$(DEPLOY_VENV)/bin/pip install --quiet --requirement deploy/requirements.txt
	touch $@

.PHONY: check-deploy
check-deploy: .venv/.installed $(DEPLOY_VENV)/.installed  ## Validate deploy/: the image, compose, Kubernetes
	PATH="$(CURDIR)/$(DEPLOY_VENV)/bin:$$PATH" .venv/bin/python deploy/check.py

.PHONY: check-metrics
check-metrics: .venv/.installed  ## Check alert rules, dashboard and a scrape, and see an alert fire in Prometheus (.ci/install brings it)
	.venv/bin/python tests/alerts/check.py

# --- Clients: each folder has a Makefile with the same targets ------------------------------------------------

CLIENTS := python go typescript java rust
in_each_client = @set -e; for client in $(CLIENTS); do printf '\n--- %s: %s\n' $$client '$(1)'; \
	$(MAKE) --no-print-directory -C clients/$$client $(1); done

.PHONY: clients
clients: .venv/.installed  ## Check, test and package the clients of all languages (or of CLIENTS='go rust')
	@python3 clients/version.py --check
	$(call in_each_client,lint test package)

.PHONY: check-packages
check-packages: .venv/.installed  ## Use the packages that `make clients` has built, each in an empty project, with a live server
	.venv/bin/python tests/packages/check.py $(CLIENTS)

.PHONY: conformance
conformance: .venv/.installed  ## The same scenarios in every language, against a live server; one table
	.venv/bin/python tests/conformance/run.py --build

.PHONY: conformance-postgres
conformance-postgres: .venv/.installed  ## The same scenarios against servers on PostgreSQL, in one language
	.venv/bin/python tests/conformance/run.py --build --languages python --database postgresql

# --- The contract: protos/ to stubs ---------------------------------------------------------------------------

STUBS := src/ringback/v1
GENERATING := go typescript java rust
GENERATED := $(STUBS) clients/go/ringback clients/typescript/src/gen clients/java/src/generated clients/rust/src/gen

.PHONY: stubs
stubs: stubs-python  ## Regenerate the stubs of all languages from protos/
	@set -e; for client in $(GENERATING); do $(MAKE) --no-print-directory -C clients/$$client stubs; done

.PHONY: stubs-python
stubs-python: $(STUBS_VENV)/.installed
	rm -f $(STUBS)/*_pb2.py $(STUBS)/*_pb2.pyi $(STUBS)/*_pb2_grpc.py $(STUBS)/*_pb2_grpc.pyi $(STUBS)/*_connect.py
	$(BUF) generate

# Compares whole folders, so a stub that is missing, edited or left over from a deleted proto is noticed alike,
# committed or not.
.PHONY: check-stubs
check-stubs: $(STUBS_VENV)/.installed  ## Fail if any stubs are not what protos/ generates
	rm -rf build/stubs-check
	$(BUF) generate --output build/stubs-check
	@set -e; for client in $(GENERATING); do $(MAKE) --no-print-directory -C clients/$$client plugins; \
		$(BUF) generate --template clients/$$client/buf.gen.yaml --output build/stubs-check; done
	@for folder in $(GENERATED); do \
		diff --recursive --unified --exclude=__init__.py --exclude=__pycache__ $$folder build/stubs-check/$$folder \
			|| { echo "The stubs in $$folder are not what protos/ generates. Run 'make stubs' and commit." >&2; exit 1; }; \
	done
	@echo "The stubs are what protos/ generates: $(GENERATED)"

.PHONY: lint-protos
lint-protos: $(STUBS_VENV)/.installed  ## Check the style of protos/, and that no client breaks
	$(BUF) lint
	$(BUF) format --diff --exit-code
	@protos/breaking.sh $(BUF)
