# make demo    install, dress two real people in four garments, say where the report is
# make test    install, format and lint checks, types, tests
# make smoke   200 training steps of each try-on network on drawn persons
# make campaigns  the long tests: kills, stops and starts at many points
# make reliability  the tests of docs/reliability.md, which is written anew with what they measured
# make bench   measure speed on the demonstration's photos, or on PHOTOS=FOLDER; with
#              DATA=FOLDER (a split in the CP-VTON layout) measure quality, too
# make clean   remove what make made

FITS := import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))
PYTHON ?= $(shell for p in python3 python3.12 python3.11 python3.10; do \
  $$p -c "$(FITS)" 2>/dev/null && { echo $$p; break; }; done)
VENV ?= .venv
OUT ?= demo-out
PHOTOS ?=
DATA ?=
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS := $(shell n=$$(nproc 2>/dev/null || echo 1); [ $$n -gt 2 ] && n=2; echo $$n)

.PHONY: demo test smoke campaigns reliability bench clean
.DELETE_ON_ERROR:

demo: $(STAMP)
	$(BIN)/vtonctl demo --out $(OUT)

test: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n $(WORKERS) -m "not slow"

smoke: $(STAMP)
	$(BIN)/pytest -n $(WORKERS) -m slow -k two_hundred_steps tests/pipelines/training

campaigns: $(STAMP)
	$(BIN)/pytest -n $(WORKERS) -m slow

reliability: $(STAMP)
	$(BIN)/python tests/bench/reliability.py -n $(WORKERS)

bench: $(STAMP)
	$(BIN)/vtonctl demo --out $(OUT)
	$(BIN)/python tests/bench/start_speed.py
	$(BIN)/python tests/bench/scale.py
	$(BIN)/python tests/bench/stage_speed.py $(or $(PHOTOS),$(OUT)/photos)
	$(BIN)/python tests/bench/whole_job.py $(OUT)/photos $(OUT)/garments
	$(BIN)/python tests/bench/dask_speed.py $(OUT)/photos $(OUT)/garments
	$(BIN)/python tests/bench/train_speed.py
	$(BIN)/python tests/bench/viton_hd_speed.py
	$(BIN)/python tests/bench/acgpn_speed.py
ifneq ($(DATA),)
	$(BIN)/python tests/bench/pose_accuracy.py $(DATA)
	$(BIN)/python tests/bench/mask_quality.py $(DATA)
	$(BIN)/vtonctl evaluate parse $(DATA)/.. --layout cp-vton --split $(notdir $(abspath $(DATA)))
	$(BIN)/python tests/bench/cloth_mask_accuracy.py $(DATA)
	$(BIN)/vtonctl evaluate tryon $(DATA)/.. --layout cp-vton --split $(notdir $(abspath $(DATA))) \
	  --systems geometric,viton-hd --limit 100
endif

$(STAMP): pyproject.toml
	@[ -n "$(PYTHON)" ] || { echo "Python 3.10, 3.11 or 3.12 with venv is needed" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --editable '.[all]'
	touch $@

clean:
	rm -rf $(VENV) $(OUT) build dist
