"""Who is who in two lists: by the platform's number first, then by the exact full name."""

import contextlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import product
from typing import Any

from grading.collecting.tables import ResultsError, Table
from grading.collecting.text import harmless

FIRST = "first name"
PAIRS = ((FIRST, "last name"), (FIRST, "surname"), ("name", "surname"))
NAME_COLUMNS = (("full name",), *PAIRS, ("name",), ("student",))
ID_COLUMNS = ("github_username", "identifier", "id", "sid", "username", "login")
LOST = str.maketrans("łøđħŧı\ufffd", "lodhti?")  # what programs write where they lack a letter
NOT_IN_FILES = re.compile(r"[&<>\"`|':\\/’]")  # Moodle leaves these out
GROUP = re.compile(r"^[^-]*[\d ][^-]*-(?=\S)")  # which Moodle writes before a name
SUFFIX = re.compile(r"(jr|sr)\.?|ii|iii|iv", re.IGNORECASE)


@dataclass(frozen=True)
class Person:
    """Somebody in a list, with a name, an identifier, or both."""

    name: str
    identifier: str = ""

    def __str__(self) -> str:
        both = self.name and self.identifier
        return f"{self.name} ({self.identifier})" if both else self.name or self.identifier

    @cached_property
    def number(self) -> str:
        """The identifier, of which "Participant 12" holds more than the number."""
        return re.sub(r"^\D+ (?=\d+$)", "", folded(self.identifier))

    @cached_property
    def short_number(self) -> str:
        """The number without the zeros that spreadsheets take away."""
        return (self.number.isdecimal() and self.number.lstrip("0")) or self.number

    @cached_property
    def names(self) -> tuple[str, str, str]:
        """The full name; surname first and all joined, as in Canvas' files; without a group."""
        name = NOT_IN_FILES.sub("", self.name).strip()
        with contextlib.suppress(UnicodeError):  # UTF-8 that a program took for cp1252
            name = name.encode("cp1252").decode("utf-8")
        last, comma, first = name.partition(",")
        if not comma or SUFFIX.fullmatch(first.strip()):
            first, _, last = name.replace(",", "").rpartition(" ")
        joined = "".join(letter for letter in folded(last + first) if letter.isalnum())
        full = folded(f"{first} {last}")
        return full, joined, GROUP.sub("", full)

    @cached_property
    def bare_names(self) -> list[str]:
        """The names without accents and signs, with ? for letters that were lost."""
        letters = (unicodedata.normalize("NFKD", name.translate(LOST)) for name in self.names)
        return ["".join(c for c in name if c.isalnum() or c == "?") for name in letters]

    def is_namesake(self, other: "Person") -> bool:
        """Whether both have one full name, perhaps as platforms, which give numbers, write it."""
        for one, two in ((self, other), (other, self)):  # a name alone may be an identifier
            if one.number and not two.number and folded(two.name) == one.number:
                return True
        (full, joined, alone), (other_full, other_joined, other_alone) = self.names, other.names
        same = full == other_full
        same |= bool(self.number) and (full == other_joined or alone == other_full)
        same |= bool(other.number) and (other_full == joined or other_alone == full)
        return same and bool(full and other_full)

    def shares_number(self, other: "Person") -> bool:
        """Whether both have one number, and the names leave it possible that it is one person's."""
        if not self.number or self.short_number != other.short_number:
            return False
        for one, two in ((self, other), (other, self)):
            name, number = one.names[0], folded(one.identifier)
            no_name = name in ("", "participant", number)  # that of anonymous work
            if no_name or name.endswith(f"-{two.names[0]}"):  # after a group's
                return True
            for mine, theirs in product(one.bare_names, two.bare_names):
                if fnmatchcase(mine, theirs.replace("?", "*")):
                    return True
        return False


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
        allowed = ", ".join(" with ".join(columns) for columns in (*NAME_COLUMNS, ID_COLUMNS[1:2]))
        raise ResultsError(f"{what} must have a column {allowed}; line 1 has {', '.join(header)}")
    if ids == ["github_username"]:  # whatever else is known of somebody may be empty
        names = tuple(name for name in ("identifier", "name") if name in header)
    return [
        Person(*(" ".join(row[header[one]] for one in found).strip() for found in (names, ids)))
        for row in table.rows
    ]


class Match:
    """Two lists side by side: who in one may be who in the other."""

    def __init__(self, people: Sequence[Person], others: Sequence[Person]) -> None:
        self.people, self.others = people, others
        self.places = look_up(people, others)
        self.back = look_up(others, people)
        # The place of each of the people among the others, or None where it is not certain.
        self.pairs = [
            place if len(found) == 1 and self.back[place := min(found)] == {k} else None
            for k, found in enumerate(self.places)
        ]

    def rivals(self, places: set[int]) -> int:
        """How many may be one of these others."""
        return len(set().union(*(self.back[place] for place in places)))

    def told(self, k: int) -> str:
        """One of the people, and why this is none of the others for certain."""
        one, found = self.people[k], [self.others[place] for place in sorted(self.places[k])]
        why = [f"{other} fits{' others, too' if len(found) == 1 else ''}" for other in found]
        for other in () if found else self.others:
            if one.is_namesake(other):
                why.append(f"{other} has another identifier")
            elif one.number and one.short_number == other.short_number:
                why.append(f"{other} has another name")
        return f"{one}: {', '.join(why)}" if why else str(one)


def look_up(people: Sequence[Person], others: Sequence[Person]) -> list[set[int]]:
    """For each of the people the places of those who may be the same."""
    by_number = [{k for k, two in enumerate(others) if one.shares_number(two)} for one in people]
    # Numbers that agree are of one platform: there another number is another person.
    is_one = any(by_number)
    meet = {one.short_number for one in people} & {one.short_number for one in others}
    found = []
    for one, same in zip(people, by_number, strict=True):
        named = {k for k, other in enumerate(others) if one.is_namesake(other)}
        for k in named - same:
            numbers = {one.short_number, others[k].short_number}
            if "" not in numbers and (is_one or numbers & meet):
                named.remove(k)
        same = {k for k in same if others[k].number == one.number} or same
        bare = {k for k in named if not others[k].number} if one.number else set()
        found.append(same & (named or same) | bare if same else named)
    return found
