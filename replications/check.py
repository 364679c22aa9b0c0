"""Compare a notebook with its replications: what falls out of range, and what is missing."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import mean, median
from typing import Any

from replications import notebooks
from replications.notebooks import HERE
from replications.values import NUMBER, Interval, Value, holds, names_in, rounding, value_of

#: So many worlds, at least, stand behind a number.
FEWEST_WORLDS = 20

#: A 95 % interval must cover the middle of the replications in this share of them, or more.
FEWEST_COVERED = 0.85

#: A number within a text; "nan" and "inf" are numbers too.
QUOTED = re.compile(rf"(?<!\w)(?:{NUMBER.pattern}|nan|[−-]?inf)(?!\w)")

#: Numbers of a sweep have few replications, whose range is narrow. It is widened by its own width
#: on each side: of normal values one in eight still falls outside that of three, one in 33
#: outside that of five.
FEW = 20


@dataclass(frozen=True)
class Finding:
    """Something on a page that its replications do not bear out."""

    page: str
    kind: str  # "range", "interval" or "verdict"
    what: str  # a quoted name, or a condition
    printed: str
    replications: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        return self.page, self.kind, self.what


class Replications:
    """What a notebook's numbers came to in other worlds."""

    def __init__(self, stored: Mapping[str, Any]) -> None:
        self.notebook: str = stored["notebook"]
        self.code: str = stored["code"]
        self.seeds: list[int] = stored["seeds"]
        self.numbers: dict[str, dict[str, Any]] = stored["numbers"]

    @classmethod
    def of(cls, path: Path, folder: Path = HERE) -> Replications:
        """Return those that are stored for a notebook."""
        return cls(json.loads((folder / f"{path.stem}.json").read_text(encoding="utf-8")))

    def in_world(self, index: int) -> dict[str, str]:
        """Return all numbers of one world, which belong together."""
        return {
            name: number["values"][index % len(number["values"])]
            for name, number in self.numbers.items()
        }

    def worlds(self) -> list[dict[str, str]]:
        return [self.in_world(index) for index in range(len(self.seeds))]


def problems_of(path: Path, folder: Path = HERE) -> list[str]:
    """Return why a notebook's replications cannot be compared with it, if they cannot.

    A page of prose has none of its own.
    """
    if path.suffix != ".ipynb":
        return []
    again = f"run `python -m replications run {path.stem[:2]}`"
    if not (folder / f"{path.stem}.json").exists():
        return [f"{path.name} has no replications: {again}"]
    stored, notebook = Replications.of(path, folder), notebooks.read(path)
    problems = []
    if stored.code != notebooks.checksum(notebook):
        problems.append(f"the replications of {path.name} are those of other code: {again}")
    if len(set(stored.seeds)) < FEWEST_WORLDS or 0 in stored.seeds:
        problems.append(f"{path.name} needs {FEWEST_WORLDS} other seeds, not {stored.seeds}")
    printed = notebooks.numbers_of(notebook)
    if missing := sorted(set(printed) ^ set(stored.numbers)):
        problems.append(f"{path.name} and its replications do not both have {missing}")
    return problems + interval_problems(path, printed)


#: A quoted name that is called a 95 % interval, in the same sentence.
CALLED_INTERVAL = re.compile(r"95 %[^{}.]*interval[^{}.]*\{glue:text\}`([\w-]+)`")


def interval_problems(path: Path, printed: Mapping[str, str]) -> list[str]:
    """Return intervals that are not named as such, or that belong to no estimate."""
    text = notebooks.markdown_of(path)
    problems = [
        f"{path.name}: {name} is called a 95 % interval, so its name must end in _interval"
        for name in CALLED_INTERVAL.findall(text)
        if not name.endswith("_interval")
    ]
    for name in printed:
        estimate = name.removesuffix("_interval")
        if estimate == name:
            continue
        if not isinstance(value_of(printed[name]), Interval):
            problems.append(f"{path.name}: {name} is no interval, but {printed[name]}")
        if estimate not in printed:
            problems.append(f"{path.name}: nothing is called {estimate}, as {name} asks for")
    return problems


def comparable(path: Path, folder: Path = HERE) -> bool:
    """Return whether a notebook and its replications have the same numbers."""
    if not (folder / f"{path.stem}.json").exists():
        return False
    printed = notebooks.numbers_of(notebooks.read(path))
    return set(printed) == set(Replications.of(path, folder).numbers)


def findings_of(path: Path, folder: Path = HERE) -> list[Finding]:
    """Return what of a page is not borne out by replications, its own or its notebooks'."""
    if path.suffix != ".ipynb":
        return [*fallen_verdicts(path, folder)]
    stored = Replications.of(path, folder)
    printed = notebooks.numbers_of(notebooks.read(path))
    return [
        *out_of_range(stored, printed),
        *intervals_that_miss(stored, printed),
        *fallen_verdicts(path, folder),
    ]


def out_of_range(stored: Replications, printed: Mapping[str, str]) -> Iterator[Finding]:
    """Find numbers that no replication comes near."""
    for name, number in stored.numbers.items():
        if not in_range(printed[name], number["values"], number["depends_on"]):
            yield Finding(
                Path(stored.notebook).name, "range", name, printed[name], tuple(number["values"])
            )


