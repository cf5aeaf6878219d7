"""Weights of earlier steps, kept beside the ones that learn, to go back to when a drift is noticed."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from solon.engines.local.model import LocalModel
from solon.training.adapters import adapter_state, set_adapter_state
from solon.training.guards.held import held

Weights = dict[str, Tensor]


class Kept:
    """Copies of an adapter as it was at some steps, in memory: megabytes each for LoRA, and 24 at most."""

    def __init__(self, local: LocalModel, adapter: str) -> None:
        self.local, self.adapter = local, adapter
        self.copies: dict[int, Weights] = {}

    def take(self, step: int, weights: Weights | None = None) -> None:
        """Keep the weights as they are now, before they learn from `step`, or those given; drop what is too old."""
        self.copies[step] = adapter_state(self.local, self.adapter) if weights is None else weights
        self.copies = {one: self.copies[one] for one in held(self.copies, step)}

    @torch.no_grad()
    def put_back(self, step: int | None) -> None:
        """Make the adapter what it was at `step`, or at the newest step before it that is kept, and forget what came
        after; nothing happens where nothing was kept."""
        known = [one for one in self.copies if step is not None and one <= step]
        if not known:
            return
        set_adapter_state(self.local, self.adapter, self.copies[max(known)])
        self.copies = {one: self.copies[one] for one in known}

    def tensors(self) -> Weights:
        """All copies as tensors of one checkpoint, by step/name."""
        return {f"{step}/{name}": tensor for step, copy in self.copies.items() for name, tensor in copy.items()}

    def restore(self, tensors: Mapping[str, Tensor], until: int | None = None) -> None:
        """Take back what `tensors` gave, of steps up to `until`."""
        self.copies = {}
        for name, tensor in tensors.items():
            step, _, own = name.partition("/")
            if until is None or int(step) <= until:
                self.copies.setdefault(int(step), {})[own] = tensor
        self.copies = dict(sorted(self.copies.items()))
