"""What a set of prompts holds, by kind: counts, sides, areas, lengths, moods, repeats and twins."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from solon.data.prompts import PromptSets
from solon.data.repeats import group_names, normalised
from solon.promptsets.mood import mood
from solon.promptsets.style import words
from solon.types import Prompt


@dataclass(frozen=True, slots=True)
class Lengths:
    """Words of a prompt: least, quartiles, median, most."""

    least: float
    low: float
    median: float
    high: float
    most: float

    @classmethod
    def of(cls, counts: Sequence[int]) -> Lengths:
        """Of at least one count."""
        low, median, high = statistics.quantiles(counts, method="inclusive") if len(counts) > 1 else [counts[0]] * 3
        return cls(min(counts), low, median, high, max(counts))


@dataclass(frozen=True, slots=True)
class KindFigures:
    """One kind. `moods` are counts; `near` are prompts that nearly repeat another one, of whatever kind; `twins` have a
    twin of another kind, `alone` say that they are in a pair and have none here."""

    kind: str
    n: int
    train: int
    heldout: int
    areas: dict[str, int]
    words: Lengths
    moods: dict[str, int]
    near: int
    twins: int
    alone: int

    @property
    def questions(self) -> float:
        """The share of questions, in [0, 1]."""
        return self.moods.get("question", 0) / self.n


@dataclass(frozen=True, slots=True)
class Figures:
    """All kinds. `repeated` rows were set aside because they say what an earlier one says, `both` because train and
    held-out would share them, `set_aside` are all of the rows that were. `pairs` counts twins by their two kinds;
    `split_pairs` are pairs with one half on each side of the split, as their rows say."""

    kinds: tuple[KindFigures, ...]
    repeated: int
    both: int
    near_groups: int
    set_aside: int
    pairs: dict[tuple[str, str], int]
    split_pairs: int

    def facts(self) -> dict[str, Any]:
        """As plain data."""
        kinds = [{**asdict(kind), "questions": kind.questions} for kind in self.kinds]
        pairs = [{"kinds": list(two), "pairs": count} for two, count in self.pairs.items()]
        rest = {name: getattr(self, name) for name in ("repeated", "both", "near_groups", "set_aside", "split_pairs")}
        return {"kinds": kinds, **rest, "pairs": pairs}


def figures(sets: PromptSets) -> Figures:
    """What the sets hold."""
    prompts = [p for of_kind in sets.prompts.values() for p in of_kind]
    pairs: dict[str, list[Prompt]] = {}
    for prompt in prompts:
        if prompt.pair:
            pairs.setdefault(prompt.pair, []).append(prompt)
    near = _near(prompts)
    kinds = tuple(_of_kind(kind, of_kind, near, pairs) for kind, of_kind in sets.prompts.items())
    counted = Counter(two for members in pairs.values() for two in combinations(_kinds(members, sets.prompts), 2))
    crossing = sum(len({p.split for p in members}) > 1 for members in pairs.values())
    found = sets.repeats
    return Figures(kinds, found.repeated, found.both, found.groups, len(sets.bad), dict(counted), crossing)


def _kinds(members: Sequence[Prompt], order: Mapping[str, object]) -> list[str]:
    """The kinds of a pair, each once, in the order of the sets."""
    held = {p.kind for p in members}
    return [kind for kind in order if kind in held]


def _near(prompts: Sequence[Prompt]) -> set[str]:
    """The normalised texts that nearly repeat another one."""
    names = group_names(sorted({normalised(p.text) for p in prompts}))
    sizes = Counter(names.values())
    return {text for text, name in names.items() if sizes[name] > 1}


def _of_kind(
    kind: str, prompts: Sequence[Prompt], near: set[str], pairs: Mapping[str, Sequence[Prompt]]
) -> KindFigures:
    paired = [p for p in prompts if p.pair]
    twins = sum(any(other.kind != kind for other in pairs[p.pair]) for p in paired)
    return KindFigures(
        kind,
        len(prompts),
        sum(p.split == "train" for p in prompts),
        sum(p.split == "heldout" for p in prompts),
        dict(Counter(p.area for p in prompts).most_common()),
        Lengths.of([words(p.text) for p in prompts]),
        dict(Counter(mood(p.text) for p in prompts)),
        sum(normalised(p.text) in near for p in prompts),
        twins,
        sum(len(pairs[p.pair]) == 1 for p in paired),
    )
