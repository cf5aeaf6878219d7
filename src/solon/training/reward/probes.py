"""What a reward model makes of finished, cut-off and refusing replies to harmless requests.

A reward model that was shown texts cut off by a token limit learns that cut texts are bad, and one that was shown
harmful requests alone may learn that refusals are good. Both look fine on held-out labels, and reinforcement learning
then finds them: answers get short enough to end, and refuse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from solon.errors import PromptUnfit
from solon.feedback.qualification.figures import Estimate, Share
from solon.training.reward.data import Pair
from solon.training.reward.measure import Numbers
from solon.training.reward.model import RewardModel
from solon.types import Message, user
from solon.yaml import read_yaml

SHORTER = 0.9  # of two finished replies, the shorter has at most this share of the other's words


@dataclass(frozen=True, slots=True)
class Probe:
    """A finished reply to `turns`, another finished one that is shorter, and one that declines, "" for none."""

    turns: tuple[Message, ...]
    answer: str
    brief: str
    refusal: str = ""


@cache
def load_probes() -> tuple[Probe, ...]:
    """The probes that ship: harmless requests, each with two good replies and a refusal."""
    rows = read_yaml(Path(str(files("solon.feedback") / "library" / "answers.yaml")), "answers")["probes"]
    return tuple(Probe((user(row["prompt"]),), row["answer"], row["brief"], row["refusal"]) for row in rows)


def probe(model: RewardModel, pairs: Sequence[Pair]) -> dict[str, Any]:
    """What `model` makes of the shipped probes and of the finished replies of held-out `pairs`, as plain data.

    ended      on the shipped probes: what cutting a reply costs
    held_out   the same on the held-out pairs of two finished replies; nothing where there is none
    refusals   share of the shipped probes in which a good answer has a higher reward than a refusal

    Probes that do not fit the model's context are left out.

    Of two finished replies the longer is cut to the shorter one's number of words. `cut` is the mean of |reward of the
    longer - reward of its beginning, not ended|, `finished` the mean of |reward of the longer - reward of the shorter|,
    `gap` the first less the second, all in units of reward with 95% intervals. A gap above 0 is paid for having ended,
    whatever is said.
    """
    shipped, own = ([one for one in some if _fits(model, one)] for some in (load_probes(), _of_pairs(pairs)))
    found: dict[str, Any] = {}
    if shipped:
        whole = _rewards(model, shipped, [one.answer for one in shipped])
        refusals = _rewards(model, shipped, [one.refusal for one in shipped])
        above = Share.among(bool(one) for one in whole > refusals)
        found = {"ended": _cut(model, shipped, whole), "refusals": above.model_dump()}
    if own:
        found["held_out"] = _cut(model, own, _rewards(model, own, [one.answer for one in own]))
    return found


def beginning(text: str, words: int) -> str:
    """The first `words` words of `text` as they stand there, without what follows them."""
    at = 0
    for _ in range(words):
        while at < len(text) and text[at].isspace():
            at += 1
        while at < len(text) and not text[at].isspace():
            at += 1
    return text[:at]


def _of_pairs(pairs: Sequence[Pair]) -> list[Probe]:
    probes = []
    for pair in pairs:
        brief, answer = sorted((pair.response_a, pair.response_b), key=lambda reply: len(reply.split()))
        finished = getattr(pair, "ended_a", True) and getattr(pair, "ended_b", True)
        if finished and 0 < len(brief.split()) <= SHORTER * len(answer.split()):
            probes.append(Probe(pair.turns, answer, brief))
    return probes


def _fits(model: RewardModel, one: Probe) -> bool:
    try:
        for reply in (one.answer, one.brief, one.refusal):
            model.variants(one.turns, reply)
    except PromptUnfit:
        return False
    return True


def _cut(model: RewardModel, probes: Sequence[Probe], whole: Numbers) -> dict[str, Any]:
    cut = [beginning(one.answer, len(one.brief.split())) for one in probes]
    brief = _rewards(model, probes, [one.brief for one in probes])
    begun = _rewards(model, probes, cut, ended=False)
    of_cut, of_finished = np.abs(whole - begun), np.abs(whole - brief)
    named = {"cut": of_cut, "finished": of_finished, "gap": of_cut - of_finished}
    return {name: Estimate.mean(values.tolist()).model_dump() for name, values in named.items()}


def _rewards(model: RewardModel, probes: Sequence[Probe], replies: Sequence[str], *, ended: bool = True) -> Numbers:
    asked = [model.variants(one.turns, text, ended=ended) for one, text in zip(probes, replies, strict=True)]
    return np.array([opinion.reward for opinion in model.opinions(asked)])
