"""The site's own Sphinx extension, piece by piece."""

from __future__ import annotations

import base64
import io
import re
import shutil
import socket
from pathlib import Path
from threading import Timer
from types import SimpleNamespace

import course_site
import html_mends
import page_frame
import page_weight
import pytest
import section_search
from bs4 import BeautifulSoup
from docutils import nodes
from docutils.core import publish_doctree
from fontTools.ttLib import TTFont
from PIL import Image, ImageChops

ROOT = Path(__file__).parents[1]


def soup(html: str) -> BeautifulSoup:
    return BeautifulSoup(html, "html.parser")


@pytest.mark.parametrize(
    ("mend", "before", "after"),
    [
        (
            html_mends.drop_unused_scripts,
            '<script src="_static/scripts/fontawesome.js?x"></script><script src="a.js"></script>',
            '<script src="a.js"></script>',
        ),
        (
            html_mends.say_title_once,
            "<head><title>Book — Book</title></head>",
            "<head><title>Book</title></head>",
        ),
        (
            html_mends.say_title_once,
            "<head><title>Page — Book</title></head>",
            "<head><title>Page — Book</title></head>",
        ),
        (
            html_mends.name_folded_numbers,
            '<details class="hide"><summary><p>Show the code</p></summary>'
            '<div class="cell_output"></div></details>',
            '<details class="hide"><summary><p>Show the numbers and their code</p></summary>'
            '<div class="cell_output"></div></details>',
        ),
        (
            html_mends.link_pictures,
            '<article><figure><img src="a.png"/></figure><img src="b.png"/></article>',
            '<article><figure><a class="picture" href="a.png" title="Open large">'
            '<img src="a.png"/></a></figure><img src="b.png"/></article>',
        ),
        (
            html_mends.drop_repeated_viewports,
            '<meta name="viewport" content="1"/><meta name="viewport" content="2"/>',
            '<meta content="1" name="viewport"/>',
        ),
        (
            html_mends.settle_theme,
            '<html data-theme="auto"><head><script data-cfasync="false"></script></head></html>',
            f'<html data-theme="light"><head>{html_mends.COLOUR_SCHEME}'
            '<script data-cfasync="false"></script>'
            f"<script>{html_mends.SETTLE}</script></head></html>",
        ),
        (
            html_mends.drop_lone_applications,
            "<msub><mi>w</mi><mi>max</mi><mo>\u2061</mo></msub><mi>log</mi><mo>\u2061</mo>",
            "<msub><mi>w</mi><mi>max</mi></msub><mi>log</mi><mo>\u2061</mo>",
        ),
        (
            html_mends.defer_scripts,
            '<script src="a.js"></script><script>b</script>',
            '<script defer src="a.js"></script><script>b</script>',
        ),
        (
            html_mends.defer_scripts,
            '<link rel="preload" as="script" href="a.js"/><link rel="preload" as="font" href="f"/>',
            '<link rel="preload" as="font" href="f"/>',
        ),
        (
            html_mends.link_base_style,
            '<link href="../_static/styles/theme.css?digest=1"/>',
            '<link href="../_static/basic.css"/>',
        ),
        (
            html_mends.drop_unused_formula_style,
            '<link href="katex/katex.min.css?v=1"/><link href="a.css"/>',
            '<link href="a.css"/>',
        ),
        (
            html_mends.drop_unused_formula_style,
            '<link href="katex/katex.min.css"/><span class="katex"></span>',
            '<link href="katex/katex.min.css"/><span class="katex"></span>',
        ),
        (
            html_mends.name_by_visible_text,
            '<button aria-label="Search" class="search-button-field" title="Search">Find</button>',
            '<button class="search-button-field">Find</button>',
        ),
        (
            html_mends.name_by_visible_text,
            '<summary aria-label="Toggle hidden content">Answer</summary>',
            "<summary>Answer</summary>",
        ),
        (
            html_mends.name_by_visible_text,
            '<i class="theme-switch" title="Light"></i>',
            '<i aria-hidden="true" class="theme-switch"></i>',
        ),
        (
            html_mends.mark_landmarks,
            '<div id="pst-primary-sidebar"></div>',
            '<div aria-label="Book" id="pst-primary-sidebar" role="complementary"></div>',
        ),
        (
            html_mends.mark_references,
            '<div class="citation-list"><a id="x"></a><div role="doc-biblioentry">B</div></div>',
            '<div class="citation-list"><div role="listitem">B</div></div>',
        ),
        (
            html_mends.unlist_arguments,
            '<dl><dt class="sig">f(<dl><dd>x,</dd></dl>)</dt><dd>Doc</dd></dl>',
            '<dl><dt class="sig">f(<div class="sig-arguments"><div>x,</div></div>)</dt>'
            "<dd>Doc</dd></dl>",
        ),
        (
            html_mends.drop_print_head,
            '<div id="jb-print-docs-body"><h1>A</h1></div><article><h1>A</h1></article>',
            "<article><h1>A</h1></article>",
        ),
    ],
)
def test_mend(mend, before, after):
    page = soup(before)
    mend(page)
    assert page == soup(after)
    mend(page)  # a page that is mended already stays as it is
    assert page == soup(after)


