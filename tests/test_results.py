"""What grading leaves behind: tables, feedback, a platform's own table filled in."""

from __future__ import annotations

import csv
import html
import io
import time
import zipfile
from dataclasses import astuple, replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from small_set import secrets_in, small_set

from grading.collecting import results as writing
from grading.collecting.collect import Nothing, Submission
from grading.collecting.exports import export
from grading.collecting.people import Person
from grading.collecting.project import ProjectMarks, marks_for, read_project_file
from grading.collecting.results import Result, free_name, not_graded, write_results
from grading.collecting.tables import ResultsError
from grading.collecting.text import LONGEST_CELL, harmless
from grading.marking.marking import Marks, Outcome, StudentCell

MOST = 11  # points of the small set, the project's five with them


@pytest.fixture
def exercises(tmp_path):
    return small_set(tmp_path)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "results"


def result(
    exercises, student="Ann", number="", passed=4, message="No.", origin="a.ipynb", **rest
) -> Result:
    """A student who passes the first of the set's five checks."""
    marks = Marks(notes=rest.pop("notes", []))
    which = [(e.id, c.id) for e in exercises.exercises for c in e.checks]
    for k, one in enumerate(which):
        found = Outcome(True, "passed") if k < passed else Outcome(False, "failed", message)
        marks.outcomes[one] = found
    code = rest.pop("code", "def half(x): pass")
    answers = {e.id: [StudentCell(code)] for e in exercises.exercises}
    return Result(Submission(student, number, origin, answers), marks, **rest)


def table(path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))


def page_of(exercises, folder, **options) -> str:
    write_results([result(exercises, **options)], exercises, folder)
    (page,) = (folder / "feedback").iterdir()
    return page.read_text(encoding="utf-8")


# --- tables ---


def test_grades(exercises, folder):
    everybody = [
        result(exercises, "Ann", passed=5, notes=["a", "b"]),
        result(exercises, "Bob", "7", 1, origin="bob/x.ipynb"),
    ]
    write_results(everybody, exercises, folder)
    assert table(folder / "grades.csv") == [
        [
            *("student", "id", "half (of 4)", "two (of 2)", "checks (of 6)"),
            *("project (of 5)", "total (of 11)", "notes", "file"),
        ],
        ["Ann", "", "4", "2", "6", "", "6", "a; b", "a.ipynb"],
        ["Bob", "7", "1", "0", "1", "", "1", "", "bob/x.ipynb"],
    ]


def test_checks(exercises, folder):
    everybody = [result(exercises, str(k), passed=k) for k in (0, 1, 3)]
    write_results(everybody, exercises, folder)
    header, first, second, *_ = table(folder / "checks.csv")
    assert header == ["exercise", "check", "what it looks at", "points", "passed", "of"]
    assert first == ["half", "zero", "Nothing of nothing.", "1", "2", "3"]
    assert second[-2:] == ["1", "3"]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@a", "'@a"),
        (" =x", " '=x"),
        ('"=x', "\"'=x"),
        ("＝x", "'＝x"),
        ("\t=x", "\\t=x"),
        ("x;=cmd|' /C calc'!A0", "x;'=cmd|' /C calc'!A0"),
        ("x\n=cmd", "x\n'=cmd"),
        ('x";"=cmd', 'x";"\'=cmd'),
        ("x, +1; @y", "x, '+1; '@y"),
        ("a=1; b-2", "a=1; b-2"),
        ("\x1b[2J\x00", "\\x1b[2J\\x00"),
    ],
)
def test_no_cell_is_a_formula(exercises, folder, text, cell):
    """Neither where a spreadsheet splits lines at commas nor where it does so at semicolons."""
    write_results([result(exercises, text, notes=[text])], exercises, folder)
    assert table(folder / "grades.csv")[1][0] == table(folder / "project.csv")[1][0] == cell
    assert table(folder / "grades.csv")[1][-2] == cell
    assert harmless(cell) == cell
    again = folder / "points.csv"
    assert all(line.startswith('"') for line in again.read_text("utf-8-sig").split("\r\n")[:-1])


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_NONE])
def test_tables_hold_no_formula_however_they_are_split(exercises, folder, delimiter, quoting):
    """As a spreadsheet of another country reads them, which splits at another sign."""
    signs = ("=", "+", "-", "@", "\t=", "\r=", " =", '"=', "＝")
    parts = [f"{before}{sign}cmd" for before in (*",;|\t\n", '";"', "; ") for sign in signs]
    hostile = [*signs, *(f"x{part}" for part in parts)]
    everybody = [result(exercises, text, text, notes=[text], origin=text) for text in hostile]
    told = [(Person(text, text), text, text) for text in hostile]
    write_results(everybody, exercises, folder, told)
    for path in folder.glob("*.csv"):
        text = path.read_text(encoding="utf-8-sig")
        for row in csv.reader(text.splitlines(), delimiter=delimiter, quoting=quoting):
            assert not [cell for cell in row if cell.strip(' "')[:1] in set("=+-@＝")], row


