"""Several replies to a prompt, in an order of merit: Nectar's ranks, ratings of responses, UltraFeedback's scores.

nectar             `answers`: a list of {answer, rank, …}, rank 1 the best; `score` or `rating` are read too
responses          `responses`: texts (or {text, rank, …}), with a list of ranks, ratings or scores, or with none
ultrafeedback-raw  `instruction`, `completions`: a list of {response, overall_score, …}

Which pairs are made, a suffix of the name says: NAME:all, NAME:adjacent (neighbours in the order of merit) or
NAME:best-worst. Without one all are, and of UltraFeedback the best against the worst. Equal merit is a label of 0.5;
a reply without any makes no pair where others have some, and `unscored` counts it. What a list says of each reply
comes out as `rank_chosen`, `rank_rejected` and so on; `list_id` and the places tell which pairs make one list again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, pairwise
from typing import Any

from solon.data.formats.base import Format
from solon.data.formats.carry import carried
from solon.data.formats.checks import Record, RowProblem, identity, kind
from solon.data.formats.ends import OF_LISTS, OF_SIDES, of_reason
from solon.data.formats.labels import place_number
from solon.data.formats.names import given_id
from solon.data.formats.row import Row, Sides, chosen_of, compared, preferred
from solon.data.formats.trl import claimed
from solon.data.formats.turns import Asked, asked, prompt_column
from solon.types import digest

TEXTS = ("answer", "text", "response", "completion", "output", "content", "generation")
LISTS = ("responses", "answers", "completions", "candidates", "outputs", "generations", "replies")
LOW_IS_BEST = ("rank", "ranking", "ranks", "rankings")
HIGH_IS_BEST = ("overall_score", "fine-grained_score", "score", "rating", "reward", "scores", "ratings", "rewards")
LIST, PLACE, PAIR, REASON, UNSCORED = "list_id", "place", "pair_id", "finish_reason", "unscored"
SIDES, PLACES = ("chosen", "rejected"), ("a", "b")


@dataclass(frozen=True, slots=True)
class Listed:
    """One reply of a list: its merit (more is better, None: not told), and what else the list says of it."""

    text: str
    merit: float | None
    about: Record
    ended: bool | None = None


Pick = Callable[[Sequence[Listed]], list[tuple[int, int]]]


def _all(listed: Sequence[Listed]) -> list[tuple[int, int]]:
    return list(combinations(_judged(listed), 2))


def _adjacent(listed: Sequence[Listed]) -> list[tuple[int, int]]:
    return list(pairwise(sorted(_judged(listed), key=lambda n: -(listed[n].merit or 0.0))))


def _best_worst(listed: Sequence[Listed]) -> list[tuple[int, int]]:
    places = _judged(listed)
    best, worst = (pick(places, key=lambda n: listed[n].merit or 0.0) for pick in (max, min))
    if listed[best].merit == listed[worst].merit:
        raise RowProblem(f"all {len(places)} replies have the same score, {abs(listed[best].merit or 0):g}")
    return [(best, worst)]


PICKS: dict[str, Pick] = {"all": _all, "adjacent": _adjacent, "best-worst": _best_worst}


def _judged(listed: Sequence[Listed]) -> list[int]:
    """The places of the replies that can be compared: those with a merit, or all where none has one."""
    told = [n for n, one in enumerate(listed) if one.merit is not None]
    return told or list(range(len(listed)))


def merit_of(about: Record) -> tuple[float | None, str]:
    """How good a reply is, more is better, and the name that says it; a merit that is no number is none."""
    for names, sign in ((LOW_IS_BEST, -1), (HIGH_IS_BEST, 1)):
        for name in names:
            if (value := place_number(about.get(name))) is not None:
                return sign * value, name
    return None, ""


def pairs_of(
    record: Record, found: Asked, listed: Sequence[Listed], pick: Pick, own: Sequence[str], mark: str
) -> list[Row]:
    """The pairs of a list of replies that `pick` chooses; `mark` stands in their ids before the places."""
    if len(listed) < 2:
        raise RowProblem(f"has {len(listed)} {own[0]}, expected two or more")
    if len(_judged(listed)) < 2:
        raise RowProblem(
            f"only {len(_judged(listed))} of {len(listed)} {own[0]} has a score: there is nothing to compare"
        )
    places = pick(listed)
    shared = {name: value for name, value in (record | found.more).items() if name not in (*found.own, *own, PAIR)}
    if left := len(listed) - len(_judged(listed)):
        shared[UNSCORED] = left
    name = identity(record, "id")
    if len(places) > 1:
        shared[LIST] = name or digest([[t.as_dict() for t in found.turns], [one.text for one in listed]])[:16]
    several = len(places) > 1 or mark == ":"
    rows = []
    for one, other in places:
        number = f"{name}{mark}{one + 1}-{other + 1}" if name and several else name
        named = {"id": number} if number else {}
        rows.append(_pair(shared | named, found, listed, one, other, placed=len(places) > 1))
    return rows


def _pair(shared: Record, found: Asked, listed: Sequence[Listed], one: int, other: int, placed: bool) -> Row:
    a, b = listed[one], listed[other]
    labelled = a.merit is not None and b.merit is not None
    if labelled and (b.merit or 0) > (a.merit or 0):
        (a, one), (b, other) = (b, other), (a, one)
    names = SIDES if labelled else PLACES
    about: Record = {}
    for side, reply, place in zip(names, (a, b), (one, other), strict=True):
        about |= {
            f"{name}_{side}": value for name, value in reply.about.items() if name != REASON and value is not None
        }
        about |= {f"{side}_{REASON}": reply.about[REASON]} if isinstance(reply.about.get(REASON), str) else {}
        about |= {f"{PLACE}_{side}": place} if placed else {}
    if taken := next((name for name in about if name in shared), None):
        raise RowProblem(f"column '{taken}' would be taken for what the list says of a reply; rename it")
    record = shared | about
    if not labelled:
        return compared(record, (), found.turns, (a.text, b.text), None, ended=(a.ended, b.ended))
    said = {column: one.ended for column, one in zip(OF_SIDES, (a, b), strict=True) if one.ended is not None}
    known = {} if any(f"{side}_{REASON}" in about for side in SIDES) else said
    return preferred(record | known, (), Sides(found.turns, a.text, b.text), 0.5 if a.merit == b.merit else 1.0)


# --- reading ------------------------------------------------------------------------------------------------


def listed_in(record: Record, name: str) -> list[Listed]:
    """The replies under `name`, with what the record says of each of them. Raises RowProblem."""
    value = record.get(name)
    if not isinstance(value, list):
        raise RowProblem(f"{name} is {kind(value)}, expected a list of replies")
    if record.get("ended") is not None and not isinstance(record["ended"], list):
        raise RowProblem(f"ended is no list of {len(value)} times true, false or null, one for each response")
    beside = {column: said for column in _beside(record) if isinstance(said := record[column], list)}
    told = [_told(reply, name) for reply in value]
    if any(merit_of(about)[1] for _, about in told):
        beside = {}  # the replies say it themselves: such columns are of something else
    for column, said in beside.items():
        if len(said) != len(value):
            raise RowProblem(f"{column} has {len(said)} entries, expected {len(value)}: one for each of {name}")
    for column in ("ranking", "rankings"):
        if column in beside:
            _check_ranking(beside[column], column)
    replies = []
    for n, (text, about) in enumerate(told):
        merit, said_by = merit_of({column: said[n] for column, said in beside.items()} | about)
        if said_by in about and said_by in HIGH_IS_BEST[:2]:  # UltraFeedback's: score_chosen is what others call it
            about = {"score": merit} | {key: said for key, said in about.items() if key != said_by}
        ended = next(
            (_ended(said[n]) for column, said in beside.items() if column in OF_LISTS), of_reason(about.get(REASON))
        )
        replies.append(Listed(text, merit, about, ended))
    return replies


# Columns that may say which reply of a list is the best, or their order, in numbers that begin at 0 or at 1.
_NUMBERED = (
    "label",
    "winner",
    "better",
    "best",
    "preferred",
    "preference",
    "chosen",
    "choice",
    "selected",
    "order",
    "best_index",
    "best_response",
    "preferred_index",
    "chosen_index",
)


def _check_unread(record: Record, listed: Sequence[Listed]) -> None:
    """Raises RowProblem where a column numbers the replies and nothing else says how good they are."""
    for name in _NUMBERED if all(one.merit is None for one in listed) else ():
        value = record.get(name)
        numbers = value if isinstance(value, list) and value else [value]
        if all(type(number) is int for number in numbers):
            raise RowProblem(
                f"{name} is {value}, and whether it counts the replies from 0 or from 1 is not certain: give ranks, a "
                "list with the rank of each reply, or rename the column"
            )


def _check_ranking(said: list[Any], name: str) -> None:
    """Raises RowProblem for a list that may be the rank of each reply or the replies' places in their order."""
    low = 0 if 0 in said else 1
    if any(type(rank) is not int for rank in said) or sorted(said) != list(range(low, low + len(said))):
        return  # equal ranks, or figures of another kind: no order of places
    order = [said.index(place) + low for place in range(low, low + len(said))]
    if order != said:
        raise RowProblem(
            f"{name} is {said}: the rank of each reply, or their places from the best on? Call it ranks if it has the "
            f"rank of each; from places, those are {order}"
        )


