"""What stands beside a reward model about whether it is good enough to learn from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from solon.pipeline.reward_bar import facts_say
from solon.settings import RewardBar


def said_of(model: str | None) -> str | None:
    """A line of warning where the reward model in the folder `model` did not qualify; None where nothing says so.

    `solon train reward` keeps what it lacks in its manifest, a run the figures in its record of the step.
    """
    if model is None:
        return None
    folder = Path(model)
    lines = list(_read(folder.parent / "manifest.json").get("shortfalls") or [])
    facts = _read(folder.parent.parent / "steps/reward_model.json").get("facts")
    if isinstance(facts, dict) and folder.name == "reward_model":
        lines = facts_say(facts, RewardBar())
    of_aims = _read(folder.parent.parent.parent / "steps/reward_model.json").get("facts")
    if isinstance(of_aims, dict) and folder.parent.name == "reward_model":
        lines = facts_say(of_aims, RewardBar(), {folder.name})
    return (
        f"--reward: {model} is not qualified: {'; '.join(map(str, lines))}; it is used all the same" if lines else None
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