@pytest.mark.parametrize("letter", ["\n", " ", '"', ";", ",\n", "x;", "\x00"])
def test_long_cell_costs_little(letter):
    """A student's text must not keep the grader busy."""
    begun = time.process_time()
    assert len(harmless(letter * LONGEST_CELL)) < 2 * LONGEST_CELL
    assert time.process_time() - begun < 2


def test_long_notes_do_not_stop_an_export(exercises, folder):
    """Excel's cells end at 32,767 letters, Python's at 131,072."""
    marie = result(exercises, "Marie Curie", "12", notes=["x" * 5_000_000])
    write_results([marie], exercises, folder)
    assert len(table(folder / "grades.csv")[1][-2]) < LONGEST_CELL + 100
    (folder / "table.csv").write_text(TABLES["moodle"][0] + "x" * 200_000 + "\n", encoding="utf-8")
    _, found = export(exercises, "moodle", folder / "table.csv", folder)
    assert found.filled == 1


@pytest.mark.parametrize("name", ["half a letter \ud800", 'quote " and, comma', "two\nlines"])
def test_strange_names_stop_nothing(exercises, folder, name):
    write_results([result(exercises, name, message=name)], exercises, folder)
    assert table(folder / "grades.csv")[1][0] == name.replace("\ud800", "\\ud800")
    assert len(list((folder / "feedback").iterdir())) == 1


# --- what is kept ---


def test_earlier_results_are_kept(exercises, folder):
    for passed in (1, 2, 5):
        write_results([result(exercises, passed=passed)], exercises, folder)
    totals = [table(folder / f"earlier/{k}/grades.csv")[1][6] for k in (1, 2)]
    assert totals == ["1", "3"]
    assert table(folder / "grades.csv")[1][6] == "6"
    assert (folder / "earlier/1/feedback/Ann.html").is_file()


def content(folder) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("step", ["write_csv", "write_feedback", "keep_earlier"])
def test_failure_leaves_the_earlier_results(exercises, folder, monkeypatch, step):
    write_results([result(exercises)], exercises, folder)
    before = content(folder)

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(writing, step, fail)
    with pytest.raises(KeyboardInterrupt):
        write_results([result(exercises, passed=0)], exercises, folder)
    assert content(folder) == before


def test_grades_come_last(exercises, folder, monkeypatch):
    """Where there are grades, all the rest is there."""
    seen = []
    rename = type(folder).rename

    def look(path, target):
        seen.append(target.name)
        return rename(path, target)

    monkeypatch.setattr(type(folder), "rename", look)
    write_results([result(exercises)], exercises, folder)
    assert seen[-1] == "grades.csv"
    tables = {"grades.csv", "checks.csv", "points.csv", "not_graded.csv"}
    assert set(seen) == {*tables, "feedback"}


# --- the project's marks ---

HEADER = "student,id,Question (of 2),Answer (of 3),comment"


def written(folder, text: str, encoding: str = "utf-8"):
    folder.mkdir(exist_ok=True)
    path = folder / "project.csv"
    path.write_text(text, encoding=encoding, newline="")
    return path


def test_project_file_is_made_for_everybody(exercises, folder):
    write_results([result(exercises, "Ann"), result(exercises, "Bob", "7")], exercises, folder)
    assert table(folder / "project.csv") == [
        HEADER.split(","),
        ["Ann", "", "", "", ""],
        ["Bob", "7", "", "", ""],
    ]


def test_marks_of_a_person_stay_and_others_are_added(exercises, folder):
    written(folder, f"{HEADER}\r\nZoe,,1,2,fine\r\nAnn,,2,,\r\n")
    write_results([result(exercises, "Ann"), result(exercises, "Bob")], exercises, folder)
    assert table(folder / "project.csv")[1:] == [
        ["Zoe", "", "1", "2", "fine"],
        ["Ann", "", "2", "", ""],
        ["Bob", "", "", "", ""],
    ]


def test_file_that_needs_no_new_row_is_not_touched(exercises, folder):
    path = written(folder, f"{HEADER}\nAnn,,2,,\n\n")
    before = path.read_bytes(), path.stat().st_mtime_ns
    write_results([result(exercises, "Ann")], exercises, folder)
    assert before == (path.read_bytes(), path.stat().st_mtime_ns)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (f"{HEADER}\nAnn,,1.5,2,good\nBob,,,,\n", "utf-8"),
        (f"{HEADER}\nAnn,,1.5,2,good\n", "utf-8-sig"),
        (HEADER.replace(",", ";") + "\r\nAnn;;1,5;2;good\r\n", "utf-8"),
        (HEADER.replace(",", "\t") + "\nAnn\t\t1.5\t2\tgood\n", "utf-8"),
    ],
)
def test_marks_as_spreadsheets_write_them(exercises, folder, text, encoding):
    ((person, marks),) = read_project_file(written(folder, text, encoding), exercises)
    assert person == Person("Ann")
    assert marks.points == {"Question": 1.5, "Answer": 2}
    assert marks.comment == "good"


