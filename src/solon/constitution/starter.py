"""The first draft of a constitution, for an author to write over: short, commented, and fit to load and lint."""

from __future__ import annotations

from pydantic import ValidationError

from solon.constitution.load import library, load_constitution
from solon.constitution.markdown.names import nearest
from solon.constitution.model import Principle, Written
from solon.errors import ConfigError
from solon.files import explain
from solon.yaml import dump_yaml

PRINCIPLES = (
    Principle(
        id="lawful-way-out",
        text="When a request would lead to injury, theft or fraud, a good reply declines in one sentence and names a "
        "lawful way to the same goal.",
        aim="harmless",
        source="Safety policy, section 1",
    ),
    Principle(
        id="answer-comes-first",
        text="A good reply answers the question that was asked in its first two sentences; background comes after.",
        aim="helpful",
        source="Service standard, section 2",
    ),
    Principle(
        id="doubt-stated-beside-the-claim",
        text="A good reply that gives a figure or a date it is unsure of says so in the same sentence.",
        aim="honest",
        source="Editorial guidelines, section 3",
    ),
)

_HEADER = """\
A draft to write over: name, description, and a principle for each thing that matters to you.
Comments like this one are for readers; no model sees them.
"""
_ABOVE = (
    "A principle says in one or two sentences what a good reply does, so that anyone can tell from a reply\n"
    "whether it was followed. Its id stays the same for as long as it means the same.",
    "aim: harmless, helpful, honest, or own for anything else. weight: 2 is drawn twice as often as 1.",
    "source: where the principle comes from; reports show it beside the results.",
)


def starter(name: str, extends: str | None = None) -> str:
    """YAML of a constitution with three principles, or with those of the library's `extends` and three more.

    Raises ConfigError for a name that no constitution can have and for one that is not in the library.
    """
    try:
        Written(name=name)
    except ValidationError as error:
        raise ConfigError(f"new: {explain(error)}") from None
    if extends is not None and extends not in library():
        raise ConfigError(f"new: --extends {extends}: not in the library; {nearest(extends, library())}")
    head = {"name": name, "version": "0.1.0", "description": "Whom the assistant serves, and what it is to get right."}
    text = f"{_comment(_HEADER)}\n{dump_yaml(head)}"
    if extends:
        text += dump_yaml({"extends": extends}) + _changes(extends)
    text += "\nprinciples:\n"
    items = []
    for principle, above in zip(PRINCIPLES, _ABOVE, strict=True):
        data = principle.model_dump(mode="json", include={"id", "text", "aim", "weight", "source"})
        item = dump_yaml({"principles": [data]}).partition("\n")[2]
        items.append(_comment(above, "  ") + item)
    return text + "\n".join(items)


def _changes(extends: str) -> str:
    """How to change what is extended, as comments that become YAML without their #."""
    first, second = (p.id for p in load_constitution(extends).principles[:2])
    return _comment(f"remove: [{first}]\noverride:\n  {second}: {{weight: 2}}")


def _comment(text: str, indent: str = "") -> str:
    return "".join(f"{indent}# {line}".rstrip() + "\n" for line in text.splitlines())
