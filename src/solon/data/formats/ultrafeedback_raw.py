"""UltraFeedback as it was made: an instruction and scored completions. The best and the worst make the pair."""

from __future__ import annotations

from typing import Any

from solon.data.formats.base import Format, has
from solon.data.formats.checks import Record, RowProblem, kind, number, text
from solon.data.formats.row import Row, Sides, preferred, prompted

OWN = ("instruction", "completions", "models")
SCORES = ("overall_score", "fine-grained_score")


def _parse(record: Record) -> list[Row]:
    completions = record.get("completions")
    if not isinstance(completions, list) or len(completions) < 2:
        raise RowProblem(f"completions is {kind(completions)}, expected a list of two or more")
    scored = [_scored(completion) for completion in completions]
    (best, good), (worst, bad) = (pick(scored, key=lambda pair: pair[0]) for pick in (max, min))
    if best == worst:
        raise RowProblem(f"all completions have the same score, {best:g}")
    about: Record = {"score_chosen": best, "score_rejected": worst}
    about |= {f"model_{side}": c["model"] for side, c in (("chosen", good), ("rejected", bad)) if "model" in c}
    reasons = {f"{side}_finish_reason": c.get("finish_reason") for side, c in (("chosen", good), ("rejected", bad))}
    about |= {name: reason for name, reason in reasons.items() if isinstance(reason, str)}
    sides = Sides(prompted(text(record, "instruction")), text(good, "response"), text(bad, "response"))
    return [preferred({**record, **about}, OWN, sides)]


def _scored(completion: Any) -> tuple[float, Record]:
    if not isinstance(completion, dict):
        raise RowProblem(f"a completion is {kind(completion)}, expected an object")
    name = next((name for name in SCORES if completion.get(name) is not None), SCORES[0])
    return number(completion, name), completion


FORMAT = Format(
    "ultrafeedback-raw", "instruction, completions (best against worst)", has("instruction", "completions"), _parse
)
