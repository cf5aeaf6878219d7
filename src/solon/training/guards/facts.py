"""What the guards saw, as plain data for the report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from solon.settings import GuardSettings
from solon.training.guards.alarm import KINDS, Kind
from solon.training.guards.series import Series


@dataclass(frozen=True, slots=True)
class Repair:
    """At `step`, where `alarms` guards rang, `kind` the first, the policy was put back to what it was at step `to`, and
    kl_coef raised to `kl_coef`."""

    step: int
    to: int
    kl_coef: float
    alarms: int
    kind: Kind


def rows(series: Mapping[str, Series]) -> list[dict[str, float]]:
    """A row for each step with the numbers that it has, and √KL where it has a KL."""
    by_step: dict[int, dict[str, float]] = {}
    for name, one in series.items():
        for point in one.points:
            by_step.setdefault(point.step, {"step": point.step})[name] = point.mean
    for row in by_step.values():
        if "kl" in row:
            row["sqrt_kl"] = math.sqrt(max(0.0, row["kl"]))  # an estimate of the KL may be below 0
    return [by_step[step] for step in sorted(by_step)]


def unwatched(
    settings: GuardSettings, series: Mapping[str, Series], has_gold: bool, has_demonstrations: bool
) -> dict[str, str]:
    """The guards that could see nothing, and why."""
    why: dict[str, str] = {}
    for kind in KINDS:
        points = series[kind].points
        if getattr(settings, kind) is None:
            why[kind] = "switched off"
        elif kind == "gold" and not has_gold:
            why[kind] = "there is no second judge or held-out reward model"
        elif kind == "copies" and series["length"].points and not has_demonstrations:
            why[kind] = "no demonstrations are known"
        elif not points and kind == "refusal" and series["length"].points:
            why[kind] = "no prompt was known to ask for nothing wrong"
        elif not points:
            why[kind] = "this way of training gives no such number"
        elif len(points) < settings.window:
            why[kind] = "too few steps to fill a window"
    return why


def unseen(settings: GuardSettings, series: Mapping[str, Series], unwatched: Mapping[str, str]) -> str | None:
    """ "no guard could watch: 3 steps, window 4"; None where some guard could, or all are switched off by hand."""
    if len(unwatched) < len(KINDS) or set(unwatched.values()) == {"switched off"}:
        return None
    steps = max(len(one.points) for one in series.values())
    if not steps:
        return "no guard could watch: this way of training shows no answers of the policy"
    return f"no guard could watch: {steps} step{'s' if steps > 1 else ''}, window {settings.window}"
