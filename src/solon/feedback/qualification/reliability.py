"""Whether a probability of 0.8 is right eight times in ten: ECE, Brier score, and what a fitted map makes of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from solon.feedback.calibration import Calibration
from solon.feedback.qualification.figures import Estimate, Share
from solon.feedback.qualification.fitting import Fitting, fit
from solon.feedback.qualification.labelled import Judged
from solon.feedback.qualification.parts import Bin, Fitted, Reliability
from solon.intervals import bootstrapped

if TYPE_CHECKING:
    from numpy import ndarray

EDGES = (0.5, 0.6, 0.7, 0.8, 0.9)


def reliability(
    labels: Sequence[Judged], unseen: Mapping[Fitting, Sequence[Judged]], chosen: str
) -> Reliability | None:
    """Of labels by an `undistorted` labeller and those that each map gave to pairs it had not seen; None of none."""
    read = [one for one in labels if one.prob_a is not None]
    if not read:
        return None
    return Reliability(
        ece=ece(read),
        brier=brier(read),
        bins=bins(read),
        fitted={method: _fitted(fit(method, labels), mapped) for method, mapped in unseen.items()},
        chosen=chosen,
    )


def _fitted(calibration: Calibration, unseen: Sequence[Judged]) -> Fitted:
    read = [one for one in unseen if one.prob_a is not None]
    return Fitted(calibration=calibration, held_out_ece=ece(read), held_out_brier=brier(read), held_out_bins=bins(read))


def ece(labels: Sequence[Judged]) -> Estimate:
    """Expected calibration error of at least one label, in [0, 1] (Guo et al. 2017, section 2).

    Over five bins of the probability of the reply that the label names: ten bins of P(a better), folded, so that it
    does not matter which reply is called A. A label of 0.5 is half right.
    """
    rows = sorted(_named(one) for one in labels)
    confidence, right = [c for c, _ in rows], [r for _, r in rows]
    low, high = bootstrapped(_ece, confidence, right)
    value = sum(abs(one.right.n * one.mean_prob - one.right.hits) for one in bins(labels)) / len(labels)
    # Resampling adds noise to every bin: of an error near 0, every resampled one may be larger.
    return Estimate(value=value, low=min(low, value), high=max(high, value), n=len(rows))


def _ece(confidence: ndarray[Any, Any], right: ndarray[Any, Any]) -> ndarray[Any, Any]:
    import numpy as np

    place, gap = np.searchsorted(EDGES, confidence, side="right"), confidence - right
    sums = [np.abs(np.where(place == n, gap, 0.0).sum(axis=-1)) for n in range(1, len(EDGES) + 1)]
    return np.asarray(np.sum(sums, axis=0) / confidence.shape[-1])


def brier(labels: Sequence[Judged]) -> Estimate:
    """Mean squared difference of P(a better) from 1 or 0, in [0, 1]; 0.25 is what 0.5 everywhere has."""
    return Estimate.mean([(c - r) ** 2 if c != 0.5 else 0.25 for c, r in (_named(one) for one in labels)], 0.0)


def bins(labels: Sequence[Judged]) -> list[Bin]:
    """The bins that hold any label, those of exactly 0.5 left out."""
    rows = sorted(row for row in (_named(one) for one in labels) if row[0] != 0.5)
    held: dict[int, list[tuple[float, float]]] = {}
    for row in rows:
        held.setdefault(bisect_right(EDGES, row[0]) - 1, []).append(row)
    return [
        Bin(
            low=EDGES[n],
            high=(*EDGES, 1.0)[n + 1],
            mean_prob=sum(c for c, _ in inside) / len(inside),
            right=Share.among(r == 1.0 for _, r in inside),
        )
        for n, inside in sorted(held.items())
    ]


def _named(one: Judged) -> tuple[float, float]:
    """The probability of the reply that the label names, in [0.5, 1], and 1 if it is right; a half if it names none."""
    prob = 0.5 if one.prob_a is None else one.prob_a
    return max(prob, 1 - prob), 0.5 if one.names_a is None else float(one.right)
