"""Figures with a slider, on a small book of their own: right in numbers, words, picture and use."""

from __future__ import annotations

import json
import math
import random
from decimal import ROUND_HALF_UP, Decimal
from itertools import product

import interactive_figures
import nbformat
import pytest
from browsing import DESK, MOST_SHIFT, PHONE, come_near, faults, layout_shift, serve, too_wide
from playwright.sync_api import Page, expect
from test_site_build import build, copy_settings

from mbgd_lib.instruments.targets import time_to_target

# --- a small book, and a sweep of the form of sweeps/batch_size.json ---

SIZES = [2**power for power in range(14)]
TARGETS = [0.6, 0.45, 0.38]
OVERHEAD = 14


def sweep() -> dict:
    """Steps that fall with the batch size until they do not, on a machine that is known."""
    rng = random.Random(0)
    runs = []
    for size in SIZES:
        seeds = 1 if size == SIZES[-1] else 15
        steps = {
            target: [
                round(least * (1 + critical / size) * rng.uniform(0.7, 1.4)) for _ in "s" * seeds
            ]
            for target, least, critical in zip(TARGETS, (30, 70, 150), (18, 45, 110), strict=True)
        }
        runs.append(
            {
                "batch_size": size,
                "by_target": [{"target": t, "steps": counts} for t, counts in steps.items()],
                "seconds_per_step": [1.3e-6 * (OVERHEAD + size) * k for k in (0.99, 1, 9)],
            }
        )
    return {"settings": {"training_rows": SIZES[-1], "targets": TARGETS}, "batch_sizes": runs}


