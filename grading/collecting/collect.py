"""Find submissions in whatever folder a lecturer has; nobody in it is lost."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain, takewhile
from pathlib import Path

from grading.authoring.sets import ExerciseSet
from grading.collecting.answers import Rebuilt, rebuild
from grading.collecting.files import A_LINK, File, Reader, SubmissionsError, files_in
from grading.collecting.owners import COPY, NOT_SENT, Owner, by_owner, named_by
from grading.collecting.people import Person
from grading.marking.marking import Answers

AT_ONCE = timedelta(minutes=1)  # files whose times differ by less were copied together
MOST_NAMED = 5  # files in a note
LARGEST_CLASS = 500
PERHAPS_A_CLASS = "holds work of several: is it a class? put it into a folder of its own"
PERHAPS_ONE = "the name stands within a folder or zip: is that a class's, or a student's own?"
IN_ANOTHERS = "in what counts as one student's"
UsualNames = set[str] | None  # None where the whole pile is one person's


@dataclass
class Submission:
    """One student's answers, rebuilt, and what was noticed on the way."""

    student: str
    platform_id: str
    origin: str
    answers: Answers | None
    notes: list[str] = field(default_factory=list)
    place: str = ""  # the folder in which Moodle handed it over
    members: tuple[Person, ...] = ()  # of a group that handed in together


@dataclass(frozen=True)
class Nothing:
    """Somebody who has no row, and what was found; without a name, it is nobody's."""

    student: str
    platform_id: str
    found: str
    kind: str = "nothing to grade"
    members: tuple[Person, ...] = ()


@dataclass(frozen=True)
class Pile:
    """Everybody whom a folder names."""

    submissions: list[Submission]
    without_notebook: list[Nothing]


def collect(folder: Path, exercise_set: ExerciseSet) -> Pile:
    """Everybody's submission, and who sent none, in the order of their names."""
    if not folder.is_dir():
        raise SubmissionsError(f"SUBMISSIONS must be a folder; got {folder}")
    task, is_github, _ = folder.resolve().name.partition("-submissions")
    owners = by_owner(list(files_in(folder)), task if is_github else exercise_set.name)
    handed_in = {owner.student for owner in owners if not owner.is_draft}
    submissions, without = [], []
    # What most people have in what they sent, such as a task's folder, is nobody's name.
    sent = [{part for file in files for part in file.parts[1:]} for files in owners.values()]
    usual = {name for name, n in Counter(chain(*sent)).items() if n > max(2, len(sent) / 2)}
    for owner, files in owners.items():
        if not owner.is_draft:
            found, told = row_of(owner, files, exercise_set, usual if len(sent) > 1 else None)
            submissions += found
            without += told
        elif owner.student not in handed_in:
            drafts = listed([file.origin for file in files])
            without.append(Nothing(owner.student, "", drafts, "a draft, not handed in"))
    if not submissions:
        there = listed([nothing.found for nothing in without])
        raise SubmissionsError(
            f"SUBMISSIONS {folder} holds no notebook (.ipynb) and no zip with one; "
            f"there is {there or 'nothing in it'}"
        )
    submissions.sort(key=lambda s: (s.student, s.platform_id, s.origin))
    without.sort(key=lambda nothing: (nothing.student, nothing.found))
    note_namesakes(submissions)
    return Pile(submissions, without)


def row_of(
    owner: Owner, files: Iterable[File], exercise_set: ExerciseSet, usual: UsualNames
) -> tuple[list[Submission], list[Nothing]]:
    """One person's submission, if there is a notebook, and who has no row because of it."""
    found, others = rebuilt_from(files, exercise_set)
    start, is_only = len(owner.container) + bool(owner.student), usual is None
    names = listed([file.described(min(start, len(file.parts) - 1)) for file in others])
    kept = best(owner, found) if found else None
    is_sure = owner.platform_id and not is_only
    inside = {} if is_sure else perhaps_a_class(found, others, exercise_set.name, start, usual)
    perhaps = [
        Nothing(one.student, one.platform_id, sent[-1].described(0), IN_ANOTHERS)
        for one, sent in inside.items()
        if not kept or kept.origin not in (file.origin for file in sent)
    ][:LARGEST_CLASS]
    if not kept:
        nothing = Nothing(owner.student, owner.platform_id, names, members=owner.members)
        return [], [nothing, *perhaps]
    # A zip alone may be a class's in which only one has sent a notebook.
    if names and ((is_only and not owner.platform_id) or not any(one.recognised for one in found)):
        kept.notes.append(f"also sent: {names}")
    if is_only and owner.platform_id and owner.container:
        kept.notes.append(PERHAPS_ONE)
    if perhaps:
        kept.notes.append(PERHAPS_A_CLASS)
    return [kept], perhaps


