"""Preferences in TRL's columns (`prompt`, `chosen`, `rejected`) plus the soft label and its trail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from solon.types import Comparison, Preference, assistant, fraction, user


def preference_row(p: Preference) -> dict[str, Any]:
    """One labelled pair. `prob_chosen` is in [0.5, 1]; every verdict is kept.

    `revised_chosen` says whether the revision was chosen over the draft; None where the pair is of other texts,
    or of two equal ones.
    """
    c = p.comparison
    return {
        "id": c.id,
        "prompt_id": c.prompt_id,
        "source": c.source,
        "prompt": [user(c.prompt).as_dict()],
        "chosen": [assistant(p.chosen).as_dict()],
        "rejected": [assistant(p.rejected).as_dict()],
        "prob_chosen": p.prob_chosen,
        "chosen_is_a": p.chosen_is_a,
        "revised_chosen": p.chosen == c.revised if c.revised and c.response_a != c.response_b else None,
        "principle": p.verdicts[0].principle if p.verdicts else "",
        "verdicts": [asdict(v) for v in p.verdicts],
    }


def comparison_of(row: dict[str, Any]) -> Comparison:
    """The comparison that a labelled row was made from."""
    a, b = ("chosen", "rejected") if row["chosen_is_a"] else ("rejected", "chosen")
    texts = [row[side][0]["content"] for side in (a, b)]
    return Comparison(row["id"], row["prompt_id"], row["prompt"][0]["content"], texts[0], texts[1], row["source"])


def draft_pairs(chains: Sequence[dict[str, Any]]) -> list[Comparison]:
    """(draft, last good revision) of every chain, from rows of revisions.parquet.

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
        pairs.append(Comparison(f"{prompt_id}:revision", prompt_id, prompt, a, b, "revision", revision))
    return pairs
