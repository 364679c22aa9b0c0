"""A source that could leak or mislead is refused: nothing is made from it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from small_set import SMALL, changed, read_text, secrets_in, small_set

from grading.authoring.notebooks import instructor_notebook, student_notebook
from grading.authoring.pages import page
from grading.authoring.sets import SourceError, as_number, find_set, read_set, set_names
from grading.authoring.variants import (
    VariantError,
    filled_in,
    read_parameters,
    read_variant,
    with_values,
)

WRONG_ONE = '# %% role="wrong" name="returns the whole" fails=["one", "many"]'
ROW = "# | Question | it is there | 2 |\n"
HINT = '# %% [markdown] role="hint"\n# See [there](../book/notation.md).\n\n'
CHECK = '# %% role="check" id="zero" points=1 about="Nothing of nothing."\n'
ONE = '# %% role="hidden" id="one" points=2 about="A part of one."\n'
RIGHT = '# %% role="hidden" id="right" points=1 about="It is the right one."\n'

# What is replaced by what, and what the error must name: the place, the value and what is allowed.
# A text after @ stands for the number of its line, after ^ for that of its cell.
FAULTS = {
    # --- a cell's first line ---
    "unknown role": (
        'role="hint"',
        'role="hnit"',
        ['@role="hnit"', "'hnit'", "hint, check, hidden"],
    ),
    "no role": ('# %% role="setup"', "# %%", ["^import numpy", "None", "set, parameters, setup"]),
    "role of the other type": (
        '[markdown] role="explanation"',
        'role="explanation"',
        ['@role="explanation"', "'explanation'", "markdown", "code"],
    ),
    "entry missing": (
        " points=2",
        "",
        ['@id="one"', "['about', 'id', 'points']", "['about', 'id']"],
    ),
    "entry mistyped": ("points=2", "point=2", ['@id="one"', "'point'", "'points'"]),
    "entry of another role": (
        'role="setup"',
        'role="setup" id="setup"',
        ['@role="setup"', "'setup'", "['id']"],
    ),
    "points as text": ("points=2", 'points="2"', ['@id="one"', "points", "a whole number", "'2'"]),
    "points that are none": ("points=2", "points=0", ['@id="one"', "points", "at least 1", "0"]),
    "minutes below one": (
        "minutes=90",
        "minutes=-5",
        ['@role="project"', "minutes", "at least 1", "-5"],
    ),
    "title that is a number": (
        'title="Halves"',
        "title=2",
        ['@role="set"', "title", "text", "2"],
    ),
    "empty about": ('about="A part of one."', 'about=""', ['@id="one"', "about", "text", "''"]),
    "fails as text": (
        'fails=["one", "many"]',
        'fails="one"',
        ["@returns the whole", "fails", "a list", "'one'"],
    ),
    "id with capitals": ('id="one"', 'id="One"', ['@id="One"', "small letters", "'One'"]),
    "id with a space": (
        'id="half"',
        'id="half it"',
        ['@role="exercise"', "small letters", "'half it'"],
    ),
    "unknown level": (
        "stretch",
        "hard",
        ['@level="hard"', "level", "'hard'", "'warm-up'", "'core'"],
    ),
    "no empty line before it": (
        'what did you add?"\n\n# %%',
        'what did you add?"\n# %%',
        ['@id="one"', "empty line", "what did you add?"],
    ),
    "one % only": (ONE, ONE.replace("%%", "%"), ['@id="one"', "mistyped first line", 'id="one"']),
    "no %": (ONE, ONE.replace("%% ", ""), ['@id="one"', "mistyped first line", 'id="one"']),
    "behind code": (
        "\n\n" + ONE,
        "  " + ONE,
        ['@id="one"', "mistyped first line"],
    ),
    "one % in a text": (
        '# %% [markdown] role="hint"\n# Add',
        '# % [markdown] role="hint"\n# Add',
        ["@# % [markdown]", "mistyped first line", 'role="hint"'],
    ),
    "no # before a text's next cell": (
        WRONG_ONE,
        WRONG_ONE.removeprefix("# "),
        ["@returns the whole", "markdown cell starts with #", "returns the whole"],
    ),
    "code in a text": (
        "# SECRET_EXPLANATION of why.\n",
        "# SECRET_EXPLANATION of why.\nsecret_hidden = 1\n",
        ["@secret_hidden = 1", "markdown cell starts with #", "secret_hidden = 1"],
    ),
    "indented": (ONE, " " + ONE, ["07_halves.py", "every cell with `# %%`"]),
    "inside a string": (
        CHECK + "assert",
        CHECK + '"""\n# %%\n"""\nassert',
        ["07_halves.py", "every cell with `# %%`"],
    ),
    "text before the first": (
        SMALL[:10],
        '"""Halves."""\n' + SMALL[:10],
        ["must start with a cell"],
    ),
    # --- the order of cells ---
    "no parameters": (
        'role="parameters"',
        'role="setup"',
        ['@role="set"', "set, parameters, setup", "['set', 'setup', 'setup']"],
    ),
    "no rubric": (
        SMALL[SMALL.index('# %% [markdown] role="rubric"') :],
        "",
        ['@role="project"', "project, rubric", "['wrong', 'project']"],
    ),
    "setup among exercises": (
        '# %% role="given"',
        '# %% role="setup"',
        ["^number = 3", "'setup'", "among exercises"],
    ),
    "an answer before any exercise": (
        "import numpy as np\n",
        'import numpy as np\n\n# %% role="given"\nx = 1\n',
        ['@role="given"', "starts an exercise"],
    ),
    "hidden check after the explanation": (
        "# SECRET_EXPLANATION of why.\n",
        "# SECRET_EXPLANATION of why.\n\n"
        + ONE.replace("one", "two")
        + 'assert half(2), "half of two is nothing"\n',
        ['@id="two"', "'hidden'", "'explanation'", "given, answer, hint"],
    ),
    "two answers": (
        '# %% role="answer"\n### BEGIN',
        '# %% role="answer"\nx = 1\n\n# %% role="answer"\n### BEGIN',
        ['@level="stretch"', "1 to 1", "'answer'", "2"],
    ),
    "no hint": (HINT, "", ['@role="exercise"', "1 to 3", "'hint'", "0"]),
    "four hints": (HINT, HINT * 4, ['@role="exercise"', "1 to 3", "'hint'", "4"]),
    "no explanation": (
        '# %% [markdown] role="explanation"\n# SECRET_EXPLANATION of why.\n\n',
        "",
        ['@role="exercise"', "1 to 1", "'explanation'", "0"],
    ),
    "no visible check": (
        'role="check" id="there"',
        'role="hidden" id="there"',
        ['@level="stretch"'],
    ),
    "no hidden check": (
        RIGHT,
        RIGHT.replace("hidden", "check"),
        ['@level="stretch"', "visible and hidden"],
    ),
    # --- markers ---
    "no begin": (
        "    ### BEGIN SOLUTION\n",
        "",
        ['@role="answer"', "### BEGIN", "### END", "['### END"],
    ),
    "no end": (
        "    ### END SOLUTION\n",
        "",
        ['@role="answer"', "### BEGIN", "### END", "['### BEGIN"],
    ),
    "two begins": (
        "    ### END SOLUTION\n",
        "    ### BEGIN SOLUTION\n",
        ['@role="answer"', "['### BEGIN SOLUTION', '### BEGIN SOLUTION']"],
    ),
    "end before begin": (
        "    ### BEGIN SOLUTION\n",
        "    ### END SOLUTION\n    ### BEGIN SOLUTION\n",
        ['@role="answer"', "['### END SOLUTION', '### BEGIN"],
    ),
    "small letters": (
        "### BEGIN SOLUTION",
        "### begin solution",
        ['@role="answer"', "### begin solution"],
    ),
    "mistyped": ("### END SOLUTION", "### END SOLUTOIN", ['@role="answer"', "### END SOLUTOIN"]),
    "two signs": ("### END SOLUTION", "## END SOLUTION", ['@role="answer"', "'## END SOLUTION'"]),
    "words behind": (
        "### END SOLUTION",
        "### END SOLUTION now",
        ['@role="answer"', "SOLUTION now"],
    ),
    "in another cell": (
        CHECK,
        CHECK + "### BEGIN SOLUTION\n",
        ['@id="zero"', "solution's marker", "'check'"],
    ),
    "in a setup, mistyped": (
        "import numpy as np",
        "import numpy as np  \n# BEGIN SOLUTIONS",
        ['@role="setup"', "solution's marker", "'setup'"],
    ),
    "nbgrader's own for hidden checks": (
        CHECK,
        CHECK + "### BEGIN HIDDEN TESTS\n",
        ['@id="zero"', "role 'hidden'"],
    ),
    "end one line early": (
        "    return secret_solution\n    ### END SOLUTION\n",
        "    ### END SOLUTION\n    return secret_solution\n",
        ['@role="answer"', "signatures and docstrings", "return secret_solution"],
    ),
    "begin one line late": (
        "    ### BEGIN SOLUTION\n    # SECRET_SOLUTION in a comment\n",
        "    # SECRET_SOLUTION in a comment\n    ### BEGIN SOLUTION\n",
        ['@role="answer"', "signatures and docstrings", "# SECRET_SOLUTION in a comment"],
    ),
    "end one line early, at the margin": (
        'how = "by heart"\n### END SOLUTION\n',
        '### END SOLUTION\nhow = "by heart"\n',
        ["^by heart", "signatures and docstrings", "how = 'by heart'"],
    ),
    # --- what students get instead ---
    "nothing, at the margin": (
        "# STUB: double = None  # a number\n# STUB: how = None  # a word\n",
        "",
        ["^by heart", "left margin", "'# STUB: '"],
    ),
    "something, in a function": (
        "    # SECRET_SOLUTION in a comment\n",
        "# STUB: return None\n",
        ['@role="answer"', "inside a function needs none"],
    ),
    "small letters in it": (
        "# STUB: how",
        "# Stub: how",
        ["^by heart", "'# STUB: '", "# Stub: how"],
    ),
    "no space in it": ("# STUB: how", "#STUB: how", ["^by heart", "'# STUB: '", "#STUB: how"]),
    "letters swapped in it": ("# STUB: how", "# STBU: how", ["^by heart", "# STBU: how"]),
    "no Python": ("# STUB: double = None", "# STUB: double =", ["^by heart", "invalid syntax"]),
    "a name that no solution defines": (
        "# STUB: how = None",
        "# STUB: why = None",
        ["^by heart", "['double', 'why']", "define them all"],
    ),
    "no name at all": (
        "# STUB: double = None  # a number\n# STUB: how = None  # a word\n",
        "# STUB: # write here\n",
        ["^by heart", "there must be one"],
    ),
    # --- code and checks ---
    "no Python in a check": (
        "assert half(0) == 0,",
        "assert half(0 == 0,",
        ['@id="zero"', "line 1"],
    ),
    "no Python in a given cell": (
        "number = 3 + FACTOR",
        "number = = 3",
        ['@role="given"', "line 1"],
    ),
    "no Python once filled in": (
        "number = 3 + FACTOR",
        "number = FACTOR = 3",
        ['@role="given"', "parameters' values"],
    ),
    "a check that asserts nothing": (
        'assert double is not None, "double is still None: what is twice the number?"\n\n',
        "double\n\n",
        ['@id="there"', "assert something"],
    ),
    "no message": (
        ', "half(0) should be zero; what did you add?"',
        "",
        ['@id="zero"', "line 1", "no message", "half(0) == 0"],
    ),
    "a short message": ("half(0) should be zero; what did you add?", "is it zero?", ["no message"]),
    "no message inside a loop": (
        CHECK,
        CHECK + "for x in (0, 0.0):\n    assert half(x) == 0\n",
        ['@id="zero"', "line 2", "no message"],
    ),
    # --- names that are there twice, or not at all ---
    "an exercise's id twice": ('id="two"', 'id="half"', ["07_halves.py", "twice", "'half'"]),
    "a check's id twice": ('id="many"', 'id="one"', ['@role="exercise"', "twice", "'one'"]),
    "the project's id an exercise's": ('id="project"', 'id="half"', ["twice", "'half'"]),
    "an exercise like the setup": ('id="half"', 'id="setup"', ["twice", "'setup'"]),
    "an exercise like a check": ('id="half"', 'id="two-right"', ["twice", "'two-right'"]),
    "an exercise like given code": ('id="half"', 'id="two-given"', ["twice", "'two-given'"]),
    "a wrong answer to an unknown check": (
        'fails=["there", "right"]',
        'fails=["there", "one"]',
        ["@forgets it", "['there', 'right']", "['there', 'one']"],
    ),
    "a wrong answer to no check": (
        'fails=["there", "right"]',
        "fails=[]",
        ["@forgets it", "['there', 'right']", "[]"],
    ),
    "a parameter that nothing uses": (
        "FACTOR = 0.5",
        "OTHER = 1  # not used\nFACTOR = 0.5",
        ['@role="parameters"', "OTHER"],
    ),
    # --- the rubric ---
    "no table": (
        SMALL[SMALL.index("# | criterion") :],
        "# Two points for a question.\n",
        ['@role="rubric"', "table"],
    ),
    "no rows": (SMALL[SMALL.index(ROW) :], "", ['@role="rubric"', "table"]),
    "two columns": (
        ROW,
        "# | Question | 2 |\n",
        ['@role="rubric"', "criterion, full marks for, points"],
    ),
    "points that are no number": (
        ROW,
        ROW.replace("2", "two"),
        ['@role="rubric"', "'two'", "whole number"],
    ),
    "points with a sign": (ROW, ROW.replace("2", "-2"), ['@role="rubric"', "'-2'", "whole number"]),
}


