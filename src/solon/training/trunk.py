"""The layers below the lowest adapted one read a row alike in every epoch: they read it once.

An adapter on the upper layers leaves the states that enter them as they are, whatever it learns. So with several epochs
the states are kept, and an epoch costs the adapted layers alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from solon.engines.local.company import CANNOT, far
from solon.engines.local.model import LocalModel
from solon.training.packed import Batch
from solon.training.processes import world

MOST = 2**31  # bytes of states that are kept; of more rows every layer is read in every epoch
TOKENS = 1024  # read at a time, always the same rows together: a resumed training keeps the same states bit for bit

Read = Callable[[Batch], Any]  # the model's output on a batch of PackedCollator's form, or on one sequence of it


class Trunk:
    """The states of rows where they enter the lowest adapted layer, by the rows' tokens."""

    def __init__(self, local: LocalModel, name: str, below: int) -> None:
        self.local, self.name, self.below = local, name, below
        self.blocks: nn.ModuleList = getattr(local.decoder, name)
        self.states: dict[tuple[int, ...], Tensor] = {}

    def keep(self, batches: Sequence[Batch], read: Read) -> None:
        """Read the rows of `batches` as far as the lowest adapted layer and keep what they arrive as."""
        for batch in batches:
            found: list[Tensor] = []
            handle = self.blocks[self.below - 1].register_forward_hook(
                lambda _module, _given, out, found=found: found.append(out if isinstance(out, Tensor) else out[0])
            )
            try:
                with self._only(self.blocks[: self.below]), torch.no_grad():
                    read(batch)
            finally:
                handle.remove()
            parts = torch.split(found[0][0].cpu(), batch["lengths"])
            self.states |= {row: part.clone() for row, part in zip(_rows(batch), parts, strict=True)}

    @contextmanager
    def entered(self, batch: Batch) -> Iterator[None]:
        """Inside the block the model reads `batch` from the lowest adapted layer on, where its kept states enter."""
        states = torch.cat([self.states[row] for row in _rows(batch)])[None].to(self.local.device)

        def enter(_module: nn.Module, given: tuple[Any, ...], more: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
            return ((states, *given[1:]), more) if given else (given, {**more, "hidden_states": states})

        handle = self.blocks[self.below].register_forward_pre_hook(enter, with_kwargs=True)
        try:
            with self._only(self.blocks[self.below :]):
                yield
        finally:
            handle.remove()

    @contextmanager
    def _only(self, blocks: nn.ModuleList) -> Iterator[None]:
        setattr(self.local.decoder, self.name, blocks)
        try:
            yield
        finally:
            setattr(self.local.decoder, self.name, self.blocks)


def entering(trunk: Trunk | None, batch: Batch) -> AbstractContextManager[None]:
    return trunk.entered(batch) if trunk else nullcontext()


def trunk_of(local: LocalModel, batches: Sequence[Batch], read: Read) -> Trunk | None:
    """What the layers that are not adapted make of the rows of `batches`; None where each epoch must read them anew.

    That is: the lowest layer is adapted, or something outside the layers; layers of several types, whose masks go by
    their place; dropout, or anything else that lets the rest of the model read the longest row other than the whole
    does; several processes, which wrap the layers; more states than MOST bytes.
    """
    made = _found(local)
    tokens = sum(sum(batch["lengths"]) for batch in batches)
    width = local.decoder.config.get_text_config().hidden_size
    if made is None or world() > 1 or tokens * width * local.base.dtype.itemsize > MOST:
        return None
    longest = max(batches, key=lambda batch: max(batch["lengths"]))
    try:
        if _differs(made, longest, read):
            return None
    except CANNOT:
        return None
    made.keep([batch for batch in batches if batch is not longest], read)
    return made


@torch.no_grad()
def _differs(trunk: Trunk, batch: Batch, read: Read) -> bool:
    """Whether the model reads a batch otherwise from the kept states on than as a whole."""
    with torch.random.fork_rng(devices=[]):
        whole = read(batch).logits
        trunk.keep([batch], read)
        with trunk.entered(batch):
            rest = read(batch).logits
    return whole.shape != rest.shape or far(rest, whole)


def _found(local: LocalModel) -> Trunk | None:
    """The list of the decoder's layers, and how many lie below all that learns; None where there are none."""
    config = local.base.config.get_text_config()
    count = int(config.num_hidden_layers)
    if len(set(getattr(config, "layer_types", None) or ["one"])) > 1:
        return None  # a mask by a layer's place: rows shorter than a window would not show that it is another's
    lists = [(name, part) for name, part in local.decoder.named_children() if isinstance(part, nn.ModuleList)]
    name, blocks = next(((name, part) for name, part in lists if len(part) == count), ("", nn.ModuleList()))
    learning = {id(weight) for weight in local.model.parameters() if weight.requires_grad}
    adapted = [any(id(weight) in learning for weight in block.parameters()) for block in blocks]
    inside = {id(weight) for block in blocks for weight in block.parameters()}
    if True not in adapted[1:] or adapted[0] or learning - inside:
        return None
    return Trunk(local, name, adapted.index(True))


def _rows(batch: Batch) -> list[tuple[int, ...]]:
    return [tuple(part.tolist()) for part in batch["input_ids"][0].split(batch["lengths"])]
