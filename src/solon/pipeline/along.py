"""Checkpoints of the policy along its training: kept, evaluated, and shown on the front beside its end.

    rl_cai/along/10/         the adapter as it was after step 10
    evaluation/along.json    what it answers to the held-out prompts, as evaluation/answers.json has it of the last

As a model such a checkpoint is called rl_cai@10; as an adapter, and to commands, policy@10.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from solon.pipeline.context import ALONG, AT, Context

if TYPE_CHECKING:
    from solon.training.task import Progress

ANSWERS = "evaluation/along.json"


def at_step(model: str, step: int) -> str:
    """The name of a model or adapter as it was after a step: "rl_cai@10"."""
    return f"{model}{AT}{step}"


def model_of(name: str) -> tuple[str, int | None]:
    """("rl_cai", 10) of "rl_cai@10"; without a step it is the last of its training."""
    model, at, step = name.partition(AT)
    return (model, int(step)) if at and step.isdecimal() else (name, None)


def steps_of(total: int, count: int) -> set[int]:
    """`count` steps that lie evenly between the start and step `total`, neither of them included."""
    return {round(total * n / (count + 1)) for n in range(1, count + 1)} - {0, total}


class Along:
    """Keeps the policy's adapter along the training that a step is making. What a training kept is found by it again
    when it is resumed, and by no other: its folder bears the step's key."""

    def __init__(self, context: Context) -> None:
        self.context, self.count = context, context.recipe.rl_cai.checkpoints
        self.root = f"checkpoints/policy-along/{context.making[1][:16]}"

    def watching(self, tick: Progress) -> Progress:
        """`tick`, which a trainer calls after every step, keeping the weights where a checkpoint is wanted."""

        def after(step: int, total: int, numbers: Mapping[str, float]) -> None:
            if step in steps_of(total, self.count):
                self._keep(step)
            tick(step, total, numbers)

        return after if self.count else tick

    def _keep(self, step: int) -> None:
        from solon.training.adapters import save_adapter

        local = self.context.policy
        learning = local.model.active_adapter  # some trainers learn under a name of their own until they end
        with self.context.run.building(f"{self.root}/{step}") as folder:
            save_adapter(local, learning if isinstance(learning, str) else learning[0], folder)

    def publish(self, guards: Mapping[str, Any]) -> list[Path]:
        """Make what was kept the run's, less what the guards undid; the folder, if there is any."""
        kept_here = [path for path in self.context.path(self.root).glob("*") if path.name.isdecimal()]
        good = [path for path in kept_here if not undone(int(path.name), guards)]
        target = self.context.path(ALONG)
        if good:
            with self.context.run.building(ALONG) as folder:
                for path in good:
                    shutil.copytree(path, folder / path.name)
        else:
            shutil.rmtree(target, ignore_errors=True)
        shutil.rmtree(self.context.path(self.root).parent, ignore_errors=True)
        return [target] if good else []


def undone(step: int, guards: Mapping[str, Any]) -> bool:
    """Whether the guards put the policy back to what it was before a step: after an alarm that ended the training, or
    for a repair. `guards` are their facts."""
    best = guards.get("best")
    if guards.get("stopped") and best is not None and step > best:
        return True
    return any(repair["to"] < step <= repair["step"] for repair in guards.get("repairs") or ())


def kept(run: Path) -> list[int]:
    """The steps of a run whose checkpoints its record names, in their order."""
    try:
        outputs = json.loads((run / "steps/policy.json").read_text())["outputs"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    steps = (name.removeprefix(f"{ALONG}/").partition("/")[0] for name in outputs if name.startswith(f"{ALONG}/"))
    return sorted({int(step) for step in steps if step.isdecimal()})


def known_steps(run: Path) -> str:
    """Which checkpoints of a run can be named, for who named another."""
    steps = kept(run)
    named = ", ".join(at_step("policy", step) for step in steps)
    return f"choose one of {named}" if steps else "it keeps none; set rl_cai.checkpoints and run it again"
