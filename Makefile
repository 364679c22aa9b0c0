# Every command of the course. `make` alone lists them. Works with GNU make 3.81 and later.

# Another Python: make site PYTHON=python3.12
PYTHON ?= python3
# Another port: make serve PORT=9000
PORT ?= 8000
# A site without the exercises' solutions: make site SOLUTIONS=no
SOLUTIONS ?= yes
# How many test processes run side by side: make test JOBS=4
JOBS ?= auto

OLDEST_PYTHON := 3.11
NEED_PYTHON := This course needs Python $(OLDEST_PYTHON) or newer

# The environment that a command runs in, and what is installed there; the last file names the others.
VENV = .venv
REQUIREMENTS = requirements.txt
with_frameworks := test-frameworks bench venv-frameworks
$(with_frameworks): VENV = .venv-frameworks
$(with_frameworks): REQUIREMENTS = requirements.txt requirements-frameworks.txt

VENV_PYTHON = $(VENV)/bin/python
PYTEST = $(VENV_PYTHON) -m pytest
# The test processes already fill the cores; BLAS threads on top would only make them wait for each other.
# Notebooks are stored so too: another number of threads may round the last bit another way.
ONE_BLAS_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

# Matplotlib lists the machine's fonts on its first import, and may say so in a notebook's outputs.
list_fonts = $(VENV_PYTHON) -c 'import matplotlib.font_manager' 2>/dev/null

.DEFAULT_GOAL := help
.PHONY: help site serve test test-frameworks bench sweeps lab exercises assignments grade export-grades lint format notebooks venv venv-frameworks clean

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

site: venv  ## build the site into _build/html; a warning is an error
	@$(forget_unfinished_build)
	$(VENV_PYTHON) -m grading pages --solutions $(SOLUTIONS)
	.venv/bin/jupyter-book build . -W -n --keep-going
	@touch $(SITE_FINISHED)
	@echo "The site is ready: _build/html/index.html"

serve: site  ## build the site and serve it on http://127.0.0.1:8000 (PORT=… for another port)
	$(VENV_PYTHON) -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

test: site lint  ## build the site, then lint, then run every test and every notebook
	@$(list_fonts)
	$(ONE_BLAS_THREAD) $(PYTEST) tests --numprocesses $(JOBS) --dist loadfile --cov
	$(ONE_BLAS_THREAD) $(PYTEST) notebooks --numprocesses $(JOBS) --dist loadfile --nbval --nbval-current-env

test-frameworks: venv-frameworks  ## compare with PyTorch, Keras, JAX and nbgrader (installs them)
	$(ONE_BLAS_THREAD) $(PYTEST) tests/frameworks

bench: venv-frameworks  ## time an epoch against its peers, side by side (installs them; some minutes)
	$(VENV_PYTHON) -m benchmarks

sweeps: venv  ## measure again what takes minutes, and store it for the chapters (half an hour)
	$(ONE_BLAS_THREAD) $(VENV_PYTHON) -m sweeps

lab: venv  ## open chapters and exercises in JupyterLab (folders notebooks and practice)
	$(VENV_PYTHON) -m grading practice
	$(VENV_PYTHON) -m jupyterlab --notebook-dir .

exercises: venv  ## try every exercise set out: its solutions, the release, known wrong answers
	$(VENV_PYTHON) -m grading check $(SET) $(with_variant)

assignments: venv  ## make a zip for students of every exercise set (SET=…, VARIANT=folder)
	$(VENV_PYTHON) -m grading assignments $(SET) $(with_variant)

grade: venv  ## grade a folder of handed-in notebooks: make grade SUBMISSIONS=folder SET=name (VARIANT=folder)
	@$(call need,SUBMISSIONS,the folder that holds what was handed in)
	@$(call need,SET,the name or number of an exercise set)
	$(VENV_PYTHON) -m grading grade $(SET) "$(SUBMISSIONS)" $(with_variant)

