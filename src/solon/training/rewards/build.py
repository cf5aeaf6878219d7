"""The reward a recipe asks for, from what a run has to score with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from solon.constitution import Constitution
from solon.engines import Engine
from solon.engines.local.model import LocalModel
from solon.settings import Constraint, RewardTerm
from solon.training.rewards.check import check_terms
from solon.training.rewards.composite import Composite
from solon.training.rewards.constraint import Cost, DeclinedCost, Multiplier, RewardModelCost
from solon.training.rewards.judge import About, Ask, JudgeTerm, PrinciplesTerm
from solon.training.rewards.terms import LengthTerm, RewardModelTerm, Scorer, Term, repetition_term
from solon.types import Aim, Turns


@dataclass(frozen=True, slots=True)
class Sources:
    """What terms score with. Reward model and judge are made at first need: a reward without them loads neither.

    `reward_model` gives the one of an aim where there is one `per_aim`, or else, of None, the only one. `ask` runs a
    coroutine that asks engines; `count` is how many principles the judge is asked about, drawn by `seed` from those of
    the aim that a prompt is `about`, "" where it has none. `declines` says whether an answer does.
    """

    local: LocalModel
    constitution: Constitution
    reward_model: Callable[[Aim | None], Scorer]
    judge: Callable[[], Engine]
    ask: Ask
    seed: int = 0
    count: int = 1
    per_aim: bool = False
    about: About = lambda prompt: ""
    declines: Callable[[str], bool] = lambda answer: False


def build_reward(terms: Sequence[RewardTerm], sources: Sources, constraint: Constraint | None = None) -> Composite:
    """The sum of `terms`, held to the `constraint`.

    Raises ConfigError for terms that cannot be meant, before anything is loaded.
    """
    check_terms(terms)
    made = [(term, _term(term, sources)) for term in terms]
    if constraint is None:
        return Composite(made)
    return Composite(made, Multiplier(constraint, _cost(constraint, sources)))


def _cost(constraint: Constraint, sources: Sources) -> Cost:
    def held(prompt: Turns) -> bool:
        return sources.about(prompt) == constraint.held

    if constraint.cost == "declined":
        return DeclinedCost(sources.declines, held)
    return RewardModelCost(_reward_model(sources, constraint.held if sources.per_aim else None), held)


def _reward_model(sources: Sources, aim: Aim | None) -> RewardModelTerm:
    return RewardModelTerm(sources.reward_model(aim), aim)


def _term(term: RewardTerm, sources: Sources) -> Term:
    if term.source == "reward_model":
        return _reward_model(sources, term.aim)
    if term.source == "judge":
        return JudgeTerm(sources.judge(), sources.constitution, sources.ask, sources.count, sources.seed, sources.about)
    if term.source == "principles":
        return PrinciplesTerm(sources.judge(), sources.constitution, sources.ask)
    if term.source == "length":
        return LengthTerm(sources.local.encode_text, term.free)
    return repetition_term
