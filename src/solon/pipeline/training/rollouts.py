"""Trainings on the policy's own answers, by a reward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from solon.data.rows import BadRow
from solon.errors import DataError, PromptUnfit
from solon.pipeline.training.prompts import Asked
from solon.pipeline.training.scoring import Scorer, composite, load_scorer, reads
from solon.pipeline.training.vouching import said_of
from solon.pipeline.training.work import TARGET, Made, Work, adapter_made, guards_of

if TYPE_CHECKING:
    from solon.training.guards import Gold


def train_rollouts(work: Work) -> Made:
    """PPO, GRPO, RLOO and best of n."""
    from solon.training.methods import TRAIN
    from solon.training.task import Task

    goal = work.job.goal
    assert goal is not None, "the verbs on prompts come with a goal"
    if said := said_of(goal.reward):
        work.tell(said)
    scorer = load_scorer(work.local, goal.reward, "reward_model") if goal.reward else None
    gold = load_scorer(work.local, goal.gold, "gold") if goal.gold else None
    asked = _fitting(work, [one for one in (scorer, gold) if one is not None])
    harmless = frozenset(one.turns for one in asked if one.harmless)
    guards = guards_of(work, harmless, _gold(gold) if gold else None)
    task = Task(
        local=work.local,
        prompts=[one.turns for one in asked],
        preferences=(),
        reward=composite(goal, work.local, scorer),
        watch=guards,
        checkpoints=work.checkpoints,
        seed=work.job.seed,
        tick=work.tick,
        reference=work.reference,
        target=TARGET,
    )
    history = TRAIN[work.method](task, work.job.settings)
    return adapter_made(work, history, {"prompts": len(asked), "guards": guards.facts()})


def _gold(scorer: Scorer) -> Gold:
    return lambda prompts, answers, ended: scorer.score(prompts, answers, ended=ended)


def _fitting(work: Work, scorers: list[Scorer]) -> list[Asked]:
    """The prompts that policy and reward models can read with an answer; the others are set aside.

    Raises DataError where none is left.
    """
    reasons = [(one, _too_long(work, one, scorers)) for one in work.items]
    bad = [BadRow(one.file, one.line, reason) for one, reason in reasons if reason is not None]
    work.set_aside(bad)
    if len(bad) == len(reasons):
        raise DataError(f"{work.job.file}: none of {len(bad)} prompts can be answered; the first: {bad[0].reason}")
    return [one for one, reason in reasons if reason is None]


def _too_long(work: Work, one: Asked, scorers: list[Scorer]) -> str | None:
    tokens = work.job.settings.max_tokens
    try:
        work.local.encode_chat(one.turns, tokens)
    except PromptUnfit as error:
        return str(error)
    return reads(scorers, one.turns, tokens)
