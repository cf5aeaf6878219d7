"""What a judge's labels of labelled pairs say of it. Pure: labels in, figures out, whatever the order of the pairs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from solon.feedback.columns import cell_of, principle_agreement
from solon.feedback.label import Labeller
from solon.feedback.qualification.debiasing import debiased, self_consistency
from solon.feedback.qualification.figures import Estimate, Share
from solon.feedback.qualification.labelled import Judged, Label, Labelled, judged, rights
from solon.feedback.qualification.measured import Measured
from solon.feedback.qualification.parts import Agreement, Failures, Lengths, Positions
from solon.feedback.qualification.relabelling import cross_validated, relabelled, undistorted
from solon.feedback.qualification.reliability import reliability
from solon.types import Preference


def measure(labeller: Labeller, pairs: Sequence[Labelled], labels: Sequence[Label]) -> Measured:
    """Everything but the attacks: what `labels`, which `labeller` gave to `pairs` without a calibration, say of it."""
    found = judged(pairs, labels)
    bare = undistorted(labeller)
    unseen = cross_validated(bare, found)
    return Measured(
        agreement=agreement(found),
        lengths=lengths(found),
        positions=positions(found),
        principle_agreement=agreement_of_principles(found),
        failures=failures(found),
        calibration=reliability(relabelled(bare, found), unseen, labeller.settings.calibration),
        debiasing=debiased(labeller, found, unseen),
        self_consistency=self_consistency(labeller, found),
    )


def agreement(found: Sequence[Judged]) -> Agreement:
    return Agreement(
        overall=rights(found),
        ties=sum(one.prob_a == 0.5 for one in found),
        by_aim=_by(found, lambda one: one.pair.aim),
        by_difficulty=_by(found, lambda one: one.pair.difficulty),
        by_kind=_by(found, lambda one: one.pair.kind) if any(one.pair.kind for one in found) else {},
    )


def _by(found: Sequence[Judged], name: Callable[[Judged], str]) -> dict[str, Share]:
    return {key: rights(one for one in found if name(one) == key) for key in sorted({name(one) for one in found})}


def lengths(found: Sequence[Judged]) -> Lengths:
    unequal = [one for one in found if one.pair.longer_is_a is not None]
    longer = rights(one for one in unequal if one.pair.longer_is_a == one.pair.better_is_a)
    shorter = rights(one for one in unequal if one.pair.longer_is_a != one.pair.better_is_a)
    return Lengths(
        longer_better=longer,
        shorter_better=shorter,
        balanced=balanced(longer, shorter),
        matched=rights(one for one in found if one.pair.matched),
        prefers_longer=Share.among(one.names_a == one.pair.longer_is_a for one in unequal if one.names_a is not None),
        better_is_longer=Share.among(one.pair.better_is_a == one.pair.longer_is_a for one in unequal),
    )


def balanced(one: Share, other: Share) -> Estimate | None:
    """The mean of two shares, its interval made of theirs (MOVER: Newcombe 1998, method 10); None of nothing."""
    if not one.n or not other.n:
        return None
    value = (one.value + other.value) / 2
    low = value - math.hypot(one.value - one.low, other.value - other.low) / 2
    high = value + math.hypot(one.high - one.value, other.high - other.value) / 2
    return Estimate(value=value, low=low, high=high, n=one.n + other.n)


def positions(found: Sequence[Judged]) -> Positions:
    both = [one.consistent for one in found if one.consistent is not None]
    first = [
        (verdict.prob_a > 0.5) == (verdict.order == "ab")
        for one in found
        for verdict in one.label.verdicts
        if verdict.order and verdict.prob_a is not None and verdict.prob_a != 0.5
    ]
    return Positions(
        consistency=Share.among(both) if both else None, prefers_first=Share.among(first) if first else None
    )


def failures(found: Sequence[Judged]) -> Failures:
    verdicts = [verdict for one in found for verdict in one.label.verdicts]
    kinds = Counter(verdict.failure_kind for verdict in verdicts if verdict.failure_kind is not None)
    return Failures(
        failed=Share.among(one.prob_a is None for one in found),
        kinds=dict(sorted(kinds.items())),
        refused=Share.of(kinds["refused"], len(verdicts)),
        unreadable=Share.of(kinds["unreadable"], len(verdicts)),
    )


def agreement_of_principles(found: Sequence[Judged]) -> Estimate | None:
    """The mean share of a label's principles and judges that side with it; None where each label asks only one."""
    shares = [
        principle_agreement(one.label.parts, one.label.prob_a)
        for one in found
        if isinstance(one.label, Preference) and len({cell_of(verdict) for verdict in one.label.verdicts}) > 1
    ]
    known = [share for share in shares if share is not None]
    return Estimate.mean(known) if known else None
