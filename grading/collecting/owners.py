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
BLACKBOARD = re.compile(r"(?P<name>(?P<id>[^_]*_.+?))_attempt_\d{4}(-\d\d){5}.*")  # after the task
BRIGHTSPACE = re.compile(r"(?P<id>\d+-\d+) - (?P<name>.+?) - .+\d{4}.*")
CANVAS = re.compile(r"(?P<name>[^_]+)_(?P<late>LATE_)?(?P<id>\d+(_\d+|(?=_(text|link)\.html$)))_.+")
GRADESCOPE = re.compile(r"(?P<name>submission_(?P<id>\d+))")
BY_CHANCE = (CANVAS, GRADESCOPE)  # students name files so, too
CLASSROOM = re.compile(r"(?P<name>.+?)(?P<id>) - (?P<file>.+)")
GRADESCOPE_LIST = "submission_metadata.yml"

COPY = re.compile(r"( ?\(\d+\)|-copy\d*| - (copy|kopie))$", re.IGNORECASE)
COPY_OF = re.compile(r"^(copy of|kopie von|copie de|copia de) ", re.IGNORECASE)
# A folder named by a mail's subject.
MAIL = re.compile(r"(re|aw|fwd?|wg)[_:] (?!.*\.zip$)", re.IGNORECASE | re.DOTALL)
HANDED_IN = ("submitted", "submissions")  # nbgrader's folder, and others'
DRAFTS = "working files"
TEAMS = {"submitted files", DRAFTS}
NOT_SENT = {".git", ".ipynb_checkpoints"}

Parts = tuple[str, ...]


@dataclass(frozen=True)
class Owner:
    """Who sent files: the name to show and the platform's number; both empty where nobody did."""

    student: str
    platform_id: str = ""
    container: Parts = ()  # what lies around it: its names are others' in another one
    part: str = ""  # the file's or folder's name, where that is all that is known
    is_draft: bool = False  # not handed in
    place: str = field(default="", compare=False)  # Moodle's own folder
    members: tuple[Person, ...] = ()  # everybody who handed it in together, as on Gradescope


def by_owner(files: Sequence[File], set_name: str, start: int = 0) -> dict[Owner, list[File]]:
    """Everybody's files, and those that are nobody's, in what lies at a depth."""
    level = Level(files, set_name, start)
    found: dict[Owner, list[File]] = {}
    for file in files:
        if owner := level.owner_of(file):
            found.setdefault(owner, []).append(file)
    return found


class Level:
    """The level at which a pile's folders and files are named after people.

    What students also write by chance is believed where it holds for all names together.
    """

    def __init__(self, files: Sequence[File], set_name: str, start: int) -> None:
        self.set_name = set_name
        self.depth, self.is_teams = depth_of(files, start)
        work = [file.parts[self.depth :] for file in files if file.is_work]
        loose = [parts[0] for parts in work if len(parts) == 1]
        names = {parts[0] for parts in work if parts}
        self.is_classroom = is_classroom(loose, set_name)
        stems = {COPY.sub("", stem_of(name)) for name in names}  # a browser may count copies
        self.not_canvas = not_canvas([*filter(None, map(CANVAS.fullmatch, stems))])
        sent = {file.parts[self.depth] for file in files if len(file.parts) > self.depth}
        self.task = common_task([*filter(None, map(BLACKBOARD.fullmatch, sent))], set_name)
        is_gradescope = 2 * sum(map(bool, map(GRADESCOPE.fullmatch, names))) > len(names)
        self.lists = {
            file.parts[:-1]: members_in(file)
            for file in files
            if file.parts[self.depth :] == (GRADESCOPE_LIST,)
            and is_gradescope
            and file.size <= LARGEST_LIST
        }

    def owner_of(self, file: File) -> Owner | None:
        """Who sent a file, or None where a tool made it."""
        level = self.depth + sum(1 for _ in takewhile(MAIL.match, file.parts[self.depth : -1]))
        container, (part, *inside) = file.parts[:level], file.parts[level:] or ("",)
        is_read = part == GRADESCOPE_LIST and bool(self.lists.get(container))
        if is_read or not NOT_SENT.isdisjoint((*container, part)):
            return None
        if not part or part.startswith("."):
            return Owner("", part="/".join((*container, part)))
        stem = stem_of(part)
        if not inside and self.is_classroom and (found := CLASSROOM.fullmatch(stem)):
            return Owner(shown(found["name"]), container=container, part=part)
        if found := named_by(part, self.not_canvas):
            return self.named(found, container)
        if not inside and not file.is_work:
            return Owner("", part=part)
        # Two things of one name may be two people's: a copy must not replace a classmate's work.
        if inside and not part.lower().endswith(".zip"):  # a folder, unpacked by two tools
            part = unicodedata.normalize("NFC", part)
        is_draft = self.is_teams and container[self.depth - 1].lower() == DRAFTS
        task = re.fullmatch(r"(.+-)submissions", "".join(container[-1:]))  # by GitHub's own tool
        own = without_set(stem.removeprefix(task[1] if task else ""), self.set_name)
        name = shown(own or (container[-1] if level > self.depth else stem))
        return Owner(name, container=container, part=part, is_draft=is_draft)

    def named(self, found: re.Match[str], container: Parts) -> Owner:
        """Whom a platform names."""
        name, number = found["name"], number_in(found)
        place = f"{name}_{number}_assignsubmission_file_" if found.re is MOODLE else ""
        members = self.lists.get(container, {}).get(name, ()) if found.re is GRADESCOPE else ()
        if found.re is BLACKBOARD:
            name = number = name.removeprefix(self.task)
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
    stem = stem_of(part)
    found = filter(None, (how.fullmatch(stem) for how in (MOODLE, BLACKBOARD, BRIGHTSPACE, CANVAS)))
    kept = (m for m in found if m.re is not CANVAS or m["id"] not in not_canvas)
    # What a student chose comes behind what the platform wrote.
    return min(kept, key=lambda m: m.end("id"), default=None) or GRADESCOPE.fullmatch(part)


