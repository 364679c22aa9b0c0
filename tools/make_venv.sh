#!/bin/sh
# Make a virtual environment with the packages of some requirement files, unless it is ready:
#
#     PYTHON=python3.12 sh tools/make_venv.sh .venv requirements.txt requirements-dev.txt
#
# The files are installed in turn, with the versions of requirements.lock where these fit. Each
# leaves a stamp that says what it was installed from: an environment without it is interrupted or
# outdated. Where the first file is, the environment is made anew; the others go on top of it.
# Without PYTHON, a ready environment of any Python will do.
set -eu

oldest=3.11
locked="3.11 3.12 3.13 3.14" # the Pythons for which requirements.lock is made
folder=$1
shift

main() {
  python=${PYTHON:-python3}
  wanted=$(version_of "$python")
  installed=$(version_of "$folder/bin/python")
  for file in "$@"; do
    if ! is_ready "$file"; then
      check_python
      echo "Installing the packages of $file into $folder (some minutes, this once)"
      if [ "$file" = "$1" ]; then
        rm -rf "$folder"
        "$python" -m venv "$folder"
        installed=$wanted
      fi
      install "$file"
      made_from "$file" >"$folder/ready-$file"
    fi
  done
}

# Print "3.12", or nothing where the Python is missing or does not run (as a pyenv shim may not).
version_of() {
  "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || :
}

is_ready() {
  [ -n "$installed" ] &&
    { [ -z "${PYTHON:-}" ] || [ "$installed" = "$wanted" ]; } &&
    [ "$(made_from "$1")" = "$(cat "$folder/ready-$1" 2>/dev/null)" ]
}

# Print a checksum of all that decides what is installed: the course's folder too, because the
# library is installed as a link to it, which a copied environment would follow to the original.
made_from() {
  { pwd && sed '/^\[tool.ruff\]/,$d' pyproject.toml && cat requirements.lock "$1"; } | cksum
}

check_python() {
  case $wanted in
  "") refuse "\"$python\" does not run" ;;
  [0-2].* | 3.[0-9] | 3.10) refuse "\"$python\" is $wanted" ;;
  esac
}

refuse() {
  echo "This course needs Python $oldest or newer, and $1; name another like this: make lab PYTHON=python3.12" >&2
  exit 1
}

install() {
  case " $locked " in *" $installed "*)
    if pip_install -r "$1" -c requirements.lock; then return; fi
    [ -z "${CI:-}" ] || exit 1 # there the digits must be those of the pages
    ;;
  esac
  echo "requirements.lock does not fit here, so the newest versions that $1 allows are installed: last digits may differ"
  pip_install -r "$1"
}

pip_install() {
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}

main "$@"
