"""The models of a run, a training on files or a front, on prompts that none of them has."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from solon.errors import ConfigError
from solon.memo import Memo
from solon.pipeline.along import kept, known_steps, model_of
from solon.pipeline.places import finishing, refuse_no_run
from solon.pipeline.progress import Progress
from solon.pipeline.recipe import Evaluate
from solon.pipeline.run import opened
from solon.pipeline.selection import FRONT, MADE_BY, NAMES, checkpoint, command_name, selection
from solon.pipeline.steps.evaluate import Answered, answer_all, answers_by
from solon.pipeline.trained import Trained
from solon.runs import Run
from solon.types import Prompt

WHATS = {"base": "base", "sl_cai": "sl_cai", "policy": "rl_cai"}  # as commands name a model, and as answers do


def answers_of_run(
    folder: Path, prompts: Sequence[Prompt], progress: Progress, what: str | None = None, base: str | None = None
) -> dict[str, Answered]:
    """Greedy answers of base, SL-CAI and RL-CAI, and of the checkpoint along its training that the rule picked, if it
    did; or of the base and the model `what` alone. `base` is where the base's weights lie now.

    Raises ConfigError, before anything is asked, where `folder` holds no run or such a model is not finished.
    """
    refuse_no_run(folder)
    models = _asked(folder, what)
    refuse_unfinished(folder, models)
    with opened(folder, progress, prompts=False) as context:
        if base is not None:
            context.use_base(base)
        return {model: answer_all(context, model, list(prompts)) for model in models}


def _asked(folder: Path, what: str | None) -> list[str]:
    """The models to ask, as answers name them. Raises ConfigError for one that no run has."""
    if what is None:
        picked = str((selection(folder) or {}).get("model") or "base")
        return [*dict.fromkeys([*NAMES, picked])]
    name, step = model_of(what)
    if name not in WHATS or (step is not None and name != "policy"):
        raise ConfigError(f"--what: '{what}' is no model that answers; choose base, sl_cai, policy or policy@STEP")
    if step is not None and step not in kept(folder):
        raise ConfigError(f"--what: '{what}' is no checkpoint of {folder}; {known_steps(folder)}")
    return [*dict.fromkeys(["base", what.replace(name, WHATS[name], 1)])]


def refuse_unfinished(folder: Path, models: Sequence[str]) -> None:
    """Raises ConfigError where the run in `folder` has not finished one of the models, or it was changed since.

    It names the command that makes the model, and what there is instead.
    """
    run = Run(folder, read_only=True)
    there = {model: model == "base" or run.finished(MADE_BY[model]) is not None for model in NAMES}
    if all(there[model_of(model)[0]] for model in models):
        return
    lacking = next(model for model in NAMES if not there[model] and model in {model_of(one)[0] for one in models})
    rest = [command_name(model) for model in NAMES if there[model] and model != "base"] or ["base"]
    raise ConfigError(
        f"run: {folder} has no finished {NAMES[lacking]} model (step {MADE_BY[lacking]}), or it was changed since; "
        f"make it with {finishing(folder)}, or take what there is: --what {rest[-1]}"
    )


def answers_of_training(
    folder: Path, prompts: Sequence[Prompt], progress: Progress, what: str | None = None, base: str | None = None
) -> dict[str, Answered]:
    """Greedy answers of the base and of what solon train made of it in `folder`, by its verb.

    Raises ConfigError where that is no model that answers.
    """
    from solon.engines.memoised import MemoisedEngine

    trained = Trained.load(folder)
    trained.refuse_silent("evaluate")
    if what not in (None, "base", "policy"):
        raise ConfigError(f"--what: a training on files has the models base and policy, not '{what}'")
    memo = Memo(trained.folder / "memo.sqlite")
    try:
        return {
            name: answers_by(
                MemoisedEngine(engine, memo, f"policy ({name})"), list(prompts), Evaluate().asked(), progress, name
            )
            for name, engine in trained.engines(base)
            if what != "base" or name == "base"
        }
    finally:
        memo.close()


def answers_of_front(folder: Path, prompts: Sequence[Prompt], progress: Progress) -> dict[str, Answered]:
    """Greedy answers of every checkpoint of a front, each once, by the label it has there.

    Raises ConfigError where front.json cannot be read, or a run was changed since.
    """
    points = _points(folder)
    answered: dict[str, Answered] = {}
    for run in dict.fromkeys(point["run"] for point in points):
        with opened(folder / run, progress, prompts=False) as context:
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
