"""The curves of training: a number by step with the bound that holds it, and reward against gold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from markupsafe import Markup

from solon.report import training_charts, words
from solon.report.svg import SEA

GROWTH = ("refusal", "repetition", "duplicates", "copies")  # bounds of how much a share may grow

Rows = Sequence[dict[str, Any]]


class Wanted(NamedTuple):
    """A curve that is drawn where its number is known. `guard`: the bound that holds it."""

    field: str
    title: str
    unit: str
    colour: str = SEA
    percent: bool = False
    level: float | None = None
    guard: str = ""
    small: bool = False


@dataclass(frozen=True, slots=True)
class Curve:
    """A chart and what it says in words."""

    title: str
    unit: str
    svg: Markup
    said: str


def curve(wanted: Wanted, rows: Rows, guards: dict[str, Any] | None = None) -> Curve | None:
    """The curve of a number; None where fewer than two steps have it."""
    points = [(row["step"], float(row[wanted.field])) for row in rows if words.finite(row.get(wanted.field))]
    if len(points) < 2:
        return None
    values = [value for _, value in points]
    bound = _bound(wanted.guard, values, guards or {})
    rung = next(
        (a["step"] for a in (guards or {}).get("alarms", []) if a["kind"] == (wanted.guard or wanted.field)), None
    )
    first, last = (_said(value, wanted.percent) for value in (values[0], values[-1]))
    level = _near(wanted.level or bound, values)
    svg = training_charts.curve(
        points, wanted.colour, level=level, alarm=rung, percent=wanted.percent, small=wanted.small
    )
    limit = "" if bound is None else f"; bound {bound:.0%}" if wanted.percent else f"; bound {round(bound, 2):g}"
    said = f"{first} → {last} in {words.count(len(points), 'step')}" + (f"; rang at step {rung}" if rung else "")
    return Curve(wanted.title, wanted.unit + limit, svg, said)


def _said(value: float, percent: bool) -> str:
    return words.percent(value) if percent else words.number(value, 3 if abs(value) < 10 else 1)


def _bound(guard: str, values: Sequence[float], guards: dict[str, Any]) -> float | None:
    """The value at which a guard rings, in the curve's own unit; None where it watched nothing."""
    bound = (guards.get("settings") or {}).get(guard)
    if bound is None or guard in guards.get("unwatched", {}):
        return None
    start = _mean(values[: _window(guards)])
    if guard in ("length", "entropy"):
        return float(bound * start)
    if guard == "truncation":  # see guards/rules.py: where half of the answers were cut at first, less is left to grow
        return float(start + bound * min(1.0, 2 * (1 - start)))
    return float(start + bound) if guard in GROWTH else float(bound)


def _near(level: float | None, values: Sequence[float]) -> float | None:
    """`level` where the curve comes near it: a line far off would press the curve flat."""
    if level is None:
        return None
    low, high = min(values), max(values)
    reach = max(high - low, abs(level) / 4)
    return level if low - reach <= level <= high + reach else None


def _window(guards: dict[str, Any]) -> int:
    return int((guards.get("settings") or {}).get("window") or 1)


def over_distance(guards: dict[str, Any], rows: Rows) -> Curve | None:
    """Reward and gold over √KL, averaged over windows; None where a run has not two windows of all three."""
    found = [row for row in rows if all(words.finite(row.get(field)) for field in ("kl", "reward", "gold"))]
    size = _window(guards)
    if len(found) < size + 1:
        return None
    windows = [found[i : i + size] for i in range(len(found) - size + 1)]
    distance = [math.sqrt(max(0.0, _mean([row["kl"] for row in window]))) for window in windows]
    reward, gold = (_climb([_mean([row[f] for row in w]) for w in windows]) for f in ("reward", "gold"))
    drawn = [{"distance": d, "reward": r, "gold": g} for d, r, g in zip(distance, reward, gold, strict=True)]
    kept = [d for d, window in zip(distance, windows, strict=True) if window[-1]["step"] == guards.get("best")]
    svg = training_charts.over_distance(drawn, kept[0] if kept and guards.get("stopped") else None)
    averaged = f", over windows of {words.count(size, 'step')}" if size > 1 else ""
    return Curve(
        "Reward against gold",
        f"over √KL, each as a share of its own highest climb{averaged}",
        svg,
        "Where the reward rises and gold falls, the policy pleases the reward and nothing else (Gao et al. 2022).",
    )


def _climb(values: Sequence[float]) -> list[float]:
    """Values as shares of their highest rise above the first; of their range, where they never rise."""
    start = values[0]
    rise = max(values) - start or max(values) - min(values) or 1.0
    return [(value - start) / rise for value in values]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
