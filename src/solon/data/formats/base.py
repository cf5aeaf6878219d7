"""What a format is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from solon.data.formats.checks import Record
from solon.data.formats.reply import Reply
from solon.data.formats.row import Row
from solon.data.rows import BadRow

Numbered = tuple[int, Record]
Records = Iterator[Numbered | BadRow]


@dataclass(frozen=True, slots=True)
class Format:
    """How one kind of file says which of two responses is better.

    `columns` describes a record in a few words; `holds` tells one by its columns. `parse` makes the rows of a
    record and `render` the records of a row (None: the format is only written, or only read); both raise
    RowProblem. `gather` first puts records together that make one pair. `distinct`: equal records are written
    once. `schema` makes the Arrow schema that a Parquet file of it has at least.

    A format of single replies (SFT, KTO) has `reply` and `render_reply` for them. One whose record holds several
    pairs is written by `together`, which makes the records of consecutive rows of equal `whole`. `loss` says in
    words what it does not keep, for the table in the docs.
    """

    name: str
    columns: str
    holds: Callable[[Record], bool]
    parse: Callable[[Record], list[Row]] | None = None
    render: Callable[[Row], list[Record]] | None = None
    gather: Callable[[Records, str], Records] | None = None
    distinct: bool = False
    schema: Callable[[], Any] | None = None
    reply: Callable[[Record], Reply] | None = None
    render_reply: Callable[[Reply], list[Record]] | None = None
    whole: Callable[[Row], Any] | None = None
    together: Callable[[Sequence[Row]], list[Record]] | None = None
    loss: str = ""


def has(*names: str) -> Callable[[Record], bool]:
    """Whether a record has all of these columns."""
    return lambda record: all(name in record for name in names)
