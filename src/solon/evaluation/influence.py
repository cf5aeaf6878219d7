"""Leave one principle out: the labels without its verdicts against the labels with them. No call is made."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from solon.evaluation.rates import Rate
from solon.evaluation.relabel import Bools, Ints
from solon.evaluation.shares import Floats, mean_of, share_of
from solon.evaluation.verdicts import UNKNOWN, Cells, Verdicts, a_wins
from solon.intervals import Z


@dataclass(frozen=True, slots=True)
class Influence:
    """What one principle does to the labels: each is what the labeller makes of the verdicts that remain.

    `lost` labels would be gone without it: they rest on it alone, or too few of the others were read. `shared` ones
    would remain: leaving its verdicts out changes their prob_a by `moved` on average (in [0, 1], signs dropped; 0
    where they never used it, a verdict having failed) and the winner of `turned` of them; None where none are shared.

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
    return mean_of(_revision_better(v, c.whole)[_sided(v, c)])


def influence(v: Verdicts, c: Cells) -> dict[str, Influence]:
    """The influence of each principle that was asked about in any label."""
    return {v.names[code]: _influence(v, c, code) for code in np.unique(c.principle).tolist()}


def _influence(v: Verdicts, c: Cells, code: int) -> Influence:
    labels = np.unique(c.label[c.principle == code])
    labels = labels[~np.isnan(c.whole[labels])]
    rest = c.whole.copy()
    rest[labels] = _without(c, code, labels)
    shared = labels[~np.isnan(rest[labels])]
    before, after = c.whole[shared], rest[shared]
    turned = a_wins(before) != a_wins(after)
    sided = _sided(v, c)
    shift = None
    if sided[labels].any():
        shift = _shift(_revision_better(v, c.whole)[sided], _revision_better(v, rest)[sided])
    return Influence(
        lost=len(labels) - len(shared),
        shared=len(shared),
        moved=float(np.abs(before - after).mean()) if len(shared) else None,
        turned=share_of(int(turned.sum()), len(turned)),
        shift=shift,
    )


def _without(c: Cells, code: int, labels: Ints) -> Floats:
    """`labels` made again without the cells of principle `code`; only they are, for the others do not change."""
    number = np.full(len(c.whole), -1)
    number[labels] = np.arange(len(labels))
    by = number[c.label]
    kept = (by >= 0) & (c.principle != code)
    return c.labels_of(kept, np.where(kept, by, 0), len(labels))


def _sided(v: Verdicts, c: Cells) -> Bools:
    """Which labels compare a draft with a revision, on a readable verdict."""
    return np.asarray((v.revised_is_a != UNKNOWN) & ~np.isnan(c.whole))


def _revision_better(v: Verdicts, prob_a: Floats) -> Floats:
    """P(revision better) of every label; NaN where there is none."""
    return np.where(v.revised_is_a == 1, prob_a, 1 - prob_a)


def _shift(whole: Floats, rest: Floats) -> Rate | None:
    """Mean of `whole` less mean of those of `rest` that are left, as a ratio of sums over the same items."""
    left = ~np.isnan(rest)
    n, remaining = len(whole), int(left.sum())
    if n < 2 or remaining == 0:
        return None
    with_it, without = float(whole.mean()), float(rest[left].mean())
    parts = (whole - with_it) - np.where(left, rest - without, 0.0) * (n / remaining)
    wide = Z * math.sqrt(float((parts**2).sum()) / (n * (n - 1)))
    value = with_it - without
    return Rate(value, value - wide, value + wide, n)
