"""Boilerplate: the run of words that ever more answers share."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

RUN = 6  # words
SURE = 4.0  # standard errors: it is the run that spread most of thousands
_WORD = re.compile(r"\w+(?:['’]\w+)*")


def runs(text: str) -> set[str]:
    """The runs of six words in `text`, in lower case and without punctuation."""
    words = [word[:30] for word in _WORD.findall(text.lower())]
    return {" ".join(words[i : i + RUN]) for i in range(len(words) - RUN + 1)}


@dataclass(frozen=True, slots=True)
class Phrase:
    """A run of words, the share of the newest window's answers that contain it, and of the first window's."""

    words: str
    share: float
    before: float


class Boilerplate:
    """The answers of the first window of `size` steps and of the newest, and the runs in them."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._first: list[list[str]] = []
        self._newest: list[list[str]] = []
        self._before: Counter[str] = Counter()
        self._now: Counter[str] = Counter()

    def add(self, answers: Sequence[str]) -> None:
        """Another step's answers."""
        if len(self._first) < self.size:
            self._first.append(list(answers))
            self._before.update(_counted(answers))
        self._newest.append(list(answers))
        self._now.update(_counted(answers))
        if len(self._newest) > self.size:
            self._now.subtract(_counted(self._newest.pop(0)))
            self._now += Counter()  # drops what is at zero

    def phrase(self) -> Phrase | None:
        """The run in most of the newest answers, among those in more of them than of the first by 4 standard errors."""
        n, n_before = sum(map(len, self._newest)), sum(map(len, self._first))
        # A run that is rarer could not have spread by more than chance even if no answer had it before.
        least = next((count for count in range(1, n + 1) if count / n > _noise(count, n, n_before)), n + 1)
        common = [(-count, words) for words, count in self._now.items() if count >= least]
        for less, words in sorted(common):  # ties by the alphabet: the order of a set changes from process to process
            before = self._before[words]
            if -less / n - before / n_before > _noise(before - less, n, n_before):
                return Phrase(words, -less / n, before / n_before)
        return None

    def state(self) -> dict[str, Any]:
        return {"first": self._first, "newest": self._newest}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._first, self._newest = list(state["first"]), list(state["newest"])
        self._before = Counter(_counted(answer for step in self._first for answer in step))
        self._now = Counter(_counted(answer for step in self._newest for answer in step))


def _noise(count: int, n: int, n_before: int) -> float:
    """How far two shares may be apart by chance when `count` of the answers of both windows contain a run."""
    pooled = count / (n + n_before)
    return SURE * math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / n_before))


def _counted(answers: Iterable[str]) -> Counter[str]:
    """In how many answers each run occurs."""
    return Counter(run for answer in answers for run in runs(answer))