def test_separator_of_a_spreadsheet_is_kept(exercises, folder):
    written(folder, HEADER.replace(",", ";") + "\nAnn;;1,5;2;good\n")
    write_results([result(exercises, "Bob")], exercises, folder)
    lines = (folder / "project.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines[1:] == ['"Ann";"";"1,5";"2";"good"', '"Bob";"";"";"";""']


def test_row_without_its_empty_cells_counts(exercises, folder):
    ((_, marks),) = read_project_file(written(folder, f"{HEADER}\nAnn,,2\n"), exercises)
    assert marks.points == {"Question": 2}


def test_project_without_all_its_points_is_not_in_the_total(exercises, folder):
    ((_, given),) = read_project_file(written(folder, f"{HEADER}\nAnn,,2,,\n"), exercises)
    half = replace(result(exercises, "Ann", passed=1), project=given)
    write_results([half], exercises, folder)
    header, row = table(folder / "grades.csv")
    entries = dict(zip(header, row, strict=True))
    assert entries["project (of 5)"] == ""
    assert "no points yet for Answer" in entries["notes"]
    page = (folder / "feedback" / "Ann.html").read_text(encoding="utf-8")
    assert "the project not marked yet" in page
    assert "2 of 2" in page


def test_name_that_looks_like_a_formula_is_found_again(exercises, folder):
    write_results([result(exercises, "=x")], exercises, folder)
    write_results([result(exercises, "=x")], exercises, folder)
    assert len(table(folder / "project.csv")) == 2


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a,b\n", "the first line must be student, id"),
        ("", "the first line must be student, id"),
        (f"{HEADER}\nAnn,,3,,\n", "Question is 0 to 2 points; got 3"),
        (f"{HEADER}\nAnn,,-1,,\n", "Question is 0 to 2 points; got -1"),
        (f"{HEADER}\nAnn,,nan,,\n", "Question is 0 to 2 points; got nan"),
        (f"{HEADER}\nAnn,,x,,\n", "line 2: Question is 0 to 2 points; got x"),
        (f"{HEADER}\nAnn,,1,1,1,1\n", "line 2: 5 columns are expected; got 6"),
    ],
)
def test_wrong_marks_of_a_person(exercises, folder, text, error):
    with pytest.raises(ResultsError, match=error):
        read_project_file(written(folder, text), exercises)


def test_marks_in_another_encoding(exercises, folder):
    """As Excel writes a plain CSV on Windows."""
    path = written(folder, f"{HEADER}\nÄnn,,1,2,\n", "cp1252")
    ((person, marks),) = read_project_file(path, exercises)
    assert (person.name, marks.total) == ("Änn", 3)


def test_project_is_in_total_and_feedback(exercises, folder):
    path = written(folder, f"{HEADER}\nAnn,,1.5,2,A <b>fine</b> text.\n")
    ((_, given),) = read_project_file(path, exercises)
    page = page_of(exercises, folder, project=given)
    assert table(folder / "grades.csv")[1][5:7] == ["3.5", "8.5"]
    assert "8.5 of 11 points" in page
    assert "A &lt;b&gt;fine&lt;/b&gt; text." in page


# Who the file of the lecturer names, whom it is found to be, and who has no row of their own.
NAMED = {
    "a number without its zero": (("Ann", "131"), ("Ann", "0131"), True),
    "a number with one": (("Ann", "0131"), ("Ann", "131"), True),
    "a space after the name": (("Ann ", ""), ("Ann", ""), True),
    "two spaces within": (("Ann  Lee", ""), ("Ann Lee", ""), True),
    "letters lost in another encoding": (("???", "7"), ("王芳", "7"), True),
    "an accent of two letters": (("Ame\u0301lie", ""), ("Amélie", ""), True),
    "capitals": (("ANN", ""), ("Ann", ""), True),
    "a name like a formula": (("'=x", ""), ("=x", ""), True),
    "a name nobody has": (("Zoe", ""), ("Ann", ""), False),
    "the same letters": (("May", ""), ("Amy", ""), False),
    "words in another order": (("Lee Ann", ""), ("Ann Lee", ""), False),
    "a middle name": (("Ann B. Lee", ""), ("Ann Lee", ""), False),
    "another name of the same number": (("Zoe", "7"), ("Ann", "7"), False),
    "another name in other letters": (("李娜", "7"), ("王芳", "7"), False),
    "a part of the name": (("Ann", "7"), ("Ann Lee", "7"), False),
    "no name": (("", "7"), ("Ann", "7"), True),
    "no number but zeros": (("Zoe", "0"), ("Ann", ""), False),
    "some letters lost": (("J?rg Mu?oz", "7"), ("Jörg Muñoz", "7"), True),
    "accents lost": (("Lukasz Nunez", "7"), ("Łukasz Núñez", "7"), True),
    "lost accents without a number": (("Nunez", ""), ("Núñez", ""), False),
    "UTF-8 read as cp1252": (("JosÃ© NuÃ±ez", "7"), ("José Nuñez", "7"), True),
    "a suffix after a comma": (("Deb Jr", ""), ("Deb, Jr", ""), True),
    "the platform's user name": (("Ann Lee", "alee"), ("alee", "alee"), True),
    "a file named by the user name": (("Ann Lee", "alee"), ("alee", ""), True),
    "a group before the name": (("Li Na", "7"), ("Red-Li Na", "7"), True),
    "anonymous": (("Ann Lee", "7"), ("Participant", "7"), True),
    "an apostrophe that Moodle strips": (("Conan O'Brien", ""), ("Conan OBrien", "7"), True),
}


