"""The built pages, read as files: links, pictures, headings, and nothing from other hosts."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup, Tag

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_build" / "html"

# Text in these is code or a formula's own source, not prose that failed to be rendered.
NOT_PROSE = "pre, code, dt.sig, script, style, .katex"
RAW_MATH = re.compile(r"\$[^$\n]+\$|\$\$|\\\(|\\\[|\\begin\{")
RAW_ROLE = re.compile(r"\{(glue|eq|numref|ref|cite|doc|prf|term|math)(:\w*)*\}|:::|```")
FILE_PATH = re.compile(r"^\S*\.(png|svg|jpe?g|gif|webp)$|_images/", re.IGNORECASE)
SHORTEST_ALT = 10
MOST_ELEMENTS = 12_000  # chapters have up to 9,000


@dataclass
class Page:
    """One HTML page of the site."""

    path: Path
    html: str

    @cached_property
    def soup(self) -> BeautifulSoup:
        return BeautifulSoup(self.html, "html.parser")

    @cached_property
    def anchors(self) -> set[str]:
        """Whatever a link may end with after #."""
        named = {str(tag["name"]) for tag in self.soup.select("a[name]")}
        return named | {str(tag["id"]) for tag in self.soup.select("[id]")}

    @cached_property
    def prose(self) -> str:
        """The article's text without code and formulas."""
        article = self.soup.select_one("article")
        if article is None:
            return ""
        others = {id(tag) for tag in article.select(NOT_PROSE)}
        texts = article.find_all(string=True)
        return "".join(text for text in texts if others.isdisjoint(map(id, text.parents)))


# --- checks: each takes a page and names its faults ---


def broken_links(page: Page, others: dict[Path, Page]) -> list[str]:
    """Links and files that are not there, within the site."""
    found = []
    for tag, url in references(page.soup):
        address, fragment = urldefrag(url)
        target = page.path
        if address:
            target = (page.path.parent / unquote(urlsplit(address).path)).resolve()
        if not target.is_file() and target != page.path:
            found.append(f"<{tag.name}> to {url}: no such file")
        elif fragment and target in others and unquote(fragment) not in others[target].anchors:
            found.append(f"<{tag.name}> to {url}: no such place")
    return found


def references(soup: BeautifulSoup) -> list[tuple[Tag, str]]:
    """Every address within the site that the page names, with the tag that names it."""
    found = [(tag, str(tag["href"])) for tag in soup.select("a[href], link[href]")]
    found += [(tag, str(tag["src"])) for tag in soup.select("[src]")]
    return [(tag, url) for tag, url in found if not is_external(url)]


def is_external(url: str) -> bool:
    """Whether an address leads out of the site; a bare # is a button in disguise."""
    return url == "#" or url.startswith("//") or bool(urlsplit(url).scheme)


def foreign_hosts(page: Page) -> list[str]:
    """What the browser would fetch from elsewhere; a link that a reader may follow is none."""
    fetched = [str(tag["src"]) for tag in page.soup.select("[src]")]
    fetched += [str(tag["srcset"]) for tag in page.soup.select("[srcset]")]
    fetched += [str(tag["href"]) for tag in page.soup.select('link[href]:not([rel="canonical"])')]
    fetched += [str(tag["data"]) for tag in page.soup.select("object[data]")]
    fetched += style_addresses("".join(tag.get_text() for tag in page.soup.select("style")))
    fetched += style_addresses(" ".join(str(tag["style"]) for tag in page.soup.select("[style]")))
    return [url for url in fetched if urlsplit(url).netloc]


def style_addresses(style: str) -> list[str]:
    """Return the addresses that a style sheet names."""
    urls = re.findall(r"""url\(\s*['"]?([^'")]+)""", style)
    return urls + re.findall(r"""@import\s+['"]([^'"]+)""", style)


def poor_alternatives(page: Page) -> list[str]:
    """Pictures that a listener would learn nothing from."""
    return [
        f"{image.get('src')}: alt is {image.get('alt')!r}"
        for image in page.soup.select("img")
        if image.get("role") not in ("presentation", "none")
        and (
            len(str(image.get("alt", "")).strip()) < SHORTEST_ALT
            or FILE_PATH.search(str(image.get("alt")))
        )
    ]


