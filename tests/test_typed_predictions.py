"""Predictions that are typed: what a role asks, what a field says and keeps, what it comes to."""

from __future__ import annotations

import json
import re
from pathlib import Path

import predictions
import pytest
from browsing import PHONE, SITE, faults
from page_contract import directive_titles, markdown
from playwright.sync_api import Page, expect

from replications import notebooks
from replications.values import holds

ROOT = Path(__file__).parents[1]
CHAPTER = "notebooks/01_gradient_descent_basics"
SUMMARY = "book/your_predictions.html"
CHAPTERS = sorted((ROOT / "notebooks").glob("0*.ipynb"))


# --- what a role asks ---

PRINTED = {"slow": "1,500", "fast": "47", "off": "−0.5", "arrives": "True"}


def test_a_number_is_what_the_notebook_prints():
    asked = predictions.number_asked("Epochs | slow | epochs", PRINTED)
    assert (asked["answer"], asked["unit"]) == ("1,500", "epochs")


def test_the_right_choice_is_the_one_whose_condition_holds():
    text = "Which? | fast: fast > slow | slow: slow > fast | none"
    asked = predictions.choice_asked(text, PRINTED)
    assert (asked["answer"], asked["choices"]) == ("slow", ["fast", "slow", "none"])


@pytest.mark.parametrize(
    ("ask", "text", "message"),
    [
        (predictions.number_asked, "Epochs | gone", "prints no gone"),
        (predictions.choice_asked, "Which? | a: slow > fast | b: arrives", "must hold, not 2"),
        (predictions.choice_asked, "Which? | a: slow < fast | b", "must hold, not 0"),
        (predictions.choice_asked, "Which? | a: slow <", "no expression"),
    ],
)
def test_what_has_no_one_answer_is_refused(ask, text, message):
    with pytest.raises(ValueError, match=message):
        ask(text, PRINTED)


def boxes(path: Path) -> list[str]:
    text = markdown(notebooks.read(path))
    return re.findall(r"(?ms)^:::\{admonition\} Predict\n(.*?)^:::$", text)


@pytest.mark.parametrize("path", CHAPTERS, ids=[path.stem for path in CHAPTERS])
def test_every_box_of_a_chapter_asks(path):
    """All but the one that sends its reader to the digit pad, which answers itself."""
    without = [box for box in boxes(path) if "{guess}" not in box and "{choose}" not in box]
    assert len(without) == (1 if path.stem.startswith("06") else 0)
    titles_of = directive_titles(markdown(notebooks.read(path)), "admonition", "Predict")
    assert len(boxes(path)) == len(titles_of)


@pytest.mark.parametrize("path", CHAPTERS, ids=[path.stem for path in CHAPTERS])
def test_choices_are_right_in_other_worlds_too(path):
    """At most one answer is right there: the conditions exclude each other."""
    from replications.check import Replications

    for text in re.findall(r"\{choose\}`([^`]+)`", markdown(notebooks.read(path))):
        options = [option for option in text.split(" | ")[1:] if ": " in option]
        conditions = [option.rpartition(": ")[2] for option in options]
        for world in Replications.of(path).worlds():
            assert sum(holds(condition, world) for condition in conditions) <= 1, text


# --- the script's arithmetic and words ---


@pytest.fixture(scope="module")
def call(browser, base):
    page = browser.new_page()
    page.goto(base + SUMMARY)
    yield lambda script, *given: page.evaluate(
        f"given => {{ const p = predictions, r = {script}; return Number.isNaN(r) ? 'NaN' : r; }}",
        list(given),
    )
    page.close()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12), (" 0.5 ", 0.5), ("0,5", 0.5), ("16,521", 16521), ("−3", -3), ("-3", -3),
        ("1e3", 1000), (".5", 0.5), ("1,000,000", 1e6), ("", "NaN"), ("x", "NaN"), ("1 2", "NaN"),
        ("1.2.3", "NaN"), ("Infinity", "NaN"),
        ("40%", 40), ("4×", 4), ("32 steps", 32), ("~32", 32), ("4x", 4), ("√16", "NaN"),
        ("40 %", 40),
    ],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(call, text, number):
    assert call("p.number(given[0])", text) == number