@pytest.mark.parametrize("case", NAMED)
def test_marks_of_a_person_reach_their_owner(exercises, folder, case):
    """Or are told to be nobody's; they stay in the file, and there is no second row."""
    (name, number), student, is_found = NAMED[case]
    path = written(folder, f"{HEADER}\n{name},{number},1,2,\n")
    marks, unknown = marks_for([Person(*student)], read_project_file(path, exercises))
    assert (marks[0] is not None, unknown == []) == (is_found, is_found)
    write_results([result(exercises, *student)], exercises, folder)
    rows = table(path)[1:]
    assert rows[0] == [name, number, "1", "2", ""]
    assert len(rows) == (1 if is_found else 2)


def test_numbers_that_differ_by_a_zero_are_two_people(exercises, folder):
    path = written(folder, f"{HEADER}\n???,0131,1,2,\n???,131,1,1,\n")
    students = [Person("Bob", "131"), Person("Ann", "0131"), Person("Zoe", "00131")]
    marks, unknown = marks_for(students, read_project_file(path, exercises))
    assert [found and found.total for found in marks] == [2, 3, None]
    assert unknown == []
    write_results([result(exercises, *s) for s in map(astuple, students)], exercises, folder)
    assert len(table(path)) == 4


def test_two_rows_with_marks_for_one_student_count_for_nobody(exercises, folder):
    path = written(folder, f"{HEADER}\nAnn,,1,2,\nAnn,,1,1,\n")
    marks, unknown = marks_for([Person("Ann")], read_project_file(path, exercises))
    assert marks == [None]
    assert unknown == ["Ann: Ann fits others, too"] * 2
    write_results([result(exercises, "Ann")], exercises, folder)
    assert len(table(path)) == 3


# --- who is missing ---

ROSTERS = {
    "names": "Name\nAnn Lee\nBob\nZoe\n",
    "numbers": "identifier\n012\n13\n14\n",
    "first and last": "First name;Last name\nAnn;Lee\n;Bob\n;Zoe\n",
    "a column without quotes": "Name\nLee, Ann\nBob\nZoe\n",
    "moodle": "Identifier,Full name,Grade\nParticipant 12,Ann Lee,\n"
    "Participant 13,Bob,\nParticipant 14,Zoe,\n",
    "canvas": 'Student,ID,Section\n    Points Possible,,\n"Lee, Ann",12,\n"Bob",13,\n"Zoe",14,\n',
    "github": "identifier,github_username,github_id,name\n,12,5,Ann Lee\nBob,13,6,\n,14,,\n",
    "gradescope": "Name,SID,Email\nAnn Lee,9,a@x\nBob,8,\nZoe,7,\n",
}


@pytest.mark.parametrize("form", ROSTERS)
def test_roster_says_who_is_missing(exercises, folder, form):
    folder.mkdir()
    (folder / "roster.csv").write_text(ROSTERS[form], encoding="utf-8")
    everybody = [result(exercises, "Ann Lee", "12"), result(exercises, "Guest", "99")]
    submissions = [one.submission for one in everybody]
    without = [Nothing("Bob", "13", "report.pdf"), Nothing("", "", "x.7z")]
    found = not_graded(submissions, without, folder / "roster.csv")
    number = form in ("numbers", "moodle", "canvas", "github", "gradescope")
    zoe = {
        "names": "Zoe",
        "a column without quotes": "Zoe",
        "first and last": "Zoe",
        "gradescope": "Zoe (7)",
    }
    zoe |= {"numbers": "14", "github": "14", "moodle": "Zoe (Participant 14)", "canvas": "Zoe (14)"}
    assert [f"{kind}: {why}" for _, kind, why in found] == [
        "nothing to grade: Bob (13): report.pdf",
        "nothing to grade: a file of nobody's: x.7z",
        f"handed in nothing: {zoe[form]}",
        "not on the roster: Guest (99)",
    ]
    write_results(everybody, exercises, folder, found)
    header, *lines = table(folder / "not_graded.csv")
    assert header == ["student", "id", "kind", "why"]
    kinds = ["nothing to grade"] * 2 + ["handed in nothing", "not on the roster"]
    assert [line[2] for line in lines] == kinds
    assert lines[0][:2] == ["Bob", "13"]
    assert bool(lines[2][1]) == number


# Names on a roster, whose work there is with which number, and what is told.
MISSING = {
    "a sign that Moodle strips": ("Name\nConan O'Brien\n", [("Conan OBrien", "13")], []),
    "a group before the name": (
        "Name\nBo Ek\nLi Na\n",
        [("Group A-Bo Ek", "13"), ("G2-Li Na", "14")],
        [],
    ),
    "a name with a hyphen": (
        "Name\nPaul Lee\nZoe\n",
        [("Jean-Paul Lee", "13"), ("Zoe", "14")],
        ["handed in nothing: Paul Lee", "not on the roster: Jean-Paul Lee (13)"],
    ),
    "GitHub's user names": (
        "identifier,github_username,github_id,name\nal@x,alee,5,Ann Lee\nBo,bek,6,\nZoe,,,\n",
        [("alee", ""), ("bek", "")],
        ["handed in nothing: Zoe"],
    ),
    "a number that somebody else has written": (
        "Student,ID\nZoe,12\nEve,77\n",
        [("zoe", ""), ("eve", "12")],
        [
            "handed in nothing: Eve (77): eve (12) has another identifier",
            "not on the roster: eve (12): Zoe (12) has another name, "
            "Eve (77) has another identifier",
        ],
    ),
}


