"""Datasets on disk: Parquet in TRL's columns, published whole."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from solon.data.publishing import published
from solon.errors import DataError
from solon.files import write_atomic

__all__ = ["GROUP", "RowWriter", "batches", "published", "read_rows", "widened", "write_rows"]

GROUP = 1024  # rows that a RowWriter keeps in memory, and the rows of a row group


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


def widened(schema: pa.Schema | None, rows: Sequence[dict[str, Any]]) -> pa.Schema:
    """The narrowest schema that holds `rows` and what `schema` holds.

    Raises DataError naming the column that no type fits.
    """
    names = dict.fromkeys(chain.from_iterable(rows))
    own = pa.schema([(name, _array(name, rows).type) for name in names])
    if schema is None:
        return own
    try:
        return pa.unify_schemas([schema, own], promote_options="permissive")
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0].removeprefix("Unable to merge: ")
        raise DataError(f"{reason}; Parquet needs one: rename the column, or write JSON lines") from None


EMPTY_OBJECTS = "objects without a field as null"


class RowWriter:
    """Rows to one Parquet file, published whole when the block ends, or not at all when it fails.

        with RowWriter(path, schema) as writer:
            writer.append(rows)

    Without a schema the first GROUP rows set it; `checked` says that it was made from these very rows. No more than
    GROUP rows and one call's are in memory. The same rows give the same bytes, however they were dealt out to
    `append`. Raises DataError for a row that does not fit the schema, whose columns and fields would else be dropped
    without a word, and StorageError when the disk refuses. `changed` names the columns that Parquet cannot hold as they
    are: objects without a field.
    """

    def __init__(self, path: Path, schema: pa.Schema | None = None, *, checked: bool = False) -> None:
        self.rows = 0  # appended so far
        self._path = path
        self.changed: dict[str, dict[str, None]] = {}
        self._schema = schema
        self._checked = checked
        self._waiting: list[dict[str, Any]] = []
        self._writer: Any = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._handle = self._open.enter_context(published(self._path))
        self._open.callback(self._let_go)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._open:  # what is raised in here takes the file away
            if error is not None:
                raise error
            if self._waiting or self._writer is None:
                self._write()
            self._writer.close()

    def append(self, rows: Iterable[dict[str, Any]]) -> None:
        for row in rows:
            self._waiting.append(row)
            self.rows += 1
            if len(self._waiting) == GROUP:
                self._write()

    def _write(self) -> None:
        """Write what waits as a row group."""
        rows, self._waiting = self._waiting, []
        try:
            if self._schema is None or not self._checked:
                wide = widened(self._schema, rows)
                self._schema = wide if self._schema is None else self._schema
                _same(self._schema, wide)
            stored = self._stored(self._schema)
            emptied = [
                _nulled(rows, field.name) if field.name in self.changed.get(EMPTY_OBJECTS, ()) else rows
                for field in stored
            ]
            arrays = [_array(field.name, own, field.type) for field, own in zip(stored, emptied, strict=True)]
            if self._writer is None:
                self._writer = pq.ParquetWriter(self._handle, stored, compression="zstd")
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=stored))
        except (pa.ArrowException, DataError) as error:
            raise DataError(f"{self._path}: {str(error).splitlines()[0]}") from None

    def _stored(self, schema: pa.Schema) -> pa.Schema:
        """The schema as Parquet can hold it."""
        kinds = [_without_empty(field.type) for field in schema]
        for field, kind in zip(schema, kinds, strict=True):
            if kind != field.type:
                self.changed.setdefault(EMPTY_OBJECTS, {}).setdefault(field.name)
        return pa.schema([field.with_type(kind) for field, kind in zip(schema, kinds, strict=True)])

    def _let_go(self) -> None:
        """An open Parquet writer writes its footer even when it is collected: to a file closed by then."""
        if self._writer is not None:
            with suppress(Exception):
                self._writer.close()


def _without_empty(kind: Any) -> Any:
    """The type with null in place of objects without a field, which Parquet refuses."""
    if pa.types.is_struct(kind):
        fields = [field.with_type(_without_empty(field.type)) for field in kind]
        return pa.struct(fields) if fields else pa.null()
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_without_empty(kind.value_type)))
    return kind


def _nulled(rows: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """A column of the rows, with null in place of objects without a field."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items()} or None
        return [plain(inner) for inner in value] if isinstance(value, list) else value

    return [{name: plain(row.get(name))} for row in rows]


def _array(name: str, rows: Sequence[dict[str, Any]], kind: Any = None) -> Any:
    try:
        return pa.array([row.get(name) for row in rows], kind)
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"column '{name}': {reason}; Parquet needs one type: write JSON lines") from None


def _same(schema: pa.Schema, wide: pa.Schema) -> None:
    """That the schema holds all that `wide` does."""
    for field in wide:
        at = schema.get_field_index(field.name)
        if at < 0:
            raise DataError(f"column '{field.name}' is not in the file's schema")
        if schema.field(at).type != field.type:
            raise DataError(f"column '{field.name}' is {field.type}, expected {schema.field(at).type}")
