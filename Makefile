# A thin face over `venh`: sets up .venv once, then calls it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SCALE ?= smoke
METHOD ?= ivp_tencent
TRACK ?= 1

.PHONY: help run test lab train
help:
	@echo "make run     execute the course's notebooks (SCALE=smoke), then show the Track 1 table"
	@echo "make test    ruff, unit tests, parity with the authors' code, notebooks"
	@echo "make lab     open the notebooks, not executed, in JupyterLab"
	@echo "make train   train one method: METHOD=ivp_tencent TRACK=1 SCALE=course"

run: $(VENV)/.installed
	$(BIN)/venh run --scale $(SCALE)

test: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/python -m pytest tests/unit tests/parity tests/notebooks

lab: $(VENV)/.installed
	$(BIN)/jupyter lab notebooks

train: SCALE := course
train: $(VENV)/.installed
	$(BIN)/venh train $(METHOD) --track $(TRACK) --scale $(SCALE)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "venh needs Python 3.11 or newer, and '$(PYTHON)' is not; name another, e.g.: make PYTHON=python3.12 run"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "'$(PYTHON) -m venv' failed; on Debian and Ubuntu, install the package python3-venv"; exit 1; }

# The stamps carry the time of the last installation, so that a second call installs nothing.
$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -c constraints.txt -e '.[notebooks]'
	@if [ -e .git ]; then $(BIN)/venh strip --on-commit; fi
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install -c constraints.txt -e '.[notebooks,test]'
	@touch $@