def test_the_small_set_is_a_good_one(tmp_path):
    exercise_set = small_set(tmp_path)
    half, two = exercise_set.exercises
    assert (exercise_set.name, exercise_set.points, exercise_set.project.points) == (
        "07_halves",
        6,
        5,
    )
    assert half.names == ("half",)
    assert half.stub == (
        'def half(x):\n    """Return the share 0.5 of x."""\n'
        '    raise NotImplementedError("write your answer here")'
    )
    assert two.stub == "double = None  # a number\nhow = None  # a word"
    assert two.solution.splitlines()[0] == "secret_solution = 2"
    assert [check.hidden for check in half.checks] == [False, True, True]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named(fault, tmp_path):
    old, new, said = FAULTS[fault]
    with pytest.raises(SourceError) as raised:
        small_set(tmp_path, old, new)
    message = str(raised.value)
    assert message.startswith("07_halves.py")
    said = [place(changed(old, new), part) if part[0] in "@^" else part for part in said]
    assert not [part for part in said if part not in message], message


def place(source: str, text: str) -> str:
    """Where a source holds the text that follows an @, or starts the cell of what follows a ^."""
    lines = source.splitlines()
    k = next(k for k, line in enumerate(lines) if text[1:] in line)
    while text[0] == "^" and not lines[k].startswith("# %%"):
        k -= 1
    return f", line {k + 1}"


