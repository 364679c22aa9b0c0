"""The pad to draw digits on: its arithmetic is Python's, and every way to draw works."""

from __future__ import annotations

import base64
import json
import random
import re

import interactive_figures
import numpy as np
import pytest
from browsing import DESK, MOST_SHIFT, PHONE, faults, layout_shift, serve
from playwright.sync_api import Page, expect
from test_site_build import ROOT, build, copy_settings

from mbgd_lib.mnist import center_digit, load_mnist
from mbgd_lib.objectives import softmax
from mbgd_lib.show.portable import weights_from_json, weights_to_json

STORED = (ROOT / "sweeps" / "digit_weights.json").read_text("utf-8")
MODEL = json.loads(STORED)["model"]
WEIGHTS, MEAN, SCALE = weights_from_json(json.dumps(MODEL))
DATA = interactive_figures.digit_pad(json.loads(STORED))
ID = "fig-digit-pad"
DIRECTIVE = """\
```{interactive-figure} digit-pad
:name: fig-digit-pad
:data: ../digit_weights.json
**Draw a digit.** The weights answer.
```
"""
TEXT = "Some text that goes on. " * 80
PAGE, WITHOUT = "book/pad.html", "book/index.html"
EMPTY = "The pad is empty. Draw a digit, or choose an example."


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A book with the pad on one page, served while the tests run."""
    folder = tmp_path_factory.mktemp("book")
    copy_settings(folder)
    (folder / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nchapters: [{file: book/pad}]\n"
    )
    (folder / "digit_weights.json").write_text(STORED)
    (folder / "book" / "references.bib").write_text("")
    (folder / "book" / "index.md").write_text(f"# First\n\n{TEXT}\n")
    (folder / "book" / "pad.md").write_text(f"# Pad\n\n{DIRECTIVE}\n{TEXT}\n\n{TEXT}\n")
    result = build(folder)
    assert result.returncode == 0, result.stderr
    with serve(folder / "_build" / "html") as address:
        yield address


# --- what the build takes from the weights ---


def test_examples_are_test_images_moved_to_a_corner():
    images, labels = load_mnist("sample", split="test")
    known = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    assert [one["name"] for one in DATA["examples"]] == [*"0123456789", "mistake"]
    for one in DATA["examples"]:
        image = pixels_of(one)
        assert image[:2].sum() == image[:, :2].sum() == 0 < min(image[2].sum(), image[:, 2].sum())
        assert known[center_digit(image).tobytes()] == one["label"]
        assert one["name"] in (str(one["label"]), "mistake")


def test_examples_show_what_the_chapter_says():
    """All but one of the ten digits are read, and most of them not without centring."""
    ten = DATA["examples"][:10]
    images = [pixels_of(one) for one in ten]
    centred = [probabilities(center_digit(image)).argmax() for image in images]
    as_they_lie = [probabilities(image).argmax() for image in images]
    labels = [one["label"] for one in ten]
    assert np.equal(centred, labels).sum() == 9
    assert np.equal(as_they_lie, labels).sum() < 3


def test_the_mistake_is_one():
    mistake = DATA["examples"][-1]
    answer = probabilities(center_digit(pixels_of(mistake)))
    assert answer.argmax() != mistake["label"]
    assert answer[mistake["label"]] < 0.01


@pytest.mark.parametrize("shape", [(785, 2), (65, 10), (401, 10)])
def test_another_models_weights_are_refused(shape):
    model = json.loads(weights_to_json(np.ones(shape)))
    with pytest.raises(ValueError, match="not a model of ten digits in 28 × 28"):
        interactive_figures.digit_pad({"model": model})


def pixels_of(example: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(example["pixels"]), np.uint8).reshape(28, 28)


def probabilities(digit: np.ndarray) -> np.ndarray:
    """The library's answer."""
    features = (digit.ravel() - MEAN) / SCALE
    return softmax((features @ WEIGHTS[1:] + WEIGHTS[0])[None])[0]


