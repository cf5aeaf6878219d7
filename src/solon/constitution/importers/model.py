"""What importers pass to each other: a file as read, entries found in it, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from solon.constitution.model import Authority, Exemplars, RevisionExemplar, Written
from solon.errors import ConfigError

MAX_PRINCIPLES = 1_000
MAX_CHARS = 2_000  # a longer text is prose, not a principle
MAX_SECTION = 8_000  # of a section that is a principle

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Dropped:
    """Something of the source that the constitution does not hold: where it stood, what it was, and why."""

    where: str
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Source:
    """A file's content: `data` is plain JSON or YAML data, JSON lines as a list, or the text itself.

    `lines` numbers the entries of JSON lines (from 1); it is empty elsewhere.
    """

    path: Path
    kind: Literal["JSON", "JSON lines", "YAML", "CSV", "text"]
    data: Any
    text: str = ""
    lines: tuple[int, ...] = ()

    @property
    def is_markdown(self) -> bool:
        return self.path.suffix.lower() in (".md", ".markdown")


@dataclass(frozen=True, slots=True)
class Entry:
    """One principle as the source has it; `place` is where, entries counted from 1."""

    place: Place
    text: str
    critique: str | None = None
    revision: str | None = None
    question: str | None = None
    key: str = ""
    aim: str = ""
    category: str = ""
    above: tuple[str, ...] = ()  # all that it stands under, the outermost first; `category` where empty
    weight: float = 1.0
    authority: Authority | None = None
    exemplars: Exemplars = field(default_factory=Exemplars)
    named: str = ""  # the id that the source gives it, as it stands there
    section: bool = False  # of a document whose sections are its principles: no doubt that it is one
    stated: bool = True  # False: `text` is borrowed from a request, the source states no principle


@dataclass(slots=True)
class Found:
    """What a reader of one family gathers. `format` says in words what was recognised."""

    format: str
    entries: list[Entry] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    exemplars: list[RevisionExemplar] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    head: dict[str, Any] = field(default_factory=dict)
    traits: bool = False
    turned: int = 0  # texts that got their heading, because it turns their meaning
    looks: str = ""  # what to call the file when it turns out to hold no principle

    def merge(self, part: Found) -> None:
        """Take over all that `part` gathered."""
        self.entries += part.entries
        self.dropped += part.dropped
        self.notes += part.notes
        self.questions += part.questions
        self.exemplars += part.exemplars
        self.labels += part.labels
        self.turned += part.turned
        self.head = {**part.head, **self.head}

    def drop(self, place: Sequence[str | int], what: str, why: str) -> None:
        self.dropped.append(Dropped(spell(place), what, why))


@dataclass(frozen=True, slots=True)
class Imported:
    """A constitution made from another format, and a full account of what was left out."""

    written: Written
    format: str
    notes: tuple[str, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    questions: tuple[str, ...] = ()

    @property
    def exemplars(self) -> Exemplars:
        return self.written.exemplars or Exemplars()


def spell(place: Sequence[str | int]) -> str:
    """A place in words: ("criteria", 3) is "criteria.3", the whole file "file"."""
    return ".".join(shown(str(part), 40) for part in place) or "file"


def refusal(path: Path, looks: str, fix: str, line: int | None = None) -> ConfigError:
    """The one line that says what a file looks like and what to do about it."""
    where = f"{path}:{line}" if line else str(path)
    return ConfigError(f"import: {where}: {looks}; {fix}")


def shown(text: str, limit: int = 60) -> str:
    """The start of a text, on one line and without control characters, for messages."""
    flat = " ".join("".join(c if c.isprintable() or c.isspace() else "\ufffd" for c in text[: 4 * limit]).split())
    return flat if len(flat) <= limit else f"{flat[: limit - 1]}…"
