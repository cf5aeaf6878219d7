"""Yes or No about each reply alone: no order to be biased by."""

from __future__ import annotations

from dataclasses import dataclass

from solon.constitution import Principle
from solon.engines import Engine
from solon.feedback.judges.asking import choose, side_by_side, sigmoid
from solon.prompts.compare import YES_NO, ask_yes_no
from solon.types import Comparison, Verdict


@dataclass(frozen=True, slots=True)
class PointwiseJudge:
    """P(a better) is the logistic of the difference of the two replies' Yes-minus-No logits."""

    engine: Engine
    marks: bool = True

    async def verdicts(self, comparison: Comparison, principle: Principle) -> list[Verdict]:
        replies = (comparison.response_a, comparison.response_b)
        logits = await side_by_side(self.engine, (self._logit(comparison, principle, reply) for reply in replies))
        judge = self.engine.fingerprint.key
        for logit in logits:
            if isinstance(logit, str):
                return [Verdict(principle.id, "", None, judge, logit, ask="pointwise")]
        a, b = (logit for logit in logits if not isinstance(logit, str))
        return [Verdict(principle.id, "", sigmoid(a - b), judge, ask="pointwise")]

    async def _logit(self, comparison: Comparison, principle: Principle, reply: str) -> float | str:
        """log P(Yes) - log P(No), or the failure."""
        question = ask_yes_no(principle, comparison, reply, marks=self.marks)
        answer = await choose(self.engine, (question,), YES_NO)
        return answer if isinstance(answer, str) else answer.logprobs[0] - answer.logprobs[1]