def test_a_cell_that_is_one_line_off_is_refused(tmp_path):
    lines = SMALL.splitlines(keepends=True)
    for k, line in enumerate(lines):
        if line.startswith('# %% role="hidden"') or 'role="explanation"' in line:
            moved = [*lines[:k], lines[k + 1], line, *lines[k + 2 :]]
            with pytest.raises(SourceError, match="empty line"):
                read_text(tmp_path, "".join(moved))


# --- mistyped characters, wherever they may be ---

# One cell of each kind will do; the next cell of the same kind would take as long again.
CELLS = re.split(r"(?=^# %%)", SMALL, flags=re.MULTILINE)
SHORT = "".join(
    cell
    for cell in CELLS
    if cell
    and not re.search('id="many"|whole number"|adds one|leaves it|forgets it', cell.splitlines()[0])
).replace('["one", "many"]', '["one"]')


def test_no_typo_leaks(tmp_path):
    """Damage every character and every line of the structure, one at a time.

    A character is either lost or swapped or mistyped, in turn. Whatever is still accepted must
    give a notebook and pages that hold nothing private.
    """
    outcomes = [(edit, outcome(tmp_path, source)) for edit, source in damaged(SHORT)]
    leaks = [f"{edit}: {said}" for edit, said in outcomes if said not in ("refused", "harmless")]
    assert not leaks, "\n".join(leaks)
    found = [said for _, said in outcomes]
    # Else the test would prove little: most damage must be seen, and some does no harm.
    assert found.count("refused") > 500
    assert found.count("harmless") > 50


