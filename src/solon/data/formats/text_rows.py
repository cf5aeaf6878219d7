"""Records out of CSV and TSV, with a header, and out of plain text, a prompt a line."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from solon.data.formats.base import Records
from solon.data.formats.checks import MAX_ROW, Record, RowProblem
from solon.data.formats.json_rows import lines, text_of
from solon.data.formats.unpacking import BOM, Torn, is_not_utf8
from solon.data.rows import BadRow
from solon.errors import DataError

PLAIN, CSV = "plain", "csv"
DELIMITERS = (",", "\t", ";", "|")
# Names that columns of prompts and pairs have: a first line with two of them is the header of a table.
KNOWN = re.compile(
    r"(?:id|(?:orig_)?prompt(?:_id)?|text|instruction|question|query|input|output|system(?:_prompt)?|category|area|split"
    r"|kind|label|chosen|rejected|completion|answers?|response(?:s|_?[ab\d])?|better|prob_a|messages|conversations?"
    r"|reference|source|score.*|rating.*)",
    re.IGNORECASE,
)
# Columns of figures and yes or no: in all others a cell is text, be it 007 or true.
FIGURES = re.compile(
    r"label|better(?:_response_id)?|safer(?:_response_id)?|prob_(?:a|chosen)|(?:.*_)?(?:scores?|ratings?|rank|weight|margin"
    r"|ended|preference|strength)(?:_.*)?|is_.*|.*_is_.*|ended_[ab]|overall.*",
    re.IGNORECASE,
)


def table_in(head: bytes, name: str) -> str:
    """What a text is that begins with `head` in a file whose name ends in `name`: CSV and the delimiter, PLAIN, or ""
    of JSON."""
    start = head.removeprefix(BOM).lstrip()
    if name in (".txt", ".text") and not _is_json(start):
        return _table(start, 2) or PLAIN
    if start[:1] in (b"{", b"["):
        return ""
    return _table(start, 0 if name in (".csv", ".tsv", ".tab") else 2)


def _is_json(start: bytes) -> bool:
    """Whether it begins as JSON does: in a text file a first prompt may begin with a bracket."""
    first, _, more = start.partition(b"\n")
    if start[:1] not in (b"{", b"["):
        return False
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return more.lstrip()[:1] in (b'"', b"{", b"}") and first.strip() in (b"{", b"[")
    return True


def _table(start: bytes, least: int) -> str:
    """CSV and the delimiter of a header, if it has so many names that are known."""
    header = " ".join(start.partition(b"\n")[0].decode("utf-8", "replace").split("\r"))
    best, known = DELIMITERS[0], -1
    for delimiter in DELIMITERS:
        names = next(iter(csv.reader([header], delimiter=delimiter)), [])
        found = sum(bool(KNOWN.fullmatch(one.strip())) for one in names)
        if (found, len(names)) > (known, 0) and (len(names) > 1 or least == 0) and found > known:
            best, known = delimiter, found
    return f"{CSV}{best}" if known >= least else ""


def plain_records(path: Path, stream: BinaryIO) -> Records:
    """A prompt a line; empty lines are none."""
    number = 0
    try:
        for number, line in enumerate(lines(stream), 1):
            try:
                if said := text_of(line.removeprefix(BOM) if number == 1 else line).strip("\r\n"):
                    yield from [(number, {"prompt": said})] if said.strip() else []
            except RowProblem as problem:
                yield BadRow(str(path), number, str(problem))
    except Torn as error:
        yield BadRow(str(path), number + 1, str(error))


def csv_records(path: Path, stream: BinaryIO, delimiter: str) -> Records:
    """The rows below a header; an empty cell is as if it were not there. Cells that are JSON lists or objects are read
    as those. Raises DataError for a header that names a column twice."""
    csv.field_size_limit(MAX_ROW)
    # Bytes that are not UTF-8 must not end the file.
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    source = _Lines(text)
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    try:
        names = _header(path, reader)
        for number, cells in _rows(reader, source):
            try:
                if isinstance(cells, str):
                    raise RowProblem(cells)
                if any(cells):
                    yield number, _record(names, cells, delimiter)
            except RowProblem as problem:
                yield BadRow(str(path), number, str(problem))
    finally:
        text.detach()  # the stream is the caller's to close


def _header(path: Path, reader: Any) -> list[str]:
    try:
        names = [name.strip() or f"column {n}" for n, name in enumerate(next(reader, []), 1)]
    except (csv.Error, Torn) as error:
        raise DataError(f"{path}: line 1, the header: {error}") from None
    if any(map(is_not_utf8, names)):
        raise DataError(
            f"{path}: line 1, the header is not UTF-8: save the file as UTF-8 (in a spreadsheet: CSV UTF-8)"
        )
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path}: line 1, the header names the column '{twice}' twice: rename one")
    return names


class _Lines:
    """The lines of a table, and those that its current row has taken: after a quote that nobody closes, they are read
    again from the second on."""

    def __init__(self, text: Iterator[str]) -> None:
        self._text = text
        self._again: deque[str] = deque()
        self._row: list[str] = []
        self.number = 0  # of the line that was read last

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._text)
        self._row.append(line)
        self.number += 1
        return line

    def next_row(self) -> int:
        """The number of the line at which the next row begins."""
        self._row = []
        return self.number + 1

    def back_to_second(self) -> None:
        rest = self._row[1:]
        self._again.extendleft(reversed(rest))
        self.number -= len(rest)


def _rows(reader: Any, source: _Lines) -> Iterator[tuple[int, list[str] | str]]:
    """The line that a row begins at, with its cells or why it has none."""
    while True:
        number = source.next_row()
        try:
            yield number, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            source.back_to_second()
            yield number, _reason(str(error))
        except Torn as error:
            yield number, str(error)
            return


def _reason(error: str) -> str:
    if "end of data" in error:
        return "a quote that is opened in this row is never closed: close it, or double the quotes inside a text"
    if "field limit" in error:
        return f"a cell has more than {MAX_ROW:,} characters, which is the limit (or a quote is not closed)"
    return f"not CSV: {error}"


def _record(names: list[str], cells: list[str], delimiter: str) -> Record:
    if len(cells) != len(names):
        shown = "tab" if delimiter == "\t" else f"'{delimiter}'"
        more = f": quote texts that hold a {shown}" if len(cells) > len(names) else ""
        raise RowProblem(f"has {len(cells)} cells, the header {len(names)}{more}")
    record = {name: _cell(name, cell) for name, cell in zip(names, cells, strict=True) if cell != ""}
    if sum(map(len, cells)) > MAX_ROW:
        raise RowProblem(f"the row has more than {MAX_ROW:,} characters, which is the limit")
    if any("\x00" in cell for cell in cells):
        raise RowProblem("holds a NUL byte")
    if any(map(is_not_utf8, cells)):
        raise RowProblem("not UTF-8: save the file as UTF-8 (in a spreadsheet: CSV UTF-8)")
    return record


def _cell(name: str, cell: str) -> Any:
    start = cell.lstrip()[:2]
    if start in ("[{", '["', '{"', "[[") or (FIGURES.fullmatch(name) and not cell.startswith("0")):
        try:
            value = json.loads({"True": "true", "False": "false"}.get(cell, cell))
        except (ValueError, RecursionError):
            return cell
        return value if isinstance(value, list | dict | bool | int | float) else cell
    if FIGURES.fullmatch(name) and re.fullmatch(r"0(\.\d+)?", cell):
        return json.loads(cell)
    return cell