def number_in(found: re.Match[str]) -> str:
    """The person's number; on Canvas the file's follows it."""
    return found["id"].split("_")[0]


def depth_of(files: Sequence[File], start: int) -> tuple[int, bool]:
    """How many folders and zips lie around everybody's work, and whether Teams made them.

    One in the other, these are the only ones at their level, and at the next one groups or
    sections, which hold nothing but a platform's names.
    """
    depth = start
    there = [file.parts for file in files if not file.is_hidden]
    work = [file.parts for file in files if file.is_work] or there
    while work:
        names = {parts[depth] for parts in work}
        folders = {parts[depth] for parts in there if len(parts) > depth + 1}
        if set(map(str.lower, names | folders)) == TEAMS:
            return depth + 1, True
        if len(names) > 1 or named_by(work[0][depth]):
            return depth + are_groups({parts[depth : depth + 2] for parts in work}), False
        inside = {parts[depth + 1] for parts in there if len(parts) > depth + 1}
        if len(folders) > 1 and not all(map(named_by, inside)):
            break  # others have folders here, too
        depth += 1
        if any(len(parts) == depth for parts in work):  # all is one student's
            return start + (work[0][start].lower() in HANDED_IN), False
        there = [p for p in there if len(p) > depth and p[depth - 1] == work[0][depth - 1]]
    return depth, False


def are_groups(paths: Collection[Parts]) -> bool:
    """Whether everybody's work lies in folders that hold nothing but a platform's names."""
    sent, is_sure = set(), True
    for group, *inside in paths:
        found = named_by(inside[0]) if inside and not named_by(group) else None
        if not found:
            return False
        sent.add((group, found["id"]))
        is_sure = is_sure and found.re not in BY_CHANCE
    # By chance, a folder may hold one such name, and all folders the same numbers.
    groups, numbers = (Counter(column) for column in zip(*sent, strict=True))
    return is_sure or (min(groups.values()) > 1 and max(numbers.values()) == 1)


def not_canvas(found: Sequence[re.Match[str]]) -> set[str]:
    """Numbers that are not Canvas', where a user has one name, and a file a number of its own."""
    pairs = {(number_in(match), match["name"]) for match in found}
    users, names = Counter(user for user, _ in pairs), Counter(name for _, name in pairs)
    files = Counter(match["id"].split("_")[-1] for match in found)
    return {
        match["id"]
        for match in found
        if users[number_in(match)] > 1
        or files[match["id"].split("_")[-1]] > 1
        or 2 * names[match["name"]] > max(len(pairs), 2)
    }


def common_task(found: Sequence[re.Match[str]], set_name: str) -> str:
    """The task, before everybody's name on Blackboard; names may begin alike, without spaces."""
    words = zip(*(match["id"].split("_")[:-1] for match in found), strict=False)
    same = takewhile(lambda word: len(set(word)) == 1, words)
    common = "".join(f"{word}_" for word, *_ in same)
    return (re.match(rf".*( |{re.escape(set_name)})[^_]*_", common) or (common,))[0]


def is_classroom(loose: Sequence[str], set_name: str) -> bool:
    """Whether most files are named "Name - file", as Google Classroom does."""
    stems = [COPY.sub("", stem_of(part)) for part in loose]
    found = [m for m in map(CLASSROOM.fullmatch, stems) if m and not named_by(m.string)]
    kept = any(set_name in match["file"] for match in found)
    own = sum(set_name in match["name"] for match in found)
    most = max(Counter(match["name"] for match in found).values(), default=0)
    is_one = most > max(MOST_ON_CLASSROOM, len(found) / 2)  # a word, not a student
    return kept and 2 * len(found) > len(loose) and 2 * own < len(found) and not is_one


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
                people = [(one[":name"], one.get(":sid", "")) for one in entry[":submitters"]]
                found[sent] = tuple(Person(shown(name), shown(sid)) for name, sid in people)
    return found
