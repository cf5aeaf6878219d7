"""Trainings on rows and labels: nothing is sampled."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from solon.data.prompts import BadRow
from solon.data.repeats import held_out, spoken
from solon.errors import ConfigError
from solon.pipeline.training.pairs import preference, reward_pair
from solon.pipeline.training.work import TARGET, Made, Work, adapter_made, guards_of


def train_rows(work: Work) -> Made:
    """SFT."""
    from solon.training.sft import train_sft

    with tempfile.TemporaryDirectory() as scratch:
        history = train_sft(
            work.local,
            TARGET,
            work.items,
            work.job.settings,
            seed=work.job.seed,
            scratch=Path(scratch),
            tick=work.tick,
            checkpoints=work.checkpoints,
            start=work.reference,
        )
    return adapter_made(work, history)


def train_preferences(work: Work) -> Made:
    """DPO and KTO."""
    from solon.training.methods import TRAIN
    from solon.training.task import Task, unrewarded

    guards = guards_of(work)
    task = Task(
        local=work.local,
        prompts=(),
        preferences=[preference(row) for row in work.items],
        reward=unrewarded,
        watch=guards,
        checkpoints=work.checkpoints,
        seed=work.job.seed,
        tick=work.tick,
        reference=work.reference,
        target=TARGET,
    )
    history = TRAIN[work.method](task, work.job.settings)
    return adapter_made(work, history, {"guards": guards.facts()})


def train_reward_model(work: Work) -> Made:
    """The reward model; all pairs of a share of the prompts measure it."""
    from solon.training.reward import fits, measure, train_reward

    settings, seed = work.job.settings, work.job.seed
    if settings.principle and work.format == "solon":
        raise ConfigError(
            "--set principle=true: a label store names its principles by id; solon run knows their texts, or give a "
            "file whose column principle holds the text"
        )
    fitting = {id(row): fits(work.local, reward_pair(row), principle=settings.principle) for row in work.items}
    reason = f"prompt and reply exceed the {work.local.context} tokens of the model's context"
    work.set_aside([BadRow(row.file, row.line, reason) for row in work.items if not fitting[id(row)]])
    kept = [row for row in work.items if fitting[id(row)]]
    # All pairs of one prompt, and of its near-repeats, are on one side, or its text would leak across.
    aside = held_out([spoken(row.comparison.turns) for row in kept], work.job.held_out, "reward")
    train = [reward_pair(row) for row, held in zip(kept, aside, strict=True) if not held]
    test = [reward_pair(row) for row, held in zip(kept, aside, strict=True) if held]
    with tempfile.TemporaryDirectory() as scratch:
        model, history = train_reward(
            work.local,
            "reward_model",
            train,
            settings,
            seed=seed,
            scratch=Path(scratch),
            tick=work.tick,
            checkpoints=work.checkpoints,
        )
    facts: dict[str, Any] = {"pairs": len(train), "heldout_pairs": len(test), "heldout": measure(model, test, seed)}
    return Made(history, model.save, facts)