@pytest.mark.parametrize(
    ("guess", "answer", "far"),
    [
        (10, 10, "exactly right"), (10.5, 10, "right to within a tenth"),
        (20, 10, "too high by a factor of 2.0"), (4, 10, "too low by a factor of 2.5"),
        (-4, -10, "too low by a factor of 2.5"), (3, -3, "of the wrong sign"),
        (3, 0, "off by 3.0"), (0, 0, "exactly right"),
        (1, 1_000_000, "too low by a factor of 1,000,000"),
    ],
)  # fmt: skip
def test_how_far_off_is_a_factor(call, guess, answer, far):
    assert call("p.howFar(given[0], given[1])", guess, answer) == far


def test_a_tally_counts_what_was_committed(call):
    pages = [
        {
            "page": "a",
            "predictions": [
                {"id": "x", "answer": "10"},
                {"id": "y", "answer": "1,000"},
                {"id": "z", "answer": "left", "choices": ["left", "right"]},
                {"id": "u", "answer": "5"},
            ],
        }
    ]
    guesses = {"a#x": "12", "a#y": "300", "a#z": "left", "b#x": "1"}
    assert call("p.tally(given[0], given[1])", pages, guesses) == {
        "made": 3, "choices": 1, "right": 1,
        "numbers": 2, "near": 1, "double": 1, "ten": 2, "high": 1,
    }  # fmt: skip


# --- on a page ---


def field(page: Page, name: str):
    return page.locator(f"#predict-{name}")


def test_a_number_is_committed_kept_and_taken_back(open_page):
    page = open_page(f"{CHAPTER}.html")
    quoted = notebooks.numbers_of(notebooks.read(ROOT / f"{CHAPTER}.ipynb"))["gain_10"]
    own = field(page, "gain-10")
    expect(own).not_to_contain_text(quoted)
    own.get_by_role("textbox").fill("many")
    own.get_by_role("button", name="Commit").press("Enter")
    expect(own).to_contain_text("Type a number first")
    own.get_by_role("textbox").fill("2")
    own.get_by_role("textbox").press("Enter")
    expect(own).to_contain_text(f"You said 2, it is {quoted} times: too low by a factor of")
    page.wait_for_load_state("networkidle")
    page.reload(wait_until="networkidle")
    expect(own).to_contain_text(f"it is {quoted} times")
    own.get_by_role("button", name="Take back").press("Enter")
    expect(own.get_by_role("textbox")).to_be_focused()
    expect(own).not_to_contain_text(quoted)
    assert page.evaluate("localStorage.getItem('mini-batch-course-predictions')") == "{}"


def test_a_choice_is_committed_and_summed_up(open_page, base):
    page = open_page(f"{CHAPTER}.html")
    own = field(page, "fewest-steps")
    own.get_by_role("button", name="Commit").click()
    expect(own).to_contain_text("Choose one first")
    own.get_by_label("ηλ = 1.8").check()
    own.get_by_role("button", name="Commit").click()
    expect(own).to_contain_text("You said: ηλ = 1.8. It is: ηλ = 1.")
    other = field(page, "gain-10")
    other.get_by_role("textbox").fill("5")
    other.get_by_role("textbox").press("Enter")
    page.wait_for_load_state("networkidle")
    page.goto(base + SUMMARY)
    total = sum(len(predictions_on(page, title)) for title in titles(page))
    summary = page.locator(".your-predictions")
    expect(summary).to_contain_text(f"You have committed to 2 of {total} predictions.")
    expect(summary).to_contain_text("Choices: 0 of 1 right.")
    expect(summary).to_contain_text("of 1, 1 within a quarter")
    link = summary.get_by_role("link", name="Fewest steps")
    assert link.get_attribute("href") == f"../{CHAPTER}.html#predict-fewest-steps"
    summary.get_by_role("button", name="Forget all").press("Enter")
    expect(summary).to_contain_text("committed to 2 of")
    summary.get_by_role("button", name="Really forget all?").press("Enter")
    expect(summary).to_contain_text("committed to 0 of")


def stored_pages(page: Page) -> list[dict]:
    return json.loads(page.locator(".your-predictions script").text_content())


