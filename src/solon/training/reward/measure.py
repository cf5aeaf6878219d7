"""A reward model on held-out labels: is it right, does it mean what it says, and does it go by length?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray
from scipy.special import expit, xlogy

from solon.feedback.qualification.figures import Estimate, Share
from solon.intervals import bootstrapped
from solon.training.reward.data import Pair, checked, negatives
from solon.training.reward.encode import sides
from solon.training.reward.model import RewardModel

Numbers = ndarray[Any, Any]
EDGES = (0.5, 0.6, 0.7, 0.8, 0.9)  # bins of the probability of the reply with the higher reward


@dataclass(frozen=True, slots=True)
class Judged:
    """Pairs as a reward model sees them: (n, 2) rewards, spreads of the heads, and lengths in tokens, a and b."""

    rewards: Numbers
    spreads: Numbers
    lengths: Numbers

    @property
    def gaps(self) -> Numbers:
        """Δ = reward of a less reward of b, (n,)."""
        return np.asarray(self.rewards[:, 0] - self.rewards[:, 1])

    def select(self, rows: Sequence[int]) -> Judged:
        return Judged(self.rewards[rows], self.spreads[rows], self.lengths[rows])

    @classmethod
    def joined(cls, parts: Sequence[Judged]) -> Judged:
        """The pairs of all parts, in order."""
        columns = [(part.rewards, part.spreads, part.lengths) for part in parts]
        return cls(*(np.concatenate(column) for column in zip(*columns, strict=True)))


def measure(model: RewardModel, pairs: Sequence[Pair], seed: int = 0) -> dict[str, Any]:
    """What `model` makes of the labels of `pairs`, as plain data with 95% intervals; nothing of no preference.

    accuracy   share of the labels that prefer an answer whose higher reward is that answer's
    log_loss   nats per pair of σ(Δ) against the soft labels; `label_entropy` is the least there is, ln 2 a coin's
    ece        expected calibration error of σ(Δ) against the soft labels
    length     Spearman's and Pearson's correlation of reward with length in tokens, over all answers
    longer     share of the pairs in which the longer answer has the higher reward, and share in which labels prefer it
    empty      share of the better answers with a higher reward than one that says nothing
    spread     mean standard deviation of the heads
    by         the figures up to `longer` of each group of pairs (`Pair.groups`): by aim, kind of prompt and source

    Pairs count alike whatever their weight. Intervals take pairs as independent, which two pairs of one prompt are not.
    """
    return pooled([(model, pairs)], seed)


def pooled(parts: Sequence[tuple[RewardModel, Sequence[Pair]]], seed: int = 0) -> dict[str, Any]:
    """`measure` of several models over all their pairs together, each of which its own model judges."""
    parts = [(model, list(pairs)) for model, pairs in parts if any(pair.decided for pair in pairs)]
    if not parts:
        return {}
    kept = [(model, checked(pairs, principle=bool(model.reading.principles))) for model, pairs in parts]
    judged = Judged.joined([judge(model, pairs) for model, pairs in kept])
    against_empty = np.concatenate([judge(model, negatives(pairs, 1.0, seed)).gaps for model, pairs in kept])
    pairs = [pair for _, own in kept for pair in own]
    return {
        **_figures(judged, pairs),
        "empty": _share(against_empty > 0),
        "spread": float(judged.spreads.mean()),
        "by": _by_group(judged, pairs),
    }


def _figures(judged: Judged, pairs: Sequence[Pair]) -> dict[str, Any]:
    probs = np.array([pair.prob_a for pair in pairs])
    gaps, sides = judged.gaps, np.sign(probs - 0.5)
    longer = np.sign(judged.lengths[:, 0] - judged.lengths[:, 1])
    return {
        "accuracy": _share((gaps * sides > 0)[sides != 0]),
        "log_loss": Estimate.mean(log_losses(gaps, probs).tolist(), 0.0).model_dump(),
        "label_entropy": float(-(xlogy(probs, probs) + xlogy(1 - probs, 1 - probs)).mean()),
        "ece": ece(gaps, probs).model_dump(),
        "length": correlations(judged.rewards.ravel(), judged.lengths.ravel()),
        "longer": {
            "rewards": _share((gaps * longer > 0)[longer != 0]),
            "labels": _share((sides * longer > 0)[longer * sides != 0]),
        },
    }


def _by_group(judged: Judged, pairs: Sequence[Pair]) -> dict[str, dict[str, Any]]:
    """The figures of each group of pairs, by sort and name; none of a group that prefers nothing."""
    found: dict[str, dict[str, Any]] = {}
    for sort, name in sorted({group for pair in pairs for group in pair.groups}):
        own = [i for i, pair in enumerate(pairs) if (sort, name) in pair.groups]
        if any(pairs[i].decided for i in own):
            found.setdefault(sort, {})[name] = _figures(judged.select(own), [pairs[i] for i in own])
    return found


def judge(model: RewardModel, pairs: Sequence[Pair]) -> Judged:
    """Both answers of every pair, under its principle where the model reads one."""
    asked = [model.variants(pair.turns, reply, pair.principle, ended) for pair in pairs for reply, ended in sides(pair)]
    found = model.opinions(asked)
    replies = [reply for pair in pairs for reply in (pair.response_a, pair.response_b)]
    return Judged(
        np.array([opinion.reward for opinion in found]).reshape(-1, 2),
        np.array([opinion.spread for opinion in found]).reshape(-1, 2),
        np.array([len(model.local.encode_text(reply)) for reply in replies]).reshape(-1, 2),
    )


def log_losses(gaps: Numbers, probs: Numbers) -> Numbers:
    """Soft Bradley-Terry of every pair, in nats, without margin and centring."""
    return np.asarray(probs * np.logaddexp(0, -gaps) + (1 - probs) * np.logaddexp(0, gaps))


def ece(gaps: Numbers, probs: Numbers) -> Estimate:
    """Expected calibration error in [0, 1] (Guo et al. 2017, section 2) of σ(Δ) against soft labels.

    Over five bins of the probability of the answer with the higher reward, so that it does not matter which is
    called a: the mean, over pairs, of how far a bin's mean probability is from its mean label.
    """
    confidence, label = expit(np.abs(gaps)), np.where(gaps >= 0, probs, 1 - probs)
    value = float(_ece(confidence, label))
    low, high = bootstrapped(_ece, confidence.tolist(), label.tolist())
    # Resampling adds noise to every bin: of an error near 0, every resampled one may be larger.
    return Estimate(value=value, low=min(low, value), high=max(high, value), n=len(probs))


def _ece(confidence: Numbers, label: Numbers) -> Numbers:
    place, gap = np.searchsorted(EDGES, confidence, side="right"), confidence - label
    sums = [np.abs(np.where(place == n, gap, 0.0).sum(axis=-1)) for n in range(1, len(EDGES) + 1)]
    return np.asarray(np.sum(sums, axis=0) / confidence.shape[-1])


def correlations(rewards: Numbers, lengths: Numbers) -> dict[str, Any] | None:
    """Both coefficients in [-1, 1], with Fisher's intervals; None of fewer than four answers, or where nothing varies.

    For Spearman's the interval is Bonett and Wright's (2000), whose variance is 1 + r²/2 times Pearson's.
    """
    if len(rewards) < 4 or np.ptp(rewards) == 0 or np.ptp(lengths) == 0:
        return None
    from scipy.stats import pearsonr, spearmanr  # takes most of a second to import: not before it is needed

    ranks, linear = float(spearmanr(rewards, lengths).statistic), float(pearsonr(rewards, lengths).statistic)
    return {
        "spearman": _fisher(ranks, len(rewards), 1 + ranks**2 / 2),
        "pearson": _fisher(linear, len(rewards), 1.0),
    }


def _fisher(r: float, n: int, variance: float) -> dict[str, Any]:
    middle, half = np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12)), 1.96 * (variance / (n - 3)) ** 0.5
    return Estimate(value=r, low=float(np.tanh(middle - half)), high=float(np.tanh(middle + half)), n=n).model_dump()


def _share(right: Numbers) -> dict[str, Any]:
    return Share.among(bool(one) for one in right).model_dump()
