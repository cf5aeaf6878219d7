"""Trainings on rows and labels: nothing is sampled."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from solon.data.formats import Row
from solon.data.prompts import BadRow
from solon.errors import ConfigError
from solon.pipeline.reward_bar import shortfalls
from solon.pipeline.training.pairs import reward_pair
from solon.pipeline.training.replies import labelled_reply
from solon.pipeline.training.work import TARGET, Made, Work, adapter_made, guards_of
from solon.types import fraction


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
        preferences=[labelled_reply(row) for row in work.items],
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
    from solon.training.reward import fits, measure, probe, train_reward

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
    train = [reward_pair(row) for row in kept if not _held_out(row, work.job.held_out)]
    test = [reward_pair(row) for row in kept if _held_out(row, work.job.held_out)]
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
    measured, probes = measure(model, test, seed), probe(model, test)
    facts: dict[str, Any] = {
        "pairs": len(train),
        "heldout_pairs": len(test),
        "heldout": measured,
        "probes": probes,
        "shortfalls": shortfalls(measured, probes, settings.bar),
    }
    if facts["shortfalls"]:
        work.tell(f"the reward model is not qualified: {'; '.join(facts['shortfalls'])}")
    return Made(history, model.save, facts)


def _held_out(row: Row, share: float) -> bool:
    """All pairs of one prompt are on one side, or its text would leak across."""
    return fraction(["reward", row.comparison.prompt_id]) < share