def _ended(value: Any) -> bool | None:
    if value is not None and not isinstance(value, bool | str):
        raise RowProblem("ended is no list of true, false or null, one for each response")
    return of_reason(value) if isinstance(value, str) else value


def _beside(record: Record) -> list[str]:
    """Columns that may hold an entry for each reply: an order of merit, or how it ended."""
    return [name for name in (*LOW_IS_BEST, *HIGH_IS_BEST, *OF_LISTS) if name in record]


def _told(reply: Any, name: str) -> tuple[str, Record]:
    """A reply's text and what else is said of it."""
    if isinstance(reply, str):
        return reply, {}
    if not isinstance(reply, dict):
        raise RowProblem(f"a reply of {name} is {kind(reply)}, expected text, or an object with its text")
    column = next((column for column in TEXTS if isinstance(reply.get(column), str)), None)
    if column is None:
        raise RowProblem(f"a reply of {name} has no text (looked for {', '.join(TEXTS)})")
    return reply[column], {key: value for key, value in reply.items() if key != column and key != "role"}


def _list_of(record: Record) -> str | None:
    """The column that holds the replies."""
    return next((name for name in LISTS if isinstance(record.get(name), list) and record[name]), None)


def _parse(record: Record, pick: Pick, mark: str = "/") -> list[Row]:
    name = _list_of(record)
    if name is None:
        raise RowProblem(f"has no list of replies (looked for {', '.join(LISTS)})")
    listed = listed_in(record, name)
    _check_unread(record, listed)
    return pairs_of(record, asked(record), listed, pick, (name,), mark)


