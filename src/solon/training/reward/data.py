"""Labelled pairs: checked, drawn again for every head, and joined by pairs that an empty answer loses."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from solon.errors import DataError
from solon.feedback.attacks import load_attacks
from solon.types import Message, digest, fraction, user

GROUPS = ("aim", "kind", "source")  # columns by which held-out pairs are measured apart
SURE = 0.98  # P(the real answer is better) against an empty one: an empty answer is right now and then
# P(Poisson(1) <= k) of k = 0, 1, …
_POISSON = list(accumulate(math.exp(-1) / math.factorial(k) for k in range(12)))


@dataclass(frozen=True, slots=True)
class Pair:
    """A labelled pair: `prob_a` = P(response_a better), in [0, 1], as an answer to `turns`, whose last is the user's.

    `principle` is the text of the principle that the label is about, `id` names the pair in messages. `ended_a` and
    `ended_b` are false for an answer that its token limit cut off: it is read without an end of turn.

    `weight`, in (0, inf), says how much the pair counts beside others; only ratios matter. `groups` are what it is
    measured by besides all pairs, a name of each sort: (("aim", "harmless"), ("source", "policy")).
    """

    turns: tuple[Message, ...]
    response_a: str
    response_b: str
    prob_a: float
    principle: str = ""
    id: str = ""
    ended_a: bool = True
    ended_b: bool = True
    weight: float = 1.0
    groups: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, prompt: str, response_a: str, response_b: str, prob_a: float, principle: str = "") -> Pair:
        """A pair of answers to one user turn."""
        return cls((user(prompt),), response_a, response_b, prob_a, principle)

    @property
    def decided(self) -> bool:
        """Whether the label prefers one of two different answers."""
        return self.response_a != self.response_b and self.prob_a != 0.5

    @property
    def better(self) -> str:
        return self.response_a if self.prob_a >= 0.5 else self.response_b

    @property
    def better_ended(self) -> bool:
        return self.ended_a if self.prob_a >= 0.5 else self.ended_b

    @property
    def key(self) -> str:
        """Names the pair by its texts, whichever answer is called a."""
        turns = [turn.as_dict() for turn in self.turns]
        return digest([turns, sorted((self.response_a, self.response_b)), self.principle])


def checked(pairs: Sequence[Pair], *, principle: bool = False) -> list[Pair]:
    """The pairs of two different answers.

    Raises DataError for a label that is no probability, a weight that is not above 0, a missing principle where one is
    needed, and where no pair prefers an answer.
    """
    for number, pair in enumerate(pairs, 1):
        named = f"reward_model: pair {number}{f' ({pair.id})' if pair.id else ''}"
        if not 0 <= pair.prob_a <= 1:
            raise DataError(f"{named}: prob_a is {pair.prob_a}; a label is a probability in [0, 1]")
        if not (pair.weight > 0 and math.isfinite(pair.weight)):
            raise DataError(f"{named}: weight is {pair.weight}; give one above 0, such as 0.5, or leave the row out")
        if principle and not pair.principle and pair.response_a != pair.response_b:
            raise DataError(f"{named}: names no principle; give it one or set reward_model.principle=false")
    if not any(pair.decided for pair in pairs):
        raise DataError(f"reward_model: {len(pairs)} pairs hold no preference; label more pairs or check the judge")
    return [pair for pair in pairs if pair.response_a != pair.response_b]


def negatives(pairs: Sequence[Pair], share: float, seed: int) -> list[Pair]:
    """Pairs in which the better answer of a pair beats one that says nothing: `share` of `pairs`, drawn by hash.

    The empty answers are the master keys that judges are tried with. Only better answers beat them: that any
    answer beats none is just what a harmless model must not learn. Answers as empty as those are left out.
    """
    empty = {key.strip() for key in load_attacks().master_keys}
    full = [pair for pair in pairs if pair.better.strip() not in empty]
    drawn = sorted(full, key=lambda pair: fraction(["negative", seed, pair.key]))[: round(share * len(pairs))]
    return [_against_empty(pair, seed) for pair in drawn]


def grouped(row: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What a labelled row is measured by: its columns aim, kind (of its prompt) and source, where they say anything."""
    return tuple((name, row[name]) for name in GROUPS if isinstance(row.get(name), str) and row[name])


def _against_empty(pair: Pair, seed: int) -> Pair:
    better, ended = pair.better, pair.better_ended
    return replace(pair, response_a=better, ended_a=ended, response_b=_empty(pair, seed), ended_b=True, prob_a=SURE)


def _empty(pair: Pair, seed: int) -> str:
    keys = load_attacks().master_keys
    return keys[int(fraction(["key", seed, pair.key]) * len(keys))]


def bootstrap(pair: Pair, heads: int, seed: int) -> list[float]:
    """How often each head's bootstrap holds the pair: Poisson(1), by hash of the pair (Oza and Russell 2001).

    A single head learns from every pair once.
    """
    if heads == 1:
        return [1.0]
    key = pair.key
    return [float(bisect_right(_POISSON, fraction(["bootstrap", seed, head, key]))) for head in range(heads)]
