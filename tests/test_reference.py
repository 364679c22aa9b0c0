"""The library reference: every public name is on a page, described in full, with an example."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Protocol

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from bs4 import BeautifulSoup, Tag

import mbgd_lib

SITE = Path(__file__).parents[1] / "_build" / "html"
#: In the text of one page; the longest chapters have as many.
MOST_ELEMENTS = 12_000

MODULES = [
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(mbgd_lib.__path__, "mbgd_lib.")
    if "._" not in module.name
]

#: What a docstring may lack, and why.
LACKS = {
    # A protocol: nobody makes one. The classes that follow it say more, and show how.
    "mbgd_lib.objectives.Objective": {"Examples"},
    "mbgd_lib.objectives.Objective.value": {"Parameters", "Returns"},
    "mbgd_lib.objectives.Objective.gradient": {"Parameters", "Returns"},
    # Only its subclasses are made, and they have examples.
    "mbgd_lib.objectives.LinearModel": {"Parameters", "Examples"},
    "mbgd_lib.instruments.landscapes.Landscape": {"Examples"},
    "mbgd_lib.estimators.MiniBatchEstimator": {"Examples"},
    # Caught, not made.
    "mbgd_lib.descent.DivergenceError": {"Parameters"},
    # It needs the four original files of MNIST, which nobody else has to download.
    "mbgd_lib.mnist.build_sample": {"Examples"},
    # It shows an example that does not run: outside a notebook it would print for the page too.
    "mbgd_lib.show.report.quote": {"Examples"},
}


def public_names(module: ModuleType) -> dict[str, Any]:
    """Return the module's own functions and classes by name."""
    return {
        name: thing
        for name, thing in vars(module).items()
        if (inspect.isclass(thing) or inspect.isfunction(thing))
        and thing.__module__ == module.__name__
        and not name.startswith("_")
    }


def members(cls: type) -> dict[str, Any]:
    """Return the public methods and properties that a class defines itself."""
    return {
        name: thing
        for name, thing in vars(cls).items()
        if isinstance(thing, FunctionType | property) and not name.startswith("_")
    }


def entries() -> Iterator[tuple[str, Any]]:
    for module in MODULES:
        for name, thing in public_names(module).items():
            yield f"{module.__name__}.{name}", thing
            for member, value in members(thing).items() if inspect.isclass(thing) else ():
                yield f"{module.__name__}.{name}.{member}", value


ENTRIES = dict(entries())
# Functions and classes; the others are what a class holds.
NAMES = [f"{module.__name__}.{name}" for module in MODULES for name in public_names(module)]


# --- what a docstring says ---


def section(doc: str, title: str) -> str:
    """Return the text under one of numpydoc's headings."""
    found = re.search(rf"^{title}\n-+\n(.*?)(?=^\w+\n-+\n|\Z)", doc, re.DOTALL | re.MULTILINE)
    return found[1] if found else ""


def described(text: str) -> list[str]:
    """Return the names that a section describes."""
    heads = re.findall(r"^\S.*$", text, re.MULTILINE)
    return [name.lstrip("*") for head in heads for name in head.split(" : ")[0].split(", ")]


def arguments(thing: Any) -> list[str]:
    """Return what has to be described under Parameters."""
    if isinstance(thing, property) or getattr(thing, "_is_protocol", False):
        return []
    return [name for name in inspect.signature(thing).parameters if name != "self"]


def gives_something(thing: Any) -> bool:
    """Say whether a function returns or yields more than None."""
    returned = inspect.get_annotations(thing).get("return") if inspect.isfunction(thing) else None
    return returned not in (None, "None")


def faults(thing: Any, *, example: bool) -> dict[str, str]:
    """Name the parts of a docstring that are missing or wrong, each with what is wrong."""
    doc = inspect.cleandoc(thing.__doc__ or "")
    found = {}
    if not doc.partition("\n")[0].endswith((".", ":")):
        found["Summary"] = "the first line is no sentence"
    # The fields of a dataclass are its parameters, and are described as what they become.
    parameters = described(section(doc, "Attributes" if is_dataclass(thing) else "Parameters"))
    # In any order: names that belong together are described together.
    if sorted(parameters) != sorted(arguments(thing)):
        found["Parameters"] = f"{parameters} are described, {arguments(thing)} are taken"
    if gives_something(thing) and not (section(doc, "Returns") or section(doc, "Yields")):
        found["Returns"] = "what is returned is not described"
    examples = doctest.DocTestParser().get_examples(section(doc, "Examples"))
    if example and all(doctest.SKIP in line.options for line in examples):
        found["Examples"] = "there is no example, or none that runs"
    return found


@pytest.mark.parametrize("name", ENTRIES)
def test_docstring_is_complete(name):
    found = faults(ENTRIES[name], example=name in NAMES)
    unexpected = {part: what for part, what in found.items() if part not in LACKS.get(name, ())}
    assert not unexpected
    assert LACKS.get(name, set()) <= set(found), "LACKS names what is there"


def test_exceptions_are_about_public_names():
    assert set(LACKS) <= set(ENTRIES)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_examples_need_only_what_the_page_says(module):
    """NumPy, pyplot and the module's own names; and they leave no figure open."""
    mpl.use("agg")
    given = {"np": np, "plt": plt} | public_names(module)
    runner = doctest.DocTestRunner()
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, globs=given):
        runner.run(test)
    assert runner.failures == 0
    assert plt.get_fignums() == []


