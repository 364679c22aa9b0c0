"""The core is what the package says it is, and stays an hour's reading."""

import ast
import re
from pathlib import Path

import mbgd_lib

FOLDER = Path(mbgd_lib.__file__).parent
READING_ORDER = re.findall(r"`(\w+)`", mbgd_lib.__doc__.partition("Around it")[0])
MOST_LINES = 1000


def lines_of_code(path):
    """Count the lines that are neither blank, nor a comment, nor in a docstring."""
    text = path.read_text("utf-8")
    in_docstrings = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            in_docstrings.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = enumerate(text.splitlines(), start=1)
    return sum(
        bool(line.strip()) and not line.strip().startswith("#") and number not in in_docstrings
        for number, line in lines
    )


def test_the_core_is_an_hours_reading():
    counts = {name: lines_of_code(FOLDER / f"{name}.py") for name in READING_ORDER}
    assert sum(counts.values()) <= MOST_LINES, counts


def test_the_reading_order_names_each_module_after_what_it_needs():
    assert {"batches", "objectives", "updates", "loop", "descent", "schedules"} <= set(
        READING_ORDER
    )
    for name in READING_ORDER:
        tree = ast.parse((FOLDER / f"{name}.py").read_text("utf-8"))
        needed = {
            node.module.removeprefix("mbgd_lib.")
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module.startswith("mbgd_lib.")
        }
        # Nothing of the core needs an instrument, nor what comes after it in the order.
        earlier = READING_ORDER[: READING_ORDER.index(name)]
        assert needed <= {"_arguments", *earlier}, name


def test_weights_are_updated_in_a_loop_in_one_place():
    """A rule is called in `loop`; the compiled twin of that loop says that it is one."""
    calls = {
        path.name
        for path in FOLDER.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "update"
        and "state" in ast.unparse(node.func.value)
    }
    assert calls == {"loop.py"}
    steps_by_hand = re.compile(r"\b(weights|w|theta)\b *(-=|= *\1 *-)")
    by_hand = {
        path.name for path in FOLDER.rglob("*.py") if steps_by_hand.search(path.read_text("utf-8"))
    }
    assert by_hand <= {"updates.py", "_compiled.py"}
