"""Which answers were cut off by the limit of tokens, where the trainer says so and where it does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from solon.training.guards.series import Series

if TYPE_CHECKING:
    from solon.training.task import Seen


class Cutoffs:
    """The share of answers that met the limit, by step, and the limit where it is known.

    Where a trainer does not say which answers ended, those are taken for cut off that are as long as the longest seen
    so far. That is one or two by chance, and many where there is a limit. A longer one shows that no answer before it
    had met the limit.
    """

    def __init__(self) -> None:
        self.series = Series()
        self.limit: int | None = None
        self._longest = 0

    def add(self, seen: Seen) -> None:
        """Raises ValueError where `ended` is given, but not for every answer."""
        cut = self._told(seen) if seen.ended else self._guessed(seen.tokens)
        self.series.add(seen.step, [float(one) for one in cut], seen.prompts)

    def _told(self, seen: Seen) -> list[bool]:
        lengths = [count for count, ended in zip(seen.tokens, seen.ended, strict=True) if not ended]
        if lengths:
            self.limit = max(self.limit or 0, *lengths)
        return [not ended for ended in seen.ended]

    def _guessed(self, tokens: Sequence[int]) -> list[bool]:
        if max(tokens) > self._longest:
            self._longest = max(tokens)
            self.series = Series([point._replace(mean=0.0, variance=0.0) for point in self.series.points])
        return [count == self._longest for count in tokens]

    def forget(self, after: int) -> None:
        """Drop what was seen after step `after`."""
        self.series = self.series.until(after)

    def state(self) -> dict[str, Any]:
        return {"limit": self.limit, "longest": self._longest}

    def restore(self, state: dict[str, Any], series: Series) -> None:
        self.limit, self._longest, self.series = state["limit"], state["longest"], series