# --- the pages ---


def article(path: Path) -> BeautifulSoup:
    if not path.is_file():
        pytest.fail(f"there is no {path}: run make site", pytrace=False)
    return BeautifulSoup(path.read_text("utf-8"), "html.parser").select_one("article")


@pytest.fixture(scope="module")
def articles() -> list[BeautifulSoup]:
    """The pages of modules, one for each group."""
    return [article(path) for path in sorted((SITE / "book" / "reference").glob("*.html"))]


@pytest.fixture(scope="module")
def shown(articles) -> dict[str, BeautifulSoup]:
    return {
        str(title["id"]): title.parent
        for article in articles
        for title in article.select("dt.sig[id]")
    }


def targets(links: Iterable[Tag]) -> set[str]:
    """Return the names of the entries that links lead to, on whatever page they are."""
    return {str(link["href"]).partition("#")[2] for link in links}


def test_overview_lists_every_public_name_with_its_line():
    rows = article(SITE / "book" / "reference.html").select("table.autosummary tr")
    named = targets(row.select_one("td a.reference.internal") for row in rows)
    modules = {f"module-{module.__name__}" for module in MODULES}
    assert named == {*NAMES, *modules}
    lines = [row.select("td")[1].get_text(strip=True) for row in rows]
    assert all(lines)
    assert not [line for line in lines if ":math:" in line or "`" in line]


def test_no_page_is_heavy(articles):
    """Browsers and screen readers take seconds for a page of all modules."""
    assert max(len(article.find_all(True)) for article in articles) <= MOST_ELEMENTS


def test_every_public_name_is_on_a_page_and_no_other(shown):
    assert sorted(shown) == sorted(ENTRIES)


def test_every_module_has_its_heading(articles):
    headings = [heading.contents[0] for article in articles for heading in article.select("h2")]
    assert sorted(f"mbgd_lib.{name}" for name in headings) == sorted(m.__name__ for m in MODULES)


@pytest.mark.parametrize("name", NAMES)
def test_entry_shows_its_source_and_example(shown, name):
    entry = shown[name]
    source = entry.select_one("dt a[href*='_modules']")
    assert source["href"].endswith(f"#{name.removeprefix(ENTRIES[name].__module__ + '.')}")
    if "Examples" not in faults(ENTRIES[name], example=True):
        assert entry.select("dd pre .gp")
    assert not entry.select(".system-message, .problematic, cite")


def test_names_are_links_and_arguments_are_code(shown):
    entry = shown["mbgd_lib.descent.descend"]
    assert {
        "mbgd_lib.loop.steps",
        "mbgd_lib.loop.Step",
        "mbgd_lib.descent.Run",
        "mbgd_lib.descent.DivergenceError",
    } <= targets(entry.select("dd a.reference.internal"))
    assert entry.find("code", string="objective")
    assert '{"stop", "raise"}' in entry.get_text()


def test_inherited_methods_are_named(shown):
    links = shown["mbgd_lib.objectives.LeastSquares"].select("dd a.reference.internal")
    assert "mbgd_lib.objectives.LinearModel.value" in targets(links)


def test_formulas_are_typeset(shown):
    assert shown["mbgd_lib.objectives.LeastSquares"].select(".katex")


def test_signatures_show_no_types(shown):
    for entry in shown.values():
        signature = entry.select_one("dt").get_text()
        assert ":" not in signature.replace("#", "")


def test_a_protocol_shows_no_arguments(shown):
    assert "(" not in shown["mbgd_lib.objectives.Objective"].select_one("dt").get_text()


# --- the checks themselves: each must find its fault ---

GOOD = """Return twice the number.

Parameters
----------
x : float
*rest : float

Returns
-------
float

Examples
--------
>>> 1 + 1
2
"""


def with_docstring(doc: str) -> Callable[..., float]:
    def double(x: float, *rest: float) -> float: ...

    double.__doc__ = doc
    return double


def test_a_good_docstring_passes():
    assert faults(with_docstring(GOOD), example=True) == {}


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        ("Summary", GOOD, ""),
        ("Summary", "number.", "number"),
        ("Parameters", "x : float\n", ""),
        ("Parameters", "x : float\n", "z : float\n"),
        ("Parameters", "Parameters\n----------\nx : float\n*rest : float\n", ""),
        ("Returns", "Returns\n-------\nfloat\n", ""),
        ("Examples", ">>> 1 + 1\n2\n", ""),
        ("Examples", "1 + 1", "1 + 1  # doctest: +SKIP"),
    ],
)
def test_a_fault_is_found(part, old, new):
    assert old in GOOD
    assert part in faults(with_docstring(GOOD.replace(old, new)), example=True)


def test_what_returns_nothing_or_takes_nothing_need_not_say_so():
    def act() -> None:
        """Act."""

    class Kind(Protocol):
        """A kind."""

    @dataclass
    class Point:
        """A point.

        Attributes
        ----------
        x : float
        """

        x: float

    for thing in (act, Kind, Point):
        assert faults(thing, example=False) == {}
