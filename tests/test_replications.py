"""The course in other worlds: its numbers, intervals and verdicts against their replications.

The second half plants flukes (a lucky seed, an interval from three runs, a verdict turned round)
and shows that the first half would find them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from chapter_numbers import pasted

from mbgd_lib.instruments.statistics import estimate
from mbgd_lib.instruments.worlds import seeds, split_again
from mbgd_lib.show.report import interval, signed
from replications import check, fallen, notebooks, run
from replications.__main__ import main
from replications.check import Replications
from replications.values import Interval, holds, names_in, rounding, value_of
from tools import store_notebooks

PATHS = notebooks.published()
each_notebook = pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])
PAGES = [*PATHS, *notebooks.prose()]
each_page = pytest.mark.parametrize("path", PAGES, ids=[path.stem for path in PAGES])


# --- the course ---


@each_notebook
def test_all_seeds_come_from_the_master_seed(path):
    assert notebooks.seed_problems(notebooks.read(path)) == []


@each_notebook
def test_replications_belong_to_the_notebook(path):
    assert check.problems_of(path) == []


@each_page
def test_every_verdict_names_a_condition(path):
    assert check.verdict_problems(path) == []


def test_what_does_not_replicate_is_listed_and_nothing_else():
    """Whoever mends an entry takes it out: `python -m replications list` does."""
    listed = fallen.read()
    now = [fallen.entry(finding, "") for finding in fallen.every_finding()]
    assert [dict(entry, known="") for entry in listed] == now
    assert [entry["what"] for entry in listed if len(entry["known"]) < 20] == []


def test_a_number_of_a_sweep_has_as_many_replications_as_the_sweep():
    worlds = run.worlds_of_sweeps()
    assert worlds >= 3
    for path in PATHS:
        for number in Replications.of(path).numbers.values():
            if number["depends_on"] == "sweep":
                assert len(number["values"]) == worlds


# --- other worlds ---


def test_worlds_share_no_seed():
    worlds = [seeds(world, 2000, first=first) for world in range(4) for first in (0, 2000)]
    assert len({seed for some in worlds for seed in some}) == 16_000
    with pytest.raises(ValueError, match=r"first \+ count must be at most 100,000"):
        seeds(0, 2, first=99_999)
    with pytest.raises(ValueError, match="master_seed"):
        seeds(-1, 2)


def test_another_world_cuts_the_same_rows_elsewhere():
    train, test = (
        (np.arange(8)[:, None], np.arange(8)),
        (np.arange(8, 12)[:, None], np.arange(8, 12)),
    )
    assert split_again(0, train, test) == (train, test)
    cuts = []
    for world in (1, 2):
        (X, y), (X_test, y_test) = split_again(world, train, test)
        assert sorted([*y, *y_test]) == list(range(12))
        assert len(y_test) == 4
        assert (X[:, 0] == y).all()
        assert (X_test[:, 0] == y_test).all()
        cuts.append(set(y_test))
    assert cuts[0] != cuts[1] != set(test[1])


# --- values and conditions ---


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("16,521", 16521.0),
        ("−0.51", -0.51),
        ("+0.026", 0.026),
        ("1e-06", 1e-6),
        ("−0.51 to 0.07", Interval(-0.51, 0.07)),
        ("1,204 to 1,434", Interval(1204.0, 1434.0)),
        ("True", True),
        ("shuffled to sorted", "shuffled to sorted"),
        ("3 of 4", "3 of 4"),
    ],
)
def test_a_quoted_text_is_read_back(text, value):
    assert value_of(text) == value


def test_what_is_quoted_comes_back_as_it_was():
    for number in (-1234.567, 0.026, 7.0):
        assert value_of(signed(number, 3)) == pytest.approx(number)
    assert value_of(interval((-0.5, 1204.3), 1)) == Interval(-0.5, 1204.3)


def test_an_interval_holds_what_lies_between_its_ends():
    assert 0.07 in Interval(-0.51, 0.07)
    assert 0.08 not in Interval(-0.51, 0.07)
    assert "x" not in Interval(-1, 1)


@pytest.mark.parametrize(
    ("text", "half"),
    [("0.49", 0.005), ("12", 0.5), ("0.1 to 0.25", 0.005), ("1,204 to 3", 0.5), ("2e-06", 5e-7)],
)
def test_half_a_unit_of_the_last_digit(text, half):
    assert rounding(text) == pytest.approx(half)


TEXTS = {"fast": "9", "slow": "226", "gain_interval": "−0.1 to 0.3", "same": "True", "word": "a"}


@pytest.mark.parametrize(
    ("condition", "true"),
    [
        ("fast < slow / 20", True),
        ("20 < slow / fast < 25", False),
        ("0 in gain_interval", True),
        ("gain_interval.low > 0", False),
        ("same and not fast > slow", True),
        ("max(fast, 3) == 9", True),
        ("word == 'a'", True),
    ],
)
def test_conditions_compare_what_is_printed(condition, true):
    assert holds(condition, TEXTS) is true


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("fast <", "is no expression"),
        ("1 < 2", "compares no quoted number"),
        ("fast < quick", "names quick, which is not quoted"),
        ("fast + slow", "neither true nor false"),
        ("fast < word", "cannot be evaluated"),
        ("log(fast - fast) < 1", "cannot be evaluated"),
        ("fast < 10.0 ** 1000", "cannot be evaluated"),
        ("gain_interval < gain_interval", "cannot be evaluated"),
        ("fast.real > 1", "asks for .real"),
        ("[fast] == [9]", "holds List"),
        ("(lambda: fast)() > 1", "holds Lambda"),
    ],
)
def test_a_condition_that_says_nothing_is_refused(condition, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        holds(condition, TEXTS)


def test_names_of_a_condition():
    assert names_in("max(fast, slow) < log(n) and same") == {"fast", "slow", "n", "same"}


# --- a notebook's code and its verdicts ---

CODE = """\
import numpy as np

