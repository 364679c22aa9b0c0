"""A whole class marked in one run: interrupted and continued, with processes that end."""

from __future__ import annotations

import functools
import json
from collections import Counter
from dataclasses import replace

import pytest
from quick_marker import quick
from small_set import reference, runs_answers, small_set, with_answer

from grading.collecting import batch
from grading.collecting.batch import UNREADABLE, mark_all, mark_apart
from grading.collecting.collect import Submission
from grading.marking.marking import NOT_GRADED, StudentCell
from grading.marking.sandbox import Limits

pytestmark = runs_answers

CLASS = 300
HOSTILE = {7: "kills", 100: "raises", 150: "stumbles", 200: "odd \ud800\x1b[2J", 299: "kills"}
UNREAD = 50  # whose notebook could not be read


@pytest.fixture
def exercises(tmp_path):
    return small_set(tmp_path)


@pytest.fixture
def ran(tmp_path):
    """The folder in which every run leaves a letter."""
    folder = tmp_path / "ran"
    folder.mkdir()
    return folder


def submission(text: str | None) -> Submission:
    answers = None if text is None else {"half": [StudentCell(text)], "two": []}
    return Submission("Ann", "", "a.ipynb", answers)


def whole_class() -> list[Submission]:
    """Right and wrong ones, hostile ones, and one that could not be read."""
    texts = [f"{HOSTILE.get(k, ('right', 'wrong')[k % 2]).split()[0]} {k}" for k in range(CLASS)]
    texts[200] = f"odd 200 {HOSTILE[200]}"
    return [submission(None if k == UNREAD else text) for k, text in enumerate(texts)]


def run(exercises, ran, kept, submissions, done=lambda _: None, **options):
    """Marks of a quick marker, and how many ran."""
    marker = functools.partial(quick, ran)
    limits = options.pop("limits", Limits())
    return mark_all(submissions, exercises, limits, 4, kept, done, marker=marker, **options)


def runs(folder) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir()}


class Stop:
    """Presses Ctrl-C after some submissions."""

    def __init__(self, after: int) -> None:
        self.seen, self.after = 0, after

    def __call__(self, number: int) -> None:
        self.seen += number
        if self.seen >= self.after:
            raise KeyboardInterrupt


def test_a_class_interrupted_and_continued(exercises, ran, tmp_path):
    """Nobody is lost, nobody runs again, and the marks are those of a run without a break."""
    everybody = whole_class()
    kept = tmp_path / "marks.jsonl"
    for after in (100, 120):
        with pytest.raises(KeyboardInterrupt):
            run(exercises, ran, kept, everybody, Stop(after))
        with kept.open("ab") as file:
            file.write(b'{"key": "half a li')  # the power was cut
    done: Counter[str] = Counter()
    marks, number = run(exercises, ran, kept, everybody, lambda n: done.update(all=n))
    assert done["all"] == CLASS
    assert 0 < number <= CLASS - 118  # one could not be read, and one that was killed is not kept
    again = Counter(runs(ran).values())
    # Only what ran when Ctrl-C came and what was never finished may have run more than once.
    assert again[1] >= CLASS - 20

    fresh = tmp_path / "fresh"
    fresh.mkdir()
    whole, number = run(exercises, fresh, tmp_path / "other.jsonl", everybody)
    assert number == CLASS - 1
    assert marks == whole
    for k, found in enumerate(marks):
        points = found.total(exercises)
        if k in (7, 299):
            assert (points, found.notes) == (0, ["the grader failed: its process ended, twice"])
        elif k == 100:
            assert found.notes == ["the grader failed: MemoryError: raises 100"]
            assert {one.message for one in found.outcomes.values()} == {NOT_GRADED}
        elif k == UNREAD:
            assert {one.message for one in found.outcomes.values()} == {UNREADABLE}
        elif k == 200:
            assert found.notes == [f"read odd 200 {HOSTILE[200]}"]
        else:
            right = k % 2 == 0 and k not in HOSTILE
            assert (points, found.notes) == (6 if right else 2, [])