@pytest.mark.parametrize("case", MISSING)
def test_roster_misleads_nobody(folder, case):
    text, people, expected = MISSING[case]
    folder.mkdir()
    (folder / "roster.csv").write_text(text, encoding="utf-8")
    pile = [Submission(*person, "a.ipynb", None) for person in people]
    told = not_graded(pile, [], folder / "roster.csv")
    assert [f"{kind}: {why}" for _, kind, why in told] == expected


def test_roster_of_names_for_anonymous_work(folder):
    folder.mkdir()
    (folder / "roster.csv").write_text("Name\nAnn\nZoe\n", encoding="utf-8")
    pile = [Submission("Participant", number, "a.ipynb", None) for number in ("12", "13")]
    with pytest.raises(ResultsError, match=r"such as Participant \(12\).* column identifier"):
        not_graded(pile, [], folder / "roster.csv")


def test_roster_without_names_and_numbers(folder):
    with pytest.raises(ResultsError, match="ROSTER must be a CSV; got"):
        not_graded([], [], folder / "roster.csv")
    folder.mkdir()
    (folder / "roster.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(ResultsError, match=r"ROSTER .* must have a column full name, .*has a, b"):
        not_graded([], [], folder / "roster.csv")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("Lee, Ann\nEk, Bo\n", r"must have a column full name, .*line 1 has lee, ann"),
        ("Name,ID\nBo,7\n\nLee, Ann,12\n", r"line 4: 2 columns are expected; got 3"),
    ],
)
def test_roster_in_which_commas_part_names(folder, text, error):
    folder.mkdir()
    (folder / "roster.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ResultsError, match=error):
        not_graded([], [], folder / "roster.csv")


# --- feedback ---


def test_feedback_names_checks_and_shows_none(exercises, folder):
    page = page_of(exercises, folder, passed=1, message="half(1) is 1, which is not the share")
    assert "A part of one." in page
    assert "half(1) is 1, which is not the share" in page
    assert not secrets_in(page)
    assert "1 of 11 points, the project not marked yet" in page


def test_notes_are_for_the_lecturer_alone(exercises, folder):
    options = {"notes": ["read half: it uses gc", "same name as who sent bob/x.ipynb"]}
    page = page_of(exercises, folder, origin="pile/Ann/mine.ipynb", **options)
    assert "Graded file: mine.ipynb" in page
    assert not any(part in page for part in ("gc", "bob", "pile/"))


def test_what_could_not_be_read_is_said_once(exercises, folder):
    unread = result(exercises)
    unread.marks.outcomes.clear()
    unread.marks.give_nothing(exercises, "The notebook could not be read.")
    write_results([unread], exercises, folder)
    page = (folder / "feedback" / "Ann.html").read_text(encoding="utf-8")
    assert page.count("The notebook could not be read.") == 1
    assert "A part of one." not in page
    assert "0 of 11 points" in page


def test_stub_left_as_it_was(exercises, folder):
    one = result(exercises)
    none = Outcome(False, "unanswered", "No answer to this exercise was found.")
    one.marks.outcomes["half", "one"] = none
    write_results([one], exercises, folder)
    page = (folder / "feedback" / "Ann.html").read_text(encoding="utf-8")
    assert "Not answered yet." in page
    assert "No answer" not in page


def test_page_holds_nothing_that_steers(exercises, folder):
    hostile = "\x1b[2J\x00\ud800\u202e end"
    page = page_of(exercises, folder, student=f"Ann{hostile}", message=hostile, code=hostile)
    assert page.count("\\x1b[2J\\x00\\ud800\\u202e end") >= 4
    assert all(letter.isprintable() or letter == "\n" for letter in page)


HOSTILE = "<script>alert(1)</script>\"'&{{ 7 * 7 }}"


def test_feedback_escapes_all_that_a_student_wrote(exercises, folder):
    page = page_of(
        exercises,
        folder,
        student=HOSTILE,
        passed=0,
        message=HOSTILE,
        notes=[HOSTILE],
        code=HOSTILE,
    )
    assert "<script" not in page
    assert page.count("{{ 7 * 7 }}") >= 5
    assert html.escape(HOSTILE)[:20] in page


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_feedback_can_be_read_by_everybody(exercises, folder):
    page = Page(page_of(exercises, folder, passed=1))
    assert not page.open
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == len(page.all("main")) == len(page.all("title")) == 1
    assert all("scope" in cell for cell in page.all("th"))
    assert all(block.get("tabindex") == "0" for block in page.all("pre"))  # it scrolls
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link["href"] for link in page.all("a")} == {f"#{name}" for name in ids}
    levels = [int(tag[1]) for tag, _ in page.tags if tag in ("h1", "h2", "h3")]
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_feedback_loads_nothing(exercises, folder):
    page = Page(page_of(exercises, folder))
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe"}