export-grades: venv  ## put totals into a platform's table: SET=name PLATFORM=moodle|canvas|gradescope TABLE=file
	@$(call need,SET,the name or number of an exercise set)
	@$(call need,PLATFORM,moodle or canvas or gradescope)
	@$(call need,TABLE,the CSV that the platform gave)
	$(VENV_PYTHON) -m grading export $(SET) "$(PLATFORM)" "$(TABLE)" $(with_variant) $(if $(COLUMN),--column "$(COLUMN)")

lint: venv  ## check style, format and types
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m ruff format --check .
	$(VENV_PYTHON) -m mypy

format: venv  ## rewrite Python files and notebooks in the project's format
	$(VENV_PYTHON) -m ruff check --fix .
	$(VENV_PYTHON) -m ruff format .

notebooks: venv  ## run every notebook and store its outputs
	@$(list_fonts)
	$(ONE_BLAS_THREAD) $(VENV_PYTHON) tests/stored_notebooks.py

venv:  ## make .venv with the packages of requirements.txt (the others call this)
	@$(if $(ready),:,$(make_venv))

venv-frameworks:  ## make .venv-frameworks, which holds the frameworks too
	@$(if $(ready),:,$(make_venv))

clean:  ## remove the built site, caches, .venv and .venv-frameworks, but nothing of yours
	rm -rf _build assignments book/exercises .venv .venv-frameworks .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis build mbgd_lib.egg-info
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

# --- exercises ------------------------------------------------------------------------------------------------

with_variant = $(if $(VARIANT),--variant "$(VARIANT)")
need = $(if $($(1)),:,$(error $(1) is missing: $(2)))

# --- .venv and .venv-frameworks ------------------------------------------------------------------------------
# A finished installation leaves .venv/ready-<Python version>, which holds a checksum of all that it was made from
# (the folder too: a copied .venv would run the original). A .venv without it is interrupted or outdated.

made_from = $(shell { pwd; cat $(REQUIREMENTS) pyproject.toml; } | cksum)
# "3.12", or "3.10 old", or nothing where PYTHON is missing or does not run (as a pyenv shim may not).
found = $(shell "$(PYTHON)" -c 'import sys; v = sys.version_info[:2]; print("%d.%d" % v + " old" * (v < ($(subst .,$(comma) ,$(OLDEST_PYTHON)))))' 2>/dev/null)
comma := ,
# Without PYTHON=…, a ready .venv of any version will do.
ready_stamp = $(VENV)/ready-$(if $(filter file,$(origin PYTHON)),*,$(found))
ready = $(shell $(VENV_PYTHON) -c '' 2>/dev/null && cat $(ready_stamp) 2>/dev/null | grep -Fx '$(made_from)')

# The sh command that makes it anew; make stops here, with one line, where there is no Python to make it with.
make_venv = $(check_python)echo "Installing the packages of $(lastword $(REQUIREMENTS)) into $(VENV) (some minutes, this once)"; \
	rm -rf $(VENV) && "$(PYTHON)" -m venv $(VENV) && \
	$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check -r $(lastword $(REQUIREMENTS)) && \
	echo '$(made_from)' > $(VENV)/ready-$(found)
check_python = $(if $(found),,$(error $(NEED_PYTHON), and "$(PYTHON)" does not run; $(name_another)))$(if \
	$(filter old,$(found)),$(error $(NEED_PYTHON), and "$(PYTHON)" is $(firstword $(found)); $(name_another)))
name_another = name another like this: make $(firstword $(MAKECMDGOALS)) PYTHON=python3.12

# --- site ----------------------------------------------------------------------------------------------------
# Sphinx warns about a page only when it reads it. After a failed or interrupted build, or a change of what shapes every
# page, it must read them all again: else a second `make site` would pass over the same faults in silence.

SITE_FINISHED := _build/finished
forget_unfinished_build = if [ ! -e $(SITE_FINISHED) ] || \
	[ -n "$$(find book/_ext book/_static requirements.txt -newer $(SITE_FINISHED) -not -name '*.pyc' -type f)" ]; \
	then rm -rf _build/.doctrees; fi; rm -f $(SITE_FINISHED)
