# The front door. Every target sets up .venv first, once; `make` alone lists them.
#   make PYTHON=/path/to/python3.11   takes that interpreter for .venv
#   make VENV=path                    keeps the environment elsewhere

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV ?= .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
# The first interpreter that is new enough and can make environments; 3.11 is the tested one.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	"$$python" -c 'import sys, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
		2>/dev/null && { echo "$$python"; break; }; done)
# Each worker imports TensorFlow, 0.6 GB; pytest starts one a core, but not more than this.
WORKERS ?= 4

# A recipe takes a path of the user's out of the environment, as "$$DATA": blanks and quotes in it are
# safe there. Make exports what is given on its command line, and the defaults are exported here.
export TF_CPP_MIN_LOG_LEVEL ?= 2
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1

.PHONY: help demo test test-all fuzz chaos lint format bench clean setup train-camvid unseen release-check compare \
	runtimes runtimes-gpu runtimes-aarch64 runtimes-browser runtimes-npu \
	mediapipe mediapipe-test android-assets android-kotlin web web-test docs mlflow-test

help:  ## this list
	@grep -E '^[a-z0-9-]+:.*## ' Makefile | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | expand -t 18

# Synthetic training scenes (a quarter as many for validation and for test), and the epochs.
export DEMO := runs/demo
DEMO_IMAGES ?= 200
DEMO_EPOCHS ?= 3

demo: setup  ## train on synthetic scenes, score, export to int8, verify, predict: 3 minutes
	$(BIN)/segnet-tf train --model segnet_lite --data synthetic:$(DEMO_IMAGES) --size 192x256 \
		--initial-weights weights:segnet_lite_camvid --epochs $(DEMO_EPOCHS) \
		--learning-rate 0.002 --warmup 0.3 --class-weights enet --val-every 2 \
		--output "$$DEMO" --overwrite
	$(BIN)/segnet-tf evaluate --model "$$DEMO" --data synthetic:$(DEMO_IMAGES) --split test \
		--json "$$DEMO/test.json" --overwrite
	$(BIN)/segnet-tf export --int8 --model "$$DEMO" --json "$$DEMO/export.json" --overwrite
	$(BIN)/segnet-tf predict --model "$$DEMO/model_int8.tflite" --input synthetic --limit 4 \
		--output "$$DEMO/predictions" --overwrite
	@echo "The exported file:              $$DEMO/model_int8.tflite"
	@echo "Scenes, truth, predictions:     $$DEMO/predictions.png"
	@echo "The exported file's masks:      $$DEMO/predictions/"

# Runs that are done are taken as they are, so the same command goes on after an interruption.
export COMPARE := runs/compare
export CONFIG ?= $(if $(DATA),camvid,demo)
SEEDS ?= 0
COMPARE_OPTIONS ?=

compare: setup  ## the networks in one table; DATA=DIR: on CamVid, 4 hours, else 2 minutes
	name="$${CONFIG##*/}" && $(BIN)/segnet-tf compare --config "$$CONFIG" \
		--output "$$COMPARE/$${name%.*}" --seeds $(SEEDS) \
		$(if $(DATA),--data "$$DATA",--seconds 10) $(COMPARE_OPTIONS)

# An interrupted run is resumed.
train-camvid: setup  ## DATA=DIR: train segnet_lite as its shipped weights were: 40 minutes
	@test -n "$${DATA:-}" || { echo 'Pass CamVid: make train-camvid DATA=path/to/camvid' >&2; exit 2; }
	run=segnet_lite_camvid; if test -f "runs/$$run/config.json"; \
		then $(BIN)/segnet-tf train --resume "runs/$$run" --data "$$DATA"; \
		else $(BIN)/segnet-tf train --config "$$run" --data "$$DATA" --output "runs/$$run"; fi
	$(BIN)/segnet-tf evaluate --model runs/segnet_lite_camvid --data "$$DATA" --split val
	$(BIN)/segnet-tf export --int8 --model runs/segnet_lite_camvid --data "$$DATA"

# CamVid's drive 0006R0 (101 images) is no neighbor of the rest: a recipe is judged by it, val shares
# its drive with train. SEEDS=0,1 where it is close.
export RECIPE ?= segnet_lite_camvid
UNSEEN_OPTIONS ?=
COMMA := ,