@pytest.fixture
def picture(tmp_path):
    Image.new("L", (30, 20)).save(tmp_path / "a picture.png")
    return '<article><img src="a%20picture.png"/><img src="a%20picture.png"/></article>'


def test_images_get_their_size(tmp_path, picture):
    page = soup(picture)
    html_mends.size_images(page, tmp_path / "page.html")
    for image in page.select("img"):
        assert (image["width"], image["height"], image["loading"]) == ("30", "20", "lazy")


@pytest.mark.parametrize("own", ['width="3"', 'style="width: 50%"'])
def test_a_chosen_size_is_kept(tmp_path, picture, own):
    page = soup(picture.replace("<img", f"<img {own}"))
    html_mends.size_images(page, tmp_path / "page.html")
    assert not page.img.has_attr("height")


def test_pictures_lose_bytes_and_keep_their_look(tmp_path):
    folder = tmp_path / "_images"
    folder.mkdir()
    ramp = Image.linear_gradient("L").convert("RGB")
    ramp.save(folder / "ramp.png")
    see_through = Image.new("RGBA", (4, 4), (0, 0, 0, 90))
    see_through.save(folder / "see_through.png")
    page_weight.slim_pictures(SimpleNamespace(outdir=tmp_path), None)
    with Image.open(folder / "ramp.png") as slim:
        assert slim.mode == "P"
        difference = ImageChops.difference(slim.convert("RGB"), ramp)
    assert max(high for _, high in difference.getextrema()) <= 2
    with Image.open(folder / "see_through.png") as kept:
        assert kept.mode == "RGBA"


def test_formula_fonts_come_with_the_style_sheet_and_hold_what_pages_need(tmp_path):
    source = ROOT / "book" / "_static" / "katex" / "fonts" / "KaTeX_Math-Italic.woff2"
    fonts = tmp_path / "_static" / "katex" / "fonts"
    shutil.copytree(source.parent, fonts)
    style = fonts.parent / "katex.min.css"
    others = "b{src:url(fonts/KaTeX_AMS-Regular.woff2)}c{src:url(fonts/KaTeX_Size1-Regular.woff2)}"
    style.write_text(f"a{{src:url(fonts/KaTeX_Math-Italic.woff2)}}{others}")
    (tmp_path / "page.html").write_text('<p>zebra ≲</p><span class="mord mathnormal">xy</span>')
    page_weight.slim_formula_fonts(SimpleNamespace(outdir=tmp_path), None)
    embedded = re.fullmatch(
        rf"a\{{src:url\(data:font/woff2;base64,(.*)\)\}}{re.escape(others)}", style.read_text()
    )
    font = TTFont(io.BytesIO(base64.b64decode(embedded[1])))
    assert set(map(ord, "xy")) <= set(font.getBestCmap())
    assert ord("z") not in font.getBestCmap()
    assert len(embedded[1]) < source.stat().st_size / 4
    rare = TTFont(fonts / "KaTeX_AMS-Regular.woff2").getBestCmap()
    assert ord("≲") in rare
    assert ord("≪") not in rare


STYLE = """.used, .unused { a: b }
.used.unused { c: d }
.used:not(.unused) > p { e: f }
#unused { g: h }
p { background: url(a.png) }
.bs-tooltip-top { i: j }
@media print { .unused { k: l } }
@media print { .used, .unused-too { m: n } }
@font-face { font-family: F }
@keyframes k { from { o: p } }
"""


def test_styles_keep_what_a_page_or_a_script_may_use():
    slim = page_weight.slim(STYLE, {"used", "p"})
    rules = [re.sub(r"\s+", " ", rule) for rule in slim.splitlines()]
    assert rules == [
        ".used{a: b}",
        ".used:not(.unused) > p{e: f}",
        "p{background: url(a.png)}",
        ".bs-tooltip-top{i: j}",
        "@media print {.used{m: n}}",
        "@font-face { font-family: F }",
        "@keyframes k { from { o: p } }",
    ]


def test_a_page_has_one_style_sheet_which_finds_what_the_others_asked_for(tmp_path):
    static, folder = tmp_path / "_static", tmp_path / "pages"
    (static / "theme").mkdir(parents=True)
    folder.mkdir()
    (static / "theme" / "a.css").write_text("a { b: url(../f.woff2) url(data:x) url('g.png') }")
    (static / "b.css").write_text("c { d: url(#e) }")
    links = (
        '<link href="../_static/theme/a.css?v=1" rel="stylesheet"/>\n<link href="x" rel="next"/>\n'
        '<link href="../_static/b.css" rel="stylesheet" type="text/css"/>\n'
    )
    page = page_weight.with_one_sheet(f"<head>{links}</head>", folder, static)
    name, rest = re.fullmatch(
        r'<head><link href="../_static/(joined-\w+.css)" rel="stylesheet"/>\n(.*)', page, re.S
    ).groups()
    assert rest == '<link href="x" rel="next"/>\n</head>'
    assert (static / name).read_text() == (
        "a { b: url(f.woff2) url(data:x) url(theme/g.png) }\nc { d: url(#e) }"
    )


