"""What the reference says of every pair: read once before training, which then never runs it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from accelerate.utils import send_to_device

from solon.engines.local.model import LocalModel
from solon.training.batches import by_length
from solon.training.dpo.pairs import Pair
from solon.training.dpo.reading import AnswerLogprobs, batch_of
from solon.training.processes import gathered, share


@torch.no_grad()
def reference_logprobs(
    local: LocalModel, adapter: str | None, pairs: Sequence[Pair], batch_size: int, shared: bool
) -> list[tuple[float, float]]:
    """log π_ref of each pair's chosen and rejected, in nats. Several processes read a part each."""
    model, mine = AnswerLogprobs(local).eval(), share(pairs)
    found = [(0.0, 0.0)] * len(mine)
    with local.using(adapter):
        for indices in by_length(mine, batch_size, [pair.length for pair in mine]):
            batch = batch_of([mine[i] for i in indices], local.pad, shared)
            logprobs = model(send_to_device(batch, local.device))
            for i, (chosen, rejected) in zip(indices, logprobs.tolist(), strict=True):
                found[i] = (chosen, rejected)
    return gathered(found, len(pairs))
