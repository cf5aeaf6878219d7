"""The section on training: curves of all that was trained, what the guards saw, and what rang."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from solon.evaluation.shares import share_of
from solon.feedback.qualification.figures import Estimate, Share
from solon.pipeline.reward_bar import facts_say, tried
from solon.report import words
from solon.report.material import Material
from solon.report.remark import Remark
from solon.report.svg import OCHRE, STONE
from solon.report.training_curves import Curve, Rows, Wanted, curve, over_distance
from solon.settings import OFFLINE, RewardBar

METHODS = {
    "ppo": "PPO",
    "dpo": "DPO",
    "kto": "KTO",
    "grpo": "GRPO",
    "rloo": "RLOO",
    "best_of_n": "best-of-n",
}


@dataclass(frozen=True, slots=True)
class Group:
    """Curves that belong together; `small` ones in more columns."""

    title: str
    curves: list[Curve]
    small: bool = False


SFT = Wanted("loss", "SL-CAI loss", "nats per token", OCHRE)
REWARD_MODEL = Wanted("loss", "Reward model loss", "nats per pair; dashed: ln 2, a coin", level=math.log(2))
MULTIPLIER = Wanted("constraint/multiplier", "The constraint’s multiplier", "λ: what a unit of cost weighs", OCHRE)
POLICY = (
    Wanted("reward", "Reward", "mean over the batch"),
    Wanted("kl", "Distance from SL-CAI", "KL, nats per answer", guard="kl"),
    Wanted("gold", "Gold reward", "mean over the batch, by a judge it is not trained on", OCHRE),
    Wanted("loss", "Loss", "mean over the batch"),
    Wanted("accuracy", "Sides with the label", "share of the pairs", percent=True),
    Wanted("margin", "Margin", "implicit reward of chosen less rejected, nats"),
    Wanted("logprob_chosen", "Log-probability of chosen answers", "nats per answer", STONE),
    Wanted("logprob_rejected", "Log-probability of rejected answers", "nats per answer", STONE),
)
WATCHED = tuple(
    Wanted(field, title, unit, percent=percent, guard="truncation" if field == "truncated" else field, small=True)
    for field, title, unit, percent in (
        ("length", "Length", "tokens per answer", False),
        ("refusal", "Refusals", "of answers to prompts that ask for nothing wrong", True),
        ("entropy", "Entropy", "nats per token", False),
        ("repetition", "Repetition", "3-word runs that occurred before in the answer", True),
        ("boilerplate", "Boilerplate", "answers that share a new run of six words", True),
        ("duplicates", "Repeated answers", "word for word the answer to another prompt", True),
        ("copies", "Copied demonstrations", "answers that are one word for word", True),
        ("truncated", "Cut off", "answers that met the token limit", True),
    )
)


def training(m: Material) -> dict[str, Any]:
    """Everything the section shows; parts that a run lacks are empty."""
    policy, reward = m.facts.get("policy", {}), m.facts.get("reward_model", {})
    guards, rows = policy.get("guards") or {}, policy_rows(m)
    return {
        "method": method(m),
        "alarms": alarms(m),
        "groups_of_curves": _groups(m, guards, rows),
        "phrase": guards.get("phrase"),
        "unwatched": guards.get("unwatched") or {},
        "reward": reward,
        "reward_said": reward_said(m),
        "held": held_said(m, rows),
        "reward_facts": [*reward_facts(reward), *facts_by_aim(reward)],
        "reward_right": share_of(reward.get("heldout_right", 0), reward.get("heldout_pairs", 0)),
        "last": rows[-1] if rows else {},
        "picked": next(((row["reward"], row["reward_picked"]) for row in rows if "reward_picked" in row), None),
    }


def reward_said(m: Material) -> Remark | None:
    """Whether the reward model is good enough to learn from, and why not; None where nothing was tried."""
    facts = m.facts.get("reward_model", {})
    if not tried(facts):
        return None
    bar = RewardBar.model_validate(m.setting("rl_cai", "reward_model", "bar") or {})
    if lines := facts_say(facts, bar):
        learnt = method(m) not in ("DPO", "KTO")
        used = (
            "The policy learnt from it all the same." if learnt else "The policy learnt from the labels, not from it."
        )
        return Remark(f"The reward model did not qualify. {used}", "warn", tuple(lines))
    return Remark("The reward model qualified: every figure that was measured reaches the bar.", "good")


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure with its name and what it is about."""

    what: str
    value: str
    note: str


