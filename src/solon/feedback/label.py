"""Soft labels: principles drawn per comparison, their verdicts combined (CAI paper, sections 4.1 and 4.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from solon.choosing import Chooser
from solon.constitution import Constitution, Principle, draw
from solon.feedback.calibration import Calibration
from solon.feedback.columns import Cell, cell_of
from solon.feedback.combine import combine
from solon.feedback.judge import Judge
from solon.settings import NO_CLAMP, FeedbackSettings
from solon.types import Comparison, Preference, Unlabelled, Verdict


@dataclass(frozen=True, slots=True)
class Labeller:
    """A judge, the principles it is asked about, and how its verdicts become one label."""

    judge: Judge
    constitution: Constitution
    settings: FeedbackSettings = field(default_factory=FeedbackSettings)
    seed: int = 0
    calibration: Calibration = field(default_factory=Calibration)
    chooser: Chooser | None = None

    async def label(
        self, comparison: Comparison, principles: Sequence[Principle] | None = None
    ) -> Preference | Unlabelled:
        """The labelled comparison, or why there is no label.

        An identical pair is 0.5 without asking. A verdict that failed is never averaged in as a tie: its principle
        is left out, and where half of them or more are, the pair stays unlabelled. `principles` are those to ask
        about (None: those that `chosen` gives).
        """
        if comparison.response_a == comparison.response_b:
            return Preference(comparison, 0.5)
        return self.labelled(comparison, await self.verdicts(comparison, principles))

    async def verdicts(
        self, comparison: Comparison, principles: Sequence[Principle] | None = None
    ) -> tuple[Verdict, ...]:
        """All verdicts on the principles that the comparison is about, asked side by side."""
        drawn = await self.chosen(comparison) if principles is None else principles
        if len(drawn) == 1:
            return tuple(await self.judge.verdicts(comparison, drawn[0]))
        found = await asyncio.gather(*(self.judge.verdicts(comparison, principle) for principle in drawn))
        return tuple(verdict for verdicts in found for verdict in verdicts)

    async def chosen(self, comparison: Comparison) -> Sequence[Principle]:
        """The principles that speak to the conversation, at most as many as are drawn; the drawn ones where there is
        no chooser or it chooses none. Both replies have no part in it."""
        if self.chooser is not None:
            law = self.constitution.drawn_from(comparison.aim, "compare")
            if found := await self.chooser.relevant(law, "compare", comparison.turns):
                count = self.settings.principles
                return found if count == "all" else found[: int(count)]
        return self.drawn(comparison)

    def drawn(self, comparison: Comparison) -> Sequence[Principle]:
        """The principles the label asks about: all of the phase, or some of them, drawn by the comparison's id.

        Of a pair that is about one aim they are of that aim, if the constitution has any: which of two replies is
        the more honest says nothing about a judge that was asked which is the more helpful.
        """
        law = self.constitution.drawn_from(comparison.aim, "compare")
        count = self.settings.principles
        if count == "all":
            return law.for_phase("compare")
        return draw(law, "compare", seed=self.seed, record=comparison.id, step="compare", count=int(count))

    def labelled(self, comparison: Comparison, verdicts: Sequence[Verdict]) -> Preference | Unlabelled:
        """The label that `verdicts` make: calibrated, clamped, combined."""
        verdicts = tuple(verdicts)
        found = self.cells(verdicts)
        if 2 * len(found) <= len({cell_of(verdict) for verdict in verdicts}):
            failures = (verdict.failure for verdict in verdicts if verdict.failure is not None)
            return Unlabelled(comparison, next(failures, "unreadable: no verdict"), verdicts)
        probs = tuple(found.values())
        return Preference(comparison, self.combined(probs), verdicts, probs)

    def cells(self, verdicts: Sequence[Verdict]) -> dict[Cell, float]:
        """P(a better) of each principle and judge, over orders and samples, calibrated and clamped.

        A clamp bounds every verdict before orders and samples are averaged, as the paper does with the probabilities
        of its reasoned samples (CAI, section 4.1). Averaged first, two orders that contradict each other (0.99 and
        0.21) would come out as sure (0.6) as two that agree; each bounded, they are 0.5. The paper shows one order
        only; asking both is Lee et al. 2023. Temperature and isotonic maps, fitted to means, map each verdict where
        a clamp follows, and else the mean. A cell with a failed verdict is left out.
        """
        found: dict[Cell, list[float | None]] = {}
        for verdict in verdicts:
            found.setdefault(cell_of(verdict), []).append(self.calibration.of_verdict(verdict).prob_a)
        return {
            cell: self._cell(cell, [p for p in probs if p is not None])
            for cell, probs in found.items()
            if None not in probs
        }

    def _cell(self, cell: Cell, probs: Sequence[float]) -> float:
        low, high = self.settings.bounds(cell.ask)
        if (low, high) == NO_CLAMP:
            return self.calibration.of_cell(sum(probs) / len(probs))
        return sum(min(max(self.calibration.of_cell(p), low), high) for p in probs) / len(probs)

    def combined(self, probs: Sequence[float]) -> float:
        """The label's P(a better) from those of its cells, of which there is at least one."""
        prob = combine(probs, self.settings.combine)
        return float(prob > 0.5) if self.settings.labels == "hard" and prob != 0.5 else prob
