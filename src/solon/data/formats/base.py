"""What a format is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from solon.data.formats.checks import Record
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
    """

    name: str
    columns: str
    holds: Callable[[Record], bool]
    parse: Callable[[Record], list[Row]] | None = None
    render: Callable[[Row], list[Record]] | None = None
    gather: Callable[[Records, str], Records] | None = None
    distinct: bool = False
    schema: Callable[[], Any] | None = None


def has(*names: str) -> Callable[[Record], bool]:
    """Whether a record has all of these columns."""
    return lambda record: all(name in record for name in names)