def reward_facts(facts: dict[str, Any]) -> list[Fact]:
    """What the reward model was measured by besides its agreement; parts that a run lacks are left out."""
    held_out, probes = facts.get("heldout") or {}, facts.get("probes") or {}
    found = []
    if loss := held_out.get("log_loss"):
        least = f"; the labels’ own is {held_out['label_entropy']:.3f}" if "label_entropy" in held_out else ""
        note = f"nats per pair, a coin’s is {math.log(2):.3f}{least}"
        found.append(Fact("Its log-loss on held-out labels", str(Estimate.model_validate(loss)), note))
    if lengths := held_out.get("length"):
        rank = Estimate.model_validate(lengths["spearman"])
        found.append(Fact("Reward and length", str(rank), "Spearman’s correlation over the held-out answers"))
    for name, where in (("ended", "harmless requests"), ("held_out", "held-out pairs")):
        if name in probes:
            cut, finished = (probes[name][kind]["value"] for kind in ("cut", "finished"))
            note = f"apart in reward on {where}; two finished answers of those lengths: {finished:.3f}"
            found.append(Fact("An answer and its beginning, cut off", f"{cut:.3f}", note))
    if refusals := probes.get("refusals"):
        note = f"n = {refusals['n']} harmless requests"
        found.append(Fact("Good answers rewarded above refusals", str(Share.model_validate(refusals)), note))
    return found


def facts_by_aim(facts: dict[str, Any]) -> list[Fact]:
    """Agreement, log-loss and calibration on held-out labels of each aim, kind and source, where there are several."""
    groups = (facts.get("heldout") or {}).get("by") or {}
    return [
        Fact(f"On pairs of {sort} {name}", str(Share.model_validate(own["accuracy"])), _in_nats(own))
        for sort, named in groups.items()
        if len(named) > 1
        for name, own in named.items()
    ]


def _in_nats(own: dict[str, Any]) -> str:
    loss, error = (Estimate.model_validate(own[name]) for name in ("log_loss", "ece"))
    return f"agreement; log-loss {loss} nats, calibration error {error}"


def method(m: Material) -> str:
    """How the policy was trained, as it is called."""
    name = m.facts.get("policy", {}).get("method") or m.setting("rl_cai", "method") or "ppo"
    return METHODS.get(name, str(name))


def rollouts(m: Material) -> int:
    """Answers that were sampled while the policy learnt, which are not calls to an engine."""
    policy = m.facts.get("policy", {})
    if policy.get("method") in OFFLINE:
        return 0
    return int(policy.get("size") or len(policy.get("steps", [])) * (m.setting("rl_cai", "ppo", "batch_size") or 0))


def alarms(m: Material) -> list[Remark]:
    """What rang, in the order it did, and what came of it; or that nothing could ring."""
    guards = m.facts.get("policy", {}).get("guards") or {}
    rung = [alarm["text"] for alarm in guards.get("alarms", [])]
    if not rung:
        blind = guards.get("unseen")
        return [Remark(f"{blind[:1].upper()}{blind[1:]}. Nothing here tells reward hacking.", "warn")] if blind else []
    repairs = guards.get("repairs") or []
    rung += [
        f"step {one['step']}: the policy was put back to what it was at step {one['to']}, from before the drift, and "
        f"kl_coef raised to {one['kl_coef']:.3g}"
        for one in repairs
    ]
    if guards.get("stopped"):
        kept = f" and the weights of step {guards['best']} were kept" if guards.get("best") is not None else ""
        after = f" after {words.count(len(repairs), 'repair')}" if repairs else ""
        return [Remark(f"A guard against reward hacking ended the training{after}{kept}.", "warn", tuple(rung))]
    how = f"was repaired {words.count(len(repairs), 'time')} and went on" if repairs else "went on, as the recipe says"
    return [Remark(f"The guards rang, and training {how}.", "warn", tuple(rung))]


