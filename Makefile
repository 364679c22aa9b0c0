# Every command of the course. `make` alone lists them. Works with GNU make 3.81 and later.

# Another Python: make site PYTHON=python3.12
export PYTHON ?=
# Another port: make serve PORT=9000
PORT ?= 8000
# A site without the exercises' solutions: make site SOLUTIONS=no
SOLUTIONS ?= yes
# Notebooks whose cells need PyTorch, Keras or JAX: make lab FRAMEWORKS=yes, make notebooks N=8 FRAMEWORKS=yes
FRAMEWORKS ?=
# What the library's own tests miss, in the same run: make test COVERAGE=yes
COVERAGE ?=
# How many test processes run side by side: make test JOBS=4
JOBS ?= auto

HERE := .venv/bin/python
WITH_FRAMEWORKS := .venv-frameworks/bin/python
CHOSEN := $(if $(FRAMEWORKS),$(WITH_FRAMEWORKS),$(HERE))
# The test processes already fill the cores; BLAS threads on top would only make them wait for each other.
# Notebooks are stored so too: another number of threads, or a processor's own kernel, may round the last bit another way,
# and after thousands of steps on a rugged surface a run then ends in another valley.
ONE_BLAS_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_CORETYPE=Haswell
SIDE_BY_SIDE := --numprocesses $(JOBS) --dist loadfile
PYTEST = $(ONE_BLAS_THREAD) $(HERE) -m pytest $(SIDE_BY_SIDE)
# Matplotlib lists the machine's fonts on its first import, and may say so in a notebook's outputs.
LIST_FONTS = @$(CHOSEN) -c 'import matplotlib.font_manager' 2>/dev/null

.DEFAULT_GOAL := help
.PHONY: help site serve pdf zip lab check check-mine format lint test test-library list-library test-chapter test-exercises test-site coverage nbval \
	test-frameworks bench sweeps replicate notebooks exercises assignments nbgrader-source gradescope grade export-grades lock venv-read venv venv-frameworks clean

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

# --- to read, run and assign the course ----------------------------------------------------------------------

site: venv-read  ## build the site into _build/html; a warning is an error
	@$(forget_unfinished_build)
	$(HERE) -m grading pages --solutions $(SOLUTIONS)
	.venv/bin/jupyter-book build . -W -n --keep-going
	@touch $(SITE_FINISHED)
	@echo "The site is ready: _build/html/index.html"

# Sphinx warns about a page only when it reads it. After a failed or interrupted build, or a change of what shapes every
# page, it must read them all again, and show sources anew: else a second `make site` would pass over the same faults in silence.
SITE_FINISHED := _build/finished
forget_unfinished_build = if [ ! -e $(SITE_FINISHED) ] || \
	[ -n "$$(find book/_ext book/_static book/_templates replications/*.py requirements.txt requirements.lock -newer $(SITE_FINISHED) -not -name '*.pyc' -type f)" ]; \
	then rm -rf _build/.doctrees _build/html/_modules; fi; rm -f $(SITE_FINISHED)

serve: venv-read  ## build the site and serve it on http://127.0.0.1:8000 (PORT=… for another port)
	@$(HERE) tools/serve.py $(PORT) --check
	@$(MAKE) --no-print-directory site
	@$(HERE) tools/serve.py $(PORT)

pdf: site  ## print one chapter into _build/pdf, with the Chromium or Chrome that is installed (N=3)
	@$(call need,N,the number of a chapter)
	@browser=$$(command -v chromium || command -v chromium-browser || command -v google-chrome) || \
		{ echo "make pdf needs a browser: install chromium or google-chrome" >&2; exit 1; }; \
	page=$$(ls _build/html/notebooks/0$(N)_*.html) && mkdir -p _build/pdf && \
	pdf="_build/pdf/$$(basename "$$page" .html).pdf" && \
	"$$browser" --headless $$([ "$$(id -u)" != 0 ] || echo --no-sandbox) --disable-gpu --no-pdf-header-footer --print-to-pdf="$$pdf" "file://$(CURDIR)/$$page" && \
	echo "Printed: $$pdf"

zip: venv-read  ## pack the course, as the last commit has it, into _build/mini-batch-course.zip
	@$(HERE) -m tools.take_away

