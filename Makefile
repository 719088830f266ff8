# `make` lists the targets. Everything is installed into .venv; run `make clean` to start over.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

VENV ?= .venv
PYTHON := $(VENV)/bin/python
# The Python that creates the environment: 3.11 or newer.
BOOTSTRAP ?= python3
# uv, if it is installed, because it picks the torch build for this machine. `make INSTALLER=pip` forces pip.
INSTALLER ?= $(if $(shell command -v uv),uv,pip)
# The tests that `make test` runs, and the number of processes.
T ?= tests
# More than the cores of a small machine: each process waits a fifth of its time, for servers, browsers and children.
JOBS ?= 3
# One thread per process: on a small machine, more threads only wait for each other. Hundreds of processes start, which read bytecode.
TEST_ENVIRONMENT := OMP_NUM_THREADS=1 GOMP_SPINCOUNT=0 NO_COLOR=1 PYTHONDONTWRITEBYTECODE=
# Into build/docs, where `hub serve` finds it.
BUILD_SITE := NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict --quiet

.PHONY: help demo test check format docs translations lab serve clean setup setup-dev programs

##@ Use

demo: setup ## Train a Yoruba module, publish it, find it and load it; writes demo/memory-yo.png and demo/report.json
	@$(PYTHON) -m trainers.lab.demo

serve: setup ## Serve the registry, its pages and the API at http://127.0.0.1:8000
	@$(VENV)/bin/hub serve

lab: setup ## Retrain the lab's bases, judges and encoders (hours on two cores, minutes on a GPU)
	@$(PYTHON) -m trainers.lab

##@ Develop

test: setup-dev programs ## Run the tests; T=tests/hub/cli selects some, JOBS=4 runs four processes
	@$(TEST_ENVIRONMENT) $(PYTHON) -m pytest $(T) -n $(JOBS) --dist worksteal --durations 10 </dev/null

check: setup-dev ## Run every check: lint, format, types, import contracts, documentation, tests
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports
	@$(PYTHON) -m tests.architecture
	@$(BUILD_SITE)
	@$(MAKE) test

format: setup-dev ## Format the code and apply safe automatic fixes
	@$(VENV)/bin/ruff check --fix-only --quiet .
	@$(VENV)/bin/ruff format .

docs: setup-dev ## Generate the reference pages and build the documentation into build/docs
	@$(PYTHON) -m hub.cli.manual > docs/reference/cli.md
	@$(PYTHON) -m server.manual > docs/reference/api.md
	@$(BUILD_SITE)

# Entries that are new have no translation yet, and those that no text uses are removed.
translations: setup-dev ## Extract the texts of the pages, and update the catalogues in server/locales
	@mkdir -p build
	@$(VENV)/bin/pybabel --quiet extract -F pyproject.toml -k gettext_noop --add-location file --sort-by-file --no-wrap \
	    --omit-header -o build/messages.pot server
	@$(VENV)/bin/pybabel --quiet update -i build/messages.pot -d server/locales --no-fuzzy-matching --ignore-obsolete \
	    --ignore-pot-creation-date --no-wrap

clean: ## Remove everything generated: the environment, the registry's index, build and demo outputs
	rm -rf $(VENV) build demo dist registry.db registry.db-wal registry.db-shm
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

##@ Steps of these targets

setup: $(VENV)/.run ## Install what `make demo` needs (once)

setup-dev: $(VENV)/.dev ## Install what tests and checks need as well (once)

programs: ## Install the programs that tests start, as root on Debian: Chromium, PostgreSQL, nginx, Git LFS, Node, Tesseract
	@wanted=(); \
	has() { for each in "$$@"; do if [ -x "$$each" ] || command -v "$$each" >/dev/null; then return 0; fi; done; return 1; }; \
	has chromium-headless-shell || wanted+=(chromium-headless-shell); \
	has initdb /usr/lib/postgresql/*/bin/initdb || wanted+=(postgresql); \
	has nginx /usr/sbin/nginx || wanted+=(nginx-light); \
	has git-lfs || wanted+=(git-lfs); \
	has node || wanted+=(nodejs); \
	has npm || wanted+=(npm); \
	has tesseract || wanted+=(tesseract-ocr); \
	if [ $${#wanted[@]} = 0 ]; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
	    echo "Not installed, because this needs root and apt-get: $${wanted[*]}. Tests that need them are skipped"; exit 0; \
	fi; \
	echo "Installing $${wanted[*]} for the tests"; \
	export DEBIAN_FRONTEND=noninteractive; \
	{ apt-get -qq update && apt-get -qq install -y --no-install-recommends "$${wanted[@]}"; } >/dev/null 2>&1 \
	    || echo "The installation failed: tests that need these programs are skipped"

$(VENV)/.run: EXTRAS := detect,serve,train
$(VENV)/.dev: EXTRAS := dev
$(VENV)/.run $(VENV)/.dev: pyproject.toml constraints.txt
	@$(call create_environment)
	@echo "Installing linguahub[$(EXTRAS)] into $(VENV) with $(INSTALLER)"
	@$(call install_$(INSTALLER))
	@touch $(VENV)/.run $@  # The extra `dev` includes the others.

define create_environment
if [ ! -x $(PYTHON) ]; then \
    $(BOOTSTRAP) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
        || { echo "linguahub needs Python 3.11 or newer: make BOOTSTRAP=/path/to/python3.11" >&2; exit 2; }; \
    if ! $(BOOTSTRAP) -c 'import ensurepip, venv' 2>/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
        echo "Installing python3-venv"; \
        apt-get -qq update >/dev/null; \
        DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends python3-venv >/dev/null; \
    fi; \
    $(BOOTSTRAP) -m venv $(VENV); \
fi
endef

# Torch alone has hundreds of megabytes: a silent minute looks like a hang, and a line per package is noise. This prints a few lines.
define install_pip
PYTHONUNBUFFERED=1 $(PYTHON) -m pip install --disable-pip-version-check --progress-bar off -c constraints.txt -e '.[$(EXTRAS)]' \
    | awk '/^ *Collecting/ { if (++found % 20 == 0) print "  " found " packages resolved" } \
           /^ *Downloading/ && /[0-9][0-9.]* (MB|GB)/ { if ($$1 + 0 >= 10 || /GB/) print "  downloading " $$1 " " $$2 } \
           /^Installing collected/ { print "  unpacking " NF - 3 " packages" } \
           { fflush() }'
endef

define install_uv
uv pip install --python $(PYTHON) --torch-backend auto -c constraints.txt -e '.[$(EXTRAS)]'
endef

help:
	@awk 'BEGIN { FS = ":.*## "; print "linguahub: language modules for frozen text-to-image models" } \
	      /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	      /^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