DATA = interactive_figures.time_to_target(sweep())
ID = "fig-time-to-target"
DIRECTIVE = """\
```{{interactive-figure}} time-to-target
:name: {name}
:data: ../sweep.json
**The dearer a step, the larger the best batch size** $B$.
```
"""
TOC = """\
format: jb-book
root: book/index
parts:
- caption: Chapters
  numbered: true
  chapters: [{file: notebooks/one}, {file: book/top}]
"""
TEXT = "Some text that goes on. " * 60
CHAPTER = (
    f"# One\n\n{TEXT}\n\n## Before\n\n{TEXT * 3}\n\nSee {{numref}}`{ID}`.\n\n"
    + DIRECTIVE.format(name=ID)
    + f"\n## After\n\n{TEXT * 3}"
)
NOTEBOOK, TOP, WITHOUT = "notebooks/one.html", "book/top.html", "book/index.html"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A book with the figure in a notebook and on another page, served while the tests run."""
    folder = tmp_path_factory.mktemp("book")
    copy_settings(folder)
    (folder / "notebooks").mkdir()
    (folder / "_toc.yml").write_text(TOC)
    (folder / "sweep.json").write_text(json.dumps(sweep()))
    (folder / "book" / "references.bib").write_text("")
    (folder / "book" / "index.md").write_text(f"# First\n\nSee {{numref}}`{ID}`.\n")
    (folder / "book" / "top.md").write_text(f"# Top\n\n{DIRECTIVE.format(name='fig-top')}\n{TEXT}")
    language = {"name": "python", "pygments_lexer": "ipython3"}
    cells = [nbformat.v4.new_markdown_cell(CHAPTER), nbformat.v4.new_code_cell("1")]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"language_info": language})
    nbformat.write(notebook, folder / "notebooks" / "one.ipynb")
    result = build(folder)
    assert result.returncode == 0, result.stderr
    with serve(folder / "_build" / "html") as address:
        yield address


# --- what the build takes from the sweep ---


def test_steps_are_the_seeds_quartiles():
    steps = sweep()["batch_sizes"][3]["by_target"][1]["steps"]
    assert DATA["targets"][1]["median"][3] == sorted(steps)[7]
    quartiles = [sum(sorted(steps)[i : i + 2]) / 2 for i in (3, 10)]
    assert [DATA["targets"][1][name][3] for name in ("low", "high")] == quartiles
    assert [DATA["targets"][1][name][-1] for name in ("low", "median", "high")] == (
        sweep()["batch_sizes"][-1]["by_target"][1]["steps"] * 3
    )


def test_overhead_is_that_of_the_measured_machine():
    assert DATA["overhead"] == OVERHEAD


def test_presets_are_what_the_benchmark_measured():
    overheads = {preset["name"]: preset["overhead"] for preset in DATA["presets"]}
    assert overheads["Numba loops"] < overheads["JAX jit and scan"] < OVERHEAD
    assert 10 < overheads["PyTorch DataLoader"] < overheads["PyTorch index batches"] < 300


def test_a_few_runs_may_miss_the_target():
    result = sweep()
    result["batch_sizes"][3]["by_target"][1]["steps"][:3] = [None] * 3
    data = interactive_figures.time_to_target(result)
    assert math.isfinite(data["targets"][1]["high"][3])
    assert data["targets"][1]["median"][3] >= DATA["targets"][1]["median"][3]


def without_overhead(result):
    for run in result["batch_sizes"]:
        run["seconds_per_step"] = [run["batch_size"] * 1e-6 - 1e-8]


def with_late_runs(result):
    result["batch_sizes"][3]["by_target"][1]["steps"][:8] = [None] * 8


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without_overhead, "overhead and a price of a row above 0"),
        (with_late_runs, "miss 0.45 with batches of 8"),
    ],
)
def test_a_sweep_that_cannot_be_drawn_is_refused(spoil, message):
    result = sweep()
    spoil(result)
    with pytest.raises(ValueError, match=message):
        interactive_figures.time_to_target(result)


def test_a_script_that_fails_says_why(tmp_path):
    script = tmp_path / "broken.js"
    script.write_text('explorers.define("broken", () => ({ content: (d) => d.gone.length }));')
    with pytest.raises(ValueError, match=r"(?s)broken\.js fails: .*undefined"):
        interactive_figures.content("broken", {}, "fig-x", script)


# --- the script against Python ---


@pytest.fixture(scope="module")
def call(browser, base):
    """A function that calls one of the script's, as the page has loaded it."""
    page = browser.new_page()
    page.goto(base + TOP)

    def call(function: str, *arguments):
        return page.evaluate(
            "([name, args]) => explorers.figures['time-to-target'][name](...args)",
            [function, arguments],
        )

    yield call
    page.close()


def test_times_are_those_of_the_library(call):
    rng = random.Random(1)
    vectors = [([1000, 200, 100], [1, 10, 100], 1), ([1], [1], 0.1), ([0.5, 1e7], [3, 8192], 1e5)]
    for _ in range(50):
        count = rng.randint(1, 14)
        steps = [rng.uniform(1, 10 ** rng.randint(1, 6)) for _ in range(count)]
        sizes = [rng.randint(1, 10000) for _ in range(count)]
        vectors.append((steps, sizes, 10 ** rng.uniform(-1, 5)))
    for vector in vectors:
        ours = time_to_target(*vector)
        assert call("timeToTarget", *vector) == pytest.approx(ours.tolist(), rel=1e-12, abs=0)


def in_words(data: dict, overhead: float, target: int) -> str:
    """The figure's sentence, made a second time."""
    sizes = data["batchSizes"]
    times = time_to_target(data["targets"][target]["median"], sizes, overhead)
    multiples = (times / times.min()).tolist()
    best = multiples.index(1)

    def batches(size: int, singular: str, plural: str) -> str:
        if size == 1:
            return f"single rows {plural}"
        return (
            f"the full batch {singular}"
            if size == data["rows"]
            else f"batches of {size:,} {plural}"
        )

    tied = around(multiples, best, 1.05)
    ends = []
    for i in sorted({0, len(sizes) - 1} - set(tied)):
        if ends:
            ends.append(f"{batches(sizes[i], '', '').strip()} {two_digits(multiples[i])} times")
        else:
            who = batches(sizes[i], "takes", "take")
            ends.append(f"{who} {two_digits(multiples[i])} times as long")
    rows = "1 row" if overhead == 1 else f"{overhead:,g} rows"
    text = f"An overhead worth {rows}, a target loss of {data['targets'][target]['target']}: "
    if len(tied) == 1:
        text += f"{batches(sizes[best], 'is', 'are')} fastest"
    else:
        to = "and" if len(tied) == 2 else "to"
        text += f"batches of {sizes[tied[0]]:,} {to} {sizes[tied[-1]]:,} tie"
    text += f"; {', '.join(ends)}."
    near = around(multiples, best, 1.25)
    if len(near) > 1:
        text += f" From {sizes[near[0]]:,} to {sizes[near[-1]]:,} rows "
        text += "the time is within a quarter of the best."
    return text


