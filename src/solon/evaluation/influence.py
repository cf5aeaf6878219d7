"""Leave one principle out: the labels without its verdicts against the labels with them. No call is made."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from solon.evaluation.rates import Rate
from solon.evaluation.shares import Floats, Z, mean_of, share_of
from solon.evaluation.verdicts import UNKNOWN, Bools, Cells, Ints, Verdicts, a_wins


@dataclass(frozen=True, slots=True)
class Influence:
    """What one principle does to the labels.

    `lost` labels rest on it alone and would be gone without it. `shared` ones rest on others too: leaving its
    verdicts out changes their prob_a by `moved` on average (in [0, 1], signs dropped) and the winner of
    `turned` of them; None where none are shared.

    `shift` is the mean P(revision better) over the draft-and-revision labels, with the principle minus without
    it: above zero, it makes the labels favour revisions. Its 95% interval is normal, with the variance of the
    linearised difference over labels (the delta method), since both means are over nearly the same labels.
    None where it has no verdict on such a label, or no such label would be left.
    """

    lost: int
    shared: int
    moved: float | None
    turned: Rate | None
    shift: Rate | None


def revision_preferred(v: Verdicts, c: Cells) -> Rate | None:
    """The mean P(revision better) over the draft-and-revision labels, with its normal interval."""
    return mean_of(_revision_better(v, c.label_total, c.label_n)[_sided(v, c)])


def influence(v: Verdicts, c: Cells) -> dict[str, Influence]:
    """The influence of each principle that has a readable verdict."""
    return {v.names[code]: _influence(v, c, code) for code in np.unique(c.principle).tolist()}


def _influence(v: Verdicts, c: Cells, code: int) -> Influence:
    mine = c.principle == code
    labels = c.label[mine]
    left_total, left_n = c.label_total.copy(), c.label_n.copy()
    left_total[labels] -= c.total[mine]
    left_n[labels] -= c.n[mine]
    shared = labels[left_n[labels] > 0]
    before, after = c.label_total[shared] / c.label_n[shared], left_total[shared] / left_n[shared]
    turned = a_wins(before) != a_wins(after)
    sided = _sided(v, c)
    shift = None
    if sided[labels].any():
        left = left_n[sided] > 0
        whole = _revision_better(v, c.label_total, c.label_n)[sided]
        shift = _shift(whole, _revision_better(v, left_total, left_n)[sided], left)
    return Influence(
        lost=len(labels) - len(shared),
        shared=len(shared),
        moved=float(np.abs(before - after).mean()) if len(shared) else None,
        turned=share_of(int(turned.sum()), len(turned)),
        shift=shift,
    )


def _sided(v: Verdicts, c: Cells) -> Bools:
    """Which labels compare a draft with a revision, on a readable verdict."""
    return np.asarray((v.revised_is_a != UNKNOWN) & (c.label_n > 0))


def _revision_better(v: Verdicts, total: Floats, n: Ints) -> Floats:
    """P(revision better) of every label; 0 where nothing is left to average."""
    prob_a = np.divide(total, n, out=np.zeros(len(n)), where=n > 0)
    return np.where(n > 0, np.where(v.revised_is_a == 1, prob_a, 1 - prob_a), 0.0)


def _shift(whole: Floats, rest: Floats, left: Bools) -> Rate | None:
    """Mean of `whole` less mean of `rest` over those that are `left`, as a ratio of sums over the same items."""
    n, remaining = len(whole), int(left.sum())
    if n < 2 or remaining == 0:
        return None
    with_it, without = float(whole.mean()), float(rest[left].mean())
    parts = (whole - with_it) - left * (rest - without) * (n / remaining)
    wide = Z * math.sqrt(float((parts**2).sum()) / (n * (n - 1)))
    value = with_it - without
    return Rate(value, value - wide, value + wide, n)