def in_range(printed: str, replications: Sequence[str], depends_on: str = "seed") -> bool:
    """Return whether a quoted text lies within its replications, with each number that it holds."""
    if depends_on == "nothing":
        return printed == replications[0]
    few = len(replications) < FEW
    words, numbers = _taken_apart(printed)
    others = [_taken_apart(text) for text in replications]
    alike = [there for its_words, there in others if its_words == words]
    return bool(alike) and all(
        _within(here, [there[place] for there in alike], few) for place, here in enumerate(numbers)
    )


def _taken_apart(text: str) -> tuple[str, list[float]]:
    """Return a text without its numbers, and these: "10 and 12" holds two, as an interval does."""
    numbers = [float(value_of(number[0])) for number in QUOTED.finditer(text)]  # type: ignore[arg-type]
    return QUOTED.sub("#", text), numbers


def _within(value: float, others: Sequence[float], few: bool) -> bool:
    if math.isnan(value):
        return any(map(math.isnan, others))
    known = [other for other in others if not math.isnan(other)]
    if not known:
        return False
    low, high = min(known), max(known)
    slack = high - low if few else 0.0
    return low - slack <= value <= high + slack


def intervals_that_miss(stored: Replications, printed: Mapping[str, str]) -> Iterator[Finding]:
    """Find 95 % intervals that leave out the middle of the replications too often."""
    for name, number in stored.numbers.items():
        estimate = name.removesuffix("_interval")
        if estimate == name or estimate not in stored.numbers or number["depends_on"] == "nothing":
            continue
        values = [value_of(text) for text in stored.numbers[estimate]["values"]]
        if coverage(number["values"], values) < FEWEST_COVERED:
            yield Finding(
                Path(stored.notebook).name,
                "interval",
                name,
                f"{printed[estimate]} ({printed[name]})",
                tuple(
                    f"{world[estimate]} ({world[name]})"
                    for world in stored.worlds()[: len(number["values"])]
                ),
            )


def coverage(intervals: Sequence[str], estimates: Sequence[Value]) -> float:
    """Return the share of intervals that hold the mean or median of the estimates.

    Half a unit of the last digit printed is granted at each end.
    """
    numbers = [v for v in estimates if isinstance(v, float) and not math.isnan(v)]
    if not numbers:
        return 0.0
    shares = []
    for middle in (mean(numbers), median(numbers)):
        covered = [
            ends.low - rounding(text) <= middle <= ends.high + rounding(text)
            for text in intervals
            if isinstance(ends := value_of(text), Interval)
        ]
        shares.append(sum(covered) / len(intervals))
    return max(shares)


def conditions_of(path: Path) -> Iterator[tuple[str, Path, str]]:
    """Return the conditions of a page: the role, the notebook whose numbers it compares, itself."""
    for role, content in notebooks.ROLE.findall(notebooks.markdown_of(path)):
        if role != "argued":
            document, _, condition = content.rpartition("::")
            yield role, (path.parent / document).resolve() if document else path, condition


def _printed(notebook: Path) -> dict[str, str]:
    return notebooks.numbers_of(notebooks.read(notebook))


def fallen_verdicts(path: Path, folder: Path = HERE) -> Iterator[Finding]:
    """Find conditions of a page that must hold in every world, and do not."""
    printed_in = cache(_printed)  # a notebook is read once, and not for each of its conditions
    worlds_of = cache(lambda notebook: Replications.of(notebook, folder).worlds())
    # A sentence that is said twice on a page falls once.
    for role, notebook, condition in dict.fromkeys(conditions_of(path)):
        if role != "holds":
            continue
        printed, worlds = printed_in(notebook), worlds_of(notebook)
        if not all(true_of(condition, texts) for texts in [printed, *worlds]):
            yield verdict_finding(path.name, condition, printed, worlds)


def true_of(condition: str, texts: Mapping[str, str]) -> bool:
    """Return whether a condition is true; where it compares a number with a word, it is not."""
    try:
        return holds(condition, texts)
    except ValueError:
        return False


def verdict_finding(
    page: str, condition: str, printed: Mapping[str, str], worlds: Sequence[Mapping[str, str]]
) -> Finding:
    """Return a fallen verdict with the numbers that it compares."""

    def numbers(texts: Mapping[str, str]) -> str:
        told = ", ".join(f"{name} = {texts[name]}" for name in sorted(names_in(condition)))
        return f"{'holds' if true_of(condition, texts) else 'fails'}: {told}"

    return Finding(
        page, "verdict", condition, numbers(printed), tuple(numbers(there) for there in worlds)
    )


def verdict_problems(path: Path) -> list[str]:
    """Return the verdicts of a page that name no condition, and conditions that say nothing."""
    problems = [
        f"{path.name}: a verdict without a condition: {verdict.start}"
        for verdict in notebooks.verdicts_of(path)
        if not verdict.conditions
    ]
    printed_in = cache(_printed)
    for _, notebook, condition in conditions_of(path):
        try:
            holds(condition, printed_in(notebook))
        except (ValueError, OSError) as error:
            problems.append(f"{path.name}: {error}")
    return problems
