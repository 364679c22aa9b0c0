"""What the library reference needs beyond sphinx.ext.autodoc: its docstrings follow numpydoc.

In them, single backticks stand around names: of the entry's own parameters and attributes, or of
another entry. The former become code; the latter become links, and Sphinx warns of a link that
leads nowhere. In types, the names of classes become links.
"""

from __future__ import annotations

import builtins
import importlib
import inspect
import re
import sys
from types import FunctionType, ModuleType
from typing import Any

from docutils import nodes
from sphinx.addnodes import desc_content, pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import PyXRefRole
from sphinx.environment import BuildEnvironment
from sphinx.ext.autosummary import Autosummary
from sphinx.ext.napoleon import NumpyDocstring
from sphinx.util.docutils import ReferenceRole

# Classes in the text of a type: Run, Axes, numpy.random.Generator; not ndarray or (n, X).
CLASS_NAME = re.compile(r"((?:\w+\.)*[A-Z]\w+)")
# The names that a docstring describes: "X : array_like", "batch_size, order".
DESCRIBED = re.compile(r"^ *(\w+(?:, \w+)*)(?: : .*)?$", re.MULTILINE)


class Name(ReferenceRole):
    """The role of single backticks in docstrings."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the entry's own names and single letters as code, other names as links."""
        shown = nodes.literal(self.rawtext, self.title)
        if len(self.target) == 1 or self.target in own_names(self.env):
            return [shown], []
        return [link(self.env, self.target, shown)], []


def own_names(env: BuildEnvironment) -> set[str]:
    """Return the names of the entry being read, its class's, its module's constants and arguments.

    None of them has an entry of its own to link to.
    """
    thing: Any = sys.modules.get(env.ref_context.get("py:module", ""))
    entry, *_ = env.temp_data.get("object") or ("",)
    names = {name for name in dir(thing) if name.isupper()}
    for sibling in vars(thing).values() if thing else ():
        if inspect.isroutine(sibling) or inspect.isclass(sibling):
            names.update(parameters(sibling))
    for part in entry.split(".") if entry else []:
        thing = getattr(thing, part, None)
        names.update(parameters(thing))
        for described in DESCRIBED.findall(getattr(thing, "__doc__", None) or ""):
            names.update(described.split(", "))
        names.update(name for name in dir(thing) if name.startswith("_"))
    return names


def parameters(thing: Any) -> list[str]:
    """Return the names of the parameters of a function or class; others have none."""
    try:
        return list(inspect.signature(thing).parameters)
    except (TypeError, ValueError):
        return []


def link(env: BuildEnvironment, target: str, shown: nodes.Element) -> pending_xref:
    """Return a link to an entry, named in full or by its last parts, in this module or another."""
    target = where_defined(target)
    node = pending_xref(
        "", shown, refdomain="py", reftype="obj", reftarget=target, refdoc=env.docname
    )
    PyXRefRole().process_link(env, node, False, "", target)  # adds the module and the class
    node["refspecific"] = node["refwarn"] = True
    return node


def where_defined(name: str) -> str:
    """Return where a name that a package offers is defined: mbgd_lib.batches.minibatches."""
    package, _, last = name.rpartition(".")
    thing = getattr(sys.modules.get(package), last, None)
    if inspect.isclass(thing) or inspect.isroutine(thing):
        return f"{thing.__module__}.{thing.__qualname__}"
    return name


def link_types(app: Sphinx, domain: str, objtype: str, content: desc_content) -> None:
    """Link the classes in the types that napoleon writes in italics, and keep quotes straight."""
    for paragraph in content.findall(nodes.paragraph):
        written = type_of(paragraph) if begins_field(paragraph, content) else None
        if written is None:
            continue
        typed = nodes.inline("", "", classes=["type"])
        for number, part in enumerate(CLASS_NAME.split(written.astext())):
            shown = nodes.inline("", part, support_smartquotes=False)
            typed += link(app.env, part, shown) if number % 2 else shown
        written.replace_self(typed)


def begins_field(paragraph: nodes.paragraph, content: desc_content) -> bool:
    """Say whether a parameter or a returned value begins with the paragraph."""
    place = paragraph.parent
    if paragraph is not place[0]:
        return False
    if isinstance(place, nodes.list_item):
        place = place.parent.parent
    return isinstance(place, nodes.field_body) and place.parent.parent.parent is content


