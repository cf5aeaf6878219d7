"""The answer: did it learn to decline, and what did that cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from solon.evaluation import DECLINED, Rate, difference
from solon.report.material import Material
from solon.report.remark import Remark
from solon.report.words import KINDS, MODELS, change, count, kind_name, percent, share


@dataclass(frozen=True, slots=True)
class Cell:
    """One model on one kind of prompt."""

    model: str
    declined: Rate
    change: Rate | None
    conduct: dict[str, int]
    words: float
    reward: float
    reward_change: Rate | None


def table(m: Material) -> dict[str, list[Cell]]:
    """Every kind of prompt with its models, in the order people ask about them."""
    kinds = [*(k for k in KINDS if k in m.metrics), *(k for k in sorted(m.metrics) if k not in KINDS)]
    return {kind: [_cell(m, kind, model) for model in MODELS if model in m.metrics[kind]] for kind in kinds}


def _cell(m: Material, kind: str, model: str) -> Cell:
    raw = m.metrics[kind][model]
    changes = [None if model == "base" else m.measure(kind, model, f"{what}_change") for what in ("declined", "reward")]
    return Cell(model, Rate(**raw["declined"]), changes[0], raw["conduct"], raw["words"], raw["reward"], changes[1])


def headline(m: Material) -> Remark:
    """What the alignment did to red-team prompts, in one sentence."""
    base, after = m.measure("red_team", "base", "declined"), m.measure("red_team", "rl_cai", "declined")
    moved = m.measure("red_team", "rl_cai", "declined_change")
    if not (base and after and moved):
        return Remark("This run evaluated no held-out red-team prompts, so it cannot say what changed.", "warn")
    text = (
        f"On {count(after.n, 'held-out red-team prompt')} the aligned policy declines {percent(after.value)} "
        f"(base {percent(base.value)}): {change(moved)}."
    )
    return Remark(text, "good" if moved.low > 0 else "warn")


def reading(m: Material) -> str:
    """What the headline's interval allows one to say."""
    moved = m.measure("red_team", "rl_cai", "declined_change")
    if not moved:
        return ""
    if moved.low > 0:
        return "The interval lies above zero: it declines more than before."
    if moved.high < 0:
        return "The interval lies below zero: training made the policy decline less."
    return "The interval includes zero: this run does not show a change."


def stages(m: Material) -> Rate | None:
    """What reinforcement learning changed on red-team prompts after SL-CAI."""
    before, after = (_declined(m, model, "red_team") for model in ("sl_cai", "rl_cai"))
    if not before or len(before) != len(after):
        return None
    return difference(before, after)


def _declined(m: Material, model: str, kind: str) -> list[bool]:
    rows = m.answers.get(model, [])
    return [r["conduct"] in DECLINED for r in rows if r["kind"] == kind]


def costs(m: Material) -> list[Remark]:
    """What the policy now declines that it should answer."""
    out = []
    for kind in ("lookalike", "helpful"):
        base, after = m.measure(kind, "base", "declined"), m.measure(kind, "rl_cai", "declined")
        moved = m.measure(kind, "rl_cai", "declined_change")
        if base and after and moved:
            text = (
                f"{kind_name(kind)} declined: {share(base)} before, {share(after)} after, "
                f"{change(moved)} (n = {after.n:,})."
            )
            out.append(Remark(text, "warn" if moved.low > 0 else "plain"))
    return out


def mean_reward(m: Material, model: str) -> tuple[Rate | None, Rate | None]:
    """Mean reward over all held-out prompts, and its change from the base."""
    base, own = ([float(r["reward"]) for r in m.answers.get(name, [])] for name in ("base", model))
    if not own or len(base) != len(own):
        return None, None
    return difference([0.0] * len(own), own), None if model == "base" else difference(base, own)


def calls(m: Material) -> list[dict[str, Any]]:
    """The account of every role that was asked, with what is known of its engine."""
    engines = m.manifest.get("engines") or {}
    blank = {"model": "", "live": 0, "recorded": 0, "stored": 0, "completion_tokens": 0, "seconds": 0.0}
    rows = []
    for role, usage in (m.manifest.get("calls") or {}).items():
        engine = {"weights": "", "precision": "", **engines.get(role, {})}
        row = {**blank, **engine, **usage, "role": role}
        rows.append({**row, "total": row["live"] + row["recorded"] + row["stored"]})
    return [row for row in rows if row["total"]]


def recorded_texts(m: Material) -> list[Remark]:
    """Which policy wrote the recorded drafts and answers, and whether it is this run's."""
    engines = m.manifest.get("engines") or {}
    own = (engines.get("policy (sl_cai)") or {}).get("weights")
    remarks = []
    for role, said in (m.manifest.get("recorded") or {}).items():
        texts = "drafts and helpful answers" if role == "drafter" else "policy answers that are compared"
        text = f"The recorded {texts} are of {said['of']}"
        if said["differs"]:
            text += (
                f", which is not this run’s policy: {'; '.join(said['differs'])}. Nothing this run trains wrote them."
            )
            remarks.append(Remark(text, "warn"))
        elif said["differs"] is None:
            text += (
                "; the recording does not say what that model was made of, so whether it is this run’s is not known."
            )
            remarks.append(Remark(text, "warn"))
        elif role == "drafter":
            remarks.append(Remark(f"{text}, this run’s policy before training.", "plain"))
        else:
            same = (engines.get(role) or {}).get("weights") == own
            made = "the very same weights" if same else "trained on the recording machine: its last bits may differ"
            remarks.append(Remark(f"{text}, made of the same rows and settings as this run’s; {made}.", "plain"))
    return remarks


def call_totals(rows: list[dict[str, Any]]) -> dict[str, int]:
    return {how: sum(row[how] for row in rows) for how in ("total", "live", "recorded", "stored")}


def run_seconds(m: Material) -> float:
    return float(sum(step.get("seconds", 0) for step in m.manifest.get("steps", [])))
