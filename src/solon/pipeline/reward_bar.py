"""Whether a reward model is good enough to learn from. Nothing is loaded: the figures are plain data."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from solon.feedback.qualification.figures import Estimate, Share
from solon.pipeline.recipe import Recipe
from solon.settings import OFFLINE, RewardBar

ENDED = {"ended": "on harmless requests", "held_out": "on held-out pairs"}
LEAST_PAIRS = 20  # the bootstrap interval of fewer is too narrow to be one


def shortfalls(measured: Mapping[str, Any], probes: Mapping[str, Any], bar: RewardBar) -> list[str]:
    """One line for each figure that is not good enough; none for a reward model that qualifies.

    `measured` is what `measure` gave on held-out labels, `probes` what `probe` did. What cannot be told from a coin is
    not good enough.
    """
    if not measured:
        return ["no held-out pair that prefers an answer measures it; label more pairs"]
    lines = [
        _log_loss(Estimate.model_validate(measured["log_loss"]), bar.log_loss),
        _length(measured.get("length"), bar.length),
        *(_ended(where, probes.get(name)) for name, where in ENDED.items() if bar.ended),
        _refusals(probes.get("refusals")) if bar.refusals else "",
    ]
    return [line for line in lines if line]


def facts_say(facts: Mapping[str, Any], bar: RewardBar, aims: Collection[str] | None = None) -> list[str]:
    """`shortfalls` of a finished step by its facts; none where an earlier version of Solon did not try the probes.

    Of reward models by aim each is held to the bar, and lines say which; `aims` are those that matter (None: all).
    That of harmless need not rank good answers above refusals: it has never seen what else they are good for.
    """
    if "aims" in facts:
        wanted = {aim: own for aim, own in facts["aims"].items() if aims is None or aim in aims}
        return [f"{aim}: {line}" for aim, own in wanted.items() for line in facts_say(own, _bar_of(aim, bar))]
    return shortfalls(facts.get("heldout") or {}, facts["probes"], bar) if "probes" in facts else []


def _bar_of(aim: str, bar: RewardBar) -> RewardBar:
    return bar.model_copy(update={"refusals": False}) if aim == "harmless" else bar


def rewards_policy(recipe: Recipe) -> bool:
    """Whether a policy learns from the reward model; DPO and KTO learn from the labels, and there are other rewards."""
    rl = recipe.rl_cai
    held = rl.constraint is not None and rl.constraint.cost == "reward_model"
    return rl.method not in OFFLINE and (held or any(term.source == "reward_model" for term in rl.rewards))


def aims_asked(recipe: Recipe) -> list[tuple[str, str]]:
    """Which aims' reward models a policy learns from, each with the setting of `rl_cai` that asks for it."""
    rl = recipe.rl_cai
    if rl.method in OFFLINE or rl.reward_model.per == "all":
        return []
    asked = [(f"rewards.{n}", term.aim) for n, term in enumerate(rl.rewards) if term.aim is not None]
    if rl.constraint is not None and rl.constraint.cost == "reward_model":
        asked.append(("constraint", rl.constraint.held))
    return [(name, str(aim)) for name, aim in asked]


def tried(facts: Mapping[str, Any]) -> bool:
    """Whether a finished step held its reward models to a bar, which earlier versions of Solon did not."""
    return "probes" in facts or "aims" in facts


def not_qualified(facts: dict[str, Any], recipe: Recipe, aims: Collection[str] | None = None) -> str | None:
    """What the finished step's facts say against its reward models, or those of `aims`, in one line; None where they
    qualify."""
    lines = facts_say(facts, recipe.rl_cai.reward_model.bar, aims)
    return f"the reward model is not qualified: {'; '.join(lines)}" if lines else None


def _log_loss(found: Estimate, most: float) -> str:
    if found.n < LEAST_PAIRS:
        return f"{found.n} held-out pairs are too few to tell; {LEAST_PAIRS} or more are needed"
    if found.value >= most:
        return f"held-out log-loss {found} is not below {most:.3f} nats"
    return f"held-out log-loss {found} cannot be told from {most:.3f} nats" if found.high >= most else ""


def _length(found: Mapping[str, Any] | None, most: float | None) -> str:
    if found is None or most is None:
        return ""
    rank = Estimate.model_validate(found["spearman"])
    if max(abs(rank.low), abs(rank.high)) <= most:
        return ""
    verb = "is beyond" if abs(rank.value) > most else "cannot be told to be within"
    return f"correlation of reward and length {rank} {verb} ±{most:g}"


def _ended(where: str, found: Mapping[str, Any] | None) -> str:
    if found is None or found["gap"]["low"] <= 0:
        return ""
    cut, finished = (Estimate.model_validate(found[name]) for name in ("cut", "finished"))
    return (
        f"{where} an answer and its beginning, cut off, differ by {cut.value:.3f}, two finished ones of those lengths "
        f"by {finished.value:.3f} (difference {Estimate.model_validate(found['gap'])}): it pays for ending"
    )


def _refusals(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    share = Share.model_validate(found)
    return f"good answers to harmless requests beat refusals in {share} only" if share.high < 0.5 else ""
