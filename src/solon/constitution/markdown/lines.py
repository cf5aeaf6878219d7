"""What kind of line a line is, and the blocks that lines of one kind make. Follows CommonMark where both meet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from solon.constitution.markdown.inline import Refuse

Kind = Literal["heading", "fence", "comment", "rule", "quote", "prose"]

BLANK = " \t"
ITEM = re.compile(r" *(?:[-*+]|(\d{1,9})[.)])[ \t]+\S")
_KINDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("heading", re.compile(r" {0,3}#{1,6}(?:[ \t]|$)")),
    ("fence", re.compile(r" {0,3}(?:`{3,}[^`]*|~{3,}.*)$")),
    ("comment", re.compile(r" {0,3}<!--")),
    ("rule", re.compile(r" {0,3}(?:([-*_])(?:[ \t]*\1){2,}|=+|-+)[ \t]*$")),
    ("quote", re.compile(r" {0,3}>")),
)
_RULE = "a line of - = _ or * is no prose: delete it, write a heading with ##, or begin it with \\ if it is text"


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring lines of one kind. `line` is the first one's number, from 1; `gap` says: after an empty line."""

    kind: Kind
    line: int
    lines: tuple[str, ...]
    gap: bool


def kind(line: str) -> Kind:
    """The kind of a line that is not blank."""
    return next((name for name, pattern in _KINDS if pattern.match(line)), "prose")


def is_item(line: str, *, opening: bool, after_item: bool) -> bool:
    """Whether a line of prose begins a list item.

    Only after another item may it be indented by more than three spaces, and only there or at the opening of a
    paragraph be numbered other than 1.
    """
    found = ITEM.match(line)
    if found is None or after_item:
        return found is not None
    number = found[1]
    return len(line) - len(line.lstrip(" ")) <= 3 and (opening or number is None or int(number) == 1)


def fence_end(lines: Sequence[str], start: int) -> int | None:
    """The index after the line that closes the code fence opened at `start`."""
    opening = lines[start].strip(BLANK)
    mark = opening[: len(opening) - len(opening.lstrip(opening[0]))]
    closing = re.compile(rf" {{0,3}}{re.escape(mark)}{re.escape(mark[0])}*[ \t]*$")
    return next((n + 1 for n in range(start + 1, len(lines)) if closing.match(lines[n])), None)


def blocks(lines: Sequence[str], start: int, refuse: Refuse) -> Iterator[Block]:
    """The blocks from index `start` on. `refuse` is told the number of a line that cannot be kept, and why."""
    at, gap, before = start, True, ""
    while at < len(lines):
        if not lines[at].strip(BLANK):
            at, gap, before = at + 1, True, ""
            continue
        found = kind(lines[at])
        if found == "rule":
            refuse(at + 1, _RULE)
        if found == "prose" and before == "quote":
            refuse(at + 1, "follows a > line: begin it with > too, or leave an empty line between")
        end = _end(lines, at, found, refuse)
        yield Block(found, at + 1, tuple(lines[at:end]), gap)
        at, gap, before = end, found in ("comment", "quote"), found


def _end(lines: Sequence[str], start: int, found: Kind, refuse: Refuse) -> int:
    """The index after the block that begins at `start`."""
    if found == "heading":
        return start + 1
    if found == "fence":
        end = fence_end(lines, start)
        if end is None:
            refuse(
                start + 1, f"the code fence {lines[start].strip()[:20]} is never closed; close it, or write \\` or \\~"
            )
        return end
    if found == "comment":
        first = lines[start].partition("<!--")[2]
        end = next((n for n, line in enumerate((first, *lines[start + 1 :]), start + 1) if "-->" in line), None)
        if end is None:
            refuse(start + 1, "the comment is never closed; end it with -->")
        if lines[end - 1].rpartition("-->")[2].strip():
            refuse(end, "text follows the comment; give the comment lines of its own")
        return end
    end = start + 1
    while end < len(lines) and lines[end].strip(BLANK) and kind(lines[end]) == found:
        end += 1
    return end
