"""What other master seeds make of a page's numbers, shown where the numbers stand.

    {glue:text}`limit`          a quoted number; where it depends on the seed, its range is at hand
    {holds}`fast < slow / 2`    the condition of the verdict before it, and where it holds
    {how-often}`fast < slow`    in how many worlds a condition holds, as words of the sentence
    {argued}`by algebra`        why no number decides the verdict before it
    {replicated}`numbers`       how many numbers of the course are replicated
    {replicated}`verdicts`      … how many conditions; `seeds`, `sweeps`: with how many other seeds,
                                and runs of the sweeps; `fallen`: how much did not hold

On the site the ranges appear under the pointer, a finger or the keyboard's focus; on paper they
stand in a note at the end of the section. All come from the folder `replications`.
"""

from __future__ import annotations

import math
import re
import sys
from collections import Counter
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from myst_nb.ext.glue.roles import PasteTextRole
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxRole

sys.path.insert(0, str(Path(__file__).parents[2]))  # the project's root

from replications import check, fallen, notebooks
from replications.values import Interval, holds, names_in, value_of


class replicated(nodes.inline):  # noqa: N801 (docutils names its nodes so)
    """A number of the text, with its range in `note`, and its place in the section's list."""


class verdict_mark(nodes.Element, nodes.Inline):  # noqa: N801
    """The mark behind a verdict: `text` is seen, `note` says what was compared."""


class range_list(nodes.Element, nodes.General):  # noqa: N801
    """For paper: the ranges of a section's numbers."""


@cache
def known(path: Path, *changed: float) -> tuple[check.Replications, dict[str, str]] | None:
    """Return a notebook's replications and its printed numbers; None if they are of other code."""
    if not check.comparable(path) or check.Replications.of(path).code != notebooks.checksum(
        notebooks.read(path)
    ):
        return None
    return check.Replications.of(path), notebooks.numbers_of(notebooks.read(path))


def replications_for(
    env: BuildEnvironment, document: str
) -> tuple[check.Replications, dict[str, str]] | None:
    """Return what is known of the numbers of a page, or of the page that it quotes from."""
    path = Path(env.relfn2path(document, env.docname)[1] if document else env.doc2path(env.docname))
    stored = notebooks.HERE / f"{path.stem}.json"
    if path.suffix != ".ipynb" or not stored.exists():
        return None
    for file in (path, stored):
        env.note_dependency(str(file))
    return known(path, path.stat().st_mtime_ns, stored.stat().st_mtime_ns)


def range_of(number: dict[str, Any]) -> str:
    """Say what became of a number in other worlds; nothing, if it is the same in all.

    Examples
    --------
    >>> range_of({"depends_on": "seed", "values": ["1.9", "2.3", "2.0"]})
    '3 other seeds: 1.9 to 2.3'
    """
    texts = number["values"]
    if number["depends_on"] == "nothing":
        return ""
    who = {"seed": "other seeds", "sweep": "other runs of the sweep"}[number["depends_on"]]
    values = [value_of(text) for text in texts]
    if all(isinstance(value, float) for value in values):
        pairs = zip(values, texts, strict=True)
        by_value = sorted((v, text) for v, text in pairs if not math.isnan(v))
        found = f"{by_value[0][1]} to {by_value[-1][1]}" if by_value else "nan"
        if len(set(texts)) == 1:
            found = texts[0]
        elif 0 < len(by_value) < len(texts):
            found += f", nan in {len(texts) - len(by_value)}"
    elif all(isinstance(value, Interval) for value in values):
        ends = [text.split(" to ") for text in texts]
        found = " and ".join(
            f"{min(side, key=value_of)} to {max(side, key=value_of)}"  # type: ignore[type-var]
            for side in zip(*ends, strict=True)
        )
        found = f"ends at {found}"
    else:
        found = ", ".join(f"{text} in {n}" for text, n in Counter(texts).most_common())
    return f"{len(texts)} {who}: {found}"


class QuotedNumber(PasteTextRole):
    """`{glue:text}`, with the number's range where it has one."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Wrap what MyST-NB makes of the role."""
        found, messages = super().run()
        document, _, name = self.text.rpartition("::")
        name = name.partition(":")[0]
        about = replications_for(self.document.settings.env, document)
        note = range_of(about[0].numbers[name]) if about and name in about[0].numbers else ""
        if note and found:
            found = [replicated("", "", *found, note=note)]
        return found, messages


class Condition(SphinxRole):
    """`{holds}` and `{how-often}`: evaluate a condition on the numbers of every world."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the mark, or the words, of the condition."""
        document, _, condition = self.text.rpartition("::")
        about = replications_for(self.env, document)
        if about is None:
            return [], []
        stored, printed = about
        try:
            here = holds(condition, printed)
            there = [holds(condition, world) for world in distinct_worlds(stored, condition)]
        except ValueError as error:
            return [], [self.inliner.reporter.warning(str(error), line=self.lineno)]
        if self.name == "how-often" and not there:
            message = f"{condition} depends on no seed: there is nothing to count"
            return [], [self.inliner.reporter.warning(message, line=self.lineno)]
        if self.name == "how-often":
            words = f"{sum(there)} of {len(there)}"
            return [replicated("", words, note=f"Counted by {condition}")], []
        return [mark_of(condition, here, there)], []


