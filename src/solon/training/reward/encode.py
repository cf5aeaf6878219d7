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
    local: LocalModel, turns: Sequence[Message], reply: str, principle: str = "", ended: bool = True
) -> list[int]:
    """Token ids of conversation, reply and end of turn. Raises PromptTooLong when they do not fit the context.

    The end of turn is left out of a reply that has not `ended`: were it there, the model would read a whole reply that
    breaks off in mid-sentence, and learn that such are bad.
    """
    ids = _reply_ids(local, reply, ended)
    return [*local.encode_chat(conditioned(turns, principle), len(ids)), *ids]


def _reply_ids(local: LocalModel, reply: str, ended: bool) -> list[int]:
    """The reply's tokens, with an end of turn where it ended by itself."""
    return [*local.encode_text(reply), *([local.tokenizer.eos_token_id] if ended else [])]


def sides(pair: Pair) -> tuple[tuple[str, bool], tuple[str, bool]]:
    """Both answers of a pair, and whether each ended."""
    return (pair.response_a, pair.ended_a), (pair.response_b, pair.ended_b)


def fits(local: LocalModel, pair: Pair, *, principle: bool = False) -> bool:
    """Whether both answers of a pair fit the context."""
    try:
        for reply, ended in sides(pair):
            encode(local, pair.turns, reply, pair.principle if principle else "", ended)
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
            a, b = (encode(local, pair.turns, reply, text, ended) for reply, ended in sides(pair))
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
