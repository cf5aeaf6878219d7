"""Two replies in columns of their own, and a label that says which is better, in the words of many files.

What a file calls the prompt (`turns.PROMPTS`), the replies (STEMS and SUFFIXES: response_a and response_b, answer1 and
answer2, response_0 …) and the label (LABELS) is found by name; what the label says is read by `labels.better_of`, and a
label that is not understood sets its row aside. A row without a label is a pair without one. Some files are told by
their name, because they are written too (JudgeBench, HelpSteer3, icai) or number the replies otherwise (SHP).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from solon.data.formats.base import Format, Records
from solon.data.formats.carry import assembled
from solon.data.formats.checks import Record, RowProblem
from solon.data.formats.ends import OF_PLACES, OF_SIDES, ended_place
from solon.data.formats.labels import better_of, flags_in, of_flags, of_scores, of_strength, place_number
from solon.data.formats.messages import parted
from solon.data.formats.row import Row, Sides, compared, preferred
from solon.data.formats.trl import claimed, single
from solon.data.formats.turns import PROMPTS, asked, prompt_column, reply_of, turns_of
from solon.data.rows import BadRow
from solon.errors import DataError
from solon.types import Message

STEMS = (
    "response",
    "answer",
    "output",
    "completion",
    "text",
    "reply",
    "generation",
    "candidate",
    "model_output",
    "assistant",
    "summary",
    "orig_response",
    "option",
    "message",
)
SUFFIXES: tuple[tuple[str, str], ...] = (
    ("_a", "_b"),
    ("_A", "_B"),
    ("A", "B"),
    ("_0", "_1"),
    ("_1", "_2"),
    ("0", "1"),
    ("1", "2"),
)
SUFFIXES += (("_left", "_right"), ("_first", "_second"))
LABELS = (
    "prob_a",
    "better",
    "better_response_id",
    "better_response",
    "preferred",
    "preferred_text",
    "preferred_response",
    "preference",
    "orig_preference",
    "human_preference",
    "overall_preference",
    "preference_strength",
    "winner",
    "winner_model",
    "label",
    "labels",
    "gold_label",
    "comparison",
    "choice",
    "chosen",
    "selected",
    "verdict",
)
LIKE_A_LABEL = re.compile(r"(^|_)(label|winner|better|best|prefer\w*|chosen|choice|verdict|vote|selected)(_|$)", re.I)
OF_LABELS = re.compile(r"_(source|by|model|time|date|reason|rationale|count|confidence|strength|score|type)s?$", re.I)
INVERSE = ("loser", "worse", "worse_response", "worse_response_id", "losing_response", "dispreferred")
OTHERS_SAID = ("orig_preference", "human_preference")  # by somebody else: they may differ from the label
SIGNED = ("overall_preference", "preference_strength")  # HelpSteer's: below 0 the first reply is better

Better = Callable[[Any, str], float | None]


@dataclass(frozen=True, slots=True)
class Columns:
    """What a file calls its two replies and its label ("": it has none), and how the label is read."""

    a: str
    b: str
    label: str = ""
    read: Better | None = None
    prompts: tuple[str, ...] = PROMPTS

    def better(self, record: Record) -> tuple[float | None, tuple[str, ...]]:
        """P(the reply in column `a` better), and the columns that say it.

        Raises RowProblem for a label that is not understood, and for two that contradict each other.
        """
        if self.read is not None:
            return self.read(record.get(self.label), self.label), (self.label,)
        flag, flags = of_flags(record)
        if flags:
            return _undisputed(record, self, flags[0], flag, flags)
        if self.label:
            return _undisputed(record, self, self.label, self._said(record), (self.label,))
        for name in INVERSE:
            if record.get(name) is not None:
                worse = _by_name(record, self, record[name], name)
                return (None if worse is None else 1 - worse), (name,)
        return of_scores(record, self.a, self.b), ()

    def _said(self, record: Record) -> float | None:
        if self.label == "prob_a":
            return _probability(record)
        if self.label in SIGNED:
            return of_strength(record.get(self.label), self.label)
        return _by_name(record, self, record.get(self.label), self.label)


def _by_name(record: Record, columns: Columns, value: Any, name: str) -> float | None:
    """`better_of`, for a label that is the name of a model in model_a or model_b, or the better reply itself, too."""
    try:
        return better_of(value, name, columns.a, columns.b)
    except RowProblem:
        for one, other in (("model_a", "model_b"), (columns.a, columns.b)):
            sides = (record.get(one), record.get(other))
            if isinstance(value, str) and value in sides and sides[0] != sides[1]:
                return float(value == sides[0])
        raise


def _undisputed(
    record: Record, columns: Columns, name: str, prob: float | None, own: tuple[str, ...]
) -> tuple[float | None, tuple[str, ...]]:
    """What the label `name` says, and the columns that say it: others that agree are among them.

    Only words are compared: what numbers count, columns may tell in ways of their own.
    """
    used = list(own)
    for other in (*LABELS, *INVERSE):
        value = record.get(other)
        if other in (*own, *SIGNED, *OTHERS_SAID) or not isinstance(value, str) or not re.search("[A-Za-z]", value):
            continue
        try:
            said = _by_name(record, columns, value, other)
        except RowProblem:
            continue  # a column of something else
        if prob is None or said is None:
            continue
        said = 1 - said if other in INVERSE else said
        if (said > 0.5, said < 0.5) != (prob > 0.5, prob < 0.5):
            shown = [str(record.get(one))[:40] for one in (name, other)]
            raise RowProblem(f"{name} ({shown[0]}) and {other} ({shown[1]}) contradict each other: keep one of them")
        used.append(other)
    return prob, tuple(used)


def _probability(record: Record) -> float | None:
    value = record.get("prob_a")
    if value is None or (not isinstance(value, bool) and isinstance(value, int | float) and 0 <= value <= 1):
        return value
    raise RowProblem(f"prob_a is {value!r}, expected a number from 0 to 1")


def columns_of(record: Record) -> Columns | None:
    """What a record calls its two replies; None where it has no such two, or nothing that they reply to."""
    for stem in STEMS:
        for first, second in SUFFIXES:
            a, b = stem + first, stem + second
            if a in record and b in record:
                return Columns(a, b, _label(record)) if prompt_column(record) else None
    return None


def _label(record: Record) -> str:
    """The column that says which reply is better; one whose name only resembles those of labels is read, too."""
    known = [name for name in LABELS if name in record]
    said = next((name for name in known if record[name] not in (None, "")), None)
    if said or known:
        return said or known[0]
    flags = flags_in(record)
    like = (n for n in record if LIKE_A_LABEL.search(n) and not OF_LABELS.search(n) and n not in (*flags, *INVERSE))
    return next(like, "")


def is_labelled(record: Record, a: str = "response_a", b: str = "response_b") -> bool:
    """Whether any column says which of the two is better, or is called as if it did."""
    if any(name in record for name in (*LABELS, *INVERSE)) or of_scores(record, a, b) is not None:
        return True
    return bool(flags_in(record))


def counted(source: Records, file: str) -> Records:
    """The records, once it is certain what their labels count.

    Raises DataError where the labels 0 and 1 (or 1 and 2) number columns that end in 1 and 2 (in 0 and 1): the file
    is then looked through once more, for a label that only one of both ways has.
    """
    certain = False
    for item in source:
        if not certain and not isinstance(item, BadRow) and (found := _numbered(item[1])) is not None:
            columns, number = found
            certain = number not in ((0, 1) if columns.a.endswith("1") else (1, 2)) or _check_counts(file, columns)
        yield item


def _numbered(record: Record) -> tuple[Columns, float] | None:
    """The columns and the label of a record whose label is a number that counts them."""
    columns = columns_of(record)
    if columns is None or not columns.label or columns.label == "prob_a" or columns.label in SIGNED:
        return None
    number = place_number(record.get(columns.label))
    return (
        None if number is None or (columns.a[-1], columns.b[-1]) not in (("0", "1"), ("1", "2")) else (columns, number)
    )


def _check_counts(file: str, columns: Columns) -> bool:
    """Whether a label says how the file counts, as its columns do. Raises DataError."""
    from solon.data.formats.records import records

    seen = {
        found[1]
        for item in records(Path(file))
        if not isinstance(item, BadRow)
        and (found := _numbered(item[1])) is not None
        and found[0].label == columns.label
    }
    low = int(columns.a[-1])  # what the file calls the first column
    if low == 1 and any(1 < number <= 2 for number in seen):
        return True
    if low == 0 and (2 not in seen or any(0 <= number < 1 for number in seen)):
        return True
    if low == 1 and columns.label in LLMBAR and columns.a == "output_1" and 0 not in seen:
        return True  # LLMBar and AlpacaEval, which count from 1
    shown = " and ".join(f"{number:g}" for number in sorted(seen)[:4])
    raise DataError(
        f"{file}: {columns.label} is only {shown} beside {columns.a} and {columns.b}, so which reply a number means is "
        f"not certain: write the names ({columns.a}, {columns.b}) as labels, or rename the columns to "
        f"{columns.a[:-1]}{1 - low} and {columns.a[:-1]}{2 - low}"
    )


LLMBAR = ("label", "preference")


def pair_of(record: Record, columns: Columns, stays: tuple[str, ...] = ()) -> Row:
    """The pair that the columns hold; `stays` names those that say more than the label and come along."""
    found = asked(record, columns.prompts)
    texts = (reply_of(record.get(columns.a), columns.a), reply_of(record.get(columns.b), columns.b))
    prob_a, used = columns.better(record)
    own = {*found.own, columns.a, columns.b, columns.label, *used} - {*stays}
    return placed(record | found.more, own, found.turns, texts, prob_a)


def placed(
    record: Record, own: Collection[str], turns: tuple[Message, ...], texts: tuple[str, str], prob_a: float | None
) -> Row:
    """The row of two replies in their places; columns that speak of chosen and rejected are heeded, too."""
    if prob_a is None:
        return compared(record, (*own, *OF_PLACES), turns, texts, None)
    is_a = prob_a >= 0.5
    places = ("a", "b") if is_a else ("b", "a")
    known = {
        side: said
        for side, place in zip(OF_SIDES, places, strict=True)
        if (said := ended_place(record, place)) is not None
    }
    chosen, rejected = texts if is_a else texts[::-1]
    sides = Sides(turns, chosen, rejected)
    return preferred(record | known, (*own, *OF_PLACES, *known), sides, max(prob_a, 1 - prob_a), is_a)


def _parse(record: Record) -> list[Row]:
    columns = columns_of(record)
    if columns is None:
        raise RowProblem("holds no two replies side by side")
    return [pair_of(record, columns, SIGNED)]


def _known(record: Record, columns: Columns, stays: tuple[str, ...] = ()) -> list[Row]:
    return [pair_of(record, columns, stays)]


# --- Chatbot Arena: both replies stand in conversations of their own ---------------------------------------------

ARENA = ("conversation_a", "conversation_b", "winner")


def _arena(record: Record) -> list[Row]:
    a, b = (turns_of(record.get(name), name) for name in ARENA[:2])
    sides = parted(a, b)
    better, used = Columns("model_a", "model_b", "winner" if "winner" in record else _label(record)).better(record)
    return [placed(record, (*ARENA, *used), sides.turns, (sides.chosen, sides.rejected), better)]


# --- writing ------------------------------------------------------------------------------------------------


def beside(row: Row, columns: Columns, label: Any, prompt: Any, reserved: tuple[str, ...] = ()) -> Record:
    """The record of a row in these columns, `label` under the name that they have for it."""
    c = row.comparison
    own: Record = {columns.prompts[0]: prompt, columns.a: c.response_a, columns.b: c.response_b}
    if row.prob_a is not None:
        own[columns.label] = label
    elif c.revised:
        raise RowProblem("has no label, and says which reply is a revision, which the format holds of labelled pairs")
    else:
        own |= {name: said for name in OF_PLACES if (said := getattr(c, name)) is not None}
        if is_labelled(row.extra, columns.a, columns.b):
            raise RowProblem("has no label, and another column would be taken for one; rename it")
    return assembled(own, row, ("chosen_is_a",), (*reserved, columns.label, *claimed(row.extra, c.turns)))


def _first_if_one(value: Any, name: str) -> float | None:
    """SHP's labels: 1 where the first reply is better, 0 where the second is."""
    second = better_of(value, name, "human_ref_0", "human_ref_1")
    return None if second is None else 1 - second


