"""Each reply alone, scored from 1 to 10 (direct RLAIF, Lee et al. 2023, section 3.2): no order to be biased by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from solon.constitution import Principle
from solon.engines import Engine
from solon.feedback.judges.asking import choose, side_by_side
from solon.prompts.compare import SCORES, ask_score
from solon.types import Comparison, Verdict


@dataclass(frozen=True, slots=True)
class ScoreJudge:
    """P(a better) is P(a's score is higher) + half of P(they are equal), over both replies' score distributions.

    The paper's reward is the expected score; the difference of two expectations is no probability, so a
    preference is read off the distributions themselves. `expected` gives the paper's number.
    """

    engine: Engine
    marks: bool = True

    async def verdicts(self, comparison: Comparison, principle: Principle) -> list[Verdict]:
        replies = (comparison.response_a, comparison.response_b)
        found = await side_by_side(self.engine, (self.scores(comparison, principle, reply) for reply in replies))
        judge = self.engine.fingerprint.key
        for scores in found:
            if isinstance(scores, str):
                return [Verdict(principle.id, "", None, judge, scores, ask="score")]
        a, b = (scores for scores in found if not isinstance(scores, str))
        return [Verdict(principle.id, "", higher(a, b), judge, ask="score")]

    async def scores(self, comparison: Comparison, principle: Principle, reply: str) -> tuple[float, ...] | str:
        """The probability of each score from 1 to 10, or the failure."""
        answer = await choose(self.engine, (ask_score(principle, comparison, reply, marks=self.marks),), SCORES)
        return answer if isinstance(answer, str) else distribution(answer.logprobs)


def distribution(logprobs: Sequence[float]) -> tuple[float, ...]:
    """Probabilities of 1 … 10 from the log-probabilities of their texts, in nats.

    "10" begins with "1": where a tokenizer spells it digit by digit, what was given to "1" holds "10" too.
    """
    probs = [math.exp(x) for x in logprobs]
    if probs[9] <= probs[0]:
        probs[0] -= probs[9]
    return tuple(p / sum(probs) for p in probs)


def expected(scores: Sequence[float]) -> float:
    """The expected score, in [1, 10]."""
    return sum(n * p for n, p in enumerate(scores, 1))


def higher(a: Sequence[float], b: Sequence[float]) -> float:
    """P(a draw from `a` exceeds one from `b`), ties counting half; in [0, 1], and 1 - p when swapped."""
    return sum(p * (sum(b[:n]) + b[n] / 2) for n, p in enumerate(a))
