"""Who is who in two lists: by the platform's number first, then by the exact full name."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from grading.collecting.tables import ResultsError, Table
from grading.collecting.text import harmless

FIRST = "first name"
NAME_COLUMNS = (("full name",), ("name",), ("student",), (FIRST, "last name"), (FIRST, "surname"))
ID_COLUMNS = ("identifier", "id")


@dataclass(frozen=True)
class Person:
    """Somebody in a list, with a name, an identifier, or both."""

    name: str
    identifier: str = ""

    def __str__(self) -> str:
        return self.name or self.identifier or "nobody in particular"

    @cached_property
    def number(self) -> str:
        """The identifier, of which "Participant 12" holds more than the number."""
        return re.sub(r"^\D+ (?=\d+$)", "", folded(self.identifier))

    @cached_property
    def short_number(self) -> str:
        """The number without the zeros that spreadsheets take away."""
        return self.number.lstrip("0") if self.number.isdecimal() else self.number

    @cached_property
    def names(self) -> tuple[str, str]:
        """The full name, and how Canvas writes it in files' names: surname first, all joined."""
        last, comma, first = self.name.partition(",")
        if not comma:
            first, _, last = self.name.strip().rpartition(" ")
        joined = "".join(letter for letter in folded(last + first) if letter.isalnum())
        return folded(f"{first} {last}"), joined

    def is_namesake(self, other: "Person") -> bool:
        """Whether both have the same full name, one of them perhaps as Canvas writes it."""
        (full, joined), (other_full, other_joined) = self.names, other.names
        if not full or not other_full:
            return False
        return full in (other_full, other_joined) or joined == other_full


def person_of(named: Any) -> Person:
    """The student whom a platform has named, with a submission or without one."""
    return Person(named.student, named.platform_id)


def folded(text: str) -> str:
    """Text in which accents, spaces and capitals are written in one way, and no formula stands."""
    return harmless(" ".join(unicodedata.normalize("NFC", text).split()).casefold())


def people_in(table: Table, what: str) -> list[Person]:
    """Everybody in a table; `what` names it where it has no column with names or identifiers."""
    header = {column.strip().casefold(): column for column in table.columns}
    names = next((columns for columns in NAME_COLUMNS if set(columns) <= set(header)), ())
    ids = [name for name in ID_COLUMNS if name in header][:1]
    if not names and not ids:
        allowed = ", ".join(" with ".join(columns) for columns in (*NAME_COLUMNS, ID_COLUMNS[:1]))
        raise ResultsError(f"{what} must have a column {allowed}; it has {', '.join(header)}")
    return [
        Person(*(" ".join(row[header[one]] for one in found).strip() for found in (names, ids)))
        for row in table.rows
    ]


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
    # Numbers that meet are of one platform: there another number is another person.
    meet = {one.short_number for one in people} & {one.short_number for one in others} - {""}
    found = []
    for person in people:
        named = {k for k, other in enumerate(others) if person.is_namesake(other)}
        if person.short_number in meet:
            same = {k for k, one in enumerate(others) if one.short_number == person.short_number}
            same = {k for k in same if others[k].number == person.number} or same
            # Where number and name tell of different people, it is nobody.
            found.append(same & named if named else same)
        else:
            is_other = bool(meet and person.number)
            found.append({k for k in named if not (is_other and others[k].number)})
    return found