def test_files_of_feedback(exercises):
    used: set[str] = set()
    names = ["Ann", "ann", "../../x", "", "..", "a/b", "𠀀" * 100, "Ünal", "con\x00"]
    files = [free_name(result(exercises, name), used) for name in names]
    assert files[:2] == ["Ann", "ann-2"]
    assert len({file.lower() for file in files}) == len(names)
    assert not any("/" in file or "\x00" in file or file.startswith(".") for file in files)
    assert max(len(f"{file}.html".encode()) for file in files) <= 255
    assert free_name(result(exercises, "x" * 100, "12"), used).startswith("12_xxx")


def test_zip_for_moodle_has_no_page_in_a_classmates_place(exercises, folder):
    place = "Ann Lee_12_assignsubmission_file_"
    classmate = "Bob_13_assignsubmission_file_"
    everybody = [
        result(exercises, "Ann Lee", "12", origin=f"all.zip/{place}/{classmate}/x.ipynb"),
        result(exercises, "Zoe", origin=f"zoe.zip/{classmate}/x.ipynb"),
    ]
    everybody[0].submission.place = f"all.zip/{place}"
    write_results(everybody, exercises, folder)
    with zipfile.ZipFile(folder / "moodle_feedback.zip") as archive:
        assert archive.namelist() == [f"{place}/feedback.html"]
        page = archive.read(f"{place}/feedback.html").decode()
    assert page == (folder / "feedback/12_Ann Lee.html").read_text(encoding="utf-8")


def test_no_zip_for_moodle_where_nothing_came_from_there(exercises, folder):
    write_results([result(exercises)], exercises, folder)
    assert not (folder / "moodle_feedback.zip").exists()


# --- exports ---

TABLES = {
    "moodle": (
        "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Last modified (grade)\n"
        "Participant 12,Marie Curie,-,Submitted,,11.00,-\n"
        "Participant 13,Li Na,-,Submitted,3.00,11.00,-\n",
        [
            "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Last modified (grade)",
            "Participant 12,Marie Curie,-,Submitted,6,11.00,-",
            "Participant 13,Li Na,-,Submitted,3.00,11.00,-",
        ],
    ),
    "canvas": (
        "Student,ID,SIS User ID,SIS Login ID,Section,Quiz (1),Current Score\n"
        ",,,,,Manual Posting,(read only)\n"
        "    Points Possible,,,,,5,(read only)\n"
        '"Curie, Marie",12,x1,mcurie,S1,4,80\n'
        '"Na, Li",13,x2,lna,S1,4,80\n',
        [
            "Student,ID,SIS User ID,SIS Login ID,Section,Exercises: Halves",
            ",,,,,",
            "    Points Possible,,,,,11",
            '"Curie, Marie",12,x1,mcurie,S1,6',
            '"Na, Li",13,x2,lna,S1,',
        ],
    ),
    "gradescope": (
        "First Name,Last Name,SID,Email,Total Score,Max Points\n"
        "Marie,Curie,1,m@x.org,,\nLi,Na,2,l@x.org,,\n",
        [
            "First Name,Last Name,SID,Email,Total Score,Max Points",
            "Marie,Curie,1,m@x.org,6,11",
            "Li,Na,2,l@x.org,,11",
        ],
    ),
}
STUDENTS = {
    "moodle": ("Marie Curie", "12"),
    "canvas": ("curiemarie", "12"),
    "gradescope": ("Marie Curie", "99"),
}


def exported(exercises, folder, platform: str, text: str, everybody) -> tuple[list[str], object]:
    """The lines of the platform's table with the totals of everybody in it."""
    write_results(everybody, exercises, folder)
    given = folder / "table.csv"
    given.write_text(text, encoding="utf-8-sig", newline="")
    path, found = export(exercises, platform, given, folder)
    return path.read_text(encoding="utf-8-sig").splitlines(), found


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("platform", TABLES)
def test_export(exercises, folder, platform, separator):
    text, expected = TABLES[platform]
    if separator == ";":
        rows = csv.reader(io.StringIO(text))
        text = "\n".join(";".join(row) for row in rows)
    student = result(exercises, *STUDENTS[platform], passed=5)
    lines, found = exported(exercises, folder, platform, text, [student])
    assert lines == expected
    assert (found.filled, found.not_in_table) == (1, [])


def test_another_maximum_is_refused(exercises, folder):
    text = TABLES["moodle"][0].replace("11.00", "100.00")
    student = result(exercises, "Marie Curie", "12", passed=5)
    with pytest.raises(ResultsError, match=r"maximum is 100\.00, this set's 11"):
        exported(exercises, folder, "moodle", text, [student])


def test_column_that_canvas_has_already(exercises, folder):
    text = TABLES["canvas"][0].replace("Points Possible,,,,,5", "Points Possible,,,,,11")
    student = result(exercises, "curiemarie", "12", passed=5)
    write_results([student], exercises, folder)
    (folder / "table.csv").write_text(text, encoding="utf-8")
    path, _ = export(exercises, "canvas", folder / "table.csv", folder, "Quiz (1)")
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    assert lines[0] == "Student,ID,SIS User ID,SIS Login ID,Section,Quiz (1)"
    assert lines[3:] == ['"Curie, Marie",12,x1,mcurie,S1,6', '"Na, Li",13,x2,lna,S1,4']
    with pytest.raises(ResultsError, match="no column 'Quiz 2'"):
        export(exercises, "canvas", folder / "table.csv", folder, "Quiz 2")


