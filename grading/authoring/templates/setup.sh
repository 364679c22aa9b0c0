#!/bin/sh
# Gradescope runs this once, as root, when it builds the image. Another place: setup.sh FOLDER
set -eu
root=${1:-/autograder}

apt-get update
apt-get install -y bubblewrap python3-venv

# The course needs Python 3.11; Ubuntu 22.04 has 3.10. Where the image's own will not do, uv brings
# another, to a place that everybody may read.
export UV_PYTHON_INSTALL_DIR="$root/python"
python3 -m venv "$root/uv"
"$root/uv/bin/pip" install uv
"$root/uv/bin/uv" venv --python ">=3.11,<3.15" "$root/venv"
# What grading needs of requirements.txt, without what builds the site.
"$root/uv/bin/uv" pip install --python "$root/venv/bin/python" -c "$root/source/requirements.lock" \
    numpy matplotlib cycler scikit-learn tqdm ipython jupytext nbformat jinja2 psutil pyyaml traitlets

# Solutions and hidden checks are for root alone, should answers ever run in sight of them.
chmod -R go= "$root/source/exercises"
