"""What a source may say: how it is read, its rules, its changes and its parameters."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from small_set import SMALL, changed, read_text, runs_answers, small_set

from grading.__main__ import main
from grading.authoring import rules, sets
from grading.authoring.rules import set_faults
from grading.authoring.sets import (
    SourceError,
    changed_solution,
    find_set,
    read_cells,
    read_set,
    set_names,
)
from grading.authoring.variants import (
    CHECKED,
    LINE,
    filled_in,
    limit,
    read_parameters,
    read_variant,
)
from grading.marking.sandbox import PROJECT

ROW = "# | Question | it is there | 2 |\n"
HINT = '# %% [markdown] role="hint"\n# See [there](../book/notation.md).\n\n'
CHECK = '# %% role="check" id="zero" points=1 about="Nothing of nothing."\n'
STUBS = "# STUB: double = None  # a number\n# STUB: how = None  # a word\n"
WHOLE = "def half(secret_wrong):\n    return secret_wrong\n"

# What is replaced by what, and what the error must name: the place, the value and what is allowed.
# A text after @ stands for the number of its line, after ^ for that of its cell.
FAULTS = {
    # --- a cell's first line ---
    "unknown role": (
        'role="hint"',
        'role="hnit"',
        ['@role="hnit"', "here must come hint; got 'hnit'"],
    ),
    "no role": ('# %% role="setup"', "# %%", ["^import numpy", "here must come setup; got None"]),
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
    "points that are none": (
        "points=2",
        "points=0",
        ['@id="one"', "points must be a whole number from 1; got 0"],
    ),
    "minutes below one": (
        "minutes=90",
        "minutes=-5",
        ['@id="project"', "minutes must be a whole number from 1; got -5"],
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
    "in_place as text": (
        "points=2",
        'points=2 in_place="yes"',
        ['@id="one"', "in_place", "true or false", "'yes'"],
    ),
    "in_place of an answer": (
        '# %% role="answer"',
        '# %% role="answer" in_place=true',
        ['@role="answer"', "'answer'", "in_place"],
    ),
    "a cell inside a string": (
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
        ["^FACTOR =", "here must come parameters; got 'setup'"],
    ),
    "no rubric": (
        SMALL[SMALL.index('# %% [markdown] role="rubric"') :],
        "",
        ["must end with project, rubric"],
    ),
    "setup among exercises": (
        '# %% role="given"',
        '# %% role="setup"',
        ["^number = 3", "given or answer; got 'setup'"],
    ),
    "two cells of given code": (
        "number = 3 + FACTOR\n",
        'number = 3 + FACTOR\n\n# %% role="given"\nother = 1\n',
        ["^other = 1", "here must come answer; got 'given'"],
    ),
    "two answers": (
        '# %% role="answer"\n### BEGIN',
        '# %% role="answer"\nx = 1\n\n# %% role="answer"\n### BEGIN',
        ["^by heart", "here must come hint; got 'answer'"],
    ),
    "no hint": (HINT, "", ['@id="zero"', "here must come hint; got 'check'"]),
    "no explanation": (
        '# %% [markdown] role="explanation"\n# SECRET_EXPLANATION of why.\n\n',
        "",
        ["@returns the whole", "hidden or explanation; got 'wrong'"],
    ),
    "no visible check": (
        'role="check" id="there"',
        'role="hidden" id="there"',
        ['@id="there"', "hint or check; got 'hidden'"],
    ),
    "no hidden check": (
        'role="hidden" id="right"',
        'role="check" id="right"',
        ["^SECRET_EXPLANATION of how", "check or hidden; got 'explanation'"],
    ),
    # --- markers, and what students get instead ---
    "no begin": ("    ### BEGIN SOLUTION\n", "", ['@role="answer"', "['### END SOLUTION']"]),
    "no end": ("    ### END SOLUTION\n", "", ['@role="answer"', "['### BEGIN SOLUTION']"]),
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
    "a mistyped end": ("### END SOLUTION", "### END SOLUTOIN", ['@role="answer"', "### END"]),
    "no Python in a stub": (
        "# STUB: double = None",
        "# STUB: double =",
        ["^by heart", "invalid syntax"],
    ),
    # --- code ---
    "no Python in a check": (
        "assert half(0) == 0,",
        "assert half(0 == 0,",
        ['@id="zero"', "line 1"],
    ),
    "no Python once filled in": (
        "number = 3 + FACTOR",
        "number = FACTOR = 3",
        ['@role="given"', "line 1", "parameters' values"],
    ),
    "a change that does not fit": (
        WHOLE,
        "# -     return 3\n",
        ["@returns the whole", "0 times", "return 3"],
    ),
    "no Python once changed": (
        WHOLE,
        "# -     return secret_solution\n# +     return (\n",
        ["@returns the whole", "once changed: line 5 of this cell"],
    ),
    # --- the rubric ---
    "two columns": (
        ROW,
        "# | Question | 2 |\n",
        ['@role="rubric"', "criterion | full marks for | points", "'| Question | 2 |'"],
    ),
    "no name": (ROW, ROW.replace("Question", ""), ['@role="rubric"', "'|  | it is there | 2 |'"]),
    "nothing that full marks are for": (
        ROW,
        ROW.replace("it is there", ""),
        ['@role="rubric"', "'| Question |  | 2 |'"],
    ),
    "points that are no number": (
        ROW,
        ROW.replace("2", "two"),
        ['@role="rubric"', "| two |", "whole number"],
    ),
    "points with a sign": (
        ROW,
        ROW.replace("2", "-2"),
        ['@role="rubric"', "| -2 |", "whole number"],
    ),
    "points of a criterion": (
        "there, too | 3 |",
        "there, too | 0 |",
        ['@role="rubric"', "| Answer | it is there, too | 0 |", "whole number from 1"],
    ),
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


def test_a_check_may_look_at_what_an_answer_does_to_its_arguments(tmp_path):
    exercise_set = small_set(tmp_path, "points=2", "points=2 in_place=true")
    assert [check.in_place for check in exercise_set.exercises[0].checks] == [False, True, False]


def test_all_faults_of_first_lines_are_told_at_once(tmp_path):
    source = SMALL.replace("points=2", "point=2").replace('role="hint"', 'role="hnit"')
    with pytest.raises(SourceError) as raised:
        read_text(tmp_path, source)
    assert [line.count("'hnit'") for line in str(raised.value).splitlines()].count(1) == 2
    assert "'point'" in str(raised.value)


# --- rules ---

# What the small set lacks; and what else is wrong once all of one text in it are replaced.
LEVELS = "levels must come as warm-up, core, stretch; got"
CRITERIA = "a rubric must have 3 criteria of different names at least; got"
IDS = "ids must be small letters, digits and hyphens, and one cell's; got"
TOO_SMALL = [f"{LEVELS} warm-up, stretch", f"{CRITERIA} ['Question', 'Answer']"]
BROKEN = {
    "chapter": (
        'chapter="07_halves"',
        'chapter="7"',
        ["the chapter must be '07_halves'; got '7'"],
    ),
    "kinds": (
        'kind="guess"',
        'kind="write"',
        ["exercises must be of 2 kinds at least"],
    ),
    "id with capitals": (
        'id="project"',
        'id="Project"',
        [
            f"{IDS} 'Project'",
            f"{IDS} 'Project-task'",
        ],
    ),
    "an exercise's id twice": (
        'role="exercise" id="two"',
        'role="exercise" id="half"',
        [f"{IDS} 'half'", f"{IDS} 'half-task'"],
    ),
    "an exercise like the setup": (
        'id="half"',
        'id="setup"',
        [f"{IDS} 'setup'"],
    ),
    "an exercise like a check": (
        'role="exercise" id="half"',
        'role="exercise" id="two-right"',
        [f"{IDS} 'two-right'"],
    ),
    "four hints": (HINT, HINT * 4, ["half: there must be 1 to 3 hints; got 4"]),
    "a name that no solution defines": (
        "# STUB: how = None",
        "# STUB: why = None",
        [
            "two: students start from ['double', 'why'], the solution defines "
            "['secret_solution', 'double', 'how']"
        ],
    ),
    "no name to start from": (
        STUBS,
        "# STUB: # write here\n",
        ["two: students start from [], the solution defines ['secret_solution', 'double', 'how']"],
    ),
    "a check that asserts nothing": (
        'assert half(0) == 0, "half(0) should be zero; what did you add?"',
        "half(0)",
        ["half: zero asserts nothing"],
    ),
    "no message": (
        ', "half(0) should be zero; what did you add?"',
        "",
        ["half: zero does not say what to look at in line 1: assert half(0) == 0"],
    ),
    "a short message": (
        "half(0) should be zero; what did you add?",
        "is it zero?",
        ["half: zero does not say what to look at in line 1: assert half(0) == 0, 'is it zero?'"],
    ),
    "hidden points": (
        'role="check" id="there" points=1',
        'role="check" id="there" points=2',
        ["two: hidden checks must give half of 3 points; got 1"],
    ),
    "too few wrong answers": (
        '# %% role="wrong" name="leaves it" fails=["right"]\n',
        "",
        ["two: there must be 3 wrong answers at least; got 2"],
    ),
    "a wrong answer to an unknown check": (
        'fails=["there", "right"]',
        'fails=["there", "one"]',
        ["two: 'forgets it' must fail some of ['right', 'there']; got ['there', 'one']"],
    ),
    "a wrong answer to no check": (
        'fails=["there", "right"]',
        "fails=[]",
        ["two: 'forgets it' must fail some of ['right', 'there']; got []"],
    ),
    "a hidden check without a wrong answer": (
        '"one", "many"]',
        '"one"]',
        ["half: a wrong answer must fail 'many'"],
    ),
    "no wrong answer that looks right": (
        'fails=["right"]',
        'fails=["there", "right"]',
        ["two: a wrong answer must pass the visible checks"],
    ),
    "an exercise that no variant changes": (
        "number = 3 + FACTOR",
        "number = 3",
        ["two must use a parameter: FACTOR, NAME"],
    ),
    "a parameter that nothing uses": (
        "FACTOR = 0.5",
        "OTHER = 1  # not used; from 0\nFACTOR = 0.5",
        ["an exercise must use the parameter OTHER"],
    ),
    "name of a criterion twice": (
        "# | Answer |",
        "# | Form | it is short | 1 |\n# | Question |",
        [f"{CRITERIA} ['Question', 'Form', 'Question']"],
    ),
    "no rows of a rubric": (SMALL[SMALL.index(ROW) :], "", [f"{CRITERIA} []"]),
    "no table": (
        SMALL[SMALL.index("# | criterion") :],
        "# Two points for a question.\n",
        [f"{CRITERIA} []"],
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_rule_is_found(what, tmp_path):
    old, new, told = BROKEN[what]
    assert old in SMALL
    source = SMALL.replace(old, new)
    if "variant" in what:
        source = source.replace("as large, for NAME", "as large")
    found = set_faults(read_text(tmp_path, source))
    assert sorted(fault for fault in found if fault not in TOO_SMALL) == sorted(told)


@pytest.mark.parametrize(
    ("first", "second"), [("core", "stretch"), ("stretch", "warm-up"), ("hard", "core")]
)
def test_levels_are_all_there_and_in_order(first, second, tmp_path):
    levels = iter([first, second])
    source = re.sub("(?<=level=)[^ ]+", lambda _: f'"{next(levels)}"', SMALL)
    assert f"{LEVELS} {first}, {second}" in set_faults(read_text(tmp_path, source))


def test_all_broken_rules_are_found_at_once(tmp_path):
    source = SMALL.replace('chapter="07_halves"', 'chapter="7"').replace(
        'kind="guess"', 'kind="write"'
    )
    assert len(set_faults(read_text(tmp_path, source))) == len(TOO_SMALL) + 2


def test_the_page_for_lecturers_shows_the_rules():
    page = (PROJECT / "book" / "for_lecturers.md").read_text(encoding="utf-8")
    directive = r"```\{include} \.\./(.*)\n:start-after: (.*)\n:end-before: (.*)\n```"
    [(path, before, after)] = re.findall(directive, page)
    assert Path(rules.__file__) == PROJECT / path
    shown = (PROJECT / path).read_text(encoding="utf-8").partition(before)[2].partition(after)[0]
    listed = re.sub("\n  ", " ", shown).strip().splitlines()
    assert len(listed) > len(TOO_SMALL)
    assert all(re.fullmatch(r"- [A-Z].*\.", line) for line in listed)


# --- wrong answers as changes ---

SOLUTION = "def f(x):\n    y = x\n\n    y += 1\n    y += 1\n    return y"


@pytest.mark.parametrize(
    ("change", "made"),
    [
        ("# -     return y\n# +     return x", SOLUTION.replace("return y", "return x")),
        ("# -     y = x\n# -", SOLUTION.replace("    y = x\n\n", "")),
        ("#       y = x\n# +     y = 2 * y", SOLUTION.replace("y = x", "y = x\n    y = 2 * y")),
        ("# -     y += 1\n#       return y", SOLUTION.replace("y += 1\n    r", "r")),
        ("# - def f(x):\n# + def f(x, z):", SOLUTION.replace("(x)", "(x, z)")),
        ("# -     y = x\n# +     y = 3\n#\n#       y += 1", SOLUTION.replace("= x", "= 3")),
        (
            "# - def f(x):\n# + def f(z):\n\n# -     y = x\n# +     y = z",
            SOLUTION.replace("(x)", "(z)").replace("= x", "= z"),
        ),
    ],
    ids=["line", "lines go", "line comes", "which of two", "first", "empty line", "two changes"],
)
def test_a_wrong_answer_is_a_change_to_the_solution(change, made):
    assert changed_solution(SOLUTION, change, "x.py, line 1") == made


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("# -     return z", "x.py, line 1: .* 0 times: .'    return z'"),
        ("# - return y", "0 times: .'return y'"),
        ("# -     y += 1", "exactly once, one below the other, and are there 2 times"),
        ("# -     y = x\n# -     y += 1", "0 times"),
        ("# +     return z", "those without . must be in the solution"),
        ("# -     y = x\n\n#       y = x\n# + 1", "0 times: .'    y = x'"),
        ("# -     y = x\n# a comment", "start with '# - ', '# . ' or '#   '; .*# a comment'"),
        ("# -     y = x\n# +y = 3", "start with '# - ', '# . ' or '#   '; .*# .y = 3'"),
    ],
)
def test_a_change_that_does_not_fit_is_named(change, said):
    with pytest.raises(SourceError, match=said):
        changed_solution(SOLUTION, change, "x.py, line 1")


@pytest.mark.parametrize(
    "code", ["x = 1", "# a comment\nx = 1", "def half(x):\n    # - 1\n    pass"]
)
def test_a_wrong_answer_with_code_is_a_whole_answer(code, tmp_path):
    assert small_set(tmp_path, WHOLE, code + "\n").exercises[0].wrong[0].code == code


def test_parameters_in_changes_are_filled_in(tmp_path):
    change = "# -     secret_solution = np.asarray(x) * FACTOR\n# +     secret_solution = FACTOR\n"
    wrong = small_set(tmp_path, WHOLE, change).exercises[0].wrong[0]
    assert wrong.code == (
        'def half(x):\n    """Return the share 0.5 of x."""\n'
        "    # SECRET_SOLUTION in a comment\n    secret_solution = 0.5\n    return secret_solution"
    )


# --- parameters and variants ---


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("FACTOR = [1]  # a list; any", "FACTOR must be a number or text; got [1]"),
        ("FACTOR = -1  # below zero; any", "FACTOR must be a finite number, not negative; got -1"),
        ("FACTOR = true  # a truth; any", "FACTOR must be a number or text; got True"),
        ("FACTOR = 1e999  # too large; any", "FACTOR must be a finite number"),
        ("FACTOR = 1  # out of its own range; 2 to 3", "FACTOR must be 2 to 3; got 1"),
        ("FACTOR = 1", "what it is; what is allowed'; FACTOR is not"),
        ("FACTOR = 1  # allowed is not said", "a parameter is 'NAME = value"),
        ("factor = 1  # small letters; any", "a parameter is 'NAME = value"),
        ("FACTOR = 1 / 2  # a sum; any", "(at line 1, column 12), of this cell"),
        ("FACTOR = None  # nothing; any", "Invalid value (at line 1"),
        ("F = G = 1  # two; any", "(at line 1"),
        ("print(1)  # a call; any", "(at line 1"),
        ("FACTOR = 1  # one; any\nFACTOR = 2  # two; any", "(at line 2"),
    ],
)
def test_parameters_are_positive_numbers_or_text_with_a_comment(line, said, tmp_path):
    with pytest.raises(SourceError, match=re.escape(said)) as raised:
        small_set(tmp_path, "FACTOR = 0.5  # what to multiply with; any positive number", line)
    assert "07_halves.py, line 4" in str(raised.value)


def test_a_source_has_parameters(tmp_path):
    with pytest.raises(SourceError, match=r"x\.py: a set has at least one parameter"):
        read_parameters("# none\n", "x.py", {})


@pytest.mark.parametrize(
    ("allowed", "right", "wrong", "said"),
    [
        ("2 to 9", [2, 5, 9], [1, 10], "2 to 9"),
        ("from 2", [2, 10**9], [0, 1], "from 2"),
        ("1e-12 to 1e-7", [1e-12, 1e-8], [1e-13, 1e-6], "1e-12 to 1e-7"),
        ("0.05 to 5, other than 0.5", [0.05, 1.0], [0.5, 5.1], "0.05 to 5, other than 0.5"),
        ("2, 3 or 4", [2, 3, 4], [1, 5], "2, 3 or 4"),
        ("2 or 4", [2, 4], [3], "2 or 4"),
        # A range with more behind it: the rest is for people, and for trying out.
        ("from 4, at most 0.9 LINE_ROWS", [4, 400], [3], "from 4"),
        ("9 to 511; not a power of two", [9], [8], "9 to 511"),
        # No range at the beginning.
        ("any positive number", [0, 7], [], ""),
        ("a number that ROWS does not divide", [3], [], ""),
        ("10 to 30 % above 0.0739 / SUM_RATE", [88], [], ""),
        ("twice the batch size times 3 to 6", [24], [], ""),
        ("4 to 0.9 times the rows", [400], [], ""),
    ],
)
def test_ranges_and_choices_are_read(allowed, right, wrong, said):
    for value in right:
        assert limit(value, value, allowed) == ""
    for value in wrong:
        assert limit(value, value, allowed) == said


def test_what_is_no_range_in_the_courses_sets_is_known():
    """Else a mistyped range would be taken for words, and never be checked."""
    in_words = set()
    for name in set_names():
        cell = read_cells(find_set(name).read_text(encoding="utf-8"), name)[1]
        in_words |= {key for key, allowed in LINE.findall(cell.text) if not CHECKED.match(allowed)}
    assert in_words == {
        *("MEAN_ROWS", "MEAN_BATCH", "WIDE_BATCH", "SLOPE"),
        "FLOOR_ROWS",
        *("A_RATES", "B_RATES", "LARGEST_RATE"),
        "LONG_ROWS",
    }


def test_values_replace_whole_words_only():
    parameters = {"RATE": 0.5, "RATES": 2, "WHO": "RATE"}
    text = "RATE, RATES, RATED, my_RATE, WHO"
    assert filled_in(text, parameters) == "0.5, 2, RATED, my_RATE, RATE"
    assert filled_in("f(WHO, RATE)", parameters, is_code=True) == "f('RATE', 0.5)"


OWN = 'FACTOR = 0.5  # a share; 0.1 to 2\nNAME = "Ann"  # who asks; any text'


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"OTHER": 1.0}, ["x.py: there is no parameter OTHER; there are FACTOR, NAME"]),
        ({"FACTOR": "half"}, ["x.py: FACTOR must be a number, like 0.5; got 'half'"]),
        ({"FACTOR": True}, ["x.py: FACTOR must be a number, like 0.5; got True"]),
        ({"FACTOR": -0.5}, ["x.py: FACTOR must be a finite number, not negative; got -0.5"]),
        (
            {"FACTOR": float("nan")},
            ["x.py: FACTOR must be a finite number, not negative; got nan"],
        ),
        ({"FACTOR": 3}, ["x.py: FACTOR must be 0.1 to 2; got 3.0"]),
        ({"NAME": 3}, ["x.py: NAME must be text, like 'Ann'; got 3"]),
        ({"NAME": ["Ann"]}, ["x.py: NAME must be text, like 'Ann'; got ['Ann']"]),
        (
            {"FACTOR": 2.5, "NAMES": "", "NAME": 0},
            [
                "x.py: FACTOR must be 0.1 to 2; got 2.5",
                "x.py: NAME must be text, like 'Ann'; got 0",
                "x.py: there is no parameter NAMES; there are FACTOR, NAME",
            ],
        ),
    ],
)
def test_all_that_is_wrong_in_a_variant_is_told(values, said):
    with pytest.raises(SourceError) as raised:
        read_parameters(OWN, "x.py", values)
    assert str(raised.value).splitlines() == said


def test_a_variant_takes_a_whole_number_for_a_number():
    values = read_parameters(OWN, "x.py", {"FACTOR": 2})
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
    assert two.given == "number = 3 + 0.25"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gone", None, "VARIANT must be a folder of values; "),
        ("here", None, "holds no 07_halves.toml that can be read: [Errno 2]"),
        (
            "here",
            b"FACTOR = ",
            "07_halves.toml that can be read: Invalid value (at end of document)",
        ),
        ("here", b"NAME = '\xff'", "07_halves.toml that can be read: 'utf-8' codec can't decode"),
    ],
)
def test_a_variant_is_a_folder_with_a_file_for_the_set(name, content, said, tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    if content is not None:
        (folder / "07_halves.toml").write_bytes(content)
    with pytest.raises(SourceError, match=re.escape(said)):
        read_variant(tmp_path / name, "07_halves")


def test_a_variant_is_read(tmp_path):
    (tmp_path / "07_halves.toml").write_text('FACTOR = 0.25\nNAME = "Bea"\n')
    assert read_variant(tmp_path, "07_halves") == {"FACTOR": 0.25, "NAME": "Bea"}


# --- a variant by command: all faults of all sets at once ---


@pytest.fixture
def two_sets(tmp_path, monkeypatch):
    """The small set, twice, in place of the course's; and a folder for a variant of both."""
    folder = tmp_path / "exercises"
    folder.mkdir()
    for name in ("07_halves", "08_more"):
        (folder / f"{name}.py").write_text(SMALL.replace("07_halves", name), encoding="utf-8")
    for function in (sets.find_set, sets.set_names):
        monkeypatch.setattr(function, "__defaults__", (folder,))
    return tmp_path / "autumn"


