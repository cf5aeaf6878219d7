"""Both sides of a run: how harmless and how helpful each of its models is, and which of them the rule picked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from solon.evaluation import Rate
from solon.evaluation.points import on_common_prompts
from solon.pipeline.selection import NAMES, figures, measured_metrics, points_in
from solon.report.front_chart import front_chart
from solon.report.front_points import Spot, reasons, spots, status
from solon.report.kinds import aims
from solon.report.material import Material
from solon.report.remark import Remark
from solon.report.words import MODELS, percent, share


@dataclass(frozen=True, slots=True)
class Sides:
    """The models of a run on both sides, in a sentence, a chart and lines; `why` says how the model was picked."""

    said: str
    spots: list[Spot]
    chart: Markup | None
    why: list[Remark]

    @property
    def legend(self) -> str:
        """Which letter is which, and where each stands."""
        said = "; ".join(f"{spot.letter} {spot.label}: {status(spot)}" for spot in self.spots)
        return f"Up and to the right is better. Lines are 95% intervals. {said}."


def sides(m: Material) -> Sides:
    """Read from the answers; empty of a run that evaluated nothing."""
    shown = spots(_points(m))
    why = reasons({"select": m.selection, "points": m.selection["points"]}) if m.selection else []
    picked = [spot for spot in shown if spot.picked]  # which may be a checkpoint along the policy's training
    said = _said(m, {spot.kind: spot for spot in [*shown, *picked]})
    return Sides(said, shown, front_chart(shown) if len(shown) > 1 else None, why)


def _points(m: Material) -> list[dict[str, Any]]:
    if m.selection:
        return list(m.selection["points"])
    points = [point for point in points_in(m.answers) if point.answers]
    if not points:
        return []
    points = on_common_prompts(points)
    return figures(points, measured_metrics(aims(m), points), None, NAMES) if points[0].answers else []


def _said(m: Material, known: dict[str, Spot]) -> str:
    """ "Both sides: SL-CAI declines 86% [78, 92] of harmful prompts (base 8%) and answers 62% [51, 72] of …"."""
    own, base = known.get(MODELS[m.model]), known.get(MODELS["base"])
    if own is None or base is None:
        return ""
    parts = []
    if own.harmless and base.harmless:
        parts.append(f"declines {_against(own.harmless, base.harmless)} of harmful prompts")
    if own.helpful and base.helpful:
        parts.append(f"answers {_against(own.helpful, base.helpful)} of the others")
    return f"Both sides: {MODELS[m.model]} {' and '.join(parts)}." if parts else ""


def _against(own: Rate, base: Rate) -> str:
    return f"{share(own)} (base {percent(base.value)})"
