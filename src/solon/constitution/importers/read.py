"""From a path to plain data: which kind of file it is, and whatever makes it unreadable, said in one line."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

from solon.constitution.importers.model import Source, refusal
from solon.constitution.importers.strict_json import BadJSON, parse_json, parse_json_lines
from solon.errors import ConfigError
from solon.yaml import decode, parse_yaml

MAX_BYTES = 3_000_000
MAX_YAML = 250_000  # characters: YAML is read slowly
MAX_TEXT = 500_000
WHAT = "import"

_JSON_START = re.compile(r'\s*(\[\s*[\[{"\]]|\{\s*["}])')
_YAML_KEY = re.compile(r"^[A-Za-z_][\w -]{0,60}:(\s|$)")
_MAGIC = {b"%PDF": "a PDF", b"PK\x03\x04": "a ZIP archive or an office document", b"\x89PNG": "a picture"}


def read_source(path: Path) -> Source:
    """The content of `path`. Raises ConfigError: missing, too big, binary, torn, nested too deep and so on."""
    text = _text(path)
    if not text.strip():
        raise refusal(path, "is empty", "give a file that holds principles")
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        return Source(path, "YAML", _yaml(text, path), text)
    if suffix in (".csv", ".tsv"):
        return Source(path, "CSV", _rows(text, path), text)
    if suffix in (".jsonl", ".ndjson"):
        return _lines(text, path)
    if suffix == ".json" or _JSON_START.match(text):
        return _json(text, path)
    if _whole_string(text):
        return Source(path, "JSON", parse_json(text), text)
    _small(text, path, MAX_TEXT)
    if suffix not in (".md", ".markdown", ".txt", ".text", ".rst") and _looks_like_yaml(text):
        return Source(path, "YAML", _yaml(text, path), text)
    return Source(path, "text", text, text)


def _text(path: Path) -> str:
    """The text of a file; a UTF-8 byte order mark is harmless here and goes."""
    try:
        if path.is_dir():
            raise ConfigError(f"{WHAT}: {path} is a folder, expected a file; name the file in it")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise refusal(
                path,
                f"has {size:,} bytes, the limit is {MAX_BYTES:,}: a data set rather than a constitution",
                "give only the principles",
            )
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{WHAT}: no such file: {path}") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{WHAT}: cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    for magic, kind in _MAGIC.items():
        if raw.startswith(magic):
            raise refusal(path, f"is {kind}, not text", "save the principles as text, Markdown, JSON or YAML")
    if b"\x00" in raw and raw[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        raise refusal(path, "is binary, not text", "save the principles as text, Markdown, JSON or YAML")
    return decode(raw.removeprefix(b"\xef\xbb\xbf"), f"{WHAT}: {path}")


def _json(text: str, path: Path) -> Source:
    """JSON; or JSON lines under another name, when every line is whole by itself."""
    try:
        return Source(path, "JSON", parse_json(text), text)
    except BadJSON as error:
        if error.torn and "Extra data" in error.reason:
            return _lines(text, path)
        raise _broken(path, error) from None


def _lines(text: str, path: Path) -> Source:
    try:
        numbered = list(parse_json_lines(text))
    except BadJSON as error:
        raise _broken(path, error) from None
    lines = tuple(number for number, _ in numbered)
    return Source(path, "JSON lines", [value for _, value in numbered], text, lines)


def _broken(path: Path, error: BadJSON) -> ConfigError:
    fix = "export or download it again" if error.torn else "mend the file"
    return refusal(path, error.reason, fix, error.line)


def _whole_string(text: str) -> bool:
    """Whether the file is one JSON string, as ICAI writes its final constitution."""
    if not text.lstrip().startswith('"'):
        return False
    try:
        return isinstance(parse_json(text), str)
    except BadJSON:
        return False


def _looks_like_yaml(text: str) -> bool:
    """Whether a file with no telling name is YAML: every line at the margin is a key, a comment or a list item."""
    margin = [line for line in text.splitlines() if line[:1].strip() and line[0] != "#" and line.strip() != "---"]
    keys = [line for line in margin if _YAML_KEY.match(line)]
    bare = [line for line in keys if line.rstrip().endswith(":")]
    return bool(margin) and len(bare) > 0 and all(_YAML_KEY.match(line) or line[:2] == "- " for line in margin)


def _yaml(text: str, path: Path) -> Any:
    _small(text, path, MAX_YAML)
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith(("#", "---"))), "")
    listed = bool(re.match(r"\s*(-\s|-$|\[)", first))
    # A list at the top is put under a key, which costs a line that errors must not count.
    under = re.sub(r"\A((?:\s*#.*\n|\s*\n)*)---[ \t]*\n", r"\1\n", text)
    try:
        data = parse_yaml(f"items:\n{_indented(under)}" if listed else text, path, WHAT).data
    except ConfigError as error:
        mark = re.compile(rf"({re.escape(str(path))}:)(\d+)")
        said = mark.sub(lambda m: f"{m[1]}{max(1, int(m[2]) - 1)}", str(error)) if listed else str(error)
        raise ConfigError(said if "; " in said else f"{said}; mend the file") from None
    return data["items"] if listed else data


def _indented(text: str) -> str:
    return "\n".join(f" {line}" if line.strip() else line for line in text.split("\n"))


def _small(text: str, path: Path, limit: int) -> None:
    if len(text) > limit:
        raise refusal(
            path,
            f"has {len(text):,} characters, the limit for this kind of file is {limit:,}",
            "give only the principles, or run `solon constitution draft` on its parts",
        )


def _rows(text: str, path: Path) -> list[dict[str, Any]]:
    _small(text, path, MAX_TEXT)
    try:
        table = csv.DictReader(io.StringIO(text), delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True)
        return [{str(k): v for k, v in row.items() if k and isinstance(v, str)} for row in table]
    except csv.Error as error:
        raise refusal(path, f"is no whole CSV: {error}", "save it again") from None
