"""The tokens that end and fill rows, where the tokenizer's own files do not name usable ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def complete(tokenizer: Any, folder: Path) -> None:
    """Give `tokenizer` an end and a padding token that the model in `folder` has.

    The end is the first that generation_config.json or config.json lists and the tokenizer knows; without one it stays
    None. A padding token beyond the embedding ("[PAD]" added to a vocabulary that was never resized) or none becomes
    the end: what it is does not matter where masks are obeyed, but an embedding without it is an IndexError.
    """
    config = _json(folder / "config.json")
    if tokenizer.eos_token_id is None:
        listed = [*_listed(_json(folder / "generation_config.json")), *_listed(config), *_listed(_text(config))]
        names = [tokenizer.convert_ids_to_tokens(i) for i in listed if 0 <= i < len(tokenizer)]
        tokenizer.eos_token = next((name for name in names if name is not None), None)
    rows = _text(config).get("vocab_size") or config.get("vocab_size") or len(tokenizer)
    pad, end = tokenizer.pad_token_id, tokenizer.eos_token_id
    if (pad is None or pad >= rows) and end is not None and end < rows:
        tokenizer.pad_token = tokenizer.eos_token


def _text(config: dict[str, Any]) -> dict[str, Any]:
    """The part that is the language model's, where a configuration is of several models."""
    return config.get("text_config") or config


def _listed(config: dict[str, Any]) -> list[int]:
    ids = config.get("eos_token_id")
    return [i for i in (ids if isinstance(ids, list) else [ids]) if isinstance(i, int)]


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