def policy_rows(m: Material) -> list[dict[str, Any]]:
    """The policy's numbers by step: its trainer's history, and what the guards saw."""
    policy = m.facts.get("policy", {})
    rows: dict[int, dict[str, Any]] = {}
    for row in [*(policy.get("guards") or {}).get("series", []), *policy.get("steps", [])]:
        rows.setdefault(row["step"], {}).update(row)
    return [rows[step] for step in sorted(rows)]


def _groups(m: Material, guards: dict[str, Any], rows: Rows) -> list[Group]:
    drawn = [curve(SFT, m.facts.get("sft", {}).get("loss", []))]
    reward = m.facts.get("reward_model", {})
    drawn.append(curve(REWARD_MODEL, reward.get("loss", [])))
    for aim, own in (reward.get("aims") or {}).items():
        drawn.append(curve(REWARD_MODEL._replace(title=f"Reward model loss: {aim}"), own["loss"]))
    terms = sorted({field for row in rows for field in row if field.startswith("reward/")})
    named = [Wanted(field, "Reward: " + field.partition("/")[2], "before weighing", small=True) for field in terms]
    policy = [*(curve(one, rows, guards) for one in POLICY), *_of_constraint(m, rows), over_distance(guards, rows)]
    groups = [
        _group("", drawn),
        _group(f"The policy, by {method(m)}", policy),
        _group("What its reward is made of", [curve(one, rows) for one in named] if len(named) > 1 else [], True),
        _group("What the guards watched", [curve(one, rows, guards) for one in WATCHED], True),
    ]
    return [group for group in groups if group.curves]


def _of_constraint(m: Material, rows: Rows) -> list[Curve | None]:
    """What answers cost beside the bound, and the multiplier that followed; none of a run without a constraint."""
    held = m.setting("rl_cai", "constraint")
    if not held:
        return []
    share = held["cost"] == "declined"
    title, unit = ("Over-refusal", "declined") if share else ("Cost", "spreads below the first batch")
    level = float(held["at_most"])
    note = f"{unit}, on prompts that are held to it; dashed: the bound, {words.percent(level) if share else level}"
    return [curve(Wanted("constraint/cost", title, note, percent=share, level=level), rows), curve(MULTIPLIER, rows)]


def held_said(m: Material, rows: Rows) -> Remark | None:
    """Whether the last quarter of the steps was within the constraint's bound; None where there is none."""
    held = m.setting("rl_cai", "constraint")
    costs = [row["constraint/cost"] for row in rows if words.finite(row.get("constraint/cost"))]
    if not held or not costs:
        return None
    last = costs[-max(1, len(costs) // 4) :]
    mean, bound, share = sum(last) / len(last), float(held["at_most"]), held["cost"] == "declined"
    shown, limit = ((words.percent(x) if share else words.number(x)) for x in (mean, bound))
    what = "declined" if share else "spreads of reward lost"
    said = f"{shown} {what} in the last {words.count(len(last), 'step')}, bound {limit}"
    if mean > bound:
        return Remark(f"The constraint was not met: {said}.", "warn")
    return Remark(f"The constraint was met: {said}.", "good")


def _group(title: str, curves: Sequence[Curve | None], small: bool = False) -> Group:
    return Group(title, [curve for curve in curves if curve], small)
