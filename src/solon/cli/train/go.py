"""From a verb's options to its summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from solon.pipeline.training import Goal
    from solon.settings import TruncatedPairs


@dataclass(frozen=True, slots=True)
class Common:
    """The options that every verb has."""

    file: str
    model: str | None
    settings: Sequence[str] | None
    out: Path | None
    seed: int
    precision: str
    limit: int | None
    force: bool
    quiet: bool


def go(
    verb: str,
    common: Common,
    *,
    adapter: Path | None = None,
    format: str | None = None,
    goal: Goal | None = None,
    held_out: float = 0.0,
    truncated_pairs: TruncatedPairs = "leave_out",
) -> None:
    """Train by `verb` and say what came of it."""
    from solon.cli.train.given import checked_precision, model_of, settings_of
    from solon.cli.train.summary import print_summary
    from solon.pipeline.progress import Progress
    from solon.pipeline.training import Job, train
    from solon.settings import SETTINGS

    out = common.out or Path("runs") / f"train-{verb.replace('_', '-')}"
    job = Job(
        verb=verb,
        file=common.file,
        model=model_of(common.model, adapter, takes_adapter=verb != "reward"),
        settings=settings_of(SETTINGS[verb], common.settings, "--set"),
        out=out,
        adapter=adapter,
        precision=checked_precision(common.precision),
        seed=common.seed,
        format=format,
        limit=common.limit,
        goal=goal,
        held_out=held_out,
        force=common.force,
        truncated_pairs=truncated_pairs,
    )
    manifest, before = train(job, Progress(common.quiet))
    from solon.training.processes import rank

    if not common.quiet and rank() == 0:
        print_summary(manifest, out, before=before)
