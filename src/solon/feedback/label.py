"""Soft labels: principles drawn per comparison, their verdicts averaged (CAI paper, section 4.1)."""

from __future__ import annotations

from solon.constitution import Constitution, draw
from solon.feedback.judge import Judge
from solon.types import Comparison, Preference, Verdict


async def label(
    judge: Judge, constitution: Constitution, comparison: Comparison, seed: int, principles: int = 1
) -> Preference | Verdict:
    """The labelled comparison, or the failed verdict when the judge could not be read.

    `principles` >= 1 different ones are drawn and asked about; the label is the mean over all verdicts.
    An identical pair is 0.5 without asking. A verdict that failed is never averaged in as a tie; with one
    order failed the label is refused, because what is left would carry the order's bias.
    """
    if comparison.response_a == comparison.response_b:
        return Preference(comparison, 0.5)
    drawn = draw(constitution, "compare", seed=seed, record=comparison.id, step="compare", count=principles)
    verdicts = [verdict for principle in drawn for verdict in await judge.verdicts(comparison, principle)]
    for verdict in verdicts:
        if verdict.prob_a is None:
            return verdict
    probs = [verdict.prob_a for verdict in verdicts if verdict.prob_a is not None]
    return Preference(comparison, sum(probs) / len(probs), tuple(verdicts))
