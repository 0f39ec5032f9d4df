# Every target makes what it needs; start with `make demo` or `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SYSTEM := tests/system tests/interop
HOSTS := tests/hosts
# How many tests of the system stand side by side: nearly all of their time is spent waiting.
LABS := 6

.PHONY: help demo test check coverage chaos bench profile vagrant-test docs dist deb hosts lint format lock clean
help: ## what can be made here
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

demo: $(READY) ## watch a failover of real agents, in network namespaces of its own
	@$(BIN)/vipd demo

test: $(READY) lint ## everything that this machine and user can run
	$(BIN)/coverage erase
	$(BIN)/pytest -n auto -m "not system and not slow" --cov --cov-report=
	$(BIN)/coverage report
	$(BIN)/pytest -n auto -m "not system and not hosts and slow"
	$(BIN)/python -m compileall -q vipd
	$(BIN)/pytest -n $(LABS) --dist loadfile -m "system and not alone" $(SYSTEM)
	$(BIN)/pytest -m alone $(SYSTEM)
	$(BIN)/pytest -m hosts $(HOSTS)

check: $(READY) lint ## format, lint, types, import contracts, all tests that need no root: under a minute
	$(BIN)/pytest -n auto -q -m "not system and not slow"

coverage: $(READY) ## branch coverage of core/ and wire/: must be 100 %
	$(BIN)/pytest -n auto -q -m "not system and not slow" --cov --cov-report=
	$(BIN)/coverage report

chaos: $(READY) ## what befalls an address, vipd beside keepalived, as root: six and a half minutes
	PYTHONPATH=tests/support $(BIN)/python -m chaos

bench: $(READY) ## how fast vipd is beside keepalived, as root: seven minutes
	PYTHONPATH=tests/support $(BIN)/python -m bench
	PYTHONPATH=tests/support $(BIN)/python -m bench.makeup

profile: $(READY) ## where the processor time of an agent with 255 instances goes, as root
	PYTHONPATH=tests/support $(BIN)/python -m bench --profile

vagrant-test: deb ## failover in virtual machines without hardware virtualization, as root: six minutes
	vagrant/lab/test

docs: $(READY) ## write anew what is made from the schemas and the commands
	$(BIN)/vipd track --explain --markdown > docs/trackers.md
	$(BIN)/vipd man --output docs/man
	sed -i '/^### Outside of all blocks/,$$d' docs/from-keepalived.md
	$(BIN)/vipd import --keywords >> docs/from-keepalived.md
	VIPD_GOLDEN=write $(BIN)/pytest -q tests/golden/test_json_schema.py

dist: $(READY) ## sdist and wheel into dist/: the same bytes from the same tree, whenever and wherever
	rm -f dist/vipd-*.tar.gz dist/vipd-*.whl
	$(BIN)/hatchling build -d dist
	@sha256sum dist/vipd-*.tar.gz dist/vipd-*.whl

hosts: deb ## two Debian hosts with a systemd of their own, as root: a minute and a half
	$(BIN)/pytest -m hosts $(HOSTS)

deb: $(READY) ## the Debian package, for the Python that is /usr/bin/python3: into dist/
	debian/build

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(READY) ## put the code into the one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(READY) ## write requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --upgrade -o requirements.lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "vipd needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Try: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "The Python venv module is missing. Install it: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

clean: ## remove what make made
	rm -rf $(VENV) dist .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis
