"""The style check of a set of prompts: every pair of kinds, and what is harmful against all that is not."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations

from solon.promptsets.telling import Told, told_apart
from solon.types import Prompt

HARMLESS = "all harmless"
HARMFUL = "all harmful"


def style_check(kinds: Mapping[str, Sequence[Prompt]], harmful: Collection[str]) -> list[Told]:
    """How well each pair of kinds is told apart by style; with several kinds on a side of harm, also the sides.

    `harmful` names the kinds that are. Raises DataError where a kind has too few prompts.
    """
    found = [told_apart((a, b), kinds[a], kinds[b]) for a, b in combinations(kinds, 2)]
    harm = [kind for kind in kinds if kind in harmful]
    rest = [kind for kind in kinds if kind not in harmful]
    if harm and rest and len(kinds) > 2:
        names = (harm[0] if len(harm) == 1 else HARMFUL, rest[0] if len(rest) == 1 else HARMLESS)
        of_harm, others = ([p for kind in side for p in kinds[kind]] for side in (harm, rest))
        found.append(told_apart(names, of_harm, others))
    return found