unseen: setup  ## DATA=DIR: train RECIPE on two of CamVid's drives, score it on the third: hours
	@test -n "$${DATA:-}" || { echo 'Pass CamVid: make unseen DATA=path/to/camvid' >&2; exit 2; }
	name="$${RECIPE##*/}"; for seed in $(subst $(COMMA), ,$(SEEDS)); do \
		run="runs/unseen/$${name%.*}-seed$$seed"; \
		if test -f "$$run/config.json"; \
			then $(BIN)/segnet-tf train --resume "$$run" --data "$$DATA"; \
			else $(BIN)/segnet-tf train --config "$$RECIPE" --data "$$DATA" --output "$$run" \
				--train-split train/0001TP+train/0016E5 --seed "$$seed" $(UNSEEN_OPTIONS); fi; \
		$(BIN)/segnet-tf evaluate --model "$$run" --data "$$DATA" --split train/0006R0 \
			--json "$$run/unseen.json" --overwrite; \
	done

test: setup  ## the fast tests, 4 minutes
	$(PY) -m pytest -n auto --maxprocesses $(WORKERS) --dist loadfile

test-all: $(VENV)/.installed-torch $(VENV)/.installed-crf  ## all tests, those against PyTorch too (installs it)
	$(PY) -m pytest -n auto --maxprocesses $(WORKERS) --dist loadfile -m ""

# Counts, --jobs and --seed: CHAOS_OPTIONS='--kills 10 --jobs train'.
CHAOS_OPTIONS ?=

chaos: setup  ## kill and starve the commands at random moments, count what breaks: half an hour
	PYTHONPATH=tests/support TF_CPP_MIN_LOG_LEVEL=3 $(PY) -m tests.chaos $(CHAOS_OPTIONS)

# Each reader in a process of its own with bounds; exit code 1 if one does not refuse well.
FUZZ_OPTIONS ?=

fuzz: setup  ## feed every reader of files with 110000 damaged ones: 5 minutes
	$(PY) -m tests.fuzz $(FUZZ_OPTIONS)

release-check: $(VENV)/.installed-release  ## build dist/ and use it in a new environment: 3 minutes
	tests/checkout/release_check.sh $(PY)

runtimes: runtimes-gpu runtimes-aarch64 runtimes-browser  ## all three runtimes: 450 MB

runtimes-gpu: setup  ## two Vulkan drivers for the GPU tests, into .runtimes: 43 MB
	$(PY) -m export.fetch_gpu_drivers

