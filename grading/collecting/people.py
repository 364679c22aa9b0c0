"""Who is who in two lists: by the platform's number first, then by the exact full name."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grading.collecting.tables import ResultsError, harmless

NAME_COLUMNS = (
    *(("full name",), ("name",), ("student",)),
    *(("first name", "last name"), ("first name", "surname")),
)
ID_COLUMNS = ("identifier", "id")


@dataclass(frozen=True)
class Person:
    """Somebody in a list, with a name, an identifier, or both."""

    name: str
    identifier: str = ""

    def __str__(self) -> str:
        return self.name or self.identifier or "nobody in particular"

    @property
    def number(self) -> str:
        """The identifier, of which "Participant 12" holds more than the number."""
        return re.sub(r"^\D+ (?=\d+$)", "", folded(self.identifier))

    def keys(self) -> tuple[str, set[str], str]:
        """The number without the zeros that spreadsheets take away, full names, a joined name.

        Canvas joins names in names of files: surname first, nothing between.
        """
        last, comma, first = self.name.partition(",")
        if not comma:
            first, _, last = self.name.strip().rpartition(" ")
        joined = "".join(letter for letter in folded(last + first) if letter.isalnum())
        number = self.number.lstrip("0") if self.number.isdecimal() else self.number
        return number, {folded(self.name), folded(f"{first} {last}")} - {""}, joined


def person_of(named: Any) -> Person:
    """The student whom a platform has named, with a submission or without one."""
    return Person(named.student, named.platform_id)


def folded(text: str) -> str:
    """Text in which accents, spaces and capitals are written in one way, and no formula stands."""
    return harmless(" ".join(unicodedata.normalize("NFC", text).split()).casefold())


def people_in(rows: Sequence[Sequence[str]], what: str) -> list[Person]:
    """Everybody in a table; `what` names it where it has no column with names or identifiers."""
    header = [cell.strip().casefold() for cell in rows[0]] if rows else []
    names = next((columns for columns in NAME_COLUMNS if set(columns) <= set(header)), ())
    ids = [name for name in ID_COLUMNS if name in header][:1]
    if not names and not ids:
        allowed = ", ".join(" with ".join(columns) for columns in (*NAME_COLUMNS, ID_COLUMNS[:1]))
        raise ResultsError(f"{what} must have a column {allowed}; it has {', '.join(header)}")
    found = []
    for row in rows[1:]:
        entries = dict(zip(header, row, strict=False))
        both = (" ".join(entries.get(name, "") for name in columns) for columns in (names, ids))
        found.append(Person(*(text.strip() for text in both)))
    return found


class Match:
    """Two lists side by side: who in one may be who in the other."""

    def __init__(self, people: Sequence[Person], others: Sequence[Person]) -> None:
        self.places = look_up(people, others)
        self.back = look_up(others, people)
        # The place of each of the people among the others, or None where it is not certain.
        self.pairs = [
            place if len(found) == 1 and self.back[place := min(found)] == {k} else None
            for k, found in enumerate(self.places)
        ]


def look_up(people: Sequence[Person], others: Sequence[Person]) -> list[set[int]]:
    """For each of the people the places of those who may be the same."""
    index: dict[tuple[str, str], set[int]] = defaultdict(set)
    for k, other in enumerate(others):
        number, names, joined = other.keys()
        for key in ("number", number), ("joined", joined), *(("name", name) for name in names):
            index[key].add(k)
    by_number, by_name = [], []
    for person in people:
        number, names, joined = person.keys()
        alike = index.get(("number", number), set()) if number else set()
        alike = {k for k in alike if others[k].number == person.number} or alike
        keys = [(kind, name) for kind in ("name", "joined") for name in names] + [("name", joined)]
        named = {k for key in keys if key[1] for k in index.get(key, ())}
        # Where number and name disagree, it is nobody.
        by_number.append(None if not alike else alike & named or (set() if named else alike))
        by_name.append(named)
    # Numbers that meet are of one platform: there another number is another person.
    meet = any(by_number)
    return [
        {k for k in named if not (meet and person.number and others[k].number)}
        if alike is None
        else alike
        for person, alike, named in zip(people, by_number, by_name, strict=True)
    ]
