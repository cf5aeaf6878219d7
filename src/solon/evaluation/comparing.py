"""What each principle's verdicts say: how sure they are, whether the order turns them, which side they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from solon.evaluation.rates import Rate
from solon.evaluation.shares import share_of
from solon.evaluation.verdicts import UNKNOWN, Bools, Cells, Verdicts, a_wins


@dataclass(frozen=True, slots=True)
class Comparing:
    """The verdicts of one principle, or of all.

    `labels` rest on a readable verdict of it, `share` of all labels with verdicts; `expected` is the
    probability of the draw, None where a label rests on several principles or the constitution draws it for
    no label. `failed` of its `verdicts` were unreadable.

    `confidence` in [0.5, 1] is the mean probability of the response that it prefers, its verdicts on one
    comparison averaged. `flips` is the share of the comparisons judged in both orders in which the two
    verdicts lie strictly on opposite sides of 0.5: a verdict of exactly 0.5 prefers neither and is no flip.
    None where the judge sees no order. `prefers_revision` is the share of draft-and-revision pairs in which
    it takes the revision's side; exactly 0.5 goes to response_a, as in a label.
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
    alone = len(c.label) == int((c.label_n > 0).sum())
    everywhere = np.ones(len(c.label), dtype=bool)
    total = _comparing(v, c, everywhere, np.ones(len(v.label), dtype=bool), None)
    own = {}
    for code, name in enumerate(v.names):
        given = v.principle == code
        if given.any() or name in expected:
            own[name] = _comparing(v, c, c.principle == code, given, expected.get(name) if alone else None)
    return total, own


def _comparing(v: Verdicts, c: Cells, mine: Bools, given: Bools, expected: float | None) -> Comparing:
    prob = c.total[mine] / c.n[mine]
    both = ~np.isnan(c.ab[mine]) & ~np.isnan(c.ba[mine])
    turned = (c.ab[mine][both] - 0.5) * (c.ba[mine][both] - 0.5) < 0
    revised = v.revised_is_a[c.label[mine]]
    sided = revised != UNKNOWN
    revision_wins = a_wins(prob[sided]) == (revised[sided] == 1)
    labels = len(np.unique(c.label[mine]))
    return Comparing(
        labels=labels,
        share=share_of(labels, int((c.label_n > 0).sum())),
        expected=expected,
        verdicts=int(given.sum()),
        failed=int(np.isnan(v.prob_a[given]).sum()),
        confidence=float(np.maximum(prob, 1 - prob).mean()) if len(prob) else None,
        flips=share_of(int(turned.sum()), len(turned)),
        prefers_revision=share_of(int(revision_wins.sum()), len(revision_wins)),
    )
