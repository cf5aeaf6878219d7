"""Preferences that people gave, mixed with the judge's: in the paper, people label helpfulness (section 4.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from solon.data.formats import Row, read_pairs
from solon.data.repeats import normalised, spoken
from solon.data.rows import BadRow, data_path
from solon.errors import ConfigError, DataError
from solon.files import sha256_file
from solon.pipeline.context import Context
from solon.pipeline.recipe import HumanPairs, Recipe
from solon.types import Preference

SOURCE = "human"


def human_inputs(recipe: Recipe) -> dict[str, Any]:
    """What the people's labels depend on, for the key of a step. Raises ConfigError where a file cannot be read."""
    if not recipe.rl_cai.human:
        return {}
    return {"rl_cai.human": [[one.model_dump(), _hash(n, one)] for n, one in enumerate(recipe.rl_cai.human)]}


def check_human(context: Context) -> None:
    """Raises ConfigError and DataError, before anything is spent, for a file of pairs that no run could learn from."""
    held_out = _held_out(context)
    for n, wanted in enumerate(context.recipe.rl_cai.human):
        _hash(n, wanted)
        first = None
        for found in _found(wanted, held_out):
            if not isinstance(found, BadRow):
                break
            first = first or found
        else:
            raise _unusable(n, wanted, first)


def human_pairs(context: Context) -> Iterator[Preference]:
    """The labelled pairs of the recipe's files, their labels and weights as they stand there.

    Rows without a label or with two equal replies, and pairs about a prompt that is held out, are set aside. Raises
    DataError where a file has no other.
    """
    held_out = _held_out(context)
    for n, wanted in enumerate(context.recipe.rl_cai.human):
        yield from _pairs_of(context, n, wanted, held_out)


def _pairs_of(context: Context, n: int, wanted: HumanPairs, held_out: set[str]) -> Iterator[Preference]:
    count, first = 0, None
    for found in _found(wanted, held_out):
        if count == wanted.limit:
            break
        if isinstance(found, BadRow):
            context.quarantine.append(found)
            first = first or found
            continue
        count += 1
        yield _labelled(found, wanted)
    if not count:
        raise _unusable(n, wanted, first)


def _unusable(n: int, wanted: HumanPairs, first: BadRow | None) -> DataError:
    why = f"; {first.file}:{first.line}: {first.reason}" if first else ""
    return DataError(f"rl_cai.human.{n}: {wanted.file} has no usable pair{why}")


def _held_out(context: Context) -> set[str]:
    return {normalised(spoken(prompt.turns)) for prompt in context.all_prompts("heldout")}


def _found(wanted: HumanPairs, held_out: set[str]) -> Iterator[Row | BadRow]:
    for row in read_pairs(data_path(wanted.file), wanted.format):
        yield row if isinstance(row, BadRow) else _usable(row, held_out)


def _labelled(row: Row, wanted: HumanPairs) -> Preference:
    comparison = replace(row.comparison, source=SOURCE, aim=wanted.aim)
    return Preference(comparison, row.prob_a or 0.0, weight=wanted.weight)


def _usable(row: Row, held_out: set[str]) -> Row | BadRow:
    """The row, or why it is not learnt from."""
    reason = None
    if row.prob_a is None:
        reason = "has no label"
    elif row.identical:
        reason = "chosen equals rejected"
    elif normalised(spoken(row.comparison.turns)) in held_out:
        reason = "its prompt is held out"
    elif row.comparison.cut_off:
        reason = "an answer was cut off by its token limit"
    return row if reason is None else BadRow(row.file, row.line, reason)


def _hash(n: int, wanted: HumanPairs) -> str:
    try:
        return sha256_file(data_path(wanted.file))
    except OSError as error:
        raise ConfigError(f"rl_cai.human.{n}: cannot read {wanted.file}: {error.strerror}") from None