from mbgd_lib.instruments.worlds import seeds

SEED = 0  # the master seed
noise = np.random.default_rng(seeds(SEED, 1)[0]).normal()"""
QUOTE = "from mbgd_lib.show.report import quote\nquote(digits=6, noise=noise, fixed=1.5)"


def small_notebook(*codes: str, text: str = "") -> nbformat.NotebookNode:
    cells = [nbformat.v4.new_markdown_cell(text or "# One")]
    return nbformat.v4.new_notebook(
        cells=[*cells, *(nbformat.v4.new_code_cell(code) for code in codes)]
    )


def test_a_checksum_is_that_of_the_code():
    of = notebooks.checksum(small_notebook(CODE, QUOTE))
    assert notebooks.checksum(small_notebook(CODE, QUOTE, text="# Two")) == of
    assert notebooks.checksum(small_notebook(CODE, QUOTE.replace("1.5", "1.6"))) != of
    assert of == "3569e4ada96af1c7"  # with every Python


def test_another_master_seed_is_put_in():
    cell = notebooks.in_world(small_notebook(CODE, QUOTE), 17).cells[1]
    assert "SEED = 17  # the master seed" in cell.source


@pytest.mark.parametrize(
    "codes",
    [
        (QUOTE,),
        (QUOTE, CODE),
        (CODE, CODE),
        (CODE, "SEED = 3"),
        (CODE, "if True:\n    SEED = 3"),
        (CODE, "SEED += 1"),
        (CODE.replace("SEED = 0", "SEED = 7"),),
    ],
)
def test_a_notebook_has_one_master_seed_in_its_first_cell(codes):
    with pytest.raises(ValueError, match="must have one line SEED = 0"):
        notebooks.in_world(small_notebook(*codes), 17)


@pytest.mark.parametrize(
    ("use", "fine"),
    [
        ("seeds(SEED, 15)", True),
        ("worlds.seeds(SEED, 1, first=42)[0]", True),
        ("split_again(SEED, train, test)", True),
        ('data.stored_sweep("escape", seed=SEED)', True),
        ("if SEED > 0: pass", True),
        ("np.random.default_rng(SEED)", False),
        ("data.noisy_line(seed=42 + SEED)", False),
        ("descend(f, w, seed=SEED)", False),
        ("seeds(0, SEED)", False),
    ],
)
def test_the_master_seed_is_no_seed_itself(use, fine):
    """World 7's seed 7 would be one of world 0's."""
    problems = notebooks.seed_problems(small_notebook(CODE, use))
    assert problems == [] if fine else "SEED must be the first argument of seeds" in problems[0]


PAGE = """\
# A chapter

**Question.** Which?

**Answer.** This one. {holds}`a < b`

## A section

**A bold lead with a verdict.** And on. {holds}`a < b` {how-often}`b > 1`

Plain text, **bold within**.

**Another lead, in two lines:
it goes on.**

:::{admonition} On trial
:class: on-trial
Small is fast. **Holds.**
:::

