PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
UV := uv==0.13.8
# Compiled modules are kept: to compile them anew takes seconds of every command.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install brainscore demo gallery test lint format docs bench clean

help:
	@echo "make install     install hyp and its tools into .venv"
	@echo "make brainscore  install Brain-Score into an environment of its own"
	@echo "make demo        run nontarget-variability on the embedded engine and write its report"
	@echo "make gallery     write the reports of all claims to build/gallery (PROFILE=, STORE=)"
	@echo "make test        run the tests"
	@echo "make lint        check format, style and types"
	@echo "make docs        build the site into docs/_build/html"
	@echo "make bench       measure speed beside the peers; JSON goes to benchmarks/results"

install: .venv/.installed

.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "hyp needs Python 3.11 or newer; name one with make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(UV)
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints.txt -e ".[dev]"
	@touch $@

brainscore: install
	$(BIN)/hyp brainscore install

demo: install
	$(BIN)/hyp run nontarget-variability || [ $$? -ge 3 -a $$? -le 5 ]
	$(BIN)/hyp report nontarget-variability

# Of an existing store, or of one made here; PROFILE is the size of the runs that are shown.
PROFILE ?= laptop
STORE ?= build/gallery-store
GALLERY ?= build/gallery
MOST_KB := 5000

gallery: install
	@[ -e "$(STORE)/store.json" ] && [ "$(STORE)" != build/gallery-store ] \
	  || $(BIN)/hyp run --all --profile $(PROFILE) --store "$(STORE)" || [ $$? -ge 3 -a $$? -le 5 ]
	$(BIN)/hyp report --all --profile $(PROFILE) --store "$(STORE)"
	rm -rf "$(GALLERY)" && mkdir -p "$(dir $(GALLERY))" && cp -r "$(STORE)/reports" "$(GALLERY)"
	@kb=$$(du -sk "$(GALLERY)" | cut -f1); echo "gallery: $(GALLERY)/index.html, $$kb kB"; \
	  [ $$kb -le $(MOST_KB) ] || { echo "that is more than $(MOST_KB) kB"; exit 1; }

test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: install
	OMP_NUM_THREADS=1 $(BIN)/sphinx-build -W -q -b html docs docs/_build/html

bench: install
	for script in benchmarks/bench_*.py; do $(BIN)/python $$script || exit 1; done

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache docs/_build docs/reference/generated