def test_a_leak_would_be_seen(tmp_path):
    exercise_set = small_set(tmp_path)
    assert secrets_in(instructor_notebook(exercise_set, 20)) == {
        "solution",
        "hidden",
        "explanation",
    }
    assert outcome(tmp_path, SMALL) == "harmless"
    told = changed("import numpy as np", "import numpy as np  # secret_hidden")
    assert outcome(tmp_path, told) == "leaks hidden"


def outcome(folder, source: str) -> str:
    """What becomes of a source: refused, harmless, or what is wrong."""
    try:
        exercise_set = read_text(folder, source)
    except (SourceError, VariantError):
        return "refused"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    handed_out = student_notebook(exercise_set, 20) + page(exercise_set, solutions=False)
    leaks = secrets_in(handed_out)
    leaks |= secrets_in(page(exercise_set, solutions=True)) - {"solution", "explanation"}
    return f"leaks {', '.join(sorted(leaks))}" if leaks else "harmless"


def damaged(source: str) -> Iterator[tuple[str, str]]:
    """The source with one thing damaged, and what."""
    lines = source.splitlines(keepends=True)
    for k, line in enumerate(lines):
        if not re.match(r"# %%|\s*###|# STUB", line):
            continue
        for edit, new in [*damaged_characters(line, k), *damaged_line(line)]:
            yield f"line {k + 1}, {edit}: {new!r}", "".join([*lines[:k], new, *lines[k + 1 :]])
        for other in (k - 2, k - 1, k + 1, k + 2):
            if 0 <= other < len(lines):
                rest = [*lines[:k], *lines[k + 1 :]]
                moved = [*rest[:other], line, *rest[other:]]
                yield f"line {k + 1} moved to {other + 1}", "".join(moved)


