"""Text of students made harmless: to be read in a line or on a page, or put into a table."""

import re
import unicodedata

LONGEST_LINE = 300  # letters of what a person reads in a line
LONGEST_ON_PAGE = 1_000_000
LONGEST_CELL = 30_000  # letters; Excel takes 32,767
# A spreadsheet of another language may split cells at another sign, inside quotes, too.
FORMULA = re.compile(r"((?:^|[,;|\n])(?:[^\S\n]|\")*)(?=[=+\-@＝＋－＠])")


def printable(text: object, keep: str = "", most: int = LONGEST_LINE) -> str:
    r"""Text, cut, in which all that steers a terminal or breaks a file is spelled out: \x1b."""
    safe = "".join(
        letter
        if letter.isprintable() or letter in keep or unicodedata.category(letter) == "Zs"
        else ascii(letter)[1:-1]
        for letter in str(text)[: most + 1]
    )
    return safe if len(safe) <= most else f"{safe[: most - 1]}…"


def on_page(value: object) -> str:
    """Text of several lines, as a page can hold it."""
    return printable(value, "\n\t", LONGEST_ON_PAGE)


def harmless(value: object) -> str:
    """A cell that no spreadsheet takes for a formula; a harmless one stays as it is."""
    return FORMULA.sub(r"\1'", printable(value, keep="\n", most=LONGEST_CELL))
