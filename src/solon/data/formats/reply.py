"""One reply to a conversation, as files of SFT and of KTO hold it: what is learnt without a second one beside it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from solon.data.formats.carry import carried
from solon.data.formats.checks import MAX_ROW, Record, RowProblem, check_text
from solon.data.formats.ends import OF_SIDES, ended
from solon.data.formats.row import Row, chosen_of
from solon.types import Message, Preference

# What a pair says of its label: of one reply alone it says nothing.
OF_PAIRS = ("prob_chosen", "chosen_is_a", "revised_chosen", *OF_SIDES)


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply to `turns`, whose last is the user's; `after` are turns that follow it unanswered.

    `good` says whether it is desirable, None where the file does not. `ended` false: its token limit cut it off.
    `extra` holds the columns that the format does not use; `file` and `line` (from 1) say where it stood.
    """

    turns: tuple[Message, ...]
    reply: str
    good: bool | None = None
    ended: bool | None = None
    extra: Record = field(default_factory=dict)
    after: tuple[Message, ...] = ()
    file: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)


def replied(record: Record, own: Collection[str], turns: Sequence[Message], good: bool | None = None) -> Reply:
    """The last reply of a conversation; one that is `good` or not ends it. Raises RowProblem where there is none."""
    place = max((n for n, turn in enumerate(turns) if turn.role == "assistant"), default=-1)
    before, last, after = turns[: max(place, 0)], turns[place], tuple(turns[place + 1 :])
    if place < 0 or (after and good is not None):
        held = f"ends with a turn of the {last.role}" if place >= 0 else "holds no turn of the assistant"
        raise RowProblem(f"{held}: there is no reply to learn from")
    if not before or before[-1].role != "user":
        follows = f"a turn of the {before[-1].role}" if before else "nothing"
        raise RowProblem(f"a reply follows {follows}, expected a turn of the user")
    if (size := sum(len(turn.content) for turn in turns)) > MAX_ROW:
        raise RowProblem(f"the row has {size:,} characters, the limit is {MAX_ROW:,}")
    for turn in turns:
        check_text(turn.content)
    extra = {name: value for name, value in record.items() if name not in own}
    return Reply(tuple(before), last.content, good, ended(record), extra, after)


def chosen_reply(row: Row) -> Reply:
    """The reply that a pair prefers, with the pair's columns. Raises RowProblem where it prefers none."""
    if row.identical or row.prob_a == 0.5:
        raise RowProblem("prefers neither reply")
    (turns, chosen, _), prob = chosen_of(row)
    extra = {name: value for name, value in carried(row, OF_PAIRS).items() if name not in OF_PAIRS}
    whole = Preference(row.comparison, prob if row.prob_a is None else row.prob_a).chosen_ended
    if whole is not None:
        extra["ended"] = whole
    return Reply(turns, chosen, None, whole, extra, (), row.file, row.line)


def liked(reply: Reply) -> Reply:
    """The reply, as one to be learnt. Raises RowProblem for one that its label calls bad."""
    if reply.good is False:
        raise RowProblem("label is false: a reply to be avoided is not learnt")
    return replace(reply, good=None)


def alone(reply: Reply) -> Reply:
    """The reply, where it ends its conversation, which is all that most formats hold. Raises RowProblem."""
    if reply.after:
        raise RowProblem(f"goes on after the reply, with a turn of the {reply.after[0].role}")
    return reply


def judged(reply: Reply) -> bool:
    """Its label. Raises RowProblem where it has none."""
    if reply.good is None:
        raise RowProblem("has no label, and the format says of each reply whether it is good")
    return reply.good


def beside(own: Record, reply: Reply, reserved: Collection[str] = ()) -> Record:
    """The format's own columns and the reply's others. Raises RowProblem where one would be taken for the format's."""
    for name in (*own, *reserved):
        if name in reply.extra:
            raise RowProblem(f"column '{name}' would be taken for the format's own; rename it")
    if reply.ended is not None and "ended" not in reply.extra and ended(reply.extra) != reply.ended:
        own = own | {"ended": reply.ended}
    return own | reply.extra
