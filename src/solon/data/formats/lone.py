"""Replies of unpaired files that no other reply to their prompt makes a pair of: KTO learns from each by itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from solon.data.formats import ends, trl, unpaired
from solon.data.formats.checks import MAX_ROW, Record, RowProblem, check_text
from solon.data.formats.records import records
from solon.data.rows import BadRow
from solon.types import Message


@dataclass(frozen=True, slots=True)
class Lone:
    """A reply to `turns`, whose last is the user's, and whether it is good. `ended` false: a limit cut it off."""

    turns: tuple[Message, ...]
    reply: str
    good: bool
    ended: bool = True
    file: str = ""
    line: int = 0


def read_lone(path: Path) -> list[Lone | BadRow]:
    """The replies of an unpaired file without a partner, in its order; a BadRow for each that cannot be used."""
    found: list[Lone | BadRow] = []
    for item in unpaired.gather(records(path), str(path), keep_lone=True):
        if not isinstance(item, BadRow) and "completion" in item[1]:  # a pair has none any more
            found.append(_lone(*item, str(path)))
    return found


def _lone(line: int, record: Record, file: str) -> Lone | BadRow:
    try:
        *before, reply = trl.whole(record, "completion")
        if reply.role != "assistant" or not before or before[-1].role != "user":
            raise RowProblem("completion is no reply of the assistant to a turn of the user")
        if (size := sum(len(turn.content) for turn in (*before, reply))) > MAX_ROW:
            raise RowProblem(f"the row has {size:,} characters, the limit is {MAX_ROW:,}")
        for turn in (*before, reply):
            check_text(turn.content)
        ended = ends.ended(record) is not False
    except RowProblem as problem:
        return BadRow(file, line, str(problem))
    return Lone(tuple(before), reply.content, record["label"], ended, file, line)
