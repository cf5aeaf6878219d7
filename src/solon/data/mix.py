"""The limits of the SFT mix: how often a text may recur, and how much of the mix a kind or refusals may be.

A model that learns mostly refusals learns to refuse: a few in a hundred are enough to teach what to decline
(Safety-Tuned LLaMAs, Bianchi et al. 2024, section 4), and one text that recurs is learnt as the answer to everything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from solon.data.sft import at_most, said_in
from solon.repeats import normalised
from solon.types import fraction

Row = dict[str, Any]
MANY_REFUSALS = 0.25  # of the rows that answer; above it a run is warned


@dataclass(frozen=True, slots=True)
class Limits:
    """`repeats` rows at most have one text; `shares` of the mix by kind and `refusals` of it at most, in (0, 1)."""

    repeats: int | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    refusals: float | None = None


@dataclass(frozen=True, slots=True)
class Mixed:
    """The rows that are learnt from, in their order, and how many were left out by which limit."""

    rows: list[Row]
    left_out: dict[str, int]


def mixed(rows: Sequence[Row], limits: Limits, kinds: Mapping[str, str], declines: Callable[[str], bool]) -> Mixed:
    """`rows` within their limits; `kinds` has the kind of each prompt by its id. Who goes, the prompts' hashes say."""
    kept, left_out = list(rows), dict[str, int]()
    steps: list[tuple[str, Callable[[list[Row]], list[Row]]]] = []
    if (most := limits.repeats) is not None:
        steps.append(("repeats", lambda found: _unrepeated(found, most)))
    for kind, share in limits.shares.items():
        steps.append((f"shares.{kind}", _share_of(share, _of_kind(kinds, kind))))
    if limits.refusals is not None:
        steps.append(("refusals", _share_of(limits.refusals, lambda one: declines(said_in([one])[0]))))
    for name, limit in steps:
        fewer = limit(kept)
        left_out[name], kept = len(kept) - len(fewer), fewer
    return Mixed(kept, left_out)


def _of_kind(kinds: Mapping[str, str], kind: str) -> Callable[[Row], bool]:
    return lambda one: kinds.get(one["prompt_id"]) == kind


def _share_of(share: float, counts: Callable[[Row], bool]) -> Callable[[list[Row]], list[Row]]:
    """Leaves out rows that `counts` until they are `share` of the mix at most."""

    def limit(rows: list[Row]) -> list[Row]:
        some = [one for one in rows if counts(one)]
        kept = {id(one) for one in at_most(some, share, len(rows) - len(some))}
        chosen = {id(one) for one in some}
        return [one for one in rows if id(one) not in chosen or id(one) in kept]

    return limit


def _unrepeated(rows: list[Row], most: int) -> list[Row]:
    """At most so many rows of each text."""
    texts = [normalised(text) for text in said_in(rows)]
    counts: Counter[str] = Counter()
    kept: set[int] = set()
    for n in sorted(range(len(rows)), key=lambda n: (fraction(rows[n]["prompt_id"]), n)):
        counts[texts[n]] += 1
        if counts[texts[n]] <= most:
            kept.add(n)
    return [one for n, one in enumerate(rows) if n in kept]
