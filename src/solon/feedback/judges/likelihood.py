"""Which reply is likelier from an assistant that follows the principle than from one that breaks it.

For judges too weak to choose a letter (after RLCD, Yang et al. 2023, and DLMA, Liu et al. 2024). The
engine must score whole replies, so servers that only complete chats cannot serve as this judge.
"""

from __future__ import annotations

from dataclasses import dataclass

from solon.constitution import Principle
from solon.engines import Engine
from solon.feedback.judges.asking import choose, side_by_side, sigmoid
from solon.prompts.compare import contrast
from solon.types import Comparison, Message, Verdict


@dataclass(frozen=True, slots=True)
class LikelihoodJudge:
    """P(a better) is the logistic of [log P(a)/P(b) | follows] - [log P(a)/P(b) | breaks], in nats / `scale`.

    `scale` > 0 tempers the sum over tokens, which would otherwise saturate at 0 or 1. A reply that says nothing
    has no likelihood: any other is preferred to it, and two of them are alike.
    """

    engine: Engine
    scale: float = 8.0

    async def verdicts(self, comparison: Comparison, principle: Principle) -> list[Verdict]:
        # A leading space would be part of a reply's likelihood.
        a, b = comparison.response_a.strip(), comparison.response_b.strip()
        judge = self.engine.fingerprint.key
        if not a or not b or a == b:
            return [Verdict(principle.id, "", (1 + bool(a) - bool(b)) / 2, judge, ask="likelihood")]
        # Always in the same order, so that the stored call serves whichever reply is called A.
        choices = (a, b) if a < b else (b, a)
        gaps = await side_by_side(
            self.engine, (self._gap(comparison, stance, choices) for stance in contrast(principle))
        )
        for gap in gaps:
            if isinstance(gap, str):
                return [Verdict(principle.id, "", None, judge, gap, ask="likelihood")]
        follows, breaks = (gap for gap in gaps if not isinstance(gap, str))
        sign = 1 if choices[0] == a else -1
        return [Verdict(principle.id, "", sigmoid(sign * (follows - breaks) / self.scale), judge, ask="likelihood")]

    async def _gap(self, comparison: Comparison, stance: Message, choices: tuple[str, str]) -> float | str:
        """log P(first) - log P(second) for an assistant of this stance, in nats, or the failure."""
        # One system turn only: chat templates refuse a second, and the stance is what matters.
        turns = (turn for turn in comparison.turns if turn.role != "system")
        answer = await choose(self.engine, (stance, *turns), choices)
        return answer if isinstance(answer, str) else answer.logprobs[0] - answer.logprobs[1]