def around(multiples: list[float], best: int, most: float) -> range:
    """Return the unbroken stretch of places around the best that are within so many times it."""
    slow = [i for i, multiple in enumerate(multiples) if multiple > most]
    first = max((i for i in slow if i < best), default=-1) + 1
    last = min((i for i in slow if i > best), default=len(multiples)) - 1
    return range(first, last + 1)


def two_digits(number: float) -> str:
    exact = Decimal(number)
    for digits in (1, 0, -1, -2, -3, -4):
        rounded = exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
        if rounded < 10 ** (2 - digits):
            return f"{rounded:.1f}" if digits == 1 else f"{int(rounded):,}"
    raise AssertionError(number)


def test_sentence_is_pythons(call, open_page):
    said = set()
    overheads = [0.1, 0.12, 1, 1.5, 14, 337, 1000, 5000, 30000, 100000]
    for overhead, target in product(overheads, range(len(TARGETS))):
        text = call("sentence", DATA, {"overhead": overhead, "target": target})
        assert text == in_words(DATA, overhead, target)
        said.add(text)
    assert len(said) == len(overheads) * len(TARGETS)


@pytest.mark.parametrize(
    ("steps", "overhead", "words"),
    [
        ([10, 20, 30], 0.9, "single rows are fastest; the full batch takes 1,600 times as long."),
        ([30000, 20, 1], 14, "the full batch is fastest; single rows take 440 times as long."),
        (
            [30000, 20, 10],
            14,
            "batches of 64 are fastest; "
            "single rows take 290 times as long, the full batch 6.5 times.",
        ),
    ],
)
def test_sentence_names_the_ends(call, steps, overhead, words):
    target = {"target": 0.5, "low": steps, "median": steps, "high": steps}
    data = {"rows": 1000, "batchSizes": [1, 64, 1000], "overhead": 1, "targets": [target]}
    text = call("sentence", data, {"overhead": overhead, "target": 0})
    assert text.endswith(f": {words}")
    assert text == in_words(data, overhead, 0)


# --- in use ---


class Figure:
    """The figure on an open page."""

    def __init__(self, page: Page):
        self.page = page
        come_near(page.locator(".interactive"))
        self.slider = page.get_by_role("slider")
        self.sentence = page.locator(".sentence")
        self.radios = page.get_by_role("radio")

    def drawn(self, kind: str) -> str:
        return self.page.locator(f".chart .{kind}").first.get_attribute("d")

    def state(self) -> dict[str, str]:
        """Return all that a reader sees change."""
        return {
            "curve": self.drawn("curve"),
            "marker": self.drawn("best"),
            "label": self.page.locator(".chart .best-label").text_content(),
            "sentence": self.sentence.text_content(),
            "value": self.slider.get_attribute("aria-valuetext"),
            "numbers": self.page.locator("tbody").text_content(),
        }

    def expect_says(self, overhead: float, target: int) -> None:
        """The whole figure shows this setting."""
        expect(self.sentence).to_have_text(in_words(DATA, overhead, target))
        assert self.slider.get_attribute("aria-valuetext") == f"{overhead:,g} rows"
        expect(self.radios.nth(target)).to_be_checked()
        times = time_to_target(DATA["targets"][target]["median"], SIZES, overhead)
        tied = around((times / times.min()).tolist(), int(times.argmin()), 1.05)
        ends = sorted({SIZES[tied[0]], SIZES[tied[-1]]})
        best = (" and " if len(tied) == 2 else " to ").join(f"{size:,}" for size in ends)
        expect(self.page.locator(".chart .best-label")).to_have_text(f"fastest: B = {best}")
        last = self.page.locator("tbody tr").last.locator("td").last
        expect(last).to_have_text(f"{two_digits(times[-1] / times.min())}×")