**What this does not show.** Much.

**Time falls as batches grow.** {holds}`a < b`

## What to remember

| claim | measured |
| --- | --- |
| small is fast | 2 {holds}`a < b` |
| large is not | 3 |

- an item {argued}`by definition`

1. a numbered one
"""


def test_verdicts_are_found():
    found = [*notebooks.verdicts_in(PAGE)]
    assert [len(notebooks.ROLE.findall(text)) for text in found] == [1, 2, 0, 0, 1, 1, 0, 1, 0]
    assert [text for text in found if not notebooks.ROLE.findall(text)] == [
        "**Another lead, in two lines:\nit goes on.**",
        ":::{admonition} On trial\n:class: on-trial\nSmall is fast. **Holds.**\n:::",
        "| large is not | 3 |",
        "1. a numbered one",
    ]
    prose = f"{PAGE}\n\n## More\n\n- **An item** of {{glue:text}}`a`\n- **one** without\n"
    more = [*notebooks.verdicts_in(prose, chapter=False)]
    assert more == [found[3], *found[5:], "- **An item** of {glue:text}`a`"]


# --- running ---


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A folder with one notebook, in place of the course."""
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path / "notebooks")

    def write(*codes: str, text: str = "", printed: dict[str, str] | None = None) -> Path:
        notebook = small_notebook(*codes, text=text)
        for name, value in (printed or {}).items():
            notebook.cells[-1].outputs.append(pasted(name, value))
        path = tmp_path / "notebooks" / "01_one.ipynb"
        nbformat.write(notebook, path)
        return path

    return write


PRINTED = {"noise": signed(np.random.default_rng(0).normal(), 6), "fixed": "1.500000"}


def normal_of_world(seed: int) -> str:
    return signed(np.random.default_rng(seeds(seed, 1)[0]).normal(), 6)


def test_numbers_are_collected_in_other_worlds(course, tmp_path):
    path = course(CODE, QUOTE, printed=PRINTED)
    run.replicate([path], [1, 2, 3], tmp_path)
    stored = Replications.of(path, tmp_path)
    assert stored.seeds == [1, 2, 3]
    expected = [normal_of_world(seed) for seed in (1, 2, 3)]
    assert stored.numbers == {
        "noise": {"depends_on": "seed", "values": expected},
        "fixed": {"depends_on": "nothing", "values": ["1.500000"]},
    }
    assert stored.worlds()[1] == {"noise": expected[1], "fixed": "1.500000"}
    assert [file.name for file in tmp_path.glob("*.json")] == ["01_one.json"]


def test_an_interrupted_run_goes_on(course, tmp_path):
    log, ready = tmp_path / "log", tmp_path / "ready"
    trace = f"with open({str(log)!r}, 'a') as log:\n    log.write(f'{{seeds(SEED, 1)[0]}} ')"
    fail = f"import pathlib\nassert SEED != 2 or pathlib.Path({str(ready)!r}).exists()"
    path = course(CODE, fail, trace, QUOTE, printed=PRINTED)
    with pytest.raises(run.WorldFailed, match=r"with SEED = 2: 01_one.ipynb, cell 2: Assertion"):
        run.replicate([path], [1, 2, 3], tmp_path, workers=1)
    assert (tmp_path / "01_one.progress.json").exists()
    ready.touch()
    run.replicate([path], [1, 2, 3], tmp_path, workers=1)
    assert log.read_text() == "100000 300000 200000 "  # the others ran though one had failed
    assert not (tmp_path / "01_one.progress.json").exists()


def test_what_was_kept_of_other_code_is_not_used(course, tmp_path):
    path = course(CODE, QUOTE, printed=PRINTED)
    run.Record(path, tmp_path).add(1, PRINTED)
    assert run.Record(path, tmp_path).worlds == {1: PRINTED}
    course(CODE, QUOTE.replace("1.5", "1.6"), printed=PRINTED)
    record = run.Record(path, tmp_path)
    assert record.worlds == {}
    course(CODE, QUOTE, printed=PRINTED)
    with pytest.raises(ValueError, match="has changed: run it again"):
        record.add(1, PRINTED)


