"""Checkpoints of the policy along its training: kept, evaluated, and shown on the front beside its end.

    rl_cai/along/10/         the adapter as it was after step 10
    evaluation/along.json    what it answers to the held-out prompts, as evaluation/answers.json has it of the last

As a model such a checkpoint is called rl_cai@10; as an adapter, and to commands, policy@10.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from solon.pipeline.context import ALONG, Context

AT = "@"
ANSWERS = "evaluation/along.json"
Tick = Callable[[int, int, Mapping[str, float]], None]


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
    """Keeps the policy's adapter along the training that a step is making; a training that is resumed finds those that
    were kept before."""

    def __init__(self, context: Context) -> None:
        self.context, self.count = context, context.recipe.rl_cai.checkpoints
        if context.checkpoints.newest() is None:
            shutil.rmtree(context.path(ALONG), ignore_errors=True)

    def watching(self, tick: Tick) -> Tick:
        """`tick`, which a trainer calls after every step, keeping the weights where a checkpoint is wanted."""

        def after(step: int, total: int, numbers: Mapping[str, float]) -> None:
            if step in steps_of(total, self.count):
                self._keep(step)
            tick(step, total, numbers)

        return after if self.count else tick

    def _keep(self, step: int) -> None:
        from solon.training.adapters import save_adapter

        with self.context.run.building(f"{ALONG}/{step}") as folder:
            save_adapter(self.context.policy, "policy", folder)

    @property
    def outputs(self) -> list[Path]:
        return [self.context.path(ALONG)] if kept(self.context.run.folder) else []


def kept(run: Path) -> list[int]:
    """The steps of a run whose checkpoints are there, in their order."""
    return sorted(int(path.name) for path in (run / ALONG).glob("*") if path.name.isdecimal())


def known_steps(run: Path) -> str:
    """Which checkpoints of a run can be named, for who named another."""
    steps = kept(run)
    named = ", ".join(at_step("policy", step) for step in steps)
    return f"choose one of {named}" if steps else "it keeps none; set rl_cai.checkpoints and run it again"
