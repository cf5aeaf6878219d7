"""Where records go: JSON lines, gzipped or not, a JSON list, or Parquet, by the ending of the file's name.

JSON knows no dates, decimals or bytes, and no number that is none. They are written as what JSON has, and said.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import gzip
import json
import math
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from solon.data.formats.checks import MAX_ROW, Record, RowProblem
from solon.data.publishing import published
from solon.errors import ConfigError

ENDINGS = (".jsonl", ".jsonl.gz", ".json", ".parquet")
AS_TEXT = "dates, decimals and bytes as text (ISO 8601, digits, base64)"
AS_NULL = "numbers that are none (NaN, infinite) as null"
ENCODED = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


class Sink(Protocol):
    """`changed` names the columns that were not written as they are, by what was done to them."""

    changed: dict[str, dict[str, None]]

    def append(self, rows: Sequence[Record]) -> None: ...


def jsonable(value: Any, told: Callable[[str], None] = lambda _: None) -> Any:
    """The value as JSON can hold it; `told` hears of what is changed (AS_TEXT, AS_NULL). Raises RowProblem."""
    if isinstance(value, float) and not math.isfinite(value):
        told(AS_NULL)
        return None
    if isinstance(value, dict):
        return {str(key): jsonable(inner, told) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(inner, told) for inner in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    told(AS_TEXT)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime.date | datetime.time):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, datetime.timedelta | decimal.Decimal | uuid.UUID):
        return str(value)
    raise RowProblem(f"JSON cannot hold a value of type {type(value).__name__}")


class _Json:
    """JSON, a row a line. The same rows give the same bytes."""

    def __init__(self, handle: BinaryIO) -> None:
        self._handle = handle
        self.changed: dict[str, dict[str, None]] = {}

    def append(self, rows: Sequence[Record]) -> None:
        """Raises RowProblem, naming the column, for what the reader's limit or JSON cannot hold; nothing is written."""
        lines = [self._line(row) for row in rows]
        if any(len(line) >= MAX_ROW for line in lines):
            raise RowProblem(f"it would have more than {MAX_ROW:,} bytes, which is the limit")
        self._write(lines)

    def _line(self, row: Record) -> bytes:
        try:
            return ENCODED(row).encode()
        except (TypeError, ValueError, RecursionError):
            plain = {name: self._plain(name, value) for name, value in row.items()}
        try:
            return ENCODED(plain).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise RowProblem(f"JSON cannot hold it: {error}") from None

    def _plain(self, name: str, value: Any) -> Any:
        try:
            return jsonable(value, lambda what: self.changed.setdefault(what, {}).setdefault(name))
        except (RowProblem, RecursionError) as problem:
            raise RowProblem(f"column '{name}': {problem}") from None

    def _write(self, lines: Sequence[bytes]) -> None:
        self._handle.writelines(line + b"\n" for line in lines)


class _List(_Json):
    """One JSON list, an element a line."""

    def __init__(self, handle: BinaryIO) -> None:
        super().__init__(handle)
        self._between = b"[\n"

    def _write(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            self._handle.write(self._between + line)
            self._between = b",\n"

    def close(self) -> None:
        self._handle.write(b"[]\n" if self._between == b"[\n" else b"\n]\n")


def checked_ending(target: Path) -> str:
    """The one of ENDINGS that the name has. Raises ConfigError when it has none."""
    ending = next((ending for ending in ENDINGS if target.name.endswith(ending)), None)
    if ending is None:
        raise ConfigError(f"{target}: must end in {', '.join(ENDINGS)}")
    return ending


def opened(target: Path, schema: Callable[[], Any], stack: ExitStack) -> Sink:
    """A file that appears whole when `stack` is left, or not at all; `schema` makes that of a Parquet file."""
    ending = checked_ending(target)
    if ending == ".parquet":
        from solon.data.tables import RowWriter

        return stack.enter_context(RowWriter(target, schema(), checked=True))
    handle = stack.enter_context(published(target))
    if ending == ".json":
        listed = _List(handle)
        stack.callback(listed.close)
        return listed
    if ending == ".jsonl.gz":
        # Neither name nor time in the header, or equal rows would give different bytes.
        packed = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=handle, mtime=0)
        handle = cast(BinaryIO, stack.enter_context(packed))
    return _Json(handle)
