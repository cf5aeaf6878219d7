"""Records out of JSON: a line each, or the elements of one list."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from solon.data.formats.base import Records
from solon.data.formats.checks import MAX_ROW, Record, RowProblem, kind
from solon.data.rows import BadRow
from solon.errors import DataError

BOM = b"\xef\xbb\xbf"
LISTS = (".json", ".json.gz")  # files that may be one JSON value; all others are read line by line
BROKEN_GZIP = (EOFError, zlib.error, gzip.BadGzipFile)
HOLDERS = ("examples", "data")  # what a JSON object that is a whole file calls its rows
DEPTH = 100  # of lists and objects in each other; beyond it Python's own stack would set the limit
TOO_LONG = f"the row has more than {MAX_ROW:,} bytes, which is the limit"


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


# Python alone reads NaN and Infinity, which no other JSON parser would read back.
DECODER = json.JSONDecoder(parse_constant=_no_number)


def json_records(path: Path, handle: BinaryIO) -> Records:
    """As `records`, of JSON text. Raises DataError for a gzip file in LISTS that is broken."""
    if not path.name.lower().endswith(LISTS):
        yield from _by_line(path, handle)
        return
    try:
        raw = handle.read().removeprefix(BOM)
    except BROKEN_GZIP as error:
        raise DataError(f"{path}: the gzip data is broken: {error}") from None
    rows = _elements(raw)
    if rows is None:
        yield from _by_line(path, io.BytesIO(raw))
    else:
        yield from _by_element(path, rows)


def _by_line(path: Path, handle: BinaryIO) -> Records:
    number = 0
    try:
        for number, line in enumerate(_lines(handle), 1):
            try:
                if line.strip():
                    yield number, _record(line.removeprefix(BOM) if number == 1 else line)
            except RowProblem as problem:
                yield BadRow(str(path), number, str(problem))
    except BROKEN_GZIP as error:
        yield BadRow(str(path), number + 1, f"the gzip data breaks off here: {error}")


def _lines(handle: BinaryIO) -> Iterator[bytes]:
    """Lines; what exceeds the limit of one is read over without keeping it."""
    while line := handle.readline(MAX_ROW + 2):
        rest = line
        while len(rest) > MAX_ROW and not rest.endswith(b"\n"):
            rest = handle.readline(MAX_ROW + 2)
        yield line


def _record(line: bytes) -> Record:
    """The object on a line."""
    if len(line.rstrip(b"\r\n")) > MAX_ROW:
        raise RowProblem(TOO_LONG)
    if b"\x00" in line:
        raise RowProblem("holds a NUL byte")
    try:
        value = DECODER.decode(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise RowProblem(f"not UTF-8 at byte {error.start}") from None
    except (ValueError, RecursionError) as error:
        raise RowProblem(f"not JSON: {str(error)[:80]}") from None
    if not isinstance(value, dict):
        raise RowProblem(f"expected an object, found {'null' if value is None else kind(value)}")
    if line.count(b"[") + line.count(b"{") > DEPTH:
        _check_depth(value)
    # Only an escape can smuggle half a character past the decoder.
    if b"\\u" in line:
        _check_characters(value)
    return value


def _check_depth(value: Any, left: int = DEPTH) -> None:
    if left < 0:
        raise RowProblem(f"lists and objects are nested more than {DEPTH} deep")
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            _check_depth(inner, left - 1)


def _check_characters(value: Record) -> int:
    """The size of the row in bytes. Raises RowProblem for half a surrogate pair, which no UTF-8 file can hold."""
    try:
        return len(json.dumps(value, ensure_ascii=False).encode("utf-8"))
    except UnicodeEncodeError:
        raise RowProblem("holds a lone surrogate") from None


def _by_element(path: Path, rows: Sequence[Any]) -> Records:
    for number, row in enumerate(rows, 1):
        try:
            yield number, _element(row)
        except RowProblem as problem:
            yield BadRow(str(path), number, str(problem))


def _elements(raw: bytes) -> list[Any] | None:
    """The rows, where the whole file is one JSON value that holds some."""
    try:
        value = DECODER.decode(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    if isinstance(value, dict):
        lists = [(name, rows) for name, rows in value.items() if isinstance(rows, list)]
        held = [name for name, rows in lists if any(isinstance(row, dict) for row in rows)]
        value = value[held[0]] if len(held) == 1 and held[0] in HOLDERS else None
    return value if isinstance(value, list) else None


def _element(row: Any) -> Record:
    if not isinstance(row, dict):
        raise RowProblem(f"expected an object, found {'null' if row is None else kind(row)}")
    _check_depth(row)
    if _check_characters(row) > MAX_ROW:
        raise RowProblem(TOO_LONG)
    return row
