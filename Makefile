# make demo    install, dress two real people in four garments, say where the report is
# make test    install, format and lint checks, types, tests
# make bench   measure speed and quality; DATA=FOLDER measures on your own photos
# make clean   remove what make made

FITS := import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))
PYTHON ?= $(shell for p in python3 python3.12 python3.11 python3.10; do \
  $$p -c "$(FITS)" 2>/dev/null && { echo $$p; break; }; done)
VENV ?= .venv
OUT ?= demo-out
DATA ?=
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS := $(shell n=$$(nproc 2>/dev/null || echo 1); [ $$n -gt 2 ] && n=2; echo $$n)

.PHONY: demo test bench clean
.DELETE_ON_ERROR:

demo: $(STAMP)
	$(BIN)/vtonctl demo --out $(OUT)

test: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n $(WORKERS) -m "not slow"

bench: $(STAMP)
	@set -e; for script in tests/bench/*.py; do \
	  echo "== $$script"; $(BIN)/python "$$script" $(if $(DATA),--data "$(DATA)"); done

$(STAMP): pyproject.toml
	@[ -n "$(PYTHON)" ] || { echo "Python 3.10, 3.11 or 3.12 with venv is needed" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --editable '.[all]'
	touch $@

clean:
	rm -rf $(VENV) $(OUT) build dist
