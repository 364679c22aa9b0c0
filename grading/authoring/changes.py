"""A known wrong answer that is written as changes to the solution, as in a diff.

Its cell holds comments only. After `# ` comes a sign, a space, and a line with its indentation: `-`
for a line of the solution that goes, `+` for one that comes, a space for one that stays and says
where. An empty line ends a change.
"""

from __future__ import annotations

import ast
import re

CHANGED_LINE = re.compile(r"# ?(?:([-+ ])(?: (.*))?)?")


class ChangeError(ValueError):
    """A change that does not fit the solution, with what is wrong."""


def are_changes(text: str) -> bool:
    """Whether a wrong answer's cell holds changes; else it is a whole answer."""
    signed = re.search(r"^# [-+]( |$)", text, re.MULTILINE) is not None
    if signed and ast.parse(text).body:
        raise ChangeError("a wrong answer is either all changes or all code; this mixes them")
    return signed


def applied(text: str, solution: str) -> str:
    """The solution with all changes made; each says where by lines that are there once."""
    lines = solution.splitlines()
    found, reached = [], 0
    for number, change in changes_in(text):
        old = [line for sign, line in change if sign != "+"]
        place = f"the change at line {number} of this cell"
        if not old:
            raise ChangeError(f"{place} only adds lines; begin with the line that they follow")
        starts = [k for k in range(len(lines)) if lines[k : k + len(old)] == old]
        if len(starts) != 1:
            raise ChangeError(
                f"{place} needs lines that the solution holds exactly once, one below the other; "
                f"these are there {len(starts)} times: {old}"
            )
        if starts[0] < reached:
            raise ChangeError(f"{place} must come before the one above it, and not overlap it")
        found += lines[reached : starts[0]] + [line for sign, line in change if sign != "-"]
        reached = starts[0] + len(old)
    return "\n".join(found + lines[reached:])


def changes_in(text: str) -> list[tuple[int, list[tuple[str, str]]]]:
    """Every change: the number of its first line, and signs with lines."""
    found: list[tuple[int, list[tuple[str, str]]]] = []
    begins = True
    for number, line in enumerate(text.splitlines(), 1):
        match = CHANGED_LINE.fullmatch(line)
        if line.strip() and not match:
            raise ChangeError(
                f"line {number} of this cell must start with '# - ', '# + ' or, for a line that "
                f"stays, '#   '; got {line!r}"
            )
        if match and begins:
            found.append((number, []))
        if match:
            found[-1][1].append((match[1] or " ", match[2] or ""))
        begins = not line.strip()
    return found
