"""The judge protocol: one comparison and one principle in, verdicts out."""

from __future__ import annotations

from typing import Protocol

from solon.constitution import Principle
from solon.types import Comparison, Verdict


class Judge(Protocol):
    """Compares two responses under one principle.

    Returns one verdict per call made (both orders give two). `prob_a` is P(response_a better) in [0, 1]
    whatever order was shown; a verdict that could not be read has `prob_a` None and says why.
    """

    async def verdicts(self, comparison: Comparison, principle: Principle) -> list[Verdict]: ...
