"""Whose a file is, by the names of folders and files where a platform, not a student, gave them.

A student's own folders and zips may be named like anything, also like a classmate's. So a name is
believed at one level alone: the outermost, below what lies around everybody's work.
"""

import contextlib
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

import yaml

from grading.collecting.files import NOTEBOOK, File, Reader
from grading.collecting.people import Person
from grading.collecting.text import printable

GROUP = " and "  # between the names of those who sent something together
LARGEST_LIST = 10 * 1024**2  # bytes; of a large class, with an autograder's results
MOST_ON_CLASSROOM = 5  # files that one student hands in on Google Classroom
DEEPEST_LIST = 20  # lists within lists

# How learning platforms name what they hand to a lecturer. Students choose how a name ends.
MOODLE = re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_(file|onlinetext).*")
BLACKBOARD = re.compile(r"(?P<task>.+?_)(?P<id>(?P<name>[^_]+))_attempt_\d{4}(-\d\d){5}.*")
BRIGHTSPACE = re.compile(r"(?P<id>\d+-\d+) - (?P<name>.+?) - .+\d{4}.*")
CANVAS = re.compile(r"(?P<name>[^_]+)_(?P<late>LATE_)?(?P<id>\d+(_\d+|(?=_(text|link)\.html$)))_.+")
GRADESCOPE = re.compile(r"(?P<name>submission_(?P<id>\d+))")
BY_CHANCE = (CANVAS, GRADESCOPE)  # students name files so, too
CLASSROOM = re.compile(r"(?P<name>.+?) - (?P<file>.+)")
GRADESCOPE_LIST = "submission_metadata.yml"

COPY = re.compile(r"( ?\(\d+\)|-copy\d*| - (copy|kopie))$", re.IGNORECASE)
COPY_OF = re.compile(r"^(copy of|kopie von|copie de|copia de) ", re.IGNORECASE)
MAIL = re.compile(r"(re|aw|fwd?|wg)[_:] ", re.IGNORECASE)  # a folder named by a mail's subject
HANDED_IN = ("submitted", "submissions")  # nbgrader's folder, and others'
TEAMS = ("submitted files", "working files")  # the second holds drafts
NOT_SENT = (".git", ".ipynb_checkpoints")


@dataclass(frozen=True)
class Owner:
    """Who sent files: the name to show and the platform's number; both empty where nobody did."""

    student: str
    platform_id: str = ""
    container: tuple[str, ...] = ()  # what lies around it: its names are others' in another one
    part: str = ""  # the file's or folder's name, where that is all that is known
    is_draft: bool = False  # not handed in
    place: str = field(default="", compare=False)  # Moodle's own folder
    members: tuple[Person, ...] = ()  # everybody who handed it in together, as on Gradescope


def by_owner(files: Sequence[File], set_name: str) -> dict[Owner, list[File]]:
    """Everybody's files, and those that are nobody's."""
    level = Level(files, set_name)
    found: dict[Owner, list[File]] = {}
    for file in files:
        if owner := level.owner_of(file):
            found.setdefault(owner, []).append(file)
    return found


