"""What is measured of a judge, part by part.

"Right" is said of a label that names the reply that the labelled pair calls the better one. A label of exactly 0.5
names neither and a comparison without a label has none: both are wrong.
"""

from __future__ import annotations

from pydantic import AliasChoices, Field

from solon.feedback.calibration import Calibration
from solon.feedback.qualification.figures import Estimate, Part, Share


class Agreement(Part):
    """The share of all pairs whose label is right, `ties` of the wrong ones being labels of exactly 0.5.

    `by_kind` tells an answer beside a refusal from other pairs about the same aim; older cards do not.
    """

    overall: Share
    ties: int
    by_aim: dict[str, Share]
    by_difficulty: dict[str, Share]
    by_kind: dict[str, Share] = Field(default={})


class Lengths(Part):
    """Whether the judge goes by length, in characters.

    longer_better, shorter_better  share right where the longer, or the shorter reply is the better one
    balanced        the mean of these two: a judge that only goes by length has 0.5; None where either has no pair
    matched         share right of the pairs whose lengths differ by at most a fifth of the longer
    prefers_longer  of the labels that name a reply, lengths being different, how many name the longer
    better_is_longer  of all pairs of different lengths, how many have the longer reply as the better one
    """

    longer_better: Share
    shorter_better: Share
    balanced: Estimate | None
    matched: Share
    prefers_longer: Share
    better_is_longer: Share = Field(validation_alias=AliasChoices("better_is_longer", "people_prefer_longer"))


class Positions(Part):
    """Whether the judge goes by place; both None where it sees no order, consistency also where it saw only one.

    consistency    share of the pairs shown in both orders whose two answers, each averaged over principles, judges
                   and samples, name the same reply; an answer of exactly 0.5 names none
    prefers_first  share of the verdicts that name a reply which name the one shown first; 0.5 is no bias
    """

    consistency: Share | None
    prefers_first: Share | None


class Failures(Part):
    """What could not be had: `failed` is the share of pairs without a label.

    `kinds` counts failed verdicts by kind (`solon.types.FAILURES`); `refused` and `unreadable` are the shares of all
    verdicts that failed so.
    """

    failed: Share
    kinds: dict[str, int]
    refused: Share
    unreadable: Share


class Bin(Part):
    """The labels whose probability of the reply they name is in [low, high): its mean, and how many are right.

    The last bin holds 1 as well. Labels of exactly 0.5 are in none.
    """

    low: float
    high: float
    mean_prob: float
    right: Share


class Fitted(Part):
    """A calibration fitted on all labels, and how good such a fit is on pairs it has not seen.

    Cross-validated: each fifth of the pairs, chosen by hash of the prompt, is mapped by a fit on the other four. The
    fit is what a run uses; ECE, Brier score and bins are those of the fifths together.
    """

    calibration: Calibration
    held_out_ece: Estimate
    held_out_brier: Estimate
    held_out_bins: list[Bin]


class Reliability(Part):
    """Whether the probabilities mean what they say, before any is clamped or made hard, of all labelled pairs.

    ece     expected calibration error: mean gap between probability and share right, by bin (Guo et al. 2017)
    brier   mean squared difference of P(a better) from 1 or 0
    fitted  by method: temperature, platt, isotonic; empty where there is too little to fit on
    chosen  the method of the settings; "none" changes no probability
    """

    ece: Estimate
    brier: Estimate
    bins: list[Bin]
    fitted: dict[str, Fitted]
    chosen: str


class Debiased(Part):
    """The share right of what the same verdicts say in another way, without a new call.

    `coverage` is the share of all pairs that this way is about, and `agreement` counts those only.
    """

    name: str
    agreement: Share
    coverage: Share
    note: str = ""


class Sampled(Part):
    """The share right when only the first `samples` reasonings of each question are averaged."""

    samples: int
    agreement: Share


class Attacked(Part):
    """What attacks did to labels that were right without them.

    total      share that are right no longer, and `by_family` of attack; the label may have become a tie or failed
    preferred  share in which the label names the reply that carries the attack
    failed     share without a label
    """

    total: Share
    by_family: dict[str, Share]
    preferred: Share
    failed: Share