def rebuilt_from(
    files: Iterable[File], exercise_set: ExerciseSet
) -> tuple[list[Rebuilt], list[File]]:
    """One person's notebooks with their answers, and other files but those of tools beside them."""
    found, others = [], []
    for file in Reader().contents(files):  # one at a time: figures do not stay in memory
        if file.is_work and file.problem != A_LINK:
            found.append(rebuild(file, exercise_set))
        else:
            others.append(replace(file, read=bytes))  # which may hold a whole zip
    around = {one.file.parts[:k] for one in found for k in range(len(one.file.parts))}
    made_in = [(*takewhile(lambda part: part not in NOT_SENT, f.parts),) for f in others]
    return found, [file for file, place in zip(others, made_in, strict=True) if place not in around]


def best(owner: Owner, found: Sequence[Rebuilt]) -> Submission:
    """Of a student's notebooks with answers the newest; of several at once, the most complete."""
    newest = max((one.file.modified for one in found if one.recognised), default=datetime.max)

    def rank(one: Rebuilt) -> tuple[object, ...]:
        new_answers = one.recognised * (newest - one.file.modified < AT_ONCE)
        is_read = one.answers is not None
        return new_answers, one.recognised, is_read, one.file.modified, one.file.parts

    kept, *others = sorted(found, key=rank, reverse=True)
    notes, names = list(kept.notes), []
    for other in others:
        more = f"with {other.recognised} answers" if other.recognised > kept.recognised else ""
        why = other.file.problem or more
        names.append(other.file.origin + (f" ({why})" if why else ""))
    if names:
        notes.append(f"one of {len(found)} notebooks counts; not graded: {listed(names)}")
    by = named_by(kept.file.parts[len(owner.container)])
    if by and by.groupdict().get("late"):
        notes.append("handed in late, as Canvas says")
    who = owner.student, owner.platform_id
    return Submission(*who, kept.file.origin, kept.answers, notes, owner.place, owner.members)


def perhaps_a_class(
    found: Sequence[Rebuilt], others: Sequence[File], set_name: str, start: int, usual: UsualNames
) -> dict[Owner, list[File]]:
    """Who may be in what counts as one student's, where it looks like a class's.

    No name in it is believed, since a student may have made it; but nobody in it may be lost.
    """
    files = [*(rebuilt.file for rebuilt in found), *others]
    people = by_owner([file for file in files if len(file.parts) > start], set_name, start)
    answered = {rebuilt.file.parts for rebuilt in found if rebuilt.recognised}
    folders = [
        one
        for one, sent in people.items()
        if any(file.parts in answered and file.parts[:-1] != one.container for file in sent)
    ]
    named = [one for one in people if one.platform_id or named_by(one.part)]
    if (found or len(others) > MOST_NAMED) and all(len(f.file.parts) > start + 1 for f in found):
        named += [one for one in people if one.student and one.part not in (usual or ())]
    not_told = len(others) - MOST_NAMED if usual is None else 0  # in the note
    many = max(len(folders), len(named), len(answered) - MOST_NAMED, not_told + 1)
    return people if many > 1 else {}


def listed(names: Sequence[str]) -> str:
    """Names in a line, as many as a person reads."""
    rest = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def note_namesakes(submissions: Sequence[Submission]) -> None:
    """Say who may be one student, by name and number; a person must find out who is who."""
    alike: dict[tuple[str, str], list[Submission]] = {}
    for submission in submissions:
        key = COPY.sub("", submission.student).casefold(), submission.platform_id
        alike.setdefault(key, []).append(submission)
    for together in alike.values():
        for submission in together if len(together) > 1 else []:
            others = listed([other.origin for other in together if other is not submission])
            submission.notes.append(f"has the name of another one: see {others}")