def test_group_gets_its_points_together(exercises, folder):
    text = "Name,Email\nMarie Curie,m@x.org\nPierre Curie,p@x.org\nLi Na,l@x.org\n"
    group = result(exercises, "Marie Curie and Pierre Curie", "99", passed=5)
    group.submission.members = (Person("Marie Curie"), Person("Pierre Curie"))
    lines, found = exported(exercises, folder, "gradescope", text, [group])
    assert lines[1:] == [
        "Marie Curie,m@x.org,6,11",
        "Pierre Curie,p@x.org,6,11",
        "Li Na,l@x.org,,11",
    ]
    assert (found.filled, found.not_in_table, found.without_project) == (2, [], 2)


def test_namesakes_on_gradescope_are_told_apart_by_their_numbers(exercises, folder):
    text = "Name,SID\nAnn Lee,21\nAnn Lee,22\n"
    both = [result(exercises, "Ann Lee", str(k), passed=k) for k in (1, 5)]
    for one, number in zip(both, ("22", "21"), strict=True):
        one.submission.members = (Person("Ann Lee", number),)
    lines, found = exported(exercises, folder, "gradescope", text, both)
    assert lines[1:] == ["Ann Lee,21,6,11", "Ann Lee,22,1,11"]
    assert found.not_in_table == []


def test_one_person_with_two_first_names_is_no_group(exercises, folder):
    one = result(exercises, "Marie and Pierre Curie", passed=5)
    lines, found = exported(
        exercises, folder, "gradescope", "Name\nMarie and Pierre Curie\nMarie\n", [one]
    )
    assert lines[1:] == ["Marie and Pierre Curie,6,11", "Marie,,11"]
    assert (found.filled, found.not_in_table) == (1, [])


def test_points_for_platforms_without_a_table_of_ours(exercises, folder):
    group = result(exercises, "Ann and Bob", "5", passed=5)
    group.submission.members = (Person("Ann", "0131"), Person("Bob"))
    write_results([group, result(exercises, "Zoe", passed=1)], exercises, folder)
    assert table(folder / "points.csv") == [
        ["identifier", "name", "points", "of", "project"],
        ["0131", "Ann", "6", "11", "not marked"],
        ["", "Bob", "6", "11", "not marked"],
        ["", "Zoe", "1", "11", "not marked"],
    ]


def test_points_that_a_spreadsheet_has_saved(exercises, folder):
    """With semicolons, and a comma in numbers."""
    half = ProjectMarks({"Question": 1.5, "Answer": 1})
    write_results([result(exercises, "Ann", "7", 5, project=half)], exercises, folder)
    path = folder / "points.csv"
    path.write_text(path.read_text("utf-8-sig").replace(",", ";").replace("8.5", "8,5"))
    (folder / "table.csv").write_text(MOODLE + "Participant 7,Ann,\n", encoding="utf-8")
    filled, _ = export(exercises, "moodle", folder / "table.csv", folder)
    assert filled.read_text("utf-8-sig").splitlines()[1] == "Participant 7,Ann,8.5"


def test_anonymous_marking_in_moodle(exercises, folder):
    """A worksheet without names: the participant's number is in the names of files, too."""
    text = "Identifier,Status,Grade\nParticipant 123456,-,\nParticipant 7,-,\n"
    one = result(exercises, "Participant", "123456", passed=5)
    lines, found = exported(exercises, folder, "moodle", text, [one])
    assert lines[1:] == ["Participant 123456,-,6", "Participant 7,-,"]
    assert (found.filled, found.not_in_table) == (1, [])


# A name in Canvas' table, a name in the pile, and whether these are one person.
SPELLINGS = {
    "as it is": ("Marie Curie", "Marie Curie", True),
    "a short first name": ("Nguyen, Vi", "Vi Nguyen", True),
    "surname first": ("Curie, Marie", "Marie Curie", True),
    "joined": ("Curie, Marie", "curiemarie", True),
    "joined, but by no platform": ("Curie, Marie", "curiemarie", False),
    "joined, by the last word": ("Marie Curie", "curiemarie", True),
    "several words": ("van der Berg, Ann Lee", "vanderbergannlee", True),
    "accents": ("Núñez, José", "núñezjosé", True),
    "joined in another order": ("Curie, Marie", "mariecurie", False),
    "the same letters": ("Lee, Amy", "leemay", False),
    "other words with the same letters": ("Lee, Ann", "Le Eann", False),
    "transliterated": ("Müller, Jörg", "Mueller, Joerg", False),
}


@pytest.mark.parametrize("case", SPELLINGS)
def test_spellings_of_a_name(exercises, folder, case):
    name, student, is_same = SPELLINGS[case]
    text = f'Student,ID\n"{name}",\n'
    number = "" if "no platform" in case else "12"
    _, found = exported(exercises, folder, "canvas", text, [result(exercises, student, number)])
    assert found.filled == is_same
    assert found.not_in_table == ([] if is_same else [str(Person(student, number))])


