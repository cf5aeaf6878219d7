"""Labels, unlabelled pairs and bad rows on disk as they come."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from solon.data.formats import Row
from solon.data.formats.sinks import jsonable
from solon.data.preferences import preference_row, preference_schema
from solon.data.publishing import published
from solon.data.rows import BadRow
from solon.data.tables import RowWriter
from solon.pipeline.label_files import LABELS, UNLABELLED
from solon.types import Preference, Unlabelled

QUARANTINE = "quarantine.jsonl"
OUTPUTS = (LABELS, UNLABELLED, QUARANTINE)
EXTRA = "extra"  # the file's other columns, as one JSON object: their types may change from row to row

Result = Preference | Unlabelled
Write = Callable[[Row | BadRow, Result | None], dict[str, Any] | None]


@contextmanager
def files_in(folder: Path) -> Iterator[Write]:
    """A function that writes one row and its label, or a bad row, to OUTPUTS, which appear when the block ends well.

    It returns what it wrote to LABELS.
    """
    import pyarrow as pa

    own = preference_schema()
    schema, names = own.append(pa.field(EXTRA, pa.string())), frozenset(own.names)
    with (
        RowWriter(folder / LABELS, schema) as labels,
        published(folder / UNLABELLED) as others,
        published(folder / QUARANTINE) as bad,
    ):

        def write(row: Row | BadRow, result: Result | None) -> dict[str, Any] | None:
            if isinstance(row, BadRow):
                bad.write(_line(asdict(row)))
            elif isinstance(result, Preference):
                written = preference_row(result) | {EXTRA: _others(row, names)}
                labels.append([written])
                return written
            elif result is not None:
                said = [verdict.as_dict() for verdict in result.verdicts]
                others.write(_line({"id": row.comparison.id, "failure": result.failure, "verdicts": said}))
            return None

        yield write


def _line(row: dict[str, Any]) -> bytes:
    # ASCII, for a judge's words and a file's name may hold what UTF-8 cannot.
    return json.dumps(row).encode() + b"\n"


def _others(row: Row, own: Collection[str]) -> str | None:
    """The columns whose names are not the label store's own: those are of the label, not of an earlier one."""
    columns = {name: value for name, value in row.extra.items() if name not in own}
    earlier = columns.get(EXTRA)
    if isinstance(earlier, str) and len(columns) == 1:  # as `write` left them
        return earlier
    # Parquet holds dates, and numbers that are none; JSON does not.
    return json.dumps(jsonable(columns), ensure_ascii=False, allow_nan=False) if columns else None
