"""Several processes that train as one: what each makes is gathered, gradients are summed.

One process is the special case in which nothing is sent.

`accelerate launch` starts them. Work is dealt out by index, row i to process i mod n, and every loss is divided by the
whole batch's count, so that the result does not depend on how many processes there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from torch import Tensor, distributed, nn

T = TypeVar("T")


def join(use_cpu: bool = False) -> None:
    """Make the processes that a launcher started know each other, and take this one's GPU; alone it does nothing.

    To be called before a model is loaded: "cuda" is the GPU that was taken.
    """
    PartialState(cpu=use_cpu or not torch.cuda.is_available())


def rank() -> int:
    return distributed.get_rank() if _several() else 0


def world() -> int:
    return distributed.get_world_size() if _several() else 1


def _several() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def share(items: Sequence[T]) -> list[T]:
    """This process's part of `items`."""
    return list(items[rank() :: world()])


def gathered(mine: Sequence[T], size: int) -> list[T]:
    """All `size` items in order, of which `mine` is this process's share; the same list in every process."""
    if world() == 1:
        return list(mine)
    dealt: list[tuple[int, int, T]] = gather_object([(rank(), i, item) for i, item in enumerate(mine)])
    whole: dict[int, T] = {process + i * world(): item for process, i, item in dealt}
    return [whole[i] for i in range(size)]


def sum_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Add up the gradients of all processes; a parameter without one counts as zero."""
    if world() == 1:
        return
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        distributed.all_reduce(parameter.grad)


def summed(value: Tensor) -> Tensor:
    """The sum of `value` over the processes."""
    value = value.detach().clone()
    if world() > 1:
        distributed.all_reduce(value)
    return value


def own_rows(rows: int, batch_size: int) -> int:
    """How many rows of this process's last batch are its own, of an epoch of `rows` in batches of `batch_size` each.

    accelerate fills the last batches up with rows that have had their turn. It counts them as well, but not in an epoch
    that a resumed run is within.
    """
    left = rows % (batch_size * world())
    return min(max(0, left - rank() * batch_size), batch_size) if left else batch_size


def together() -> None:
    """Go on when every process has come here; at once where there is but one."""
    if _several():
        distributed.barrier()
