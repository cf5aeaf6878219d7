"""A judge that is asked in another way about some aims: it may tell harm by one question and help by another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from solon.constitution import Principle
from solon.feedback.judge import Judge
from solon.types import Comparison, Verdict


@dataclass(frozen=True, slots=True)
class AimedJudge:
    """Asks about a comparison in the way that `about` has for its aim, or else in the usual one."""

    usual: Judge
    about: Mapping[str, Judge]

    async def verdicts(self, comparison: Comparison, principle: Principle) -> list[Verdict]:
        return await self.about.get(comparison.aim, self.usual).verdicts(comparison, principle)
