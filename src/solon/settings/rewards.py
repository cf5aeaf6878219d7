"""The knobs of what a policy is rewarded for: weighed terms, and a bound that is held while they climb."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from solon.settings.base import Omitting, Settings
from solon.types import Aim


class RewardTerm(Omitting, Settings):
    """One term of the reward. Each is divided by the spread of its first batch, weighted, added up and logged apart."""

    OMITTED: ClassVar[tuple[str, ...]] = ("aim",)

    source: Literal["reward_model", "judge", "principles", "length", "repetition"] = "reward_model"
    """reward_model: the run's own; judge: the judge's score of the answer under drawn principles (direct RLAIF);
    principles: the same for every principle, each logged apart; length: tokens beyond `free`, in hundreds; repetition:
    share of 3-grams that occur before in the same answer. The last two want a negative weight."""
    weight: float = 1.0
    """What the term is multiplied by; negative where more of it is worse."""
    free: int = Field(default=0, ge=0)
    """Of length: tokens that cost nothing."""
    aim: Aim | None = None
    """Of reward_model, where there is one for each aim: which."""


class Constraint(Settings):
    """A bound that is held while the reward is raised (Safe RLHF, Dai et al. 2023, section 3.3)."""

    cost: Literal["declined", "reward_model"] = "declined"
    """declined: the share of answers that decline, on prompts whose kind has the aim `aim`; reward_model: how far the
    reward model of `aim` puts the answers to those prompts below what it gave those of the first batch, in spreads of
    that batch."""
    aim: Aim | None = None
    """Of the prompts that are held to it; by default helpful for declined, harmless for reward_model."""
    at_most: float
    """The bound: a share in [0, 1], or spreads (negative: they must have risen by so much)."""
    start: float = Field(default=1.0, gt=0)
    """The multiplier at first; it is kept in [least, most]."""
    least: float = Field(default=0.1, gt=0)
    """The least that the multiplier may be."""
    most: float = Field(default=20.0, gt=0)
    """The most that the multiplier may be."""
    learning_rate: float = Field(default=10.0, gt=0)
    """Of the log of the multiplier as it rises, per unit of cost: faster than the policy moves."""
    window: int = Field(default=1, ge=1)
    """Steps whose costs are averaged. The multiplier rises while they cannot be told to be within the bound (95%,
    one-sided): of few answers the policy is held further below it."""

    @model_validator(mode="after")
    def _meant(self) -> Constraint:
        if self.cost == "declined" and not 0 <= self.at_most <= 1:
            raise ValueError(f"at_most {self.at_most:g} is no share of answers that decline; give one in [0, 1]")
        if not self.least <= self.start <= self.most:
            raise ValueError(f"start {self.start:g} is not within least {self.least:g} and most {self.most:g}")
        return self

    @property
    def held(self) -> Aim:
        """The aim of the prompts that are held to the bound."""
        return self.aim or ("helpful" if self.cost == "declined" else "harmless")


def no_constraint(constraint: Constraint | None, method: str) -> str | None:
    """Why a policy trained by `method` cannot be held to `constraint`; None where it can."""
    if constraint is None or method in ("ppo", "grpo", "rloo"):
        return None
    why = "picks once, and no multiplier could follow" if method == "best_of_n" else "learns from labels, not a reward"
    return f"{method} {why}; choose method ppo, grpo or rloo, or leave the constraint out"


def unmet_terms(terms: Sequence[RewardTerm], per: Literal["all", "aim"]) -> str | None:
    """Which term wants another reward model than those made `per` all or aim, in one line; None where none does."""
    for n, term in enumerate(terms):
        if term.source != "reward_model" or (term.aim is None) == (per == "all"):
            continue
        if term.aim is None:
            return f"rewards.{n}: reward_model.per is aim, so say which reward model: add aim, such as aim: harmless"
        return f"rewards.{n}: aim {term.aim} wants a reward model for each aim; set reward_model.per=aim or drop it"
    return None
