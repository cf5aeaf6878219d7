"""Pairs into files of any format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from solon.data.formats.base import Format
from solon.data.formats.checks import Record, RowProblem
from solon.data.formats.known import readable, writable
from solon.data.formats.read import PairFile, recognise
from solon.data.formats.row import Row
from solon.data.formats.sinks import checked_ending, opened
from solon.data.rows import BadRow
from solon.errors import DataError
from solon.types import digest

BATCH = 1024  # records in memory while their schema is looked for


@dataclass(frozen=True, slots=True)
class Written:
    """What became of the rows: written (of two records each, in unpaired formats), or set aside, the first one why."""

    rows: int
    aside: int
    first: BadRow | None


def convert(source: Path, target: Path, to: str, format: str | None = None) -> Written:
    """Read a preference file and write its pairs to another. Extra columns come along.

    `to` and `format` name formats; a `format` of None is told by the columns. Raises as `read_pairs` and
    `write_pairs` do; the target is whole or absent.
    """
    writable(to)
    told = readable(format) if format is not None else recognise(source)
    return write_pairs(target, PairFile(source, told.name), to)


def write_pairs(target: Path, rows: Sequence[Row | BadRow] | PairFile, to: str) -> Written:
    """Write pairs as `to`, in the form that the target's ending says: JSON lines, gzipped or not, or Parquet.

    BadRows, and rows that the format cannot hold, are set aside and counted. For Parquet `rows` is gone through
    twice, the first time to find the columns' types. Raises ConfigError for an unknown format or ending,
    DataError when no row could be written or no type fits a column, and StorageError when the disk refuses.
    """
    format, tally = writable(to), _Tally()
    checked_ending(target)
    with ExitStack() as stack:
        sink = opened(target, lambda: _schema(target, rows, format), stack)
        for records, row in tally.rendered(rows, format):
            try:
                sink.append(records)
            except RowProblem as problem:
                tally.put_aside(BadRow(row.file, row.line, str(problem)))
            else:
                tally.rows += 1
        if not tally.rows:
            why = f"; first: {tally.first.file}:{tally.first.line}: {tally.first.reason}" if tally.first else ""
            raise DataError(f"{target}: no row could be written as {to}{why}")
    return Written(tally.rows, tally.aside, tally.first)


class _Tally:
    """Counts what is set aside."""

    def __init__(self) -> None:
        self.rows = self.aside = 0
        self.first: BadRow | None = None

    def put_aside(self, row: BadRow) -> None:
        self.aside += 1
        self.first = self.first or row

    def rendered(self, rows: Iterable[Row | BadRow], format: Format) -> Iterator[tuple[list[Record], Row]]:
        """The records of each row that the format can hold."""
        written: set[str] = set()
        for row in rows:
            if isinstance(row, BadRow):
                self.put_aside(row)
                continue
            try:
                records = format.render(row) if format.render else []
            except RowProblem as problem:
                self.put_aside(BadRow(row.file, row.line, str(problem)))
                continue
            if format.distinct:
                name = digest(records)
                if name in written:
                    continue
                written.add(name)
            yield records, row


def _schema(target: Path, rows: Iterable[Row | BadRow], format: Format) -> Any:
    """The narrowest schema of all records to come."""
    from solon.data.tables import widened

    schema = format.schema() if format.schema else None
    records = (record for rendered, _ in _Tally().rendered(rows, format) for record in rendered)
    try:
        while batch := list(islice(records, BATCH)):
            schema = widened(schema, batch)
    except DataError as error:
        raise DataError(f"{target}: {error}") from None
    return schema
