"""The label store: preferences in TRL's columns (`prompt`, `chosen`, `rejected`), the soft label and its trail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from solon.feedback.columns import order_consistency, principle_agreement
from solon.types import Comparison, Message, Preference, assistant, fraction


def preference_row(p: Preference) -> dict[str, Any]:
    """One labelled pair. `prompt` is the whole conversation, `chosen` and `rejected` one message each.

    `prob_chosen` is P(chosen better), in [0.5, 1]; `confidence` is |2p - 1|, in [0, 1]; `order_consistency` and
    `principle_agreement` are in [0, 1], or None where nothing bears on them. `judge` is the first verdict's
    fingerprint key, as `principle` is its principle; every verdict is kept. `revised_chosen` says whether the
    revision was chosen over the draft; None where the pair is of other texts, or of two equal ones.
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
        "prob_chosen": p.prob_chosen,
        "chosen_is_a": p.chosen_is_a,
        "revised_chosen": p.chosen == c.revised if c.revised and c.response_a != c.response_b else None,
        "confidence": abs(2 * p.prob_a - 1),
        "order_consistency": order_consistency(p.verdicts),
        "principle_agreement": principle_agreement(p.parts, p.prob_a),
        "judge": first.judge if first else "",
        "principle": first.principle if first else "",
        "verdicts": [asdict(v) for v in p.verdicts],
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
    columns += [("prob_chosen", number), ("chosen_is_a", boolean), ("revised_chosen", boolean)]
    columns += [("confidence", number), ("order_consistency", number), ("principle_agreement", number)]
    columns += [("judge", text), ("principle", text), ("verdicts", pa.list_(pa.struct(verdict)))]
    return pa.schema(columns)


def comparison_of(row: dict[str, Any]) -> Comparison:
    """The comparison that a labelled row was made from. `revised` needs the column `revised_chosen`."""
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
        context=tuple(Message(m["role"], m["content"]) for m in row["prompt"][:-1]),
        aim=row.get("aim") or "",
    )


def draft_pairs(chains: Sequence[dict[str, Any]], aim: str = "") -> list[Comparison]:
    """(draft, last good revision) of every chain, from rows of revisions.parquet; all of them about `aim`.

    Which of the two is A is decided by hash of the prompt's id, so that neither side can be told by its place
    and other prompts have no say in it.
    """
    last: dict[str, tuple[str, str, str]] = {}
    for r in chains:
        if r["failure"] is None:
            draft = last[r["prompt_id"]][1] if r["prompt_id"] in last else r["before"]
            last[r["prompt_id"]] = (r["prompt"], draft, r["revision"])
    pairs = []
    for prompt_id, (prompt, draft, revision) in last.items():
        a, b = (draft, revision) if fraction(["draft is a", prompt_id]) < 0.5 else (revision, draft)
        pairs.append(Comparison(f"{prompt_id}:revision", prompt_id, prompt, a, b, "revision", revision, aim=aim))
    return pairs
