"""Reading what people wrote and publishing what we made, without surprises."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
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


def explain(
    error: ValidationError, known: Iterable[str] = (), sections: Mapping[str, Iterable[str]] | None = None
) -> str:
    """The first problem of a pydantic error in one line: field, what is allowed, value.

    `known` are keys that a misspelt one may mean, by name or by path (`*` for names of the user's own); `sections` the
    keys of models, by the name of their class.
    """
    first, problems = first_problem(error), error.errors()
    if first["type"] == "extra_forbidden":
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return f"unknown key '{'.'.join(map(str, first['loc']))}'{_near(first['loc'], list(known))}{more}"
    # One value that fits none of several forms gives a problem for each: the one that came furthest tells most.
    start = _place(first["loc"], problems)
    same = [p for p in problems if _place(p["loc"], problems)[: len(start)] == start]
    place = max((_place(p["loc"], problems) for p in same), key=len)
    told = [p for p in same if _place(p["loc"], problems) == place]
    said = " or ".join(dict.fromkeys(_wanted(p, sections or {}) for p in told)).replace(" or expected ", " or ")
    more = f" (and {len(problems) - len(same)} more)" if len(problems) > len(same) else ""
    return f"{'.'.join(map(str, place)) or '(top)'}: {said}{_given(told[0])}{_meant(told)}{more}"


def _near(loc: tuple[int | str, ...], known: list[str]) -> str:
    """What an unknown key may mean: the nearest beside it, else anywhere, else what there is beside it."""
    section, name = ".".join(map(str, loc[:-1])), str(loc[-1])
    beside = [key.rpartition(".")[2] for key in known if "." in key and fnmatch(section, key.rpartition(".")[0])]
    beside += [key for key in known if "." not in key] if not section or not beside else []
    nearest_last = sorted(known, key=lambda key: (key.startswith(f"{section}."), -key.count(".")))
    elsewhere = {key.rpartition(".")[2]: key for key in nearest_last}
    if near := difflib.get_close_matches(name, beside, 1):
        return f"; did you mean '{near[0]}'?"
    if near := difflib.get_close_matches(name, elsewhere, 1, 0.8):
        return f"; did you mean '{elsewhere[near[0]]}'?"
    return f"; choose one of {', '.join(beside)}" if beside else ""


# What a value must be, by the type of pydantic's error; ctx is what the type is filled with.
_WANTED = {
    "missing": "is missing",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "finite_number": "expected a finite number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "string_type": "expected text",
    "string_pattern_mismatch": "expected text that matches {pattern}",
    "dict_type": "expected a section of keys and values",
    "model_type": "expected a section of keys and values",
    "model_attributes_type": "expected a section of keys and values",
    "tuple_type": "expected a list",
    "list_type": "expected a list",
    "greater_than": "expected more than {gt}",
    "greater_than_equal": "expected at least {ge}",
    "less_than": "expected less than {lt}",
    "less_than_equal": "expected at most {le}",
    "literal_error": "choose {expected}",
    "too_short": "expected a list of at least {min_length}",
    "too_long": "expected a list of at most {max_length}",
    "string_too_short": "expected text of at least {min_length} characters",
    "string_too_long": "expected text of at most {max_length} characters",
}
_FORM = re.compile(r"(constrained-|lax-|strict-)?(int|float|str|bool|dict|list|tuple|literal|nullable|function)\b.*")


def _wanted(problem: ErrorDetails, sections: Mapping[str, Iterable[str]]) -> str:
    """What a value must be, in words."""
    if problem["type"] not in _WANTED:
        return problem["msg"].removeprefix("Value error, ")
    filling = problem.get("ctx", {})
    keys = ", ".join(sections.get(str(filling.get("class_name")), ()))
    numbers = {name: f"{value:g}" if isinstance(value, float) else value for name, value in filling.items()}
    return _WANTED[problem["type"]].format(**numbers) + (f" ({keys})" if keys else "")


def _given(problem: ErrorDetails) -> str:
    value = problem.get("input")
    if problem["type"] == "missing" or (problem["type"] == "value_error" and not isinstance(value, str | int | float)):
        return ""
    shown = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return f" (given: {shown[:60]!r})" if value is not None else " (given: null)"


def _meant(problems: Iterable[ErrorDetails]) -> str:
    """The choice nearest to a misspelt one."""
    for problem in problems:
        if problem["type"] == "literal_error" and isinstance(problem["input"], str):
            choices = re.findall(r"'([^']+)'", problem["ctx"]["expected"])
            if near := difflib.get_close_matches(problem["input"], choices, 1):
                return f"; did you mean '{near[0]}'?"
    return ""


def _place(loc: tuple[int | str, ...], problems: Iterable[ErrorDetails]) -> tuple[int | str, ...]:
    """The keys that lead to a value, without the names that pydantic gives to the forms of a union, or to keys."""
    places = [p["loc"] for p in problems]
    kept: list[int | str] = []
    for n, part in enumerate(loc):
        beside = {str(other[n]) for other in places if len(other) > n and other[:n] == loc[:n]}
        form = len(beside) > 1 and all(map(_FORM.fullmatch, beside))
        if part != "[key]" and not form:
            kept.append(part)
    return tuple(kept)


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
