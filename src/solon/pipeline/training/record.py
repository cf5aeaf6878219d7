"""What a training depends on, by name, and what is said of it when it is done."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from solon.data.rows import data_path
from solon.engines.local.source import ModelSource
from solon.errors import ConfigError
from solon.files import sha256_file
from solon.pipeline.training.job import Goal, Job
from solon.pipeline.training.scoring import scorer_identity
from solon.pipeline.training.start import adapter_identity
from solon.types import digest

FORMAT = "solon-train/1"
VERSION = 2  # raise when the same inputs give another result
ON_PAIRS = ("reward", "dpo", "kto")
PACKAGES = ("solon", "torch", "transformers", "trl", "peft", "accelerate")


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the result depends on: a hash by the name a user knows it by, and the hash of the data's file."""

    parts: dict[str, str]
    data: str

    @property
    def key(self) -> str:
        return digest(self.parts)


def inputs_of(job: Job, source: ModelSource, format: str) -> Inputs:
    """Nothing is loaded. Raises ModelError for an adapter or reward model that is not there."""
    data = sha256_file(data_path(job.file))
    named: dict[str, Any] = {
        "verb": [job.verb, VERSION],
        "data": [data, format, job.limit],
        "--model": source.weights,
        "the model's tokenizer, chat template or generation config": source.identity,
        "--precision": job.precision,
        "--set": job.settings.model_dump(exclude={"bar", "unqualified"}),  # which say what is told, not what is made
        "--seed": job.seed,
        "--adapter": adapter_identity(job.adapter) if job.adapter else None,
        "--held-out": job.held_out,
    }
    if job.verb in ON_PAIRS:
        named["--truncated-pairs"] = job.truncated_pairs
    if (goal := job.goal) is not None:
        named |= {
            "--reward": scorer_identity(goal.reward, job.precision),
            "--term": [term.model_dump() for term in goal.terms],
            "--guard": goal.guards.model_dump(),
            "--gold": scorer_identity(goal.gold, job.precision),
        }
    return Inputs({name: digest(value) for name, value in named.items()}, data)


def finished(folder: Path, manifest: str, inputs: Inputs, *, force: bool) -> dict[str, Any] | None:
    """The manifest of this very training, whose files are all there and unchanged; None where there is none.

    Raises ConfigError where the folder holds another finished training, which only `force` replaces, or something
    else altogether, which nothing does.
    """
    if not (path := folder / manifest).exists():
        return None
    found = _read(path)
    if found.get("format") != FORMAT:
        raise ConfigError(f"--out: {folder} holds something that solon train did not write; give another folder")
    if force:
        return None
    if found.get("key") != inputs.key:
        before = found.get("inputs", {})
        others = ", ".join(name for name, value in inputs.parts.items() if before.get(name) != value)
        raise ConfigError(
            f"--out: {folder} holds a finished training that differs in {others or 'what it was made of'}; "
            "give another folder, or --force to replace it"
        )
    intact = all(_is(folder / name, expected) for name, expected in found["outputs"].items())
    return found if intact else None


def _read(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        found = json.loads(path.read_bytes())
        return found if isinstance(found, dict) else {}
    return {}


def _is(path: Path, expected: str) -> bool:
    return path.is_file() and sha256_file(path) == expected


def outputs_in(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """The hash of each file of `names` and of all files in those that are folders."""
    files = [file for name in names for file in sorted([folder / name, *(folder / name).rglob("*")]) if file.is_file()]
    return {file.relative_to(folder).as_posix(): sha256_file(file) for file in files}


def manifest_of(job: Job, inputs: Inputs, source: ModelSource, format: str) -> dict[str, Any]:
    """The part that is known before training."""
    goal = job.goal
    return {
        "format": FORMAT,
        "verb": job.verb,
        "key": inputs.key,
        "inputs": inputs.parts,
        "data": {"name": job.file, "sha256": inputs.data, "format": format, "limit": job.limit},
        "model": {"name": source.name, "given": job.model, "weights": source.weights, "precision": job.precision},
        "adapter": str(job.adapter) if job.adapter else None,
        "settings": job.settings.model_dump(mode="json"),
        "seed": job.seed,
        "goal": None if goal is None else _goal_facts(goal),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def _goal_facts(goal: Goal) -> dict[str, Any]:
    terms = [term.model_dump() for term in goal.terms]
    return {"reward": goal.reward, "gold": goal.gold, "terms": terms, "guards": goal.guards.model_dump()}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def plain(history: Sequence[Mapping[str, float]]) -> list[dict[str, float | None]]:
    """The numbers as JSON can say them: null for one that is not finite."""
    return [{name: value if math.isfinite(value) else None for name, value in row.items()} for row in history]
