"""What the ways of training share that learn from labelled pairs and sample nothing."""

from __future__ import annotations

import math

from solon.settings import LoraSettings
from solon.training.adapters import add_adapter, copy_adapter
from solon.training.task import History, Seen, Task


def begin(task: Task, adapter: str, lora: LoraSettings) -> None:
    """Make `adapter` start as the reference: a copy of its adapter, or a fresh one over the bare model."""
    if task.reference is None:
        add_adapter(task.local, adapter, lora, task.seed)
    else:
        copy_adapter(task.local, task.reference, adapter)


def finished(task: Task, history: History, left_out: int) -> History:
    """The history, its first step with the count of rows `left_out`, its last with what the watch says of the end.

    The watch sees no answers: reward, KL and entropy are expectations over answers of the policy's own.
    """
    task.local.model.eval()
    history[0]["left_out"] = float(left_out)
    step = int(history[-1]["step"])
    history[-1] |= task.watch.see(Seen(step, [], [], [], reward=math.nan, kl=math.nan, entropy=math.nan))
    return history
