"""The two notebooks of a set: the student's, and the instructor's with solutions and hidden checks.

Their cells carry the metadata of nbgrader 0.9, and the instructor's notebook its markers, so that a
lecturer who works with nbgrader can put it into a course as it is.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from grading.authoring.sets import END, Check, Exercise, ExerciseSet, Project
from grading.marking.sandbox import Limits

USUAL_SECONDS = Limits().cell_seconds
HIDDEN = "Runs when your work is graded: "
RULES = """\
**How to work.** Replace each `raise NotImplementedError(…)` and each `None` by your answer, and run
the cells below it: they check parts of it and say what they miss. More checks run when your work
is graded; their cells say in a comment what they look at. Add cells of your own wherever you like,
for imports too. Changes to the other cells have no effect: grading takes your answers and puts them
into a fresh notebook.

You need Python 3.11 or newer, NumPy, and the course's library `mbgd_lib`: installed, or as a folder
beside this notebook. When graded, answers run without network and without other files; a cell has
{seconds} seconds. An answer that uses syntax newer than that of Python 3.11 may not run there."""
TO_PRACTISE = """\
**How to work.** Replace each `raise NotImplementedError(…)` and each `None` by your answer, and run
the cells below it. Each checks a part of it: it prints ✓ and what was right, or says what your
answer misses. Add cells of your own wherever you like, for imports too.

`make check-mine SET={number}` runs all checks of this set on your saved notebook and lists what
passed. It takes your answers into a fresh notebook: what ran here only because of a changed cell,
or of cells run out of order, shows there."""
YOUR_REPORT = "*Write your report here. Add cells below for code, figures and tables.*"


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
    return textwrap.fill(text, 80, initial_indent="# ", subsequent_indent="# ")


def explained(exercise: Exercise) -> str:
    """The solution, its explanation as a comment; nbgrader cuts both, between the markers."""
    [end] = re.findall(rf"^ *{END}", exercise.answer, re.MULTILINE)
    comment = [end.replace(END, f"# {line}").rstrip() for line in exercise.explanation.splitlines()]
    return exercise.answer.replace(end, "\n".join([*comment, end]))


def student_notebook(exercise_set: ExerciseSet, cell_seconds: float = USUAL_SECONDS) -> str:
    """The notebook that is handed out, without solutions, hidden checks or explanations."""
    return written(exercise_set, cells_of(exercise_set, cell_seconds))


def practice_notebook(exercise_set: ExerciseSet, cell_seconds: float = USUAL_SECONDS) -> str:
    """The notebook of who learns alone: every check is there, and says what passed."""
    cells = cells_of(exercise_set, cell_seconds, check_code=check_to_practise, rules=TO_PRACTISE)
    return written(exercise_set, cells)


def instructor_notebook(exercise_set: ExerciseSet, cell_seconds: float = USUAL_SECONDS) -> str:
    """The same cells with solutions, hidden checks and explanations, marked for nbgrader."""
    return written(exercise_set, cells_of(exercise_set, cell_seconds, explained, check_in_full))


def written(exercise_set: ExerciseSet, cells: list[NotebookNode]) -> str:
    """A notebook's text, the same to the byte at every build."""
    metadata = {
        "exercises": {"set": exercise_set.name, "variant": exercise_set.variant},
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    notebook = new_notebook(cells=cells, metadata=metadata)
    nbformat.validate(notebook)
    return nbformat.writes(notebook, version=4) + "\n"


def cells_of(
    exercise_set: ExerciseSet,
    cell_seconds: float = USUAL_SECONDS,
    answer: Callable[[Exercise], str] = attrgetter("stub"),
    check_code: Callable[[Check], str] = check_as_released,
    rules: str = RULES,
) -> list[NotebookNode]:
    """The cells of a notebook, as students get them if nothing else is said."""
    opening = [
        f"# Exercises: {exercise_set.title}",
        exercise_set.introduction,
        *([f"Variant: {exercise_set.variant}."] if exercise_set.variant else []),
        rules.format(seconds=f"{cell_seconds:g}", number=exercise_set.number),
        exercise_table(exercise_set),
    ]
    cells = [text_cell("opening", opening), cell("setup", exercise_set.setup)]
    for number, exercise in enumerate(exercise_set.exercises, 1):
        task = task_parts(f"Exercise {number}", exercise)
        for k, hint in enumerate(exercise.hints, 1):
            task.append(f"<details><summary>Hint {k}</summary>\n\n{hint}\n\n</details>")
        cells.append(text_cell(f"{exercise.id}-task", task))
        if exercise.given:
            cells.append(cell(f"{exercise.id}-given", exercise.given))
        cells.append(cell(exercise.id, answer(exercise), is_answer=True))
        for check in exercise.checks:
            cells.append(cell(f"{exercise.id}-{check.id}", check_code(check), points=check.points))
    project = exercise_set.project
    cells.append(text_cell(f"{project.id}-task", project_parts(project)))
    cells.append(cell(project.id, YOUR_REPORT, False, project.points, is_answer=True))
    return cells


def cell(
    grade_id: str, source: str, is_code: bool = True, points: int = 0, is_answer: bool = False
) -> NotebookNode:
    """A cell with nbgrader's metadata; the id is the same at every build."""
    made = (new_code_cell if is_code else new_markdown_cell)(source)
    made["id"] = grade_id
    made.metadata["nbgrader"] = {
        "grade_id": grade_id,
        "schema_version": 3,
        "task": False,
        "cell_type": made.cell_type,
        "grade": points > 0,
        "solution": is_answer,
        "locked": not is_answer,
        **({"points": points} if points else {}),
    }
    return made


def text_cell(grade_id: str, paragraphs: list[str]) -> NotebookNode:
    """A cell of text without links to the book's pages, which do not travel with a notebook."""
    text = re.sub(r"\[([^\]]*)\]\(\.\.?/[^)]*\)", r"\1", "\n\n".join(paragraphs))
    return cell(grade_id, text, is_code=False)


def exercise_table(exercise_set: ExerciseSet, goals: bool = False) -> str:
    """The list of a set's exercises and its project, with what each is for if asked."""
    header = ["no.", "exercise", "kind", "level", "points", "time", *["goal"] * goals]
    rows = [
        [number, t.title, t.kind, t.level, t.points, f"{t.minutes}\u00a0min", *[t.goal] * goals]
        for number, t in [*enumerate(exercise_set.exercises, 1), ("P", exercise_set.project)]
    ]
    return as_table(header, rows)


def task_parts(name: str, task: Exercise | Project) -> list[str]:
    """What is asked, after a line of what it takes and gives."""
    return [
        f"## {name}: {task.title}",
        f"*{task.level.capitalize()} · {task.kind} · {task.points} points · "
        f"about {task.minutes} minutes. Goal: {task.goal}.*",
        task.statement,
    ]


def project_parts(project: Project) -> list[str]:
    """The open task, with the rubric that a person marks it by."""
    rows = [[c.name, c.full_marks_for, c.points] for c in project.rubric]
    rubric = as_table(["criterion", "full marks for", "points"], rows)
    return [*task_parts("Project", project), "A person marks it by this table.", rubric]


def as_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