def test_outputs_of_other_code_are_refused(course):
    path = course(CODE, QUOTE, printed={"noise": "1.0"})
    with pytest.raises(ValueError, match=r"SEED = 3 it quotes \['fixed'\] otherwise"):
        run.summary(path, {3: PRINTED}, 0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1"] * 6, "nothing"),
        (["2"] * 6, "sweep"),  # all worlds agree, but for the one that is printed
        (["3", "4", "5"] * 2, "sweep"),
        (["3", "4", "5", "3", "4", "6"], "seed"),
    ],
)
def test_what_a_number_depends_on(values, expected):
    assert run.depends_on("1", values, 3) == expected


def test_a_number_of_no_sweep_depends_on_the_seed():
    assert run.depends_on("1", ["3", "4", "5"] * 2, 0) == "seed"


def test_an_unknown_notebook_or_seed_is_refused(capsys):
    for arguments, message in [
        (["run", "99"], "no notebook begins with 99; there is 01_"),
        (["run", "--seeds", "0", "1"], "--seeds must be different and at least 1"),
        (["run", "--seeds", "1", "1"], "--seeds must be different and at least 1"),
    ]:
        with pytest.raises(SystemExit):
            main(arguments)
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(("named", "status"), [(["8"], 1), ([], 0)])
def test_a_notebook_is_not_run_without_the_frameworks_it_needs(monkeypatch, capsys, named, status):
    """Its numbers stay those of a whole run; the others are run."""
    tag = {"tags": [store_notebooks.FRAMEWORKS]}
    pages = {
        Path("07_one.ipynb"): small_notebook(CODE),
        Path("08_two.ipynb"): small_notebook(CODE),
    }
    pages[Path("08_two.ipynb")].cells[1].metadata = nbformat.NotebookNode(tag)
    ran = []
    monkeypatch.setattr(notebooks, "paths", lambda: [*pages])
    monkeypatch.setattr(notebooks, "read", pages.get)
    monkeypatch.setattr(run, "replicate", lambda paths, seeds: ran.extend(paths))
    monkeypatch.setattr(store_notebooks, "have_frameworks", lambda: False)
    assert main(["run", *named]) == status
    assert ran == ([] if named else [Path("07_one.ipynb")])
    assert "make replicate N=08 FRAMEWORKS=yes" in capsys.readouterr().err
    monkeypatch.setattr(store_notebooks, "have_frameworks", lambda: True)
    assert main(["run", "8"]) == 0
    assert ran[-1] == Path("08_two.ipynb")


# --- planted flukes ---

WORLDS = range(1, 41)


def stored_as(course, folder, *, text="", printed, numbers, seeds=WORLDS, code=None):
    """Write a notebook and its replications; return its path."""
    path = course(CODE, text=text, printed=printed)
    result = {
        "notebook": "notebooks/01_one.ipynb",
        "code": code or notebooks.checksum(notebooks.read(path)),
        "seeds": list(seeds),
        "numbers": {
            name: {"depends_on": "seed" if len(set(values)) > 1 else "nothing", "values": values}
            for name, values in numbers.items()
        },
    }
    (folder / "01_one.json").write_text(json.dumps(result))
    return path


def test_sweeps_must_be_those_of_their_master_seed(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "SWEEPS", tmp_path)
    assert run.worlds_of_sweeps() == 0
    for sweep, seed in [("speed", 1), ("speed", 2), ("steps", 1), ("steps", 2)]:
        result = {"settings": {"seed": seed}}
        (tmp_path / f"{sweep}_seed_{seed}.json").write_text(json.dumps(result))
    (tmp_path / "speed_seed_3.progress.json").write_text("{}")
    assert run.worlds_of_sweeps() == 2
    (tmp_path / "steps_seed_2.json").write_text('{"settings": {"seed": 0}}')
    with pytest.raises(ValueError, match=r"steps_seed_2.json must be .* of the master seed 2"):
        run.worlds_of_sweeps()
    (tmp_path / "steps_seed_2.json").unlink()
    with pytest.raises(ValueError, match=r"equally many other worlds, not \[1, 2\]"):
        run.worlds_of_sweeps()


def kinds(path, folder) -> list[tuple[str, str]]:
    return [(finding.kind, finding.what) for finding in check.findings_of(path, folder)]


def test_a_lucky_seed_is_found(course, tmp_path):
    rng = np.random.default_rng(0)
    others = [f"{value:.2f}" for value in rng.normal(5, 1, size=len(WORLDS))]
    for here, expected in [("5.20", []), ("1.07", [("range", "ratio")])]:
        path = stored_as(course, tmp_path, printed={"ratio": here}, numbers={"ratio": others})
        assert check.problems_of(path, tmp_path) == []
        assert kinds(path, tmp_path) == expected


