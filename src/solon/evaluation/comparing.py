"""What each principle's verdicts say: how sure they are, whether the order turns them, which side they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from solon.evaluation.rates import Rate
from solon.evaluation.relabel import Bools
from solon.evaluation.shares import Floats, share_of
from solon.evaluation.verdicts import UNKNOWN, Cells, Verdicts, a_wins


@dataclass(frozen=True, slots=True)
class Comparing:
    """The verdicts of one principle, or of all.

    `labels` rest on it, its verdicts having been read; `share` of all labels that rest on any; `expected` is the
    probability of the draw, None where a label rests on several principles or the constitution draws it for
    no label. `failed` of its `verdicts` were unreadable.

    `confidence` in [0.5, 1] is the mean probability of the response that it prefers, by the label that its own
    verdicts on one comparison make. `flips` is the share of the comparisons asked in both orders, by judge, in which
    the two answers lie strictly on opposite sides of 0.5: an answer of exactly 0.5 prefers neither and is no flip.
    None where the judge sees no order. `prefers_revision` is the share of draft-and-revision pairs in which that
    label takes the revision's side; exactly 0.5 goes to response_a.
    """

    labels: int
    share: Rate | None
    expected: float | None
    verdicts: int
    failed: int
    confidence: float | None
    flips: Rate | None
    prefers_revision: Rate | None


def comparing(v: Verdicts, c: Cells, expected: Mapping[str, float]) -> tuple[Comparing, dict[str, Comparing]]:
    """All verdicts together, and those of each principle that has any or could have some."""
    made = ~np.isnan(c.whole)
    alone = len(np.unique(c.label * len(v.names) + c.principle)) == len(np.unique(c.label)) if len(c.label) else True
    total = _comparing(v, c, np.ones(len(c.label), dtype=bool), c.whole, np.ones(len(v.label), dtype=bool), None)
    own = {}
    for code, name in enumerate(v.names):
        given, mine = v.principle == code, c.principle == code
        if given.any() or name in expected:
            label = np.where(made, c.labels_of(mine, c.label, v.labels), np.nan)
            own[name] = _comparing(v, c, mine, label, given, expected.get(name) if alone else None)
    return total, own


def _comparing(v: Verdicts, c: Cells, mine: Bools, own: Floats, given: Bools, expected: float | None) -> Comparing:
    """`own` are the labels that the cells of `mine` make, NaN where they make none."""
    there = ~np.isnan(own)
    prob, revised = own[there], v.revised_is_a[there]
    both = ~np.isnan(c.ab[mine]) & ~np.isnan(c.ba[mine])
    turned = (c.ab[mine][both] - 0.5) * (c.ba[mine][both] - 0.5) < 0
    sided = revised != UNKNOWN
    revision_wins = a_wins(prob[sided]) == (revised[sided] == 1)
    return Comparing(
        labels=len(prob),
        share=share_of(len(prob), int((~np.isnan(c.whole)).sum())),
        expected=expected,
        verdicts=int(given.sum()),
        failed=int(np.isnan(v.prob_a[given]).sum()),
        confidence=float(np.maximum(prob, 1 - prob).mean()) if len(prob) else None,
        flips=share_of(int(turned.sum()), len(turned)),
        prefers_revision=share_of(int(revision_wins.sum()), len(revision_wins)),
    )