def test_what_inline_scripts_need_stands_in_the_page(tmp_path):
    (tmp_path / "documentation_options.js").write_text("const a = 1 < 2;")
    page = soup('<script src="documentation_options.js?v=1"></script><script src="b.js"></script>')
    html_mends.hold_options(page, tmp_path / "page.html")
    assert str(page) == '<script>const a = 1 < 2;</script><script src="b.js"></script>'


def test_an_image_elsewhere_is_left_alone(tmp_path):
    page = soup('<article><img src="https://example.org/a.png"/></article>')
    html_mends.size_images(page, tmp_path / "page.html")
    assert not page.img.has_attr("width")


def test_mending_keeps_text_code_and_formulas():
    html = "<pre>a &lt; b &amp; c\n  d</pre><math><mi>η</mi></math>"
    page = soup(html)
    html_mends.mend(page, Path("page.html"))
    assert str(page) == html


# --- what the search looks through ---


def test_sections_are_told_apart_and_say_what_can_be_read():
    page = soup("""<article class="bd-article">
        <section id="top">
        <h1>1. A<a class="headerlink">#</a></h1>
        <p>At <span class="katex"><span class="katex-mathml">x</span>λ\u200bmax</span> rows</p>
        <details class="sd-dropdown"><p>The answer</p></details>
        <section id="deep">
        <h2>B</h2>
        <div class="highlight"><pre>x = 1</pre></div>
        <div class="cell_output">2</div>
        </section>
        <p>After</p>
        </section>
        <section id="functions">
        <h1>C</h1>
        <dl class="py"><dt class="sig" id="m.f">m.f(x)</dt><dd>Does.</dd></dl>
        </section></article>""")
    assert section_search.sections_of(page) == [
        ("", "1. A", "At λmax rows After", ""),
        ("deep", "B", "", "x = 1"),
        ("functions", "C", "", ""),
        ("m.f", "m.f", "Does.", "m.f(x)"),
    ]


def test_a_page_without_an_article_has_no_sections():
    assert section_search.sections_of(soup("<p>Search</p>")) == []


# --- descriptions ---


def test_first_paragraph_is_that_of_the_text():
    doctree = publish_doctree(
        "Title\n=====\n\n.. note:: Not this.\n\nThe *first*\none.\n\nSecond.\n"
    )
    # A title alone is lifted out of its section; a page of the book keeps it.
    doctree.children = [section(doctree)]
    assert page_frame.first_paragraph(doctree) == "The first one."


def section(doctree):
    return nodes.section("", *[child.deepcopy() for child in doctree.children])


@pytest.mark.parametrize(
    ("text", "length", "short"),
    [("one two", 10, "one two"), ("one two", 7, "one two"), ("one two", 6, "one…"), ("", 5, "")],
)
def test_shortened(text, length, short):
    assert page_frame.shortened(text, length) == short
    assert len(short) <= length


# --- editions ---


def test_edition_names_the_commit_of_this_repository_alone(tmp_path):
    assert re.fullmatch(r"\d+\.\d+\.\d+", page_frame.edition(tmp_path))
    (tmp_path / ".git").touch()
    assert page_frame.edition.__wrapped__(tmp_path) == page_frame.edition(tmp_path)  # git fails
    if (ROOT / ".git").exists():
        commit = r"\d+\.\d+\.\d+, commit [0-9a-f]{7,} of \d{4}-\d{2}-\d{2}"
        assert re.fullmatch(commit, page_frame.edition(ROOT))


def test_nobody_is_sent_to_edit_what_the_build_makes():
    app = SimpleNamespace(config=SimpleNamespace(html_theme_options={}))
    for name, kept in (
        ("book/exercises/01", ["other"]),
        ("book/index", ["other", "source-edit-button"]),
    ):
        buttons = [{"label": "other"}, {"label": "source-edit-button"}]
        page_frame.sign_page(app, name, "page.html", {"header_buttons": buttons}, None)
        assert [button["label"] for button in buttons] == kept


# --- formulas ---


@pytest.fixture
def katex(monkeypatch, tmp_path):
    """A socket where KaTeX will listen; its process notes when it is killed."""
    process = SimpleNamespace(killed=False)
    process.kill = lambda: setattr(process, "killed", True)
    monkeypatch.setattr(course_site, "Popen", lambda *command, **options: process)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "katex.sock"))
        yield listener, process


def test_katex_may_take_a_while_to_listen(katex, tmp_path):
    listener, process = katex
    Timer(0.1, listener.listen).start()
    started, connection = course_site.start_katex(tmp_path, seconds=60)
    connection.close()
    assert started is process
    assert not process.killed


def test_katex_that_never_listens_is_ended(katex, tmp_path):
    with pytest.raises(course_site.katex.KaTeXError):
        course_site.start_katex(tmp_path, seconds=0.1)
    assert katex[1].killed