@pytest.mark.parametrize(("runs", "expected"), [(60, []), (3, [("interval", "floor_interval")])])
def test_an_interval_from_three_runs_is_found(course, tmp_path, runs, expected):
    """A percentile bootstrap of three runs is called 95 % and covers about 70."""
    rng = np.random.default_rng(1)
    found = [estimate(rng.normal(2, 1, size=runs)) for _ in WORLDS]
    numbers = {
        "floor": [signed(value) for value, _ in found],
        "floor_interval": [interval(ends) for _, ends in found],
    }
    printed = {name: sorted(values)[20] for name, values in numbers.items()}
    path = stored_as(course, tmp_path, printed=printed, numbers=numbers)
    assert kinds(path, tmp_path) == expected


def test_a_verdict_turned_round_is_found(course, tmp_path):
    numbers = {"small": ["9", "10"] * 20, "full": ["226", "230"] * 20}
    printed = {"small": "9", "full": "226"}
    for condition, fine in [("small < full / 20", True), ("small > full / 20", False)]:
        text = f"**Small batches are fast.** {{holds}}`{condition}`"
        path = stored_as(course, tmp_path, text=text, printed=printed, numbers=numbers)
        assert kinds(path, tmp_path) == ([] if fine else [("verdict", condition)])


def test_a_verdict_that_holds_here_alone_is_found(course, tmp_path):
    numbers = {"small": ["9", "300"] * 20, "full": ["226"] * 40}
    text = "**Small batches are fast.** {holds}`small < full`"
    path = stored_as(
        course, tmp_path, text=text, printed={"small": "9", "full": "226"}, numbers=numbers
    )
    (finding,) = check.findings_of(path, tmp_path)
    assert finding.printed == "holds: full = 226, small = 9"
    assert sum(line.startswith("fails") for line in finding.replications) == 20


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"code": "0" * 16}, "are those of other code"),
        ({"seeds": range(1, 11)}, "needs 20 other seeds"),
        ({"seeds": range(40)}, "needs 20 other seeds"),
        ({"printed": {"ratio": "1", "other": "2"}}, "do not both have ['other']"),
        ({"printed": {"ratio": "1", "a_interval": "2"}}, "a_interval is no interval, but 2"),
        ({"printed": {"ratio": "1", "a_interval": "2 to 3"}}, "nothing is called a, as a_interval"),
        (
            {"text": "A slope (95 % bootstrap interval {glue:text}`ratio`)."},
            "ratio is called a 95 % interval",
        ),
    ],
)
def test_replications_that_cannot_be_compared_are_a_fault(course, tmp_path, changed, problem):
    settings = {"printed": {"ratio": "1"}, "numbers": {"ratio": ["1"] * 40}} | changed
    path = stored_as(course, tmp_path, **settings)
    assert problem in "\n".join(check.problems_of(path, tmp_path))


def test_a_verdict_without_a_condition_is_a_fault(course):
    path = course(CODE, text=PAGE, printed={"a": "1", "b": "2"})
    problems = check.verdict_problems(path)
    assert len(problems) == 4
    assert all("a verdict without a condition" in problem for problem in problems)
    path = course(CODE, text="**A lead.** {holds}`a < c`", printed={"a": "1"})
    assert check.verdict_problems(path) == [
        "01_one.ipynb: the condition a < c names c, which is not quoted"
    ]


def test_a_number_that_changed_with_the_library_is_found(course, tmp_path):
    """It is the same in all worlds, and another one than here."""
    path = stored_as(course, tmp_path, printed={"limit": "99"}, numbers={"limit": ["3"] * 40})
    assert kinds(path, tmp_path) == [("range", "limit")]


def test_a_condition_that_says_nothing_in_another_world_falls(course, tmp_path):
    numbers = {"steps": ["4", "never"] * 20}
    text = "**It arrives.** {holds}`steps < 5`"
    path = stored_as(course, tmp_path, text=text, printed={"steps": "4"}, numbers=numbers)
    (finding,) = check.findings_of(path, tmp_path)
    assert finding.replications[1] == "fails: steps = never"


# --- the commands ---


