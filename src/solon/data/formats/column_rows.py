"""Records out of Parquet and Arrow. A null is no column, and neither is NaN, which tables have for a missing number."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any, BinaryIO

from solon.data.formats.base import Records
from solon.data.rows import BadRow
from solon.errors import DataError

BATCH = 1024  # rows in memory, at most; fewer where they are long
BYTES = 64 << 20  # of a batch, about
_CANNOT = (ValueError, OverflowError, KeyError, TypeError, NotImplementedError)  # Arrow's errors are among them

_MAGIC = (
    (re.compile(rb"PAR1[^ -~\t\n\r]"), "parquet"),
    (re.compile(rb"ARROW1\x00\x00"), "arrow file"),
    (re.compile(rb"FEA1\x00"), "arrow feather"),
    (re.compile(rb"\xff\xff\xff\xff..\x00\x00", re.S), "arrow stream"),
)
_NAMES = {".parquet": (b"PAR1", "parquet"), ".arrow": (b"ARROW1", "arrow file"), ".feather": (b"FEA1", "arrow feather")}


def columns_in(head: bytes, ending: str = "") -> str:
    """parquet, or arrow file, stream or feather, by the first bytes (fewer of them, where the name says so, too); "" of
    anything else."""
    told = next((name for magic, name in _MAGIC if magic.match(head)), "")
    mark, name = _NAMES.get(ending, (b"", ""))
    return told or (name if mark and head.startswith(mark) else "")


def parquet_rows(path: Path, source: Path | BinaryIO) -> Records:
    """The rows of a Parquet file. Raises DataError for one that is cut off; a row group that is broken is set aside."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    fails = (OSError, pa.ArrowException)
    try:
        file = pq.ParquetFile(source)
        facts = file.metadata
        _check_names(path, file.schema_arrow.names)
    except fails as error:
        raise _broken(path, "Parquet", error) from None
    told: set[str] = set()
    number = 0
    with file:
        for group in range(facts.num_row_groups):
            rows, size = facts.row_group(group).num_rows, facts.row_group(group).total_byte_size
            done = 0
            try:
                for batch in file.iter_batches(batch_size=_at_once(rows, size), row_groups=[group]):
                    yield from _rows(path, batch, number + done, told)
                    done += batch.num_rows
            except fails as error:
                reason = str(error).splitlines()[0]
                last = number + rows
                yield BadRow(str(path), number + done + 1, f"rows up to {last:,} cannot be read as Parquet: {reason}")
            number += rows


def arrow_rows(path: Path, source: Path | BinaryIO, columnar: str) -> Records:
    """The rows of an Arrow file, stream or Feather file. Raises DataError for one that is broken from its start."""
    import pyarrow as pa

    told: set[str] = set()
    number = 0
    try:
        handle = pa.OSFile(str(source)) if isinstance(source, Path) else pa.PythonFile(source, mode="r")
        for batch in _batches(handle, columnar):
            _check_names(path, batch.schema.names)
            step = _at_once(batch.num_rows, batch.nbytes)
            for start in range(0, batch.num_rows, step):
                part = batch.slice(start, step)
                yield from _rows(path, part, number, told)
                number += part.num_rows
    except (OSError, pa.ArrowException) as error:
        if not number:
            raise _broken(path, "Arrow", error) from None
        reason = str(error).splitlines()[0]
        yield BadRow(str(path), number + 1, f"from here on the file cannot be read as Arrow: {reason}")


def _batches(handle: Any, columnar: str) -> Iterator[Any]:
    import pyarrow as pa

    if columnar == "arrow feather":
        from pyarrow import feather

        yield from feather.read_table(handle).to_batches()
    elif columnar == "arrow stream":
        yield from pa.ipc.open_stream(handle)
    else:
        file = pa.ipc.open_file(handle)
        yield from map(file.get_batch, range(file.num_record_batches))


def _at_once(rows: int, size: int) -> int:
    """How many rows of so many bytes in all are made at once."""
    return max(1, min(BATCH, int(BYTES / max(size / max(rows, 1), 1))))


def _check_names(path: Path, names: list[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path}: two columns are called '{twice}': rename one")


def _broken(path: Path, kind: str, error: Exception) -> DataError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return DataError(f"{path}: cannot be read as {kind}: {reason[:200]}; it is cut off or damaged: fetch it again")


def _rows(path: Path, batch: Any, before: int, told: set[str]) -> Records:
    """The rows of a batch, numbered after `before`; `told` has the columns that were said to be left out."""
    names, columns = [], []
    bad: dict[int, str] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        values, unreadable = _values(column)
        if unreadable and len(unreadable) == len(column) and not _is_text(column.type):
            if name not in told:
                told.add(name)
                why = (
                    f"column '{name}' ({column.type}) cannot be converted and is left out of all rows: {unreadable[0]}"
                )
                yield BadRow(str(path), before + 1, why)
            continue
        bad |= {n: f"column '{name}' ({column.type}): {why}" for n, why in unreadable.items()}
        names.append(name)
        columns.append(values)
    for n, row in enumerate(zip(*columns, strict=True)):
        if n in bad:
            yield BadRow(str(path), before + n + 1, bad[n])
        else:
            yield before + n + 1, {name: value for name, value in zip(names, row, strict=True) if value is not None}
    if not columns:
        yield from ((before + n + 1, {}) for n in range(batch.num_rows))


def _is_text(type_: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_))


def _values(column: Any) -> tuple[list[Any], dict[int, str]]:
    """A column as Python's values, None for null and NaN; and by place why one cannot be had."""
    try:
        values = column.to_pylist()
    except _CANNOT:
        return _one_by_one(column)
    if _holds_floats(column.type):
        values = [_without_nan(value) for value in values]
    return values, {}


def _one_by_one(column: Any) -> tuple[list[Any], dict[int, str]]:
    values: list[Any] = []
    bad: dict[int, str] = {}
    for n, scalar in enumerate(column):
        try:
            values.append(_without_nan(_value(scalar)))
        except UnicodeDecodeError as error:
            values.append(None)
            bad[n] = f"not UTF-8 at byte {error.start}"
        except _CANNOT as error:
            values.append(None)
            bad[n] = (str(error).splitlines() or [type(error).__name__])[0][:120]
    return values, bad


def _value(scalar: Any) -> Any:
    """A value, or what it comes to: a time of a zone that is not known in UTC, any other as text."""
    import pyarrow as pa

    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        raise
    except _CANNOT:
        if pa.types.is_timestamp(scalar.type) and scalar.type.tz:
            return scalar.cast(pa.timestamp(scalar.type.unit)).as_py().replace(tzinfo=UTC)
        return scalar.cast(pa.string()).as_py()


def _holds_floats(type_: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_floating(type_):
        return True
    return any(_holds_floats(type_.field(n).type) for n in range(type_.num_fields)) if type_.num_fields else False


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, list):
        return [_without_nan(one) for one in value]
    if isinstance(value, dict):
        return {name: _without_nan(one) for name, one in value.items()}
    return value