JUDGE = Columns("response_A", "response_B", "label", prompts=("question",))
STEER = Columns("response1", "response2", "overall_preference", of_strength, ("context",))
ICAI = Columns("text_a", "text_b", "preferred_text", prompts=("input", "prompt"))
SHP = Columns("human_ref_A", "human_ref_B", "labels", _first_if_one, ("history",))


def _judgebench(row: Row) -> list[Record]:
    label = {1.0: "A>B", 0.0: "B>A", 0.5: "A=B"}.get(_side(row), "")
    return [beside(row, JUDGE, label, single(row.comparison.turns), (*PROMPTS,))]


def _helpsteer(row: Row) -> list[Record]:
    side = _side(row)
    given = row.extra.get(STEER.label)
    kept = given if given is not None and row.prob_a is not None and of_strength(given, STEER.label) == side else None
    label = kept if kept is not None else {1.0: -2, 0.0: 2}.get(side, 0)
    extra = {name: value for name, value in row.extra.items() if name != STEER.label}
    context = [turn.as_dict() for turn in row.comparison.turns]
    return [beside(Row(row.comparison, row.prob_a, extra), STEER, label, context, ("prompt",))]


def _icai(row: Row) -> list[Record]:
    label = {1.0: "text_a", 0.0: "text_b", 0.5: "tie"}.get(_side(row), "")
    return [beside(row, ICAI, label, single(row.comparison.turns), (*PROMPTS,))]


