"""Exported folders: whole or not at all, and none but our own is ever replaced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from solon.errors import ConfigError
from solon.files import sha256_file, write_json
from solon.runs import Run

EXPORTED = "solon_export.json"  # in every exported folder: what it is of, and the hash of each of its files


@contextmanager
def exported(out: Path, made_of: dict[str, Any], *, force: bool) -> Iterator[Path]:
    """A temporary folder that becomes `out` when the block ends well.

    Raises ConfigError where `out` is taken: an export is replaced only with `force`, anything else never. Raises
    StorageError when the disk refuses.
    """
    out = out.expanduser().absolute()
    refuse_taken(out, force=force)
    with Run(out.parent, read_only=True).building(out.name) as folder:
        yield folder
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        hashes = {str(path.relative_to(folder)): sha256_file(path) for path in files}
        write_json(folder / EXPORTED, {**made_of, "files": hashes})


def refuse_taken(out: Path, *, force: bool) -> None:
    """Raise ConfigError where `out` may not be written to."""
    if out.is_dir() and not any(out.iterdir()):
        return
    if (out / EXPORTED).is_file():
        if not force:
            raise ConfigError(f"--out: {out} holds an export; give another folder, or --force to replace it")
    elif out.exists() or out.is_symlink():
        raise ConfigError(f"--out: {out} holds something that solon export did not write; give another folder")