MOODLE = "Identifier,Full name,Grade\n"
AMBIGUOUS = {
    "two of that name in the table": (
        "Participant ,Ann,\nParticipant ,Ann,\n",
        [("Ann", "")],
    ),
    "two of that name were graded": ("Participant 3,Ann,\n", [("Ann", ""), ("Ann", "")]),
    "number and name disagree": ("Participant 1,Bob,\n", [("Ann", "1"), ("Bob", "2")]),
    "letters in another order": ("Participant ,Amy,\n", [("May", "")]),
    "words in another order": ("Participant ,Lee Amy,\n", [("Amy Lee", "")]),
    "another with that name, by the numbers": (
        "Participant 5,Ann,\n",
        [("Ann", "7"), ("Bob", "5")],
    ),
    "nobody": ("Participant 3,Zoe,\n", [("Ann", "1")]),
    "no name": ("Participant 3,,\n", [("Ann", "1")]),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_total_of_nobody_in_particular_is_not_exported(exercises, folder, name):
    rows, people = AMBIGUOUS[name]
    everybody = [result(exercises, *person, passed=5) for person in people]
    lines, found = exported(exercises, folder, "moodle", MOODLE + rows, everybody)
    assert found.filled == 0
    told = [str(Person(*person)) for person in people]
    assert [line.partition(": ")[0] for line in found.not_in_table] == told
    assert not any(",6," in line for line in lines)


def test_namesake_who_handed_in_nothing_gets_nothing(exercises, folder):
    """Numbers that meet elsewhere are of one platform: there another number is another person."""
    everybody = [result(exercises, "Ann", "7", 5), result(exercises, "Zoe", "8", 0)]
    rows = "Participant 5,Ann,\nParticipant 8,Zoe,\n"
    lines, found = exported(exercises, folder, "moodle", MOODLE + rows, everybody)
    assert lines[1:] == ["Participant 5,Ann,", "Participant 8,Zoe,0"]
    assert found.not_in_table == ["Ann (7): Ann (Participant 5) has another identifier"]


def test_numbers_of_another_platform_give_nobody_points(exercises, folder):
    """They meet by chance; who has no number there is found by the name."""
    people = [("Ann Lee", "12"), ("Bo", "13"), ("Li Na", "300"), ("Zoe", "")]
    everybody = [result(exercises, *person, passed=5) for person in people]
    rows = "Zoe,12,\nYan,13,\nAnn B. Lee,14,\nBo Ek,15,\nLi Na,77,\n"
    lines, found = exported(exercises, folder, "canvas", f"Student,ID,\n{rows}", everybody)
    assert [line.rpartition(",")[2] for line in lines[1:]] == ["6", "", "", "", "6"]
    assert found.not_in_table == [
        "Ann Lee (12): Zoe (12) has another name",
        "Bo (13): Yan (13) has another name",
    ]


def test_name_like_canvas_row_of_points(exercises, folder):
    """Neither gets a student of that name what can be reached, nor that row a student's points."""
    people = [("Eve Points Possible", "13"), ("Points Possible", "")]
    everybody = [result(exercises, *person, passed=0) for person in people]
    row = "Eve Points Possible,13,x3,eve,S1,12,80\n"
    lines, _ = exported(exercises, folder, "canvas", TABLES["canvas"][0] + row, everybody)
    assert lines[2] == "    Points Possible,,,,,11"
    assert lines[-1] == "Eve Points Possible,13,x3,eve,S1,0"
    folder.joinpath("table.csv").write_text(
        (TABLES["canvas"][0] + row).replace("Possible,,,,,5", "Possible,,,,,11"), encoding="utf-8"
    )
    path, _ = export(exercises, "canvas", folder / "table.csv", folder, "Quiz (1)")
    assert path.read_text(encoding="utf-8-sig").splitlines()[-1].endswith(",0")


def test_two_of_one_name_are_told_apart_by_number(exercises, folder):
    everybody = [result(exercises, "Ann", "1", 0), result(exercises, "Ann", "2", 5)]
    rows = "Participant 2,Ann,\nParticipant 1,Ann,\n"
    lines, found = exported(exercises, folder, "moodle", MOODLE + rows, everybody)
    assert [line.split(",")[2] for line in lines[1:]] == ["6", "0"]
    assert found.filled == 2


@pytest.mark.parametrize(
    ("platform", "text", "error"),
    [
        ("moodle", "a,b\n", "TABLE has no column 'Identifier'"),
        ("moodle", "", "TABLE has no column 'Identifier'"),
    ],
)
def test_wrong_tables(exercises, folder, platform, text, error):
    with pytest.raises(ResultsError, match=error):
        exported(exercises, folder, platform, text, [result(exercises)])


def test_export_needs_grades_and_a_table(exercises, folder):
    with pytest.raises(ResultsError, match="grade the set first"):
        export(exercises, "moodle", folder / "table.csv", folder)
    write_results([result(exercises)], exercises, folder)
    with pytest.raises(ResultsError, match="TABLE must be a CSV"):
        export(exercises, "moodle", folder / "table.csv", folder)