def _side(row: Row) -> float:
    """1 where A is the better, 0 where B is, 0.5 for neither."""
    p = row.prob_a
    return 0.5 if p is None or p == 0.5 else float(p > 0.5)


def _has(columns: Columns) -> Callable[[Record], bool]:
    """Whether a record has the columns, and none that says in other words which reply is better."""
    needed = (columns.a, columns.b)

    def holds(record: Record) -> bool:
        if not all(n in record for n in needed) or not any(n in record for n in columns.prompts):
            return False
        return columns.label in record or not is_labelled(record, *needed)

    return holds


def _named(name: str, columns: Columns, render: Callable[[Row], list[Record]] | None, **more: Any) -> Format:
    shown = ", ".join((columns.prompts[0], columns.a, columns.b, columns.label))
    stays = (columns.label,) if columns.label in SIGNED else ()
    return Format(name, shown, _has(columns), partial(_known, columns=columns, stays=stays), render, **more)


JUDGEBENCH = _named("judgebench", JUDGE, _judgebench, loss="turns before the prompt")
HELPSTEER = _named("helpsteer3", STEER, _helpsteer)
ICAI_CSV = _named("icai", ICAI, _icai, loss="turns before the prompt")
SHP_FORMAT = _named("shp", SHP, None)
CHATBOT_ARENA = Format("chatbot-arena", ", ".join(ARENA), lambda r: all(n in r for n in ARENA[:2]), _arena)
ANY = Format(
    "side-by-side",
    "prompt, response_1, response_2, label",
    lambda record: columns_of(record) is not None,
    _parse,
    gather=counted,
)
