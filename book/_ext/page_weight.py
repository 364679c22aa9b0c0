"""Takes from the built site what no page uses: colours, selectors, icons, letters of fonts."""

from __future__ import annotations

import base64
import hashlib
import io
import logging
import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import tinycss2
from fontTools import subset
from PIL import Image
from sphinx.application import Sphinx
from tinycss2.ast import AtRule, HashToken, IdentToken, Node, QualifiedRule

logging.getLogger("fontTools").setLevel(logging.WARNING)  # else the build tells of every glyph

# --- pictures ---

COLOURS = 96


def slim_pictures(app: Sphinx, exception: Exception | None) -> None:
    """Store figures with a palette: they look the same, and a page loads in a third of the bytes.

    The notebooks keep them as Matplotlib drew them.
    """
    if exception:
        return
    for path in Path(app.outdir, "_images").glob("*.png"):
        with Image.open(path) as picture:
            if (
                picture.mode == "P"
                or min(picture.convert("RGBA").getchannel("A").getextrema()) < 255
            ):
                continue
            slim = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        slim.save(path, optimize=True)


# --- style sheets ---

#: Bootstrap puts the names of these together while it runs.
COMPOSED = re.compile(r"bs-(tooltip|popover)-|.*[^\w-]")
#: At-rules that hold other rules.
GROUPS = ("media", "supports", "container", "layer")


def slim_styles(app: Sphinx, exception: Exception | None) -> None:
    """Leave out of every style sheet what is for no page: most of the theme's, and its icons."""
    if exception:
        return
    words = words_of(Path(app.outdir))
    for path in Path(app.outdir, "_static").rglob("*.css"):
        path.write_text(slim(path.read_text("utf-8"), words), "utf-8")


def words_of(site: Path) -> set[str]:
    """Return every word of pages and scripts; the classes that are used are among them."""
    scripts = (path.read_text("utf-8") for path in site.joinpath("_static").rglob("*.js"))
    return {word for text in (all_pages(site), *scripts) for word in re.findall(r"[\w-]+", text)}


def all_pages(site: Path) -> str:
    """Return every page, one after the other."""
    return "\n".join(path.read_text("utf-8") for path in site.rglob("*.html"))


def slim(style: str, words: set[str]) -> str:
    """Return a style sheet without selectors that ask for a class or an id which is no word."""
    return "\n".join(slim_rules(tinycss2.parse_stylesheet(style, True, True), words))


def slim_rules(rules: Iterable[Node], words: set[str]) -> Iterator[str]:
    """Yield the rules that are left."""
    for rule in rules:
        if isinstance(rule, QualifiedRule):
            kept = [selector for selector in selectors(rule.prelude) if names(selector) <= words]
            if kept:
                told = ",".join(tinycss2.serialize(selector).strip() for selector in kept)
                yield f"{told}{{{tinycss2.serialize(rule.content).strip()}}}"
        elif isinstance(rule, AtRule) and rule.at_keyword in GROUPS and rule.content is not None:
            inner = tinycss2.parse_rule_list(rule.content, True, True)
            if left := "\n".join(slim_rules(inner, words)):
                yield f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{left}}}"
        else:
            yield rule.serialize()


def selectors(prelude: list[Node]) -> list[list[Node]]:
    """Return the selectors between the commas."""
    found: list[list[Node]] = [[]]
    for token in prelude:
        if token == ",":
            found.append([])
        else:
            found[-1].append(token)
    return found


def names(selector: list[Node]) -> set[str]:
    """Return the classes and ids that elements must have; `:not(.this)` asks for none."""
    found = {token.value for token in selector if isinstance(token, HashToken)}
    for before, token in pairwise(selector):
        if before == "." and isinstance(token, IdentToken):
            found.add(token.value)
    return {name for name in found if not COMPOSED.match(name)}


#: A link to a style sheet, as Beautiful Soup writes it.
SHEET = re.compile(r'<link href="([^"?]+\.css)[^"]*" rel="stylesheet"[^>]*/>\n?')
#: What a style sheet asks for, unless it holds it.
ASKED = re.compile(r"""url\((["']?)(?!data:|#)([^"')]+)\1\)""")


