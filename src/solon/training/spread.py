"""The spread that rewards are divided by."""

from __future__ import annotations

import math
from collections.abc import Sequence

# Below this part of the values' size (of 1, where they are smaller) a spread is rounding, which must not be blown up.
NOISE = 1e-6


def divisor(spread: float, values: Sequence[float]) -> float:
    """`spread` > 0 of `values`, to divide them by; 1 where it is rounding noise, or none."""
    size = max(1.0, *map(abs, values)) if values else 1.0
    return spread if math.isfinite(spread) and spread > NOISE * size else 1.0
