"""Preferences out of a file, for the trainers on pairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from solon.data.formats import Row, read_pairs, recognise
from solon.data.formats.row import chosen_of
from solon.data.prompts import BadRow, data_path
from solon.pipeline.training.job import Job
from solon.pipeline.training.loaded import Loaded, taken
from solon.types import Preference, assistant

if TYPE_CHECKING:
    from solon.training.reward import Pair


def load_pairs(job: Job) -> Loaded[Row]:
    """The labelled pairs of the job's file, in any preference format. Raises ConfigError and DataError as it does."""
    path = data_path(job.file)
    told = job.format or recognise(path).name
    return taken(_labelled(read_pairs(path, told)), job.limit, told)


def _labelled(rows: Iterator[Row | BadRow]) -> Iterator[Row | BadRow]:
    for row in rows:
        unlabelled = isinstance(row, Row) and row.prob_a is None
        yield BadRow(row.file, row.line, "has no label; solon label makes one") if unlabelled else row


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
    }


def _ends(row: Row) -> tuple[bool | None, bool | None]:
    """Whether chosen and rejected ended by themselves."""
    label = Preference(row.comparison, row.prob_a if row.prob_a is not None else 0.5)
    return label.chosen_ended, label.rejected_ended


def reward_pair(row: Row) -> Pair:
    """The pair for a reward model; its column `principle` is the text that a principle-conditioned one reads."""
    from solon.training.reward import Pair

    (turns, chosen, rejected), prob = chosen_of(row)
    principle = row.extra.get("principle")
    text = principle if isinstance(principle, str) else ""
    ended, other = (end is not False for end in _ends(row))
    return Pair(turns, chosen, rejected, prob, text, row.comparison.id, ended, other)
