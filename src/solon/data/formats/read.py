"""Pairs out of preference files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from solon.data.formats.base import Format, Records
from solon.data.formats.checks import Record, RowProblem
from solon.data.formats.known import nearest, readable, refusal, told_by_columns
from solon.data.formats.names import given_id
from solon.data.formats.records import records
from solon.data.formats.reply import Reply
from solon.data.formats.row import Row
from solon.data.rows import BadRow
from solon.errors import DataError

FORMATS_SAID = "--format NAME says another; docs/forms.md lists them"
LOOKED_AT = 20  # records that tell the format, so that a broken first one does not
LOOKED_FOR = 1000  # rows among which they are looked for


def read_pairs(path: Path, format: str | None = None) -> Iterator[Row | BadRow]:
    """The pairs of a preference file, one at a time, and the rows that were set aside, in the order of the file.

    `format` names one of `readables()`; None tells it by the columns. Every row of the file is a pair, a part of one
    or a BadRow. Ids are kept in memory, texts are not. Raises ConfigError for an unknown format or a file that
    cannot be opened, and DataError for one that holds no pairs or, at its end, gave none.
    """
    return _pairs(path, readable(format) if format is not None else recognise(path))


@dataclass(frozen=True, slots=True)
class PairFile:
    """The pairs of a file, read anew each time."""

    path: Path
    format: str | None = None

    def __iter__(self) -> Iterator[Row | BadRow]:
        return read_pairs(self.path, self.format)


def load_pairs(path: Path, format: str | None = None) -> tuple[list[Row], list[BadRow]]:
    """All of `read_pairs` at once: the pairs, and the rows that were set aside."""
    found = list(read_pairs(path, format))
    return [row for row in found if isinstance(row, Row)], [row for row in found if isinstance(row, BadRow)]


def recognise(path: Path, *, replies: bool = False) -> Format:
    """The format that the file's first records have by their columns. Raises DataError when it is none.

    With `replies` it may be one of single replies (SFT).
    """
    first = list(islice(records(path), LOOKED_FOR))
    found: list[Record] = [item[1] for item in first if not isinstance(item, BadRow)][:LOOKED_AT]
    told = told_by_columns(found, replies)
    if told is not None:
        return told
    if not found:
        raise _no_rows(path, next((row for row in first if isinstance(row, BadRow)), None))
    why = next((f"{reason} (columns: {_names(record)})" for record in found if (reason := refusal(record))), None)
    why = why or unknown(found[0])
    broken = next((one for one in first if isinstance(one, BadRow) and "not UTF-8" in one.reason), None)
    also = f"; line {broken.line}: {broken.reason}" if broken else ""
    raise DataError(f"{path}: {why}{also} ({FORMATS_SAID})")


def unknown(record: Record, wanted: str = "is known") -> str:
    """That a record's columns are of no format, and which comes nearest."""
    columns = _names(record)
    if not record:
        return f"columns none are of no format that {wanted}"
    near = nearest(record)
    return f"columns {columns} are of no format that {wanted}; the nearest is '{near.name}' ({near.columns})"


def _names(record: Record) -> str:
    return ", ".join(str(name)[:40] for name in list(record)[:12])


def read_replies(path: Path, format: Format) -> Iterator[Reply | BadRow]:
    """The single replies of a file of SFT or KTO, in its order, and the rows that were set aside.

    Raises as `read_pairs` does.
    """
    used, first = False, None
    for item in records(path):
        found = item if isinstance(item, BadRow) else _reply(*item, format, str(path))
        used = used or isinstance(found, Reply)
        first = first or (found if isinstance(found, BadRow) else None)
        yield found
    if not used:
        raise _no_rows(path, first)


def _reply(line: int, record: Record, format: Format, file: str) -> Reply | BadRow:
    assert format.reply is not None, "a format of single replies"
    try:
        return replace(format.reply(record), file=file, line=line)
    except RowProblem as problem:
        return BadRow(file, line, str(problem))


@dataclass(frozen=True, slots=True)
class ReplyFile:
    """The single replies of a file, read anew each time."""

    path: Path
    format: Format

    def __iter__(self) -> Iterator[Reply | BadRow]:
        return read_replies(self.path, self.format)


def _pairs(path: Path, format: Format) -> Iterator[Row | BadRow]:
    source = records(path)
    if format.gather is not None:
        source = format.gather(source, str(path))
    used, first = False, None
    for row in _named(_parsed(source, format, str(path)), str(path)):
        if isinstance(row, Row):
            used = True
        elif first is None:
            first = row
        yield row
    if not used:
        raise _no_rows(path, first)


def _parsed(source: Records, format: Format, file: str) -> Iterator[Row | BadRow]:
    for item in source:
        if isinstance(item, BadRow):
            yield item
            continue
        line, record = item
        try:
            rows = format.parse(record) if format.parse else []
            yield from [Row(row.comparison, row.prob_a, row.extra, file, line) for row in rows]
        except RowProblem as problem:
            yield BadRow(file, line, str(problem))


def _named(rows: Iterator[Row | BadRow], file: str) -> Iterator[Row | BadRow]:
    """The rows with an id each: one that is given twice is set aside, one that was made from content is numbered."""
    seen: dict[str, int] = {}
    for row in rows:
        if isinstance(row, BadRow):
            yield row
            continue
        name = row.comparison.id
        seen[name] = count = seen.get(name, 0) + 1
        if count == 1:
            yield row
        elif given_id(row.comparison) is None:
            yield replace(row, comparison=replace(row.comparison, id=f"{name}-{count}"))
        else:
            yield BadRow(file, row.line, f"duplicate id '{name[:80]}'")


def _no_rows(path: Path, first: BadRow | None) -> DataError:
    reason = f"; line {first.line}: {first.reason}" if first else " (the file is empty)"
    return DataError(f"{path} has no usable row{reason}")
