"""Text to lines of Markdown prose and back, exactly: `text_of` the lines of `lines_of(text)` is `text`.

That holds for texts without white space around them, which is all that a constitution holds.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator, Sequence

from solon.constitution.markdown.inline import Refuse, entity, escaped, plain
from solon.constitution.markdown.lines import BLANK, ITEM, Block, fence_end, is_item, kind
from solon.yaml import FOLD

LABEL = re.compile(r"\*\*([A-Za-z][A-Za-z _]*):\*\*[ \t]*")
NESTED = 8  # list items in list items
_REFERENCE = re.compile(r" {0,3}\[[^\]]*\]:")  # at the opening of a paragraph GitHub shows nothing of such a line
_UNFENCED = re.compile("[\u2028\u2029\ufeff\ufffe\uffff]")
# Spaces at which a line may be broken: what comes next must not look like the start of anything.
_BREAK = re.compile(r"(?<=[^ \t\\]) (?=[^ \t#>=+*_~`<\[\\|-])(?!\d{1,9}[.)])")


# --- reading ---------------------------------------------------------------------------------------


def text_of(blocks: Sequence[Block], refuse: Refuse) -> str:
    """The text of blocks of prose and fenced code. `refuse` is told the number of a line that cannot be kept."""
    text = ""
    for block in blocks:
        said = "\n".join(block.lines if block.kind == "fence" else _paragraph(block, refuse))
        text += said if not text else ("\n\n" if block.gap else "\n") + said
    return text


def _paragraph(block: Block, refuse: Refuse) -> Iterator[str]:
    """The lines of text in a paragraph: broken lines are joined, up to a list item or a hard break."""
    parts: list[str] = []
    item, broken, first = False, True, block.line
    if _REFERENCE.match(block.lines[0]):
        refuse(first, "is a link definition, which no reader sees; begin it with \\[ if it is text")
    for number, line in enumerate(block.lines, block.line):
        begins = is_item(line, opening=number == block.line, after_item=item)
        if parts and (begins or broken):
            yield _plain(parts, first, refuse)
            parts = []
        if not parts:
            item, first = begins, number
        if begins and (inside := ITEM.match(line)) and kind(line[inside.end() - 1 :]) == "fence":
            refuse(number, "a code fence in a list item; begin it on a line of its own, at the margin")
        body, broken = _hard_break(line) if number < block.line + len(block.lines) - 1 else (line.rstrip(BLANK), False)
        parts.append(body if begins else body.lstrip(BLANK))
    yield _plain(parts, first, refuse)


def _hard_break(line: str) -> tuple[str, bool]:
    """The line without the mark that breaks it for good (one more backslash, or two spaces), and whether it had one."""
    if (len(line) - len(line.rstrip("\\"))) % 2:
        return line[:-1].rstrip(BLANK), True
    return line.rstrip(BLANK), line.endswith("  ")


def _plain(parts: Sequence[str], first: int, refuse: Refuse) -> str:
    ends = [0]
    for part in parts[:-1]:
        ends.append(ends[-1] + len(part) + 1)
    return plain(" ".join(parts), lambda offset, why: refuse(first + bisect(ends, offset) - 1, why))


# --- writing ---------------------------------------------------------------------------------------


def lines_of(text: str, *, labelled: bool = False, label: str = "") -> list[str]:
    """Markdown lines for `text`, wrapped. `labelled` text stands among labels; `label` begins the first line."""
    rows = text.split("\n")
    closed = _fences(rows)
    safe = [_safe(row, labelled) for row in rows]
    out: list[str] = []
    at, opening, item = 0, True, False
    while at < len(rows):
        if at in closed and (opening or rows[at - 1]):
            out += rows[at : closed[at]]
            at, opening, item = closed[at], True, False
        elif at and not rows[at] and rows[at - 1]:
            out.append("")
            at, opening, item = at + 1, True, False
        else:
            item = is_item(safe[at], opening=opening, after_item=item)
            line = safe[at] if item else _start(safe[at])
            out += _wrapped(line + _break(rows, safe, closed, at, item), item, 0 if out else len(label))
            at, opening = at + 1, False
    if not label:
        return out
    apart = 0 in closed or is_item(safe[0], opening=True, after_item=False)
    return [label, "", *out] if apart else [f"{label} {out[0]}", *out[1:]]


def _break(rows: Sequence[str], safe: Sequence[str], closed: dict[int, int], at: int, item: bool) -> str:
    """The backslash that keeps the next row on a line of its own, unless something else does."""
    after = at + 1
    if after == len(rows):
        return ""
    if rows[at] and (not rows[after] or after in closed or is_item(safe[after], opening=False, after_item=item)):
        return ""
    return "\\"


def _safe(row: str, labelled: bool) -> str:
    """A row of text as one line that is prose or a list item; leading white space is left to `_start`."""
    line = escaped(row)
    if len(line) > 1 and line[-1] in BLANK:
        line = line[:-1] + entity(line[-1])
    if not line or (line[0] in BLANK and (kind(line) != "prose" or _REFERENCE.match(line))):
        return _start(line)
    begin = 0
    for _ in range(NESTED):  # to GitHub a list item may hold a heading, a quote, another list
        found = None if kind(line[begin:]) != "prose" else ITEM.match(line, begin)
        if not found:
            break
        begin = found.end() - 1
    return line[:begin] + _no_start(line[begin:], labelled and not begin)


def _no_start(line: str, labelled: bool) -> str:
    """The line with a backslash where it would be taken for the start of something other than prose."""
    found = kind(line)
    if found == "fence":
        marks = len(line) - len(line.lstrip(line[0]))
        return f"\\{line[0]}" * marks + line[marks:]
    special = found != "prose" or _REFERENCE.match(line) or (labelled and LABEL.match(line))
    return "\\" + line if special else line


def _start(line: str) -> str:
    """The line with its leading blank, which reading would strip, as an entity."""
    return entity(line[0]) + line[1:] if line and line[0] in BLANK else line


def _wrapped(line: str, item: bool, taken: int) -> Iterator[str]:
    """`line` in pieces of about FOLD characters; all but the first of a list item are indented."""
    start, last, indent = 0, 0, ""
    for end in (*(found.start() for found in _BREAK.finditer(line)), len(line)):
        if last > start and end - start + len(indent) + taken > FOLD:
            yield indent + line[start:last]
            start, indent, taken = last + 1, "  " if item else "", 0
        if start or (kind(line[:end]) == "prose" and item == bool(ITEM.match(line[:end]))):
            last = end
    yield indent + line[start:]


def _fences(rows: Sequence[str]) -> dict[int, int]:
    """The code fences that Markdown can hold as they are: index of the first row to that after the last."""
    found: dict[int, int] = {}
    open_ended: dict[str, int] = {}  # the shortest fence of its character that nothing closes from here on
    at = 0
    while at < len(rows):
        end = None
        if kind(rows[at] or "x") == "fence":
            mark = rows[at].lstrip()
            length = len(mark) - len(mark.lstrip(mark[0]))
            if length < open_ended.get(mark[0], FOLD):
                end = fence_end(rows, at)
                if end is None:
                    open_ended[mark[0]] = length
                elif not any(map(_UNFENCED.search, rows[at:end])):
                    found[at] = end
        at = found.get(at, at + 1)
    return found