def titles(page: Page) -> list[str]:
    return [stored["title"] for stored in stored_pages(page)]


def predictions_on(page: Page, title: str) -> list[dict]:
    return next(stored["predictions"] for stored in stored_pages(page) if stored["title"] == title)


def test_the_summary_lists_every_prediction_of_the_course(open_page, base):
    page = open_page(SUMMARY)
    found = sum(len(stored["predictions"]) for stored in stored_pages(page))
    texts = [markdown(notebooks.read(path)) for path in notebooks.paths()]
    assert found == sum(len(re.findall(r"\{(?:guess|choose)\}`", text)) for text in texts)
    assert titles(page)[0].startswith("Gradient descent")
    for stored in stored_pages(page)[:3]:
        page.goto(base + stored["address"].replace("../", ""))
        for asked in stored["predictions"]:
            expect(page.locator(f"#{asked['id']}")).to_be_visible()
        page.wait_for_load_state("networkidle")


@pytest.mark.parametrize(
    "kept", ["no JSON", "[1]", '"x"', f'{{"{CHAPTER}#predict-gain-10": 5}}', "null"]
)
def test_what_is_kept_may_be_spoilt(open_page, kept):
    page = open_page(f"{CHAPTER}.html")
    page.wait_for_load_state("networkidle")
    page.evaluate("text => localStorage.setItem('mini-batch-course-predictions', text)", kept)
    page.reload(wait_until="networkidle")
    own = field(page, "gain-10")
    own.get_by_role("textbox").fill("5")
    own.get_by_role("textbox").press("Enter")
    expect(own).to_contain_text("You said 5, it is")


def test_a_browser_that_keeps_nothing_still_compares(browser, base):
    context = browser.new_context()
    context.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('no'); } });"
    )
    page = context.new_page()
    page.goto(f"{base}{CHAPTER}.html")
    own = field(page, "gain-10")
    own.get_by_role("textbox").fill("5")
    own.get_by_role("textbox").press("Enter")
    expect(own).to_contain_text("You said 5, it is")
    context.close()


def test_findings_wait_where_the_reader_wants_them_to(open_page, base):
    page = open_page(SUMMARY)
    page.get_by_label("hide the finding at the top of a section").check()
    page.wait_for_load_state("networkidle")
    page.goto(f"{base}{CHAPTER}.html")
    section = page.locator("section#why-scaling-the-features-matters")
    finding = section.locator(":scope > p").first
    expect(finding).to_have_css("visibility", "hidden")
    for goal, answer in ((10, "scaling alone"), (1, "centring alone")):
        own = f"sooner-to-within-{goal}"
        field(page, own).get_by_label(answer).check()
        field(page, own).get_by_role("button", name="Commit").click()
    expect(finding).to_have_css("visibility", "hidden")
    field(page, "gain-10").get_by_role("textbox").fill("5")
    field(page, "gain-10").get_by_role("textbox").press("Enter")
    expect(finding).to_have_css("visibility", "visible")
    page.wait_for_load_state("networkidle")


def test_fields_are_accessible_before_and_after(open_page):
    page = open_page(f"{CHAPTER}.html", PHONE)
    own = field(page, "gain-10")
    own.get_by_role("textbox").fill("5")
    own.get_by_role("textbox").press("Enter")
    assert faults(page) == []


def test_without_scripts_and_on_paper_boxes_are_what_they_were(browser, base):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{base}{CHAPTER}.html")
    box = page.locator("div.admonition.predict").first
    expect(box).to_contain_text("Does it lead straight to the deepest place?")
    expect(page.locator(".prediction").first).to_be_hidden()
    page.goto(base + SUMMARY)
    assert "needs JavaScript" in page.locator(".your-predictions noscript").text_content()
    context.close()


def test_it_works_from_a_disk(browser):
    page = browser.new_page()
    page.goto((SITE / f"{CHAPTER}.html").as_uri())
    own = field(page, "gain-10")
    own.get_by_role("textbox").fill("5")
    own.get_by_role("textbox").press("Enter")
    expect(own).to_contain_text("You said 5, it is")
    page.close()
