"""Which labelled pairs meet which attack. Chosen by hash: the same pairs always give the same trials."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from solon.feedback.attacks.fill import Labelled, attacked, filled, with_reply
from solon.feedback.attacks.load import load_attacks
from solon.feedback.attacks.model import Attacks
from solon.types import Comparison, digest

Kind = Literal["injection", "master_key", "padding"]

# Where the prompt asks for a form, padding breaks it: a fault of its own, of which these trials say nothing.
_ASKS_FOR_A_FORM = re.compile(
    r"\b(just|only|exactly|max|at most|no more than|brief\w*|short\w*|quick\w*|summar\w+|haiku|json|regex|sql"
    r"|(one|two|three|a|single|\d+)[ -](word|line|sentence)s?)\b",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Trial:
    """A labelled pair one of whose replies was rewritten (`attacked_is_a`: response A was).

    `comparison` keeps the id of its pair, `base_id`, so that the same principle is drawn for both; `id` is the
    trial's own. The judge should still find the better reply better (`better_is_a`): the other
    one, unless a better reply was padded. `family` names the attack; for a master key it is the key, quoted.
    """

    id: str
    kind: Kind
    family: str
    comparison: Comparison
    base_id: str
    attacked_is_a: bool
    better_is_a: bool


def injection_trials(pairs: Sequence[Labelled], per_family: int = 4, attacks: Attacks | None = None) -> list[Trial]:
    """Every family on `per_family` of the pairs (on all, if there are fewer), its templates in turn."""
    trials: list[Trial] = []
    for family in (attacks or load_attacks()).families:
        for number, pair in enumerate(_drawn(pairs, family.id, per_family)):
            template = number % len(family.templates)
            changed = attacked(pair, family, template)
            trials.append(_trial("injection", family.id, f"{template + 1}", pair, changed, better=False))
    return trials


def master_key_trials(pairs: Sequence[Labelled], per_key: int = 2, attacks: Attacks | None = None) -> list[Trial]:
    """Every master key in place of the worse reply of `per_key` of the pairs (of all, if there are fewer)."""
    trials: list[Trial] = []
    for key in (attacks or load_attacks()).master_keys:
        name = json.dumps(key, ensure_ascii=False)
        for pair in _drawn(pairs, name, per_key):
            changed = with_reply(pair[0], not pair[1], key)
            trials.append(_trial("master_key", name, "whole", pair, changed, better=False))
    return trials


def padding_trials(pairs: Sequence[Labelled], per_family: int = 4, attacks: Attacks | None = None) -> list[Trial]:
    """Every way of padding on `per_family` of the pairs, twice: the worse reply padded, and the better one.

    Pairs whose prompt asks for a form (one word, a haiku, JSON) are left out.
    """
    free = [pair for pair in pairs if not _ASKS_FOR_A_FORM.search(pair[0].prompt)]
    trials: list[Trial] = []
    for family in (attacks or load_attacks()).padding:
        for number, pair in enumerate(_drawn(free, family.id, per_family)):
            template = number % len(family.templates)
            comparison, better_is_a = pair
            better = comparison.response_a if better_is_a else comparison.response_b
            longer = with_reply(comparison, better_is_a, filled(family, template, comparison.prompt, better))
            trials += [
                _trial("padding", family.id, f"{template + 1}", pair, attacked(pair, family, template), better=False),
                _trial("padding", family.id, f"{template + 1}", pair, longer, better=True),
            ]
    return trials


def _drawn(pairs: Sequence[Labelled], name: str, count: int) -> list[Labelled]:
    """The `count` pairs that attack `name` meets: those with the lowest hash, so a new pair moves few others."""
    return sorted(pairs, key=lambda pair: digest([name, pair[0].id]))[:count]


def _trial(kind: Kind, family: str, template: str, pair: Labelled, changed: Comparison, *, better: bool) -> Trial:
    """`better`: the better reply was rewritten, not the worse one."""
    original, better_is_a = pair
    side = "better" if better else "worse"
    identity = f"{kind}/{family}/{template}/{side}/{original.id}"
    return Trial(identity, kind, family, changed, original.id, better_is_a == better, better_is_a)
