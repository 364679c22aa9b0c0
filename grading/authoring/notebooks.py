"""The two notebooks of a set: the student's, and the instructor's with solutions and hidden checks.

Their cells carry the metadata of nbgrader 0.9, and the instructor's notebook its markers, so that a
lecturer who works with nbgrader can put it into a course as it is.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from grading.authoring.sets import END, Check, Exercise, ExerciseSet, Project, is_stub

WIDTH = 80
HIDDEN = "Runs when your work is graded: "
PAGE_LINK = re.compile(r"\[([^\]]*)\]\(\.\.?/[^)]*\)")
RULES = """\
**How to work.** Replace each `raise NotImplementedError(…)` and each `None` by your answer, and run
the cells below it: they check parts of it and say what they miss. More checks run when your work
is graded; their cells say in a comment what they look at. Add cells of your own wherever you like,
for imports too. Changes to the other cells have no effect: grading takes your answers and puts them
into a fresh notebook.

You need NumPy and the course's library `mbgd_lib`, whose folder lies beside this notebook. When
graded, answers run without network and without other files; a cell has {seconds} seconds."""
RULES_TO_PRACTISE = """\
**How to work.** Replace each `raise NotImplementedError(…)` and each `None` by your answer, and run
the cells below it. Each checks a part of it: it prints ✓ and what was right, or says what your
answer misses. Add cells of your own wherever you like, for imports too.

`make check-mine SET={number}` runs all checks of this set on your saved notebook and lists what
passed. It takes your answers into a fresh notebook: what ran here only because of a changed cell,
or of cells run out of order, shows there."""
YOUR_REPORT = "*Write your report here. Add cells below for code, figures and tables.*"


def student_notebook(exercise_set: ExerciseSet, cell_seconds: float) -> str:
    """The notebook that is handed out, without solutions, hidden checks or explanations."""
    return written(exercise_set, cell_seconds, lambda exercise: exercise.stub, check_as_released)


def practice_notebook(exercise_set: ExerciseSet, cell_seconds: float) -> str:
    """The notebook of who learns alone: every check is there, and says what passed."""
    return written(
        exercise_set,
        cell_seconds,
        lambda exercise: exercise.stub,
        check_to_practise,
        RULES_TO_PRACTISE,
    )


def instructor_notebook(exercise_set: ExerciseSet, cell_seconds: float) -> str:
    """The same cells with solutions, hidden checks and explanations, marked for nbgrader."""
    return written(exercise_set, cell_seconds, explained, check_in_full)


def notebook_cells(
    exercise_set: ExerciseSet,
    cell_seconds: float,
    answer: Callable[[Exercise], str],
    check_code: Callable[[Check], str],
    rules: str,
) -> Iterator[nbformat.NotebookNode]:
    """Every cell of a notebook in order, with what its answers and its checks are to hold."""
    yield from opening(
        exercise_set, rules.format(seconds=f"{cell_seconds:g}", number=exercise_set.number)
    )
    for number, exercise in enumerate(exercise_set.exercises, 1):
        yield from task(number, exercise)
        yield answer_cell(exercise, answer(exercise))
        for check in exercise.checks:
            yield check_cell(exercise, check, check_code(check))
    yield from project_cells(exercise_set.project)


# --- cells ---


def opening(exercise_set: ExerciseSet, rules: str) -> Iterator[nbformat.NotebookNode]:
    """Title, rules, the list of exercises, and the set's setup."""
    project = exercise_set.project
    rows = [
        [f"{number}. {e.title}", e.kind, e.level, e.points, f"{e.minutes} min"]
        for number, e in enumerate(exercise_set.exercises, 1)
    ]
    rows.append([project.title, "project", "open", project.points, f"{project.minutes} min"])
    variant = [f"Variant: {exercise_set.variant}."] if exercise_set.variant else []
    text = [
        f"# Exercises: {exercise_set.title}",
        without_links(exercise_set.introduction),
        *variant,
        rules,
        as_table(["exercise", "kind", "level", "points", "time"], rows),
    ]
    yield locked("opening", "\n\n".join(text))
    yield locked("setup", exercise_set.setup, is_code=True)


def task(number: int, exercise: Exercise) -> Iterator[nbformat.NotebookNode]:
    """What is asked, hints behind a click, and the code that is given."""
    yield locked(
        f"{exercise.id}-task",
        "\n\n".join(
            [
                f"## Exercise {number}: {exercise.title}",
                summary(exercise),
                without_links(exercise.statement),
                *(
                    f"<details><summary>Hint {k}</summary>\n\n{without_links(hint)}\n\n</details>"
                    for k, hint in enumerate(exercise.hints, 1)
                ),
            ]
        ),
    )
    if exercise.given:
        yield locked(f"{exercise.id}-given", exercise.given_code, is_code=True)


