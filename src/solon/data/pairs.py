"""Pairs that people labelled, to measure a judge with."""

from __future__ import annotations

import json
from dataclasses import dataclass

from solon.data.prompts import data_path
from solon.errors import DataError
from solon.files import numbered_lines
from solon.types import Comparison, digest


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """A comparison and which response people found better. `aim` is what it is about."""

    comparison: Comparison
    better_is_a: bool
    aim: str = ""

    @property
    def key(self) -> str:
        c = self.comparison
        return digest([c.id, c.prompt, c.response_a, c.response_b, self.better_is_a])


def load_labelled_pairs(name: str) -> list[LabelledPair]:
    """Rows of `prompt`, `response_a`, `response_b`, `better` ("a" or "b"), and optionally `id` and `aim`.

    Raises DataError with file and line at the first row that is not one: a label set must be whole.
    """
    path = data_path(name)
    pairs: list[LabelledPair] = []
    for number, line in numbered_lines(path, "evaluate.labelled_pairs"):
        try:
            row = json.loads(line)
            better = {"a": True, "b": False}[row["better"]]
            identity = str(row.get("id", number))
            comparison = Comparison(identity, identity, row["prompt"], row["response_a"], row["response_b"], "labelled")
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path}:{number}: expected prompt, response_a, response_b and better ('a' or 'b'); problem: {error}"
            ) from None
        pairs.append(LabelledPair(comparison, better, str(row.get("aim", ""))))
    return pairs
