"""The practice page of a set on the site: tasks, hints, visible checks, solutions behind a click.

Pages are made before the site is built and are not kept. They hold no hidden check, and with
`solutions=False` no solution either; so the copies of sources that the site offers hold none.
"""

from __future__ import annotations

import re
from pathlib import Path

from grading.authoring import notebooks
from grading.authoring.notebooks import as_table, exercise_table, project_parts, task_parts
from grading.authoring.sets import Exercise, ExerciseSet, find_set, read_set, set_names
from grading.marking.sandbox import PROJECT

FOLDER, PRACTICE = PROJECT / "book" / "exercises", PROJECT / "practice"
DOWNLOADS = "run"  # the site's folder of what it offers to take away
OVERVIEW = """\
One set for each of the chapters 1 to 8, from a warm-up to an exercise for those who want more, and
an open project. Each set is a page with hints and checks, and a notebook to work in. To assign and
grade them, see [For lecturers](../for_lecturers.md)."""
WHERE_TO_WORK = f"""\
Work in its notebook: `make lab` puts it into the folder `{PRACTICE.name}`, which is yours and never
written over. There every check can be run, and `make check-mine SET={{number}}` runs them all."""
SOLUTIONS_ARE_HERE = "Each exercise ends with hints, checks and its solution, behind a click."


def write_pages(solutions: bool, folder: Path = FOLDER) -> None:
    """Make every set's page and its student notebook anew; files that have not changed stay."""
    folder.mkdir(exist_ok=True)
    exercise_sets = [read_set(find_set(name)) for name in set_names()]
    wanted = {"index.md": overview(exercise_sets)}
    for exercise_set in exercise_sets:
        name = exercise_set.name
        wanted[f"{name}.md"] = page(exercise_set, solutions)
        wanted[notebook_of(name)] = notebooks.student_notebook(exercise_set)
    for path in folder.iterdir():
        if path.is_file() and path.name not in wanted:  # Jupyter leaves folders of its own
            path.unlink()
    for name, text in wanted.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:  # Sphinx reads newer ones
            path.write_text(text, encoding="utf-8")


def notebook_of(name: str) -> str:
    """The student's notebook beside the page, not of the page's name: Sphinx reads one of them."""
    return f"{name}_exercises.ipynb"


def shows_solutions(folder: Path = FOLDER) -> bool:
    """Whether the pages that were made last hold solutions."""
    pages = (path.read_text("utf-8") for path in folder.glob("[0-9]*.md"))
    return any(SOLUTIONS_ARE_HERE in page for page in pages)


def add_practice(folder: Path = PRACTICE) -> None:
    """Put every set's notebook where learners work; one that is there already is theirs."""
    folder.mkdir(exist_ok=True)
    for name in set_names():
        path = folder / f"{name}.ipynb"
        if not path.exists():
            text = notebooks.practice_notebook(read_set(find_set(name)))
            path.write_text(text, encoding="utf-8")


def overview(exercise_sets: list[ExerciseSet]) -> str:
    """The page that lists every exercise of every set."""
    header = ["set", "title", "exercises", "points", "project's points", "time", "project's time"]
    rows, lists = [], []
    for s in exercise_sets:
        link = f"[{s.title}]({s.name}.md)"
        times = [hours(sum(e.minutes for e in s.exercises)), hours(s.project.minutes)]
        rows.append([s.number, link, len(s.exercises), s.points, s.project.points, *times])
        lists += [f"## Set {s.number}: {link}", exercise_table(s, goals=True)]
    return "\n\n".join(["# Exercises", OVERVIEW, as_table(header, rows), *lists]) + "\n"


def hours(minutes: int) -> str:
    """A time to plan with, as 1 h 20."""
    return f"{minutes // 60}\u00a0h\u00a0{minutes % 60:02d}"


def page(exercise_set: ExerciseSet, solutions: bool) -> str:
    """The whole page, in MyST Markdown."""
    number = exercise_set.number
    parts = [
        f"# Exercises {number}: {exercise_set.title}",
        exercise_set.introduction,
        f"This set belongs to [chapter {number}](../notebooks/{exercise_set.chapter}.ipynb).",
        f"{WHERE_TO_WORK.format(number=number)} Or download "
        f'<a href="../../{DOWNLOADS}/{notebook_of(exercise_set.name)}">the notebook</a> alone.',
        *([SOLUTIONS_ARE_HERE] if solutions else []),
        exercise_table(exercise_set),
        "Every exercise starts from these lines.",
        fenced(exercise_set.setup),
    ]
    for number, exercise in enumerate(exercise_set.exercises, 1):
        parts += exercise_parts(number, exercise, solutions)
    parts += project_parts(exercise_set.project)
    # Texts have links from the folder of sources; pages lie one folder deeper.
    return re.sub(r"\]\(\.\./(?=\w)", "](../../", "\n\n".join(parts)) + "\n"


def exercise_parts(number: int, exercise: Exercise, solutions: bool) -> list[str]:
    """One exercise: the task, hints, what to start from, checks, the solution."""
    parts = task_parts(f"Exercise {number}", exercise)
    if exercise.given:
        parts += ["Given:", fenced(exercise.given)]
    parts += ["Start from:", fenced(exercise.stub)]
    parts += [dropdown(f"Hint {k}", hint) for k, hint in enumerate(exercise.hints, 1)]
    visible = [notebooks.check_as_released(check) for check in exercise.checks if not check.hidden]
    checks = fenced("\n\n\n".join(visible))
    parts.append(dropdown("Check your answer", f"Run these lines below your answer.\n\n{checks}"))
    if solutions:
        text = f"{fenced(exercise.solution)}\n\n{exercise.explanation}"
        parts.append(dropdown(f"Solution of exercise {number}", text))
    return parts


def fenced(code: str) -> str:
    return f"```python\n{code.strip()}\n```"


def dropdown(title: str, text: str) -> str:
    """Text behind a click, whatever fences it holds."""
    return f"::::::{{dropdown}} {title}\n{text}\n::::::"
