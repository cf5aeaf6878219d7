"""Reading what people wrote and publishing what we made, without surprises."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from solon.errors import ConfigError, StorageError


def read_text(path: Path, what: str) -> str:
    """The UTF-8 text of `path`. Raises ConfigError in one line, naming `what` the file is."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{what}: no such file: {path}") from None
    except IsADirectoryError:
        raise ConfigError(f"{what}: {path} is a folder, expected a file") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{what}: {path} is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{what}: cannot read {path}: {error.strerror}") from None


def first_problem(error: ValidationError) -> ErrorDetails:
    """The problem to tell the user: an unknown key if there is one, for a misspelt key also looks missing."""
    problems = error.errors()
    return next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])


def explain(error: ValidationError, known: Iterable[str] = ()) -> str:
    """The first problem of a pydantic error in one line: field, value, what is allowed."""
    problem = first_problem(error)
    field = ".".join(str(part) for part in problem["loc"]) or "(top)"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(problem["loc"][-1]), list(known), 1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        return f"unknown key '{field}'{hint}{more}"
    message = problem["msg"].removeprefix("Value error, ")
    value = problem.get("input")
    shown = "" if isinstance(value, dict | list | tuple) or value is None else f" (given: {str(value)[:60]!r})"
    return f"{field}: {message}{shown}{more}"


def reason_of(error: BaseException | str, most: int = 300) -> str:
    """What a library's error says, as one line of `most` characters at most, cut between words; where it says nothing,
    its type."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    text = "".join(c if c.isprintable() else " " for c in lines[0]).strip()
    if len(text) <= most:
        return text
    whole = text[: most + 1].rpartition(" ")[0] or text[:most]
    return f"{whole.rstrip(' ,;:')} …"


def share(folder: Path) -> None:
    """Give the files in `folder` the mode that a new file has here, as the umask says.

    safetensors makes its files for their owner alone: another user, or a container, could not read the weights.
    """
    probe = folder / f".mode.{os.getpid()}"
    probe.touch()  # os.umask could only be asked by setting it, which other threads would see
    mode = probe.stat().st_mode & 0o666
    probe.unlink()
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.chmod(path.stat().st_mode | mode)


def sha256_file(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def write_atomic(path: Path, data: bytes | str) -> None:
    """Publish a file whole or not at all: write beside it, fsync, rename, fsync the folder."""
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as handle:
            handle.write(raw)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageError(f"cannot write {path}: {error.strerror}; free space or fix permissions") from None


def sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: Path, value: Any) -> None:
    write_atomic(path, json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


def numbered_lines(path: Path, what: str) -> Iterator[tuple[int, bytes]]:
    """(line number from 1, raw line) of every line that is not blank."""
    try:
        with path.open("rb") as handle:
            for number, line in enumerate(handle, 1):
                if line.strip():
                    yield number, line
    except OSError as error:
        raise ConfigError(f"{what}: cannot read {path}: {error.strerror}") from None
