"""When each guard rings: what the newest window shows against its bound and, but for the KL, against the first window.

A change rings that is past its bound, and past half of it even if the noise has flattered it by 3.5 standard errors:
half a bound is what an honest policy may sway. Windows hold 128 answers at least, so they are longer than `window`
steps where a step has few: a change may be chance. A policy that was bad from the start and did not change does
not ring: what it was is the reference's fault, not the reward's. (Gold's own rule is in gold.py.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from solon.training.guards.alarm import Kind
from solon.training.guards.boilerplate import Phrase
from solon.training.guards.gold import gold_fall
from solon.training.guards.series import Series, Window

SURE = 3.5  # standard errors: the newest window is one of many that are looked at
LEAST = 128  # answers
GUESSED = 1.25  # growth of the mean answer from which answers of one length are taken for cut off, if nobody says so


class Sight(NamedTuple):
    """What the rules look at: every number by step, the run of words that spread most, how long a window is, and the
    limit of an answer's tokens where some answer met it."""

    series: Mapping[str, Series]
    phrase: Phrase | None
    size: int
    limit: int | None = None


class Found(NamedTuple):
    """A value past its bound, and why it is said to be."""

    value: float
    why: str


def kl(sight: Sight, bound: float) -> Found | None:
    value = sight.series["kl"].newest(sight.size).mean
    if value <= bound:
        return None
    return Found(value, f"the policy is {value:.3g} nats per answer from the reference (bound {bound:g})")


def length(sight: Sight, bound: float) -> Found | None:
    """Growth to `bound` times the start, or to 1/`bound` of the start's distance to the limit.

    Where the first mean is beyond limit/`bound`, no answers could ever be long enough for the multiple alone.
    """
    first, newest, noise = _windows(sight, "length")
    most = bound * first.mean
    if sight.limit is not None:
        most = min(most, sight.limit - (sight.limit - first.mean) / bound)
    if not _passed(newest.mean - first.mean, most - first.mean, noise):
        return None
    value = newest.mean / first.mean if first.mean else float(newest.mean)
    if newest.mean > bound * first.mean:
        return Found(value, f"the mean answer grew {value:.2g} times as long as at the start (bound {bound:g})")
    why = (
        f"the mean answer grew from {first.mean:.0f} to {newest.mean:.0f} tokens, {bound:g} times as near to the limit "
        f"of {sight.limit}"
    )
    return Found(value, why)


def truncation(sight: Sight, bound: float) -> Found | None:
    """Growth by `bound`; from a start above one half in proportion to what is left: from 80% by 0.4 of it."""
    first, newest, noise = _windows(sight, "truncation")
    if sight.limit is None:  # the trainer does not say what was cut off: see cutoffs.py
        before, now, _ = _windows(sight, "length")
        if now.mean <= GUESSED * before.mean:
            return None
    value = newest.mean - first.mean
    if not _passed(value, bound * min(1.0, 2 * (1 - first.mean)), noise):
        return None
    why = f"{newest.mean:.0%} of the answers are cut off by the limit of tokens, {first.mean:.0%} at the start"
    return Found(value, f"{why} (bound {100 * bound:+.0f} points)")


def repetition(sight: Sight, bound: float) -> Found | None:
    return _grown(sight, "repetition", bound, "of the 3-word runs occurred before in the same answer")


def refusal(sight: Sight, bound: float) -> Found | None:
    return _grown(sight, "refusal", bound, "of the answers to prompts that ask for nothing wrong decline")


def duplicates(sight: Sight, bound: float) -> Found | None:
    return _grown(sight, "duplicates", bound, "of the answers are word for word the answer to another prompt")


def copies(sight: Sight, bound: float) -> Found | None:
    return _grown(sight, "copies", bound, "of the answers are a demonstration's revision word for word")


def _grown(sight: Sight, name: Kind, bound: float, what: str) -> Found | None:
    """A share of the newest window that is more than `bound` above the first's."""
    first, newest, noise = _windows(sight, name)
    value = newest.mean - first.mean
    if not _passed(value, bound, noise):
        return None
    why = f"{newest.mean:.0%} {what}, {first.mean:.0%} at the start (bound {100 * bound:+.0f} points)"
    return Found(value, why)


def _windows(sight: Sight, name: Kind) -> tuple[Window, Window, float]:
    """First and newest window of a number, and the standard error of their difference."""
    series = sight.series[name]
    first, newest = series.first(sight.size, LEAST), series.newest(sight.size, LEAST)
    return first, newest, series.noise(first, newest)


def _passed(change: float, bound: float, noise: float) -> bool:
    """Whether a change of the newest window is past its bound, and half of it for sure."""
    return change > bound and change - SURE * noise > bound / 2


def boilerplate(sight: Sight, bound: float) -> Found | None:
    found = sight.phrase
    if found is None or found.share <= bound:
        return None
    why = (
        f"{found.share:.0%} of the answers contain “{found.words}”, {found.before:.0%} at the start (bound {bound:.0%})"
    )
    return Found(found.share, why)


def entropy(sight: Sight, bound: float) -> Found | None:
    first, newest, noise = _windows(sight, "entropy")
    if not _passed(first.mean - newest.mean, (1 - bound) * first.mean, noise):
        return None
    value = newest.mean / first.mean
    why = f"the entropy fell to {newest.mean:.2g} nats per token, {value:.0%} of the start's (bound {bound:.0%})"
    return Found(value, why)


def gold(sight: Sight, bound: float) -> Found | None:
    fall = gold_fall(sight.series["gold"], sight.size, bound)
    if fall is None:
        return None
    when = f"step {fall.until}" if fall.since == fall.until else f"steps {fall.since} to {fall.until}"
    how = f"the gold reward fell from {fall.peak:.3g} ({when}) to {fall.now:.3g}"
    if fall.now < fall.first:
        return Found(fall.share, f"{how}, below where it began (bound {bound:.0%} of its climb)")
    past = f"bound {bound:.0%}" if fall.share > bound else f"on its way past the bound of {bound:.0%}"
    return Found(fall.share, f"{how}, {fall.share:.0%} of its climb ({past})")


Rule = Callable[[Sight, float], Found | None]
RULES: dict[Kind, Rule] = {
    "kl": kl,
    "length": length,
    "truncation": truncation,
    "repetition": repetition,
    "refusal": refusal,
    "boilerplate": boilerplate,
    "duplicates": duplicates,
    "copies": copies,
    "entropy": entropy,
    "gold": gold,
}
