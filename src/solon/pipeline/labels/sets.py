"""A label set, read to be compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from solon.data.formats import Row, read_pairs
from solon.data.formats.row import TOPICS
from solon.data.rows import BadRow, data_path
from solon.errors import ConfigError
from solon.feedback.comparing import Label, label_of
from solon.pipeline.label_files import LABELS
from solon.pipeline.labels.files import EXTRA


def read_labels(name: str, format: str | None = None) -> tuple[list[Label], list[BadRow]]:
    """The labels of a file in any preference format, of a `solon label` folder or of a run, and the bad rows.

    Raises ConfigError where a folder holds none.
    """
    labels: list[Label] = []
    bad: list[BadRow] = []
    for row in read_pairs(_file(name), format):
        if isinstance(row, BadRow):
            bad.append(row)
        else:
            labels.append(label_of(row.comparison, row.prob_a, str(row.extra.get("principle") or ""), _aim(row)))
    return labels, bad


def _file(name: str) -> Path:
    path = data_path(name)
    if not path.is_dir():
        return path
    found = next((path / part / LABELS for part in ("", "rl_cai") if (path / part / LABELS).is_file()), None)
    if found is None:
        raise ConfigError(f"label compare: {path} holds no {LABELS}; name the folder of solon label or of a run")
    return found


def _aim(row: Row) -> str:
    """What the pair is about, as its file says or as the file says that was labelled."""
    others: Any = row.extra.get(EXTRA)
    if row.aim or not isinstance(others, str):
        return row.aim
    try:
        columns = json.loads(others)
    except ValueError:
        return ""
    return next((columns[name] for name in TOPICS if isinstance(columns.get(name), str)), "")
