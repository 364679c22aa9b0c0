"""The name under which tests have imported `store_notebooks`, which they now find in tools/."""

import sys

import store_notebooks

sys.modules[__name__] = store_notebooks