lab: $(if $(FRAMEWORKS),venv-frameworks,venv-read)  ## open chapters and exercises in JupyterLab (folders reading and practice, both yours)
	$(CHOSEN) -m grading practice
	$(CHOSEN) -m tools.reading_notebooks
	$(CHOSEN) -m jupyterlab --notebook-dir .

with_variant = $(if $(VARIANT),--variant "$(VARIANT)")
need = $(if $($(1)),:,$(error $(1) is missing: $(2)))

check-mine: venv-read  ## run all checks on your own notebook in practice, and list what passed (SET=1)
	@$(call need,SET,the name or number of an exercise set)
	@$(HERE) -m grading mine $(SET)

exercises: venv-read  ## try every exercise set out: its solutions, the release, known wrong answers
	$(HERE) -m grading check $(SET) $(with_variant)

assignments: venv-read  ## make a zip for students of every exercise set (SET=…, VARIANT=folder)
	$(HERE) -m grading assignments $(SET) $(with_variant)

nbgrader-source: venv-read  ## write nbgrader's source folder and config, for every exercise set (SET=…, VARIANT=folder)
	$(HERE) -m grading assignments --as nbgrader $(SET) $(with_variant)

gradescope: venv-read  ## build the zip with which Gradescope grades an exercise set (SET=2, VARIANT=folder)
	@$(call need,SET,the name or number of an exercise set)
	$(HERE) -m grading assignments --as gradescope $(SET) $(with_variant)

grade: venv-read  ## grade a folder of handed-in notebooks: make grade SUBMISSIONS=folder SET=name (VARIANT=folder, ROSTER=table, AGAIN=yes)
	@$(call need,SUBMISSIONS,the folder that holds what was handed in)
	@$(call need,SET,the name or number of an exercise set)
	$(HERE) -m grading grade $(SET) "$(SUBMISSIONS)" $(with_variant) $(if $(ROSTER),--roster "$(ROSTER)") $(if $(AGAIN),--again)

export-grades: venv-read  ## put totals into a platform's table: SET=name PLATFORM=moodle|canvas|gradescope TABLE=file
	@$(call need,SET,the name or number of an exercise set)
	@$(call need,PLATFORM,moodle or canvas or gradescope)
	@$(call need,TABLE,the CSV that the platform gave)
	$(HERE) -m grading export $(SET) "$(PLATFORM)" "$(TABLE)" $(with_variant) $(if $(COLUMN),--column "$(COLUMN)")

# --- to change it --------------------------------------------------------------------------------------------
# The tests, by what they test. A file that is named nowhere here tests the library.

CHAPTER_TESTS := $(wildcard tests/test_chapter_*.py tests/test_deeper_*.py tests/test_tutorials.py tests/test_notebook*.py tests/test_sweeps.py tests/test_replications.py)
SITE_TESTS := $(wildcard tests/test_site*.py tests/test_exercise_pages.py tests/test_reference.py \
	tests/test_interactive_*.py tests/test_digit_pad.py tests/test_explorers.py tests/test_typed_predictions.py tests/test_replicated_*.py tests/test_reading_*.py)
EXERCISE_TESTS := $(filter-out $(SITE_TESTS),$(wildcard tests/test_exercise_*.py tests/test_grading_*.py \
	tests/test_marking.py tests/test_collect.py tests/test_results.py tests/test_gradescope.py))
OTHER_TESTS := $(wildcard tests/test_makefile.py tests/test_packaging.py tests/test_requirements.py tests/test_benchmarks.py)
LIBRARY_TESTS := $(filter-out $(CHAPTER_TESTS) $(EXERCISE_TESTS) $(SITE_TESTS) $(OTHER_TESTS),$(wildcard tests/test_*.py))

check: lint test-library  ## after an edit: style, format, types and the library's own tests (a minute)

format: venv  ## rewrite Python files and notebooks in the project's format
	$(HERE) -m ruff check --fix .
	$(HERE) -m ruff format .

lint: venv  ## check style, format and types
	$(HERE) -m ruff check .
	$(HERE) -m ruff format --check .
	$(HERE) -m mypy

