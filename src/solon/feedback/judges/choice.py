"""A or B, both orders (CAI paper, section 4.1; both orders after Lee et al. 2023, RLAIF)."""

from __future__ import annotations

from dataclasses import dataclass

from solon.constitution import Principle
from solon.engines import Engine
from solon.feedback.judges.asking import choose, side_by_side, turned
from solon.feedback.orders import Orders, orders_of
from solon.prompts.compare import LETTERS, ask_letter, letter_demonstrations
from solon.types import Comparison, Message, Verdict


@dataclass(frozen=True, slots=True)
class ChoiceJudge:
    """Shows both replies in both orders; the normalised probabilities of the letters are the soft label."""

    engine: Engine
    demonstrations: tuple[Message, ...] = ()
    orders: Orders = "both"
    marks: bool = True

    async def verdicts(self, comparison: Comparison, principle: Principle) -> list[Verdict]:
        orders = orders_of(comparison, self.orders)
        return await side_by_side(self.engine, (self._one(comparison, principle, order) for order in orders))

    async def _one(self, comparison: Comparison, principle: Principle, order: str) -> Verdict:
        own = letter_demonstrations(principle.exemplars.comparison, principle, marks=self.marks)
        question = ask_letter(principle, comparison, order, marks=self.marks)
        answer = await choose(self.engine, (*self.demonstrations, *own, question), LETTERS)
        judge = self.engine.fingerprint.key
        if isinstance(answer, str):
            return Verdict(principle.id, order, None, judge, answer, ask="choice")
        return Verdict(principle.id, order, turned(answer.probs[0], order), judge, ask="choice")
