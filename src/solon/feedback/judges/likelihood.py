"""Which reply is likelier from an assistant that follows the principle than from one that breaks it.

For judges too weak to choose a letter (after RLCD, Yang et al. 2023, and DLMA, Liu et al. 2024). The
engine must score whole replies, so servers that only complete chats cannot serve as this judge.
"""

from __future__ import annotations

from dataclasses import dataclass

from solon.constitution import Principle
from solon.engines import Engine
from solon.feedback.judges.pointwise import sigmoid
from solon.prompts.compare import contrast
from solon.types import ChooseRequest, Comparison, Verdict, user


@dataclass(frozen=True, slots=True)
class LikelihoodJudge:
    """P(a better) is the logistic of [log P(a)/P(b) | follows] - [log P(a)/P(b) | breaks], in nats / `scale`.

    `scale` > 0 tempers the sum over tokens, which would otherwise saturate at 0 or 1.
    """

    engine: Engine
    scale: float = 8.0

    async def verdicts(self, comparison: Comparison, principle: Principle) -> list[Verdict]:
        judge = self.engine.fingerprint.key
        # A reply without a token has no likelihood; a leading space would be part of it.
        a, b = comparison.response_a.strip(), comparison.response_b.strip()
        # Always in the same order, so that the stored call serves whichever reply is called A.
        choices = tuple(sorted((a, b)))
        sign = 1 if choices[0] == a else -1
        gaps: list[float] = []
        for stance in contrast(principle):
            answer = await self.engine.choose(ChooseRequest((stance, user(comparison.prompt)), choices))
            if answer.unreadable is not None:
                return [Verdict(principle.id, "", None, judge, f"unreadable: {answer.unreadable}")]
            gaps.append(sign * (answer.logprobs[0] - answer.logprobs[1]))
        return [Verdict(principle.id, "", sigmoid((gaps[0] - gaps[1]) / self.scale), judge)]
