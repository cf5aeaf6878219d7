"""Markdown or plain text as paragraphs and list items under their headings, each with its lines.

Front matter, tables, code blocks and comments are no prose; they are left out and named. A line on its own
that reads as a title ("**Privacy**", "3. PRIVACY", "Our tone") counts as a heading, which is how documents
that are no Markdown write them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from solon.authoring import lines

_TITLE_LEVEL = 7  # below the six levels of Markdown


@dataclass(frozen=True, slots=True)
class Skipped:
    """Lines that are no prose: where they begin (from 1) and what they are, such as "table"."""

    line: int
    kind: str


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph or a list item on one line of text; `starts` are the (offset, line) of its source lines.

    `indent` counts columns; `heading` is the path of headings above it, the outermost first.
    """

    kind: Literal["paragraph", "item"]
    text: str
    starts: tuple[tuple[int, int], ...]
    indent: int
    heading: tuple[str, ...]

    def line(self, offset: int) -> int:
        """The source line (from 1) of the character at `offset`."""
        return self.starts[bisect_right(self.starts, offset, key=lambda start: start[0]) - 1][1]


def read_blocks(text: str) -> tuple[list[Block], list[Skipped]]:
    """The prose of a document, in order, and what was left out of it."""
    reader = _Reader([lines.QUOTE.sub("", line).expandtabs(4) for line in text.split("\n")])
    reader.read()
    return reader.blocks, reader.skipped


@dataclass(slots=True)
class _Open:
    """The block being read."""

    mark: str  # of a list item, "" for a paragraph
    indent: int
    alone: bool  # nothing stands directly above it
    lines: list[tuple[int, str]] = field(default_factory=list)

    def block(self, heading: tuple[str, ...]) -> Block:
        words, starts, offset = [], [], 0
        for number, line in self.lines:
            words.append(" ".join(line.split()))
            starts.append((offset, number))
            offset += len(words[-1]) + 1
        return Block("item" if self.mark else "paragraph", " ".join(words), tuple(starts), self.indent, heading)


