"""Cuts pictures between their panels, so that on a phone these stand one below the other."""

from __future__ import annotations

from itertools import groupby, pairwise
from pathlib import Path
from urllib.parse import unquote

from bs4 import BeautifulSoup, Tag
from PIL import Image

#: Shares of a picture's width: the least blank strip between panels, and the least panel.
GAP, PANEL = 0.008, 0.25
BLANK = 250  # of 255: white, as rounded


def stack_panels(soup: BeautifulSoup, page: Path) -> None:
    """Put each picture's panels beside each other, as they were, in a box that can stack them."""
    for image in soup.select("article figure img[src$='.png']"):
        path = page.parent / unquote(str(image["src"]))
        edges = panel_edges(path) if path.is_file() else []
        if len(edges) > 2:
            box = soup.new_tag("span", attrs={"class": "picture-panels"})
            image.insert_before(box)
            for number, panel in enumerate(cut(path, edges), 1):
                box.append(shown(image, panel, number, edges[-1]))
            image.extract()


def panel_edges(path: Path) -> list[int]:
    """Return where the panels of a picture begin and end, in pixels.

    A panel's labels stand left of it: so it is cut at the first blank strip after each panel, if
    another panel follows.
    """
    with Image.open(path) as picture:
        ink = picture.convert("L").point(lambda level: 255 * (level < BLANK))
        width = picture.width
    filled, _ = ink.getprojection()
    pieces = []  # (begin, end, whether it is blank), narrow blank strips counting as filled
    at = 0
    for is_filled, columns in groupby(filled):
        begin, at = at, at + len(list(columns))
        is_blank = not is_filled and at - begin >= GAP * width
        if pieces and not is_blank and not pieces[-1][2]:
            begin = pieces.pop()[0]
        pieces.append((begin, at, is_blank))
    least = PANEL * width
    panels = [k for k, (b, e, is_blank) in enumerate(pieces) if not is_blank and e - b > least]
    cuts = [(pieces[k + 1][0] + pieces[k + 1][1]) // 2 for k in panels[:-1]]
    return [0, *cuts, width]


def cut(path: Path, edges: list[int]) -> list[Path]:
    """Write each panel into a file of its own, beside the picture."""
    found = []
    with Image.open(path) as picture:
        for number, (left, right) in enumerate(pairwise(edges), 1):
            found.append(path.with_name(f"{path.stem}-{number}.png"))
            picture.crop((left, 0, right, picture.height)).save(found[-1])
    return found


def shown(image: Tag, panel: Path, number: int, width: int) -> Tag:
    """Return the image of one panel, as wide as in the picture; the first one speaks for all."""
    made = BeautifulSoup(str(image), "html.parser").img
    made["src"] = f"{str(image['src']).rpartition('/')[0]}/{panel.name}"
    with Image.open(panel) as picture:
        made["width"], made["height"] = map(str, picture.size)
        made["style"] = f"width: {picture.width / width:.2%}"
    if number > 1:
        made["alt"], made["role"] = "", "presentation"
    return made
