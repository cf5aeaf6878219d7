"""The charts of a run's report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
from markupsafe import Markup

from solon.pipeline.pairing import COMPARED
from solon.report.findings import Cell
from solon.report.kinds import named, wanted
from solon.report.svg import OCHRE, SEA, STONE, draw, inline
from solon.report.words import MODELS, kind_name, percent

COLOURS = {"base": STONE, "SL-CAI": OCHRE, "RL-CAI": SEA}
OTHER = "other"
PAIRS = dict(zip([*COMPARED.values(), OTHER], [SEA, "#d9a45b", "#7a6a9e", "#5f9ea0", STONE], strict=True))
BINS = 10


def declined(cells: dict[str, list[Cell]], aims: Mapping[str, str]) -> Markup | None:
    """Share declined with its interval, by kind of prompt and model; which way is better, the kinds' `aims` say."""
    rows = [
        {
            "kind": f"{kind_name(kind)}  (n = {cell.declined.n}; {wanted(aims.get(kind, ''))})",
            "model": MODELS[cell.model],
            "value": cell.declined.value,
            "low": cell.declined.low,
            "high": cell.declined.high,
            "label": percent(cell.declined.value),
        }
        for kind, found in cells.items()
        if named(kind)
        for cell in found
    ]
    if not rows:
        return None
    names = list(MODELS.values())
    colour = alt.Color("model:N", scale=alt.Scale(domain=names, range=[COLOURS[n] for n in names]), legend=None)
    axis = alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1], title="share declined, with 95% interval")
    y = alt.Y("model:N", sort=names, title=None, axis=alt.Axis(grid=False, ticks=False, domain=False, labelPadding=10))
    chart = alt.Chart(inline(rows)).encode(y=y, color=colour)
    x = alt.X("value:Q", scale=alt.Scale(domain=[0, 1]), axis=axis)
    whisker = chart.mark_rule(strokeWidth=2.5, strokeCap="round", opacity=0.55).encode(
        x=alt.X("low:Q", axis=axis), x2="high:Q"
    )
    dot = chart.mark_point(filled=True, size=110, opacity=1).encode(
        x=x,
        shape=alt.Shape("model:N", scale=alt.Scale(domain=names, range=["circle", "diamond", "square"]), legend=None),
    )
    text = chart.mark_text(align="left", dx=9, fontSize=12, fontWeight=600).encode(x="high:Q", text="label:N")
    order = list(dict.fromkeys(row["kind"] for row in rows))
    header = alt.Header(title=None, labelOrient="top", labelAnchor="start", labelPadding=4)
    layers = alt.layer(whisker, dot, text).properties(width=430, height=84)
    return draw(layers.facet(row=alt.Row("kind:N", sort=order, header=header), spacing=22))


def histogram(rows: Sequence[dict[str, Any]]) -> Markup | None:
    """How sure the labels are: P(chosen better) from 0.5 to 1, by where the pair comes from."""
    counts: dict[tuple[str, int], int] = {}
    for row in rows:
        place = min(int((row["prob_chosen"] - 0.5) * 2 * BINS), BINS - 1)
        key = (COMPARED.get(row["source"], OTHER), place)
        counts[key] = counts.get(key, 0) + 1
    if not counts:
        return None
    width = 0.5 / BINS
    bars = [
        {"source": source, "low": 0.5 + place * width, "high": 0.5 + (place + 1) * width, "pairs": n}
        for (source, place), n in sorted(counts.items())
    ]
    present = [name for name in PAIRS if any(bar["source"] == name for bar in bars)]
    scale = alt.Scale(domain=present, range=[PAIRS[name] for name in present])
    x_axis = alt.Axis(grid=False, format=".1f", tickCount=6)
    x = alt.X("low:Q", bin="binned", scale=alt.Scale(domain=[0.5, 1]), title="P(chosen reply is better)", axis=x_axis)
    y = alt.Y("pairs:Q", stack="zero", title="pairs", axis=alt.Axis(tickCount=4, tickMinStep=1))
    chart = alt.Chart(inline(bars)).mark_bar(stroke="white", strokeWidth=1)
    chart = chart.encode(x=x, x2="high:Q", y=y, color=alt.Color("source:N", scale=scale))
    chart = chart.properties(width=430, height=170)
    return draw(chart)
