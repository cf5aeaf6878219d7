"""Conversations with a reply as rows of token ids, and pairs as rows of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from solon.engines.local.model import LocalModel
from solon.errors import DataError, PromptTooLong
from solon.prompts.fence import fence
from solon.training.reward.data import Pair, bootstrap
from solon.types import Message


def conditioned(turns: Sequence[Message], principle: str) -> tuple[Message, ...]:
    """The conversation with the principle, fenced, at the end of its last turn: right before the reply.

    Whatever a prompt may forge stands before it. After SALMON (Sun et al. 2023), whose reward model reads principles.
    """
    if not principle:
        return tuple(turns)
    last = turns[-1]
    return (*turns[:-1], replace(last, content=f"{last.content}\n\n{fence('principle', principle)}"))


def encode(
    local: LocalModel, turns: Sequence[Message], reply: str, principle: str = "", *, ended: bool = True
) -> list[int]:
    """Token ids of conversation, reply and end of turn, which a reply that was cut off (not `ended`) has not.

    Raises PromptTooLong when they do not fit the context.
    """
    ids = local.encode_text(reply)
    end = [local.tokenizer.eos_token_id] if ended else []
    return [*local.encode_chat(conditioned(turns, principle), len(ids) + 1), *ids, *end]


def fits(local: LocalModel, pair: Pair, *, principle: bool = False) -> bool:
    """Whether both answers of a pair fit the context."""
    try:
        for reply in (pair.response_a, pair.response_b):
            encode(local, pair.turns, reply, pair.principle if principle else "")
    except PromptTooLong:
        return False
    return True


def rows_of(
    local: LocalModel, pairs: Sequence[Pair], *, heads: int, seed: int, principle: bool = False
) -> list[dict[str, Any]]:
    """Rows for the trainer; pairs that do not fit the context are left out.

    Raises DataError when none is left that prefers an answer.
    """
    rows = []
    for pair in pairs:
        text = pair.principle if principle else ""
        try:
            a, b = (encode(local, pair.turns, reply, text) for reply in (pair.response_a, pair.response_b))
        except PromptTooLong:
            continue
        weights = bootstrap(pair, heads, seed)
        rows.append({"ids_a": a, "ids_b": b, "label": pair.prob_a, "weights": weights, "length": len(a) + len(b)})
    if all(row["label"] == 0.5 for row in rows):
        raise DataError(
            f"reward_model: no pair that prefers an answer fits the {local.context} tokens of {local.source.name}; "
            "shorten the texts or use a model with a longer context"
        )
    return rows