# --- the script against Python ---


@pytest.fixture(scope="module")
def ask(browser, base):
    """A function that evaluates JavaScript with the script's functions as `pad`."""
    page = browser.new_page()
    page.goto(base + PAGE)

    def ask(script: str, argument=None):
        return page.evaluate(
            """([script, given]) => {
                const pad = explorers.figures["digit-pad"];
                const data = JSON.parse(document.querySelector(".digit-pad script").textContent);
                const model = pad.unpack(data);
                const result = new Function("pad", "model", "given", script)(pad, model, given);
                return ArrayBuffer.isView(result) ? Array.from(result) : result;
            }""",
            [script, argument],
        )

    yield ask
    page.close()


def test_images_are_centred_as_in_python(ask):
    """Test images scaled up by a whole or broken factor, anywhere on sheets of any shape."""
    rng = np.random.default_rng(0)
    images, _ = load_mnist("sample", split="test")
    for image in images[rng.choice(2000, size=24, replace=False)].reshape(-1, 28, 28):
        height, width = rng.integers(15, 120, size=2)
        rows, columns = (np.arange(n) * 28 // n for n in (height, width))
        large = image[rows][:, columns]
        sheet = np.zeros(large.shape + rng.integers(0, 60, size=2), dtype=np.uint8)
        top, left = (rng.integers(0, s - n + 1) for s, n in zip(sheet.shape, large.shape))  # noqa: B905
        sheet[top : top + height, left : left + width] = large
        theirs = ask(
            """const digit = pad.centre(Uint8ClampedArray.from(given[0]), given[1]);
            return [Array.from(digit), pad.softmax(pad.scores(model, digit))];""",
            [sheet.ravel().tolist(), sheet.shape[1]],
        )
        ours = center_digit(sheet)
        apart = np.abs(np.array(theirs[0]) - ours.ravel().astype(int))
        assert apart.max() <= 1  # a mean that ends in .5, but for rounding
        assert (apart > 0).mean() < 0.01
        seen = np.array(theirs[0], dtype=np.uint8)
        np.testing.assert_allclose(theirs[1], probabilities(seen), rtol=0, atol=1e-6)


def strokes(rng: random.Random) -> list[list[list[float]]]:
    def point():
        return [round(rng.uniform(-10, 150), 2), round(rng.uniform(-10, 150), 2)]

    return [[point() for _ in range(rng.randint(1, 6))] for _ in range(rng.randint(1, 3))]


def inked(drawing: list[list[list[float]]]) -> np.ndarray:
    """Strokes 12 fine pixels wide whose rim fades over one; made a second time."""
    middles = np.stack(np.meshgrid(np.arange(140) + 0.5, np.arange(140) + 0.5), axis=-1)
    distances = [np.full((140, 140), np.inf)]
    for stroke in map(np.array, drawing):
        for one, other in zip(stroke[[0, *range(len(stroke) - 1)]], stroke, strict=True):
            line = other - one
            along = (middles - one) @ line / max(line @ line, 1e-300)
            nearest = one + np.clip(along, 0, 1)[..., None] * line
            distances.append(np.linalg.norm(middles - nearest, axis=-1))
    return np.rint(255 * np.clip(6.5 - np.min(distances, axis=0), 0, 1)).astype(np.uint8)


def test_strokes_are_seen_as_in_python(ask):
    rng = random.Random(1)
    for _ in range(12):
        drawing = strokes(rng)
        ink, centred, seen, answer = ask(
            """const drawing = { strokes: given, pixels: null };
            const { pixels, probabilities } = pad.look(model, drawing, true);
            return [Array.from(pad.inkOf(drawing)), Array.from(pixels),
                    Array.from(pad.look(model, drawing, false).pixels), probabilities];""",
            drawing,
        )
        ours = inked(drawing)
        assert np.abs(np.array(ink) - ours.ravel().astype(int)).max() <= 1
        ours = np.array(ink, dtype=np.uint8).reshape(140, 140)
        digit = center_digit(ours)
        assert np.abs(np.array(centred) - digit.ravel().astype(int)).max() <= 1
        as_drawn = ours.reshape(28, 5, 28, 5).mean(axis=(1, 3)).ravel()
        assert np.abs(np.array(seen) - as_drawn).max() < 0.51
        seen_digit = np.array(centred, dtype=np.uint8)
        np.testing.assert_allclose(answer, probabilities(seen_digit), rtol=0, atol=1e-6)


def test_answers_on_test_images_are_the_librarys(ask):
    """500 of them, each probability; the accuracy is the same then too."""
    images, labels = load_mnist("sample", split="test")
    encoded = base64.b64encode(images[:500].tobytes()).decode("ascii")
    theirs = ask(
        """const all = Uint8Array.from(atob(given), character => character.charCodeAt(0));
        return Array.from({ length: all.length / 784 }, (_, i) =>
            pad.softmax(pad.scores(model, all.subarray(784 * i, 784 * (i + 1)))));""",
        encoded,
    )
    ours = softmax((images[:500] - MEAN) / SCALE @ WEIGHTS[1:] + WEIGHTS[0])
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-6)
    right = np.argmax(theirs, axis=1) == labels[:500]
    assert right.sum() == (ours.argmax(axis=1) == labels[:500]).sum() > 400


