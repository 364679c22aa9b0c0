"""Piles as lecturers have them: every student is found, every answer taken, no file touched."""

from __future__ import annotations

import codecs
import contextlib
import io
import json
import os
import shutil
import sys
import time
import tracemalloc
import unicodedata
import zipfile
from pathlib import Path

import pytest
from small_pile import (
    HALF,
    TWO,
    as_bytes,
    cell_of,
    code,
    notebook,
    put,
    put_all,
    with_password,
    without_utf8_flag,
    zipped,
)
from small_set import small_set

from grading.authoring.notebooks import student_notebook
from grading.collecting import answers as reading
from grading.collecting import files
from grading.collecting.collect import LARGEST_CLASS, PERHAPS_ONE, Nothing, Submission, collect
from grading.collecting.files import SubmissionsError
from grading.collecting.people import Person
from grading.collecting.text import LONGEST_LINE

NAMES = ["Marie Curie", "Ünal Öztürk", "=HYPERLINK(1)", "Анна", "a.b", "O'Neil, Shaq", "{x}"]


@pytest.fixture
def exercises(tmp_path):
    return small_set(tmp_path)


@pytest.fixture
def pile(tmp_path):
    folder = tmp_path / "pile"
    folder.mkdir()
    return folder


def students(pile: Path, exercises) -> list[tuple[str, str]]:
    return [(s.student, s.platform_id) for s in collect(pile, exercises).submissions]


def only(pile: Path, exercises) -> Submission:
    (submission,) = collect(pile, exercises).submissions
    return submission


def row(pile: Path, exercises, student: str) -> Submission:
    (found,) = [s for s in collect(pile, exercises).submissions if s.student == student]
    return found


def answers(pile: Path, exercises) -> dict[str, list[str]]:
    found = only(pile, exercises).answers
    return {name: [cell.code for cell in cells] for name, cells in found.items()}


# --- what is in a notebook ---


def without_metadata(made: dict) -> dict:
    for cell in made["cells"]:
        cell["metadata"] = {}
        cell.pop("id", None)
    made["metadata"] = {}
    return made


def old_format(made: dict) -> dict:
    cells = [
        {**cell, "input": cell["source"]} if cell["cell_type"] == "code" else cell
        for cell in made["cells"]
    ]
    for cell in cells:
        if cell["cell_type"] == "code":
            del cell["source"]
    return {
        "nbformat": 3,
        "metadata": {},
        "worksheets": [{"cells": cells[:3]}, {"cells": cells[3:]}],
    }


