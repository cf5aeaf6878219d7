"""GRPO and RLOO: a task to a history, through TRL's trainers.

TRL knows one adapter, `default`, and ties it to `ref`, the copy it takes of it before the first step. So `default`
starts as the task's reference, learns, and becomes the task's target when training ends, however it ends: the
reference itself is only read.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from datasets import Dataset
from trl import GRPOConfig, RLOOConfig

from solon.errors import DataError, EngineError
from solon.settings import GrpoSettings
from solon.training.adapters import copy_adapter, start_adapter, trainable
from solon.training.grpo.arguments import group_arguments
from solon.training.grpo.follow import Follow
from solon.training.grpo.rolling import POLICY, REFERENCE, Rolling
from solon.training.grpo.trainers import GroupTrainer, LeaveOneOutTrainer
from solon.training.noise import passed_over
from solon.training.task import History, Task
from solon.training.trainer import fit


def train_grpo(task: Task, settings: GrpoSettings) -> History:
    """Group-relative policy optimisation; returns the numbers of each step, KL in nats per answer.

    Raises DataError without prompts, ConfigError for settings that do not fit, EngineError for rewards or gradients
    that are not finite: the target adapter then is the last good policy.
    """
    return _train("grpo", GroupTrainer, GRPOConfig, task, settings)


def train_rloo(task: Task, settings: GrpoSettings) -> History:
    """REINFORCE leave-one-out; as `train_grpo`."""
    return _train("rloo", LeaveOneOutTrainer, RLOOConfig, task, settings)


def _train(name: str, trainer: type[Any], arguments: type[Any], task: Task, settings: GrpoSettings) -> History:
    if not task.prompts:
        raise DataError(f"{name}: no prompts to roll out on")
    with tempfile.TemporaryDirectory() as scratch:
        args = group_arguments(arguments, task, settings, Path(scratch))
        with _learning(task):
            return _run(name, trainer, args, task, settings)


def _run(name: str, trainer: type[Any], args: Any, task: Task, settings: GrpoSettings) -> History:
    rolling, local = Rolling(task, settings), task.local
    follow = Follow(task, rolling)
    built = trainer(
        model=local.model,
        args=args,
        reward_funcs=[rolling.reward],
        train_dataset=Dataset.from_dict({"prompt": _draw(task, settings)}),
        processing_class=local.tokenizer,
        callbacks=[follow],
    )
    built.rolling = rolling
    if REFERENCE in local.adapters:
        copy_adapter(local, POLICY, REFERENCE)  # TRL's own copy leaves out what has no place of its name (embeddings)
        trainable(local, POLICY)
    built.eos_token_ids = sorted(task.local.eos)  # what ends an answer is what ended ours
    try:
        fit(built, lambda *_: None, task.checkpoints, beside=follow)
    except EngineError as error:
        raise type(error)(f"{name}: {error}") from None
    if task.watch.stop is not None:
        follow.kept.put_back(task.watch.best)
    return follow.history


def _draw(task: Task, settings: GrpoSettings) -> list[str]:
    """The prompts of all steps in order, by their places: passes over shuffled prompts, one after another.

    TRL is given names and not conversations, which it would render and cut in ways of its own.
    """
    size, count = len(task.prompts), settings.steps * settings.batch_size // settings.group
    drawn: list[str] = []
    while len(drawn) < count:
        order = passed_over(size, task.seed, len(drawn) // size)
        drawn += map(str, order.tolist())
    return drawn[:count]


@contextmanager
def _learning(task: Task) -> Iterator[None]:
    """The model with the adapter that learns; it becomes the target, and TRL's traces go, however the block ends."""
    local = task.local
    start_adapter(local, task.reference, POLICY, task.seed)
    trainable(local, POLICY)
    with _forward_kept(local.base), _forward_kept(local.model):
        try:
            yield
        finally:
            copy_adapter(local, POLICY, task.target)
            local.model.set_adapter(task.target)
            for name in (POLICY, REFERENCE):
                if name in local.adapters:
                    local.model.delete_adapter(name)
            local.model.eval()


@contextmanager
def _forward_kept(module: Any) -> Iterator[None]:
    """TRL replaces `forward` of the model it trains by one that fuses the output head, accelerate by one that casts."""
    kept = vars(module).get("forward")
    try:
        yield
    finally:
        vars(module).pop("forward", None)
        if kept is not None:
            module.forward = kept