def _responses(record: Record, pick: Pick) -> list[Row]:
    """Pairs of responses are named by the prompt and their places, as solon label has always named them."""
    column, found = _list_of(record) or "responses", asked(record)
    listed = listed_in(record, column)
    _check_unread(record, listed)
    if not found.turns[-1].content.strip():
        raise RowProblem("prompt ends with no words of the user")
    said = [[turn.as_dict() for turn in found.turns], [one.text for one in listed]]
    name = identity(record, "id") or f"prompt-{digest(said)[:16]}"
    named = {"id": name, "prompt_id": identity(record, "prompt_id") or name, "source": "responses"}
    ends = tuple(end for end in OF_LISTS if isinstance(record.get(end), list))
    return pairs_of(named | record | {"id": name}, found, listed, pick, (column, *ends), ":")


def _completions(record: Record, pick: Pick) -> list[Row]:
    if not isinstance(record.get("completions"), list):
        raise RowProblem(f"completions is {kind(record.get('completions'))}, expected a list of two or more")
    found = asked(record, ("instruction",))
    return pairs_of(record, found, listed_in(record, "completions"), pick, ("completions", "models"), "/")


# --- writing ------------------------------------------------------------------------------------------------


def whole(row: Row) -> Any:
    """What the rows of one list have in common."""
    return ("list", row.extra[LIST]) if LIST in row.extra else ("pair", row.comparison.id, id(row))


def told_apart(rows: Sequence[Row]) -> tuple[dict[int, tuple[str, Record]], Record]:
    """The replies of one list by place, each with what is said of it, and the columns that all its pairs share.

    Raises RowProblem where the pairs do not agree.
    """
    replies: dict[int, tuple[str, Record]] = {}
    shared: Record | None = None
    for row in rows:
        labelled = row.prob_a is not None and f"{PLACE}_a" not in row.extra
        texts = chosen_of(row)[0][1:] if labelled else (row.comparison.response_a, row.comparison.response_b)
        names = SIDES if labelled else PLACES
        others = _shared(row)
        for n, (side, text) in enumerate(zip(names, texts, strict=True)):
            about = {
                name.removesuffix(f"_{side}"): others.pop(name) for name in list(others) if name.endswith(f"_{side}")
            }
            if f"{side}_{REASON}" in others:
                about[REASON] = others.pop(f"{side}_{REASON}")
            place = about.pop(PLACE, n)
            if replies.setdefault(place, (text, about)) != (text, about):
                raise RowProblem(f"the reply at place {place} of the list is another one in another pair")
        if shared is not None and others != shared:
            name = next(name for name in {**shared, **others} if shared.get(name) != others.get(name))
            raise RowProblem(f"column '{name}' differs between the pairs of one list")
        shared = others
    return replies, shared or {}


