"""Rows of files: where a file is, and a row of it that could not be used."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was set aside: file, line (from 1) and why."""

    file: str
    line: int
    reason: str


def data_path(name: str) -> Path:
    """A path, or `quickstart:NAME` for a file that ships with the quickstart."""
    if name.startswith("quickstart:"):
        return Path(str(files("solon.quickstart") / "data" / f"{name.removeprefix('quickstart:')}.jsonl"))
    return Path(name)
