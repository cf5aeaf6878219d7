"""Pairs, and single replies, into files of any format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from solon.data.formats.base import Format
from solon.data.formats.checks import Record, RowProblem, identity
from solon.data.formats.conversation import conversation_of
from solon.data.formats.known import convertible, reply_columns, writable
from solon.data.formats.read import LOOKED_AT, PairFile, ReplyFile, recognise
from solon.data.formats.records import records
from solon.data.formats.reply import Reply, chosen_reply
from solon.data.formats.row import Row
from solon.data.formats.sinks import checked_ending, opened
from solon.data.rows import BadRow
from solon.errors import DataError
from solon.types import digest

BATCH = 1024  # records in memory while their schema is looked for
NO_PAIRS = "one reply to each prompt, and no label: there are no pairs to write; solon label makes them of two answers"

Item = Row | Reply | BadRow
Rendered = tuple[list[Record], Sequence[Row | Reply]]


@dataclass(frozen=True, slots=True)
class Written:
    """What became of the rows: written (of two records each, in unpaired formats), or set aside, the first one why.

    `changed` names the columns that the file cannot hold as they are, by what was written in their place.
    """

    rows: int
    aside: int
    first: BadRow | None
    changed: Mapping[str, tuple[str, ...]]


def convert(source: Path, target: Path, to: str, format: str | None = None) -> Written:
    """Read a file of pairs or of single replies, and write it as another. Extra columns come along. Bare prompts are
    written as prompts.

    `to` and `format` name formats; a `format` of None is told by the columns. Single replies are written as such where
    both formats hold them; else those that are labelled make pairs, and of pairs the chosen replies are written. Raises
    as `read_pairs` and `write_pairs` do, and DataError for replies that make no pairs; the target is whole or absent.
    """
    wanted = writable(to)
    if format in PROMPTS or (format is None and wanted.distinct and _are_prompts(source)):
        if not wanted.distinct:
            raise DataError(f"{source}: prompts hold no replies to write as {to}; solon label answers them")
        return write_rows(target, PromptFile(source), wanted, to)
    told = convertible(format) if format is not None else recognise(source, replies=True)
    if told.reply is not None and wanted.render_reply is not None:
        return write_rows(target, ReplyFile(source, told), wanted, to)
    if told.parse is None:
        raise DataError(f"{source}: {told.name} holds {NO_PAIRS}")
    return write_rows(target, PairFile(source, told.name), wanted, to)


PROMPTS = ("prompts", "trl-prompts", "trl-prompts-standard")  # what a file of bare prompts may be called


def _are_prompts(path: Path) -> bool:
    """Whether the file's first records ask, and hold neither a reply nor a column that may be one."""
    found = [item[1] for item in islice(records(path), LOOKED_AT) if not isinstance(item, BadRow)]
    return bool(found) and all(_is_prompt(record) for record in found)


def _is_prompt(record: Record) -> bool:
    try:
        return not conversation_of(record).reply and not reply_columns(record)
    except RowProblem:
        return False


@dataclass(frozen=True, slots=True)
class PromptFile:
    """The conversations of a file of prompts, as replies without words, read anew each time."""

    path: Path

    def __iter__(self) -> Iterator[Reply | BadRow]:
        for item in records(self.path):
            yield item if isinstance(item, BadRow) else self._prompt(*item)

    def _prompt(self, line: int, record: Record) -> Reply | BadRow:
        try:
            said = conversation_of(record)
            if said.later:
                raise RowProblem("turns that are asked one after another are no one prompt: give them as messages")
            name = identity(record, "id") or identity(record, "prompt_id")
        except RowProblem as problem:
            return BadRow(str(self.path), line, str(problem))
        return Reply(said.turns, "", extra={"id": name} if name else {}, file=str(self.path), line=line)


def write_pairs(target: Path, rows: Iterable[Item], to: str) -> Written:
    """Write pairs as `to`, in the form that the target's ending says: JSON lines, gzipped or not, a list, or Parquet.

    BadRows, and rows that the format cannot hold, are set aside and counted. For Parquet `rows` is gone through
    twice, the first time to find the columns' types. Raises ConfigError for an unknown format or ending,
    DataError when no row could be written or no type fits a column, and StorageError when the disk refuses.
    """
    return write_rows(target, rows, writable(to), to)


def write_rows(target: Path, rows: Iterable[Item], format: Format, to: str) -> Written:
    """`write_pairs` of single replies, too; `to` is what the user calls the format."""
    tally = _Tally()
    checked_ending(target)
    with ExitStack() as stack:
        sink = opened(target, lambda: _schema(target, rows, format), stack)
        for made, written in tally.rendered(rows, format):
            try:
                sink.append(made)
            except RowProblem as problem:
                tally.put_aside(written, problem)
            else:
                tally.rows += len(written)
        if not tally.rows:
            why = f"; first: {tally.first.file}:{tally.first.line}: {tally.first.reason}" if tally.first else ""
            raise DataError(f"{target}: no row could be written as {to}{why}")
    return Written(tally.rows, tally.aside, tally.first, {what: tuple(names) for what, names in sink.changed.items()})


class _Tally:
    """Counts what is set aside."""

    def __init__(self) -> None:
        self.rows = self.aside = 0
        self.first: BadRow | None = None

    def put_aside(self, rows: Sequence[Row | Reply], problem: RowProblem) -> None:
        for row in rows:
            self.bad(BadRow(row.file, row.line, str(problem)))

    def bad(self, row: BadRow) -> None:
        self.aside += 1
        self.first = self.first or row

    def rendered(self, rows: Iterable[Item], format: Format) -> Iterator[Rendered]:
        """The records of each row, or of consecutive rows that make one record, that the format can hold."""
        written: set[str] = set()
        for together in self._together(rows, format):
            try:
                made = _records(together, format)
            except RowProblem as problem:
                self.put_aside(together, problem)
                continue
            if format.distinct:
                name = digest(made)
                if name in written:
                    continue
                written.add(name)
            yield made, together

    def _together(self, rows: Iterable[Item], format: Format) -> Iterator[Sequence[Row | Reply]]:
        """The usable rows, each alone or with those that are written with it."""
        if format.whole is None:
            yield from ([row] for row in self._usable(rows))
        else:
            pairs = (row for row in self._usable(rows) if isinstance(row, Row))
            yield from (list(group) for _, group in groupby(pairs, format.whole))

    def _usable(self, rows: Iterable[Item]) -> Iterator[Row | Reply]:
        for row in rows:
            if isinstance(row, BadRow):
                self.bad(row)
            else:
                yield row


def _records(rows: Sequence[Row | Reply], format: Format) -> list[Record]:
    pairs = [row for row in rows if isinstance(row, Row)]
    if pairs and format.together is not None:
        return format.together(pairs)
    row = rows[0]
    if isinstance(row, Row):
        if format.render is not None:
            return format.render(row)
        row = chosen_reply(row)
    assert format.render_reply is not None, "a format that is written"
    return format.render_reply(row)


def _schema(target: Path, rows: Iterable[Item], format: Format) -> Any:
    """The narrowest schema of all records to come."""
    from solon.data.tables import widened

    schema = format.schema() if format.schema else None
    made = (record for rendered, _ in _Tally().rendered(rows, format) for record in rendered)
    try:
        while batch := list(islice(made, BATCH)):
            schema = widened(schema, batch)
    except DataError as error:
        raise DataError(f"{target}: {error}") from None
    return schema
