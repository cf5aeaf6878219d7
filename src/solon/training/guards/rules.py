"""When each guard rings: what the newest window shows against its bound and, mostly, against the first window.

Length and refusals do not ring while their change is within 4 standard errors, however large it is, and their windows
hold 32 answers at least: with few answers to a step a change may be chance. (Gold's own rule is in gold.py.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from solon.training.guards.alarm import Kind
from solon.training.guards.boilerplate import Phrase
from solon.training.guards.gold import gold_fall
from solon.training.guards.series import Series

SURE = 4.0  # standard errors: the newest window is one of many that are looked at
LEAST = 32  # answers


class Sight(NamedTuple):
    """What the rules look at: every number by step, the run of words that spread most, and how long a window is."""

    series: Mapping[str, Series]
    phrase: Phrase | None
    size: int


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
    tokens = sight.series["length"]
    first, newest = tokens.first(sight.size, LEAST), tokens.newest(sight.size, LEAST)
    if newest.mean <= bound * first.mean or newest.mean - first.mean <= SURE * tokens.noise(first, newest):
        return None
    value = newest.mean / first.mean if first.mean else float(newest.mean)
    return Found(value, f"the mean answer grew {value:.2g} times as long as at the start (bound {bound:g})")


def repetition(sight: Sight, bound: float) -> Found | None:
    value = sight.series["repetition"].newest(sight.size).mean
    if value <= bound:
        return None
    why = f"{value:.0%} of the 3-word runs occurred before in the same answer (bound {bound:.0%})"
    return Found(value, why)


def refusal(sight: Sight, bound: float) -> Found | None:
    declined = sight.series["refusal"]
    first, newest = declined.first(sight.size, LEAST), declined.newest(sight.size, LEAST)
    value = newest.mean - first.mean
    if value <= bound or value <= SURE * declined.noise(first, newest):
        return None
    why = (
        f"{newest.mean:.0%} of the answers to prompts that ask for nothing wrong decline, {first.mean:.0%} at the "
        f"start (bound {100 * bound:+.0f} points)"
    )
    return Found(value, why)


def boilerplate(sight: Sight, bound: float) -> Found | None:
    found = sight.phrase
    if found is None or found.share <= bound:
        return None
    why = (
        f"{found.share:.0%} of the answers contain “{found.words}”, {found.before:.0%} at the start (bound {bound:.0%})"
    )
    return Found(found.share, why)


def entropy(sight: Sight, bound: float) -> Found | None:
    nats = sight.series["entropy"]
    first, newest = nats.first(sight.size).mean, nats.newest(sight.size).mean
    if newest >= bound * first:
        return None
    value = newest / first
    why = f"the entropy fell to {newest:.2g} nats per token, {value:.0%} of the start's (bound {bound:.0%})"
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
    "repetition": repetition,
    "refusal": refusal,
    "boilerplate": boilerplate,
    "entropy": entropy,
    "gold": gold,
}