def join_styles(app: Sphinx, exception: Exception | None) -> None:
    """Give each page one style sheet in place of twelve, each of which it would wait for."""
    if exception:
        return
    static = Path(app.outdir, "_static")
    for name in app.written_pages:  # type: ignore[attr-defined]
        page = Path(app.builder.get_outfilename(name))  # type: ignore[attr-defined]
        page.write_text(with_one_sheet(page.read_text("utf-8"), page.parent, static), "utf-8")
    pages = all_pages(Path(app.outdir))
    for sheet in static.glob("joined-*.css"):  # of an earlier build
        if sheet.name not in pages:
            sheet.unlink()


def with_one_sheet(page: str, folder: Path, static: Path) -> str:
    """Return a page with a link to one style sheet, which is written."""
    sheets = [folder / unquote(link) for link in SHEET.findall(page)]
    if not sheets:
        return page
    style = "\n".join(from_folder(sheet.resolve(), static.resolve()) for sheet in sheets)
    target = static / f"joined-{hashlib.sha256(style.encode()).hexdigest()[:12]}.css"
    target.write_text(style, "utf-8")
    address = os.path.relpath(target, folder).replace(os.sep, "/")
    one = f'<link href="{address}" rel="stylesheet"/>\n'
    before, after = SHEET.split(page, maxsplit=1)[::2]
    return before + one + SHEET.sub("", after)


def from_folder(sheet: Path, folder: Path) -> str:
    """Return a style sheet that asks for files as from another folder."""
    place = sheet.parent.relative_to(folder).as_posix()
    return ASKED.sub(
        lambda asked: f"url({posixpath.normpath(posixpath.join(place, asked[2]))})",
        sheet.read_text("utf-8"),
    )


# --- fonts ---

#: The fonts of formulas in a line of text, and where in a page the letters stand that they draw.
FORMULA_FONTS = {
    "Main-Regular": r"(?s).+",
    "Math-Italic": r'(?<=mathnormal")[^>]*>[^<]*',
    "Size1-Regular": r'(?:(?<=small-op")|(?<=sizing size1"))[^>]*>[^<]*',  # sums, parentheses
}
#: Large ones that some formulas need a letter or two of.
RARE_FONTS = ("AMS-Regular", "Main-Bold")

#: Runs before the text is there: who learns of a font from the text has drawn it without.
LOAD_FONTS = """\
for (const font of ["KaTeX_Main", "KaTeX_Size1"]) document.fonts.load(`1em ${font}`);
document.fonts.load("italic 1em KaTeX_Math");"""


def slim_formula_fonts(app: Sphinx, exception: Exception | None) -> None:
    """Leave in large fonts what pages need; put those of a line into the style sheet.

    Fonts that come after the text would move it; the style sheet comes before.
    """
    folder = Path(app.outdir, "_static", "katex")
    if exception or not folder.is_dir():
        return
    pages = all_pages(Path(app.outdir))
    for name in RARE_FONTS:
        font = folder / f"fonts/KaTeX_{name}.woff2"
        font.write_bytes(font_with(set(pages), font))
    style = folder / "katex.min.css"
    text = style.read_text("utf-8")
    for name, where in FORMULA_FONTS.items():
        address = f"fonts/KaTeX_{name}.woff2"
        letters = set("".join(re.findall(where, pages)))
        if not letters:  # no browser reads a font without any
            continue
        content = base64.b64encode(font_with(letters, folder / address)).decode()
        text = text.replace(f"url({address})", f"url(data:font/woff2;base64,{content})")
    style.write_text(text, "utf-8")


def font_with(letters: set[str], path: Path) -> bytes:
    """Return a font with these letters alone."""
    options = subset.Options(flavor="woff2", layout_features=[], notdef_outline=True)
    cutter = subset.Subsetter(options)
    cutter.populate(text="".join(letters))
    made = io.BytesIO()
    with subset.load_font(str(path), options) as font:
        cutter.subset(font)
        subset.save_font(font, made, options)
    return made.getvalue()


def setup(app: Sphinx) -> dict[str, Any]:
    """Register it with Sphinx, after all pages are written and mended."""
    app.add_js_file(None, body=LOAD_FONTS)
    for finish in (slim_pictures, slim_styles, slim_formula_fonts, join_styles):
        app.connect("build-finished", finish, priority=700)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
