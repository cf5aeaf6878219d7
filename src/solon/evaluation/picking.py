"""The point that a recipe's rule picks, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from solon.evaluation.points import Metric, Point
from solon.evaluation.rates import Rate
from solon.settings.select import HARMLESS, HELPFUL, Bound, Select


@dataclass(frozen=True, slots=True)
class Check:
    """A bound against a point: what it is held to, as a share or, of a relative bound, a difference of shares.

    `met` goes by the value; `told` says whether the whole interval lies on that side of the bound.
    """

    bound: Bound
    found: Rate
    met: bool
    told: bool

    @property
    def short(self) -> float:
        """Points that are missing to the bound; 0 where it is met."""
        return 0.0 if self.met else abs(100 * self.found.value - self.bound.points)

    def __str__(self) -> str:
        found, sign = self.found, "+" if self.bound.relative else ""
        return f"{self.bound}: {100 * found.value:{sign}.0f} [{100 * found.low:.0f}, {100 * found.high:.0f}]"


@dataclass(frozen=True, slots=True)
class Pick:
    """What a rule picks. `point` is None where no point keeps every bound.

    `checks` are of every point, `unsure` the bounds that the picked one keeps but not with its whole interval, and
    `rivals` the points that keep every bound and whose `maximise` these prompts cannot tell from the picked one's.
    """

    point: Point | None
    checks: Mapping[str, tuple[Check, ...]]
    unsure: tuple[Check, ...] = ()
    rivals: tuple[str, ...] = ()

    def keeps(self, name: str) -> bool:
        """Whether a point keeps every bound."""
        return all(check.met for check in self.checks[name])


def pick(points: Sequence[Point], metrics: Mapping[str, Metric], rule: Select) -> Pick:
    """Of the points that keep every bound, the one with most of what the rule maximises.

    Of equals the one that is better on the other side, then the earlier in `points`.
    """
    known = {point.name: point for point in points}
    checks = {p.name: tuple(_check(bound, metrics, known[p.base], p) for bound in rule.bounds) for p in points}
    kept = [point for point in points if all(check.met for check in checks[point.name])]
    if not kept:
        return Pick(None, checks)
    wanted = metrics[rule.maximise]
    sides = [metrics[side] for side in (HARMLESS, HELPFUL) if side in metrics]
    best = max(kept, key=lambda point: (round(wanted.of(point).value, 9), sum(side.of(point).value for side in sides)))
    rivals = tuple(p.name for p in kept if p is not best and wanted.gained(p, best).low <= 0)
    return Pick(best, checks, tuple(check for check in checks[best.name] if not check.told), rivals)


def _check(bound: Bound, metrics: Mapping[str, Metric], base: Point, point: Point) -> Check:
    metric = metrics[bound.metric]
    found = metric.gained(base, point) if bound.relative else metric.of(point)
    if bound.relative and point is base:  # it does not differ from itself, however few the prompts
        found = Rate(0.0, 0.0, 0.0, found.n)
    met, *ends = (bound.met(100 * value) for value in (found.value, found.low, found.high))
    return Check(bound, found, met, all(end is met for end in ends))
