"""What a field must be. A record that is not so is set aside with the reason, never guessed at."""

from __future__ import annotations

import math
from typing import Any

Record = dict[str, Any]
MAX_ROW = 1_000_000  # bytes of a line, and characters of a row's texts


class RowProblem(Exception):
    """Why a record is no row, or why a format cannot hold a row. The message is the reason."""


def kind(value: Any) -> str:
    """What a value is, in words."""
    words = {str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return "missing" if value is None else words.get(type(value), type(value).__name__)


def text(record: Record, name: str) -> str:
    """The text under `name`; it may be empty."""
    value = record.get(name)
    if not isinstance(value, str):
        raise RowProblem(f"{name} is {kind(value)}, expected text")
    return value


def check_text(value: str) -> None:
    """That a model would see all of it: many servers are written in C, where a NUL ends the text."""
    if "\x00" in value:
        raise RowProblem("holds a NUL character")


def identity(record: Record, name: str) -> str:
    """The id under `name` as text; "" where there is none."""
    value = record.get(name)
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():  # pandas makes 1.0 of 1 where another id is missing
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise RowProblem(f"{name} is {'empty' if value == '' else kind(value)}, expected text or a whole number")
    return str(value)


def number(record: Record, name: str) -> float:
    """The finite number under `name`."""
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RowProblem(f"{name} is {kind(value)}, expected a number")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise RowProblem(f"{name} is {result}, expected a finite number")
    return result


def probability(record: Record, name: str, default: float) -> float:
    """The number in [0, 1] under `name`, `default` where there is none."""
    if record.get(name) is None:
        return default
    value = number(record, name)
    if not 0 <= value <= 1:
        raise RowProblem(f"{name} is {value:g}, expected a number from 0 to 1")
    return value


def boolean(record: Record, name: str) -> bool | None:
    """True or false; None where there is neither."""
    value = record.get(name)
    if value is not None and not isinstance(value, bool):
        raise RowProblem(f"{name} is {kind(value)}, expected true or false")
    return value


def member(record: Record, name: str, choices: dict[Any, bool]) -> bool:
    """What the value under `name` stands for."""
    value = record.get(name)
    for choice, meaning in choices.items():
        if type(value) is type(choice) and value == choice:
            return meaning
    shown = repr(value[:40]) if isinstance(value, str) else value if isinstance(value, int) else kind(value)
    raise RowProblem(f"{name} is {shown}, expected {' or '.join(map(str, choices))}")
