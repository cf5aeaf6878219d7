"""Rows of preferences to token ids. KTO reads them too.

Rows have TRL's columns `prompt`, `chosen` and `rejected`, lists of messages, and `prob_chosen`; `chosen_ended` and
`rejected_ended`, where they are, say whether an answer ended by itself (false: its token limit cut it off), and
`weight`, where it is, how much the pair counts. We tokenise them ourselves so that text which spells a chat-template
token stays text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from solon.engines.local.model import LocalModel
from solon.errors import DataError, PromptUnfit
from solon.training.weights import weight_of
from solon.types import Message

SIDES = ("chosen", "rejected")


@dataclass(frozen=True, slots=True)
class Pair:
    """Token ids of a prompt and of two answers to it, each with its end of turn unless it was cut off.

    `prob_chosen` = P(chosen better). `weight`, in (0, inf), says how much it counts beside others.
    """

    prompt: list[int]
    chosen: list[int]
    rejected: list[int]
    prob_chosen: float
    weight: float = 1.0

    @property
    def length(self) -> int:
        """Tokens of the prompt and its longer answer."""
        return len(self.prompt) + max(len(self.chosen), len(self.rejected))


def encode_pairs(local: LocalModel, rows: Sequence[Mapping[str, Any]], max_length: int, way: str) -> list[Pair]:
    """The rows whose prompt and longer answer fit `max_length` tokens and the context, and whose answers differ.

    `way` of training is named in what is raised: DataError without rows, for a label outside [0, 1], when every label
    is 0.5, and when no row with another one fits.
    """
    if not len(rows):
        raise DataError(f"{way}: there are no preferences to learn from; label some pairs first")
    for number, row in enumerate(rows, 1):
        _check(row, number, way)
    differing = [row for row in rows if row["chosen"][0]["content"] != row["rejected"][0]["content"]]
    sided = sum(row["prob_chosen"] != 0.5 for row in differing)
    if not sided:
        raise DataError(
            f"{way}: {len(rows)} rows hold no preference, each has prob_chosen 0.5 or twice the same answer; "
            "label more pairs or check the judge"
        )
    longest = min(max_length, local.context)
    pairs = [pair for row in differing if (pair := _fitting(local, row)) and pair.length <= longest]
    if all(pair.prob_chosen == 0.5 for pair in pairs):
        raise DataError(
            f"{way}: none of the {sided} rows that hold a preference fits max_length {longest}; "
            "raise it or shorten the texts"
        )
    return pairs


def _check(row: Mapping[str, Any], number: int, way: str) -> None:
    for field in ("prompt", "chosen", "rejected", "prob_chosen"):
        if row.get(field) is None:
            raise DataError(f"{way}: row {number} has no {field}; wanted are prompt, chosen, rejected and prob_chosen")
    for field in ("chosen", "rejected"):
        if len(row[field]) != 1:
            raise DataError(f"{way}: row {number}: {field} has {len(row[field])} messages; wanted is the one answer")
    if not 0 <= row["prob_chosen"] <= 1:
        raise DataError(f"{way}: row {number}: prob_chosen is {row['prob_chosen']}; it must lie in [0, 1]")
    weight_of(row, f"{way}: row {number}")


def _fitting(local: LocalModel, row: Mapping[str, Any]) -> Pair | None:
    try:
        return encode_pair(local, row)
    except PromptUnfit:
        return None


def encode_pair(local: LocalModel, row: Mapping[str, Any]) -> Pair:
    """The row's tokens, an answer that ended with its end of turn: the policy must not learn to stop in mid-sentence.

    Raises PromptUnfit where the model cannot be given them.
    """
    turns = [Message(**m) for m in row["prompt"]]
    (prompt, chosen), (_, rejected) = (
        local.encode_completion(turns, row[side][0]["content"], row.get(f"{side}_ended") is not False) for side in SIDES
    )
    return Pair(prompt, chosen, rejected, float(row["prob_chosen"]), weight_of(row, "preferences"))
