"""What a training verb was asked for: plain data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solon.settings import GuardSettings, RewardTerm, TruncatedPairs


@dataclass(frozen=True, slots=True)
class Goal:
    """What answers are rewarded for and what watches them.

    `reward` and `gold` name reward models: a folder that Solon trained, or a published sequence classifier. Nothing is
    trained on `gold`.
    """

    reward: str | None
    terms: tuple[RewardTerm, ...]
    guards: GuardSettings
    gold: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """Train `model` by `verb` on `file`, into `out`.

    `adapter` is the folder of a PEFT adapter that training starts from and is tied to; None: the bare model. `limit`
    counts rows of the file. `held_out` is the share of prompts whose pairs measure what was
    trained on the others. `force` replaces
    what another training left in `out`. `truncated_pairs` is what is done with pairs of which an answer was cut off.
    """

    verb: str
    file: str
    model: str
    settings: Any
    out: Path
    adapter: Path | None = None
    precision: str = "float32"
    seed: int = 0
    format: str | None = None
    limit: int | None = None
    goal: Goal | None = None
    held_out: float = 0.0
    force: bool = False
    truncated_pairs: TruncatedPairs = "leave_out"
