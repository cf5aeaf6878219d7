"""How a model's prompts are read: together, as far as the model can be, else one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from torch import Tensor

from solon.engines.local.alone import AloneReader
from solon.engines.local.company import company
from solon.engines.local.model import LocalModel
from solon.engines.local.prefixes import Prefixes
from solon.engines.local.state import State
from solon.engines.local.together import BatchReader
from solon.engines.local.work import Work


class Reader:
    """Reads with whichever adapter is active, and counts its `work`; the model is looked at when first asked.

    `pass_cost` is how many tokens one more pass must spare to be worth it; endless: nothing is shared.
    """

    def __init__(self, local: LocalModel, pass_cost: float) -> None:
        self.local, self._pass_cost = local, pass_cost

    @cached_property
    def _way(self) -> BatchReader | AloneReader:
        fits = company(self.local)
        if fits == "alone":
            return AloneReader(self.local)
        return BatchReader(self.local, self._pass_cost, gaps=fits == "gaps")

    @property
    def work(self) -> Work:
        return self._way.work if "_way" in self.__dict__ else Work()

    @property
    def prefixes(self) -> Prefixes:
        return self._way.prefixes if "_way" in self.__dict__ else Prefixes()

    def read(self, prompts: Sequence[list[int]]) -> Iterator[tuple[list[int], State]]:
        """Prompts (by index) as they have been read, pass by pass: the last column is each one's last token."""
        return self._way.read(prompts)

    def all(self, prompts: Sequence[list[int]]) -> tuple[list[int], State]:
        """All prompts in one state, and which prompt each of its rows is."""
        return self._way.all(prompts)

    def extended(
        self, base: State, parents: Sequence[int], rows: Sequence[list[int]]
    ) -> Iterator[tuple[list[int], State]]:
        """Reads each of `rows` after the row of `base` that its parent names: (indices of rows, state) per pass."""
        return self._way.extended(base, parents, rows)

    def forward(self, state: State, ids: Tensor, real: Tensor) -> State:
        """Reads `ids` (rows, 1) after `state`, which is used up; `real` is 0 for rows that read nothing."""
        return self._way.forward(state, ids, real)