lint: setup  ## check with Ruff and mypy, change nothing
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: setup  ## sort imports and format the code with Ruff
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: setup  ## every benchmark, one after the other; JSON into runs/bench
	mkdir -p runs/bench
	for file in benchmarks/*.py; do \
		$(PY) "$$file" --json "runs/bench/$$(basename "$$file" .py).json"; done

# Where an exported file runs besides this machine's processor. Not in .venv, and `make clean` keeps
# them: delete the folder to remove them.
export RUNTIMES := .runtimes

runtimes-aarch64: setup  ## LiteRT for a phone's processor under qemu, into .runtimes: 115 MB
	export/devices/aarch64.sh "$$RUNTIMES/aarch64" $(PY) constraints.txt

runtimes-browser:  ## LiteRT.js, and Chromium if there is none, into .runtimes: 320 MB
	export/devices/browser.sh "$$RUNTIMES/browser"

# Apart from the others: QNN is under Qualcomm's licence, for development and benchmarking only.
runtimes-npu: setup  ## LiteRT's compiler for Qualcomm NPUs and their emulator, into .runtimes: 620 MB
	export/devices/npu.sh "$$RUNTIMES/npu" $(PY) constraints-npu.txt

mediapipe: runtimes-browser  ## MediaPipe for Python and browsers, outside .venv: 600 MB
	@test -n '$(PYTHON)' || { echo 'No Python 3.11 to 3.13 with venv was found.' >&2; exit 2; }
	export/devices/mediapipe/setup.sh "$$RUNTIMES/mediapipe" .venv-mediapipe \
		'$(PYTHON)' constraints-mediapipe.txt

mediapipe-test: setup mediapipe  ## exported files in MediaPipe's ImageSegmenter
	$(PY) -m pytest -m "" -rs tests/export/runtimes/test_mediapipe_client.py

# MLflow's packages ask for older ones than constraints.txt pins. This environment has them in front of
# those of .venv.
mlflow-test: $(VENV)/.installed-torch  ## train --mlflow, in .venv-mlflow: 460 MB
	$(PY) -m venv .venv-mlflow
	packages='import sysconfig; print(sysconfig.get_path("purelib"))'; \
		$(PY) -c "$$packages" > "$$(.venv-mlflow/bin/python -c "$$packages")/behind.pth"
	.venv-mlflow/bin/pip install --quiet 'mlflow>=3.17'
	.venv-mlflow/bin/python -m pytest -m "" -rs tests/training/test_trackers.py

# The shipped weights that the app's files are made from; DATA=path/to/camvid scores them.
export MODEL ?= segnet_lite_camvid

android-assets: setup  ## write android_demo_assets/ again: MODEL=NAME, DATA=DIR to score
	$(PY) -m export.android_assets --model "weights:$$MODEL" $(if $(DATA),--data "$$DATA")

android-kotlin: setup  ## compile, lint and test the Android app without Android: 154 MB
	export/devices/kotlin.sh "$$RUNTIMES/kotlin" $(PY)
	export/android/compile.sh "$$RUNTIMES/kotlin" $(PY)
	$(PY) -m pytest -m "" -rs tests/checkout/test_android_app.py

# Any Python, without .venv: the server sends files of this project and computes nothing.
WEB_OPTIONS ?=

web:  ## serve the page that runs the models (LiteRT.js, 38 MB); WEB_OPTIONS=--port 8000
	export/devices/litertjs.sh "$$RUNTIMES/litertjs"
	'$(PYTHON)' -m export.serve_web $(WEB_OPTIONS)

web-test: setup runtimes-browser  ## the page in headless Chromium; screenshots into runs/web
	$(PY) -m pytest -m "" tests/checkout/web

# Offline once the extra `docs` is installed. A warning of MkDocs or of a docstring ends it. The variable
# silences Material's advertisement of its successor.
docs: $(VENV)/.installed-docs  ## build the site of docs/ into site/, with every link checked: a minute
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	$(PY) -m docs_site.check site
	@echo 'Open site/index.html'

clean:  ## remove caches and the files of demo, bench and docs, keep other runs and .runtimes
	rm -rf runs/demo runs/bench site build dist *.egg-info .venv-ci \
		.mypy_cache .pytest_cache .ruff_cache .hypothesis
	find segnet_tf export benchmarks docs_site examples tests -name __pycache__ -type d -prune -exec rm -rf {} +

setup: $(VENV)/.installed  ## .venv with pinned packages, 2.6 GB

$(VENV)/.installed: setup.cfg pyproject.toml constraints.txt
	@test -n '$(PYTHON)' || { echo 'No Python 3.11 to 3.13 with venv was found. Install one' \
		'(Debian: python3.11-venv) or pass make PYTHON=/path/to/python3.11' >&2; exit 2; }
	@echo 'Setting up $(VENV): 2.6 GB, a few minutes, once.'
	'$(PYTHON)' -m venv $(VENV)
	$(PY) -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

# PyPI's PyTorch for x86-64 Linux carries CUDA, several GB. A CPU build in .venv meets the pin:
# `.venv/bin/pip install torch==2.13.0 torchvision==0.28.0 --index-url \
# https://download.pytorch.org/whl/cpu` first.
$(VENV)/.installed-torch: $(VENV)/.installed
	@echo 'Installing PyTorch, ONNX, OpenCV, trackers and Jupyter into $(VENV), once.'
	$(PY) -m pip install --quiet -c constraints.txt \
		-e '.[dev,torch,onnx,quantizer,tensorboard,wandb,notebook]' \
		opencv-python-headless
	touch $@

# Built by a C++ compiler: without one the tests of the CRF are skipped, and the next call tries again.
$(VENV)/.installed-crf: $(VENV)/.installed
	@$(PY) -m pip install --quiet -c constraints.txt -e '.[crf]' && touch $@ \
		|| echo 'pydensecrf2 was not built: the tests of the CRF are skipped.' >&2

$(VENV)/.installed-release: $(VENV)/.installed
	$(PY) -m pip install --quiet -c constraints.txt -e '.[dev,release]'
	touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(PY) -m pip install --quiet -c constraints.txt -e '.[dev,docs]'
	touch $@
