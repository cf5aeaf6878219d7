"""The terms that ask nobody: reward model, length and repetition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from solon.types import Turns

# Names of values that count failures: logged with the others, but no reward.
FAILED = frozenset({"judge_failed", "principles_failed"})
GRAM = 3  # words


class Term(Protocol):
    """One or several named values for each answer, in the order of the answers; `ended` is as in `Reward`."""

    def __call__(
        self, prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool], /
    ) -> dict[str, list[float]]: ...


class Scorer(Protocol):
    """A reward model: one number for each answer, higher being better. `ended` is as in `Reward`; None: all ended."""

    def score(
        self, prompts: Sequence[Turns], responses: Sequence[str], *, ended: Sequence[bool] | None = None
    ) -> list[float]: ...


@dataclass(frozen=True, slots=True)
class RewardModelTerm:
    """What a reward model gives, in nats; `aim` is what its pairs were about, where there is one for each aim."""

    model: Scorer
    aim: str | None = None

    @property
    def name(self) -> str:
        return f"reward_model:{self.aim}" if self.aim else "reward_model"

    def __call__(
        self, prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool] = ()
    ) -> dict[str, list[float]]:
        return {self.name: [float(value) for value in self.model.score(prompts, answers, ended=ended or None)]}


@dataclass(frozen=True, slots=True)
class LengthTerm:
    """Tokens beyond `free`, in hundreds, >= 0. `encode` gives the token ids of plain text."""

    encode: Callable[[str], Sequence[int]]
    free: int = 0

    def __call__(
        self, prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool] = ()
    ) -> dict[str, list[float]]:
        return {"length": [max(0, len(self.encode(answer)) - self.free) / 100 for answer in answers]}


def repetition_term(
    prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool] = ()
) -> dict[str, list[float]]:
    """The share of repeated 3-grams in each answer, in [0, 1)."""
    return {"repetition": [repetition(answer) for answer in answers]}


def repetition(text: str) -> float:
    """The share of word 3-grams that occurred before in `text`, whatever their case; 0 for fewer than three words."""
    words = text.lower().split()
    grams = [tuple(words[i : i + GRAM]) for i in range(len(words) - GRAM + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0