def write_variant(folder, **files: str) -> str:
    folder.mkdir()
    for name, text in files.items():
        (folder / f"{name.removeprefix('_')}.toml").write_text(text, encoding="utf-8")
    return str(folder)


@pytest.mark.parametrize("command", ["check", "assignments"])
def test_typos_and_types_of_all_files_are_told_before_anything_runs(
    two_sets, command, capsys, monkeypatch
):
    monkeypatch.setattr("grading.__main__.try_out", None)
    variant = write_variant(two_sets, _07_halves="FACTR = 1\nNAME = 2\n", _08_more="FACTOR = 'x'\n")
    assert main([command, "--variant", variant]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: 07_halves.py, line 4: NAME must be text, like 'Ann'; got 2",
        "07_halves.py, line 4: there is no parameter FACTR; there are FACTOR, NAME",
        "08_more.py, line 4: FACTOR must be a number, like 0.5; got 'x'",
    ]


@runs_answers
def test_all_that_trying_out_finds_is_told_with_what_published_solutions_earn(
    two_sets, capsys, tmp_path
):
    same = 'NAME = "Bea"\n'
    variant = write_variant(two_sets, _07_halves=same, _08_more=f"FACTOR = 0.25\n{same}")
    out = tmp_path / "out"
    assert main(["assignments", "--variant", variant, "--out", str(out)]) == 2
    told, error = capsys.readouterr()
    for name in ("half", "two"):
        assert f"07_halves: the published solution of {name} gets all points" in told
    assert "07_halves: published solutions earn 6 of 6 points: half 4 of 4, two 2 of 2" in told
    assert "08_more: published solutions earn 3 of 6 points: half 1 of 4, two 2 of 2" in told
    assert "nothing was written" in error
    assert not out.exists()


@pytest.mark.parametrize("command", ["check", "assignments"])
def test_a_variants_files_say_which_sets_are_meant(two_sets, command, capsys):
    variant = write_variant(two_sets, _07_halves="FACTOR = 0.25\n", _09_mistyped="FACTOR = 0.25\n")
    assert main([command, "--variant", variant]) == 2
    said = capsys.readouterr().err
    assert (
        said == "error: SET must be one of 07_halves, 08_more, or its number; got '09_mistyped'\n"
    )


def test_a_variant_without_files_is_named(two_sets, capsys):
    assert main(["check", "--variant", write_variant(two_sets)]) == 2
    assert "VARIANT must be a folder of values" in capsys.readouterr().err


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
