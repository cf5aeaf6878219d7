"""How many answers were cut off by their token limit, of every model that wrote some."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from solon.evaluation import Rate
from solon.evaluation.shares import share_of
from solon.report import kinds
from solon.report.material import Material
from solon.report.remark import Remark
from solon.report.training import policy_rows
from solon.report.words import MODELS, count, percent

MOST = 0.1  # of the base’s evaluation answers: with more, models are compared by where their answers stop


@dataclass(frozen=True, slots=True)
class CutOff:
    """Who wrote what, and which share of it was cut off."""

    written: str
    share: Rate


def cut_off(m: Material) -> list[CutOff]:
    """A row of every kind of answer whose ends the run kept; runs of older versions kept none."""
    shares = ((written, share_of(hits, n)) for written, hits, n in _counted(m))
    return [CutOff(written, share) for written, share in shares if share is not None]


def _written(m: Material) -> dict[str, str]:
    """What the texts are that a step counts under each name."""
    return {
        "drafts": f"drafts of {kinds.prompts_of(kinds.chained(m))}",
        "helpful": f"sampled answers to {kinds.prompts_of(kinds.other_kinds(m))}",
        "answers": "answers of the policy that were compared",
    }


def _counted(m: Material) -> Iterator[tuple[str, int, int]]:
    written = _written(m)
    for step in ("revisions", "preferences"):
        for name, found in (m.facts.get(step, {}).get("truncated") or {}).items():
            yield written.get(name, name), found["cut"], found["of"]
    steps = [row["truncated"] for row in policy_rows(m) if row.get("truncated") is not None]
    sampled = int(m.facts.get("policy", {}).get("size") or 0)
    if steps and sampled:
        yield "rollouts, all steps", round(sampled * sum(steps) / len(steps)), sampled
    for model in MODELS:
        ended = _ended(m, model)
        yield f"evaluation answers of {MODELS[model]}", ended.count(False), len(ended)


def _ended(m: Material, model: str) -> list[bool]:
    return [row["ended"] for row in m.answers.get(model, []) if "ended" in row]


def caution(m: Material) -> Remark | None:
    """That evaluation cut off too many of the base's answers to compare models by."""
    ended = _ended(m, "base")
    if not ended or ended.count(False) <= MOST * len(ended):
        return None
    limit = m.setting("evaluate", "max_tokens")
    at = f" of {limit} tokens" if limit else ""
    return Remark(
        f"{percent(ended.count(False) / len(ended))} of the base’s {count(len(ended), 'evaluation answer')} were cut "
        f"off by the limit{at}: where models differ in how often they end, rewards and refusals differ by that alone. "
        "Raise evaluate.max_tokens.",
        "warn",
    )


def no_reply(m: Material) -> dict[str, int]:
    """How many answers were no reply, by why: their tokens went into thoughts, or a filter withheld them."""
    found: Counter[str] = Counter()
    for step in ("revisions", "preferences"):
        found.update(m.facts.get(step, {}).get("no_reply") or {})
    if lost := sum((m.facts.get("evaluate", {}).get("no_reply") or {}).values()):
        found["truncated"] += lost
    return dict(found)


def pairs(m: Material) -> dict[str, Any]:
    """Pairs with an answer that was cut off, and what was done with them; {} where there is none."""
    found: dict[str, Any] = m.facts.get("preferences", {}).get("truncated_pairs") or {}
    return found if found.get("pairs") else {}
