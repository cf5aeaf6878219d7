"""The section on training: curves of all that was trained, what the guards saw, and what rang."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from markupsafe import Markup

from solon.evaluation.shares import share_of
from solon.report import training_charts, words
from solon.report.material import Material
from solon.report.remark import Remark
from solon.report.svg import OCHRE, SEA, STONE

METHODS = {
    "ppo": "PPO",
    "dpo": "DPO",
    "kto": "KTO",
    "grpo": "GRPO",
    "rloo": "RLOO",
    "best_of_n": "best-of-n",
}
Rows = Sequence[dict[str, Any]]


class Wanted(NamedTuple):
    """A curve that is drawn where its number is known. `guard`: the bound that holds it."""

    field: str
    title: str
    unit: str
    colour: str = SEA
    percent: bool = False
    level: float | None = None
    guard: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """A chart and what it says in words."""

    title: str
    unit: str
    svg: Markup
    said: str


@dataclass(frozen=True, slots=True)
class Group:
    """Curves that belong together; `small` ones in more columns."""

    title: str
    curves: list[Curve]
    small: bool = False


SFT = Wanted("loss", "SL-CAI loss", "nats per token", OCHRE)
REWARD_MODEL = Wanted("loss", "Reward model loss", "nats per pair; dashed: ln 2, a coin", level=math.log(2))
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
WATCHED = (
    Wanted("length", "Length", "tokens per answer", guard="length"),
    Wanted("refusal", "Refusals", "of answers to prompts that ask for nothing wrong", percent=True, guard="refusal"),
    Wanted("entropy", "Entropy", "nats per token", guard="entropy"),
    Wanted(
        "repetition", "Repetition", "3-word runs that occurred before in the answer", percent=True, guard="repetition"
    ),
    Wanted(
        "boilerplate", "Boilerplate", "answers that share a new run of six words", percent=True, guard="boilerplate"
    ),
    Wanted("truncated", "Cut off", "answers that met the token limit", percent=True),
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
        "reward_right": share_of(reward.get("heldout_right", 0), reward.get("heldout_pairs", 0)),
        "last": rows[-1] if rows else {},
        "picked": next(((row["reward"], row["reward_picked"]) for row in rows if "reward_picked" in row), None),
    }


def method(m: Material) -> str:
    """How the policy was trained, as it is called."""
    name = m.facts.get("policy", {}).get("method") or m.setting("rl_cai", "method") or "ppo"
    return METHODS.get(name, str(name))


def rollouts(m: Material) -> int:
    """Answers that were sampled while the policy learnt, which are not calls to an engine."""
    policy = m.facts.get("policy", {})
    if policy.get("method") in ("dpo", "kto"):
        return 0
    return int(policy.get("size") or len(policy.get("steps", [])) * (m.setting("rl_cai", "ppo", "batch_size") or 0))


def alarms(m: Material) -> list[Remark]:
    """What rang, in the order it did, and what came of it."""
    guards = m.facts.get("policy", {}).get("guards") or {}
    rung = [alarm["text"] for alarm in guards.get("alarms", [])]
    if not rung:
        return []
    if not guards.get("stopped"):
        return [Remark("The guards rang, and training went on, as the recipe says.", "warn", tuple(rung))]
    kept = f" and the weights of step {guards['best']} were kept" if guards.get("best") is not None else ""
    return [Remark(f"A guard against reward hacking ended the training{kept}.", "warn", tuple(rung))]


def policy_rows(m: Material) -> list[dict[str, Any]]:
    """The policy's numbers by step: its trainer's history, and what the guards saw."""
    policy = m.facts.get("policy", {})
    rows: dict[int, dict[str, Any]] = {}
    for row in [*(policy.get("guards") or {}).get("series", []), *policy.get("steps", [])]:
        rows.setdefault(row["step"], {}).update(row)
    return [rows[step] for step in sorted(rows)]


def _groups(m: Material, guards: dict[str, Any], rows: Rows) -> list[Group]:
    drawn = [_curve(SFT, m.facts.get("sft", {}).get("loss", []))]
    drawn.append(_curve(REWARD_MODEL, m.facts.get("reward_model", {}).get("loss", [])))
    terms = sorted({field for row in rows for field in row if field.startswith("reward/")})
    named = [Wanted(field, "Reward: " + field.partition("/")[2], "before weighing") for field in terms]
    policy = [*(_curve(one, rows, guards) for one in POLICY), _over_distance(guards, rows)]
    groups = [
        _group("", drawn),
        _group(f"The policy, by {method(m)}", policy),
        _group("What its reward is made of", [_curve(one, rows) for one in named] if len(named) > 1 else [], True),
        _group("What the guards watched", [_curve(one, rows, guards) for one in WATCHED], True),
    ]
    return [group for group in groups if group.curves]


def _group(title: str, curves: Sequence[Curve | None], small: bool = False) -> Group:
    return Group(title, [curve for curve in curves if curve], small)


def _curve(wanted: Wanted, rows: Rows, guards: dict[str, Any] | None = None) -> Curve | None:
    """The curve of a number; None where fewer than two steps have it."""
    points = [(row["step"], float(row[wanted.field])) for row in rows if words.finite(row.get(wanted.field))]
    if len(points) < 2:
        return None
    values = [value for _, value in points]
    bound = _bound(wanted.guard, values, guards or {})
    rung = next(
        (a["step"] for a in (guards or {}).get("alarms", []) if a["kind"] == (wanted.guard or wanted.field)), None
    )
    first, last = (_said(value, wanted.percent) for value in (values[0], values[-1]))
    level = _near(wanted.level or bound, values)
    svg = training_charts.curve(points, wanted.colour, level=level, alarm=rung, percent=wanted.percent)
    limit = "" if bound is None else f"; bound {bound:.0%}" if wanted.percent else f"; bound {round(bound, 2):g}"
    said = f"{first} → {last} in {words.count(len(points), 'step')}" + (f"; rang at step {rung}" if rung else "")
    return Curve(wanted.title, wanted.unit + limit, svg, said)


def _said(value: float, percent: bool) -> str:
    return words.percent(value) if percent else words.number(value, 3 if abs(value) < 10 else 1)


def _bound(guard: str, values: Sequence[float], guards: dict[str, Any]) -> float | None:
    """The value at which a guard rings, in the curve's own unit."""
    bound = (guards.get("settings") or {}).get(guard)
    if bound is None:
        return None
    start = _mean(values[: _window(guards)])
    if guard in ("length", "entropy"):
        return float(bound * start)
    return float(start + bound) if guard == "refusal" else float(bound)