@pytest.fixture
def fluke(course, tmp_path, monkeypatch):
    """A course with one number out of range, and its list."""
    for module in (check, fallen):
        for name in ("problems_of", "findings_of", "comparable", "every_finding", "read", "write"):
            if hasattr(module, name):
                default = getattr(module, name).__defaults__
                monkeypatch.setattr(getattr(module, name), "__defaults__", (tmp_path,))
                assert default == (notebooks.HERE,)
    monkeypatch.setattr(check.fallen_verdicts, "__defaults__", (tmp_path,))
    numbers = {"ratio": ["5", "6"] * 20}
    return stored_as(course, tmp_path, printed={"ratio": "1"}, numbers=numbers)


def test_check_prints_what_does_not_replicate(fluke, capsys):
    assert main(["check", "1"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told == ["01_one.ipynb: range ratio: 1", *["    5", "    6"] * 20]


def test_check_names_what_cannot_be_compared(fluke, course, capsys):
    course(CODE, text="**A lead.** {holds}`gone > 1`", printed={"ratio": "1"})
    assert main(["check"]) == 1
    told = capsys.readouterr().out
    assert told == "01_one.ipynb: the condition gone > 1 names gone, which is not quoted\n"


def test_list_keeps_what_is_known(fluke, tmp_path):
    assert main(["list"]) == 0
    (entry,) = fallen.read()
    assert (entry["page"], entry["kind"], entry["what"], entry["known"], entry["printed"]) == (
        "01_one.ipynb",
        "range",
        "ratio",
        "",
        "1",
    )
    entry["known"] = "one seed"
    (tmp_path / "fallen.json").write_text(json.dumps([entry]))
    main(["list"])
    assert fallen.read()[0]["known"] == "one seed"


def test_nothing_is_listed_while_something_cannot_be_compared(fluke, course, tmp_path):
    course(CODE, text="**A lead.**", printed={"ratio": "1"})
    assert main(["list"]) == 1
    assert not (tmp_path / "fallen.json").exists()


def test_few_replications_of_a_sweep_widen_their_range():
    assert check.in_range("173", ["166", "170", "180"])
    assert check.in_range("153", ["166", "170", "180"])
    assert not check.in_range("151", ["166", "170", "180"])
    assert not check.in_range("151", ["152", *["170"] * 39])
    assert not check.in_range("1 to 9", ["1 to 4", "2 to 5"] * 20)
    assert check.in_range("10 and 12", ["17 and 12", "9 and 13"] * 20)
    assert not check.in_range("10 and 14", ["17 and 12", "9 and 13"] * 20)
    assert check.in_range("never", ["never", "3"] * 20)
    assert not check.in_range("never", ["3"] * 40)
    assert not check.in_range("10⁻⁷", ["10⁻⁸"] * 40)
    assert check.in_range("nan", ["nan", "2"] * 20)
    assert not check.in_range("nan", ["1", "2"] * 20)
    assert not check.in_range("64", ["nan"] * 40)


# --- flukes planted into the course itself ---


def seeded_numbers(path: Path) -> list[str]:
    numbers = Replications.of(path).numbers.items()
    return [
        name
        for name, number in numbers
        if number["depends_on"] == "seed"
        and all(isinstance(value_of(text), float) for text in number["values"])
    ]


def test_most_pages_have_seeded_numbers():
    """The next test can fail: few pages draw nothing, or load all that they quote from a sweep."""
    found = [len(seeded_numbers(path)) for path in PATHS]
    assert sum(found) > 150
    assert sum(number > 0 for number in found) > 0.8 * len(found)


@each_notebook
def test_every_seeded_number_that_is_off_by_much_is_found(path):
    """Twice the width of its range above the highest of its replications."""
    stored, planted = Replications.of(path), notebooks.numbers_of(notebooks.read(path))
    names = seeded_numbers(path)
    for name in names:
        values = [float(value_of(text)) for text in stored.numbers[name]["values"]]
        width = np.nanmax(values) - np.nanmin(values)
        planted[name] = f"{np.nanmax(values) + 2 * width + 1:.3f}"
    assert set(names) <= {finding.what for finding in check.out_of_range(stored, planted)}


@each_page
def test_every_verdict_that_is_turned_round_is_found(path, monkeypatch):
    """Those that already fall are listed; the others fall when they are turned round."""
    listed = {(entry["page"], entry["what"]) for entry in fallen.read()}
    conditions = [
        (role, notebook, f"not ({condition})")
        for role, notebook, condition in check.conditions_of(path)
        if role == "holds" and (path.name, condition) not in listed
    ]
    monkeypatch.setattr(check, "conditions_of", lambda path: conditions)
    found = {finding.what for finding in check.fallen_verdicts(path)}
    assert found == {condition for _, _, condition in conditions}
