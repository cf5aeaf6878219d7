"""What labels say in the words of many files: which of two replies is better, or whether one reply is good."""

from __future__ import annotations

import math
import re
from typing import Any

from solon.data.formats.checks import Record, RowProblem, kind

TIES = {"tie", "ties", "tied", "equal", "same", "both", "neither", "draw", "none", "equally good", "no preference"}
# "A", "response_1", "Model B", "left": a place, perhaps after what stands there.
_PLACE = re.compile(
    r"(?:the )?(?:response|answer|output|text|model|assistant|completion|option|candidate|reply|summary)?"
    r"[ _-]*\(?(a|b|0|1|2|left|right|first|second)\)?(?: (?:is|was) better| wins)?"
)
_ORDER = re.compile(r"\[*\(?(?:response |answer )?([ab12])\)?\s*(>+|<+|=+)\s*(?:response |answer )?([ab12])\]*")
GOOD = {
    "true",
    "1",
    "yes",
    "good",
    "desirable",
    "chosen",
    "positive",
    "preferred",
    "accepted",
    "up",
    "thumbs_up",
    "like",
}
BAD = {"false", "0", "-1", "no", "bad", "undesirable", "rejected", "negative", "down", "thumbs_down", "dislike"}


def better_of(value: Any, name: str, a: str, b: str) -> float | None:
    """P(the reply in column `a` better than that in `b`) that `value` says; None of null and of an empty text.

    Numbers count the columns as their names do: response_0, response_1 or output_1, output_2 (where 1.5 and 0 are
    ties, and 1.2 is P = 0.8). Raises RowProblem for what is not understood: nothing is guessed at.
    """
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str):
        found = _of_words(value.strip(), a, b)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        found = _of_number(float(value), a, b)
    else:
        found = None
    if found is None:
        shown = repr(value[:40]) if isinstance(value, str) else value if isinstance(value, int | float) else kind(value)
        raise RowProblem(f"{name} is {shown}, expected {a}, {b} or tie, by name, letter or number")
    return found


def _of_words(said: str, a: str, b: str) -> float | None:
    words = said.lower()
    if said in (a, b) or words in (a.lower(), b.lower()):
        return float(words == a.lower())
    if words in TIES or words.startswith(("tie", "both")):
        return 0.5
    if order := _ORDER.fullmatch(words):
        return _ordered(*order.groups())
    if place := _PLACE.fullmatch(words):
        return _of_place(place[1], a, b)
    try:
        return _of_number(float(words), a, b)
    except ValueError:
        return None


def _ordered(one: str, sign: str, other: str) -> float | None:
    """Of "A>B" and its like."""
    if one == other:
        return None
    if sign[0] == "=":
        return 0.5
    best = one if sign[0] == ">" else other
    return float(best in ("a", "1"))


def _of_place(place: str, a: str, b: str) -> float | None:
    if place.isdigit():
        return _of_number(float(place), a, b)
    return float(place in ("a", "left", "first"))


def _of_number(number: float, a: str, b: str) -> float | None:
    first, second = a[-1:], b[-1:]
    if (first, second) == ("0", "1") and 0 <= number <= 1:
        return 1 - number
    if (first, second) == ("1", "2") and (1 <= number <= 2 or number == 0):
        return 2 - number if number else 0.5
    return None


STRONGEST = 3  # HelpSteer's scale goes from -3 to 3; -100 and its like stand for a label that is missing


def of_strength(value: Any, name: str) -> float | None:
    """P(the first better) of a signed strength, in HelpSteer's way: negative where the first is better, 0 a tie."""
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise RowProblem(f"{name} is {kind(value)}, expected a number, negative where the first reply is better")
    if abs(number) > STRONGEST:
        raise RowProblem(f"{name} is {number:g}, expected a number from -{STRONGEST} to {STRONGEST}")
    return 0.5 if number == 0 else float(number < 0)


def place_number(value: Any) -> float | None:
    """The number that a label gives a place by, as a number or its text; None of other labels."""
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    return number if math.isfinite(number) else None


# Columns of their own for each outcome, 1 where it is so: the Arena's winner_model_a, winner_model_b, winner_tie.
_FLAG = re.compile(r"winner_(?:(?:model|response|answer|assistant)_)?(a|b|1|2|tie|both_?bad|tie_both_?bad)", re.I)
_YES: dict[Any, bool] = {1: True, 0: False, "1": True, "0": False, "true": True, "false": False, "": False, None: False}


def flags_in(record: Record) -> dict[str, str]:
    """Columns of their own for outcomes, and which outcome each is of; none where there are not two."""
    found = {name: flag[1].lower() for name in record if (flag := _FLAG.fullmatch(name))}
    return found if len(found) > 1 else {}


def of_flags(record: Record) -> tuple[float | None, tuple[str, ...]]:
    """P(the first better) by columns of outcomes, and these columns; none where there are not two of them.

    Raises RowProblem where several are so, or one is neither 0 nor 1.
    """
    found = flags_in(record)
    told = []
    for name, outcome in found.items():
        value = record[name].strip().lower() if isinstance(record[name], str) else record[name]
        if isinstance(value, list | dict) or value not in _YES:
            raise RowProblem(f"{name} is {kind(value)}, expected 0 or 1")
        told += [outcome] if _YES[value] else []
    if len(told) > 1:
        raise RowProblem(f"{' and '.join(n for n in found if found[n] in told)} are both 1: one of them can be so")
    best = {"a": 1.0, "1": 1.0, "b": 0.0, "2": 0.0}
    return (best.get(told[0], 0.5) if told else None), tuple(found)


def of_scores(record: Record, a: str, b: str) -> float | None:
    """P(the reply in column `a` better) by a score, rating, reward or rank of each (1 is the best rank); None without.

    They are called score_a and score_b beside response_a and response_b, or response_a_score.
    """
    start = next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), 0)
    first, second = a[start:], b[start:]
    for word, sign in (("score", 1), ("rating", 1), ("reward", 1), ("rank", -1)):
        for form in ("{word}_{place}", "{word}{place}", "{whole}_{word}", "{place}_{word}"):
            names = [form.format(word=word, place=place, whole=whole) for place, whole in ((first, a), (second, b))]
            one, other = (place_number(record.get(name)) for name in names)
            if one is not None and other is not None:
                return 0.5 if one == other else float((one - other) * sign > 0)
    return None


def is_good(record: Record, names: tuple[str, ...] = ("label",)) -> bool:
    """Whether the reply is desirable, by the first of the columns `names` that says something.

    True, 1, "true" and the like are; false, 0, -1. Raises RowProblem for anything else.
    """
    name = next((name for name in names if record.get(name) is not None), names[0])
    value = record.get(name)
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in (1, 0, -1):
        return value == 1
    if isinstance(value, str) and (words := value.strip().lower()) in GOOD | BAD:
        return words in GOOD
    shown = repr(value[:40]) if isinstance(value, str) else value if isinstance(value, int | float) else kind(value)
    raise RowProblem(f"{name} is {shown}, expected true or false")
