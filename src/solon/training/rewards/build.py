"""The reward a recipe asks for, from what a run has to score with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from solon.constitution import Constitution
from solon.engines import Engine
from solon.engines.local.model import LocalModel
from solon.settings import RewardTerm
from solon.training.rewards.check import check_terms
from solon.training.rewards.composite import Composite
from solon.training.rewards.judge import Ask, JudgeTerm, PrinciplesTerm
from solon.training.rewards.terms import LengthTerm, RewardModelTerm, Scorer, Term, repetition_term


@dataclass(frozen=True, slots=True)
class Sources:
    """What terms score with. Reward model and judge are made at first need: a reward without them loads neither.

    `ask` runs a coroutine that asks engines; `count` is how many principles the judge is asked about, drawn by `seed`.
    """

    local: LocalModel
    constitution: Constitution
    reward_model: Callable[[], Scorer]
    judge: Callable[[], Engine]
    ask: Ask
    seed: int = 0
    count: int = 1


def build_reward(terms: Sequence[RewardTerm], sources: Sources) -> Composite:
    """The sum of `terms`. Raises ConfigError for terms that cannot be meant, before anything is loaded."""
    check_terms(terms)
    return Composite([(term, _term(term, sources)) for term in terms])


def _term(term: RewardTerm, sources: Sources) -> Term:
    if term.source == "reward_model":
        return RewardModelTerm(sources.reward_model())
    if term.source == "judge":
        return JudgeTerm(sources.judge(), sources.constitution, sources.ask, sources.count, sources.seed)
    if term.source == "principles":
        return PrinciplesTerm(sources.judge(), sources.constitution, sources.ask)
    if term.source == "length":
        return LengthTerm(sources.local.encode_text, term.free)
    return repetition_term
