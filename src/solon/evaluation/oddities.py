"""Principles that stand out from the others by more than chance: what is worth acting on.

Shares are compared with those of all other principles by Fisher's exact test, draws with their probability
by the exact binomial test; each family of tests is corrected over principles (Benjamini and Hochberg 1995) at
a false discovery rate of 5%. With many records the smallest gap is significant, so a gap must matter as well.
The tests treat all items as independent; the verdicts of several principles on one label are not quite.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from solon.evaluation.rates import Rate

LEVEL = 0.05
DRAWS_OFF = 0.1  # of its probability; a share of the draws that is nearer is not worth a line


@dataclass(frozen=True, slots=True)
class Counted:
    """`hits` of `n` for one principle; `expected` is the probability, where the test is against one."""

    principle: str
    hits: int
    n: int
    expected: float = 0.0


@dataclass(frozen=True, slots=True)
class Oddity:
    """One principle that stands out in `what` (drawn, failed, changed, labelled, flips or prefers_revision).

    `share` is its own, `others` that of all others (or the expected share), each in [0, 1] and `n` its items;
    `p` is the corrected p-value. `text` says it in a sentence.
    """

    principle: str
    what: str
    share: float
    others: float
    n: int
    p: float
    text: str


@dataclass(frozen=True, slots=True)
class Family:
    """One question asked of every principle. A share nearer than `gap` to the median principle's is let be."""

    what: str
    text: str  # with {id}, {share} and {others}
    gap: float = 0.1


FAILED = Family("failed", "{id}: {share} of its revisions failed; of the others’ {others}", 0.05)
CHANGED = Family("changed", "{id} changes the text in {share} of its revisions; the others in {others}")
FLIPS = Family("flips", "{id}: the order of the replies turns {share} of its verdicts; of the others’ {others}")
PREFERS = Family("prefers_revision", "{id} prefers the revision in {share} of its comparisons; the others in {others}")
DRAWN = Family(
    "drawn",
    "{id} was drawn for {share} of the critiques, expected {others}: was the constitution edited since?",
)
LABELLED = Family(
    "labelled",
    "{id} has verdicts in {share} of the labels, expected {others}: "
    "did its verdicts fail, or was the constitution edited since?",
)


def counted(principle: str, rate: Rate | None, expected: float = 0.0) -> Counted:
    """A share as counts again."""
    return Counted(principle, round(rate.value * rate.n) if rate else 0, rate.n if rate else 0, expected)


def against_others(family: Family, found: Sequence[Counted]) -> list[Oddity]:
    """Those whose share differs from all others' together, and by the family's gap from the median principle's."""
    found = [c for c in found if c.n]
    if len(found) < 2:
        return []
    hits, n = sum(c.hits for c in found), sum(c.n for c in found)
    middle = median(c.hits / c.n for c in found)

    def p_value(c: Counted) -> float:
        rest = [hits - c.hits, n - c.n - hits + c.hits]
        from scipy.stats import fisher_exact

        return float(fisher_exact([[c.hits, c.n - c.hits], rest]).pvalue)

    def odd(c: Counted) -> bool:
        return abs(c.hits / c.n - middle) >= family.gap

    return _significant(family, found, p_value, odd, lambda c: (hits - c.hits) / (n - c.n))


def against_expected(family: Family, found: Sequence[Counted]) -> list[Oddity]:
    """Those that were drawn more or less often than their probability says."""
    found = [c for c in found if c.n]

    def p_value(c: Counted) -> float:
        from scipy.stats import binomtest

        return float(binomtest(c.hits, c.n, c.expected).pvalue)

    def odd(c: Counted) -> bool:
        return abs(c.hits / c.n - c.expected) >= DRAWS_OFF * c.expected

    return _significant(family, found, p_value, odd, lambda c: c.expected)


def _significant(
    family: Family,
    found: Sequence[Counted],
    p_value: Callable[[Counted], float],
    odd: Callable[[Counted], bool],
    others: Callable[[Counted], float],
) -> list[Oddity]:
    if not found:
        return []
    from scipy.stats import false_discovery_control

    corrected: Any = false_discovery_control([p_value(c) for c in found])
    return [
        _oddity(family, c, others(c), float(p)) for c, p in zip(found, corrected, strict=True) if p < LEVEL and odd(c)
    ]


def _oddity(family: Family, c: Counted, others: float, p: float) -> Oddity:
    text = family.text.format(id=c.principle, share=_percent(c.hits / c.n), others=_percent(others))
    said = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    return Oddity(c.principle, family.what, c.hits / c.n, others, c.n, p, f"{text} (n = {c.n:,}, {said})")


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.1 or not share else f"{share:.1%}"