def type_of(paragraph: nodes.paragraph) -> nodes.emphasis | None:
    """Return the italics of "**name** (*type*) – description" or of "*type* – description"."""
    children = paragraph.children
    if len(children) > 2 and isinstance(children[0], nodes.strong) and children[1].astext() == " (":
        children = children[2:]
    return children[0] if children and isinstance(children[0], nodes.emphasis) else None


def hide_protocol_signature(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, signature: str, returns: str
) -> tuple[str, str] | None:
    """Show a protocol without arguments: nobody calls it."""
    return ("", "") if getattr(thing, "_is_protocol", False) else None


def hide_foreign_member(
    app: Sphinx, what: str, name: str, thing: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out what another project adds to our classes: its own pages describe it."""
    module = getattr(thing, "__module__", None) or ""
    ours = app.env.temp_data["autodoc:module"]
    foreign = inspect.isroutine(thing) and module.partition(".")[0] != ours.partition(".")[0]
    return True if foreign else None


def keep_colons(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Read "Number of rows: all of them." as text; in a property, napoleon takes it for a type."""
    if what == "property":
        lines[:] = NumpyDocstring(inspect.getdoc(thing) or "", app.config).lines()


def name_inherited(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Say at the end of a class what it has from others: their entries describe it."""
    if what not in ("class", "exception"):
        return
    for base in thing.__mro__[1:]:
        if base.__module__.partition(".")[0] == thing.__module__.partition(".")[0]:
            members = ", ".join(
                f"`{member} <{base.__name__}.{member}>`"
                for member, value in vars(base).items()
                if not member.startswith("_")
                and isinstance(value, FunctionType | property)
                and getattr(thing, member) is value
            )
            lines += ["", f"Inherited from `{base.__name__}`: {members}.", ""]
        elif base is thing.__base__ and base is not object and hasattr(builtins, base.__name__):
            lines += ["", f"A kind of ``{base.__name__}``.", ""]


# A name in single backticks without a role, which in a table of summaries is no link.
BACKTICKS = re.compile(r"(?<![`:])`([^`]+)`(?!`)")


class NamesOf(Autosummary):
    """A table of the public names of modules, each with a link and the line that says what it is.

    The argument is the modules' names, without the package's.
    """

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return one table for all the modules, each with its functions and classes below it."""
        self.options["nosignatures"] = True
        # Names are given in full, which autosummary refuses within the page's module.
        self.env.ref_context.pop("py:module", None)
        modules = [
            importlib.import_module(f"mbgd_lib.{name}") for name in self.arguments[0].split()
        ]
        for module in modules:
            self.env.note_dependency(str(module.__file__))
        self.content = [line for module in modules for line in names_to_list(module)]  # type: ignore[assignment]
        return super().run()

    def get_items(self, names: list[str]) -> list[tuple[str, str, str, str]]:
        """Show names in a summary as code: some are of arguments, which have no entry."""
        return [
            (shown.removeprefix("mbgd_lib."), signature, BACKTICKS.sub(r"``\1``", summary), real)
            for shown, signature, summary, real in super().get_items(names)
        ]


def names_to_list(module: ModuleType) -> list[str]:
    """Return a module's name and those of its functions and classes, in the source's order."""
    own = [
        name
        for name, thing in vars(module).items()
        if (inspect.isclass(thing) or inspect.isfunction(thing))
        and thing.__module__ == module.__name__
        and not name.startswith("_")
    ]
    return [module.__name__, *(f"~{module.__name__}.{name}" for name in own)]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the role and the changes with Sphinx."""
    app.setup_extension("sphinx.ext.autosummary")
    app.add_directive("names-of", NamesOf)
    app.add_role("name", Name())
    app.connect("object-description-transform", link_types)
    app.connect("autodoc-skip-member", hide_foreign_member)
    app.connect("autodoc-process-signature", hide_protocol_signature)
    # After napoleon, which has 500.
    app.connect("autodoc-process-docstring", keep_colons, priority=600)
    app.connect("autodoc-process-docstring", name_inherited, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
