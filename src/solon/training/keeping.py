"""The weights that were best so far, kept beside the ones that learn."""

from __future__ import annotations

import torch
from torch import Tensor

from solon.engines.local.model import LocalModel
from solon.training.adapters import adapter_state, set_adapter_state


class Kept:
    """A copy of an adapter as it was at one step, in memory: megabytes for LoRA."""

    def __init__(self, local: LocalModel, adapter: str) -> None:
        self.local, self.adapter = local, adapter
        self.step: int | None = None
        self.weights: dict[str, Tensor] = {}

    def take(self, step: int) -> None:
        """Keep the weights as they are now, before they learn from `step`."""
        self.step, self.weights = step, adapter_state(self.local, self.adapter)

    @torch.no_grad()
    def put_back(self) -> None:
        """Make the adapter what was kept; nothing happens where nothing was."""
        if self.step is not None:
            set_adapter_state(self.local, self.adapter, self.weights)
