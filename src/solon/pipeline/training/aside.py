"""Rows that were set aside: all in one file, the first of them named to the user."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from solon.data.rows import BadRow
from solon.files import write_atomic
from solon.pipeline.progress import Progress

QUARANTINE = "quarantine.jsonl"


class Aside:
    """The rows set aside so far; `folder` is where QUARANTINE lies, None in a process that writes nothing."""

    def __init__(self, folder: Path | None, progress: Progress) -> None:
        self.folder, self.progress = folder, progress
        self.rows: list[BadRow] = []

    def add(self, rows: Sequence[BadRow]) -> None:
        """Set these aside, too. The file is whole after every call, and there even where it has nothing to say."""
        self.rows += rows
        if self.folder is None:
            return
        path = self.folder / QUARANTINE
        # ASCII, for a file's name and words quoted from it may hold what UTF-8 cannot.
        write_atomic(path, "".join(json.dumps(asdict(row)) + "\n" for row in self.rows))
        if rows:
            first, many = rows[0], f"{len(rows):,} {'row' if len(rows) == 1 else 'rows'}"
            self.progress.warn(f"{many} set aside in {path}; first: {first.file}:{first.line}: {first.reason}")