def expect_hash(page: Page, overhead: str, target: float) -> None:
    page.wait_for_function(
        "wanted => location.hash === wanted", arg=f"#{ID}?overhead={overhead}&target={target}"
    )


def by_keyboard(figure: Figure) -> None:
    figure.slider.focus()
    for _ in range(2):
        figure.page.keyboard.press("PageUp")
    figure.page.keyboard.press("ArrowRight")


def by_mouse(figure: Figure) -> None:
    figure.slider.scroll_into_view_if_needed()
    box = figure.slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    figure.page.mouse.move(box["x"] + box["width"] * 0.38, middle)
    figure.page.mouse.down()
    figure.page.mouse.move(box["x"] + box["width"] * 0.7, middle, steps=5)
    figure.page.mouse.up()


def by_touch(figure: Figure) -> None:
    figure.slider.scroll_into_view_if_needed()
    box = figure.slider.bounding_box()
    figure.page.touchscreen.tap(box["x"] + box["width"] * 0.7, box["y"] + box["height"] / 2)


@pytest.mark.parametrize("move", [by_keyboard, by_mouse, by_touch])
def test_slider_moves_all_that_depends_on_it(open_page, move):
    page = open_page(NOTEBOOK, PHONE if move is by_touch else DESK, has_touch=move is by_touch)
    figure = Figure(page)
    figure.expect_says(OVERHEAD, 2)
    before, fixed = figure.state(), figure.drawn("fixed")
    assert "?" not in page.url
    move(figure)
    after = figure.state()
    assert [part for part in before if before[part] == after[part]] == []
    assert figure.drawn("fixed") == fixed
    overhead = float(after["value"].removesuffix(" rows").replace(",", ""))
    assert overhead > OVERHEAD
    figure.expect_says(overhead, 2)
    expect_hash(page, f"{overhead:g}", 0.38)


def test_slider_reaches_both_ends(open_page):
    figure = Figure(open_page(NOTEBOOK))
    for key, overhead in (("Home", 0.1), ("End", 100_000)):
        figure.slider.press(key)
        figure.expect_says(overhead, 2)
    expect_hash(figure.page, "100000", 0.38)


@pytest.mark.parametrize("how", ["click", "keyboard"])
def test_target_and_way_back(open_page, how):
    page = open_page(NOTEBOOK)
    figure = Figure(page)
    before = figure.state()
    if how == "click":
        page.get_by_label("0.45").click()
    else:
        figure.radios.nth(2).focus()
        page.keyboard.press("ArrowLeft")
    figure.expect_says(OVERHEAD, 1)
    expect_hash(page, "14", 0.45)
    figure.slider.press("End")
    back = page.get_by_role("button", name="Back to NumPy's overhead")
    if how == "click":
        back.click()
    else:
        back.focus()
        page.keyboard.press("Enter")
    assert figure.state() == before
    expect_hash(page, "14", 0.38)


def test_a_preset_sets_the_slider(open_page):
    figure = Figure(open_page(NOTEBOOK))
    preset = DATA["presets"][-1]
    figure.page.get_by_role("button", name=preset["name"]).click()
    figure.expect_says(preset["overhead"], 2)
    expect_hash(figure.page, f"{preset['overhead']:g}", 0.38)


