"""Datasets on disk: Parquet in TRL's columns, published whole."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from solon.errors import DataError
from solon.files import write_atomic


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Publish rows as Parquet. The same rows give the same bytes."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), buffer, compression="zstd")
    write_atomic(path, buffer.getvalue())


def read_rows(path: Path) -> list[dict[str, Any]]:
    """All rows. Raises DataError when the file is missing or not Parquet."""
    try:
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path}: cannot be read as Parquet: {str(error).splitlines()[0]}") from None
    return rows


def batches(path: Path, columns: list[str], size: int = 4096) -> Iterator[dict[str, Any]]:
    """Some columns of all rows, a batch in memory at a time. Raises DataError as `read_rows` does."""
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=size, columns=columns):
                yield from batch.to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path}: cannot be read as Parquet: {str(error).splitlines()[0]}") from None
