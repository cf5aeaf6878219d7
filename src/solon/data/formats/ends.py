"""Whether a reply ended by itself or was cut off by a token limit, as files say it.

Ours are columns of true, false or null: `chosen_ended` and `rejected_ended`, `ended_a` and `ended_b` where replies are
called so, `ended` in a row of one reply. Where they are missing, the finish reason that servers give is understood
(`chosen_finish_reason`, `finish_reason_a`, `finish_reason`). None: the file does not say, which is never guessed.
"""

from __future__ import annotations

from typing import Any

from solon.data.formats.checks import Record, boolean

CUT = frozenset({"length", "max_tokens", "max_length", "max_new_tokens"})
WHOLE = frozenset({"stop", "eos", "eos_token", "end_turn", "stop_sequence"})
OF_PLACES = ("ended_a", "ended_b")
OF_SIDES = ("chosen_ended", "rejected_ended")
OF_LISTS = ("ended", "finish_reasons", "finish_reason")  # one entry for each of several replies


def of_reason(reason: Any) -> bool | None:
    """What a finish reason says: false for "length", true for "stop" or "eos"; None for others and for none."""
    told = reason.lower() if isinstance(reason, str) else ""
    return False if told in CUT else True if told in WHOLE else None


def ended(record: Record) -> bool | None:
    """Of a row with one reply. Raises RowProblem where `ended` is neither true, false nor null."""
    said = boolean(record, "ended")
    return of_reason(record.get("finish_reason")) if said is None else said


def ended_side(record: Record, side: str) -> bool | None:
    """Of the reply that is `side`, chosen or rejected. Raises RowProblem as `ended` does."""
    said = boolean(record, f"{side}_ended")
    return of_reason(record.get(f"{side}_finish_reason")) if said is None else said


def ended_place(record: Record, place: str) -> bool | None:
    """Of response `place`, a or b. Raises RowProblem as `ended` does."""
    said = boolean(record, f"ended_{place}")
    return of_reason(record.get(f"finish_reason_{place}")) if said is None else said
