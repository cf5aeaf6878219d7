"""A bound that is held while the reward is raised: a Lagrange multiplier that follows what answers cost.

Safe RLHF (Dai et al. 2023, section 3.3): an answer earns (reward - λ·cost) / (1 + λ), and λ rises while the mean cost
is above the bound. Departures:
- ln λ moves by learning_rate·(cost - bound), without their factor λ, which stalls near 0 and runs away where λ is
  large; λ is kept in [least, most], for from nothing it would take long to come back;
- λ falls at 3% of the speed at which it rises: let go as fast, the policy swings about its bound;
- cost is the upper end of the one-sided 95% interval of the last steps' mean: a bound that is only met on average is
  broken in half of all trainings;
- only prompts of the bound's own aim cost: to decline is right for others.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from accelerate.utils import gather_object

from solon.settings import Constraint
from solon.training.processes import world
from solon.training.rewards.terms import RewardModelTerm
from solon.training.spread import divisor
from solon.types import Turns

EASE = 0.03  # of the speed at which the multiplier rises, it falls
SURE = 1.645  # standard errors: one-sided 95%

Costs = list[float | None]
Values = Mapping[str, Sequence[float]]


class Cost(Protocol):
    """What each answer costs; None for answers to prompts that are not held to the bound. `values` are those of the
    reward's terms by name. `state` is plain data that `restore` takes back."""

    def __call__(
        self, prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool], values: Values
    ) -> Costs:
        """In the order of the answers."""

    def state(self) -> dict[str, Any]: ...

    def restore(self, state: Mapping[str, Any]) -> None: ...


class DeclinedCost:
    """1 for an answer that declines, 0 for another; `held` says of which prompts."""

    def __init__(self, declines: Callable[[str], bool], held: Callable[[Turns], bool]) -> None:
        self.declines, self.held = declines, held

    def __call__(
        self, prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool], values: Values
    ) -> Costs:
        return [
            float(self.declines(a)) if self.held(prompt) else None for prompt, a in zip(prompts, answers, strict=True)
        ]

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        return None


class RewardModelCost:
    """How far a reward model puts an answer below the mean of the first batch that has held prompts, in its spreads."""

    def __init__(self, term: RewardModelTerm, held: Callable[[Turns], bool]) -> None:
        self.term, self.held = term, held
        self.first: tuple[float, float] | None = None

    def __call__(
        self, prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool], values: Values
    ) -> Costs:
        found = values.get(self.term.name) or self.term(prompts, answers, ended)[self.term.name]
        own = [value if self.held(prompt) else None for prompt, value in zip(prompts, found, strict=True)]
        if self.first is None and (everyone := of_all(own)):
            self.first = statistics.fmean(everyone), divisor(statistics.pstdev(everyone), everyone)
        mean, spread = self.first or (0.0, 1.0)
        return [None if value is None else (mean - value) / spread for value in own]

    def state(self) -> dict[str, Any]:
        return {"first": self.first}

    def restore(self, state: Mapping[str, Any]) -> None:
        first = state["first"]
        self.first = None if first is None else (float(first[0]), float(first[1]))


class Multiplier:
    """λ of one training, and the costs of its last steps."""

    def __init__(self, settings: Constraint, cost: Cost) -> None:
        self.settings, self.cost = settings, cost
        self.value = settings.start
        self.costs: list[list[float]] = []  # by step, those of `window` steps at most

    def __call__(
        self,
        prompts: Sequence[Turns],
        answers: Sequence[str],
        ended: Sequence[bool],
        values: Values,
        rewards: Sequence[float],
    ) -> tuple[list[float], dict[str, float]]:
        """Rewards less what answers cost, and the step's numbers; λ then follows the costs.

        `constraint/cost` is missing where no prompt of the batch is held to the bound.
        """
        costs = self.cost(prompts, answers, ended, values)
        now = self.value
        total = [(r - now * (c or 0.0)) / (1 + now) for r, c in zip(rewards, costs, strict=True)]
        numbers = {"constraint/multiplier": now}
        if everyone := of_all(costs):
            numbers["constraint/cost"] = statistics.fmean(everyone)
            self._follow(everyone)
        return total, numbers

    def _follow(self, costs: list[float]) -> None:
        s = self.settings
        self.costs = [*self.costs, costs][-s.window :]
        excess = upper([cost for step in self.costs for cost in step]) - s.at_most
        # exp of a bounded number: a cost of many spreads must not overflow before it is clamped.
        step = max(-50.0, min(50.0, s.learning_rate * (excess if excess > 0 else EASE * excess)))
        self.value = min(s.most, max(s.least, self.value * math.exp(step)))

    def state(self) -> dict[str, Any]:
        """What a resumed training needs, as plain data."""
        return {"multiplier": self.value, "costs": self.costs, "cost": self.cost.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.value = float(state["multiplier"])
        self.costs = [[float(cost) for cost in step] for step in state["costs"]]
        self.cost.restore(state["cost"])


def upper(costs: Sequence[float]) -> float:
    """The upper end of the one-sided 95% interval of the mean (normal); the cost itself, of a single one."""
    mean = statistics.fmean(costs)
    return mean + SURE * statistics.stdev(costs) / math.sqrt(len(costs)) if len(costs) > 1 else mean


def of_all(costs: Costs) -> list[float]:
    """The costs that there are, of all processes: their multipliers must not drift apart."""
    own = [cost for cost in costs if cost is not None]
    if world() == 1:
        return own
    gathered: list[float] = gather_object(own)
    return gathered
