"""TRL's preference type, standard (texts) and conversational (lists of messages), prompt explicit or implicit.

Read generously: any mixture of the forms, replies as one message, ShareGPT's turns, a system prompt in a column, and
an empty prompt beside whole conversations.
"""

from __future__ import annotations

from typing import Any

from solon.data.formats.base import Format, has
from solon.data.formats.carry import assembled
from solon.data.formats.checks import Record, RowProblem, kind
from solon.data.formats.conversation import claimed as claimed
from solon.data.formats.conversation import surrounded
from solon.data.formats.messages import is_messages, parted
from solon.data.formats.rendered import is_plain, whole_of
from solon.data.formats.row import Row, Sides, chosen_of, conversation, preferred
from solon.data.formats.turns import turns_of
from solon.types import Message, assistant, user

OWN = ("prompt", "chosen", "rejected")
# Words by which TRL tells what type a dataset is of: one of them as an extra column would change the type.
RESERVED = ("messages", "completion", "label")


def sided(record: Record) -> tuple[Sides, tuple[str, ...]]:
    """The conversation and its two replies, in any mixture of the forms, and the columns beside OWN that say a part."""
    if not _is_given(record):
        for name in ("chosen", "rejected"):
            if isinstance(record.get(name), str):
                raise RowProblem(f"{name} is text and there is no prompt: where the prompt ends is not told")
        chosen, rejected = (turns_of(record.get(name), name) for name in ("chosen", "rejected"))
    else:
        asked = Once(record["prompt"])
        chosen, rejected = whole(record, "chosen", asked), whole(record, "rejected", asked)
    found = parted(chosen, rejected)
    turns, taken, _ = surrounded(record, "prompt", found.turns)
    return found._replace(turns=turns), taken


def _is_given(record: Record) -> bool:
    """Whether the prompt says something, or the replies need it: an empty one beside whole conversations is none."""
    prompt = record.get("prompt")
    if prompt is None or prompt == []:
        return False
    return prompt != "" or not all(_opens(record.get(name)) for name in ("chosen", "rejected"))


def _opens(value: Any) -> bool:
    """Whether it is a list of messages that the assistant does not begin."""
    first = value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else {}
    return first.get("role", first.get("from")) in ("system", "user", "human")


class Once:
    """A prompt, whose turns are read when they are asked for, and once for both replies to it."""

    def __init__(self, prompt: Any) -> None:
        self.prompt = prompt
        self._turns: tuple[Message, ...] = ()

    @property
    def turns(self) -> tuple[Message, ...]:
        self._turns = self._turns or turns_of(self.prompt, "prompt")
        return self._turns


def whole(record: Record, name: str, asked: Once | None = None) -> tuple[Message, ...]:
    """Prompt and reply as one conversation."""
    prompt, value = record["prompt"], record.get(name)
    asked = asked or Once(prompt)
    if not isinstance(prompt, str | list):
        raise RowProblem(f"prompt is {kind(prompt)}, expected text or a list of messages")
    if isinstance(value, str):
        return whole_of(prompt, asked.turns, value)
    said = turns_of(value, name)
    # Some files give the prompt and then repeat it: UltraFeedback's do.
    opening = next((turn.content for turn in said if turn.role == "user"), None)
    if said[0].role != "assistant" and opening == prompt:
        return said
    before = asked.turns
    if said[0].role == "assistant":
        return (*before, *said)
    if said[: len(before)] == before:
        return said
    raise RowProblem(f"{name} opens with another turn than the prompt")


def parse(record: Record) -> list[Row]:
    found, taken = sided(record)
    return [preferred(record, (*OWN, *taken), found)]


def _explicit(row: Row) -> list[Record]:
    (turns, chosen, rejected), _ = chosen_of(row)
    own: dict[str, Any] = {"prompt": [turn.as_dict() for turn in turns]}
    own |= {"chosen": [assistant(chosen).as_dict()], "rejected": [assistant(rejected).as_dict()]}
    return [assembled(own, row, reserved=(*RESERVED, *claimed(row.extra, turns)))]


def _implicit(row: Row) -> list[Record]:
    (turns, chosen, rejected), _ = chosen_of(row)
    own = {"chosen": conversation(turns, chosen), "rejected": conversation(turns, rejected)}
    return [assembled(own, row, reserved=(*RESERVED, "prompt", *claimed(row.extra, turns)))]


def _standard(row: Row) -> list[Record]:
    (turns, chosen, rejected), _ = chosen_of(row)
    own = {"prompt": single(turns), "chosen": chosen, "rejected": rejected}
    return [assembled(own, row, reserved=(*RESERVED, *claimed(row.extra, turns)))]


def single(turns: tuple[Message, ...]) -> str:
    """The text of a conversation of one turn, which is all that a standard format holds."""
    if len(turns) > 1:
        raise RowProblem(f"has {len(turns)} turns before the reply, and the standard format holds one")
    text = turns[0].content
    if turns != (user(text),) or not is_plain(text):
        raise RowProblem("its prompt would be read as a conversation of several turns; write it as messages")
    return text


def _is_implicit(record: Record) -> bool:
    return is_messages(record.get("chosen")) and is_messages(record.get("rejected")) and not _is_given(record)


ONE_TURN = "turns before the prompt"
EXPLICIT = Format("trl", "prompt, chosen, rejected", has(*OWN), parse, _explicit)
STANDARD = Format("trl-standard", "prompt, chosen, rejected as texts", has(*OWN), parse, _standard, loss=ONE_TURN)
IMPLICIT = Format("trl-implicit", "chosen, rejected as whole conversations", _is_implicit, parse, _implicit)