def uncaptioned_figures(page: Page) -> list[str]:
    """Pictures that a cell drew and no caption explains."""
    found = []
    for image in page.soup.select(".cell_output img, article figure img"):
        figure = image.find_parent("figure")
        caption = figure and figure.select_one("figcaption")
        if not caption or len(caption.get_text(strip=True)) < SHORTEST_ALT:
            found.append(f"{image.get('src')}: no caption")
    return found


def unsized_images(page: Page) -> list[str]:
    """Pictures that make the text jump when they arrive."""
    return [
        f"{image.get('src')}: no width and height"
        for image in page.soup.select("article img")
        if not (image.get("width") and image.get("height"))
    ]


def faulty_head(page: Page) -> list[str]:
    """Language, title, description and main heading: one each."""
    found = []
    if page.soup.html is None or not page.soup.html.get("lang"):
        found.append("no language")
    if not (page.soup.title and page.soup.title.get_text(strip=True)):
        found.append("no title")
    descriptions = page.soup.select('meta[name="description"]')
    if len(descriptions) != 1 or not str(descriptions[0].get("content", "")).strip():
        found.append(f"{len(descriptions)} descriptions, or an empty one")
    headings = len(page.soup.select("h1"))
    if headings != 1:
        found.append(f"{headings} main headings")
    return found


def repeated_names(page: Page) -> list[str]:
    """Names that stand twice on the page: a link, a label or a clip then finds the wrong one."""
    names = Counter(str(tag["id"]) for tag in page.soup.select("[id]"))
    return [f"{count} times #{name}" for name, count in names.items() if count > 1]


def raw_markup(page: Page) -> list[str]:
    """Formulas, roles and fences that were printed rather than rendered."""
    found = [f"raw: {match.group()!r}" for match in RAW_MATH.finditer(page.prose)]
    found += [f"raw: {match.group()!r}" for match in RAW_ROLE.finditer(page.prose)]
    if page.soup.select(".katex-error"):
        found.append("a formula that KaTeX cannot read")
    return found


def weight(page: Page) -> list[str]:
    """What a slow phone would wait for: style sheets one after the other, a page too long."""
    sheets = [str(link["href"]) for link in page.soup.select('link[rel="stylesheet"]')]
    length = len(page.soup.find_all(True))
    return sheets[1:] + ([f"{length} elements"] if length > MOST_ELEMENTS else [])


CHECKS = [
    foreign_hosts,
    poor_alternatives,
    uncaptioned_figures,
    unsized_images,
    faulty_head,
    repeated_names,
    raw_markup,
    weight,
]


# --- the site ---


@pytest.fixture(scope="module")
def pages() -> dict[Path, Page]:
    paths = [path for path in SITE.rglob("*.html") if "_static" not in path.parts]
    if not paths:
        pytest.fail(f"there is no site in {SITE}: run make site", pytrace=False)
    return {path.resolve(): Page(path.resolve(), path.read_text("utf-8")) for path in paths}


def faults(pages: dict[Path, Page], check) -> list[str]:
    return [
        f"{path.relative_to(SITE.resolve())}: {fault}"
        for path, page in pages.items()
        for fault in check(page)
    ]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_pages_have_no(check, pages):
    found = faults(pages, check)
    assert not found, "\n".join(found)


def test_links_lead_somewhere(pages):
    found = faults(pages, lambda page: broken_links(page, pages))
    assert not found, "\n".join(found)


def test_every_page_of_the_contents_is_built(pages):
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    names = [toc["root"], *(page["file"] for part in toc["parts"] for page in part["chapters"])]
    missing = [name for name in names if (SITE / f"{name}.html").resolve() not in pages]
    assert not missing


def test_titles_differ_and_name_the_book_once(pages):
    titles = [page.soup.title.get_text() for page in pages.values() if page.soup.title]
    # The entrance only leads on to the first page and shares its title.
    assert len(set(titles)) >= len(titles) - 1
    assert [
        title for title in titles if title.count("Mini-batch gradient descent, measured") > 1
    ] == []


def test_first_page_has_one_way_in_and_says_how_long_chapters_take(pages):
    first = pages[(SITE / "book" / "index.html").resolve()].soup
    starts = [button["href"] for button in first.select(".sd-btn")]
    assert starts == ["../notebooks/01_gradient_descent_basics.html"]
    for row in first.select("table tbody tr:has(a)"):
        link, minutes = row.a["href"], row.select("td")[-1].get_text()
        chapter = pages[(SITE / "book" / link).resolve()].prose
        assert re.search(rf"Time\. {minutes} minutes", chapter), link


