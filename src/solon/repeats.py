"""Texts that say the same, word for word: whole answers that recur, and answers that are a demonstration's."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any


def normalised(text: str) -> str:
    """`text` as it is compared: compatibility forms (NFKC), case and white space do not count; punctuation does."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@dataclass(frozen=True, slots=True)
class Repeated:
    """The text that recurs most, as it first occurred: `count` of `n` texts are it. Of no texts: "", 0 of 0."""

    text: str
    count: int
    n: int

    @property
    def share(self) -> float:
        return self.count / self.n if self.n else 0.0

    def facts(self) -> dict[str, Any]:
        """As plain data, for a step's facts."""
        return asdict(self)


def most_repeated(texts: Sequence[str]) -> Repeated:
    """The most frequent of `texts`, the first of several; each occurs once at least."""
    first: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for text in texts:
        key = normalised(text)
        first.setdefault(key, text)
        counts[key] += 1
    if not counts:
        return Repeated("", 0, 0)
    key, count = counts.most_common(1)[0]
    return Repeated(first[key], count, len(texts))


def copied(texts: Iterable[str], originals: Iterable[str]) -> list[bool]:
    """For each text whether it is one of `originals`; an empty text is a copy of none."""
    known = {normalised(text) for text in originals} - {""}
    return [normalised(text) in known for text in texts]


def shared(texts: Sequence[str], prompts: Sequence[Hashable]) -> list[bool]:
    """For each answer whether another prompt was given the very same one.

    The same answer to the same prompt is no repeat: a question may have but one right answer.
    """
    keys = [normalised(text) for text in texts]
    asked: dict[str, set[Hashable]] = {}
    for key, prompt in zip(keys, prompts, strict=True):
        asked.setdefault(key, set()).add(prompt)
    return [len(asked[key]) > 1 for key in keys]