def distinct_worlds(stored: check.Replications, condition: str) -> list[dict[str, str]]:
    """Return the worlds in which the numbers of a condition were measured anew."""
    lengths = [len(stored.numbers[name]["values"]) for name in names_in(condition)]
    return stored.worlds()[: max(lengths)] if max(lengths) > 1 else []


def mark_of(condition: str, here: bool, there: list[bool]) -> verdict_mark:
    """Return the mark of a condition that is true, or not, here and in other worlds."""
    if here and all(there):
        text = "✓"
        where = f" and with {len(there)} other seeds" if there else ""
        note = f"Checked as code: `{condition}`. True here{where}."
    else:
        text = f"{sum(there)} of {len(there)}" if there else "✗"
        note = (
            f"Checked as code: `{condition}`. {'True' if here else 'False'} here, "
            f"true with {sum(there)} of {len(there)} other seeds."
        )
    return verdict_mark(text=text, note=note)


class Argued(SphinxRole):
    """`{argued}`: a verdict that no number of the page decides."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the mark with the reason."""
        return [verdict_mark(text="∴", note=f"Not measured: {self.text}.")], []


class Counted(SphinxRole):
    """`{replicated}`: how much of the course is replicated."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the count as text."""
        paths = [
            path for path in notebooks.paths() if (notebooks.HERE / f"{path.stem}.json").exists()
        ]
        every = [check.Replications.of(path) for path in paths]
        for file in notebooks.HERE.glob("*.json"):
            if "progress" not in file.name:
                self.env.note_dependency(str(file))
        counts = {
            "numbers": sum(n["depends_on"] != "nothing" for s in every for n in s.numbers.values()),
            "verdicts": sum(
                role == "holds"
                for path in [*paths, *notebooks.prose()]
                for role, _ in notebooks.ROLE.findall(notebooks.markdown_of(path))
            ),
            "seeds": min((len(stored.seeds) for stored in every), default=0),
            "sweeps": max(
                (
                    len(number["values"])
                    for stored in every
                    for number in stored.numbers.values()
                    if number["depends_on"] == "sweep"
                ),
                default=0,
            ),
            "fallen": len(fallen.read()),
        }
        if self.text not in counts:
            message = f"{{replicated}} counts {', '.join(counts)}, not {self.text}"
            return [], [self.inliner.reporter.warning(message, line=self.lineno)]
        return [nodes.Text(f"{counts[self.text]:,}")], []


def list_ranges(app: Sphinx, doctree: nodes.document) -> None:
    """Number the ranges of each section, and list them at its end, for paper."""
    for section in doctree.findall(nodes.section):
        own = [
            node
            for node in section.findall(lambda n: isinstance(n, replicated | verdict_mark))
            if section_of(node) is section
        ]
        for place, node in enumerate(own, start=1):
            node["place"] = place
        if own:
            first_inner = section.first_child_matching_class(nodes.section)
            position = len(section) if first_inner is None else first_inner
            section.insert(position, range_list(notes=[node["note"] for node in own]))


def section_of(node: nodes.Node) -> nodes.Node | None:
    """Return the innermost section that a node stands in."""
    while node is not None and not isinstance(node, nodes.section):
        node = node.parent
    return node


def note_of(node: nodes.Element) -> str:
    """Return the note of a number or mark, and the number on paper that leads to it in the list.

    What a note names as code, it shows as code.
    """
    note = re.sub("`([^`]+)`", r"<code>\1</code>", escape(node["note"], quote=False))
    return (
        f'<span class="replication-note" role="tooltip"> {note}</span>'
        f'<sup class="replication-place">[{node.get("place", "")}]</sup>'
    )


def visit_replicated(writer: Any, node: replicated) -> None:
    """Open the number; its note follows when it is closed."""
    writer.body.append('<span class="replicated" tabindex="0">')


def depart_replicated(writer: Any, node: replicated) -> None:
    """Add the note."""
    writer.body.append(f"{note_of(node)}</span>")


def visit_mark(writer: Any, node: verdict_mark) -> None:
    """Write the mark and its note."""
    text = escape(node["text"])
    writer.body.append(f'<span class="verdict-mark" tabindex="0">{text}{note_of(node)}</span>')


def visit_list(writer: Any, node: range_list) -> None:
    """Write the list that is seen on paper alone."""
    notes = (note.replace("`", "").rstrip(".") for note in node["notes"])
    items = "; ".join(f"[{place}] {escape(note)}" for place, note in enumerate(notes, 1))
    writer.body.append(f'<p class="replication-list">{items}.</p>')


def depart_nothing(writer: Any, node: nodes.Element) -> None:
    """All is written already."""


def setup(app: Sphinx) -> dict[str, Any]:
    """Register roles and nodes with Sphinx."""
    app.add_node(replicated, html=(visit_replicated, depart_replicated))
    app.add_node(verdict_mark, html=(visit_mark, depart_nothing))
    app.add_node(range_list, html=(visit_list, depart_nothing))
    app.add_role_to_domain("glue", "text", QuotedNumber(), override=True)
    app.add_role("holds", Condition())
    app.add_role("how-often", Condition())
    app.add_role("argued", Argued())
    app.add_role("replicated", Counted())
    app.connect("doctree-read", list_ranges)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
