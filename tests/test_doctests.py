import doctest
import importlib
import pkgutil

import matplotlib as mpl
import pytest

import mbgd_lib

MODULES = [module.name for module in pkgutil.walk_packages(mbgd_lib.__path__, "mbgd_lib.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings_print_what_they_say(name):
    mpl.use("agg")  # figures are drawn on no screen
    assert doctest.testmod(importlib.import_module(name)).failed == 0
