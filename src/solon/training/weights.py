"""How much rows of preferences count beside each other in a loss."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from solon.errors import DataError


def weight_of(row: Mapping[str, Any], named: str) -> float:
    """The column `weight` of a row, in (0, inf); 1 where there is none, as in older files.

    Raises DataError, which says what the row is `named`, for what is no number above 0.
    """
    weight = row.get("weight")
    if weight is None:
        return 1.0
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < math.inf:
        raise DataError(f"{named}: weight is {weight!r}; give a number above 0, such as 0.5, or leave the row out")
    return float(weight)


def of_mean_one(weights: Sequence[float]) -> list[float]:
    """Only ratios matter: scaled to a mean of 1, so that the learning rate means what it does without weights."""
    mean = math.fsum(weights) / len(weights) if weights else 1.0
    return [weight / mean for weight in weights]