def test_marked_before_is_not_run_again(exercises, ran, tmp_path):
    kept = tmp_path / "marks.jsonl"
    pile = [submission("right a"), submission("wrong b"), submission("raises c"), submission(None)]
    first, number = run(exercises, ran, kept, pile)
    assert number == 3
    second, number = run(exercises, ran, kept, pile)
    assert second == first
    assert (number, runs(ran)) == (1, {"a": 1, "b": 1, "c": 2})  # the grader's fault tries again
    run(exercises, ran, kept, pile, again=True)
    assert runs(ran) == {"a": 2, "b": 2, "c": 3}


def test_what_has_changed_runs_again(exercises, ran, tmp_path):
    kept = tmp_path / "marks.jsonl"
    pile = [submission("right a")]
    other_check = replace(exercises.exercises[0].checks[0], code="assert half(0) == 1, 'no'")
    first = replace(exercises.exercises[0], checks=(other_check,))
    changes = [
        {},
        {"exercises": replace(exercises, exercises=(first,))},
        {"exercises": replace(exercises, variant="autumn")},
        {"limits": Limits(all_seconds=7)},
        {"submissions": [submission("right a # and more")]},
    ]
    for k, change in enumerate(changes, 1):
        what = {"exercises": exercises, "submissions": pile} | change
        run(**what, ran=ran, kept=kept)
        run(**what, ran=ran, kept=kept)
        assert runs(ran) == {"a": k}


def test_what_takes_too_long_runs_once(exercises, ran, tmp_path, monkeypatch):
    """Nothing but the end of its process stops it, and it would take as long again."""
    monkeypatch.setattr(batch, "STARTS", 0)
    pile, limits = [submission("hangs a")], Limits(all_seconds=1)
    [marks], _ = run(exercises, ran, tmp_path / "marks.jsonl", pile, limits=limits)
    assert runs(ran) == {"a": 1}
    assert marks.notes == ["the grader failed: its process ended, perhaps after 1 seconds"]


def test_copies_run_once(exercises, ran, tmp_path):
    done: list[int] = []
    pile = [submission("right a")] * 5
    marks, number = run(exercises, ran, tmp_path / "marks.jsonl", pile, done.append)
    assert (len(marks), number, sum(done), runs(ran)) == (5, 5, 5, {"a": 1})


@pytest.mark.parametrize(
    "line", ["", "[]", "{}", "1", '{"key": "a", "outcomes": [[1]]}', "\x00", "{"]
)
def test_spoilt_line_is_ignored(exercises, ran, tmp_path, line):
    kept = tmp_path / "marks.jsonl"
    run(exercises, ran, kept, [submission("right a")])
    kept.write_text(line + kept.read_text() + line, encoding="utf-8")
    _, number = run(exercises, ran, kept, [submission("right a"), submission("right b")])
    assert number == 1
    assert [json.loads(part)["key"] for part in kept.read_text().splitlines() if '"notes"' in part]


def test_real_answers(exercises, tmp_path):
    """The grader's own marker, in the same processes."""
    hostile = "import os\ndef half(x): os._exit(0)"
    answers = [reference(exercises), with_answer(exercises, "half", hostile)]
    pile = [Submission("Ann", "", "", one) for one in answers]
    kept = tmp_path / "marks.jsonl"
    marks, number = mark_all(pile, exercises, Limits(), 2, kept, lambda _: None)
    assert [one.total(exercises) for one in marks] == [6, 2]
    assert number == 2
    assert mark_all(pile, exercises, Limits(), 2, kept, lambda _: None) == (marks, 0)


def test_checks_take_no_more_memory_than_they_need(tmp_path):
    """As one that makes an array as large as the answer says."""
    source = "secret_hidden = half(1)\n"
    exercises = small_set(tmp_path, source, f"np.empty(half(1), 'u1')\n{source}")
    answers = with_answer(exercises, "half", "def half(x): return 2**30")
    found = mark_apart(exercises, answers, Limits())
    assert "MemoryError" in found.outcomes["half", "one"].message
    assert found.points(exercises.exercises[1]) == 2
