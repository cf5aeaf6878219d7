"""Rows read one at a time, for models whose state cannot be shared, chosen from or padded: right, and slower."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from solon.engines.local.company import read_on, read_whole, remembers
from solon.engines.local.model import LocalModel
from solon.engines.local.prefixes import Prefixes
from solon.engines.local.state import State
from solon.engines.local.work import Work


@dataclass(slots=True)
class Row:
    """A row as far as it has been read, with the model's own memory of it, None where it keeps none."""

    ids: list[int]
    memory: Any = None


@dataclass(slots=True)
class Lone(State):
    """Rows with a memory each. `hidden` and `mask` are those of the tokens read last; the common cache is empty."""

    each: list[Row] = field(default_factory=list)

    def keep(self, index: Sequence[int]) -> None:
        """Drop all rows but those at `index`."""
        at = torch.tensor(index, device=self.mask.device)
        self.each = [self.each[i] for i in index]
        self.hidden, self.mask = self.hidden[at], self.mask[at]


class AloneReader:
    """Reads with whichever adapter is active, each row by itself; see Reader for what the methods give."""

    def __init__(self, local: LocalModel) -> None:
        self.local, self.work = local, Work()
        self.prefixes = Prefixes()  # none are ever kept

    @cached_property
    def _remembers(self) -> bool:
        return remembers(self.local)

    def read(self, prompts: Sequence[list[int]]) -> Iterator[tuple[list[int], State]]:
        for i, prompt in enumerate(prompts):
            yield [i], _lone([(Row(prompt), self._whole(prompt)[:, -1:])])

    def all(self, prompts: Sequence[list[int]]) -> tuple[list[int], State]:
        begun = [self._begun(prompt) for prompt in prompts]
        return list(range(len(prompts))), _lone(begun)

    def _begun(self, prompt: list[int]) -> tuple[Row, Tensor]:
        if not self._remembers:
            return Row(prompt), self._whole(prompt)[:, -1:]
        self.work += Work(computed=len(prompt))
        hidden, memory = read_on(self.local, prompt, None)
        return Row(prompt, memory), hidden[:, -1:]

    def _whole(self, ids: list[int]) -> Tensor:
        self.work += Work(computed=len(ids))
        return read_whole(self.local, ids)

    def extended(
        self, base: State, parents: Sequence[int], rows: Sequence[list[int]]
    ) -> Iterator[tuple[list[int], State]]:
        """Each row is read from its start: a recurrent state read further is gone for the next one."""
        assert isinstance(base, Lone)
        for i, (parent, row) in enumerate(zip(parents, rows, strict=True)):
            whole = self._whole([*base.each[parent].ids, *row])
            yield [i], _lone([(Row([]), whole[:, -len(row) :])])

    def forward(self, state: State, ids: Tensor, real: Tensor) -> State:
        assert isinstance(state, Lone)
        found = []
        for i, (row, (token,), (goes_on,)) in enumerate(zip(state.each, ids.tolist(), real.tolist(), strict=True)):
            if not goes_on:
                found.append((row, state.hidden[i : i + 1, -1:]))
            elif self._remembers:
                self.work += Work(computed=1)
                hidden, memory = read_on(self.local, [token], row.memory)
                found.append((Row([*row.ids, token], memory), hidden[:, -1:]))
            else:
                grown = [*row.ids, token]
                found.append((Row(grown), self._whole(grown)[:, -1:]))
        return _lone(found)


def _lone(rows: Sequence[tuple[Row, Tensor]]) -> Lone:
    """Rows and their states (1, new, width), as many new of each."""
    hidden = torch.cat([states for _, states in rows])
    mask = torch.ones(hidden.shape[:2], dtype=torch.long, device=hidden.device)
    return Lone(hidden, DynamicCache(), mask, [row for row, _ in rows])