class Level:
    """The level at which a pile's folders and files are named after people."""

    def __init__(self, files: Sequence[File], set_name: str) -> None:
        self.set_name = set_name
        work = [file.parts for file in files if file.is_work]
        self.depth = depth_of(work, [f.parts for f in files if not f.is_hidden])
        self.drafts = drafts_among(files, work[0][: self.depth] if work else ())
        if self.drafts:
            self.depth = len(self.drafts)
        at_level = [parts[self.depth :] for parts in work if len(parts) > self.depth]
        stems = {stem_of(part) for part, *_ in at_level}
        canvas = [found for stem in stems if (found := CANVAS.fullmatch(stem))]
        pairs = {(m["name"], number_in(m)) for m in canvas}  # a user has one name
        users, names = Counter(user for _, user in pairs), Counter(name for name, _ in pairs)
        sent = Counter(m["id"].split("_")[-1] for m in canvas)  # a file's number is its own
        self.not_canvas = {
            m["id"]
            for m in canvas
            if users[number_in(m)] > 1
            or sent[m["id"].split("_")[-1]] > 1
            or 2 * names[m["name"]] > max(len(pairs), 2)
        }
        tasks = [found["task"] for stem in stems if (found := BLACKBOARD.fullmatch(stem))]
        # On Blackboard the assignment's name stands before everybody's, which may hold a _, too.
        words = zip(*(task.split("_")[:-1] for task in tasks), strict=False)
        self.task = "".join(f"{word[0]}_" for word in takewhile(lambda w: len({*w}) == 1, words))
        self.is_classroom = is_classroom(
            [parts[0] for parts in at_level if not parts[1:]], set_name
        )
        # What Gradescope's lists say, by the paths of what was sent.
        self.members: dict[tuple[str, ...], tuple[Person, ...]] = {}
        firsts = {part for part, *_ in at_level}
        is_gradescope = 2 * sum(map(bool, map(GRADESCOPE.fullmatch, firsts))) > len(firsts)
        for file in files if is_gradescope else ():
            is_list = file.parts[-1] == GRADESCOPE_LIST and file.size <= LARGEST_LIST
            if is_list and len(file.parts) == self.depth + 1 and (known := members_in(file)):
                sent = filter(GRADESCOPE.fullmatch, known)
                self.members |= {(*file.parts[:-1], one): known[one] for one in sent}
                self.members[file.parts] = ()  # it was read

    def owner_of(self, file: File) -> Owner | None:
        """Who sent a file, or None where a tool made it."""
        level = self.depth
        while (
            len(file.parts) > level + 1
            and MAIL.match(file.parts[level])
            and not file.parts[level].lower().endswith(".zip")
        ):
            level += 1
        if any(part in NOT_SENT for part in file.parts[: level + 1]):
            return None
        if len(file.parts) <= level or file.parts[level].startswith("."):
            return Owner("", part=file.parts[0])
        container, part = file.parts[:level], file.parts[level]
        is_loose = len(file.parts) == level + 1
        if is_loose and file.parts in self.members:
            return None
        stem = stem_of(part)
        if is_loose and self.is_classroom and (found := CLASSROOM.fullmatch(stem)):
            return Owner(shown(found["name"]), container=container, part=part)
        if found := named_by(part, self.not_canvas):
            return self.named(found, container, part)
        if is_loose and not file.is_work:
            return Owner("", part=part)
        # Two things of one name may be two people's: a copy must not replace a classmate's work.
        if not is_loose and not part.lower().endswith(".zip"):  # a folder, unpacked by two tools
            part = unicodedata.normalize("NFC", part)
        is_draft = bool(self.drafts) and container == self.drafts
        name = shown(without_set(stem, self.set_name) or stem)
        return Owner(name, container=container, part=part, is_draft=is_draft)

    def named(self, found: re.Match[str], container: tuple[str, ...], part: str) -> Owner:
        """Whom a platform names."""
        name, number, place = found["name"], number_in(found), ""
        if found.re is BLACKBOARD:
            name = number = found["task"].removeprefix(self.task) + found["id"]
        if found.re is MOODLE:
            place = f"{name}_{number}_assignsubmission_file_"
        members = self.members.get((*container, part), ())
        name = GROUP.join(person.name for person in members) or shown(name)
        return Owner(name, number, container, place=place, members=members)


def shown(name: str) -> str:
    """A name to show, as it is written in only one way."""
    return printable(" ".join(unicodedata.normalize("NFC", name).split()))


def stem_of(part: str) -> str:
    """A name without the ending of a notebook or zip."""
    return re.sub(r"\.zip$", "", NOTEBOOK.sub("", part), flags=re.IGNORECASE)


def without_set(stem: str, set_name: str) -> str:
    """A name without the set's, or nothing where only what marks a copy is left."""
    rest = COPY_OF.sub("", stem).replace(set_name, "").strip(" _-")
    return rest if COPY.sub("", f" {rest}").strip() else ""


