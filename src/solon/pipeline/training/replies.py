"""What KTO learns from: labelled pairs, and good and bad replies that stand alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from solon.data.formats import Reply, Row
from solon.data.formats.known import readable
from solon.data.formats.unpaired import read_lone
from solon.data.rows import data_path
from solon.pipeline.training.job import Job
from solon.pipeline.training.loaded import Loaded
from solon.pipeline.training.pairs import load_pairs, preference
from solon.types import assistant


def load_replies(job: Job) -> Loaded[Row | Reply]:
    """The pairs of the job's file; of unpaired formats the replies without a partner too, after the pairs.

    Raises ConfigError and DataError as `load_pairs` does.
    """
    paired: Loaded[Any] = load_pairs(job)
    format = readable(paired.format)
    if format.gather is None:
        return paired
    lone = read_lone(data_path(job.file), format)
    told = {one.line for one in lone}  # set aside as pairs that are none
    bad = [row for row in paired.bad if row.line not in told]
    lone = lone[: None if job.limit is None else max(0, job.limit - len(paired.items) - len(bad))]
    return replace(paired, items=[*paired.items, *lone], bad=bad)


def labelled_reply(row: Row | Reply) -> dict[str, Any]:
    """A pair as `preference` gives it, a lone reply in TRL's unpaired columns."""
    if isinstance(row, Row):
        return preference(row)
    return {
        "prompt": [turn.as_dict() for turn in row.turns],
        "completion": [assistant(row.reply).as_dict()],
        "label": row.good,
        "ended": row.ended,
    }