def test_logits_may_be_large(ask):
    assert ask("return pad.softmax([1e4, 0, -1e4])") == [1, 0, 0]
    assert ask("return pad.softmax([-1e4, -1e4])") == [0.5, 0.5]


def test_no_ink_is_no_digit(ask):
    for function in ("centre", "shrink"):
        assert ask(f"return pad.{function}(new Uint8ClampedArray(12), 4)") is None
    with pytest.raises(ValueError, match="must hold some ink"):
        center_digit(np.zeros((3, 4)))


@pytest.mark.parametrize(
    ("shares", "label", "words"),
    [
        ({3: 0.91, 8: 0.06}, None, "Most likely a 3 (91 %), then an 8 (6 %)."),
        ({8: 0.9951, 0: 0.0049}, None, "Most likely an 8 (over 99 %), then a 0 (under 1 %)."),
        ({1: 0.5, 7: 0.4}, 1, "Most likely a 1 (50 %), then a 7 (40 %). The example is a 1."),
        (
            {1: 0.5, 7: 0.4},
            8,
            "Most likely a 1 (50 %), then a 7 (40 %). The example is an 8: the model is wrong.",
        ),
    ],
)
def test_sentence(ask, shares, label, words):
    given = [shares.get(digit, 0) for digit in range(10)]
    said = ask("return pad.sentence(...given)", [given, label])
    assert said == words.replace(" %", "\u00a0%")  # a line must not break there


# --- in use ---


class Pad:
    """The figure on an open page."""

    def __init__(self, page: Page):
        self.page = page
        self.pad = page.locator(".pad")
        self.sentence = page.locator(".sentence")

    def button(self, name: str):
        return self.page.get_by_role("button", name=name, exact=True)

    def state(self) -> dict[str, str]:
        """Return all that a reader sees change."""
        return {
            "drawing": self.page.locator(".drawn").inner_html(),
            "preview": self.page.locator(".preview").inner_html(),
            "bars": self.page.locator(".bars").inner_html(),
            "sentence": self.sentence.text_content(),
        }

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return where a place on the pad, from 0 to 1 each way, lies in the window."""
        self.pad.scroll_into_view_if_needed()
        box = self.pad.bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def seen(self) -> np.ndarray:
        """Return the preview's pixels."""
        image = np.zeros((28, 28))
        squares = self.page.locator(".preview rect").evaluate_all(
            """all => all.map(e => ["y", "x", "fill-opacity"].map(a => +e.getAttribute(a)))"""
        )
        for row, column, opacity in squares:
            image[int(row), int(column)] = 255 * opacity
        return np.rint(image).astype(np.uint8)

    def expect_consistent(self) -> None:
        """Bars and sentence are the library's answer to what the preview shows."""
        answer = probabilities(self.seen())
        widths = self.page.locator(".bars .track > span").evaluate_all(
            "all => all.map(e => parseFloat(e.style.width))"
        )
        np.testing.assert_allclose(widths, 100 * answer, rtol=0, atol=0.06)
        first = self.sentence.text_content().split("(")[0]
        assert first == f"Most likely {'an' if answer.argmax() == 8 else 'a'} {answer.argmax()} "


