"""Cut the theme's icon fonts down to the icons that the pages show.

The theme brings some two thousand icons in 300 kB. The pages show about twenty.
"""

from __future__ import annotations

import re
from pathlib import Path

import pydata_sphinx_theme
from fontTools import subset
from sphinx.application import Sphinx

FONTS = "vendor/fontawesome/webfonts"
ORIGINALS = Path(pydata_sphinx_theme.__file__).parent / "theme/pydata_sphinx_theme/static" / FONTS

# .fa-bars:before,.fa-navicon:before{content:"\f0c9"}
NAMED_ICON = re.compile(r'((?:\.fa-[\w-]+::?before,?)+)\{content:"\\([0-9a-f]+)"\}')
# Elsewhere a style writes the code in the same way, or the character itself.
CODE = re.compile(r'"\\(f[0-9a-f]{3})"')
CHARACTER = re.compile("[\uf000-\uf8ff]")


def slim_icon_fonts(app: Sphinx, exception: Exception | None) -> None:
    """Keep the icons whose class a page or script names, and those that a style names itself."""
    folder = Path(app.outdir, "_static", FONTS)
    if exception or not folder.is_dir():
        return
    codes = icons_shown(Path(app.outdir))
    for font in folder.glob("*.woff2"):
        # From the theme's own file, since an earlier build may have dropped what this one needs.
        options = subset.Options(flavor="woff2", layout_features=[], notdef_outline=True)
        original = subset.load_font(str(ORIGINALS / font.name), options)
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=codes)
        cutter.subset(original)
        subset.save_font(original, str(font), options)


def icons_shown(site: Path) -> set[int]:
    """Return the code points of all icons that the built site may show."""
    styles = "\n".join(path.read_text("utf-8") for path in site.glob("_static/**/*.css"))
    rest = NAMED_ICON.sub("", styles)
    codes = {int(code, 16) for code in CODE.findall(rest)} | set(map(ord, CHARACTER.findall(rest)))
    names = set()
    for path in (
        *site.rglob("*.html"),
        *site.glob("_static/*.js"),
        *site.glob("_static/scripts/*.js"),
    ):
        names.update(re.findall(r"\bfa-[\w-]+", path.read_text("utf-8")))
    for selectors, code in NAMED_ICON.findall(styles):
        if names & set(re.findall(r"fa-[\w-]+", selectors)):
            codes.add(int(code, 16))
    return codes
