"""The run's data in the columns of OpenRLHF and verl, neither of which takes soft labels: sides are drawn."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from typing import Any

from solon.pipeline.export.launchers.stage import Plan
from solon.settings import RolloutSettings
from solon.types import Prompt, fraction

Row = dict[str, Any]
_MEDIA = re.compile(r"<(image|video|audio)>")  # what the tools take for a place to put one


def sft_rows(rows: Sequence[Row]) -> list[Row]:
    """`prompt` and `completion` as messages. Answers that were cut off are left out: both tools append an end."""
    return [
        {"prompt": row["prompt"], "completion": row["completion"], "source": row["source"]}
        for row in rows
        if row.get("ended", True)
    ]


def sft_conversations(rows: Sequence[Row]) -> list[Row]:
    """`messages` for verl, which learns every assistant turn of them.

    A critique is left out where the row of its revision holds it as an earlier turn: it would be learnt twice.
    """
    kept = [row for row in sft_rows(rows) if row["source"] != "critique"]
    return [{"messages": [*row["prompt"], *row["completion"]], "source": row["source"]} for row in kept]


def drawn_pairs(rows: Sequence[Row], passes: int) -> list[Row]:
    """Each pair `passes` times, the sides of a copy drawn so that `chosen` is the likelier one in a share p of them.

    p is the soft label. The pairwise losses are linear in it, so their expectation over the draw is the loss on soft
    labels; the draw is systematic (one number for all copies, by hash of the pair's id), so that the share is off by
    less than one copy. Pairs of two equal texts say nothing and are left out, as are those with an answer that was cut
    off: both tools append an end.
    """
    out: list[Row] = []
    for row in rows:
        chosen, rejected, prob = row["chosen"], row["rejected"], float(row["prob_chosen"])
        if chosen == rejected or row.get("chosen_ended") is False or row.get("rejected_ended") is False:
            continue
        start = fraction(["export", row["id"]])
        for copy in range(passes):
            sides = (chosen, rejected) if (start + copy) / passes < prob else (rejected, chosen)
            out.append({"prompt": row["prompt"], "chosen": sides[0], "rejected": sides[1], "prob_chosen": prob})
    return out


def harmless(rows: Sequence[Row], clean: Callable[[str], str]) -> list[Row]:
    """The rows with every message's text through `clean`, which breaks up the tokens of a chat template.

    These tools render a template and read its tokens from the text: a text that spelt one would be one.
    """

    def cleaned(value: Any) -> Any:
        if isinstance(value, list):
            return [{**turn, "content": _MEDIA.sub("<\u200b\\1>", clean(turn["content"]))} for turn in value]
        return value

    return [{name: cleaned(value) for name, value in row.items()} for row in rows]


def passes(epochs: float) -> int:
    """Whole passes over the data: the tools take no part of an epoch."""
    return max(1, math.ceil(epochs))


def rolled_out(prompts: Sequence[Prompt], plan: Plan) -> list[Prompt]:
    """The prompts of every step, in passes over all of them; none where the method samples no answers.

    The tools drop the rest of a pass that fills no batch, which of few prompts may be all of them.
    """
    if not isinstance(plan.rollout, RolloutSettings):
        return []
    return [*islice(cycle(prompts), plan.rollout.steps * plan.prompts_a_step)]


def prompt_rows(prompts: Sequence[Prompt]) -> list[Row]:
    """`prompt` as messages, and the columns that verl wants of every prompt."""
    return [
        {
            "prompt": [turn.as_dict() for turn in p.turns],
            "data_source": f"solon/{p.kind}",
            "reward_model": {"style": "model", "ground_truth": ""},
            "extra_info": {"id": p.id},
        }
        for p in prompts
    ]
