"""Word-level marks: which words of a text were kept, removed and added."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Kind = Literal["kept", "removed", "added"]

# Scripts written without spaces: each character is a word, or one changed character marks the sentence.
_ALONE = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
# ASCII, Latin-1, general and East Asian punctuation. All else is part of words, combining marks too.
_POINTS = (
    "!-/:-@\\[-`{-\u007e\u00a1-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u2010-\u205e\u3000-\u303f\uff01-\uff0f"
)
_WORD = f"[^\\s{_POINTS}{_ALONE}]+"
# White space goes with the word after it: a token of its own would match everywhere and cut the marks up.
_TOKEN = re.compile(f"\\s*(?:{_WORD}(?:['’-]{_WORD})*|[^\\s])|\\s+")


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of text with one fate; its white space and punctuation are in it."""

    kind: Kind
    text: str


def tokens(text: str) -> list[str]:
    """Words and punctuation marks, each with the white space in front of it; joined they are `text`."""
    return _TOKEN.findall(text)


def marks(old: str, new: str) -> tuple[Segment, ...]:
    """From `old` to `new`, word by word; of a replacement, what is removed stands first.

    The texts of kept and removed segments joined are `old`, those of kept and added `new`. No segment is
    empty and no two neighbours have the same kind. Long texts (from 200 words) are matched by their rarer words.
    """
    return tuple(_merged(_steps(tokens(old), tokens(new))))


def _steps(before: list[str], after: list[str]) -> Iterator[Segment]:
    for tag, a, b, c, d in SequenceMatcher(None, before, after).get_opcodes():
        if tag == "equal":
            yield Segment("kept", "".join(before[a:b]))
        else:
            yield Segment("removed", "".join(before[a:b]))
            yield Segment("added", "".join(after[c:d]))


def _merged(segments: Iterator[Segment]) -> Iterator[Segment]:
    """The same, with a lone comma or dash kept between two replacements counted to both of them."""
    listed = [s for s in segments if s.text]
    removed = added = ""
    for index, segment in enumerate(listed):
        inside = removed and added and index + 1 < len(listed)
        if segment.kind == "removed":
            removed += segment.text
        elif segment.kind == "added":
            added += segment.text
        elif inside and len(segment.text.strip()) <= 1 and not segment.text.strip().isalnum():
            removed, added = removed + segment.text, added + segment.text
        else:
            yield from _change(removed, added)
            yield segment
            removed = added = ""
    yield from _change(removed, added)


def _change(removed: str, added: str) -> Iterator[Segment]:
    if removed:
        yield Segment("removed", removed)
    if added:
        yield Segment("added", added)
