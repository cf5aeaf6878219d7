"""A pair as a file tells it, and the columns that mean the same in every format.

    id             the pair's name: text or a whole number; else made from the content
    prompt_id      the conversation's name; else made from the content
    source         where the pair comes from
    aim            what it is about: a judge is then asked about principles of that aim
    prob_chosen    P(chosen better), in [0, 1]; 1 where there is none and the format has a chosen
    chosen_is_a    which of the two is response A; else decided by hash of the id
    revised_chosen whether the chosen one is a revision of the other; null where neither is
    chosen_ended   whether the chosen one ended by itself: false where a token limit cut it off; rejected_ended

Every column that is not the format's own is kept in `extra` and comes out again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from solon.data.formats.checks import MAX_ROW, Record, RowProblem, boolean, check_text, identity, probability
from solon.data.formats.ends import ended_place, ended_side
from solon.data.formats.names import chosen_comes_first, content_id, content_prompt_id
from solon.data.formats.rendered import plain_replies, turns_of_text
from solon.types import Comparison, Message

TOPICS = ("aim", "subset", "category", "group", "area")


@dataclass(frozen=True, slots=True)
class Row:
    """One pair of a preference file. `prob_a` is P(response_a better) in [0, 1]; None where the file says nothing.

    `extra` holds the columns that the format does not use. `file` and `line` (from 1) say where the row stood.
    """

    comparison: Comparison
    prob_a: float | None = None
    extra: Record = field(default_factory=dict)
    file: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)

    @property
    def identical(self) -> bool:
        """Two equal responses: neither can be the better."""
        return self.comparison.response_a == self.comparison.response_b

    @property
    def empty(self) -> bool:
        """At least one response says nothing."""
        return not (self.comparison.response_a.strip() and self.comparison.response_b.strip())

    @property
    def aim(self) -> str:
        """What the pair is about: the first of TOPICS that the row says anything of."""
        found = (self.extra.get(name) for name in TOPICS)
        return next((topic for topic in found if isinstance(topic, str) and topic), "")

    @property
    def difficulty(self) -> str:
        value = self.extra.get("difficulty")
        return value if isinstance(value, str) else ""


class Sides(NamedTuple):
    """A conversation, its last turn the user's, and its two replies."""

    turns: tuple[Message, ...]
    chosen: str
    rejected: str


def preferred(record: Record, own: Collection[str], sides: Sides, prob: float = 1.0, is_a: bool | None = None) -> Row:
    """The row of a record that says which reply is better; `prob` is P(chosen better) where no column does.

    `own` names the format's columns; `is_a` says whether chosen is A, where the format does.
    """
    turns, chosen, rejected = sides.turns, *plain_replies(sides.chosen, sides.rejected)
    name = identity(record, "id") or content_id(turns, chosen, rejected)
    prob = probability(record, "prob_chosen", prob)
    first = boolean(record, "chosen_is_a")
    first = is_a if first is None else first
    if first is None:
        first = chosen_comes_first(name, prob)
    revised = {None: "", True: chosen, False: rejected}[boolean(record, "revised_chosen")]
    a, b = (chosen, rejected) if first else (rejected, chosen)
    good, bad = ended_side(record, "chosen"), ended_side(record, "rejected")
    ended = (good, bad) if first else (bad, good)
    return _compared(record, own, turns, (a, b), prob if first else 1 - prob, revised, ended)


def compared(
    record: Record,
    own: Collection[str],
    turns: tuple[Message, ...],
    texts: tuple[str, str],
    prob_a: float | None,
    revised: str = "",
    ended: tuple[bool | None, bool | None] | None = None,
) -> Row:
    """The row of a record whose two responses have their places in the file.

    `ended` says whether each ended by itself, where the record does not say it of places.
    """
    ended = ended or (ended_place(record, "a"), ended_place(record, "b"))
    return _compared(record, own, turns, plain_replies(*texts), prob_a, revised, ended)


def _compared(
    record: Record,
    own: Collection[str],
    turns: tuple[Message, ...],
    texts: tuple[str, str],
    prob_a: float | None,
    revised: str,
    ended: tuple[bool | None, bool | None],
) -> Row:
    ended_a, ended_b = ended
    said = [*[t.content for t in turns], *texts]
    size = sum(map(len, said))
    if size > MAX_ROW:
        raise RowProblem(f"the row has {size:,} characters, the limit is {MAX_ROW:,}")
    source, aim = record.get("source"), record.get("aim")
    comparison = Comparison(
        id=identity(record, "id") or content_id(turns, *texts),
        prompt_id=identity(record, "prompt_id") or content_prompt_id(turns),
        prompt=turns[-1].content,
        response_a=texts[0],
        response_b=texts[1],
        source=source if isinstance(source, str) else "",
        revised=revised,
        context=turns[:-1],
        ended_a=ended_a,
        ended_b=ended_b,
        aim=aim if isinstance(aim, str) else "",
    )
    for text in said:
        check_text(text)
    return Row(comparison, prob_a, {name: value for name, value in record.items() if name not in own})


def chosen_of(row: Row) -> tuple[Sides, float]:
    """The row's conversation, chosen and rejected, and P(chosen better), in [0.5, 1].

    Raises RowProblem for a row without a label: neither response is the chosen one.
    """
    c, p = row.comparison, row.prob_a
    if p is None:
        raise RowProblem("has no label, so neither response is the chosen one")
    if p >= 0.5:
        return Sides(c.turns, c.response_a, c.response_b), p
    return Sides(c.turns, c.response_b, c.response_a), 1 - p


def conversation(turns: Sequence[Message], reply: str) -> list[dict[str, str]]:
    """Turns and a reply as a list of messages."""
    return [*(t.as_dict() for t in turns), {"role": "assistant", "content": reply}]


def prompted(text: str) -> tuple[Message, ...]:
    """The conversation that a prompt's text tells, its last turn the user's: one turn, or those of a transcript or of a
    rendered chat template. Raises RowProblem for a template that cannot be read, and where it ends with a reply.
    """
    turns = turns_of_text(text)
    if turns[-1].role != "user":
        raise RowProblem(f"the prompt ends with a turn of the {turns[-1].role}, expected one of the user")
    return turns
