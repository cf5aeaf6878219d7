"""What a file gave: things to learn from, and the rows that were set aside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Generic, TypeVar

from solon.data.rows import BadRow
from solon.errors import DataError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Loaded(Generic[T]):
    """The usable rows of a file of `format`, and the others. There may be no usable one where `bad` says why.

    `said` is what the user is told of them, `facts` what the manifest says.
    """

    format: str
    items: list[T]
    bad: list[BadRow]
    said: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def taken(found: Iterator[T | BadRow], limit: int | None, format: str) -> Loaded[T]:
    """The first `limit` rows. Raises what `found` raises, but for "no usable row" where each says why it is none."""
    items: list[T] = []
    bad: list[BadRow] = []
    try:
        for one in islice(found, limit):
            if isinstance(one, BadRow):
                bad.append(one)
            else:
                items.append(one)
    except DataError:
        if items or not bad:  # the file broke off, or holds nothing
            raise
    return Loaded(format, items, bad)