def named_by(part: str, not_canvas: Collection[str] = ()) -> re.Match[str] | None:
    """What a platform says by this name, if it may be a platform's."""
    forms = (MOODLE, BLACKBOARD, BRIGHTSPACE, CANVAS)
    found = filter(None, (how.fullmatch(stem_of(part)) for how in forms))
    # What a student chose comes behind what the platform wrote.
    first = min(
        (m for m in found if m.re is not CANVAS or m["id"] not in not_canvas),
        key=lambda m: m.end("id"),
        default=None,
    )
    return first or GRADESCOPE.fullmatch(part)


def number_in(found: re.Match[str]) -> str:
    """The person's number; on Canvas the file's follows it."""
    return found["id"].split("_")[0]


def depth_of(work: Sequence[tuple[str, ...]], sent: Sequence[tuple[str, ...]]) -> int:
    """How many folders and zips, one in the other, lie around everybody's work.

    These are the only ones at their level, and at the next one groups or sections, which hold
    nothing but a platform's names.
    """
    depth = 0
    while len({parts[depth] for parts in work}) == 1 and not named_by(work[0][depth]):
        around = work[0][:depth]
        beside = {parts[depth] for parts in sent if parts[:depth] == around and parts[depth + 1 :]}
        if len(beside) > 1 and not all(named_by(p[depth + 1]) for p in work if p[depth + 1 :]):
            return depth  # others have folders here, too
        depth += 1
        if any(len(parts) == depth for parts in work):  # all is one student's
            return int(work[0][0].lower() in HANDED_IN)
    people: dict[str, set[str]] = {}
    least = 1
    for first, *rest in (parts[depth:] for parts in work):
        found = named_by(rest[0]) if rest and not named_by(first) else None
        if not found:
            return depth
        people.setdefault(first, set()).add(found["id"])
        least = 2 if found.re in BY_CHANCE else least
    is_deeper = people and all(len(ids) >= least for ids in people.values())
    if least > 1:  # a platform's numbers are not everybody's
        is_deeper = is_deeper and sum(map(len, people.values())) == len(
            set().union(*people.values())
        )
    return depth + 1 if is_deeper else depth


def drafts_among(files: Sequence[File], around: tuple[str, ...]) -> tuple[str, ...]:
    """The folder of drafts, which Teams puts beside the folder of what was handed in."""
    for depth in range(len(around) + 1):
        there = {
            f.parts[: depth + 1]
            for f in files
            if f.parts[:depth] == around[:depth] and (f.is_work or len(f.parts) > depth + 1)
        }
        by_name = {path[-1].lower(): path for path in there}
        if by_name.keys() == set(TEAMS):
            return by_name[TEAMS[1]]
    return ()


def is_classroom(loose: Sequence[str], set_name: str) -> bool:
    """Whether most files are named "Name - file", as Google Classroom does."""
    found = [CLASSROOM.fullmatch(COPY.sub("", stem_of(part))) for part in loose]
    named = [match for match in found if match and not named_by(match.string)]
    kept = any(set_name in match["file"] for match in named)
    own = sum(set_name in match["name"] for match in named)
    most = max(Counter(match["name"] for match in named).values(), default=0)
    is_one = most > MOST_ON_CLASSROOM and 2 * most > len(named)  # a word, not a student
    return kept and 2 * len(named) > len(loose) and 2 * own < len(named) and not is_one


def members_in(file: File) -> dict[str, tuple[Person, ...]]:
    """Who sent which submission by Gradescope's list; an odd entry names nobody."""
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # makes text alone, no other objects
    depth = 0
    found = {}
    with contextlib.suppress(Exception):
        text = Reader().content(file).content.decode("utf-8-sig")
        for event in yaml.parse(text, loader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST_LIST or isinstance(event, yaml.AliasEvent):
                return {}
        for sent, entry in yaml.load(text, loader).items():
            with contextlib.suppress(Exception):
                submitters = entry[":submitters"]
                found[sent] = tuple(
                    Person(shown(one[":name"]), shown(one.get(":sid", ""))) for one in submitters
                )
    return found
