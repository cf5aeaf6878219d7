"""Two kinds of number, neither without its interval."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict, model_validator

from solon.intervals import mean_interval, wilson

NEAR = 1e-6


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

    @model_validator(mode="after")
    def _adds_up(self) -> Share:
        if not 0 <= self.hits <= self.n:
            raise ValueError(f"{self.hits} of {self.n} is no share")
        of_counts = (self.hits / self.n if self.n else 0.0, *wilson(self.hits, self.n))
        said = (self.value, self.low, self.high)
        if not all(abs(a - b) <= NEAR for a, b in zip(said, of_counts, strict=True)):
            raise ValueError(
                f"value {self.value}, low {self.low}, high {self.high} are not those of {self.hits} of {self.n}"
            )
        return self

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

    @model_validator(mode="after")
    def _in_its_interval(self) -> Estimate:
        if not (self.n > 0 and self.low - NEAR <= self.value <= self.high + NEAR):
            raise ValueError(f"{self.value} of {self.n} is not in its interval from {self.low} to {self.high}")
        return self

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
