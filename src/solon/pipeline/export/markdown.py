"""Markdown in which text that a person or a model wrote stays text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

# Control characters, marks that turn the reading direction round, and halves of surrogate pairs.
_UNSHOWABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# What opens markup inside a line, bare addresses that become links, and what makes a block at a line's beginning.
_SPECIAL = re.compile(r"([\\`*_\[\]!|~@$]|(?<=www)\.|:(?=//)|^[#+=-]|(?<=^\d)[.)])")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def clean(text: str) -> str:
    """`text` without characters that hide it or turn it round."""
    return _UNSHOWABLE.sub("\ufffd", text.replace("\r\n", "\n"))


def said(text: object) -> str:
    """`text` on one line, as plain text of a paragraph or cell: no markup, no HTML, no link of it takes effect."""
    line = " ".join(clean(str(text)).split())
    return re.sub("[&<>]", lambda found: _HTML[found[0]], _SPECIAL.sub(r"\\\1", line))


def code(text: object) -> str:
    """`text` on one line as code, in more backticks than it holds in a row."""
    line = " ".join(clean(str(text)).split())
    fence = "`" * (longest_run(line, "`") + 1)
    gap = " " if line.startswith("`") or line.endswith("`") or not line else ""
    return f"{fence}{gap}{line}{gap}{fence}"


def longest_run(text: str, mark: str) -> int:
    return max((len(run) for run in re.findall(f"{re.escape(mark)}+", text)), default=0)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
