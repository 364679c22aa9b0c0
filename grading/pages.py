"""The practice page of a set on the site: tasks, hints, visible checks, solutions behind a click.

Pages are made before the site is built and are not kept. They hold no hidden check, and with
`solutions=False` no solution either; so the copies of sources that the site offers hold none.
"""

from __future__ import annotations

import re
from pathlib import Path

from grading.notebooks import project_summary, rubric_table, student_notebook, summary
from grading.sandbox import Limits
from grading.sets import Exercise, ExerciseSet, Project, find_set, read_set, set_names

FOLDER = Path(__file__).parents[1] / "book" / "exercises"
SOLUTIONS_ARE_HERE = "Each exercise ends with hints, checks and its solution, behind a click."
TO_THE_BOOK = re.compile(r"\]\(\.\./(?=[\w])")


def write_pages(solutions: bool, folder: Path = FOLDER) -> None:
    """Make every set's page and its student notebook anew; files that have not changed stay."""
    folder.mkdir(exist_ok=True)
    wanted = {}
    for name in set_names():
        exercise_set = read_set(find_set(name))
        wanted[f"{name}.md"] = page(exercise_set, solutions)
        wanted[f"{name}_exercises.ipynb"] = student_notebook(exercise_set, Limits().cell_seconds)
    for path in folder.iterdir():
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        write_if_changed(folder / name, text)


def write_if_changed(path: Path, text: str) -> None:
    """Leave an unchanged file alone: Sphinx reads again what is newer."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def page(exercise_set: ExerciseSet, solutions: bool) -> str:
    """The whole page, in MyST Markdown."""
    number = int(exercise_set.name[:2])
    parts = [
        f"# Exercises {number}: {exercise_set.title}",
        for_a_page(exercise_set.introduction),
        f"They belong to [chapter {number}](../../notebooks/{exercise_set.chapter}.ipynb).",
        f"Work in {{download}}`this set's notebook <{exercise_set.name}_exercises.ipynb>`: save it "
        "into the course's folder `notebooks`, and `make lab` opens it with all that it needs.",
        *([SOLUTIONS_ARE_HERE] if solutions else []),
        table(exercise_set),
        "Every exercise starts from these lines.",
        fenced(exercise_set.setup),
    ]
    for number, exercise in enumerate(exercise_set.exercises, 1):
        parts += exercise_parts(number, exercise, solutions)
    parts += project_parts(exercise_set.project)
    return "\n\n".join(parts) + "\n"


def table(exercise_set: ExerciseSet) -> str:
    """The list of exercises."""
    rows = [
        f"| {number} | {e.title} | {e.kind} | {e.level} | {e.points} | {e.minutes} min |"
        for number, e in enumerate(exercise_set.exercises, 1)
    ]
    project = exercise_set.project
    rows.append(
        f"| P | {project.title} | project | open | {project.points} | {project.minutes} min |"
    )
    return "\n".join(
        [
            "| no. | exercise | kind | level | points | time |",
            "| --- | --- | --- | --- | --- | --- |",
            *rows,
        ]
    )


def exercise_parts(number: int, exercise: Exercise, solutions: bool) -> list[str]:
    """One exercise: the task, hints, what to start from, checks, the solution."""
    parts = [
        f"## Exercise {number}: {exercise.title}",
        summary(exercise),
        for_a_page(exercise.statement),
    ]
    if exercise.given:
        parts += ["Given:", fenced("\n\n\n".join(exercise.given))]
    parts += ["Start from:", fenced(exercise.stub)]
    parts += [dropdown(f"Hint {k}", for_a_page(hint)) for k, hint in enumerate(exercise.hints, 1)]
    visible = [check for check in exercise.checks if not check.hidden]
    checks = "\n\n\n".join(f"# {check.about}\n{check.code}" for check in visible)
    parts.append(
        dropdown("Check your answer", f"Run these lines below your answer.\n\n{fenced(checks)}")
    )
    if solutions:
        text = f"{fenced(exercise.solution)}\n\n{for_a_page(exercise.explanation)}"
        parts.append(dropdown(f"Solution of exercise {number}", text))
    return parts


def project_parts(project: Project) -> list[str]:
    """The open task with its rubric."""
    return [
        f"## Project: {project.title}",
        project_summary(project),
        for_a_page(project.statement),
        for_a_page(rubric_table(project)),
    ]


def for_a_page(text: str) -> str:
    """The text with links from the folder where pages lie."""
    return TO_THE_BOOK.sub("](../../", text)


def fenced(code: str) -> str:
    """A block of code."""
    return f"```python\n{code.strip()}\n```"


def dropdown(title: str, text: str) -> str:
    """Text behind a click, whatever fences it holds."""
    return f"::::::{{dropdown}} {title}\n{text}\n::::::"