def in_lines(made: dict) -> dict:
    for cell in made["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)
    return made


def without_other_cells(made: dict) -> dict:
    return {"cells": [cell for cell in made["cells"] if cell["id"] in ("half", "two")]}


def edited_checks(made: dict) -> dict:
    for cell in made["cells"]:
        if cell["id"].startswith("half-"):
            cell["source"] = "raise SystemExit"
    return made


def reordered(made: dict) -> dict:
    return {**made, "cells": made["cells"][::-1]}


def markdown_with_ids(made: dict) -> dict:
    """A cell's kind was changed, and changed back in a copy."""
    copy = {**cell_of(made, "half"), "cell_type": "markdown", "source": "half = 1"}
    return {**made, "cells": [*made["cells"], copy]}


def with_line_ends(made: dict, end: str) -> dict:
    """As VS Code writes cells on Windows, or an old Mac."""
    for cell in made["cells"]:
        cell["source"] = "".join(cell["source"]).replace("\n", end)
    return made


def windows_line_ends(made: dict) -> dict:
    return with_line_ends(made, "\r\n")


def tidied(made: dict) -> dict:
    """As a formatter leaves it, with a comment of the student's."""
    for cell in made["cells"]:
        source = "".join(cell["source"])
        cell["source"] = (
            f"{source.replace(chr(39), chr(34))}\n# ?" if cell["id"] == "two" else source
        )
    return made


def one_answer(exercises) -> dict:
    return notebook(exercises, two=exercises.exercises[1].stub)


HARMLESS = [
    lambda made: made,
    without_metadata,
    old_format,
    in_lines,
    without_other_cells,
    edited_checks,
    reordered,
    markdown_with_ids,
    lambda made: reordered(without_metadata(made)),
    windows_line_ends,
    lambda made: with_line_ends(made, "\r"),
    lambda made: {**made, "cells": [*made["cells"], *made["cells"]]},
    lambda made: {**made, "cells": [*made["cells"], "a", None, {"cell_type": []}, {"source": 3}]},
]


@pytest.mark.parametrize("change", HARMLESS)
def test_answers_are_found_in_whatever_is_left(exercises, pile, change):
    put(pile, "ann.ipynb", change(notebook(exercises)))
    found = answers(pile, exercises)
    assert set(found["half"]) == {HALF}
    assert set(found["two"]) == {TWO}


def test_untouched_cells_are_no_answers(exercises, pile):
    put(pile, "ann.ipynb", json.loads(student_notebook(exercises, 20)))
    submission = only(pile, exercises)
    assert submission.answers == {"half": [], "two": []}
    assert "holds no answer of this set" in submission.notes
    assert "no answer to two was found" in submission.notes


def test_helpers_run_where_they_stood(exercises, pile):
    made = notebook(exercises)
    at = made["cells"].index(cell_of(made, "half"))
    made["cells"].insert(at, code("before = 1"))
    made["cells"].insert(at + 2, code("behind = 1"))
    made["cells"].insert(made["cells"].index(cell_of(made, "two")), code("second = 1"))
    made["cells"].append(code("report = 1"))
    put(pile, "ann.ipynb", made)
    assert answers(pile, exercises) == {
        "half": ["before = 1", HALF, "behind = 1"],
        "two": ["second = 1", TWO],
    }


def test_helper_of_an_answer_at_the_end(exercises, pile):
    made = notebook(exercises)
    answer = cell_of(made, "two")
    made["cells"].remove(answer)
    made["cells"] += [code("helper = 1"), answer]
    put(pile, "ann.ipynb", made)
    assert answers(pile, exercises)["two"] == ["helper = 1", TWO]


def test_copied_answer_runs_in_order(exercises, pile):
    """What counts at the end is what counted for the student: the last definition."""
    made = notebook(exercises)
    copy = {**cell_of(made, "half"), "source": "def half(x): return x"}
    made["cells"].insert(made["cells"].index(cell_of(made, "half")), copy)
    put(pile, "ann.ipynb", made)
    assert answers(pile, exercises)["half"] == ["def half(x): return x", HALF]
    assert "answered in 2 cells" in only(pile, exercises).notes[0]


def test_stale_stub_below_the_answer_does_not_count(exercises, pile):
    made = notebook(exercises)
    stub = exercises.exercises[0].stub
    made["cells"].append({**cell_of(made, "half"), "source": stub})
    put(pile, "ann.ipynb", made)
    assert answers(pile, exercises)["half"] == [HALF]


def test_split_answer_stays_whole(exercises, pile):
    made = notebook(exercises, half="share = 0.5")
    rest = {**cell_of(made, "half"), "source": "def half(x): return x * share"}
    made["cells"].insert(made["cells"].index(cell_of(made, "half")) + 1, rest)
    put(pile, "ann.ipynb", made)
    assert answers(pile, exercises)["half"] == ["share = 0.5", rest["source"]]


def test_merged_answers_are_not_undone(exercises, pile):
    """One cell answers both exercises; no stub may come after it."""
    made = notebook(exercises, half=f"{HALF}\n{TWO}")
    made["cells"].remove(cell_of(made, "two"))
    put(pile, "ann.ipynb", made)
    assert answers(pile, exercises) == {"half": [f"{HALF}\n{TWO}"], "two": []}
    assert not only(pile, exercises).notes


def test_names_in_code_that_cannot_be_parsed(exercises, pile):
    made = without_metadata(notebook(exercises, half=f"%%time\n{HALF}"))
    put(pile, "ann.ipynb", made)
    assert answers(pile, exercises)["half"] == [f"%%time\n{HALF}"]


@pytest.mark.parametrize(
    ("made_from", "note"),
    [
        ({"set": "01_other", "variant": ""}, "made from 01_other"),
        ({"set": "07_halves", "variant": "autumn"}, "made from 07_halves autumn"),
    ],
)
def test_notebook_of_another_set_or_variant_is_named(exercises, pile, made_from, note):
    made = notebook(exercises)
    made["metadata"]["exercises"] = made_from
    put(pile, "ann.ipynb", made)
    assert note in only(pile, exercises).notes


@pytest.mark.parametrize("change", [windows_line_ends, in_lines, lambda m: with_line_ends(m, "\r")])
def test_line_ends_are_no_change(exercises, pile, change):
    put(pile, "ann.ipynb", change(notebook(exercises)))
    assert only(pile, exercises).notes == []


ENCODINGS = {
    "BOM": lambda text: codecs.BOM_UTF8 + text.encode(),
    "UTF-16, as PowerShell writes": lambda text: text.encode("utf-16"),
    "UTF-16 without a mark": lambda text: text.encode("utf-16-le"),
    "lines of Windows": lambda text: text.replace("\n", "\r\n").encode(),
    "no UTF-8 in a comment": lambda text: text.replace("@", "\udcfc").encode(
        errors="surrogateescape"
    ),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_encodings_of_a_file(exercises, pile, name):
    made = notebook(exercises)
    made["cells"].insert(0, {"cell_type": "markdown", "source": "@"})
    put(pile, "ann.ipynb", ENCODINGS[name](json.dumps(made, indent=1)))
    assert answers(pile, exercises)["half"] == [HALF]
    assert only(pile, exercises).notes == []


@pytest.mark.parametrize(
    "changed", ["\x1b[2J\na classmate: cheated", "a" * 5_000_000, "\ud800", "‮"]
)
@pytest.mark.parametrize("key", ["set", "variant"])
def test_metadata_cannot_forge_notes(exercises, pile, changed, key):
    made = notebook(exercises)
    made["metadata"]["exercises"][key] = changed
    cell_of(made, "setup")["source"] = "1"
    cell_of(made, "setup")["metadata"]["nbgrader"]["grade_id"] = changed
    put(pile, "ann.ipynb", made)
    notes = only(pile, exercises).notes
    assert notes[0].startswith("made from ")
    assert all(note.isprintable() and len(note) <= LONGEST_LINE for note in notes)


@pytest.mark.parametrize("value", [3, None, [], {"set": {}}, {"set": ["07_halves"] * 99}])
def test_metadata_may_be_anything(exercises, pile, value):
    made = notebook(exercises)
    made["metadata"] |= {"exercises": value, "language_info": value}
    for cell in made["cells"]:
        cell["metadata"] = {"nbgrader": value}
    put(pile, "ann.ipynb", made)
    assert answers(pile, exercises)["half"] == [HALF]


NEWER = (sys.version_info[0], sys.version_info[1] + 1)
SYNTAX = [
    ("def half(x) :: 1", NEWER, True),
    ("def half(x) :: 1", sys.version_info[:2], False),
    ("def half(x) :: 1", (), False),
    (HALF, NEWER, False),
    (f"%matplotlib inline\n!ls\n{HALF}", NEWER, False),
]


@pytest.mark.parametrize(("half", "version", "noted"), SYNTAX)
def test_syntax_of_a_newer_python_is_not_taken_for_a_fault(exercises, pile, half, version, noted):
    made = notebook(exercises, half=half)
    made["metadata"]["language_info"]["version"] = ".".join(map(str, (*version, 4)))
    put(pile, "ann.ipynb", made)
    ours = ".".join(map(str, sys.version_info[:2]))
    note = (
        f"half cannot be read by Python {ours}, which grades; it was written in "
        f"{'.'.join(map(str, NEWER))}, where it may be right"
    )
    assert only(pile, exercises).notes == [note] * noted


CONFLICT = '{\n "cells": [\n<<<<<<< HEAD\n  {}\n=======\n  {"a": 1}\n>>>>>>> main\n ]\n}'
UNREADABLE = {
    "nothing": b"",
    "a conflict of Git": CONFLICT.encode(),
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0",
    "a web page": b"<!DOCTYPE html><p>",
    "no JSON": b"{",
    "no notebook": b"[]",
    "no cells": b'{"cells": 3}',
    "strange sheets": b'{"worksheets": [3]}',
    "no text": b"\xff\xfe\x00",
    "a number without end": b'{"cells": ' + b"1" * 5000 + b"}",
    "very deep": b"[" * 200_000,
    "a damaged zip in the wrong place": b"PK\x03\x04",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_notebook_is_a_row_with_a_note(exercises, pile, name):
    put(pile, "ann.ipynb", UNREADABLE[name])
    put(pile, "bob.ipynb", notebook(exercises))
    ann, bob = collect(pile, exercises).submissions
    assert (ann.student, ann.answers) == ("ann", None)
    assert "not a notebook that can be read: " in ann.notes[0]
    assert bob.answers is not None


@pytest.mark.parametrize(
    ("name", "why"),
    [("nothing", "empty"), ("a conflict of Git", "<<<<<<<")],
)
def test_unreadable_notebook_says_why(exercises, pile, name, why):
    put(pile, "ann.ipynb", UNREADABLE[name])
    assert why in only(pile, exercises).notes[0]


@pytest.mark.parametrize(
    "error", [RecursionError, MemoryError, ValueError, KeyError, OverflowError]
)
def test_no_fault_in_one_notebook_is_anybody_elses(exercises, pile, monkeypatch, error):
    def fails(cells, exercise_set):
        if any("harm" in cell.source for cell in cells):
            raise error("\x1b[2J")
        return answers_in(cells, exercise_set)

    answers_in = reading.answers_in
    monkeypatch.setattr(reading, "answers_in", fails)
    put(pile, "ann.ipynb", notebook(exercises, half="harm"))
    put(pile, "bob.ipynb", notebook(exercises))
    ann, bob = collect(pile, exercises).submissions
    assert ann.answers is None
    assert ann.notes[0].isprintable()
    assert bob.answers["half"]


def test_half_letters_in_a_cell_can_be_written_later(exercises, pile):
    put(pile, "ann.ipynb", notebook(exercises, half=f"{HALF}  # \ud800"))
    answers(pile, exercises)["half"][0].encode()


# --- whose it is ---

ANN, LI = "Ann Lee_12_assignsubmission_file_", "Li Na_13_assignsubmission_file_"
PILES = {
    "Moodle": {
        f"{ANN}/x.ipynb": ("Ann Lee", "12"),
        "Li Na_13_assignsubmission_file/y (1).ipynb": ("Li Na", "13"),
    },
    "Moodle's zip": {f"all.zip/{ANN}/x.ipynb": ("Ann Lee", "12")},
    "Moodle, flat": {f"{ANN}x.ipynb": ("Ann Lee", "12")},
    "Moodle, anonymous": {
        "Participant 7_77_assignsubmission_file_/x.ipynb": ("Participant 7", "77")
    },
    "Moodle, by groups": {
        f"group 1/{ANN}/x.ipynb": ("Ann Lee", "12"),
        f"group 2/{LI}/x.ipynb": ("Li Na", "13"),
    },
    "Canvas": {
        "leeann_12_345_07_halves-1.ipynb": ("leeann", "12"),
        "nali_LATE_13_346_07_halves.ipynb": ("nali", "13"),
        "noether_14_347_all.zip/07_halves.ipynb": ("noether", "14"),
    },
    "Canvas, with a copy that a browser has counted": {
        "leeann_12_345_x.ipynb": ("leeann", "12"),
        "leeann_12_345_x (1).ipynb": ("leeann", "12"),
        "nali_13_346_x (1).ipynb": ("nali", "13"),
    },
    "Canvas, two zips": {
        "one.zip/leeann_12_345_x.ipynb": ("leeann", "12"),
        "one.zip/nali_13_346_x.ipynb": ("nali", "13"),
        "two.zip/noether_14_347_x.ipynb": ("noether", "14"),
        "two.zip/germain_15_348_x.ipynb": ("germain", "15"),
    },
    "names like Canvas', by chance": {
        "halves_1_2_ann.ipynb": ("halves_1_2_ann", ""),
        "halves_1_2_bob.ipynb": ("halves_1_2_bob", ""),
    },
    "Gradescope without its list": {"submission_99/x.ipynb": ("submission_99", "99")},
    "Blackboard": {
        "Set 7_ann1_attempt_2024-01-02-03-04-05_x.ipynb": ("ann1", "ann1"),
        "Set 7_li2_attempt_2024-01-02-03-04-06_x.ipynb": ("li2", "li2"),
    },
    "Blackboard, with names of several parts": {
        "Set 7_ann_lee_attempt_2024-01-02-03-04-05_x.ipynb": ("ann_lee", "ann_lee"),
        "Set 7_bob_lee_attempt_2024-01-02-03-04-06_x.ipynb": ("bob_lee", "bob_lee"),
        "Set 7_eve_attempt_2024-01-02-03-04-06_x.ipynb": ("eve", "eve"),
    },
    "Blackboard, with user names that begin alike": {
        "Set 7_stud_ann_attempt_2024-01-02-03-04-05_x.ipynb": ("stud_ann", "stud_ann"),
        "Set 7_stud_li_attempt_2024-01-02-03-04-06_x.ipynb": ("stud_li", "stud_li"),
    },
    "Blackboard, with a task named as the set": {
        "07_halves_stud_ann_attempt_2024-01-02-03-04-05_x.ipynb": ("stud_ann", "stud_ann"),
        "07_halves_stud_li_attempt_2024-01-02-03-04-06_x.ipynb": ("stud_li", "stud_li"),
    },
    "Blackboard, with a task of several parts": {
        "Set_7_ann_attempt_2024-01-02-03-04-05_x.ipynb": ("ann", "ann"),
        "Set_7_li_attempt_2024-01-02-03-04-06_x.ipynb": ("li", "li"),
    },
    "Brightspace": {
        "123-45 - Ann Lee - Jan 5, 2024 1234 PM/x.ipynb": ("Ann Lee", "123-45"),
        "124-46 - Li Na - Jan 5, 2024 1235 PM - x.ipynb": ("Li Na", "124-46"),
    },
    "Classroom": {
        "Ann Lee - 07_halves.ipynb": ("Ann Lee", ""),
        "Ann Lee - Untitled0.ipynb": ("Ann Lee", ""),
        "Li Na - Copy of 07_halves.ipynb": ("Li Na", ""),
        "Bo - Kopie von 07_halves.ipynb": ("Bo", ""),
        "Cleo - my own title.ipynb": ("Cleo", ""),
        "Dora - 07_halves (1).ipynb": ("Dora", ""),
        "Untitled0.ipynb": ("Untitled0", ""),
    },
    "a dash in names of one's own": {
        "homework - ann.ipynb": ("homework - ann", ""),
        "homework - bob.ipynb": ("homework - bob", ""),
    },
    "folders": {
        "Anna/sub/submission_1.ipynb": ("Anna", ""),
        "Dora/submission_1/x.ipynb": ("Dora", ""),
        "Bob/hw_1_2_final.ipynb": ("Bob", ""),
        "Cleo/hw_1_2_final.ipynb": ("Cleo", ""),
    },
    "folders that are alike": {
        "Bob/hw_1_2_final.ipynb": ("Bob", ""),
        "Cleo/hw_1_2_final.ipynb": ("Cleo", ""),
    },
    "files": {
        "07_halves_anna.ipynb": ("anna", ""),
        "bob-07_halves.IPYNB": ("bob", ""),
        "07_halves.ipynb": ("07_halves", ""),
        "eve.ipynb.txt": ("eve", ""),
        "flo.ipynb.json": ("flo", ""),
    },
    "numbers that are no copies": {f"student-{k}.ipynb": (f"student-{k}", "") for k in range(3)},
    "mails with a file of one name": {
        "07_halves.ipynb": ("07_halves", ""),
        "07_halves (1).ipynb": ("07_halves (1)", ""),
        "07_halves (2).ipynb": ("07_halves (2)", ""),
        "Copy of 07_halves.ipynb": ("Copy of 07_halves", ""),
        "07_halves.zip/x.ipynb": ("07_halves", ""),
    },
    "things of one name": {
        "ann.ipynb": ("ann", ""),
        "ann.zip/x.ipynb": ("ann", ""),
        "ann/x.ipynb": ("ann", ""),
        "ann_07_halves.ipynb": ("ann", ""),
    },
    "copies of names": {"ann.ipynb": ("ann", ""), "ann (1).ipynb": ("ann (1)", "")},
    "folders of mails": {
        "Re_ exercises/bob.zip/07_halves.ipynb": ("bob", ""),
        "AW_ exercises/07_halves_ann.ipynb": ("ann", ""),
        "cleo.ipynb": ("cleo", ""),
    },
    "folders of mails with a file of one name": {
        "Re_ Set 7 - Ann Lee/07_halves.ipynb": ("Re_ Set 7 - Ann Lee", ""),
        "AW_ Set 7 - Bo/07_halves (1).ipynb": ("AW_ Set 7 - Bo", ""),
        "AW_ Set 7 - Bo/cleo.ipynb": ("cleo", ""),
    },
    "zips": {"anna.zip/a/x.ipynb": ("anna", ""), "bob.zip/x.ipynb": ("bob", "")},
    "one zip with all": {
        "all.zip/anna/x.ipynb": ("anna", ""),
        "all.zip/bob.ipynb": ("bob", ""),
        "all.zip/cleo.zip": ("cleo", ""),
    },
    "nbgrader": {
        "submitted/ann/07_halves/07_halves.ipynb": ("ann", ""),
        "submitted/bob/07_halves/07_halves.ipynb": ("bob", ""),
    },
    "nbgrader, one student": {"submitted/ann/07_halves/07_halves.ipynb": ("ann", "")},
    "Teams": {
        "Student Work/Submitted files/Ann Lee/Set 7/Version 1/x.ipynb": ("Ann Lee", ""),
        "Student Work/Submitted files/Li Na/Set 7/Version 1/x.ipynb": ("Li Na", ""),
    },
    "gh classroom clone": {
        "07_halves-submissions/07_halves-ann/x.ipynb": ("ann", ""),
        "07_halves-submissions/07_halves-bob/x.ipynb": ("bob", ""),
    },
    "gh classroom clone, of a task with another name": {
        "hw-2-submissions/hw-2-ann-lee/x.ipynb": ("ann-lee", ""),
        "hw-2-submissions/hw-2-lee/x.ipynb": ("lee", ""),
    },
    "files in one folder": {"in/ann.ipynb": ("ann", ""), "in/bob.ipynb": ("bob", "")},
    "one folder": {"ann/07_halves/x.ipynb": ("ann", "")},
    "two spellings of one name": {
        f"{unicodedata.normalize('NFC', 'Größe')}/x.ipynb": ("Größe", ""),
        f"{unicodedata.normalize('NFD', 'Größe')}/y.ipynb": ("Größe", ""),
    },
    "names": {f"{name}/x.ipynb": (name, "") for name in NAMES},
    "names of files": {f"{name}.ipynb": (name, "") for name in NAMES},
}


@pytest.mark.parametrize("name", PILES)
def test_students_of_a_pile(exercises, pile, name):
    made = {path: notebook(exercises) for path in PILES[name]}
    for path in made:
        if path.endswith(".zip"):
            made[path] = zipped({"x.ipynb": notebook(exercises)})
    put_all(pile, made)
    expected = [*PILES[name].values()]
    if name not in ("mails with a file of one name", "things of one name", "Classroom"):
        expected = list(set(expected))
    assert students(pile, exercises) == sorted(expected)
    assert not collect(pile, exercises).without_notebook


LIST = """\
submission_5:
  :submitters:
  - :name: Ann Lee
    :sid: "1"
  - :name: Li Na
  :created_at: 2024-01-05 12:00:00.000000000 Z
submission_6:
  :submitters: [{":name": "Anna"}]
"""


@pytest.mark.parametrize("place", ["export/", "export.zip/", "", "out.zip/export/"])
def test_names_in_gradescopes_list(exercises, pile, place):
    put_all(
        pile,
        {
            f"{place}submission_metadata.yml": LIST,
            f"{place}submission_5/x.ipynb": notebook(exercises),
            f"{place}submission_6/x.ipynb": notebook(exercises),
        },
    )
    assert students(pile, exercises) == [("Ann Lee and Li Na", "5"), ("Anna", "6")]
    assert not collect(pile, exercises).without_notebook


ODD_LISTS = {
    "no list": "3",
    "open": "[",
    "deep": "[" * 3_000,
    "very deep": "[" * 200_000,
    "one letter": "a" * 3_000_000,
    "an impossible date": "submission_5: {':submitters': [{':name': 2025-99-99}]}\n!!",
    "parts that are used again": "submission_5: {':submitters': [&a {':name': Ann}, *a]}",
    "an object": "!!python/object/apply:os.system ['touch /tmp/harmed']",
    "another object": "submission_5: {':submitters': [3]}",
    "no text": b"\xff\xfe\x00\xd8",
}


@pytest.mark.parametrize("name", ODD_LISTS)
def test_gradescopes_list_that_is_odd_is_named_and_names_nobody(exercises, pile, name):
    put(pile, "submission_metadata.yml", ODD_LISTS[name])
    put(pile, "submission_5/x.ipynb", notebook(exercises))
    begun = time.monotonic()
    found = collect(pile, exercises)
    assert time.monotonic() - begun < 5
    assert [(s.student, s.platform_id) for s in found.submissions] == [("submission_5", "5")]
    assert found.without_notebook[0].found.startswith("submission_metadata.yml")


def test_an_odd_entry_in_gradescopes_list_costs_no_other_name(exercises, pile):
    put(pile, "submission_metadata.yml", f"{LIST}submission_7: 3\nsubmission_8: {{}}\n")
    for number in (5, 6, 7, 8):
        put(pile, f"submission_{number}/x.ipynb", notebook(exercises))
    ann_and_li, anna, seven, eight = collect(pile, exercises).submissions
    assert ann_and_li.members == (Person("Ann Lee", "1"), Person("Li Na"))
    assert anna.members == (Person("Anna"),)
    assert [one.student for one in (seven, eight)] == ["submission_7", "submission_8"]


# Piles in which students choose the outer names, and what each of them wrote.
BY_A_CLASSMATE = {
    "Gradescope's list, sent by mail": {
        "Li Na.ipynb": "Li Na",
        "Bob.ipynb": "Bob",
        "submission_metadata.yml": "Li Na.ipynb:\n  ':submitters': [{':name': X}]\n",
    },
    "Teams' folders, sent by mail": {
        "Li Na.ipynb": "Li Na",
        "Submitted files": "",
        "Working files": "",
    },
    "a newer file of the same name": {
        "Li Na - 07_halves.ipynb": "Li Na",
        "Bob - 07_halves.ipynb": "Bob",
        "Li Na - 07_halves_final.ipynb": "Li Na",
    },
    "a copy of a name that is like Canvas'": {
        "lee_1234567_2_halves.ipynb": "lee_1234567_2_halves",
        "ek_1234568_2_halves.ipynb": "ek_1234568_2_halves",
        "lee_1234567_2_halves (1).ipynb": "lee_1234567_2_halves (1)",
    },
    "numbers that are no platform's": {
        "lee_1234567_2_halves.ipynb": "lee_1234567_2_halves",
        "ek_1234568_2_halves.ipynb": "ek_1234568_2_halves",
        "lee_1234567_9_halves.ipynb": "lee",
    },
    "two files of one name in a zip": {"all.zip": ("x", "x")},
    "one spelling that looks like another": {
        unicodedata.normalize(form, "Größe.ipynb"): "Größe" for form in ("NFC", "NFD")
    },
}


@pytest.mark.parametrize("name", BY_A_CLASSMATE)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_no_classmate_takes_a_row_away(exercises, pile, name):
    made = {}
    for path, who in BY_A_CLASSMATE[name].items():
        if isinstance(who, tuple):
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w") as archive:
                for _ in who:
                    archive.writestr(f"{who[0]}.ipynb", as_bytes(notebook(exercises)))
            made[path] = buffer.getvalue()
        else:
            made[path] = notebook(exercises) if path.endswith(".ipynb") else who
    put_all(pile, made)
    found = collect(pile, exercises)
    if name.startswith("two files"):
        assert [s.student for s in found.submissions] == ["x", "x (2)"]
    else:
        works = [who for path, who in BY_A_CLASSMATE[name].items() if path.endswith("ipynb")]
        assert [s.student for s in found.submissions] == sorted(works)
        others = [path for path in made if not path.endswith(".ipynb")]
        assert [nothing.found for nothing in found.without_notebook] == others


TITLES = {
    "nali_13_346_x.ipynb": ("nali", "13"),
    "curieeve_66_348_x-Li Na_13_assignsubmission_file_.ipynb": ("curieeve", "66"),
    "bo_67_349_Li Na_attempt_2024-01-02-03-04-05_.ipynb": ("bo", "67"),
}


def test_a_title_in_another_platforms_form_is_a_title(exercises, pile):
    put_all(pile, {path: notebook(exercises) for path in TITLES})
    assert students(pile, exercises) == sorted(TITLES.values())


@pytest.mark.parametrize("outside", ["", "all.zip/", "submitted/"])
def test_only_one_has_notebooks_and_has_two(exercises, pile, outside):
    put_all(
        pile,
        {
            f"{outside}ann/x.ipynb": notebook(exercises),
            f"{outside}ann/x-Copy1.ipynb": notebook(exercises),
            f"{outside}bob/hw/report.pdf": b"",
        },
    )
    assert only(pile, exercises).student == "ann"
    assert collect(pile, exercises).without_notebook == [Nothing("bob", "", "hw/report.pdf")]


@pytest.mark.parametrize("form", ["{}/exercise_2_{}_x.ipynb", "{}/submission_{}/x.ipynb"])
def test_numbers_that_are_in_every_folder_are_nobodys(exercises, pile, form):
    names = ["ann", "bob", "cleo"]
    put_all(pile, {form.format(name, k): notebook(exercises) for name in names for k in (1, 2)})
    assert [name for name, _ in students(pile, exercises)] == names


@pytest.mark.parametrize("outside", ["MATH_101_2_set2.zip", "WS_2024_25_Num"])
def test_a_class_whose_name_is_like_canvas(exercises, pile, outside):
    paths = [f"{outside}/student {k}/x.ipynb" for k in range(9)]
    put_all(pile, {path: notebook(exercises) for path in paths})
    found = collect(pile, exercises)
    named = [one.found for one in found.without_notebook]
    assert {s.origin for s in found.submissions} | set(named) == set(paths)


def test_a_task_before_the_name_is_not_the_name(exercises, pile):
    put_all(pile, {f"Set 2 - S{k} - 07_halves.ipynb": notebook(exercises) for k in range(9)})
    assert len(students(pile, exercises)) == 9


def test_a_folder_that_githubs_tool_has_made(exercises, tmp_path):
    for name in ("ann-lee", "lee"):
        put(tmp_path, f"hw-2-submissions/hw-2-{name}/x.ipynb", notebook(exercises))
    assert students(tmp_path / "hw-2-submissions", exercises) == [("ann-lee", ""), ("lee", "")]


def test_who_sent_only_what_a_mac_leaves_is_listed(exercises, pile):
    put_all(pile, {f"all.zip/{ANN}/._x.ipynb": b"", f"all.zip/{LI}/x.ipynb": notebook(exercises)})
    assert [one.student for one in collect(pile, exercises).without_notebook] == ["Ann Lee"]


def test_an_old_zip_of_east_asia(exercises, pile):
    """A letter's second byte may be a backslash, which parts nothing."""
    names = {"許志明": "~~~~~~0.ipynb", "許美玲": "~~~~~~1.ipynb"}
    content = zipped(dict.fromkeys(names.values(), notebook(exercises)))
    for name, stand_in in names.items():
        content = content.replace(stand_in[:6].encode(), name.encode("big5"))
    put(pile, "all.zip", content)
    assert len(students(pile, exercises)) == 2


def test_a_folder_of_very_many_files_hides_no_notebook(exercises, pile, monkeypatch):
    monkeypatch.setattr(files, "MOST_FILES", 50)
    put_all(pile, {f"ann/venv/{k}.py": b"" for k in range(60)})
    put(pile, "ann/x.ipynb", notebook(exercises), OLD)
    put(pile, "bob/x.ipynb", notebook(exercises))
    assert row(pile, exercises, "ann").answers["half"]


LISTS_OF_STUDENTS = [
    "submission_6/submission_metadata.yml",
    "submission_6/x.zip/submission_metadata.yml",
    "submission_6/export/submission_metadata.yml",
]


@pytest.mark.parametrize("path", LISTS_OF_STUDENTS)
@pytest.mark.parametrize("text", [LIST, "a: 2025-99-99", "[" * 3_000])
def test_list_that_a_student_has_sent_is_not_read(exercises, pile, path, text):
    for number in (5, 6):
        put(pile, f"submission_{number}/x.ipynb", notebook(exercises))
    put_all(pile, {path: text})
    assert students(pile, exercises) == [("submission_5", "5"), ("submission_6", "6")]


FORGED = {
    "a Moodle folder in a zip from Moodle": {
        f"{LI}/x.ipynb": "Li Na",
        "Eve_66_assignsubmission_file_/hw.zip/Li Na_13_assignsubmission_file_/x.ipynb": "Eve",
    },
    "a Moodle folder in a folder": {
        f"{LI}/x.ipynb": "Li Na",
        f"Eve_66_assignsubmission_file_/{LI}/x.ipynb": "Eve",
    },
    "Moodle folders in a zip among mails": {
        "Li Na.ipynb": "Li Na",
        f"eve.zip/{ANN}/x.ipynb": "eve",
        f"eve.zip/{LI}/x.ipynb": "eve",
    },
    "Moodle folders among folders": {
        "Li Na/x.ipynb": "Li Na",
        f"eve/{ANN}/x.ipynb": "eve",
        f"eve/{LI}/x.ipynb": "eve",
    },
    "a Moodle name at the end of a file's": {
        "Li Na_13_assignsubmission_file_x.ipynb": "Li Na",
        "Eve_66_assignsubmission_file_Li Na_13_assignsubmission_file_.ipynb": "Eve",
    },
    "a Blackboard name at the end of a file's": {
        "Set 7_li2_attempt_2024-01-02-03-04-05_x.ipynb": "li2",
        "Set 7_eve_attempt_2024-01-02-03-04-06_li2_attempt_2024-01-02-03-04-07_x.ipynb": "eve",
    },
    "names of Canvas in a zip among Canvas' files": {
        "nali_13_346_x.ipynb": "nali",
        "eve_66_347_x.zip/nali_13_346_x.ipynb": "eve",
        "eve_66_347_x.zip/leeann_12_345_x.ipynb": "eve",
    },
    "Gradescope's list and folders in a mail": {
        "Li Na.ipynb": "Li Na",
        "eve.zip/submission_metadata.yml": "eve",
        "eve.zip/submission_5/x.ipynb": "eve",
        "eve.zip/submission_6/x.ipynb": "eve",
    },
}


@pytest.mark.parametrize("name", FORGED)
def test_names_in_what_a_student_sent_are_not_believed(exercises, pile, name):
    put_all(
        pile,
        {
            path: LIST if path.endswith("yml") else notebook(exercises, half=f"half = {who!r}")
            for path, who in FORGED[name].items()
        },
    )
    found = collect(pile, exercises).submissions
    assert sorted(s.student for s in found) == sorted(set(FORGED[name].values()))
    for submission in found:
        assert submission.answers["half"][0].code == f"half = {submission.student!r}"


@pytest.mark.parametrize("inside", [(ANN, LI), ("ann", "li")])
@pytest.mark.parametrize("outside", ["all.zip", "section A"])
def test_a_class_among_others_is_asked_for(exercises, pile, inside, outside):
    """Whose it is cannot be known: it may be a class's, or a student's own folders."""
    put_all(
        pile,
        {
            "bob/x.ipynb": notebook(exercises),
            **{f"{outside}/{name}/x.ipynb": notebook(exercises) for name in inside},
        },
    )
    name = outside.removesuffix(".zip")
    counted = row(pile, exercises, name)
    assert "is it a class?" in counted.notes[-1]
    (other,) = collect(pile, exercises).without_notebook
    assert (other.found, other.kind) != (counted.origin, "nothing to grade")
    assert other.found in {f"{outside}/{name}/x.ipynb" for name in inside}


@pytest.mark.parametrize("outside", ["all.zip", "section A"])
def test_nobody_in_a_class_among_others_is_lost(exercises, pile, outside):
    """Nor who sent no notebook, and files without folders of their own."""
    put_all(
        pile,
        {
            "bob/x.ipynb": notebook(exercises),
            f"{outside}/{LI}/x.ipynb": notebook(exercises),
            f"{outside}/{ANN}/report.pdf": b"",
            **{f"{outside}2/{k}.ipynb": notebook(exercises) for k in range(9)},
        },
    )
    found = collect(pile, exercises)
    names = {(one.student, one.platform_id) for one in found.without_notebook}
    counted = row(pile, exercises, f"{outside}2").origin
    assert names == {("Ann Lee", "12")} | {
        (str(k), "") for k in range(9) if counted != f"{outside}2/{k}.ipynb"
    }


def test_a_class_of_which_one_has_sent_a_notebook(exercises, pile):
    """It looks like one student's zip; the others are named."""
    made = {"all.zip/ann.ipynb": notebook(exercises), "all.zip/bob.pdf": b""}
    put_all(pile, made)
    assert only(pile, exercises).notes == ["also sent: bob.pdf"]


# What lies in one section beside another one, and who must be named.
SECTIONS = {
    "PDFs": {"A/ann/x.ipynb": "ok", "A/bob/r.pdf": "", "A/cleo/r.pdf": ""},
    "one PDF": {"A/ann/x.ipynb": "ok", "A/bob/r.pdf": ""},
    "PDFs alone": {f"A/S{k}/r.pdf": "" for k in range(9)},
    "PDFs alone, deeper": {f"A/Set 7/S{k}/r.pdf": "" for k in range(9)},
    "PDFs alone, by Moodle": {f"A/S{k}_{k}_assignsubmission_file_r.pdf": "" for k in range(9)},
    "unreadable notebooks": {"A/ann/x.ipynb": "ok"} | {f"A/S{k}/x.ipynb": "{" for k in range(9)},
    "unreadable notebooks alone": {f"A/S{k}/x.ipynb": "{" for k in range(9)},
    "hidden notebooks": {"A/ann/x.ipynb": "ok", "A/bob/.x.ipynb": ""},
}


@pytest.mark.parametrize("name", SECTIONS)
def test_nobody_in_a_section_without_notebooks_is_lost(exercises, pile, name):
    paths = SECTIONS[name]
    put_all(
        pile, {path: notebook(exercises) if how == "ok" else how for path, how in paths.items()}
    )
    put_all(pile, {"B/dora/x.ipynb": notebook(exercises), "B/ed/x.ipynb": notebook(exercises)})
    found = collect(pile, exercises)
    told = {one.found.removesuffix(" (hidden by its name)") for one in found.without_notebook}
    assert set(paths) <= told | {s.origin for s in found.submissions}
    names = {path.split("/")[-2] for path in paths if path.count("/") > 1} - {"ann", "A"}
    assert len(names - {one.student for one in found.without_notebook}) <= (
        "alone" in name and "unreadable" in name  # whose row stands for all
    )


@pytest.mark.parametrize("outside", ["", "submitted/"])
def test_folders_of_other_tasks_are_nobodys(exercises, pile, outside):
    for name in ("ann", "bob", "cleo"):
        put(pile, f"{outside}{name}/07_halves/07_halves.ipynb", notebook(exercises))
        put(pile, f"{outside}{name}/06_others/06_others.ipynb", {"cells": []})
        put(pile, f"{outside}{name}/figures/x.png", b"")
    found = collect(pile, exercises)
    assert [s.student for s in found.submissions] == ["ann", "bob", "cleo"]
    assert not found.without_notebook
    assert all("is it a class?" not in note for s in found.submissions for note in s.notes)


@pytest.mark.parametrize("hidden", ["bob/.x.ipynb", ".x.ipynb", "bob/.ipynb_checkpoints/x.ipynb"])
@pytest.mark.parametrize("number", [1, 9])
def test_hidden_files_of_a_class_with_one_notebook_are_listed(exercises, pile, hidden, number):
    paths = [f"all.zip/{k}/{hidden}" for k in range(number)]
    put_all(pile, {"all.zip/ann.ipynb": notebook(exercises)} | dict.fromkeys(paths, b""))
    found = collect(pile, exercises)
    text = " ".join([*found.submissions[0].notes, *(one.found for one in found.without_notebook)])
    assert all(path.removeprefix("all.zip/") in text for path in paths)


def test_hidden_files_beside_one_notebook_are_listed(exercises, pile):
    paths = [f"all.zip/.{k}.ipynb" for k in range(9)]
    put_all(pile, {"all.zip/ann.ipynb": notebook(exercises)} | dict.fromkeys(paths, b""))
    told = {one.found for one in collect(pile, exercises).without_notebook}
    assert {f"{path} (hidden by its name)" for path in paths} <= told


def test_many_files_beside_one_notebook_are_listed(exercises, pile):
    paths = [f"all.zip/{k}.pdf" for k in range(9)]
    put_all(pile, {"all.zip/ann.ipynb": notebook(exercises)} | dict.fromkeys(paths, b""))
    assert {one.found for one in collect(pile, exercises).without_notebook} == set(paths)


def test_a_classmates_folder_in_the_only_folder_with_a_notebook(exercises, pile):
    put_all(pile, {f"eve/{LI}/x.ipynb": notebook(exercises), "li/r.pdf": b"", "bo/hw/r.pdf": b""})
    assert students(pile, exercises) == [("eve", "")]
    assert {one.student for one in collect(pile, exercises).without_notebook} == {"bo", "li"}


@pytest.mark.parametrize("outside", ["eve", "eve.zip"])
def test_a_pile_of_one_says_where_the_name_stands(exercises, pile, outside):
    """It may be a class's of which one has handed in, or a student's own folder."""
    put_all(pile, {f"{outside}/{LI}/x.ipynb": notebook(exercises)})
    assert only(pile, exercises).notes == [PERHAPS_ONE]


def test_drafts_on_teams_are_not_handed_in(exercises, pile):
    files = {
        "Submitted files/Ann Lee/Set 7/Version 2/x.ipynb": notebook(exercises),
        "Working files/Ann Lee/Set 7/x.ipynb": notebook(exercises, half="half = 1"),
        "Working files/Li Na/Set 7/x.ipynb": notebook(exercises),
    }
    for outside in ("", "Student Work/"):
        put_all(pile, {f"{outside}{path}": made for path, made in files.items()})
        found = collect(pile, exercises)
        assert [(s.student, s.answers["half"][0].code) for s in found.submissions] == [
            ("Ann Lee", HALF)
        ]
        place = f"{outside}Working files/Li Na/Set 7/x.ipynb"
        draft = Nothing("Li Na", "", place, "a draft, not handed in")
        assert found.without_notebook == [draft]
        for path in files:
            (pile / outside / path).unlink()
        shutil.rmtree(pile / (outside or "Working files"), ignore_errors=True)
        shutil.rmtree(pile / "Submitted files", ignore_errors=True)


@pytest.mark.parametrize(
    "path", [f"{ANN}/a/b.zip/x.ipynb", f"all.zip/{ANN}/x.ipynb", f"{ANN}x.ipynb"]
)
def test_the_place_is_moodles_own_folder(exercises, pile, path):
    put_all(pile, {path: notebook(exercises), path.replace(ANN, LI): notebook(exercises)})
    assert [s.place for s in collect(pile, exercises).submissions] == [ANN, LI]


@pytest.mark.parametrize("path", ["ann/x.ipynb", "leeann_12_345_x.ipynb", "ann.zip/x.ipynb"])
def test_elsewhere_there_is_no_place(exercises, pile, path):
    put_all(pile, {path: notebook(exercises), "Bob.ipynb": notebook(exercises)})
    assert {s.place for s in collect(pile, exercises).submissions} == {""}


@pytest.mark.parametrize("where", ["", "all.zip/"])
def test_a_text_beside_the_file_on_moodle_is_one_students(exercises, pile, where):
    text = ANN.replace("file", "onlinetext")
    made = notebook(exercises)
    put_all(
        pile,
        {
            f"{where}{text}/onlinetext.html": b"",
            f"{where}{ANN}/x.ipynb": made,
            f"{where}{LI}/x.ipynb": made,
        },
    )
    found = collect(pile, exercises)
    assert [(s.student, s.place) for s in found.submissions] == [("Ann Lee", ANN), ("Li Na", LI)]
    assert not found.without_notebook


def test_namesakes_are_two_and_told(exercises, pile):
    put_all(
        pile,
        {
            f"group 1/{LI}/x.ipynb": notebook(exercises),
            f"group 2/{LI}/x.ipynb": notebook(exercises),
            f"group 2/{LI.replace('13', '14')}/x.ipynb": notebook(exercises),
        },
    )
    first, second, third = collect(pile, exercises).submissions
    assert "has the name of another" in first.notes[-1]
    assert "has the name of another" in second.notes[-1]
    assert third.notes == []


def test_a_copy_of_a_file_may_be_the_same_students(exercises, pile):
    put_all(pile, {"ann.ipynb": notebook(exercises), "ann (1).ipynb": notebook(exercises)})
    assert "has the name of another" in row(pile, exercises, "ann").notes[-1]
    assert "has the name of another" in row(pile, exercises, "ann (1)").notes[-1]


# --- which of a student's notebooks counts ---

OLD, NEW = 1_600_000_000, 1_700_000_000


def test_the_newest_notebook_with_answers_counts(exercises, pile):
    def untouched() -> dict:
        return json.loads(student_notebook(exercises, 20))

    put(pile, "anna/old.ipynb", notebook(exercises, half="half = 1"), OLD)
    put(pile, "anna/new.ipynb", notebook(exercises), NEW)
    put(pile, "anna/release.ipynb", untouched(), NEW + 9_000)
    put(pile, "anna/stripped.ipynb", without_metadata(untouched()), NEW + 9_000)
    put(pile, "anna/windows.ipynb", windows_line_ends(untouched()), NEW + 9_000)
    put(pile, "anna/tidied.ipynb", tidied(untouched()), NEW + 9_000)
    put(pile, "bob.ipynb", notebook(exercises))
    submission = row(pile, exercises, "anna")
    assert submission.origin == "anna/new.ipynb"
    assert submission.notes[-1].startswith("one of 6 notebooks counts; not graded: anna/")
    assert "anna/old.ipynb" in submission.notes[-1]


@pytest.mark.parametrize("names", [("07.ipynb", "07 (1).ipynb"), ("07 (1).ipynb", "07.ipynb")])
@pytest.mark.parametrize("seconds", [0, 2])
def test_of_equal_times_the_most_complete_counts(exercises, pile, names, seconds):
    whole, part = names
    put(pile, f"anna/{whole}", notebook(exercises), NEW)
    put(pile, f"anna/{part}", one_answer(exercises), NEW + seconds)
    put(pile, "bob.ipynb", notebook(exercises))
    assert row(pile, exercises, "anna").origin == f"anna/{whole}"


def test_an_older_one_with_more_answers_is_told(exercises, pile):
    put(pile, "anna/old.ipynb", notebook(exercises), OLD)
    put(pile, "anna/new.ipynb", one_answer(exercises), NEW)
    put(pile, "bob.ipynb", notebook(exercises))
    submission = row(pile, exercises, "anna")
    assert submission.origin == "anna/new.ipynb"
    assert submission.notes[-1].endswith("anna/old.ipynb (with 2 answers)")


def test_a_zip_that_cannot_be_read_is_named_beside_a_notebook(exercises, pile):
    put(pile, "anna/x.ipynb", notebook(exercises))
    put(pile, "anna/later.zip", b"PK", NEW + 9_000)
    put(pile, "bob.ipynb", notebook(exercises))
    assert row(pile, exercises, "anna").notes[-1].endswith("anna/later.zip (a damaged zip)")


def test_what_else_was_sent_is_told_where_nothing_was_answered(exercises, pile):
    put(pile, "anna/x.ipynb", json.loads(student_notebook(exercises, 20)))
    put(pile, "anna/answers.py", b"")
    put(pile, "bob/x.ipynb", notebook(exercises))
    put(pile, "bob/data.csv", b"")
    assert row(pile, exercises, "anna").notes[-1] == "also sent: answers.py"
    assert row(pile, exercises, "bob").notes == []


def test_late_is_noted_where_canvas_says_so(exercises, pile):
    put(pile, "nali_LATE_13_346_x.ipynb", notebook(exercises))
    put(pile, "leeann_12_345_x_LATE_1_2_y.ipynb", notebook(exercises))
    assert row(pile, exercises, "nali").notes == ["handed in late, as Canvas says"]
    assert row(pile, exercises, "leeann").notes == []


# --- nobody is lost ---

WITHOUT = {
    "Python": ("x.py", "x.py"),
    "a PDF": ("report.pdf", "report.pdf"),
    "another archive": ("x.7z", "an archive of another kind: x.7z"),
    "a tar": ("x.tar.gz", "an archive of another kind: x.tar.gz"),
    "online text": ("onlinetext.html", "onlinetext.html"),
    "JSON": ("x.json", "x.json"),
    "a zip without a notebook": ("hw.zip/x.py", "hw.zip/x.py"),
    "an empty zip": ("hw.zip/", "an empty folder hw.zip/"),
    "a hidden folder": (".hw/x.ipynb", ".hw/x.ipynb (hidden by its name)"),
    "a hidden folder in a zip": ("hw.zip/.hw/x.ipynb", "hw.zip/.hw/x.ipynb (hidden by its name)"),
    "checkpoints alone": (
        ".ipynb_checkpoints/x-checkpoint.ipynb",
        ".ipynb_checkpoints/x-checkpoint.ipynb (hidden by its name)",
    ),
    "an empty folder": ("", "an empty folder"),
}


@pytest.mark.parametrize("name", WITHOUT)
@pytest.mark.parametrize("where", ["", "all.zip/", "ann"])
def test_who_sent_no_notebook_is_listed_with_what_was_found(exercises, pile, name, where):
    sent, found = WITHOUT[name]
    if where == "ann":  # folders that no platform named
        other, path, who = "li/x.ipynb", f"ann/{sent}", Nothing("ann", "", found)
    else:
        other, path = f"{where}{LI}/x.ipynb", f"{where}{ANN}/{sent}"
        who = Nothing("Ann Lee", "12", found)
    files = {other: notebook(exercises)}
    if where and ".zip/" in sent and where != "ann":  # a zip in the class's zip
        outer, _, inner = sent.partition(".zip/")
        files[f"{where}{ANN}/{outer}.zip"] = zipped({inner: b""} if inner else {})
    elif path.endswith(".zip/"):
        files[path[:-1]] = zipped({})
    elif path.endswith("/") and not where.endswith("/"):
        (pile / path).mkdir(parents=True)
    else:
        files[path] = b""
    put_all(pile, files)
    assert collect(pile, exercises).without_notebook == [who]


@pytest.mark.parametrize("name", ["leeann_12_345_x.pdf", "leeann_12_345_text.html"])
def test_a_file_with_a_platforms_name_is_somebodys(exercises, pile, name):
    put_all(pile, {"nali_13_346_x.ipynb": notebook(exercises), name: b""})
    assert collect(pile, exercises).without_notebook == [Nothing("leeann", "12", name)]


def test_the_task_on_blackboard_is_known_from_all_files(exercises, pile):
    put(pile, "Set 7_ann_lee_attempt_2024-01-02-03-04-05_x.ipynb", notebook(exercises))
    put(pile, "Set 7_li2_attempt_2024-01-02-03-04-06_x.pdf", b"")
    assert students(pile, exercises) == [("ann_lee", "ann_lee")]
    assert [one.student for one in collect(pile, exercises).without_notebook] == ["li2"]


def test_files_of_nobodys_are_listed(exercises, pile):
    for path in (
        "notes.pdf",
        "lecture notes/a.pdf",
        ".vscode/x.json",
        ".git/a",
        ".ipynb_checkpoints/x",
    ):
        put(pile, path, b"")
    put(pile, "ann.ipynb", notebook(exercises))
    assert collect(pile, exercises).without_notebook == [
        Nothing("", "", ".vscode/x.json (hidden by its name)"),
        Nothing("", "", "notes.pdf"),
        Nothing("lecture notes", "", "a.pdf"),
    ]


def test_a_long_list_of_files_is_cut(exercises, pile):
    for number in range(100):
        put(pile, f"ann/{number:03}{'x' * 200}.py", b"")
    put(pile, "bob/x.ipynb", notebook(exercises))
    (ann,) = collect(pile, exercises).without_notebook
    assert ann.found.endswith(" and 95 more")
    assert len(ann.found) < 2_000


def test_what_tools_leave_is_nobodys(exercises, pile):
    put(pile, "anna/x.ipynb", notebook(exercises))
    for name in (".ipynb_checkpoints/x-checkpoint.ipynb", "__MACOSX/x.ipynb", "._x.ipynb"):
        put(pile, f"anna/{name}", notebook(exercises))
        put(pile, f"{name}", notebook(exercises))
    put(pile, ".DS_Store", b"")
    put(pile, "Thumbs.db", b"")
    assert only(pile, exercises).notes == []
    assert not collect(pile, exercises).without_notebook


# --- links and odd files ---


@pytest.mark.skipif(os.name != "posix", reason="links")
@pytest.mark.parametrize(
    "target", ["li/x.ipynb", "../instructor.ipynb", "li", "/etc/passwd", "gone"]
)
def test_links_are_not_followed(exercises, pile, target):
    put(pile, "li/x.ipynb", notebook(exercises))
    put(pile, "../instructor.ipynb", notebook(exercises))
    (pile / "eve").mkdir()
    name = "x.ipynb" if "." in target else "folder"
    (pile / "eve" / name).symlink_to(target if target.startswith("/") else pile / target)
    found = collect(pile, exercises)
    assert [s.student for s in found.submissions] == ["li"]
    assert found.without_notebook == [Nothing("eve", "", f"{name} (a link, which is not followed)")]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes")
def test_a_pipe_is_not_waited_for(exercises, pile):
    put(pile, "li/x.ipynb", notebook(exercises))
    (pile / "eve").mkdir()
    os.mkfifo(pile / "eve" / "x.ipynb")
    assert row(pile, exercises, "eve").notes == ["not read: not a plain file"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="rights, which root has")
def test_files_that_may_not_be_read_are_named(exercises, pile):
    put(pile, "li/x.ipynb", notebook(exercises))
    put(pile, "eve/x.ipynb", notebook(exercises)).chmod(0)
    put(pile, "mia/in/x.ipynb", notebook(exercises))
    (pile / "mia" / "in").chmod(0)
    try:
        found = collect(pile, exercises)
    finally:
        (pile / "mia" / "in").chmod(0o700)
    assert row(pile, exercises, "eve").notes == ["not read: Permission denied"]
    assert found.without_notebook == [Nothing("mia", "", "in (Permission denied)")]


def test_very_deep_folders(exercises, pile):
    put(pile, "li/x.ipynb", notebook(exercises))
    place = pile / "eve"
    with contextlib.suppress(OSError):  # as deep as the system allows
        for _ in range(1_500):
            place = place / "d"
            place.mkdir(parents=True)
    found = collect(pile, exercises)
    while place != pile:  # what tidies up after tests cannot go so deep
        with contextlib.suppress(OSError):
            place.rmdir()
        place = place.parent
    assert [s.student for s in found.submissions] == ["li"]
    assert [nothing.student for nothing in found.without_notebook] == ["eve"]


# --- zips ---


def test_zips_in_zips(exercises, pile):
    inner = zipped({"x.ipynb": notebook(exercises)})
    put(pile, "anna.zip", zipped({"a/b.zip": zipped({"c.zip": inner})}))
    assert only(pile, exercises).origin == "anna.zip/a/b.zip/c.zip/x.ipynb"


def test_a_folders_own_entry_in_a_zip_is_no_empty_folder(exercises, pile):
    put(pile, "ann.zip", zipped({"hw/": b"", "hw/x.py": b"", "none/": b""}))
    put(pile, "bob.ipynb", notebook(exercises))
    (ann,) = collect(pile, exercises).without_notebook
    assert ann.found == "hw/x.py, an empty folder none/"


def nested(exercises) -> bytes:
    inner = zipped({"x.ipynb": notebook(exercises)})
    for _ in range(3):
        inner = zipped({"a.zip": inner})
    return inner


def damaged(exercises) -> bytes:
    content = bytearray(zipped({"x.ipynb": notebook(exercises)}))
    content[200:260] = bytes(60)
    return bytes(content)


def lying(exercises) -> bytes:
    """Ten bytes, by what the zip says of its file."""
    content = bytearray(zipped({"x.ipynb": notebook(exercises)}))
    at = content.index(b"PK\x01\x02")
    content[at + 24 : at + 28] = (10).to_bytes(4, "little")
    return bytes(content)


BAD_ZIPS = {
    "lying about a size": (lying, "damaged in its zip"),
    "too deep": (nested, "a zip within 3 zips"),
    "cut short": (lambda e: zipped({"x.ipynb": notebook(e)})[:-40], "a damaged zip"),
    "no zip": (lambda e: b"Rar!", "a damaged zip"),
    "damaged inside": (damaged, "damaged in its zip"),
    "password": (
        lambda e: with_password(zipped({"x.ipynb": b"1"})),
        "in a zip that needs a password",
    ),
    "bz2, which has no limit": (
        lambda e: zipped({"x.ipynb": bytes(10_000_000)}, how=zipfile.ZIP_BZIP2),
        "packed in a way that is not read",
    ),
    "too large": (lambda e: zipped({"x.ipynb": bytes(files.LARGEST_FILE + 1)}), files.TOO_LARGE),
}


@pytest.mark.parametrize("name", BAD_ZIPS)
@pytest.mark.parametrize("where", ["anna.zip", "anna/hw.zip"])
def test_zip_that_cannot_be_read_is_a_row_with_a_note(exercises, pile, name, where):
    made, problem = BAD_ZIPS[name]
    put(pile, where, made(exercises))
    put(pile, "bob.ipynb", notebook(exercises))
    assert row(pile, exercises, "anna").notes == [f"not read: {problem}"]
    assert row(pile, exercises, "bob").answers["half"]


NAMES_IN_ZIPS = {
    "../../x.ipynb": "x.ipynb",
    "/etc/x.ipynb": "etc/x.ipynb",
    "C:\\hw\\x.ipynb": "C:/hw/x.ipynb",
    "..\\x.ipynb": "x.ipynb",
    "a//./b/x.ipynb": "a/b/x.ipynb",
    "\x1b[31mred.ipynb": "\\x1b[31mred.ipynb",
    "a\nb.ipynb": "a\\nb.ipynb",
    "‮bnypi.ipynb": "\\u202ebnypi.ipynb",
    "größe.ipynb": "größe.ipynb",
    "x" * 60_000 + "/x.ipynb": "x" * 255 + "/x.ipynb",
    "x/" * 10_000 + "x.ipynb": "x/" * 145 + "…",
}


@pytest.mark.parametrize("name", NAMES_IN_ZIPS)
def test_names_in_zips(exercises, pile, name):
    put(pile, "anna.zip", zipped({name: notebook(exercises)}))
    put(pile, "bob.ipynb", notebook(exercises))
    submission = row(pile, exercises, "anna")
    assert submission.origin == f"anna.zip/{NAMES_IN_ZIPS[name]}"
    assert submission.answers["half"]


def test_zip_from_a_mac_has_the_names_that_were_given(exercises, pile):
    files = {f"{name}/x.ipynb": notebook(exercises) for name in ("Größe_1", "李")}
    put(pile, "all.zip", without_utf8_flag(zipped(files)))
    assert students(pile, exercises) == [("Größe_1", ""), ("李", "")]


def test_old_zip_keeps_what_can_be_read_of_a_name(exercises, pile):
    content = zipped({"Gr~~e/x.ipynb": notebook(exercises), "b/x.ipynb": notebook(exercises)})
    put(pile, "all.zip", content.replace(b"Gr~~e", b"Gr\x94\xe1e"))  # in the code page of DOS
    assert students(pile, exercises) == [("Größe", ""), ("b", "")]


def test_a_link_in_a_zip_is_listed(exercises, pile):
    put(pile, "eve.zip", zipped({"x.ipynb": b"../li.ipynb"}, mode=0o120777))
    put(pile, "li.ipynb", notebook(exercises))
    (eve,) = collect(pile, exercises).without_notebook
    assert eve.found == "x.ipynb (a link, which is not followed)"


def test_impossible_date_in_a_zip_is_no_loss(exercises, pile):
    put(pile, "anna.zip", zipped({"x.ipynb": notebook(exercises)}, date=(1980, 0, 0, 0, 0, 0)))
    assert answers(pile, exercises)["half"] == [HALF]


# --- what costs much ---


def test_a_zip_of_very_many_files_is_named(exercises, pile, monkeypatch):
    monkeypatch.setattr(files, "MOST_IN_ZIP", 100)
    put(pile, "eve.zip", zipped({f"{k}": b"" for k in range(101)}))
    put(pile, "li.ipynb", notebook(exercises))
    assert row(pile, exercises, "eve").notes == [f"not read: {files.TOO_MANY}"]


LONG = ["a_1_" * 8_000 + "attempt_2024-1", "1-1 - a - " * 6_000, " " * 60_000]


@pytest.mark.parametrize("name", LONG)
def test_long_names_cost_little(exercises, pile, name):
    made = {f"{name}/x.ipynb": notebook(exercises), "li/x.ipynb": notebook(exercises)}
    put(pile, "all.zip", zipped(made))
    begun = time.monotonic()
    assert len(collect(pile, exercises).submissions) == 2
    assert time.monotonic() - begun < 2


def test_of_very_many_notebooks_the_newest_are_read(exercises, pile, monkeypatch):
    monkeypatch.setattr(files, "MOST_NOTEBOOKS", 3)
    for k in range(5):
        put(pile, f"eve/{k}.ipynb", notebook(exercises), OLD + 1_000 * k)
    put(pile, "li.ipynb", notebook(exercises))
    submission = row(pile, exercises, "eve")
    assert submission.origin == "eve/4.ipynb"
    assert submission.notes[-1].count(files.TOO_LARGE) == 2


@pytest.mark.parametrize("seconds", [10**11, -(10**11)])
def test_a_time_that_no_calendar_has(exercises, pile, seconds):
    try:
        put(pile, "ann.ipynb", notebook(exercises), seconds)
    except OSError:
        pytest.skip("this file system takes no such time")
    assert answers(pile, exercises)["half"] == [HALF]


MANY = {
    "notebooks": lambda made: zipped({f"{k}.ipynb": made for k in range(5_000)}),
    "names": lambda made: zipped({f"{k}.py": b"" for k in range(9_000)} | {"x.ipynb": made}),
    "zips": lambda made: zipped(
        dict.fromkeys((f"{k}.zip" for k in range(999)), zipped({"x": made}))
    ),
}


@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize("where", ["eve.zip", "eve/hw.zip", f"all.zip/{ANN}/hw.zip"])
def test_many_files_cost_little(exercises, pile, name, where):
    other = f"all.zip/{LI}/x.ipynb" if where.startswith("all") else "li.ipynb"
    put_all(pile, {where: MANY[name](as_bytes(notebook(exercises))), other: notebook(exercises)})
    begun = time.monotonic()
    found = collect(pile, exercises)
    assert time.monotonic() - begun < 10
    lost = [one for one in found.without_notebook if one.kind == "nothing to grade"]
    assert len(found.submissions) + len(lost) == 2
    assert len(found.without_notebook) <= LARGEST_CLASS + 1
    assert all(len(note) < 2_000 for s in found.submissions for note in s.notes)


def peak_of(pile, exercises) -> float:
    tracemalloc.start()
    collect(pile, exercises)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_bombs_take_no_memory(exercises, pile):
    bomb = {f"{k}.ipynb": bytes(files.LARGEST_FILE + 1) for k in range(2)}
    made = {f"Eve_1_assignsubmission_file_/{name}": content for name, content in bomb.items()}
    put(pile, "all.zip", zipped({**made, f"{LI}/x.ipynb": notebook(exercises)}))
    del bomb, made
    assert "larger than" in row(pile, exercises, "Eve").notes[0]
    assert row(pile, exercises, "Li Na").answers["half"]
    assert peak_of(pile, exercises) < 10e6


def test_zips_in_a_zip_are_read_one_at_a_time(exercises, pile):
    inner = zipped({"a.csv": bytes(9_000_000)}, how=zipfile.ZIP_STORED)
    put(pile, "eve.zip", zipped({f"{k}.zip": inner for k in range(9)}))
    put(pile, "li.ipynb", notebook(exercises))
    del inner
    assert peak_of(pile, exercises) < 40e6


def test_allowance_of_one_student_is_not_another_ones(exercises, pile, monkeypatch):
    size = len(as_bytes(notebook(exercises)))
    monkeypatch.setattr(files, "MOST_OF_ONE", 2 * size + 100)
    made = {f"Eve_1_assignsubmission_file_/{k}.ipynb": notebook(exercises) for k in range(9)}
    put(pile, "all.zip", zipped({**made, f"{LI}/x.ipynb": notebook(exercises)}))
    assert row(pile, exercises, "Li Na").answers["half"]
    assert row(pile, exercises, "Eve").answers["half"]  # of the two that were read


def test_large_files_are_named_and_not_read(exercises, pile, monkeypatch):
    monkeypatch.setattr(files, "LARGEST_FILE", 1000)
    put(pile, "anna.ipynb", b"a" * 1001)
    put(pile, "bob.zip", zipped({"x.ipynb": b"a" * 1001}))
    found = collect(pile, exercises).submissions
    assert ["larger than" in s.notes[0] for s in found] == [True, True]


def test_figures_do_not_stay_in_memory(exercises, pile):
    made = notebook(exercises)
    made["cells"].append(code("1") | {"outputs": [{"data": {"image/png": "a" * 5_000_000}}]})
    for k in range(6):
        put(pile, f"student{k}.ipynb", made)
    del made
    tracemalloc.start()
    found = collect(pile, exercises)
    now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.submissions) == 6
    assert now < 2e6
    assert peak < 25e6


BOMBS = {
    "names of entries": ("{" + ",".join(f'"{k}":{k}' for k in range(500_000)) + "}").encode(),
    "empty objects as cells": b'{"cells": [' + b"{}," * 2_700_000 + b"{}]}",
    "empty lists": b'{"cells": [' + b"[]," * 2_700_000 + b"{}]}",
    "numbers": b'{"cells": [' + b"1.5," * 4_000_000 + b"{}]}",
    "quotes": b'{"a": "' + b'\\"' * 4_000_000,
    "an open string": b'{"a": ["' + b"," * 9_000_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_little_text_must_not_take_much_memory(exercises, pile, name):
    put(pile, "ann.ipynb", BOMBS[name])
    put(pile, "bob.ipynb", notebook(exercises))
    begun = time.monotonic()
    assert peak_of(pile, exercises) < 100e6
    assert time.monotonic() - begun < 10
    assert "not a notebook that can be read" in row(pile, exercises, "ann").notes[0]


OUTPUTS = {
    "figures": {"image/png": "iVBORw0KGgo" * 2_700_000},
    "a table": {"text/plain": [f"{k}, {k}, {k}, [{k}], {{{k}}}\n" for k in range(700_000)]},
    "points of a figure": {
        "application/vnd.plotly.v1+json": {"x": [k / 7 for k in range(1_500_000)]}
    },
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_thirty_megabytes_of_outputs_are_fine(exercises, pile, name):
    made = notebook(exercises)
    made["cells"].append(code("1") | {"outputs": [{"data": OUTPUTS[name]}]})
    path = put(pile, "ann.ipynb", made)
    assert path.stat().st_size > 25e6
    assert answers(pile, exercises)["half"] == [HALF]


CODE_BOMBS = {
    "statements": "a=1\n" * 750_000,
    "a long line": "a = " + "1+" * 500_000 + "1",
    "just below the limit": "a=1\n" * 24_999,
    "one deep expression": "-" * 99_000 + "1",
    "attributes": "a" + ".a" * 49_000,
    "brackets": "(" * 99_000,
    "calls": "f(" * 90 + ")" * 90,
    "lambdas": "lambda: " * 12_000 + "1",
    "comparisons": "a" + "<a" * 49_000,
    "blocks": "".join(" " * k + "if 1:\n" for k in range(99)) + " " * 99 + "1",
    "strings": "'" * 99_000,
    "an f-string": "f'" + "{" * 90_000 + "'",
    "nothing": "\0" * 90_000,
}


@pytest.mark.parametrize("name", CODE_BOMBS)
def test_code_that_is_hard_to_read(exercises, pile, name):
    made = notebook(exercises)
    made["cells"].insert(0, code(CODE_BOMBS[name]))
    put(pile, "ann.ipynb", made)
    begun = time.monotonic()
    assert peak_of(pile, exercises) < 150e6
    assert time.monotonic() - begun < 10
    assert HALF in answers(pile, exercises)["half"]


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        ([code("a" * 100_001)], "not read: 1 cells, too long or too many"),
        ([code("a" * 60_000)] * 40, "not read: 32 cells, too long or too many"),
        ([code("a = 1")] * 5_000, "not read: 4000 cells, too long or too many"),
    ],
)
def test_what_is_too_much_for_a_notebook_is_left_out_and_told(exercises, pile, cells, note):
    put(pile, "ann.ipynb", {"cells": cells})
    assert note in only(pile, exercises).notes


def test_three_hundred_students_take_seconds(exercises, pile):
    made = as_bytes(notebook(exercises))
    put(
        pile,
        "all.zip",
        zipped({f"S{k}_{k}_assignsubmission_file_/x.ipynb": made for k in range(300)}),
    )
    begun = time.monotonic()
    assert len(collect(pile, exercises).submissions) == 300
    assert time.monotonic() - begun < 10


# --- files ---


def test_files_are_only_read(exercises, pile):
    put(pile, "anna.ipynb", notebook(exercises))
    put(pile, "bob.zip", zipped({"x.ipynb": notebook(exercises)}))
    put(pile, "cleo/broken.ipynb", b"")
    before = state(pile)
    collect(pile, exercises)
    assert state(pile) == before


def state(pile: Path) -> dict[str, tuple[bytes, int]]:
    files = [path for path in pile.rglob("*") if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@pytest.mark.skipif(os.name != "posix", reason="names in bytes")
def test_name_in_another_encoding(exercises, pile):
    try:
        Path(os.fsdecode(os.fsencode(pile) + b"/J\xfcrgen.ipynb")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes no such name")
    assert only(pile, exercises).student == "J\\udcfcrgen"


@pytest.mark.parametrize("name", ["nothing", "file", "empty"])
def test_nothing_to_grade(exercises, tmp_path, name):
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(SubmissionsError, match="SUBMISSIONS"):
        collect(tmp_path / name, exercises)


def test_nothing_to_grade_names_what_there_is(exercises, pile):
    put(pile, "ann/report.pdf", b"")
    with pytest.raises(SubmissionsError, match=r"no notebook.*report\.pdf"):
        collect(pile, exercises)