def damaged_characters(line: str, turn: int) -> Iterator[tuple[str, str]]:
    """The line with a character lost, swapped or mistyped, wherever that is not in free text."""
    others = ' #%x"=[3\t'
    # A lost line end would make one line of what students see and the solution: no typo any more.
    last = len(line) - line.startswith("# STUB")
    free = re.compile(r'(?:title|about|goal|kind|name|chapter)="([^"]*)"')
    text = {k for match in free.finditer(line) for k in range(*match.span(1))}
    for k, letter in enumerate(line[:last]):
        if k in text:
            continue
        edits = [
            ("lost", line[:k] + line[k + 1 :]),
            ("swapped", line[:k] + line[k + 1 : k + 2] + letter + line[k + 2 :]),
            ("mistyped", line[:k] + others[k % len(others)] + line[k + 1 :]),
        ]
        yield edits[(k + turn) % len(edits)]
        if k < 4:  # where it tells a cell from what is none
            yield from (("mistyped", line[:k] + other + line[k + 1 :]) for other in 'x"=')


def damaged_line(line: str) -> Iterator[tuple[str, str]]:
    """The line lost, there twice, indented, broken, or in other letters."""
    yield "lost", ""
    yield "twice", line * 2
    yield "indented", f"    {line}"
    yield "broken", line.replace(" ", "\n", 1)
    yield "in small letters", line.lower()
    yield "in capitals", line.upper()
    yield "wider", line.replace(" ", "\u00a0")


# --- parameters and variants ---


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("FACTOR = [1]  # a list", "number or text"),
        ("FACTOR = -1  # below zero", "number or text"),
        ("FACTOR = 1 / 2  # a sum", "number or text"),
        ("FACTOR = True  # a truth", "number or text; got True"),
        ("FACTOR = None  # nothing", "number or text; got None"),
        ("FACTOR = 1e999  # too large", "finite"),
        ("FACTOR = 1", "a comment; got 'FACTOR = 1'"),
        ("factor = 1  # small letters", "a NAME"),
        ("F[0] = 1  # a part", "a NAME"),
        ("F = G = 1  # two", "a NAME"),
        ("print(1)  # a call", "number or text"),
        ("FACTOR = 1  # one\nFACTOR = 2  # two", "FACTOR is there twice"),
    ],
)
def test_parameters_are_positive_numbers_or_text_with_a_comment(line, said, tmp_path):
    with pytest.raises(VariantError, match=re.escape(said)) as raised:
        small_set(tmp_path, "FACTOR = 0.5  # what to multiply with; any positive number", line)
    assert "07_halves.py, line 4" in str(raised.value)


def test_a_source_has_parameters(tmp_path):
    with pytest.raises(VariantError, match=r"x\.py: a set has at least one parameter"):
        read_parameters("# none\n", "x.py")


