"""A reward of several terms: each divided by its spread, weighed, added up and logged apart."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from accelerate.utils import gather_object

from solon.errors import EngineError
from solon.settings import RewardTerm
from solon.training.processes import world
from solon.training.rewards.check import check_terms
from solon.training.rewards.constraint import Multiplier
from solon.training.rewards.terms import FAILED, Term
from solon.training.spread import divisor
from solon.training.task import Scores
from solon.types import Turns

SHOWN = 60  # characters of a prompt that a message shows


class Composite:
    """The sum over `terms` of weight times value over spread; the spread is the standard deviation of the first batch.

    Only with the spread taken out do weights mean the same for scores of 1 to 10 and for nats. It is kept, so that the
    scale stays still while the policy climbs; a spread of 0, but for rounding, counts as 1. A term of several values
    (one for each principle) shares its weight among them. A term that stands alone with one value is not divided: the
    reward of a reward model alone is its own, in nats. Where a `constraint` weighs it against a cost, it is divided,
    too. Raises ConfigError for terms that cannot be meant.
    """

    def __init__(self, terms: Sequence[tuple[RewardTerm, Term]], constraint: Multiplier | None = None) -> None:
        check_terms([settings for settings, _ in terms])
        self.terms, self.constraint = list(terms), constraint
        self.spreads: dict[str, float] = {}

    def __call__(self, prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool] = ()) -> Scores:
        """Rewards and raw values by name; those in FAILED are counts and no part of the sum. `ended` is as in `Reward`;
        where it is empty all answers ended.

        Raises EngineError for a value that is not finite, naming term and prompt.
        """
        read = [(settings.weight, term(prompts, answers, ended)) for settings, term in self.terms]
        shown = {name: values for _, found in read for name, values in found.items()}
        for name, values in shown.items():
            _require_finite(name, values, prompts)
        parts = [(weight, {k: v for k, v in found.items() if k not in FAILED}) for weight, found in read]
        alone = self.constraint is None and len(parts) == 1 and len(parts[0][1]) == 1
        total = [0.0] * len(answers)
        for weight, found in parts:
            for name, values in found.items():
                scale = weight / len(found) / (1.0 if alone else self._spread(name, values))
                total = [so_far + scale * value for so_far, value in zip(total, values, strict=True)]
        if self.constraint is None:
            return Scores(total, shown)
        held, numbers = self.constraint(prompts, answers, ended, shown, total)
        return Scores(held, shown, numbers)

    def _spread(self, name: str, values: Sequence[float]) -> float:
        """The spread of a value's first batch, over all processes: they must not pull at different scales."""
        if name not in self.spreads:
            everyone: list[float] = gather_object(list(values)) if world() > 1 else list(values)
            self.spreads[name] = divisor(statistics.pstdev(everyone), everyone)
        return self.spreads[name]

    def state(self) -> dict[str, Any]:
        """What a resumed training needs, as plain data."""
        held = {} if self.constraint is None else {"constraint": self.constraint.state()}
        return {"spreads": dict(self.spreads), **held}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on with the spreads, and the multiplier, of an earlier training."""
        self.spreads = {name: float(spread) for name, spread in state["spreads"].items()}
        if self.constraint is not None:
            self.constraint.restore(state["constraint"])


def _require_finite(name: str, values: Sequence[float], prompts: Sequence[Turns]) -> None:
    for prompt, value in zip(prompts, values, strict=True):
        if not math.isfinite(value):
            raise EngineError(
                f"reward: {name} is {value} for the answer to {prompt[-1].content[:SHOWN]!r}; nothing was learnt "
                "from it"
            )
