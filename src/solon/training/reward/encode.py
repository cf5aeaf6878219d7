"""Conversations with a reply as rows of token ids, and pairs as rows of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from solon.engines.local.model import LocalModel
from solon.errors import DataError, PromptUnfit
from solon.prompts.fence import fence
from solon.training.reward.data import Pair, bootstrap
from solon.training.weights import of_mean_one
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
    """Token ids of conversation, reply and end of turn. Raises PromptUnfit where the model cannot be given them.

    The end of turn is left out of a reply that has not `ended`: were it there, the model would read a whole reply that
    breaks off in mid-sentence, and learn that such are bad.
    """
    prompt, completion = local.encode_completion(conditioned(turns, principle), reply, ended)
    return prompt + completion


def sides(pair: Pair) -> tuple[tuple[str, bool], tuple[str, bool]]:
    """Both answers of a pair, and whether each ended."""
    return (pair.response_a, pair.ended_a), (pair.response_b, pair.ended_b)


def encode_pair(local: LocalModel, pair: Pair, *, principle: bool = False) -> tuple[list[int], list[int]]:
    """`encode` of both answers of a pair, under its principle if `principle`. Raises PromptUnfit."""
    text = pair.principle if principle else ""
    a, b = (encode(local, pair.turns, reply, text, ended) for reply, ended in sides(pair))
    return a, b


def fits(local: LocalModel, pair: Pair, *, principle: bool = False) -> bool:
    """Whether the model can be given both answers of a pair."""
    try:
        encode_pair(local, pair, principle=principle)
    except PromptUnfit:
        return False
    return True


def rows_of(
    local: LocalModel, pairs: Sequence[Pair], *, heads: int, seed: int, principle: bool = False
) -> list[dict[str, Any]]:
    """Rows for the trainer; pairs that do not fit the context are left out.

    Raises DataError when none is left that prefers an answer.
    """
    encoded: list[tuple[Pair, list[int], list[int]]] = []
    for pair in pairs:
        with suppress(PromptUnfit):
            encoded.append((pair, *encode_pair(local, pair, principle=principle)))
    rows = []
    for (pair, a, b), weight in zip(encoded, of_mean_one([pair.weight for pair, *_ in encoded]), strict=True):
        weights = [weight * times for times in bootstrap(pair, heads, seed)]
        rows.append({"ids_a": a, "ids_b": b, "label": pair.prob_a, "weights": weights, "length": len(a) + len(b)})
    if all(row["label"] == 0.5 for row in rows):
        raise DataError(
            f"reward_model: no pair that prefers an answer fits the {local.context} tokens of {local.source.name}; "
            "shorten the texts or use a model with a longer context"
        )
    return rows
