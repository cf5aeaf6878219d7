"""Rows of files: where a file is, and a row of it that could not be used."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

QUICKSTART, HUB = "quickstart:", "hub:"
# What the names of files of rows end in; others are read, too, where they are named as files.
_PLAIN = (".jsonl", ".json", ".ndjson", ".txt", ".csv", ".tsv", ".parquet", ".arrow", ".feather")
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zstd")  # what comes before says what is in them
ENDINGS = (*_PLAIN, *PACKED)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was set aside: file, line (from 1) and why."""

    file: str
    line: int
    reason: str


def data_path(name: str) -> Path:
    """A path; `quickstart:NAME`, a file that ships with the quickstart; or `hub:OWNER/NAME` (solon.data.hub), which is
    fetched once and then a file like any other. Raises ConfigError and DataError for a dataset that cannot be had.
    """
    if name.startswith(QUICKSTART):
        return Path(str(files("solon.quickstart") / "data" / f"{name.removeprefix(QUICKSTART)}.jsonl"))
    if name.startswith(HUB):
        from solon.data.hub import fetched

        return fetched(name)
    return Path(name)


def names_a_file(text: str) -> bool:
    """Whether a text that may be a prompt, too, names a file: one that is there, or that is called like one."""
    if text.startswith((QUICKSTART, HUB)):
        return True
    if len(text) > 1000 or "\n" in text or "\x00" in text or not text.strip():
        return False
    try:
        path = Path(text)
        return path.suffix.lower() in ENDINGS or path.is_file()
    except (OSError, ValueError):
        return False
