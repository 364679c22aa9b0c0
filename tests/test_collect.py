"""Piles as lecturers have them: every student is found, every answer taken, no file touched."""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path

import pytest
from small_pile import HALF, TWO, as_bytes, cell_of, code, notebook, put, zipped
from small_set import small_set

from grading.authoring.notebooks import student_notebook
from grading.collecting import collect as collecting
from grading.collecting.collect import Submission, SubmissionsError, collect, not_read

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
    return [(s.student, s.platform_id) for s in collect(pile, exercises)]


def only(pile: Path, exercises) -> Submission:
    (submission,) = collect(pile, exercises)
    return submission


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
        ({}, "made from another notebook"),
    ],
)
def test_notebook_of_another_set_or_variant_is_named(exercises, pile, made_from, note):
    made = notebook(exercises)
    made["metadata"]["exercises"] = made_from
    put(pile, "ann.ipynb", made)
    assert note in only(pile, exercises).notes


UNREADABLE = {
    "nothing": b"",
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
    ann, bob = collect(pile, exercises)
    assert (ann.student, ann.answers) == ("ann", None)
    assert "not a notebook that can be read" in ann.notes[0]
    assert bob.answers is not None


def test_half_letters_in_a_cell_can_be_written_later(exercises, pile):
    put(pile, "ann.ipynb", notebook(exercises, half=f"{HALF}  # \ud800"))
    answers(pile, exercises)["half"][0].encode()


# --- whose it is ---

PILES = {
    "Moodle": [
        ("Marie Curie_12_assignsubmission_file_/x.ipynb", ("Marie Curie", "12")),
        ("Li Na_13_assignsubmission_file/y (1).ipynb", ("Li Na", "13")),
    ],
    "Moodle, flat": [("Marie Curie_12_assignsubmission_file_x.ipynb", ("Marie Curie", "12"))],
    "Moodle, by groups": [
        ("group 1/Marie Curie_12_assignsubmission_file_/x.ipynb", ("Marie Curie", "12")),
        ("group 2/Li Na_13_assignsubmission_file_/x.ipynb", ("Li Na", "13")),
    ],
    "Canvas": [
        ("curiemarie_12_345_07_halves-1.ipynb", ("curiemarie", "12")),
        ("nali_LATE_13_346_07_halves.ipynb", ("nali", "13")),
        ("noether_14_347_all.zip/07_halves.ipynb", ("noether", "14")),
    ],
    "Canvas, two zips": [
        ("one.zip/curiemarie_12_345_x.ipynb", ("curiemarie", "12")),
        ("one.zip/nali_13_346_x.ipynb", ("nali", "13")),
        ("two.zip/noether_14_347_x.ipynb", ("noether", "14")),
        ("two.zip/germain_15_348_x.ipynb", ("germain", "15")),
    ],
    "Gradescope without its list": [("submission_99/x.ipynb", ("submission_99", "99"))],
    "folders": [
        ("Anna/sub/submission_1.ipynb", ("Anna", "")),
        ("Dora/submission_1/x.ipynb", ("Dora", "")),
        ("Bob/hw_1_2_final.ipynb", ("Bob", "")),
        ("Cleo/hw_1_2_final.ipynb", ("Cleo", "")),
    ],
    "files": [
        ("07_halves_anna.ipynb", ("anna", "")),
        ("bob-07_halves.IPYNB", ("bob", "")),
        ("07_halves.ipynb", ("07_halves", "")),
    ],
    "numbers that are no copies": [(f"student-{k}.ipynb", (f"student-{k}", "")) for k in range(3)],
    "downloads of one name": [
        ("07_halves (1).ipynb", ("07_halves (1)", "")),
        ("07_halves (2).ipynb", ("07_halves (2)", "")),
    ],
    "zips": [("anna.zip/a/x.ipynb", ("anna", "")), ("bob.ZIP/x.ipynb", ("bob", ""))],
    "one zip with all": [
        ("all.zip/anna/x.ipynb", ("anna", "")),
        ("all.zip/bob.ipynb", ("bob", "")),
    ],
    "a copy": [("anna.ipynb", ("anna", "")), ("anna (1).ipynb", ("anna", ""))],
    "names": [(f"{name}/x.ipynb", (name, "")) for name in NAMES],
    "names of files": [(f"{name}.ipynb", (name, "")) for name in NAMES],
}


@pytest.mark.parametrize("name", PILES)
def test_students_of_a_pile(exercises, pile, name):
    in_zips: dict[str, dict[str, dict]] = {}
    for path, _ in PILES[name]:
        outer, _, inner = path.partition("/")
        if outer.lower().endswith(".zip"):
            in_zips.setdefault(outer, {})[inner] = notebook(exercises)
        else:
            put(pile, path, notebook(exercises))
    for path, files in in_zips.items():
        put(pile, path, zipped(files))
    assert students(pile, exercises) == sorted({who for _, who in PILES[name]})


LIST = """\
submission_5:
  :submitters:
  - :name: Marie Curie
    :sid: "1"
  - :name: Li Na
submission_6:
  :submitters: [{":name": "Anna"}]
"""


@pytest.mark.parametrize("is_zip", [True, False])
def test_names_in_gradescopes_list(exercises, pile, is_zip):
    files = {
        "export/submission_metadata.yml": LIST,
        "export/submission_5/x.ipynb": notebook(exercises),
        "export/submission_6/x.ipynb": notebook(exercises),
    }
    if is_zip:
        put(pile, "export.zip", zipped(files))
        put(pile, "other.ipynb", notebook(exercises))
    else:
        for name, content in files.items():
            put(pile, name, content)
    assert students(pile, exercises)[:2] == [("Anna", "6"), ("Marie Curie and Li Na", "5")]


@pytest.mark.parametrize(
    "text", ["[", "3", "submission_5: 3", "submission_5: {':submitters': [3]}"]
)
def test_gradescopes_list_that_is_no_list(exercises, pile, text):
    put(pile, "submission_metadata.yml", text)
    put(pile, "submission_5/x.ipynb", notebook(exercises))
    assert students(pile, exercises) == [("submission_5", "5")]


def test_list_that_a_student_has_sent_names_nobody(exercises, pile):
    for number in (5, 6):
        put(pile, f"submission_{number}/x.ipynb", notebook(exercises))
    put(pile, "submission_6/submission_metadata.yml", LIST)
    assert students(pile, exercises) == [("submission_5", "5"), ("submission_6", "6")]


def test_folder_named_like_another_student_replaces_nothing(exercises, pile):
    """Anna's newer notebook lies in a folder of hers that has Bob's name."""
    put(pile, "Bob_7_assignsubmission_file_/x.ipynb", notebook(exercises))
    forged = "Anna/Bob_7_assignsubmission_file_/x.ipynb"
    put(pile, forged, notebook(exercises, half="half = 1"), seconds=1_800_000_000)
    first, second = collect(pile, exercises)
    assert {first.answers["half"][0].code, second.answers["half"][0].code} == {HALF, "half = 1"}
    assert all("has the same name" in s.notes[-1] for s in (first, second))


def test_newest_notebook_with_answers_counts(exercises, pile):
    put(pile, "anna/old.ipynb", notebook(exercises, half="half = 1"), seconds=1_600_000_000)
    put(pile, "anna/new.ipynb", notebook(exercises), seconds=1_700_000_000)
    put(pile, "anna/release.ipynb", json.loads(student_notebook(exercises, 20)), 1_800_000_000)
    submission = only(pile, exercises)
    assert submission.origin == "anna/new.ipynb"
    assert "the newest of 3 notebooks counts" in submission.notes[-1]
    assert "anna/old.ipynb" in submission.notes[-1]


# --- zips ---


def test_zips_in_zips(exercises, pile):
    inner = zipped({"x.ipynb": notebook(exercises)})
    put(pile, "anna.zip", zipped({"a/b.zip": zipped({"c.zip": inner})}))
    assert only(pile, exercises).origin == "anna.zip/a/b.zip/c.zip/x.ipynb"


def test_zips_too_deep_are_named(exercises, pile):
    inner = zipped({"x.ipynb": notebook(exercises)})
    for _ in range(3):
        inner = zipped({"a.zip": inner})
    put(pile, "anna.zip", inner)
    assert only(pile, exercises).notes == ["not read: a zip within 3 zips"]


def test_damaged_zip_is_named(exercises, pile):
    put(pile, "anna.zip", zipped({"x.ipynb": notebook(exercises)})[:-40])
    assert only(pile, exercises).notes == ["not read: a damaged zip"]


def test_damaged_member_is_named(exercises, pile):
    content = bytearray(zipped({"x.ipynb": notebook(exercises)}))
    content[200:260] = bytes(60)
    put(pile, "anna.zip", bytes(content))
    assert only(pile, exercises).notes == ["not read: damaged in its zip"]


def test_encrypted_zip_is_named(exercises, pile):
    content = bytearray(zipped({"x.ipynb": notebook(exercises)}))
    content[6] |= 1  # in the member's header …
    content[content.index(b"PK\x01\x02") + 8] |= 1  # … and in the directory
    put(pile, "anna.zip", bytes(content))
    assert only(pile, exercises).notes == ["not read: in a zip that needs a password"]


def test_impossible_date_in_a_zip_is_no_loss(exercises, pile):
    put(pile, "anna.zip", zipped({"x.ipynb": notebook(exercises)}, date=(1980, 0, 0, 0, 0, 0)))
    assert answers(pile, exercises)["half"] == [HALF]


def test_large_files_are_named_and_not_read(exercises, pile, monkeypatch):
    monkeypatch.setattr(collecting, "LARGEST_FILE", 1000)
    put(pile, "anna.ipynb", b"a" * 1001)
    put(pile, "bob.zip", zipped({"x.ipynb": b"a" * 1001}))
    assert ["larger than" in s.notes[0] for s in collect(pile, exercises)] == [True, True]


def test_bomb_takes_no_memory(exercises, pile):
    """A small zip declares more than is read of any; each student has an allowance of their own."""
    bomb = {f"{k}.ipynb": bytes(collecting.LARGEST_FILE + 1) for k in range(2)}
    files = {f"Eve_1_assignsubmission_file_/{name}": content for name, content in bomb.items()}
    files["Zoe_2_assignsubmission_file_/x.ipynb"] = notebook(exercises)
    put(pile, "all.zip", zipped(files))
    del bomb, files
    tracemalloc.start()
    eve, zoe = collect(pile, exercises)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "larger than" in eve.notes[0]
    assert zoe.answers is not None
    assert peak < 10e6


def test_allowance_of_one_student_is_not_another_ones(exercises, pile, monkeypatch):
    size = len(as_bytes(notebook(exercises)))
    monkeypatch.setattr(collecting, "MOST_IN_ZIP", 2 * size + 100)
    files = {f"Eve_1_assignsubmission_file_/{k}.ipynb": notebook(exercises) for k in range(9)}
    files["Zoe_2_assignsubmission_file_/x.ipynb"] = notebook(exercises)
    put(pile, "all.zip", zipped(files))
    eve, zoe = collect(pile, exercises)
    assert zoe.answers is not None
    assert eve.answers is not None  # of the two that were read


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
    assert len(found) == 6
    assert now < 2e6
    assert peak < 25e6


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


def test_what_tools_leave_is_nobodys(exercises, pile):
    put(pile, "anna/x.ipynb", notebook(exercises))
    put(pile, "anna/.ipynb_checkpoints/x-checkpoint.ipynb", notebook(exercises))
    put(pile, "anna/__MACOSX/x.ipynb", b"")
    put(pile, "anna/.DS_Store", b"")
    assert only(pile, exercises).notes == []
    assert not_read(pile) == []


def test_other_files_are_listed(exercises, pile):
    put(pile, "anna/essay.pdf", b"")
    put(pile, "anna/x.ipynb", notebook(exercises))
    put(pile, "submission_metadata.yml", b"")
    assert not_read(pile) == ["anna/essay.pdf"]


def test_name_cannot_steer_a_terminal(exercises, pile):
    put(pile, "anna.zip", zipped({"\x1b[31mred.ipynb": notebook(exercises)}))
    assert only(pile, exercises).origin == "anna.zip/\\x1b[31mred.ipynb"


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
