"""The label store: preferences in TRL's columns (`prompt`, `chosen`, `rejected`), the soft label and its trail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from solon.feedback.columns import order_consistency, principle_agreement
from solon.types import Comparison, Preference, assistant, fraction, turns_of


def preference_row(p: Preference) -> dict[str, Any]:
    """One labelled pair. `prompt` is the whole conversation, `chosen` and `rejected` one message each.

    `prob_chosen` is P(chosen better), in [0.5, 1]; `confidence` is |2p - 1|, in [0, 1]; `order_consistency` and
    `principle_agreement` are in [0, 1], or None where nothing bears on them. `judge` is the first verdict's
    fingerprint key, as `principle` is its principle; every verdict is kept. `revised_chosen` says whether the
    revision was chosen over the draft; None where the pair is of other texts, or of two equal ones. `chosen_ended`
    and `rejected_ended` are false for an answer that its token limit cut off, None where that is not known.
    """
    c = p.comparison
    first = p.verdicts[0] if p.verdicts else None
    return {
        "id": c.id,
        "prompt_id": c.prompt_id,
        "source": c.source,
        "aim": c.aim,
        "prompt": [turn.as_dict() for turn in c.turns],
        "chosen": [assistant(p.chosen).as_dict()],
        "rejected": [assistant(p.rejected).as_dict()],
        "chosen_ended": p.chosen_ended,
        "rejected_ended": p.rejected_ended,
        "prob_chosen": p.prob_chosen,
        "chosen_is_a": p.chosen_is_a,
        "revised_chosen": p.chosen == c.revised if c.revised and c.response_a != c.response_b else None,
        "weight": p.weight,
        "confidence": abs(2 * p.prob_a - 1),
        "order_consistency": order_consistency(p.verdicts),
        "principle_agreement": principle_agreement(p.parts, p.prob_a),
        "judge": first.judge if first else "",
        "principle": first.principle if first else "",
        "verdicts": [v.as_dict() for v in p.verdicts],
    }


def preference_schema() -> Any:
    """The Arrow schema of `preference_row`: the same for every file, whatever its first rows leave empty."""
    import pyarrow as pa

    text, number, boolean = pa.string(), pa.float64(), pa.bool_()
    messages = pa.list_(pa.struct([("role", text), ("content", text)]))
    verdict = [("principle", text), ("order", text), ("prob_a", number), ("judge", text), ("failure", text)]
    verdict += [("reasoning", text), ("ask", text), ("sample", pa.int64())]
    columns = [("id", text), ("prompt_id", text), ("source", text), ("aim", text)]
    columns += [("prompt", messages), ("chosen", messages), ("rejected", messages)]
    columns += [("chosen_ended", boolean), ("rejected_ended", boolean)]
    columns += [("prob_chosen", number), ("chosen_is_a", boolean), ("revised_chosen", boolean)]
    columns += [
        ("weight", number),
        ("confidence", number),
        ("order_consistency", number),
        ("principle_agreement", number),
    ]
    columns += [("judge", text), ("principle", text), ("verdicts", pa.list_(pa.struct(verdict)))]
    return pa.schema(columns)


def comparison_of(row: dict[str, Any]) -> Comparison:
    """The comparison that a labelled row was made from. `revised` needs the column `revised_chosen`.

    Where the row has no columns `chosen_ended` and `rejected_ended`, as older files have not, nobody knows.
    """
    a, b = ("chosen", "rejected") if row["chosen_is_a"] else ("rejected", "chosen")
    texts = [row[side][0]["content"] for side in (a, b)]
    side = row.get("revised_chosen")
    return Comparison(
        id=row["id"],
        prompt_id=row["prompt_id"],
        prompt=row["prompt"][-1]["content"],
        response_a=texts[0],
        response_b=texts[1],
        source=row["source"],
        revised="" if side is None else row["chosen" if side else "rejected"][0]["content"],
        context=turns_of(row["prompt"][:-1]),
        ended_a=row.get(f"{a}_ended"),
        ended_b=row.get(f"{b}_ended"),
        aim=row.get("aim") or "",
    )


def draft_pairs(chains: Sequence[dict[str, Any]], aim: str = "") -> list[Comparison]:
    """(draft, last good revision) of every chain, from rows of revisions.parquet; all of them about `aim`.

    Which of the two is A is decided by hash of the prompt's id, so that neither side can be told by its place
    and other prompts have no say in it. A good revision ended by itself; whether the draft did, its row says
    (`before_ended`, which older files have not).
    """
    last: dict[str, dict[str, Any]] = {}
    for r in chains:
        if r["failure"] is None:
            first = last.get(r["prompt_id"], r)
            last[r["prompt_id"]] = {**r, "before": first["before"], "before_ended": first.get("before_ended")}
    return [_draft_pair(r, aim) for r in last.values()]


def _draft_pair(r: dict[str, Any], aim: str) -> Comparison:
    """`r` is a chain from its draft (`before`) to its last good `revision`."""
    name, sides = r["prompt_id"], [(r["before"], r["before_ended"]), (r["revision"], True)]
    (a, ended_a), (b, ended_b) = sides if fraction(["draft is a", name]) < 0.5 else reversed(sides)
    return Comparison(
        f"{name}:revision",
        name,
        r["prompt"],
        a,
        b,
        "revision",
        r["revision"],
        aim=aim,
        context=turns_of(r.get("context") or ()),
        ended_a=ended_a,
        ended_b=ended_b,
    )
