"""In which orders a pair is shown."""

from __future__ import annotations

from typing import Literal

from solon.types import Comparison, fraction

Orders = Literal["both", "one"]


def orders_of(comparison: Comparison, orders: Orders) -> tuple[str, ...]:
    """Both orders, or one by hash of the pair's id, so that neither side profits from its place on average."""
    if orders == "both":
        return ("ab", "ba")
    return ("ab",) if fraction(["shown first", comparison.id]) < 0.5 else ("ba",)