def test_values_replace_whole_words_only():
    parameters = {"RATE": 0.5, "RATES": 2, "WHO": "RATE"}
    text = "RATE, RATES, RATED, my_RATE, WHO"
    assert filled_in(text, parameters) == "0.5, 2, RATED, my_RATE, RATE"
    assert filled_in("f(WHO, RATE)", parameters, is_code=True) == "f('RATE', 0.5)"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"OTHER": 1.0}, "07_halves has no parameter OTHER; it has FACTOR, NAME"),
        ({"FACTOR": "half"}, "FACTOR must be a number, like 0.5; got 'half'"),
        ({"FACTOR": True}, "FACTOR must be a number, like 0.5; got True"),
        ({"FACTOR": -0.5}, "FACTOR must be a finite number, not negative; got -0.5"),
        ({"FACTOR": float("nan")}, "FACTOR must be a finite number, not negative; got nan"),
        ({"NAME": 3}, "NAME must be text, like 'Ann'; got 3"),
        ({"NAME": ["Ann"]}, "NAME must be text, like 'Ann'; got ['Ann']"),
    ],
)
def test_a_variant_gives_values_of_the_same_type(values, said):
    with pytest.raises(VariantError, match=re.escape(said)):
        with_values({"FACTOR": 0.5, "NAME": "Ann"}, values, "07_halves")


def test_a_variant_takes_a_whole_number_for_a_number():
    values = with_values({"FACTOR": 0.5, "NAME": "Ann"}, {"FACTOR": 2}, "07_halves")
    assert values == {"FACTOR": 2.0, "NAME": "Ann"}
    assert isinstance(values["FACTOR"], float)


def test_a_variant_changes_all_that_a_set_says(tmp_path):
    small_set(tmp_path)
    path = tmp_path / "07_halves.py"
    half, two = read_set(path, {"FACTOR": 0.25, "NAME": "Bea"}, "autumn").exercises
    assert half.statement == "Multiply by 0.25, for Bea."
    assert "share 0.25 of" in half.stub
    assert "* 0.25" in half.solution
    assert half.checks[1].code.splitlines()[1].startswith("assert secret_hidden == 0.25,")
    assert "* 0.25 + 1" in half.wrong[2].code
    assert two.given == ("number = 3 + 0.25",)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gone", None, "VARIANT must be a folder with a file such as 07_halves.toml; got"),
        ("here", None, "holds no 07_halves.toml"),
        ("here", b"FACTOR = ", "07_halves.toml cannot be read"),
        ("here", b"NAME = '\xff'", "07_halves.toml cannot be read"),
    ],
)
def test_a_variant_is_a_folder_with_a_file_for_the_set(name, content, said, tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    if content is not None:
        (folder / "07_halves.toml").write_bytes(content)
    with pytest.raises(VariantError, match=re.escape(said)):
        read_variant(tmp_path / name, "07_halves")


def test_a_variant_is_read(tmp_path):
    (tmp_path / "07_halves.toml").write_text('FACTOR = 0.25\nNAME = "Bea"\n')
    assert read_variant(tmp_path, "07_halves") == {"FACTOR": 0.25, "NAME": "Bea"}


# --- finding a set ---


def test_a_set_is_found_by_its_name_or_number(tmp_path):
    for name in ("02_b", "01_a"):
        (tmp_path / f"{name}.py").touch()
    (tmp_path / "notes.py").touch()
    assert set_names(tmp_path) == ["01_a", "02_b"]
    for name in ("2", "02", "02_b"):
        assert find_set(name, tmp_path) == tmp_path / "02_b.py"


@pytest.mark.parametrize("name", ["3", "", "b", "02_", "²", "-1", "notes"])
def test_a_set_that_is_not_there_is_named(name, tmp_path):
    for known in ("02_b", "01_a"):
        (tmp_path / f"{known}.py").touch()
    (tmp_path / "notes.py").touch()
    with pytest.raises(SourceError, match=re.escape(f"01_a, 02_b, or its number; got {name!r}")):
        find_set(name, tmp_path)


def test_numbers_are_plain_digits():
    assert [as_number(text) for text in ("3", "03", "²", "-1", "", "x")] == [3, 3] + [None] * 4
