"""The models of a finished run, or all checkpoints of a front, on prompts that no run has."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from solon.errors import ConfigError
from solon.pipeline.progress import Progress
from solon.pipeline.run import opened
from solon.pipeline.selection import FRONT, NAMES, checkpoint, selection
from solon.pipeline.steps.evaluate import Answered, answer_all
from solon.types import Prompt


def answers_of_run(folder: Path, prompts: Sequence[Prompt], progress: Progress) -> dict[str, Answered]:
    """Greedy answers of base, SL-CAI and RL-CAI, and of the checkpoint along its training that the rule picked, if it
    did. Raises ConfigError where `folder` holds no finished run."""
    picked = str((selection(folder) or {}).get("model") or "base")
    models = dict.fromkeys([*NAMES, picked])
    with opened(folder, progress) as context:
        return {model: answer_all(context, model, list(prompts)) for model in models}


def answers_of_front(folder: Path, prompts: Sequence[Prompt], progress: Progress) -> dict[str, Answered]:
    """Greedy answers of every checkpoint of a front, each once, by the label it has there.

    Raises ConfigError where front.json cannot be read, or a run was changed since.
    """
    points = _points(folder)
    answered: dict[str, Answered] = {}
    for run in dict.fromkeys(point["run"] for point in points):
        with opened(folder / run, progress) as context:
            for point in (one for one in points if one["run"] == run):
                if checkpoint(folder / run, point["model"]) != point["checkpoint"]:
                    raise ConfigError(
                        f"front: {folder / run} was changed since; run the same command of solon front again"
                    )
                answered[point["label"]] = answer_all(context, point["model"], list(prompts))
    return {point["label"]: answered[point["label"]] for point in points}  # in the front's order, not by run


def _points(folder: Path) -> list[dict[str, Any]]:
    path = folder / FRONT
    try:
        return [dict(point) for point in json.loads(path.read_text(encoding="utf-8"))["points"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"front: cannot read {path}: {str(error).splitlines()[0]}; run solon front again") from None
