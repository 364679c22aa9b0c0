"""Predictions that are typed: fields in the boxes, and a page that sums them up.

    {guess}`Steps of single rows | steps_one | steps`     a number: what, its quoted name, its unit
    {choose}`The run | creeps: a < b | zigzags: a > b`    a choice: what, and each answer with the
                                                          condition that makes it the right one
                                                          (an answer without one is never right)
    ```{your-predictions}                                 all of the course's, for the reader's own
    ```

Numbers and conditions are those that the page's notebook prints, so an answer is right by
measurement: of the answers of a choice, exactly one condition may hold. The fields are made by
predictions.js, which keeps what a reader commits to in the reader's own browser. Without scripts,
boxes are what they are without fields.
"""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective, SphinxRole

from replications import notebooks
from replications.values import holds

Prediction = dict[str, Any]


class prediction_field(nodes.Element, nodes.Inline):  # noqa: N801 (docutils names its nodes so)
    """Where a field stands: `prediction` is what it asks for, and the answer."""


class prediction_list(nodes.Element, nodes.General):  # noqa: N801
    """Where all predictions of the course are summed up."""


def parts_of(text: str) -> list[str]:
    """Cut a role's text at its bars."""
    return [part.strip() for part in text.split(" | ")]


def number_asked(text: str, printed: dict[str, str]) -> Prediction:
    """Return a number to be guessed.

    Examples
    --------
    >>> number_asked("Steps | steps_one | steps", {"steps_one": "16,521"})["answer"]
    '16,521'
    """
    label, name, unit = [*parts_of(text), ""][:3]
    if name not in printed:
        raise ValueError(f"the notebook prints no {name}")
    return {"key": name, "label": label, "answer": printed[name], "unit": unit}


def choice_asked(text: str, printed: dict[str, str]) -> Prediction:
    """Return a choice to be made; exactly one of its conditions holds.

    Examples
    --------
    >>> choice_asked("Which? | small: a < b | large: a > b", {"a": "1", "b": "2"})["answer"]
    'small'
    """
    label, *options = parts_of(text)
    conditions = {}
    for option in options:
        answer, colon, condition = option.rpartition(": ")
        conditions[answer if colon else option] = condition if colon else None
    right = [answer for answer, of in conditions.items() if of is not None and holds(of, printed)]
    if len(right) != 1:
        raise ValueError(f"one condition must hold, not {len(right)}, of {' | '.join(options)}")
    key = re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")
    return {"key": key, "label": label, "answer": right[0], "choices": list(conditions)}


class Ask(SphinxRole):
    """`{guess}` and `{choose}`."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the field, and note it for the summary."""
        path = Path(self.env.doc2path(self.env.docname))
        try:
            if path.suffix != ".ipynb":
                raise ValueError(f"{{{self.name}}} needs a notebook, which measures the answer")
            asked = {"guess": number_asked, "choose": choice_asked}[self.name]
            found = asked(self.text, notebooks.numbers_of(notebooks.read(path)))
        except ValueError as error:
            return [], [self.inliner.reporter.warning(str(error), line=self.lineno)]
        found["id"] = f"predict-{found.pop('key').replace('_', '-')}"
        own = predictions_of(self.env).setdefault(self.env.docname, [])
        if any(other["id"] == found["id"] for other in own):
            message = f"{found['label']} is asked twice on this page"
            return [], [self.inliner.reporter.warning(message, line=self.lineno)]
        own.append(found)
        return [prediction_field(prediction=found)], []


class YourPredictions(SphinxDirective):
    """`{your-predictions}`."""

    def run(self) -> list[nodes.Node]:
        """Return the place of the summary; it is filled when all pages are read."""
        return [prediction_list()]


def predictions_of(env: BuildEnvironment) -> dict[str, list[Prediction]]:
    """Return the predictions of each page read so far."""
    if not hasattr(env, "predictions"):
        env.predictions = {}  # type: ignore[attr-defined]
    return env.predictions  # type: ignore[attr-defined]


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Drop the predictions of a page that is read again or gone."""
    predictions_of(env).pop(docname, None)


def name_sections(app: Sphinx, doctree: nodes.document) -> None:
    """Note in which section each prediction stands: the summary tells them apart by it."""
    for node in doctree.findall(prediction_field):
        parent = node.parent
        while not isinstance(parent, nodes.section):
            parent = parent.parent
        node["prediction"]["section"] = parent.next_node(nodes.title).astext()


def merge(app: Sphinx, env: BuildEnvironment, docnames: list[str], other: BuildEnvironment) -> None:
    """Take over what another process has read."""
    predictions_of(env).update(predictions_of(other))


def pages_that_sum_up(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Write the summary again whenever any page has been read."""
    return [name for name in env.found_docs if name.endswith("your_predictions")]


def fill_list(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put all predictions into the summary, by page, in the order of the table of contents."""
    for node in doctree.findall(prediction_list):
        every = predictions_of(app.env)
        order = list(app.env.toctree_includes.get(app.config.root_doc, []))
        pages = sorted(every, key=lambda name: order.index(name) if name in order else len(order))
        node["pages"] = [
            {
                "title": app.env.titles[name].astext(),
                "page": name,
                "address": app.builder.get_relative_uri(docname, name),
                "predictions": every[name],
            }
            for name in pages
        ]


def as_attribute(value: Any) -> str:
    """Return a value as JSON that may stand in an attribute."""
    return escape(json.dumps(value, ensure_ascii=False))


def visit_field(writer: Any, node: prediction_field) -> None:
    """Write the place of the field: nothing is seen of it without scripts."""
    asked = node["prediction"]
    page = writer.builder.current_docname
    writer.body.append(
        f'<span class="prediction" id="{asked["id"]}" data-page="{page}" '
        f'data-prediction="{as_attribute(asked)}"></span>'
    )


def visit_list(writer: Any, node: prediction_list) -> None:
    """Write the summary's data; the script makes the rest of it."""
    count = sum(len(page["predictions"]) for page in node["pages"])
    data = json.dumps(node["pages"], ensure_ascii=False).replace("<", "\\u003c")
    writer.body.append(
        f'<div class="your-predictions" data-count="{count}">'
        "<noscript><p>This page needs JavaScript: your predictions are kept in your browser, and "
        "are sent nowhere.</p></noscript>"
        f'<script type="application/json">{data}</script></div>'
    )


def depart_nothing(writer: Any, node: nodes.Element) -> None:
    """All is written already."""


def load_where_used(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Load the script on pages that ask, and on the one that sums up."""
    kinds = (prediction_field, prediction_list)
    if doctree and any(True for _ in doctree.findall(lambda node: isinstance(node, kinds))):
        app.add_js_file("interactive/predictions.js")
        app.add_css_file("interactive/predictions.css")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register roles, directive and nodes with Sphinx."""
    app.add_role("guess", Ask())
    app.add_role("choose", Ask())
    app.add_directive("your-predictions", YourPredictions)
    app.add_node(prediction_field, html=(visit_field, depart_nothing))
    app.add_node(prediction_list, html=(visit_list, depart_nothing))
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("env-get-outdated", lambda app, env, *_: pages_that_sum_up(app, env))
    app.connect("doctree-read", name_sections)
    app.connect("doctree-resolved", fill_list)
    app.connect("html-page-context", load_where_used)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
