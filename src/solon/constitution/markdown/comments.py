"""Comments of the two forms: `# …` in YAML, `<!-- … -->` in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ruamel.yaml import YAML

_ENDS = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what ends a line, and so a comment, in YAML


@dataclass(slots=True)
class Comments:
    """Blocks of comment lines: above the description, above each principle (by index), and at the end."""

    head: list[str] = field(default_factory=list)
    above: dict[int, list[str]] = field(default_factory=dict)
    end: list[str] = field(default_factory=list)

    def over(self, index: int) -> list[str]:
        return self.above.setdefault(index, [])


@dataclass(frozen=True, slots=True)
class Remark:
    """One comment line of a YAML file. `line` counts from 1, `column` from 0; `alone`: nothing stands before it."""

    line: int
    column: int
    text: str
    alone: bool


def to_html(block: str) -> str:
    """An HTML comment. What would end it, --> or --!>, gets a backslash (one more, if it has some) before the >."""
    safe = re.sub(r"--(\\*)(?=!?>)", r"--\1\\", block)
    return f"<!--\n{safe}\n-->" if "\n" in safe else f"<!-- {safe} -->"


def from_html(lines: Sequence[str]) -> str:
    """The text of an HTML comment that stands on lines of its own."""
    first, *rest = "\n".join(lines).partition("<!--")[2].rpartition("-->")[0].split("\n")
    rows = [row.rstrip() for row in (first.removeprefix(" "), *rest)]
    if rest:
        rows = rows[not rows[0] : len(rows) - (not rows[-1])]
    return re.sub(r"--(\\*)\\(?=!?>)", r"--\1", "\n".join(rows))


def to_hashes(blocks: Iterable[str], indent: str = "") -> str:
    """YAML comment lines, an empty line between blocks; "" for none."""
    return "\n".join("".join(f"{indent}# {row}".rstrip() + "\n" for row in _ENDS.split(block)) for block in blocks)


def remarks(text: str) -> list[Remark]:
    """All comments of a YAML text that parses, in order."""
    masked = _without_scalars(text).split("\n")
    found = []
    for number, (line, mask) in enumerate(zip(text.split("\n"), masked, strict=True), 1):
        if sign := re.search(r"(?:^|(?<=[ \t]))#", mask):
            said = line[sign.end() :].removeprefix(" ").rstrip()
            found.append(Remark(number, sign.start(), said, not mask[: sign.start()].strip()))
    return found


def _without_scalars(text: str) -> str:
    """`text` with an x for every character of its keys and values, so that a # left in it begins a comment."""
    pieces, at = [], 0
    for event in YAML(typ="safe", pure=True).parse(text):
        if type(event).__name__ != "ScalarEvent":
            continue
        start, end = event.start_mark.index, event.end_mark.index
        if event.style in ("|", ">"):  # the line of the sign itself may hold a comment
            start = text.find("\n", start, end) if "\n" in text[start:end] else end
        pieces += [text[at:start], re.sub(r"[^\n]", "x", text[start:end])]
        at = max(at, end)
    return "".join([*pieces, text[at:]])


def blocks(found: Sequence[Remark]) -> list[str]:
    """Comments on neighbouring lines as one block each."""
    grouped: list[list[Remark]] = []
    for remark in found:
        if grouped and grouped[-1][-1].line + 1 == remark.line and remark.alone and grouped[-1][-1].alone:
            grouped[-1].append(remark)
        else:
            grouped.append([remark])
    return ["\n".join(remark.text for remark in group) for group in grouped]