test: site lint  ## everything: build the site, lint, run every test and every notebook
	$(LIST_FONTS)
	$(if $(COVERAGE),@$(MAKE) --no-print-directory coverage)
	$(PYTEST) $(if $(COVERAGE),$(filter-out $(LIBRARY_TESTS),$(wildcard tests/test_*.py)),tests)

test-library: venv  ## test the library alone
	$(PYTEST) $(LIBRARY_TESTS)

list-library:  ## list the files that test the library, for a pytest of your own
	@echo $(LIBRARY_TESTS)

test-chapter: venv  ## test one chapter: its page, its notebook run and compared, its exercises (N=3)
	@$(call need,N,the number of a chapter)
	$(LIST_FONTS)
	$(PYTEST) tests/test_notebooks.py tests/test_replications.py tests/test_exercise_sets.py $(wildcard tests/test_chapter_0$(N).py tests/test_deeper_0$(N).py) -k '0$(N)_ or chapter_0$(N) or deeper_0$(N)'

test-exercises: venv  ## test the exercise sets and what grades them
	$(PYTEST) $(EXERCISE_TESTS)

test-site: site venv  ## build the site and test its pages, in a browser too
	$(PYTEST) $(SITE_TESTS)

test-frameworks: venv-frameworks  ## compare with PyTorch, Keras, JAX and nbgrader (installs them), and run the notebooks that use them
	@$(WITH_FRAMEWORKS) -c 'import matplotlib.font_manager' 2>/dev/null
	$(ONE_BLAS_THREAD) $(WITH_FRAMEWORKS) -m pytest $(SIDE_BY_SIDE) tests/frameworks

coverage: venv  ## list the library's lines that its own tests miss; too many are an error
	$(PYTEST) $(LIBRARY_TESTS) --cov

# nbval can pass over no cell but by tags of its own, and so leaves out notebooks that need a framework: test-frameworks
# runs these whole.
nbval: venv  ## run the notebooks a second way, with nbval, which knows nothing of this project
	$(LIST_FONTS)
	$(PYTEST) $$($(HERE) tools/store_notebooks.py --list) --nbval --nbval-current-env

named = $(wildcard $(foreach folder,notebooks notebooks/*,$(folder)/0$(N)_*.ipynb $(folder)/$(N)_*.ipynb))

notebooks: $(if $(FRAMEWORKS),venv-frameworks,venv)  ## run notebooks and store their outputs (N=3: those of chapter 3 alone; FRAMEWORKS=yes)
	$(LIST_FONTS)
	$(CHOSEN) tools/store_notebooks.py $(if $(N),$(or $(named),$(error no notebook has the number $(N))))

sweeps: venv  ## measure again what takes minutes, and store it for the chapters (SEED=1: in another world)
	$(ONE_BLAS_THREAD) $(HERE) -m sweeps $(if $(SEED),--seed $(SEED))

replicate: $(if $(FRAMEWORKS),venv-frameworks,venv)  ## run every notebook with other master seeds, and store what they find (N=3; FRAMEWORKS=yes; an hour at most)
	$(CHOSEN) -m replications run $(N)

bench: venv-frameworks  ## time an epoch against its peers, side by side (installs them; some minutes)
	$(WITH_FRAMEWORKS) -m benchmarks

# --- what it all runs in -------------------------------------------------------------------------------------

venv-read:  ## make .venv with what reading, running and grading take (the others call this as they need it)
	@sh tools/make_venv.sh .venv requirements.txt

venv:  ## make .venv with what tests and checks take too
	@sh tools/make_venv.sh .venv requirements.txt requirements-dev.txt

venv-frameworks:  ## make .venv-frameworks, which holds the frameworks too
	@sh tools/make_venv.sh .venv-frameworks requirements.txt requirements-dev.txt requirements-frameworks.txt

lock: venv  ## renew requirements.lock: every package, or one (PACKAGE=numpy)
	$(HERE) -m pip install --quiet uv
	$(HERE) -m uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
		--no-emit-package mbgd-lib --annotation-style line --custom-compile-command 'make lock' \
		$(if $(PACKAGE),--upgrade-package $(PACKAGE),--upgrade) requirements-dev.txt --output-file requirements.lock

clean:  ## remove the built site, caches, .venv and .venv-frameworks, but nothing of yours
	rm -rf _build assignments book/exercises .venv .venv-frameworks .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist mbgd_lib.egg-info
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
