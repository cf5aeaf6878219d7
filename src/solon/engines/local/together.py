"""Reads prompts in three layers: what all of a batch share, what groups of them share, what is each one's own.

A label asks about one pair under many principles, and several labels wait at once: the demonstrations are common
to all, the pair in one order to a group, the principle is a row's own. Each layer is read in passes of like length.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicSlidingWindowLayer

from solon.engines.local.cache import RoomyLayer, new_cache
from solon.engines.local.model import LocalModel, accepted
from solon.engines.local.passes import passes
from solon.engines.local.prefixes import Prefixes
from solon.engines.local.sharing import WORD, Group, common_to_all, groups, pack
from solon.engines.local.state import State, joined
from solon.engines.local.work import Work


class BatchReader:
    """Reads with whichever adapter is active, and counts its `work`.

    `pass_cost` is how many tokens one more pass must spare to be worth it; endless: nothing is shared. `gaps` says
    whether padding may lie between a row's tokens; where not, nothing is shared either.
    """

    def __init__(self, local: LocalModel, pass_cost: float, *, gaps: bool) -> None:
        self.local, self.work = local, Work()
        self.prefixes = Prefixes()
        self._gaps = gaps
        self._cost = pass_cost if gaps else math.inf

    @cached_property
    def windowed(self) -> bool:
        """Whether a layer keeps less than all: a sliding window counts padding between tokens as tokens."""
        return not all(isinstance(layer, RoomyLayer) for layer in self.empty().layers)

    @property
    def keeps_more(self) -> bool:
        """Whether a layer keeps more than keys and values (indices, compressed parts), which rows would not take along.

        Such a part may show only after as many tokens as no short try reads.
        """
        return not all(type(layer) in (RoomyLayer, DynamicSlidingWindowLayer) for layer in self.empty().layers)

    def read(self, prompts: Sequence[list[int]]) -> Iterator[tuple[list[int], State]]:
        """Prompts (by index) as they have been read, pass by pass: the last column is each one's last token."""
        keys = [pack(prompt) for prompt in prompts]
        start, base = self._common(keys, prompts[0])
        kin = groups(keys, start, self._cost, len(keys))
        shared = [group for group in kin if group.end > start]
        alone = [row for group in kin if group.end == start for row in group.rows]
        self.work += Work(saved=sum((len(group.rows) - 1) * (group.end - start) for group in shared))
        if shared:
            yield from self._grouped(prompts, start, base, shared)
        for index, state in self.extended(base, [0] * len(alone), [prompts[row][start:] for row in alone]):
            yield [alone[i] for i in index], state

    def all(self, prompts: Sequence[list[int]]) -> tuple[list[int], State]:
        """All prompts in one state, and which prompt each of its rows is."""
        return self._joined(self.read(prompts))

    def _joined(self, parts: Iterable[tuple[list[int], State]]) -> tuple[list[int], State]:
        indices, states = zip(*parts, strict=True)
        return [row for index in indices for row in index], joined(states, self.empty())

    def empty(self) -> DynamicCache:
        """A cache that holds nothing."""
        return new_cache(self.local.base.config.get_text_config())

    def _common(self, keys: Sequence[bytes], prompt: list[int]) -> tuple[int, State | None]:
        """The leading tokens that are read once for all of `keys`: how many, and their one-row state."""
        shared = common_to_all(keys)
        prefix = keys[0][: shared * WORD]
        kept, state = self.prefixes.longest(prefix)
        self.work += Work(saved=len(keys) * kept)
        if (len(keys) - 1) * (shared - kept) <= self._cost:
            return kept, state
        self.work += Work(saved=(len(keys) - 1) * (shared - kept))
        ((_, state),) = self.extended(state, [0], [prompt[kept:shared]])
        self.prefixes.keep(prefix, state)
        return shared, state

    def _grouped(
        self, prompts: Sequence[list[int]], start: int, base: State | None, shared: Sequence[Group]
    ) -> Iterator[tuple[list[int], State]]:
        beginnings = [prompts[group.rows[0]][start : group.end] for group in shared]
        order, state = self._joined(self.extended(base, [0] * len(shared), beginnings))
        members = [(row, parent) for parent, i in enumerate(order) for row in shared[i].rows]
        rests = [prompts[row][shared[order[parent]].end :] for row, parent in members]
        for index, read in self.extended(state, [parent for _, parent in members], rests):
            yield [members[i][0] for i in index], read

    def extended(
        self, base: State | None, parents: Sequence[int], rows: Sequence[list[int]]
    ) -> Iterator[tuple[list[int], State]]:
        """Reads each of `rows` after the row of `base` that its parent names: (indices of rows, state) per pass.

        `base` itself stays as it is.
        """
        cost = self._cost if self._gaps or base is None else 0  # no cost: only equal lengths travel together
        for index in passes([len(row) for row in rows], cost):
            state = base.rows([parents[i] for i in index]) if base else None
            yield index, self.one_pass(state, [rows[i] for i in index])

    def one_pass(self, state: State | None, rows: Sequence[list[int]]) -> State:
        """Reads one of `rows` after each row of `state`, shorter ones padded on the left."""
        width, pad = max(map(len, rows)), self.local.pad
        ids = torch.tensor([[pad] * (width - len(row)) + row for row in rows], device=self.local.device)
        real = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=self.local.device)
        return self.forward(state, ids, real)

    def forward(self, state: State | None, ids: Tensor, real: Tensor) -> State:
        """Reads `ids` (rows, new) after `state`, whose cache grows; `real` is 0 where they are padding."""
        self.work += Work(computed=real.numel(), padding=real.numel() - int(real.sum()))
        mask = torch.cat([state.mask, real], 1) if state else real
        cache = state.cache if state else self.empty()
        positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        out = self.local.decoder(
            input_ids=ids,
            attention_mask=mask,
            past_key_values=cache,
            use_cache=True,
            # Models without positions of their own (Bloom, MPT) take none.
            **accepted(self.local.decoder, position_ids=positions),
        )
        return State(out.last_hidden_state, cache, mask)
