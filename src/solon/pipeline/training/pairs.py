"""Preferences out of a file, for the trainers on pairs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from solon.data.formats import Row, read_pairs, recognise
from solon.data.formats.row import chosen_of
from solon.data.rows import BadRow, data_path
from solon.data.truncation import Truncation
from solon.pipeline.training.job import Job
from solon.pipeline.training.loaded import Loaded, taken
from solon.types import Preference, assistant

if TYPE_CHECKING:
    from solon.training.reward import Pair


def load_pairs(job: Job) -> Loaded[Row]:
    """The labelled pairs of the job's file, in any preference format. Raises ConfigError and DataError as it does.

    Of pairs with an answer that its token limit cut off, those that are left out are set aside, with file and line.
    """
    path, rule = data_path(job.file), Truncation(job.truncated_pairs)
    told = job.format or recognise(path).name
    loaded = taken((_usable(row, rule) for row in read_pairs(path, told)), job.limit, told)
    return replace(loaded, said=rule.said_unknown(), facts={"truncated_pairs": rule.facts()})


def _usable(row: Row | BadRow, rule: Truncation) -> Row | BadRow:
    if isinstance(row, BadRow):
        return row
    if row.prob_a is None:
        return BadRow(row.file, row.line, "has no label; solon label makes one")
    admitted = rule.admit(row.comparison)
    if admitted is None:
        return BadRow(row.file, row.line, "an answer was cut off by its token limit (--truncated-pairs equal_length)")
    return replace(row, comparison=admitted)


def preference(row: Row) -> dict[str, Any]:
    """The pair in TRL's columns, with the soft label, and whether each answer ended (None: the file does not say)."""
    (turns, chosen, rejected), prob = chosen_of(row)
    chosen_ended, rejected_ended = _ends(row)
    return {
        "prompt": [turn.as_dict() for turn in turns],
        "chosen": [assistant(chosen).as_dict()],
        "rejected": [assistant(rejected).as_dict()],
        "prob_chosen": prob,
        "chosen_ended": chosen_ended,
        "rejected_ended": rejected_ended,
        "weight": _weight(row),
    }


def _weight(row: Row) -> float:
    from solon.training.weights import weight_of

    return weight_of(row.extra, f"{row.file}: line {row.line}")


def _ends(row: Row) -> tuple[bool | None, bool | None]:
    """Whether chosen and rejected ended by themselves."""
    label = Preference(row.comparison, row.prob_a if row.prob_a is not None else 0.5)
    return label.chosen_ended, label.rejected_ended


def reward_pair(row: Row) -> Pair:
    """The pair for a reward model; its column `principle` is the text that a principle-conditioned one reads."""
    from solon.training.reward import Pair, grouped

    (turns, chosen, rejected), prob = chosen_of(row)
    principle = row.extra.get("principle")
    text = principle if isinstance(principle, str) else ""
    ended, other = (end is not False for end in _ends(row))
    groups = grouped({**row.extra, "source": row.comparison.source, "aim": row.comparison.aim})
    return Pair(turns, chosen, rejected, prob, text, row.comparison.id, ended, other, _weight(row), groups)
