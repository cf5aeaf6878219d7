"""How well a judge agrees with people on labelled pairs, and what biases it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from solon.intervals import wilson
from solon.types import Preference


@dataclass(frozen=True, slots=True)
class Agreement:
    """Counts of one judge on labelled pairs.

    `right` of `judged` labels agree with people (a label of exactly 0.5 is wrong); `failed` verdicts are
    counted apart. `first` is how often the reply shown first won, of `shown` ordered verdicts;
    `longer` how often the longer reply was preferred, of `judged`.
    """

    judge: str
    ask: str
    pairs: int
    judged: int
    right: int
    failed: int
    first: int
    shown: int
    longer: int

    @property
    def rate(self) -> float:
        """Share right of all pairs, failures counted as not right; in [0, 1]."""
        return self.right / self.pairs if self.pairs else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95% Wilson interval of `rate`."""
        return wilson(self.right, self.pairs)

    def as_dict(self) -> dict[str, Any]:
        low, high = self.interval
        return {**asdict(self), "rate": self.rate, "low": low, "high": high}


def measure_agreement(
    judge: str, ask: str, labels: Sequence[Preference | None], better_is_a: Sequence[bool]
) -> Agreement:
    """Compare labels (None: the judge failed) with what people said, pair by pair."""
    judged = [(p, gold) for p, gold in zip(labels, better_is_a, strict=True) if p is not None]
    ordered = [v for p, _ in judged for v in p.verdicts if v.order and v.prob_a is not None]
    return Agreement(
        judge=judge,
        ask=ask,
        pairs=len(labels),
        judged=len(judged),
        right=sum(p.prob_a != 0.5 and (p.prob_a > 0.5) == gold for p, gold in judged),
        failed=len(labels) - len(judged),
        first=sum((v.prob_a or 0.0) > 0.5 if v.order == "ab" else (v.prob_a or 0.0) < 0.5 for v in ordered),
        shown=len(ordered),
        longer=sum(len(p.chosen) > len(p.rejected) for p, _ in judged),
    )
