"""A step's numbers as the progress line shows them."""

from __future__ import annotations

import math
from collections.abc import Mapping

SHOWN = ("loss", "accuracy", "reward", "kl", "gold", "length")


def progress_line(numbers: Mapping[str, float]) -> str:
    """ "reward 0.412 kl 3.2 gold 0.388 length 41.5 · 1 alarm": those of these numbers that there are."""
    parts = [f"{name} {numbers[name]:.3g}" for name in SHOWN if name in numbers and math.isfinite(numbers[name])]
    rung = int(numbers.get("alarms", 0))
    return " ".join([*parts, f"· {rung} alarm{'s' if rung > 1 else ''}"] if rung else parts)