def _shared(row: Row) -> Record:
    """The columns that are not of this pair alone."""
    others = carried(row)
    if LIST in row.extra:
        others = {name: value for name, value in others.items() if name not in ("id", "chosen_is_a", "prob_chosen")}
        listed = others.pop(LIST)
        if given_id(row.comparison) is not None:
            others = {"id": listed} | others
    return others


def ranks(rows: Sequence[Row], replies: dict[int, tuple[str, Record]]) -> dict[int, int]:
    """Ranks of replies, 1 the best, that are in the order of all pairs: longest way down from the best."""
    above: dict[int, set[int]] = {n: set() for n in replies}
    for row in rows:
        good, bad = (row.extra.get(f"{PLACE}_{side}", n) for n, side in enumerate(SIDES))
        if chosen_of(row)[1] != 0.5:
            above[bad].add(good)
    found: dict[int, int] = {}
    while len(found) < len(above):
        ready = [n for n in above if n not in found and above[n] <= set(found)]
        if not ready:
            raise RowProblem("its pairs are a circle, which no ranks can tell")
        found |= {n: 1 + max((found[m] for m in above[n]), default=0) for n in ready}
    return found


def _together(rows: Sequence[Row], name: str, text: str, reread: Callable[[Record], list[Row]]) -> list[Record]:
    replies, shared = told_apart(rows)
    labelled = all(row.prob_a is not None for row in rows)
    computed = ranks(rows, replies) if labelled else {}
    out = []
    for place, (said, about) in sorted(replies.items()):
        merit = {"rank": computed[place]} if labelled and merit_of(about)[0] is None else {}
        out.append({text: said} | merit | about)
    turns = rows[0].comparison.turns
    own: Record = {"prompt": [turn.as_dict() for turn in turns], name: out}
    merits = () if labelled else (*LOW_IS_BEST, *HIGH_IS_BEST, *OF_LISTS)
    reserved = (*own, *LISTS, *(name for name in merits if isinstance(shared.get(name), list)))
    if taken := next((column for column in (*reserved, *claimed(shared, turns)) if column in shared), None):
        raise RowProblem(f"column '{taken}' would be taken for the format's own; rename it")
    record = own | shared
    _check(rows, record, reread)
    return [record]


def _check(rows: Sequence[Row], record: Record, reread: Callable[[Record], list[Row]]) -> None:
    """That the record says of every pair what its row said. Raises RowProblem."""
    told = {(r.comparison.response_a, r.comparison.response_b): r.prob_a for r in reread(record)}
    for row in rows:
        pair = (row.comparison.response_a, row.comparison.response_b)
        back, p = told.get(pair), row.prob_a
        if pair not in told and pair[::-1] in told:
            back = told[pair[::-1]]
            back = None if back is None else 1 - back
        if back != p and not (back is not None and p is not None and math.isclose(back, p, abs_tol=1e-9)):
            raise RowProblem("the ranks of a list cannot say what its pairs do")


# --- the formats --------------------------------------------------------------------------------------------


def _holds_answers(record: Record) -> bool:
    name = _list_of(record)
    if name is None or prompt_column(record) is None or (name == "completions" and "instruction" in record):
        return False
    return isinstance(record[name][0], dict) and any(isinstance(record[name][0].get(text), str) for text in TEXTS)


def _holds_responses(record: Record) -> bool:
    name = _list_of(record)
    if name is None or prompt_column(record) is None or not all(isinstance(said, str) for said in record[name]):
        return False
    return name == "responses" or any(isinstance(record.get(column), list) for column in (*LOW_IS_BEST, *HIGH_IS_BEST))


def _holds_completions(record: Record) -> bool:
    return "instruction" in record and "completions" in record


def _never(record: Record) -> bool:
    return False


def _formats(
    name: str, columns: str, holds: Callable[[Record], bool], parse: Any, default: str, **more: Any
) -> list[Format]:
    """The format with its usual pairs, and one for each way to pick them."""
    usual = Format(name, columns, holds, partial(parse, pick=PICKS[default]), **more)
    others = [
        Format(f"{name}:{way}", f"{columns}: {way} pairs", _never, partial(parse, pick=pick))
        for way, pick in PICKS.items()
    ]
    return [usual, *others]


NECTAR = _formats(
    "nectar",
    "prompt, answers",
    _holds_answers,
    _parse,
    "all",
    whole=whole,
    together=partial(_together, name="answers", text="answer", reread=partial(_parse, pick=_all)),
    loss="soft labels of pairs in a list",
)
RESPONSES = _formats("responses", "prompt, responses, ratings", _holds_responses, _responses, "all")
RAW = _formats("ultrafeedback-raw", "instruction, completions", _holds_completions, _completions, "best-worst")