def by_mouse(figure: Pad) -> None:
    mouse = figure.page.mouse
    mouse.move(*figure.at(0.6, 0.2))
    mouse.down()
    mouse.move(*figure.at(0.6, 0.8), steps=8)
    mouse.up()


def by_touch(figure: Pad) -> None:
    """A finger that moves, in the browser's own events: the page must not scroll instead."""
    client = figure.page.context.new_cdp_session(figure.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        places = [{"x": x, "y": y} for x, y in points]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    touch("touchStart", figure.at(0.6, 0.2))
    for y in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
        touch("touchMove", figure.at(0.6, y))
    touch("touchEnd")


def by_keyboard(figure: Pad) -> None:
    figure.pad.focus()
    press = figure.page.keyboard.press
    for key in ["ArrowUp"] * 8 + ["Space"] + ["ArrowDown"] * 4 + ["Shift+ArrowDown"] * 3:
        press(key)
    expect(figure.page.locator(".moved")).to_have_text("Pen down: column 14, row 6 of 28.")
    press("Enter")
    expect(figure.page.locator(".moved")).to_have_text("Pen lifted: column 14, row 22 of 28.")


WAYS = [by_mouse, by_touch, by_keyboard]


@pytest.mark.parametrize("way", WAYS)
def test_drawing_changes_all_that_is_shown(open_page, way):
    touch = way is by_touch
    page = open_page(PAGE, PHONE if touch else DESK, has_touch=touch)
    figure = Pad(page)
    before = figure.state()
    figure.pad.scroll_into_view_if_needed()
    scrolled = page.evaluate("scrollY")
    way(figure)
    expect(figure.sentence).not_to_have_text(before["sentence"])
    assert page.evaluate("scrollY") == scrolled
    after = figure.state()
    assert [part for part in before if before[part] == after[part]] == []
    assert "rect" not in after["drawing"]  # the example has gone
    assert after["drawing"].count("<path") == 1
    figure.expect_consistent()
    seen = figure.seen()
    rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    assert rows[-1] - rows[0] == 19  # the stroke is fitted and centred
    assert rows[0] in (4, 5)
    assert columns[0] + columns[-1] in (27, 28, 29)
    assert columns[-1] - columns[0] <= 4
    assert figure.sentence.text_content().startswith("Most likely a 1 ")


def test_only_the_pad_takes_the_finger(open_page):
    page = open_page(PAGE, PHONE, has_touch=True)
    touched = page.evaluate(
        """[...document.querySelectorAll("main *")]
            .filter(e => getComputedStyle(e).touchAction === "none")
            .map(e => e.getAttribute("class"))"""
    )
    assert touched == ["pad"]


def test_sentence_waits_for_the_end_of_a_stroke(open_page):
    page = open_page(PAGE)
    figure = Pad(page)
    before = figure.state()
    page.evaluate(
        """window.said = 0;
        new MutationObserver(() => window.said++)
            .observe(document.querySelector(".sentence"), { childList: true, subtree: true });"""
    )
    page.mouse.move(*figure.at(0.3, 0.3))
    page.mouse.down()
    page.mouse.move(*figure.at(0.7, 0.7), steps=10)
    page.wait_for_function(
        "old => document.querySelector('.bars').innerHTML !== old", arg=before["bars"]
    )
    assert page.evaluate("window.said") == 0
    page.mouse.up()
    page.wait_for_function("window.said === 1")


def test_other_buttons_and_keys_draw_nothing(open_page):
    figure = Pad(open_page(PAGE))
    before = figure.state()
    figure.page.mouse.move(*figure.at(0.3, 0.3))
    figure.page.mouse.down(button="right")
    figure.page.mouse.move(*figure.at(0.7, 0.7))
    figure.page.mouse.up(button="right")
    figure.pad.focus()
    for key in ("ArrowLeft", "a", "Control+Enter", "Tab"):
        figure.page.keyboard.press(key)
    assert figure.state() == before
    expect(figure.button("Clear")).to_be_focused()  # Tab leaves the pad


def test_the_pen_is_lifted_when_the_pad_is_left(open_page):
    figure = Pad(open_page(PAGE))
    figure.pad.focus()
    for key in ("Space", "ArrowDown", "Tab"):
        figure.page.keyboard.press(key)
    figure.expect_consistent()
    after = figure.state()
    figure.pad.focus()
    figure.page.keyboard.press("ArrowRight")
    assert figure.state() == after


@pytest.mark.parametrize("how", ["click", "keyboard"])
def test_clear_and_undo(open_page, how):
    figure = Pad(open_page(PAGE))

    def use(name: str) -> None:
        if how == "click":
            figure.button(name).click()
        else:
            figure.button(name).focus()
            figure.page.keyboard.press("Enter")

    states = [figure.state()]
    use("Undo")  # there is nothing to undo yet
    assert figure.state() == states[0]
    for way in (by_mouse, by_keyboard):
        way(figure)
        states.append(figure.state())
    assert states[2]["drawing"].count("<path") == 2
    use("Clear")
    expect(figure.sentence).to_have_text(EMPTY)
    assert figure.page.locator(".pad rect, .drawn path, .preview rect").count() == 0
    assert set(figure.page.locator(".percent").all_text_contents()) == {"–"}
    use("Clear")  # no step of its own
    for state in reversed(states):
        use("Undo")
        assert figure.state() == state


def test_examples(open_page):
    page = open_page(PAGE)
    figure = Pad(page)
    assert "?" not in page.url
    for one in DATA["examples"]:
        name = one["name"] if one["name"] != "mistake" else "a mistake"
        figure.button(name).click()
        figure.expect_consistent()
        assert (figure.seen() == center_digit(pixels_of(one))).all()
        says = f"The example is {'an' if one['label'] == 8 else 'a'} {one['label']}"
        wrong = probabilities(figure.seen()).argmax() != one["label"]
        assert figure.sentence.text_content().endswith(
            says + (": the model is wrong." if wrong else ".")
        )
        assert page.evaluate("location.hash") == f"#{ID}?example={one['name']}"
        pressed = page.locator('[aria-pressed="true"]').all_text_contents()
        assert pressed == [name]
    by_mouse(figure)
    assert page.evaluate("location.hash") == f"#{ID}"
    assert page.locator('[aria-pressed="true"]').count() == 0


def test_centring_can_be_left_out(open_page):
    page = open_page(PAGE)
    figure = Pad(page)
    centred = figure.state()
    figure.button("4").click()
    page.get_by_label("Centre the digit first").uncheck()
    assert (figure.seen() == pixels_of(DATA["examples"][4])).all()
    figure.expect_consistent()
    assert page.evaluate("location.hash") == f"#{ID}?example=4&centre=off"
    page.get_by_label("Centre the digit first").check()
    assert (figure.seen() == center_digit(pixels_of(DATA["examples"][4]))).all()
    figure.button("3").click()
    assert figure.state() == centred


def test_the_address_sets_the_figure(open_page):
    page = open_page(f"{PAGE}#{ID}?example=7&centre=off")
    figure = Pad(page)
    expect(figure.pad).to_be_in_viewport()
    expect(page.get_by_label("Centre the digit first")).not_to_be_checked()
    assert (figure.seen() == pixels_of(DATA["examples"][7])).all()
    page.evaluate(f"location.hash = '#{ID}?example=mistake'")
    expect(figure.button("a mistake")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_label("Centre the digit first")).to_be_checked()
    page.reload()
    expect(figure.button("a mistake")).to_have_attribute("aria-pressed", "true")


def test_a_bad_address_shows_the_default(open_page, base):
    page = open_page(PAGE)
    for query in ["?", "?example=12", "?example=<b>", "?centre=%", "?x=3", "%?"]:
        page.wait_for_load_state("networkidle")  # what is still loading would fail
        page.goto("about:blank")  # else only the hash changes
        page.goto(f"{base}{PAGE}#{ID}{query}")
        figure = Pad(page)
        expect(figure.button("3")).to_have_attribute("aria-pressed", "true")
        figure.expect_consistent()


# --- on the page ---


def test_figure_is_sound(open_page):
    """With an example, with a drawing, and empty."""
    requests: set[str] = set()
    page = open_page(PAGE, requests=requests)
    figure = Pad(page)
    expect(figure.button("Clear")).to_be_enabled()
    assert faults(page) == []
    by_mouse(figure)
    assert faults(page) == []
    figure.button("Clear").click()
    assert faults(page) == []
    names = {url.rsplit("/")[-1].split("?")[0] for url in requests if "/interactive/" in url}
    assert names == {"explorers.js", "digit_pad.js"}


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_page_does_not_jump(open_page, viewport):
    """Neither while it loads nor when the pad is drawn on."""
    page = open_page(PAGE, viewport)
    assert layout_shift(page) < MOST_SHIFT
    figure = Pad(page)
    tops = set()
    for step in (by_keyboard, lambda f: f.button("Clear").click(), by_mouse):
        step(figure)
        tops.add(page.locator(".examples").evaluate("examples => examples.offsetTop"))
    figure.button("a mistake").click()
    tops.add(page.locator(".examples").evaluate("examples => examples.offsetTop"))
    assert len(tops) == 1


def test_pad_has_a_size_for_fingers(open_page):
    page = open_page(PAGE, PHONE)
    box = page.locator(".pad").bounding_box()
    assert box["width"] == pytest.approx(box["height"], abs=1)
    assert box["width"] > 240
    for button in page.locator(".digit-pad button").all():
        size = button.bounding_box()
        assert min(size["width"], size["height"]) >= 24


def test_scripts_load_only_where_they_are_used(open_page):
    requests: set[str] = set()
    open_page(WITHOUT, requests=requests)
    assert not [url for url in requests if "/interactive/" in url]


def test_without_scripts_there_is_an_example(browser, base):
    context = browser.new_context(java_script_enabled=False, viewport=PHONE)
    page = context.new_page()
    page.goto(base + PAGE)
    figure = Pad(page)
    expect(page.locator(".digit-pad .controls").first).to_be_hidden()
    expect(page.locator(".help")).to_be_hidden()
    assert (figure.pad.get_attribute("role"), figure.pad.get_attribute("tabindex")) == ("img", None)
    sentence = page.locator(".sentence").text_content()
    answer = probabilities(center_digit(pixels_of(DATA["examples"][3])))
    assert re.match(rf"Most likely a {answer.argmax()} \({100 * answer.max():.0f}\s%\)", sentence)
    assert page.locator(".pad rect").count() == page.locator(".preview rect").count() > 50
    assert "Drawing needs JavaScript" in page.locator(".digit-pad noscript").text_content()
    context.close()


def test_print_has_the_picture_and_no_controls(open_page):
    page = open_page(PAGE)
    page.emulate_media(media="print")
    for hidden in page.locator(".digit-pad .controls, .help").all():
        expect(hidden).to_be_hidden()
    for shown in (".pad", ".preview", ".bars", ".sentence"):
        expect(page.locator(shown)).to_be_visible()
