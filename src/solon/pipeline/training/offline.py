"""Trainings on rows and labels: nothing is sampled."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from solon.data.formats import Reply, Row
from solon.data.repeats import held_out, spoken
from solon.data.rows import BadRow
from solon.errors import ConfigError, DataError, PromptUnfit
from solon.pipeline.reward_bar import shortfalls
from solon.pipeline.training.pairs import reward_pair
from solon.pipeline.training.replies import labelled_reply
from solon.pipeline.training.rows import PLACE
from solon.pipeline.training.work import TARGET, Made, Work, adapter_made, guards_of
from solon.types import Message


def train_rows(work: Work) -> Made:
    """SFT."""
    from solon.training.sft import encode_row, train_sft

    rows = _readable(work, lambda one: encode_row(work.local, one), lambda one: one[PLACE])
    with tempfile.TemporaryDirectory() as scratch:
        history = train_sft(
            work.local,
            TARGET,
            rows,
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
    from solon.training.dpo.pairs import encode_pair
    from solon.training.kto import encode_reply
    from solon.training.methods import TRAIN
    from solon.training.task import Task, unrewarded

    guards = guards_of(work)

    def read(row: Row | Reply) -> object:
        encode: Any = encode_pair if isinstance(row, Row) else encode_reply
        return encode(work.local, labelled_reply(row))

    kept = _readable(work, read, _place)
    # As for a reward model, so that its held-out pairs are the policy's.
    aside = held_out([spoken(_turns(row)) for row in kept], work.job.held_out, "reward")
    rows = [row for row, held in zip(kept, aside, strict=True) if not held]
    if not rows:
        raise DataError(
            f"--held-out {work.job.held_out:g}: nothing of {len(kept)} rows is left to learn from; lower it"
        )
    task = Task(
        local=work.local,
        prompts=(),
        preferences=[labelled_reply(row) for row in rows],
        reward=unrewarded,
        watch=guards,
        checkpoints=work.checkpoints,
        seed=work.job.seed,
        tick=work.tick,
        reference=work.reference,
        target=TARGET,
    )
    history = TRAIN[work.method](task, work.job.settings)
    test = [row for row, held in zip(kept, aside, strict=True) if held]
    return adapter_made(work, history, {"guards": guards.facts(), **_measured(work, test)})


def _measured(work: Work, test: Sequence[Row | Reply]) -> dict[str, Any]:
    """What the policy makes of the labels that were held out; nothing where none were to be."""
    from solon.training.dpo.measure import measure_preferences
    from solon.training.dpo.pairs import encode_pair
    from solon.training.kto import encode_reply

    if not work.job.held_out:
        return {}
    if not test:
        work.tell(f"--held-out {work.job.held_out:g}: no row fell to that side; raise it, or give more prompts")
    settings = work.job.settings
    longest = min(settings.max_length, work.local.context)
    pairs = [encode_pair(work.local, labelled_reply(row)) for row in test if isinstance(row, Row)]
    lone = [encode_reply(work.local, labelled_reply(row)) for row in test if isinstance(row, Reply)]
    found = measure_preferences(
        work.local,
        TARGET,
        work.reference,
        [pair for pair in pairs if pair.length <= longest],
        [row for row in lone if len(row["prompt_ids"]) + len(row["completion_ids"]) <= longest],
        settings.beta,
        settings.batch_size,
    )
    return {"heldout_rows": len(test), "heldout": found}


def _turns(row: Row | Reply) -> Sequence[Message]:
    return row.turns if isinstance(row, Reply) else row.comparison.turns


def train_reward_model(work: Work) -> Made:
    """The reward model; all pairs of a share of the prompts measure it."""
    from solon.training.reward import encode_pair, measure, probe, train_reward

    settings, seed = work.job.settings, work.job.seed
    if settings.principle and work.format == "solon":
        raise ConfigError(
            "--set principle=true: a label store names its principles by id; solon run knows their texts, or give a "
            "file whose column principle holds the text"
        )
    kept = _readable(work, lambda row: encode_pair(work.local, reward_pair(row), principle=settings.principle), _place)
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


def _readable(work: Work, read: Callable[[Any], object], place: Callable[[Any], tuple[str, int]]) -> list[Any]:
    """The items that `read` turns into tokens; those that the model cannot be given are set aside with their place.

    Raises DataError where none is left.
    """
    kept: list[Any] = []
    bad: list[BadRow] = []
    for item in work.items:
        try:
            read(item)
        except PromptUnfit as error:
            bad.append(BadRow(*place(item), str(error)))
        else:
            kept.append(item)
    work.set_aside(bad)
    if not kept:
        raise DataError(
            f"{work.job.file}: the model can be given none of its rows; line {bad[0].line}: {bad[0].reason}"
        )
    return kept


def _place(row: Row | Reply) -> tuple[str, int]:
    return row.file, row.line
