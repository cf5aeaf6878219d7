"""TRL's preference type, standard (texts) and conversational (lists of messages), prompt explicit or implicit."""

from __future__ import annotations

from typing import Any

from solon.data.formats.base import Format, has
from solon.data.formats.carry import assembled
from solon.data.formats.checks import Record, RowProblem, kind
from solon.data.formats.messages import is_messages, messages, parted
from solon.data.formats.row import Row, Sides, chosen_of, conversation, preferred, prompted
from solon.types import Message, assistant

OWN = ("prompt", "chosen", "rejected")
# Words by which TRL tells what type a dataset is of: one of them as an extra column would change the type.
RESERVED = ("messages", "completion", "label")


def sides(record: Record) -> Sides:
    """The conversation and its two replies, in any mixture of the forms."""
    if record.get("prompt") is not None:
        return parted(whole(record, "chosen"), whole(record, "rejected"))
    for name in ("chosen", "rejected"):
        if isinstance(record.get(name), str):
            raise RowProblem(f"{name} is text and there is no prompt: where the prompt ends is not told")
    return parted(messages(record.get("chosen"), "chosen"), messages(record.get("rejected"), "rejected"))


def whole(record: Record, name: str) -> tuple[Message, ...]:
    """Prompt and reply as one conversation."""
    prompt, value = record["prompt"], record.get(name)
    if not isinstance(prompt, str | list):
        raise RowProblem(f"prompt is {kind(prompt)}, expected text or a list of messages")
    before = prompted(prompt) if isinstance(prompt, str) else messages(prompt, "prompt")
    if isinstance(value, str):
        return (*before, assistant(value))
    said = messages(value, name)
    if said[0].role == "assistant":
        return (*before, *said)
    # Some files give the prompt and then repeat it: UltraFeedback's do.
    opening = next((turn.content for turn in said if turn.role == "user"), None)
    if opening == prompt or said[: len(before)] == before:
        return said
    raise RowProblem(f"{name} opens with another turn than the prompt")


def parse(record: Record) -> list[Row]:
    return [preferred(record, OWN, sides(record))]


def _explicit(row: Row) -> list[Record]:
    (turns, chosen, rejected), _ = chosen_of(row)
    own: dict[str, Any] = {"prompt": [turn.as_dict() for turn in turns]}
    own |= {"chosen": [assistant(chosen).as_dict()], "rejected": [assistant(rejected).as_dict()]}
    return [assembled(own, row, reserved=RESERVED)]


def _implicit(row: Row) -> list[Record]:
    (turns, chosen, rejected), _ = chosen_of(row)
    own = {"chosen": conversation(turns, chosen), "rejected": conversation(turns, rejected)}
    return [assembled(own, row, reserved=(*RESERVED, "prompt"))]


def _standard(row: Row) -> list[Record]:
    (turns, chosen, rejected), _ = chosen_of(row)
    own = {"prompt": single(turns), "chosen": chosen, "rejected": rejected}
    return [assembled(own, row, reserved=RESERVED)]


def single(turns: tuple[Message, ...]) -> str:
    """The text of a conversation of one turn, which is all that a standard format holds."""
    if len(turns) > 1:
        raise RowProblem(f"has {len(turns)} turns before the reply, and the standard format holds one")
    return turns[0].content


def _is_implicit(record: Record) -> bool:
    return is_messages(record.get("chosen")) and is_messages(record.get("rejected")) and "prompt" not in record


EXPLICIT = Format("trl", "prompt, chosen, rejected", has(*OWN), parse, _explicit)
STANDARD = Format("trl-standard", "prompt, chosen, rejected as texts", has(*OWN), parse, _standard)
IMPLICIT = Format("trl-implicit", "chosen, rejected as whole conversations", _is_implicit, parse, _implicit)