def test_pages_say_their_version(pages):
    signed = [page for page in pages.values() if "Version " in page.html]
    # The entrance, and what is shown where nothing lies, are plain.
    assert len(signed) >= len(pages) - 2


def test_hosts_serve_the_site_as_it_is():
    assert (SITE / ".nojekyll").exists()
    assert (SITE / "404.html").exists()


def test_style_sheets_name_only_files_that_are_there(pages):
    found = []
    for sheet in SITE.rglob("*.css"):
        for url in style_addresses(sheet.read_text("utf-8")):
            if url.startswith(("data:", "#", "%23")):
                continue
            if is_external(url) or not (sheet.parent / urlsplit(url).path).resolve().is_file():
                found.append(f"{sheet.relative_to(SITE)}: {url}")
    assert not found, "\n".join(found)


# --- the checks themselves: each must find its fault ---

GOOD = """<!DOCTYPE html><html lang="en"><head><title>Title</title>
<meta name="description" content="What it is about"></head><body><article>
<h1 id="top">Heading</h1><a href="#top">here</a> <a href="https://example.org/">there</a>
<div class="cell_output"><figure><img src="a.png" alt="A line that falls to zero"
width="2" height="1"><figcaption>The loss falls.</figcaption></figure></div>
<pre>print("$x$ {glue:text}")</pre></article></body></html>"""


def page_with(old: str = "", new: str = "") -> Page:
    assert old in GOOD
    return Page(Path("/site/page.html"), GOOD.replace(old, new, 1))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_good_page_passes(check):
    assert check(page_with()) == []


@pytest.mark.parametrize(
    ("check", "old", "new"),
    [
        (foreign_hosts, "</head>", '<script src="https://cdn.example/x.js"></script></head>'),
        (foreign_hosts, "</head>", '<script src="//cdn.example/x.js"></script></head>'),
        (foreign_hosts, "</head>", '<link rel="preconnect" href="https://fonts.example"></head>'),
        (foreign_hosts, "</head>", "<style>a{background:url(https://x.example/a)}</style></head>"),
        (foreign_hosts, "</head>", "<style>@import 'https://x.example/a.css';</style></head>"),
        (foreign_hosts, "<pre>", '<iframe src="https://video.example"></iframe><pre>'),
        (poor_alternatives, "A line that falls to zero", ""),
        (poor_alternatives, "A line that falls to zero", "../_images/0123456789abcdef.png"),
        (poor_alternatives, "A line that falls to zero", "plot"),
        (uncaptioned_figures, "The loss falls.", ""),
        (uncaptioned_figures, "<figcaption>The loss falls.</figcaption>", ""),
        (unsized_images, 'width="2"', ""),
        (faulty_head, ' lang="en"', ""),
        (faulty_head, "Title", ""),
        (faulty_head, "What it is about", ""),
        (faulty_head, "<h1 ", "<h2 "),
        (faulty_head, "<pre>", "<h1>Another</h1><pre>"),
        (repeated_names, "<pre>", '<pre id="top">'),
        (raw_markup, "Heading", "The rate $x^2$"),
        (raw_markup, "Heading", r"The rate \begin{aligned}"),
        (raw_markup, "Heading", "The {glue:text}`rate`"),
        (raw_markup, "Heading", "See {eq}`step`"),
        (raw_markup, "Heading", "::: predict"),
        (raw_markup, "<pre>", '<span class="katex-error">x</span><pre>'),
        (
            weight,
            "</head>",
            '<link rel="stylesheet" href="a"/><link rel="stylesheet" href="b"/></head>',
        ),
        (weight, "<pre>", "<b></b>" * 12_000 + "<pre>"),
    ],
)
def test_a_fault_is_found(check, old, new):
    assert check(page_with(old, new))


@pytest.mark.parametrize("link", ["missing.html", "#missing", "other.html#missing"])
def test_a_broken_link_is_found(link, tmp_path):
    page, other = tmp_path / "page.html", tmp_path / "other.html"
    site = {path: Page(path, GOOD) for path in (page, other)}
    for path in site:
        path.write_text(GOOD)
    (tmp_path / "a.png").touch()
    assert broken_links(site[page], site) == []
    site[page] = Page(page, GOOD.replace("#top", link))
    assert len(broken_links(site[page], site)) == 1
