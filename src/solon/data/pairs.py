"""Labelled pairs, to measure a judge with, and who labelled them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from solon.data.formats import Row, read_pairs
from solon.data.rows import BadRow, data_path
from solon.errors import DataError
from solon.types import Comparison, digest

SHIPPED = "shipped"
# The shipped pairs were written and labelled within this project; no independent annotator has seen them.
SHIPPED_BY = "the Solon project"


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """A comparison and which response is labelled the better one. `aim` is what it is about, `difficulty` how hard.

    `labelled_by` is who labelled it, where the file has a column of that name.
    """

    comparison: Comparison
    better_is_a: bool
    aim: str = ""
    difficulty: str = ""
    labelled_by: str = ""

    @property
    def key(self) -> str:
        c = self.comparison
        before = [turn.as_dict() for turn in c.context]
        said = [before] if before else []
        return digest([c.id, c.prompt, c.response_a, c.response_b, self.better_is_a, *said])


def pairs_path(name: str) -> Path:
    """A path, `shipped` for the labelled set that comes with Solon, or `quickstart:NAME`."""
    if name == SHIPPED:
        return Path(str(files("solon.feedback") / "library" / "labelled_pairs.jsonl"))
    return data_path(name)


def load_labelled_pairs(name: str, format: str | None = None) -> tuple[list[LabelledPair], list[BadRow]]:
    """The labelled pairs of a file in any format (solon.data.formats), and the rows that were set aside.

    `name` is as in `pairs_path`. A judge can be measured only on pairs with a better response: a row without a
    label, with one of 0.5, or of two equal responses is set aside. Raises ConfigError when the file cannot be
    opened and DataError when no row is usable.
    """
    path = pairs_path(name)
    pairs, bad = _usable(read_pairs(path, format))
    if not pairs:
        raise DataError(f"{path} has no usable row; line {bad[0].line}: {bad[0].reason}")
    return pairs, bad


def _usable(rows: Iterable[Row | BadRow]) -> tuple[list[LabelledPair], list[BadRow]]:
    pairs: list[LabelledPair] = []
    bad: list[BadRow] = []
    for row in rows:
        if isinstance(row, BadRow):
            bad.append(row)
        elif (reason := _undecided(row)) is not None:
            bad.append(BadRow(row.file, row.line, reason))
        elif row.prob_a is not None:
            comparison = replace(row.comparison, source=row.comparison.source or "labelled", aim=row.aim)
            pairs.append(LabelledPair(comparison, row.prob_a > 0.5, row.aim, row.difficulty, _labelled_by(row)))
    return pairs, bad


def said_by(name: str, pairs: Sequence[LabelledPair]) -> str:
    """Who labelled the pairs of `load_labelled_pairs(name)`, as the file says; "" where a pair does not say."""
    if name == SHIPPED:
        return SHIPPED_BY
    names = dict.fromkeys(pair.labelled_by for pair in pairs)
    return "" if "" in names else ", ".join(names)


def _labelled_by(row: Row) -> str:
    value = row.extra.get("labelled_by")
    return value.strip() if isinstance(value, str) else ""


def _undecided(row: Row) -> str | None:
    """Why the row does not say which response is better."""
    if row.prob_a is None:
        return "has no label"
    if row.identical:
        return "chosen equals rejected"
    return "its label is 0.5: neither response is the better" if row.prob_a == 0.5 else None