def test_the_address_sets_the_figure(open_page):
    page = open_page(f"{NOTEBOOK}#{ID}?overhead=337&target=0.6")
    figure = Figure(page)
    figure.expect_says(337, 0)
    expect(figure.slider).to_be_in_viewport()
    # A link to another setting, on the same page.
    page.evaluate(f"location.hash = '#{ID}?target=0.45&overhead=2e3'")
    figure.expect_says(2000, 1)
    # Anchors of the page work as ever, and leave the figure alone.
    page.evaluate("location.hash = '#after'")
    expect(page.get_by_role("heading", name="After")).to_be_in_viewport()
    figure.expect_says(2000, 1)
    page.evaluate(f"location.hash = '#{ID}'")
    expect(figure.slider).to_be_in_viewport()
    figure.expect_says(2000, 1)


def test_the_address_survives_a_reload_and_back(open_page):
    page = open_page(NOTEBOOK)
    Figure(page).slider.press("End")
    expect_hash(page, "100000", 0.38)
    page.wait_for_load_state("networkidle")  # what is still loading would fail
    page.reload(wait_until="networkidle")
    Figure(page).expect_says(100_000, 2)
    page.goto(page.url.split("notebooks")[0] + WITHOUT, wait_until="networkidle")
    page.go_back(wait_until="networkidle")
    Figure(page).expect_says(100_000, 2)


BAD_QUERIES = [
    "?",
    "?overhead=&target=",
    "?overhead=-3&target=0.1",
    "?overhead=1e9&target=all",
    "?overhead=NaN&target=NaN",
    "?overhead=%E0%A4%A&target=%",
    "?overhead=0.09",
    "?overhead=<img src=x onerror=alert(1)>&target='\"",
    "x?overhead=3",
    "%20?overhead=3",
]


def test_a_bad_address_shows_the_default(open_page, base):
    page = open_page(NOTEBOOK)
    for query in BAD_QUERIES:
        page.wait_for_load_state("networkidle")  # what is still loading would fail
        page.goto("about:blank")  # else only the hash changes
        page.goto(f"{base}{NOTEBOOK}#{ID}{query}")
        figure = Figure(page)
        expect(figure.slider).to_be_enabled()
        figure.expect_says(OVERHEAD, 2)


# --- on the page ---


@pytest.mark.parametrize("name", [NOTEBOOK, TOP])
def test_figure_is_sound(open_page, name):
    page = open_page(name)
    expect(page.get_by_role("slider")).to_be_enabled()
    page.locator(".interactive summary").click()
    assert faults(page) == []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        expect(page.locator("html")).to_have_attribute("data-theme", scheme)
        assert faint_lines(page) == []


def faint_lines(page: Page) -> list[str]:
    """Parts of the picture that are hard to tell from the page; axe does not look at these."""
    return page.evaluate(
        """() => {
            const paint = document.createElement("canvas")
                .getContext("2d", { willReadFrequently: true });
            const light = colour => {
                paint.fillStyle = "#fff"; paint.fillStyle = colour; paint.fillRect(0, 0, 1, 1);
                const channels = [...paint.getImageData(0, 0, 1, 1).data]
                    .map(c => c / 255)
                    .map(c => c > 0.04045 ? ((c + 0.055) / 1.055) ** 2.4 : c / 12.92);
                return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2] + 0.05;
            };
            const behind = light(getComputedStyle(document.body).backgroundColor);
            const ratio = colour => {
                const own = light(colour);
                return Math.max(own, behind) / Math.min(own, behind);
            };
            const wanted = [["text", "fill", 4.5], [".curve, .fixed, .fixed-best", "stroke", 3],
                            [".best, .point", "fill", 3]];
            return wanted.flatMap(([what, property, least]) =>
                [...document.querySelectorAll(what)].filter(e => e.closest(".chart"))
                    .filter(e => ratio(getComputedStyle(e)[property]) < least)
                    .map(e => e.getAttribute("class")));
        }"""
    )


