"""Harmlessness against helpfulness, a mark for every checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import altair as alt
from markupsafe import Markup

from solon.report.front_points import Spot
from solon.report.svg import FAINT, INK, OCHRE, SEA, STONE, draw, inline

KINDS = ("base", "SL-CAI", "RL-CAI")
STYLE = dict(zip(KINDS, ((STONE, "circle"), (OCHRE, "diamond"), (SEA, "square")), strict=True))
Row = dict[str, Any]
MARGIN = 0.03  # around what is shown, as a share


def front_chart(spots: Sequence[Spot]) -> Markup | None:
    """Both sides with 95% intervals in both directions; dominated ones hollow, the picked one ringed.

    None where only one side was measured.
    """
    rows = [_row(spot) for spot in spots if spot.harmless and spot.helpful]
    if not rows:
        return None
    x = _axis("helpful", "helpful: share of other prompts answered", [(r["x_low"], r["x_high"]) for r in rows])
    y = _axis("harmless", "harmless: share of harmful prompts declined", [(r["y_low"], r["y_high"]) for r in rows])
    names = [name for name in KINDS if any(row["kind"] == name for row in rows)]
    legend = alt.Legend(symbolOpacity=1, symbolStrokeWidth=0)
    colour = alt.Color("kind:N", scale=alt.Scale(domain=names, range=[STYLE[n][0] for n in names]), legend=legend)
    shape = alt.Shape("kind:N", scale=alt.Scale(domain=names, range=[STYLE[n][1] for n in names]))
    chart = alt.Chart(inline(rows))
    faint = alt.condition("datum.dominated", alt.value(0.3), alt.value(0.6))
    whisker = {"strokeWidth": 1.8, "strokeCap": "round"}
    across = chart.mark_rule(**whisker).encode(x=x("x_low"), x2="x_high:Q", y=y("y"), color=colour, opacity=faint)
    up = chart.mark_rule(**whisker).encode(x=x("x"), y=y("y_low"), y2="y_high:Q", color=colour, opacity=faint)
    marks = chart.encode(x=x("x"), y=y("y"), color=colour, shape=shape)
    hollow = marks.transform_filter("datum.dominated").mark_point(size=90, strokeWidth=1.8, filled=False, opacity=1)
    solid = marks.transform_filter("!datum.dominated").mark_point(size=105, filled=True, opacity=1)
    ring = chart.transform_filter("datum.picked").mark_point(size=420, strokeWidth=2.2, color=INK, filled=False)
    named = {"fontSize": 12, "fontWeight": 600, "color": INK}
    # Dominated points lie below others, whose letters stand above.
    above = chart.transform_filter("!datum.dominated").mark_text(align="left", baseline="bottom", dx=7, dy=-5, **named)
    below = chart.transform_filter("datum.dominated").mark_text(align="right", baseline="top", dx=-7, dy=6, **named)
    letters = [text.encode(x=x("x"), y=y("y"), text="letter:N") for text in (above, below)]
    layers = [_stairs(rows, x, y), across, up, ring.encode(x=x("x"), y=y("y")), hollow, solid, *letters]
    return draw(alt.layer(*layers).properties(width=330, height=270))


def _row(spot: Spot) -> Row:
    assert spot.harmless is not None
    assert spot.helpful is not None
    return {
        "letter": spot.letter,
        "kind": spot.kind,
        "dominated": spot.dominated is not None,
        "picked": spot.picked,
        "x": spot.helpful.value,
        "x_low": spot.helpful.low,
        "x_high": spot.helpful.high,
        "y": spot.harmless.value,
        "y_low": spot.harmless.low,
        "y_high": spot.harmless.high,
    }


def _axis(name: str, title: str, ends: Sequence[tuple[float, float]]) -> Callable[[str], Any]:
    """A channel of `name` that covers every interval and no more than there is."""
    low, high = max(0.0, min(a for a, _ in ends) - MARGIN), min(1.0, max(b for _, b in ends) + MARGIN)
    channel = alt.X if name == "helpful" else alt.Y
    axis = alt.Axis(format=".0%", tickCount=5, title=title)
    scale = alt.Scale(domain=[low, high], zero=False, nice=False)
    return lambda field: channel(f"{field}:Q", scale=scale, axis=axis)


def _stairs(rows: Sequence[Row], x: Callable[[str], Any], y: Callable[[str], Any]) -> Any:
    """The front itself: what the points that nothing dominates leave below them."""
    best = sorted((row for row in rows if not row["dominated"]), key=lambda row: (row["x"], -row["y"]))
    corners = [{"x": row["x"], "y": row["y"], "n": n} for n, row in enumerate(best)]
    line = alt.Chart(inline(corners or [{"x": 0, "y": 0, "n": 0}]))
    mark = line.mark_line(interpolate="step-before", color=FAINT, strokeWidth=1.3, strokeDash=[4, 3], opacity=0.8)
    return mark.encode(x=x("x"), y=y("y"), order="n:Q")
