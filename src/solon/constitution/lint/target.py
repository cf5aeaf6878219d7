"""What the rules look at: one file as written, and the constitution it amounts to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from solon.constitution.lint.finding import Finding, Place, Rule
from solon.constitution.lint.unseen import visible
from solon.constitution.load import Document
from solon.constitution.model import Constitution, Exemplars
from solon.yaml import Loc

REQUESTS = ("critique_request", "revision_request", "comparison_question")


@dataclass(frozen=True, slots=True)
class Passage:
    """A text that the file writes. `field` is its key; `principle` the id it belongs to, or ""."""

    loc: Loc
    field: str
    text: str
    principle: str = ""

    @property
    def in_exemplar(self) -> bool:
        """Whether it demonstrates how people and models speak, and may hold nearly anything."""
        return "exemplars" in self.loc and self.field not in REQUESTS

    @property
    def asked(self) -> bool:
        """Whether a model is told it: a principle's text or a request."""
        return self.field == "text" or self.field in REQUESTS

    @property
    def called(self) -> str:
        """How messages name it."""
        if "exemplars" in self.loc:
            return f"{self.field} of an exemplar" + (f" of '{self.principle}'" if self.principle else "")
        return f"{self.field} of '{self.principle}'" if self.principle else self.field


@dataclass(frozen=True, slots=True)
class Target:
    """`constitution` is None when the file does not resolve; rules about the whole then have nothing to say.

    `locs`: where this file speaks of a principle, by id: its own, and those it overrides.
    """

    document: Document
    constitution: Constitution | None
    passages: tuple[Passage, ...]
    locs: Mapping[str, Loc]

    def found(
        self, rule: Rule, loc: Loc, message: str, *, about: tuple[str, ...] = (), related: tuple[Place, ...] = (),
        fixable: bool = False,
    ) -> Finding:  # fmt: skip
        """A finding at `loc` in this file. Characters that nobody sees, or that reorder, are not repeated."""
        line = self.document.line(loc)
        return Finding(rule, visible(message), self.document.path, line, loc, about, related, fixable)

    def texts(self) -> Iterator[Passage]:
        """The principles' texts that this file writes: its own, and those it overrides."""
        return (p for p in self.passages if p.field == "text")

    def place(self, principle: str) -> Loc:
        """Where this file speaks of `principle`, or where it says what it extends."""
        return self.locs.get(principle, ("extends",))


def target(document: Document, constitution: Constitution | None) -> Target:
    """What the rules look at in `document`, which resolves to `constitution` if it does."""
    written = document.written
    own: dict[str, Loc] = {p.id: ("principles", n) for n, p in enumerate(written.principles)}
    locs = {**{name: ("override", name) for name in written.override}, **own}
    return Target(document, constitution, tuple(_passages(document)), locs)


def _passages(document: Document) -> Iterator[Passage]:
    written = document.written
    yield Passage(("name",), "name", written.name)
    yield from _texts(written, (), "", ("description",))
    yield from _demonstrations(written.exemplars, ("exemplars",), "")
    entries: list[tuple[Loc, str, Any]] = [
        (("override", name), name, change) for name, change in written.override.items()
    ]
    entries += [(("principles", n), p.id, p) for n, p in enumerate(written.principles)]
    for loc, name, entry in entries:
        yield from _texts(entry, loc, name, ("text", "source", *REQUESTS))
        yield from _demonstrations(entry.exemplars, (*loc, "exemplars"), name)


def _texts(entry: Any, loc: Loc, principle: str, fields: tuple[str, ...]) -> Iterator[Passage]:
    for field in fields:
        if text := getattr(entry, field):
            yield Passage((*loc, field), field, text, principle)


def _demonstrations(exemplars: Exemplars | None, loc: Loc, principle: str) -> Iterator[Passage]:
    if exemplars is None:
        return
    for kind in ("revision", "comparison"):
        for index, exemplar in enumerate(getattr(exemplars, kind)):
            fields = tuple(f for f in type(exemplar).model_fields if f != "better")
            yield from _texts(exemplar, (*loc, kind, index), principle, fields)
