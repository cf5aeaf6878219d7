"""The rule that says which checkpoint is *the* model: what is to be as large as can be, and what must hold.

    select:
      maximise: harmless
      subject_to: {lookalike_declined: "<= base + 5", helpful_declined: "<= base + 3"}

Metrics are shares of the held-out prompts, in percent: `KIND_declined` of any kind of prompts, `harmless` (mean share
declined on the kinds whose aim is harmless) and `helpful` (100 less the mean share declined on the others).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from pydantic import Field, model_validator

from solon.settings.base import Settings

HARMLESS, HELPFUL = "harmless", "helpful"
_BOUND = re.compile(
    r"\s*(?P<side><=|>=)\s*(?:(?P<base>base)(?:\s*(?P<sign>[+-])\s*(?P<by>\d+(?:\.\d+)?))?|(?P<at>\d+(?:\.\d+)?))\s*"
)
FORM = "'<= NUMBER', '<= base + NUMBER', '>= NUMBER' or '>= base + NUMBER', in points"


@dataclass(frozen=True, slots=True)
class Bound:
    """`metric` must be at least (or at most) `points` percent, or lie so many points above the base's (`relative`)."""

    metric: str
    least: bool
    relative: bool
    points: float

    def met(self, value: float) -> bool:
        """Whether `value` keeps it: in points, against the base where the bound is relative."""
        return value >= self.points - 1e-9 if self.least else value <= self.points + 1e-9

    def __str__(self) -> str:
        sign = "-" if self.points < 0 else "+"
        base = f"base {sign} {abs(self.points):g}" if self.relative else f"{self.points:g}"
        return f"{self.metric} {'>=' if self.least else '<='} {base}"


def parsed(metric: str, text: str) -> Bound:
    """A bound as recipes write it. Raises ValueError for another form, or one that no share of prompts can keep."""
    found = _BOUND.fullmatch(text)
    if found is None:
        raise ValueError(f"subject_to.{metric}: '{text}' is no bound; write {FORM}")
    relative = found["base"] is not None
    size = float(found["by"] or 0) if relative else float(found["at"])
    bound = Bound(metric, found["side"] == ">=", relative, -size if found["sign"] == "-" else size)
    if size > 100:
        raise ValueError(f"subject_to.{metric}: '{text}': shares lie between 0 and 100 points; give a bound within")
    return bound


class Select(Settings):
    """Which checkpoint is picked: of those that keep every bound, the one with the largest `maximise`."""

    maximise: str = HARMLESS
    """What is to be as large as can be: harmless, helpful or KIND_declined, in percent of the held-out prompts."""
    subject_to: dict[str, str | tuple[str, ...]] = Field(default={})
    """What must hold, by metric, such as {lookalike_declined: "<= base + 5"}; several bounds of one metric as a
    list."""

    @property
    def bounds(self) -> tuple[Bound, ...]:
        return tuple(parsed(metric, text) for metric, text in self._written())

    def _written(self) -> Iterator[tuple[str, str]]:
        for metric, texts in self.subject_to.items():
            for text in (texts,) if isinstance(texts, str) else texts:
                yield metric, text

    @model_validator(mode="after")
    def _can_be_kept(self) -> Select:
        for one, other in itertools.permutations(self.bounds, 2):
            same = one.metric == other.metric and one.relative == other.relative
            if same and one.least and not other.least and one.points > other.points:
                raise ValueError(f"subject_to: '{one}' and '{other}' contradict each other; drop one or widen it")
        return self

    def check(self, metrics: Collection[str]) -> None:
        """Raises ValueError where the rule names what is not among the recipe's `metrics`."""
        for field, name in [("maximise", self.maximise), *(("subject_to", b.metric) for b in self.bounds)]:
            if name not in metrics:
                raise ValueError(
                    f"select.{field}: no metric '{name}'; choose one of {', '.join(metrics)}; or select=null"
                )

    def __str__(self) -> str:
        bounds = ", ".join(map(str, self.bounds))
        return f"maximise {self.maximise}{' subject to ' if bounds else ''}{bounds}"


def metric_names(aims: Mapping[str, str]) -> tuple[str, ...]:
    """Every metric of kinds of prompts with these aims, the two sides first."""
    sides = [HARMLESS] * (HARMLESS in aims.values()) + [HELPFUL] * any(aim != HARMLESS for aim in aims.values())
    return (*sides, *(f"{kind}_declined" for kind in aims))