class _Reader:
    def __init__(self, document: Sequence[str]) -> None:
        self.lines, self.at = document, 0
        self.last_comment_end = max((n for n, line in enumerate(document) if "-->" in line), default=-1)
        self.blocks: list[Block] = []
        self.skipped: list[Skipped] = []
        self.headings: list[tuple[int, str]] = []
        self.open: _Open | None = None
        self.alone = True
        self.last_mark = ""  # of the block before, "" where that was a paragraph or a heading

    def read(self) -> None:
        self._front_matter()
        apart = (self._blank, self._code, self._comment, self._table, self._underline, self._bare)
        rules = (*apart, self._atx, self._shouted, self._item)
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if not any(rule(line) for rule in rules):
                self._text(line)
        self._close(by_blank=True)

    # --- what is left out ------------------------------------------------------------------------

    def _skip(self, kind: str, end: int) -> bool:
        """Leave out the lines from here to `end` (exclusive)."""
        self._close()
        self.skipped.append(Skipped(self.at + 1, kind))
        self.at, self.alone = end, True
        return True

    def _front_matter(self) -> None:
        mark = self.lines[0].strip() if self.lines else ""
        if mark in ("---", "+++"):
            ends = ("---", "...") if mark == "---" else ("+++",)
            end = next((n for n in range(1, len(self.lines)) if self.lines[n].strip() in ends), None)
            if end is not None:
                self._skip("front matter", end + 1)

    def _code(self, line: str) -> bool:
        if not (match := lines.FENCE.match(line)):
            return False
        mark = match.group(1)
        closes = re.compile(rf"^\s*{re.escape(mark[0])}{{{len(mark)},}}\s*$")
        end = next((n for n in range(self.at + 1, len(self.lines)) if closes.match(self.lines[n])), None)
        if end is None:
            return self._skip("code block that never ends", len(self.lines))
        return self._skip("code block", end + 1)

    def _comment(self, line: str) -> bool:
        if not line.lstrip().startswith("<!--") or self.at > self.last_comment_end:
            return False
        end = next(n for n in range(self.at, len(self.lines)) if "-->" in self.lines[n])
        return self._skip("comment", end + 1)

    def _table(self, line: str) -> bool:
        following = self.lines[self.at + 1] if self.at + 1 < len(self.lines) else ""
        if not (lines.ROW.match(line) or ("|" in line and lines.DELIMITERS.match(following.strip()))):
            return False
        end = self.at + 1
        while end < len(self.lines) and ("|" in self.lines[end] or lines.ROW.match(self.lines[end])):
            end += 1
        return self._skip("table", end)

    def _bare(self, line: str) -> bool:
        """Rules, lines of nothing but tags, and link targets: no words to read, so they are not counted."""
        if not (lines.RULE.match(line) or lines.TAGS.match(line) or lines.LINK.match(line)):
            return False
        self._close()
        self.at, self.alone = self.at + 1, True
        return True

    # --- headings --------------------------------------------------------------------------------

    def _head(self, level: int, title: str) -> None:
        title = title.strip().strip("*_#").strip()
        self.headings = [(n, name) for n, name in self.headings if n < level]
        if title:
            self.headings.append((level, title))
        self.last_mark, self.alone = "", True

    def _atx(self, line: str) -> bool:
        if not (match := lines.ATX.match(line)):
            return False
        self._close()
        self._head(len(match.group(1)), line[match.end() :])
        self.at += 1
        return True

    def _underline(self, line: str) -> bool:
        if not (match := lines.UNDERLINE.match(line)) or not self.open or self.open.mark or len(self.open.lines) > 1:
            return False
        title = self.open.lines[0][1]
        self.open = None
        self._head(1 if match.group(1)[0] == "=" else 2, title)
        self.at += 1
        return True

    def _shouted(self, line: str) -> bool:
        """A line all bold or all capitals, above its text."""
        if self.open is not None or not self.alone or not lines.loud(line) or lines.MARKER.match(line):
            return False
        self._head(_TITLE_LEVEL, line)
        self.at += 1
        return True

    def _is_title(self, block: _Open) -> bool:
        """Whether a block that blank lines set apart is a title of what follows."""
        following = next((n for n in range(self.at, len(self.lines)) if self.lines[n].strip()), None)
        if len(block.lines) > 1 or not block.alone or following is None or not lines.titled(block.lines[0][1]):
            return False
        if block.mark:
            return self._numbers_a_section(block.mark, self.lines[following])
        # A file with a short line for each principle has lines, not titles.
        apart = following + 1 >= len(self.lines) or not self.lines[following + 1].strip()
        return not (apart and lines.titled(self.lines[following]) and not lines.loud(self.lines[following]))

    def _numbers_a_section(self, mark: str, following: str) -> bool:
        """Whether `mark` numbers a section, not an item of a list."""
        style = lines.style(mark)
        if not style.startswith("0") or style == lines.style(self.last_mark) or following[:1].isspace():
            return False
        match = lines.MARKER.match(following)
        return match is None or lines.style(match["mark"]) != style

    # --- prose -----------------------------------------------------------------------------------

    def _blank(self, line: str) -> bool:
        if line.strip():
            return False
        self.at += 1
        self._close(by_blank=True)
        self.alone = True
        return True

    def _item(self, line: str) -> bool:
        if not (match := lines.MARKER.match(line)) or not self._may_begin(match["mark"]):
            return False
        self._close()
        self.open = _Open(match["mark"], len(match["indent"]), self.alone)
        self.open.lines.append((self.at + 1, line[match.end() :]))
        self.at, self.alone = self.at + 1, False
        return True

    def _may_begin(self, mark: str) -> bool:
        """A wrapped line of a paragraph that begins with "5. " or "– " is no list item."""
        if self.open is None or self.open.mark or self.alone:
            return True
        return bool(lines.FIRST.match(mark)) or self.open.lines[-1][1].rstrip().endswith((":", ".", ";"))

    def _text(self, line: str) -> None:
        if self.open is None:
            self.open = _Open("", len(line) - len(line.lstrip()), self.alone)
        self.open.lines.append((self.at + 1, line))
        self.at, self.alone = self.at + 1, False

    def _close(self, by_blank: bool = False) -> None:
        block, self.open = self.open, None
        if block is None:
            return
        if by_blank and self._is_title(block):
            self._head(_TITLE_LEVEL + block.mark.strip("().").count("."), block.lines[0][1])
            return
        self.blocks.append(block.block(tuple(name for _, name in self.headings)))
        self.last_mark = block.mark
