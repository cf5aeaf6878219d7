"""Of which base an adapter is: by its weights, for another model of the same shape takes it without a word."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from solon.engines.local.source import ModelSource, identify
from solon.errors import ModelError
from solon.files import write_json

FILE = "base.json"  # beside an adapter that Solon wrote; PEFT leaves it alone


@dataclass(frozen=True, slots=True)
class NamedBase:
    """A base by its name and the SHA-256 that its weights go by: a GGUF file's own, and its converted folder's."""

    name: str
    weights: tuple[str, ...]


def named_base(source: ModelSource) -> NamedBase:
    """The base that `source` is."""
    names = [source.weights]
    if source.name.endswith(".gguf") and source.folder.is_dir() and (converted := identify(str(source.folder))):
        names.append(converted.weights)
    return NamedBase(source.name, tuple(names))


def write_base(source: ModelSource, folder: Path) -> None:
    """Say beside the adapter in `folder` of which base it is."""
    base = named_base(source)
    write_json(folder / FILE, {"base": base.name, "weights": list(base.weights)})


def read_base(folder: Path) -> NamedBase | None:
    """The base that the adapter in `folder` is of, as Solon wrote it; None where it was written by others."""
    try:
        said = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return NamedBase(str(said["base"]), tuple(str(name) for name in said["weights"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise ModelError(f"--adapter: {folder / FILE} cannot be read; it names the base of the adapter") from None


def refuse_other_base(folder: Path, adapter_says: str | None, source: ModelSource) -> str | None:
    """Compare the base of the adapter in `folder` with `source`; returns a line of warning where that cannot be done.

    By the weights that Solon wrote beside it; of an adapter of others by those of the model that PEFT's configuration
    names, `adapter_says`, where it lies here. Raises ModelError for another base.
    """
    base = read_base(folder)
    if base is None:
        base = _of_others(adapter_says)
    if base is None:
        says = f"says that it is of {adapter_says}, which is not here to compare" if adapter_says else "names no base"
        known = adapter_says == source.name  # a hub id, given as it was when the adapter was trained
        return None if known else f"--adapter: {folder} {says}; whether it is of {source.name} is not known"
    if source.weights not in base.weights:
        raise ModelError(
            f"--adapter: {folder} was trained on {base.name} (weights {base.weights[0][:12]}), not on {source.name} "
            f"(weights {source.weights[:12]}); name that base with --model"
        )
    return None


def _of_others(name: str | None) -> NamedBase | None:
    try:
        found = identify(name) if name else None
    except ModelError:
        return None
    return named_base(found) if found else None