def _near(level: float | None, values: Sequence[float]) -> float | None:
    """`level` where the curve comes near it: a line far off would press the curve flat."""
    if level is None:
        return None
    low, high = min(values), max(values)
    reach = max(high - low, abs(level) / 4)
    return level if low - reach <= level <= high + reach else None


def _window(guards: dict[str, Any]) -> int:
    return int((guards.get("settings") or {}).get("window") or 1)


def _over_distance(guards: dict[str, Any], rows: Rows) -> Curve | None:
    """Reward and gold over √KL, averaged over windows; None where a run has not two windows of all three."""
    found = [row for row in rows if all(words.finite(row.get(field)) for field in ("kl", "reward", "gold"))]
    size = _window(guards)
    if len(found) < size + 1:
        return None
    windows = [found[i : i + size] for i in range(len(found) - size + 1)]
    distance = [math.sqrt(max(0.0, _mean([row["kl"] for row in window]))) for window in windows]
    reward, gold = (_climb([_mean([row[f] for row in w]) for w in windows]) for f in ("reward", "gold"))
    drawn = [{"distance": d, "reward": r, "gold": g} for d, r, g in zip(distance, reward, gold, strict=True)]
    kept = [d for d, window in zip(distance, windows, strict=True) if window[-1]["step"] == guards.get("best")]
    svg = training_charts.over_distance(drawn, kept[0] if kept and guards.get("stopped") else None)
    averaged = f", over windows of {words.count(size, 'step')}" if size > 1 else ""
    return Curve(
        "Reward against gold",
        f"over √KL, each as a share of its own highest climb{averaged}",
        svg,
        "Where the reward rises and gold falls, the policy pleases the reward and nothing else (Gao et al. 2022).",
    )


def _climb(values: Sequence[float]) -> list[float]:
    """Values as shares of their highest rise above the first; of their range, where they never rise."""
    start = values[0]
    rise = max(values) - start or max(values) - min(values) or 1.0
    return [(value - start) / rise for value in values]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
