"""Two kinds of number, neither without its interval."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict

from solon.intervals import mean_interval, wilson


class Part(BaseModel):
    """What every part of a card is: frozen, and nothing in it that Solon does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Share(Part):
    """`hits` of `n`: `value` in [0, 1] (0 of nothing) and its 95% Wilson interval from `low` to `high`."""

    hits: int
    n: int
    value: float
    low: float
    high: float

    @classmethod
    def of(cls, hits: int, n: int) -> Share:
        low, high = wilson(hits, n)
        return cls(hits=hits, n=n, value=hits / n if n else 0.0, low=low, high=high)

    @classmethod
    def among(cls, found: Iterable[bool]) -> Share:
        """The share of true ones."""
        counted = list(found)
        return cls.of(sum(counted), len(counted))

    def __str__(self) -> str:
        """In percent: 43.3% [35, 51]."""
        return f"{100 * self.value:.3g}% [{100 * self.low:.0f}, {100 * self.high:.0f}]"


class Estimate(Part):
    """A number from `n` observations that is no share of them, with its 95% interval from `low` to `high`."""

    value: float
    low: float
    high: float
    n: int

    @classmethod
    def mean(cls, values: Sequence[float], least: float = -math.inf) -> Estimate:
        """The mean of at least one value, with Student's interval; whatever their order, the same.

        `least` is what the values cannot go below, and so neither can the interval.
        """
        ordered = sorted(values)
        value = math.fsum(ordered) / len(ordered)
        low, high = mean_interval(ordered)
        return cls(value=value, low=max(low, least), high=high, n=len(ordered))

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"
