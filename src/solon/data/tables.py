"""Datasets on disk: Parquet in TRL's columns, published whole."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
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


def batches(
    path: Path, columns: list[str], size: int = 4096, only: tuple[str, Collection[str]] | None = None
) -> Iterator[dict[str, Any]]:
    """Some columns of all rows, a batch in memory at a time. Raises DataError as `read_rows` does.

    `only` keeps the rows whose value in a column is one of some; the others are never built.
    """
    wanted = pa.array(sorted(only[1]), pa.string()) if only else None
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=size, columns=columns):
                if only and wanted is not None:
                    batch = batch.filter(pc.is_in(batch.column(only[0]), wanted))
                # Column by column is faster than row by row.
                named = batch.to_pydict()
                yield from (dict(zip(named, values, strict=True)) for values in zip(*named.values(), strict=True))
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path}: cannot be read as Parquet: {str(error).splitlines()[0]}") from None
