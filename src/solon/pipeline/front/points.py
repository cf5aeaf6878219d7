"""The checkpoints of a front's runs, each once however many runs share it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solon.errors import ConfigError, DataError
from solon.evaluation.points import Point, answers_of
from solon.pipeline.front.grid import Variant
from solon.pipeline.selection import answers_in, checkpoint, named, place


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights that some runs share. `name` is unique, `label` says what sets it apart, `run` is the first's name."""

    name: str
    label: str
    model: str
    run: str
    runs: tuple[str, ...]
    weights: str
    point: Point


def checkpoints(folder: Path, variants: Sequence[Variant]) -> list[Checkpoint]:
    """Those of the finished runs under `folder`, bases first, then SL-CAI, then RL-CAI, each in the grid's order.

    Raises DataError where a run's answers cannot be read.
    """
    answers = {variant.name: _answers(folder / variant.name) for variant in variants}
    groups: dict[tuple[str, str], list[tuple[Variant, str]]] = {}
    for variant in variants:
        for model in answers[variant.name]:
            weights = checkpoint(folder / variant.name, model)
            # Weights that no record names are this run's alone.
            own = weights or f"{variant.name}/{model}"
            groups.setdefault((_base(folder, variant), own), []).append((variant, model))
    labels = _labels({key: [variant for variant, _ in found] for key, found in groups.items()}, variants, groups)
    found = []
    for (base, weights), shared in groups.items():
        variant, model = shared[0]
        first_base = groups[base, base][0] if (base, base) in groups else (variant, "base")
        point = Point(_name(variant, model), _name(*first_base), answers_of(answers[variant.name][model]))
        names = tuple(dict.fromkeys(one.name for one, _ in shared))
        label = labels[base, weights]
        found.append(Checkpoint(point.name, label, model, variant.name, names, weights, point))
    return sorted(found, key=lambda one: place(one.model))


def _name(variant: Variant, model: str) -> str:
    return f"{variant.name}/{model}"


def _base(folder: Path, variant: Variant) -> str:
    """What names the base of a variant: its weights, or the run where no record says them."""
    return checkpoint(folder / variant.name, "base") or f"{variant.name}/base"


def _labels(
    shared: Mapping[Any, Sequence[Variant]],
    variants: Sequence[Variant],
    groups: Mapping[Any, Sequence[tuple[Variant, str]]],
) -> dict[Any, str]:
    """The model and its value on every axis that not all of its runs cross; a number where two would read alike."""
    varied = [key for key in variants[0].values if len({v.values[key] for v in variants}) > 1] if variants else []
    said: dict[Any, str] = {}
    for key, runs in shared.items():
        model = groups[key][0][1]
        own = [axis for axis in varied if len({v.values[axis] for v in runs}) == 1]
        values = ", ".join(f"{axis.rpartition('.')[2]}={runs[0].values[axis]}" for axis in own)
        label = f"{named(model)}{' ' if values else ''}{values}"
        alike = sum(other == label or other.startswith(f"{label} (") for other in said.values())
        said[key] = f"{label} ({alike + 1})" if alike else label
    return said


def _answers(run: Path) -> dict[str, list[dict[str, Any]]]:
    try:
        return answers_in(run)
    except ConfigError as error:
        raise DataError(f"front: {str(error).removeprefix('run: ')}") from None
