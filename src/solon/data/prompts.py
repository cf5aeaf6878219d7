"""Prompt files: JSON lines (or a JSON list) with one prompt a row; a bad row is quarantined, never guessed at."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from solon.errors import DataError
from solon.files import numbered_lines
from solon.types import Prompt, digest

MAX_CHARS = 100_000
_SURROGATE = re.compile("[\ud800-\udfff]")
_FIELDS = ("prompt", "text", "instruction", "question", "turns")


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


def load_prompts(name: str, kind: str, area: str = "area") -> tuple[list[Prompt], list[BadRow]]:
    """The prompts of a file, and the rows that were set aside.

    A row is an object with `prompt` (or text, instruction, question, turns), and optionally `id`, `area`
    (or the field named by `area`) and `split` ("train" or "heldout").
    Rows without a split: about every third is held out, by hash of the id.
    Raises ConfigError when the file cannot be read and DataError when no row is usable.
    """
    path = data_path(name)
    prompts: list[Prompt] = []
    bad: list[BadRow] = []
    seen: set[str] = set()
    for number, line in numbered_lines(path, f"prompts.{kind}"):
        row = _parse(line)
        prompt = row if isinstance(row, str) else _prompt(row, kind, area)
        if isinstance(prompt, Prompt) and prompt.id in seen:
            prompt = f"duplicate id '{prompt.id}'"
        if isinstance(prompt, str):
            bad.append(BadRow(str(path), number, prompt))
        else:
            seen.add(prompt.id)
            prompts.append(prompt)
    if not prompts:
        reason = f"; line {bad[0].line}: {bad[0].reason}" if bad else " (the file is empty)"
        raise DataError(f"prompts.{kind}: {path} has no usable row{reason}")
    return prompts, bad


def _parse(line: bytes) -> dict[str, Any] | str:
    """The row, or why it is none."""
    if b"\x00" in line:
        return "holds a NUL byte"
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return f"not UTF-8 at byte {error.start}"
    except (ValueError, RecursionError) as error:
        return f"not JSON: {str(error)[:80]}"
    return row if isinstance(row, dict) else f"expected an object, found {type(row).__name__}"


def _prompt(row: dict[str, Any], kind: str, area: str) -> Prompt | str:
    text = next((row[name] for name in _FIELDS if row.get(name)), None)
    if isinstance(text, list) and text:
        text = text[0]
    if not isinstance(text, str) or not text.strip():
        return f"no prompt text (looked for {', '.join(_FIELDS)})"
    if len(text) > MAX_CHARS:
        return f"the prompt has {len(text):,} characters, the limit is {MAX_CHARS:,}"
    if _SURROGATE.search(text):
        return "holds a lone surrogate"
    identity = str(row["id"]) if "id" in row else f"{kind}-{digest(text)[:12]}"
    split = str(row["split"]) if "split" in row else "heldout" if int(digest(identity)[:8], 16) % 3 == 0 else "train"
    if split not in ("train", "heldout"):
        return f"split is '{split}', expected train or heldout"
    return Prompt(identity, text.strip(), kind, str(row.get(area, "")), split)


def split(prompts: Sequence[Prompt], which: str) -> list[Prompt]:
    return [p for p in prompts if p.split == which]
