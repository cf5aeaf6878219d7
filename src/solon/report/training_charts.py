"""The charts of training: a number by step, and what the reward and the gold reward did over the distance travelled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
from markupsafe import Markup

from solon.report.svg import FAINT, OCHRE, SEA, WARN, draw, inline

FEW = 30  # points that are drawn one by one
LEAST = 0.05  # of a share: the axis goes up to it at least
NAMES = {"reward": "reward", "gold": "gold reward, never trained on"}


def curve(
    points: Sequence[tuple[int, float]],
    colour: str,
    *,
    level: float | None = None,
    alarm: int | None = None,
    percent: bool = False,
    small: bool = False,
) -> Markup:
    """A number by step; `level` is a dashed line to compare with, `alarm` the step at which a guard rang."""
    rows = [{"step": step, "value": value} for step, value in points]
    count = 4 if small else 6
    # Of few steps, Vega would have ticks between them.
    ticks: Any = {"values": [step for step, _ in points]} if len(points) <= count else {"tickCount": count}
    whole = alt.Axis(grid=False, format="d", tickMinStep=1, **ticks)
    x = alt.X("step:Q", title="step", axis=whole, scale=alt.Scale(nice=False, zero=False, padding=6))
    axis = alt.Axis(tickCount=4, format=".0%") if percent else alt.Axis(tickCount=4)
    most = max(value for _, value in points)
    scale = alt.Scale(domain=[0, max(most, level or 0, LEAST)], nice=True) if percent else alt.Scale(zero=False)
    y = alt.Y("value:Q", title=None, scale=scale, axis=axis)
    few: Any = {"filled": True, "size": 36, "color": colour} if len(rows) <= FEW else False
    layers = [alt.Chart(inline(rows)).mark_line(color=colour, strokeWidth=2, point=few).encode(x=x, y=y)]
    if level is not None:
        dashed = alt.Chart(inline([{"value": level}])).mark_rule(color=FAINT, strokeDash=[4, 3])
        layers.insert(0, dashed.encode(y="value:Q"))
    if alarm is not None:
        rung = alt.Chart(inline([{"step": alarm}])).mark_rule(color=WARN, strokeWidth=1.5)
        layers.insert(0, rung.encode(x="step:Q"))
    return draw(alt.layer(*layers).properties(width=200 if small else 300, height=110 if small else 140))


def over_distance(rows: Sequence[dict[str, float]], kept: float | None) -> Markup:
    """Reward and gold over √KL (Gao et al. 2022, figure 1), in the order of the steps.

    `rows` hold `distance` (√nats), `reward` and `gold`, the latter two as shares of their own highest climb: they have
    no unit in common. `kept` is the distance of the weights that were kept.
    """
    long = [
        {"order": order, "distance": row["distance"], "value": row[field], "what": name}
        for field, name in NAMES.items()
        for order, row in enumerate(rows)
    ]
    x = alt.X("distance:Q", title="√KL from SL-CAI, √nats", axis=alt.Axis(grid=False, tickCount=6))
    y = alt.Y("value:Q", title=None, axis=alt.Axis(tickCount=4, format=".0%"))
    scale = alt.Scale(domain=list(NAMES.values()), range=[SEA, OCHRE])
    dash = alt.StrokeDash("what:N", scale=alt.Scale(domain=list(NAMES.values()), range=[[1, 0], [6, 3]]))
    line = alt.Chart(inline(long)).mark_line(strokeWidth=2.5)
    layers = [line.encode(x=x, y=y, color=alt.Color("what:N", scale=scale), order="order:Q", strokeDash=dash)]
    if kept is not None:
        marked = alt.Chart(inline([{"distance": kept, "text": "kept"}]))
        layers.insert(0, marked.mark_rule(color=FAINT, strokeDash=[4, 3]).encode(x="distance:Q"))
        layers.append(
            marked.mark_text(align="left", dx=5, fontSize=11.5, color=FAINT).encode(
                x="distance:Q", y=alt.value(130), text="text:N"
            )
        )
    return draw(alt.layer(*layers).properties(width=300, height=140))
