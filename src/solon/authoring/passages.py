"""A document as passages small enough to ask about: one sentence, or one list item, each.

A passage holds the document's own words, with white space and line breaks as single spaces, so that quoting
one can invent nothing. Headings and what leads into a list are shown with it, not asked about.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from solon.authoring.blocks import Block, Skipped, read_blocks
from solon.errors import ConfigError
from solon.sentences import finished, sentences
from solon.yaml import MAX_BYTES, decode

MAX_ITEM = 400  # characters; a longer list item is cut into its sentences
MAX_QUOTE = 300  # characters
GAP = " … "

_MARKS = {b"%PDF": "a PDF", b"PK\x03\x04": "a Word or other zipped document", b"{\\rtf": "rich text"}
_HTML = (b"<!doctype", b"<html", b"<?xml")


@dataclass(frozen=True, slots=True)
class Passage:
    """One sentence or list item. `line` counts from 1; `lead` is what its list continues, `before` the passage
    that it follows under the same heading ("" where there is none).
    """

    line: int
    text: str
    heading: tuple[str, ...] = ()
    lead: str = ""
    before: str = ""

    @property
    def full(self) -> str:
        """The passage as it reads: after what leads into its list."""
        return f"{self.lead} {self.text}" if self.lead else self.text

    def cited(self, file: str) -> str:
        """`file:line "quotation"`: the document's own words, with … where some are left out."""
        return f'{file}:{self.line} "{shortened(self.lead + GAP + self.text if self.lead else self.text)}"'


@dataclass(frozen=True, slots=True)
class Split:
    """The passages of a document in order, and what was left out as no prose."""

    passages: tuple[Passage, ...]
    skipped: tuple[Skipped, ...]


def read_passages(path: Path) -> Split:
    """The passages of a Markdown or text file. Raises ConfigError: missing, too big, no prose, not plain UTF-8."""
    if path.suffix.lower() in (".yaml", ".yml", ".json", ".jsonl"):
        raise ConfigError(f"draft: {path}: is data, not prose; try solon constitution import {path}")
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"draft: no such file: {path}") from None
    except IsADirectoryError:
        raise ConfigError(f"draft: {path} is a folder, expected a Markdown or text file") from None
    except OSError as error:
        raise ConfigError(f"draft: cannot read {path}: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"draft: {path}: has {len(raw):,} bytes, the limit is {MAX_BYTES:,}; cut it into parts")
    kind = next((kind for mark, kind in _MARKS.items() if raw.startswith(mark)), "")
    if kind or raw[:100].lstrip().lower().startswith(_HTML):
        raise ConfigError(f"draft: {path}: is {kind or 'HTML'}; save it as plain text or Markdown")
    return split_passages(decode(raw, f"draft: {path}"))


def split_passages(text: str) -> Split:
    """The passages of a document's text (`\\n` line ends)."""
    blocks, skipped = read_blocks(text)
    found: list[Passage] = []
    for passage in _passages(blocks):
        near = found[-1] if found and not passage.lead else None
        before = near.text if near and near.heading == passage.heading else ""
        found.append(Passage(passage.line, passage.text, passage.heading, passage.lead, before))
    return Split(tuple(found), tuple(skipped))


def shortened(text: str, limit: int = MAX_QUOTE) -> str:
    """`text` in at most `limit` characters: whole words of its beginning and its end, with … between."""
    if len(text) <= limit:
        return text
    half = (limit - len(GAP)) // 2
    head = text[: half + 1].rsplit(" ", 1)[0][:half]
    tail = text[-half - 1 :].split(" ", 1)[-1][-half:]
    return f"{head.rstrip()}{GAP}{tail.lstrip()}"


def _passages(blocks: list[Block]) -> Iterator[Passage]:
    leads: list[tuple[int, str]] = []  # (indent, words) of what the items further in continue, the outermost first
    for block, following in zip_longest(blocks, blocks[1:]):
        item = block.kind == "item"
        leads = [lead for lead in leads if lead[0] < block.indent - (not item)]
        spans = _spans(block)
        lead = _lead(block, following)
        if lead is not None and block.text.endswith(":"):
            # What ends in a colon says nothing without its list, so it is asked about with each of the items.
            spans = sentences(block.text)[:-1]
        for start, end in spans:
            text = block.text[start:end]
            if any(character.isalpha() for character in text):
                yield Passage(block.line(start), text, block.heading, " ".join(words for _, words in leads) * item)
        if lead is not None:
            leads.append(lead)


def _spans(block: Block) -> list[tuple[int, int]]:
    if block.kind == "item" and len(block.text) <= MAX_ITEM:
        return [(0, len(block.text))] if block.text else []
    return sentences(block.text)


def _lead(block: Block, following: Block | None) -> tuple[int, str] | None:
    """The last sentence of `block` where the list after it goes on with it; items further in than the number do."""
    if following is None or following.kind != "item" or following.heading != block.heading or finished(block.text):
        return None
    if block.kind == "item" and following.indent <= block.indent:
        return None
    start, end = sentences(block.text)[-1]
    return (block.indent if block.kind == "item" else min(block.indent, following.indent) - 1), block.text[start:end]