def project_cells(project: Project) -> Iterator[nbformat.NotebookNode]:
    """The open task, its rubric, and a cell for the report."""
    yield locked(
        f"{project.id}-task",
        "\n\n".join(
            [
                f"## Project: {project.title}",
                project_summary(project),
                without_links(project.statement),
                without_links(rubric_table(project)),
            ]
        ),
    )
    marks = {"grade": True, "solution": True, "locked": False, "points": project.points}
    yield cell(project.id, YOUR_REPORT, marks, is_code=False)


def summary(exercise: Exercise) -> str:
    """Level, points, time and goal in a line."""
    return (
        f"*{exercise.level.capitalize()} · {exercise.kind} · {exercise.points} points · "
        f"about {exercise.minutes} minutes. Goal: {exercise.goal}.*"
    )


def project_summary(project: Project) -> str:
    """Points, time and goal of the open task in a line."""
    return (
        f"*Open · {project.points} points, given by a person · about {project.minutes} minutes. "
        f"Goal: {project.goal}.*"
    )


def rubric_table(project: Project) -> str:
    """The criteria that a person marks by."""
    rows = [[c.name, c.full_marks_for, c.points] for c in project.rubric]
    return as_table(["criterion", "full marks for", "points"], rows)


def as_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def check_as_released(check: Check) -> str:
    """A check as students get it: of a hidden one only what it is about."""
    if check.hidden:
        return comment(HIDDEN + check.about)
    return f"{comment(check.about)}\n{check.code}"


def check_to_practise(check: Check) -> str:
    """A check as a learner of one's own gets it: hidden or not, it says when it has passed."""
    passed = json.dumps(f"✓ {check.about}", ensure_ascii=False)
    return f"{comment(check.about)}\n{check.code}\nprint({passed})"


def check_in_full(check: Check) -> str:
    """A check with all its code; nbgrader cuts what stands between the markers of hidden ones."""
    code = check_as_released(check)
    if check.hidden:
        code += f"\n### BEGIN HIDDEN TESTS\n{check.code}\n### END HIDDEN TESTS"
    return code


def comment(text: str) -> str:
    """A comment that fits the width of a page."""
    return textwrap.fill(text, WIDTH, initial_indent="# ", subsequent_indent="# ")


def answer_cell(exercise: Exercise, code: str) -> nbformat.NotebookNode:
    """The cell that the student fills in."""
    return cell(exercise.id, code, {"grade": False, "solution": True, "locked": False})


def check_cell(exercise: Exercise, check: Check, code: str) -> nbformat.NotebookNode:
    """A check, with its points."""
    marks = {"grade": True, "solution": False, "locked": True, "points": check.points}
    return cell(f"{exercise.id}-{check.id}", code, marks)


def locked(grade_id: str, source: str, is_code: bool = False) -> nbformat.NotebookNode:
    """A cell that is the same for everybody."""
    return cell(grade_id, source, {"grade": False, "solution": False, "locked": True}, is_code)


def cell(
    grade_id: str, source: str, marks: dict[str, object], is_code: bool = True
) -> nbformat.NotebookNode:
    """A cell with nbgrader's metadata; the id is the same at every build."""
    made = (new_code_cell if is_code else new_markdown_cell)(source)
    made["id"] = grade_id
    made.metadata["nbgrader"] = {
        "grade_id": grade_id,
        "schema_version": 3,
        "task": False,
        "cell_type": "code" if is_code else "markdown",
        **marks,
    }
    return made


def written(
    exercise_set: ExerciseSet,
    cell_seconds: float,
    answer: Callable[[Exercise], str],
    check_code: Callable[[Check], str],
    rules: str = RULES,
) -> str:
    """A notebook's text, the same to the byte at every build."""
    cells = list(notebook_cells(exercise_set, cell_seconds, answer, check_code, rules))
    notebook = new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    notebook.metadata["exercises"] = {"set": exercise_set.name, "variant": exercise_set.variant}
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.validate(notebook)
    return nbformat.writes(notebook, version=4) + "\n"


def without_links(text: str) -> str:
    """The text without links to the book's pages, which do not travel with a notebook."""
    return PAGE_LINK.sub(r"\1", text)


def explained(exercise: Exercise) -> str:
    """The solution, its explanation as a comment; nbgrader cuts both, between the markers."""
    lines = exercise.answer.splitlines()
    end = next(k for k, line in enumerate(lines) if line.strip() == END)
    indent = lines[end][: -len(END)]
    comment = [f"{indent}# {line}".rstrip() for line in exercise.explanation.splitlines()]
    kept = [line for line in lines[:end] if not is_stub(line)]
    return "\n".join([*kept, *comment, *lines[end:]])