def test_labels_on_the_curve_have_a_rim(open_page):
    """Other figures share the style sheet, and must not take it away."""
    labels = open_page(NOTEBOOK).locator(".chart text:is(.end, .best-label)")
    assert labels.count() > 1
    for label in labels.all():
        expect(label).to_have_css("stroke-width", "4px")


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_labels_are_whole_and_legible(open_page, viewport):
    page = open_page(NOTEBOOK, viewport)
    figure = Figure(page)
    for key, target in product(("Home", "End"), range(len(TARGETS))):
        figure.radios.nth(target).check()
        figure.slider.press(key)
        faults = page.evaluate(
            """() => {
                const chart = document.querySelector(".chart").getBoundingClientRect();
                return [...document.querySelectorAll(".chart text")].filter(text => {
                    const box = text.getBoundingClientRect();
                    return box.left < chart.left - 1 || box.right > chart.right + 1 ||
                        box.top < chart.top || box.bottom > chart.bottom || box.height < 12;
                }).map(text => text.textContent);
            }"""
        )
        assert faults == []


def test_picture_follows_the_window(open_page):
    page = open_page(NOTEBOOK, DESK)
    expect(page.locator(".chart > svg")).to_have_count(2)  # for wide windows and narrow ones
    Figure(page)
    expect(page.locator(".chart > svg")).to_have_count(1)
    assert float(page.locator(".chart > svg").get_attribute("width")) > 600
    page.set_viewport_size(PHONE)
    expect(page.locator(".chart > svg")).not_to_have_attribute("width", "640")
    page.wait_for_function("document.querySelector('.chart > svg').clientWidth < 380")
    assert too_wide(page) == []


def test_page_does_not_jump(open_page):
    """Neither while it loads, with the figure on the first screen, nor when the slider moves."""
    page = open_page(TOP, PHONE)
    assert layout_shift(page) < MOST_SHIFT
    figure = Figure(page)
    tops = set()
    for key in ("Home", "End", "PageDown"):
        figure.slider.press(key)
        tops.add(page.locator(".interactive .key").evaluate("key => key.offsetTop"))
    assert len(tops) == 1


def test_scripts_load_only_where_they_are_used(open_page):
    wanted, asked = {"explorers.js", "time_to_target.js"}, {}
    for name in (NOTEBOOK, WITHOUT):
        requests: set[str] = set()
        open_page(name, requests=requests)
        asked[name] = {url.rsplit("/")[-1] for url in requests if "/interactive/" in url}
    assert asked[WITHOUT] == set()
    assert {name.split("?v=")[0] for name in asked[NOTEBOOK]} == wanted
    assert all("?v=" in name for name in asked[NOTEBOOK])


def test_figure_is_numbered(open_page):
    link = open_page(WITHOUT).get_by_role("link", name="Fig. 1.1")
    expect(link).to_have_attribute("href", f"../{NOTEBOOK}#{ID}")


def test_without_scripts_there_is_a_picture(browser, base):
    context = browser.new_context(java_script_enabled=False, viewport=PHONE)
    page = context.new_page()
    page.goto(base + TOP)
    expect(page.get_by_role("slider")).to_have_count(0)
    (picture,) = page.locator(".chart > svg:visible").all()
    assert picture.evaluate("svg => svg.getScreenCTM().a") > 0.8  # labels can be read
    expect(page.locator(".sentence")).to_have_text(in_words(DATA, OVERHEAD, 2))
    # Playwright's way to switch scripts off does not show what is inside; browsers do.
    text = page.locator(".interactive noscript").text_content()
    assert "The slider needs JavaScript" in text
    expect(page.locator(".interactive tbody tr")).to_have_count(len(SIZES))
    context.close()


def test_print_has_the_picture_and_no_controls(open_page):
    page = open_page(NOTEBOOK)
    page.emulate_media(media="print")
    expect(page.locator(".interactive .controls")).to_be_hidden()
    expect(page.locator(".chart .curve")).to_be_visible()
    expect(page.locator(".sentence")).to_be_visible()
