"""Anthropic's HH transcripts: chosen and rejected are whole conversations, "\\n\\nHuman: …\\n\\nAssistant: …".

The turns they share are the conversation and the last Assistant turn is the response. One space after the colon
belongs to the format. A message that holds a marker itself cannot be told from two turns, so it is never written.
"""

from __future__ import annotations

from collections.abc import Sequence

from solon.data.formats.base import Format
from solon.data.formats.carry import assembled
from solon.data.formats.checks import Record, RowProblem, text
from solon.data.formats.messages import parted
from solon.data.formats.rendered import MARKER as MARKER
from solon.data.formats.rendered import SPEAKERS as SPEAKERS
from solon.data.formats.row import Row, Sides, chosen_of, preferred
from solon.types import Message, assistant

OWN = ("chosen", "rejected")
NAMES = {role: name for name, role in SPEAKERS.items()}


def read_transcript(whole: str, name: str) -> tuple[Message, ...]:
    """The turns of a transcript, at least one. Raises RowProblem when text stands before the first."""
    parts = MARKER.split("\n\n" + whole.lstrip("\n"))
    if parts[0] or len(parts) == 1:
        raise RowProblem(f"{name} is no transcript: it does not begin with 'Human:'")
    said = zip(parts[1::2], parts[2::2], strict=True)
    return tuple(Message(SPEAKERS[speaker], content.removeprefix(" ")) for speaker, content in said)


def write_transcript(turns: Sequence[Message]) -> str:
    """Turns as a transcript. Raises RowProblem for what it cannot hold."""
    for n, turn in enumerate(turns, 1):
        if turn.role not in NAMES:
            raise RowProblem(f"turn {n} is a {turn.role} turn, which an HH transcript cannot hold")
        if found := MARKER.search(turn.content):
            raise RowProblem(f"turn {n} holds {found.group()!r}, which would be read as another turn")
    return "".join(f"\n\n{NAMES[turn.role]}: {turn.content}" for turn in turns)


def sides(chosen: str, rejected: str) -> Sides:
    """The conversation and replies of two transcripts."""
    return parted(read_transcript(chosen, "chosen"), read_transcript(rejected, "rejected"))


def _parse(record: Record) -> list[Row]:
    return [preferred(record, OWN, sides(text(record, "chosen"), text(record, "rejected")))]


def _render(row: Row) -> list[Record]:
    (turns, chosen, rejected), _ = chosen_of(row)
    own = {
        "chosen": write_transcript((*turns, assistant(chosen))),
        "rejected": write_transcript((*turns, assistant(rejected))),
    }
    return [assembled(own, row, reserved=("prompt", "prompt_turns"))]


def _holds(record: Record) -> bool:
    return all(isinstance(record.get(name), str) for name in OWN) and "prompt" not in record


FORMAT = Format("hh", "chosen, rejected as transcripts", _holds, _parse, _render)
