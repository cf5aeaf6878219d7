"""A run's Parquet files, a batch at a time: what is stored there may be larger than memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from solon.errors import DataError

BATCH = 8192  # rows


def batches(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> Iterator[Any]:
    """Record batches of some columns, "verdicts.order" being one of those inside `verdicts`.

    Optional columns that the file lacks are left out. A file without rows gives nothing. Raises DataError:
    not Parquet, or a required column is missing.
    """
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            if file.metadata.num_rows == 0:
                return
            stored = [file.schema.column(n).path for n in range(len(file.schema))]
            known = {name.replace(".list.element", ""): name for name in stored}
            for name in required:
                if not any(column.split(".")[0] == name for column in known):
                    raise DataError(f"{path}: has no column '{name}'; it is not a file of a run")
            wanted = [known[name] for name in (*required, *optional) if name in known]
            yield from file.iter_batches(batch_size=BATCH, columns=wanted)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path}: cannot be read as Parquet: {str(error).splitlines()[0]}") from None
