# Everything one does with this template. `make` lists it.

PORT ?= 8000
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null)
BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
BENCH := $(subst .venv,.venv-bench,$(BIN))
SOURCE := {{cookiecutter.project_slug}}
PROCESSES ?= 2
COOKIECUTTER := $(if $(UV),$(UV) tool run --quiet --python '>=3.11' cookiecutter,$(BIN)/cookiecutter)
REQUIREMENTS := from tests.environment import requirements; print(*requirements(), sep='\n')
.DEFAULT_GOAL := help

.PHONY: demo
demo: $(if $(UV),,.venv/cookiecutter) ## Bake a site into demo/ and serve it on http://127.0.0.1:8000, or PORT=
	@if $(DEMO_CHANGED); then \
	echo "demo/parlour may have changes of yours: it is served as it is; remove it to bake it anew"; \
	else $(MAKE) --no-print-directory demo/new; fi
	@$(MAKE) --no-print-directory --directory demo/parlour demo PORT=$(PORT)

# What it bakes is a commit, refs/baked: what git has or sees beside that is its owner's.
DEMO := git -C demo/parlour --git-dir .git --work-tree .
BAKED := git -C demo/new/parlour --git-dir .git --work-tree . -c user.name=Demo -c user.email=demo@localhost
DEMO_CHANGED = test -d demo/parlour && \
	test -n "$$($(DEMO) log --all --not refs/baked 2>&1; $(DEMO) status --porcelain -- . ':!uv.lock' 2>&1)"

.PHONY: demo/new
demo/new:
	@rm -rf demo/new
	@said=$$($(COOKIECUTTER) --no-input --default-config -o demo/new . 2>&1) || { echo "$$said"; exit 1; }
	@test ! -e demo/new/parlour/.git || { $(BAKED) add --all && $(BAKED) commit --quiet --no-verify \
	--no-gpg-sign --message 'Bake a demo' && $(BAKED) update-ref refs/baked HEAD; }
	@if test -e demo/parlour/.git; then $(DEMO) rm --quiet -r . && rm -rf demo/parlour/.git; fi
	@rm demo/new/parlour/.env && cp -R demo/new/parlour demo/ && rm -rf demo/new

.PHONY: test
test: .venv/dev ## Run every test; FILES= for some of them
	@tests/install-services
	@$(BIN)/python -m tests.environment > /dev/null
	@$(BIN)/pytest --numprocesses $(PROCESSES) --dist loadgroup --no-loadscope-reorder $(FILES)

.PHONY: test-containers
test-containers: .venv/dev ## Run the tests of the site in containers, which need Docker
	@$(BIN)/pytest -m containers

.PHONY: lint
lint: .venv/dev ## Check style and types, of the template's own code and of the project that it bakes
	@$(BIN)/pytest tests/test_in_place.py

.PHONY: format
format: .venv/dev ## Put all code and templates into their format
	@bin=$$($(BIN)/python -m tests.environment) && \
	$$bin/ruff check --fix --no-cache . && \
	$$bin/ruff format --no-cache . && \
	cd "$(SOURCE)" && $$bin/djlint --quiet --reformat .

.PHONY: docs
docs: .venv/dev ## Build the documentation into site/; links that lead nowhere stop it
	@$(BIN)/python -m tests.documentation site

.PHONY: bench
bench: .venv-bench/ready ## Measure a bake beside its peers, for forty minutes; OPTIONS='--only storm' for some rows
	@$(BENCH)/python -m bench $(OPTIONS)

.PHONY: release
release: .venv/dev ## Prepare VERSION=1.1.0: its number, its changelog, its frozen migrations; then run every test
	@$(BIN)/python release.py $(VERSION)
	@$(MAKE) --no-print-directory test
	@echo "Release it:  git commit -am 'Release $(VERSION)' && git tag v$(VERSION) && git push origin HEAD v$(VERSION)"

.PHONY: help
help: ## List these
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

# An installation is as old as the file it stands for, so that a change in pyproject.toml renews it.

.venv/bin:
ifdef UV
	@$(UV) venv --quiet --allow-existing --python '>=3.11' .venv
else
	@$(PYTHON) -c "$$NEW_ENOUGH" && $(PYTHON) -m venv .venv
endif

define NEW_ENOUGH
import sys
if sys.version_info < (3, 11):
    sys.exit("Python %d.%d is too old: 3.11 or later is needed. If you have one, name it: \
	make $(MAKECMDGOALS) PYTHON=python3.13" % sys.version_info[:2])
endef
export NEW_ENOUGH

.venv/cookiecutter: | .venv/bin
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check cookiecutter
	@touch $@

.venv/dev: pyproject.toml | .venv/bin
ifdef UV
	@$(UV) pip install --quiet --python .venv --group dev
else
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev
endif
	@touch $@

# The bake's own packages, with plugins that would run in the template's tests, so not in .venv.
.venv-bench/ready: pyproject.toml tests/environment.py
ifdef UV
	@$(UV) venv --quiet --allow-existing --python '>=3.11' .venv-bench
	@$(BENCH)/python -c "$(REQUIREMENTS)" > .venv-bench/requirements.txt
	@$(UV) pip install --quiet --python .venv-bench --group bench --requirement .venv-bench/requirements.txt
else
	@$(PYTHON) -c "$$NEW_ENOUGH" && $(PYTHON) -m venv .venv-bench
	@$(BENCH)/python -c "$(REQUIREMENTS)" > .venv-bench/requirements.txt
	@$(BENCH)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@$(BENCH)/python -m pip install --quiet --disable-pip-version-check --group bench --requirement .venv-bench/requirements.txt
endif
	@touch $@
