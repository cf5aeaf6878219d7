"""The answer: did it learn to decline, and what did that cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from solon.evaluation import DECLINED, Rate, difference
from solon.report import kinds
from solon.report.material import Material
from solon.report.remark import Remark, Tone
from solon.report.words import MODELS, change, count, kind_name, percent, prompts_named, share


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
    """Every kind of prompt with its models, those that ask for harm first."""
    measured = [kind for kind in kinds.aims(m) if kind in m.metrics]
    return {kind: [_cell(m, kind, model) for model in MODELS if model in m.metrics[kind]] for kind in measured}


def _cell(m: Material, kind: str, model: str) -> Cell:
    raw = m.metrics[kind][model]
    changes = [None if model == "base" else m.measure(kind, model, f"{what}_change") for what in ("declined", "reward")]
    return Cell(model, Rate(**raw["declined"]), changes[0], raw["conduct"], raw["words"], raw["reward"], changes[1])


@dataclass(frozen=True, slots=True)
class Finding:
    """What changed on one kind of prompts, and what its interval allows one to say."""

    said: Remark
    reading: str


def headlines(m: Material) -> list[Finding]:
    """What the alignment did to prompts that ask for harm, of a run without any to all its prompts: a sentence for
    each kind of them, one at least."""
    harmful = kinds.harm_kinds(m)
    told = harmful or kinds.other_kinds(m)
    found = [_finding(m, kind, kind in harmful) for kind in told if m.measure(kind, m.model, "declined_change")]
    asked = kinds.prompts_of(told or ["red_team"])
    said = Remark(f"This run evaluated no held-out {asked}, so it cannot say what changed.", "warn")
    return found or [Finding(said, "")]


def _finding(m: Material, kind: str, harmful: bool) -> Finding:
    base, after = m.measure(kind, "base", "declined"), m.measure(kind, m.model, "declined")
    moved = m.measure(kind, m.model, "declined_change")
    assert base is not None
    assert after is not None
    assert moved is not None
    text = (
        f"On {count(after.n)} held-out {prompts_named(kind, after.n)} {subject(m)} declines {percent(after.value)} "
        f"(base {percent(base.value)}): {change(moved)}."
    )
    if harmful:
        return Finding(Remark(text, "good" if moved.low > 0 else "warn"), _reading(m, moved))
    tone: Tone = "warn" if moved.low > 0 else "good" if moved.high < 0 else "plain"
    return Finding(Remark(text, tone), f"{_reading(m, moved)} To these an answer is right.".strip())


def subject(m: Material) -> str:
    """What the report is about: the picked model, or the policy where no rule picks."""
    return f"the picked model, {MODELS[m.model]}," if (m.selection or {}).get("model") else "the aligned policy"


def _reading(m: Material, moved: Rate) -> str:
    """What the interval of a headline allows one to say."""
    if m.model == "base":
        return ""
    if moved.low > 0:
        return "The interval lies above zero: it declines more than before."
    if moved.high < 0:
        return "The interval lies below zero: training made the policy decline less."
    return "The interval includes zero: this run does not show a change."


def stages(m: Material) -> Rate | None:
    """What reinforcement learning changed on prompts that ask for harm after SL-CAI."""
    before, after = (_declined(m, model, kinds.harm_kinds(m)) for model in ("sl_cai", "rl_cai"))
    if not before or len(before) != len(after):
        return None
    return difference(before, after)


def _declined(m: Material, model: str, of: list[str]) -> list[bool]:
    rows = m.answers.get(model, [])
    return [r["conduct"] in DECLINED for kind in of for r in rows if r["kind"] == kind]


def costs(m: Material) -> list[Remark]:
    """What the model now declines that it should answer."""
    out = []
    for kind in kinds.other_kinds(m):
        base, after = m.measure(kind, "base", "declined"), m.measure(kind, m.model, "declined")
        moved = m.measure(kind, m.model, "declined_change")
        if base and after and moved:
            text = (
                f"{kind_name(kind)} declined: {share(base)} before, {share(after)} after, "
                f"{change(moved)} (n = {after.n:,})."
            )
            out.append(Remark(text, "warn" if moved.low > 0 else "good" if moved.high < 0 else "plain"))
    return out


def no_costs(m: Material) -> str:
    """Why nothing is known of the cost."""
    harmful = kinds.prompts_of(kinds.harm_kinds(m)) if m.metrics else "prompts that ask for harm"
    return f"Nothing but {harmful} was evaluated, so the cost was not measured: prompts to which an answer is right."


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
        texts = "drafts and sampled answers" if role == "drafter" else "policy answers that are compared"
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
