"""Who is who in two lists: by the platform's number first, then by the exact full name."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grading.collecting.tables import ResultsError, harmless

NAME_COLUMNS = (
    *(("full name",), ("name",), ("student",)),
    *(("first name", "last name"), ("first name", "surname")),
)
ID_COLUMNS = ("identifier", "id")
KINDS = ("id", "number", "name")  # how two can be the same, the surest first


@dataclass(frozen=True)
class Person:
    """Somebody in a list, with a name, an identifier, or both."""

    name: str
    identifier: str = ""

    def __str__(self) -> str:
        return self.name or self.identifier or "nobody in particular"

    def keys(self, kind: str) -> set[str]:
        """What a person of the other list must share to be this one."""
        number = re.sub(r"^\D+ (?=\d+$)", "", folded(self.identifier))  # "Participant 12" is 12
        if kind == "id":
            return {number} - {""}
        if kind == "number":  # spreadsheets take leading zeros away
            return {number.lstrip("0")} if number.isdecimal() else set()
        last, comma, first = self.name.partition(",")
        turned = f"{first} {last}" if comma else self.name
        return {folded(self.name), folded(turned)} - {""}

    def joined(self) -> str:
        """The name as Canvas writes it into names of files: surname first, nothing between."""
        last, comma, first = self.name.partition(",")
        if not comma:
            *rest, last = self.name.split() or [""]
            first = " ".join(rest)
        return "".join(letter for letter in folded(last + first) if letter.isalnum())


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
    """Looks up the people of one list in another."""

    def __init__(self, people: Sequence[Person], others: Sequence[Person]) -> None:
        self.people, self.others = people, others
        self.index: dict[tuple[str, str], set[int]] = defaultdict(set)
        for k, other in enumerate(others):
            for kind in KINDS:
                for key in other.keys(kind):
                    self.index[kind, key].add(k)
            self.index["joined", other.joined()].add(k)
        # Numbers that meet are of one platform; then other numbers are other people.
        self.meet = any(self.places(person, "number") for person in people)

    def places(self, person: Person, kind: str) -> set[int]:
        """Who in the other list this may be."""
        named = self.having("name", person.keys("name") | {person.joined()})
        named |= self.having("joined", person.keys("name"))
        by_number = kind if kind != "name" else "number"
        if numbered := self.having(by_number, person.keys(by_number)):
            return numbered & named or (set() if named else numbered)  # if they disagree: nobody
        if kind != "name":
            return set()
        known = bool(person.identifier) and self.meet
        return {k for k in named if not (known and self.others[k].identifier)}

    def having(self, kind: str, keys: set[str]) -> set[int]:
        """Who has one of the keys."""
        return {k for key in keys - {""} for k in self.index.get((kind, key), ())}

    def everybody(self, person: Person) -> set[int]:
        """Who in the other list this may be, in whatever way."""
        return {k for kind in KINDS for k in self.places(person, kind)}

    def pairs(self) -> list[int | None]:
        """The place of each person in the other list, or None where it is not certain."""
        found: list[int | None] = [None] * len(self.people)
        for kind in KINDS:
            open_ = [k for k, place in enumerate(found) if place is None]
            maybe = {k: self.places(self.people[k], kind) for k in open_}
            sure = {k: next(iter(places)) for k, places in maybe.items() if len(places) == 1}
            claims = Counter(sure.values()) + Counter(found)
            for k, place in sure.items():
                if claims[place] == 1:
                    found[k] = place
        return found
