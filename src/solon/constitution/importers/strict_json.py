"""JSON from strangers: nothing twice, nothing that is no number, nothing too deep; errors with their line."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from solon.yaml import MAX_DEPTH

MAX_DIGITS = 40

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


class BadJSON(ValueError):
    """Why a text is refused as JSON, and the line (from 1); `torn` when it is not JSON at all."""

    def __init__(self, reason: str, line: int, torn: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.line, self.torn = reason, line, torn


def parse_json(text: str) -> Any:
    """The value in `text`. Raises BadJSON."""
    try:
        value = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_int, parse_float=_float
        )
    except BadJSON as error:
        raise BadJSON(error.reason, _line_of_problem(text)) from None
    except json.JSONDecodeError as error:
        raise BadJSON(f"is not whole JSON: {error.msg} (column {error.colno})", error.lineno, torn=True) from None
    except RecursionError:
        raise BadJSON(f"is nested deeper than {MAX_DEPTH}", _line_of_problem(text)) from None
    if _too_deep(value):
        raise BadJSON(f"is nested deeper than {MAX_DEPTH}", _line_of_problem(text))
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise BadJSON(f"has the key {twice[:60]!r} twice in one object", 1)
    return made


def _no_constant(name: str) -> Any:
    raise BadJSON(f"holds {name}, which is no JSON number", 1)


def _int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise BadJSON(f"holds a number of {len(digits):,} digits", 1)
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits) if len(digits) <= 400 else math.inf
    if not math.isfinite(value):
        raise BadJSON(f"holds the number {digits[:20]}, which is too big", 1)
    return value


def _too_deep(value: Any) -> bool:
    """Whether anything is nested deeper than MAX_DEPTH, found without recursion."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return False
    return True


def _line_of_problem(text: str) -> int:
    """The line of the first key that is repeated, number that is none, or bracket that goes too deep.

    The parser's hooks know no positions, so the tokens are walked again, only when something is wrong.
    """
    line, last, keys, waiting = 1, 0, [set[str]()], ""
    for match in _TOKEN.finditer(text):
        part = match.group()
        line, last = line + text.count("\n", last, match.start()), match.start()
        if part in "{[":
            keys.append(set())
        elif part in "}]":
            keys = keys[:-1] or [set()]
        elif part == ":":
            if waiting in keys[-1]:
                return line
            keys[-1].add(waiting)
        waiting = part
        if len(keys) > MAX_DEPTH + 1 or _bad_number(part):
            return line
    return 1


def _bad_number(token: str) -> bool:
    if token[0] not in "-0123456789NI":
        return False
    if token.lstrip("-") in ("NaN", "Infinity") or len(token) > MAX_DIGITS * 10:
        return True
    try:
        return len(token) > MAX_DIGITS if token.lstrip("-").isdigit() else not math.isfinite(float(token))
    except ValueError:
        return False


def parse_json_lines(text: str) -> Iterator[tuple[int, Any]]:
    """(line, value) of every line that is not blank. Raises BadJSON with the line in the file."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield number, parse_json(line)
            except BadJSON as error:
                raise BadJSON(error.reason, number, error.torn) from None
