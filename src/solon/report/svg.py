"""Charts become inline SVG. Only numbers and our own labels reach them, so they are the one trusted markup."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import vl_convert
from markupsafe import Markup

INK, FAINT, GRID = "#2a2925", "#6d6a62", "#e7e4dc"
STONE, OCHRE, SEA, WARN = "#918b80", "#c47a1c", "#17607f", "#9a3412"


def draw(chart: Any) -> Markup:
    """Draw a chart. Nothing is fetched: the data is inside and no address is allowed."""
    styled = chart.configure(
        font="system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
        background="transparent",
        view=alt.ViewConfig(stroke=None),
        axis=alt.AxisConfig(
            labelColor=FAINT, titleColor=FAINT, labelFontSize=11, titleFontSize=11, titleFontWeight="normal",
            gridColor=GRID, domainColor=GRID, tickColor=GRID, titlePadding=8,
        ),
        header=alt.HeaderConfig(labelColor=INK, labelFontSize=12.5, labelFontWeight="bold"),
        # Browsers without the fonts that are measured here write wider: the labels need room.
        legend=alt.LegendConfig(
            labelColor=INK, labelFontSize=11.5, title=None, orient="top", symbolSize=90, columnPadding=28
        ),
    )  # fmt: skip
    return Markup(vl_convert.vegalite_to_svg(styled.to_dict(), allowed_base_urls=[]))  # noqa: S704


def inline(rows: Sequence[dict[str, Any]]) -> alt.InlineData:
    return alt.InlineData(values=list(rows))
