"""transformers' trainer for pairs with soft labels, whose reference log-probabilities are columns of the data.

TRL's DPOTrainer takes no label per pair, reads every prompt twice and, off CUDA, scores every prompt token.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Trainer

from solon.settings import DpoSettings
from solon.training.dpo.losses import LOSSES
from solon.training.dpo.pairs import Pair
from solon.training.dpo.reading import Batch, batch_of
from solon.training.processes import own_rows

METRICS = ("accuracy", "margin", "logprob_chosen", "logprob_rejected")


@dataclass(frozen=True, slots=True)
class PairCollator:
    """Rows of the data set to one batch: the tokens, the labels (pairs,) and the reference's numbers (pairs, 2)."""

    pad: int
    shared: bool

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> Batch:
        pairs = [Pair(row["prompt"], row["chosen"], row["rejected"], row["prob_chosen"]) for row in rows]
        return {
            **batch_of(pairs, self.pad, self.shared),
            "prob_chosen": torch.tensor([pair.prob_chosen for pair in pairs]),
            "reference": torch.tensor([[row["reference_chosen"], row["reference_rejected"]] for row in rows]),
            "weight": torch.ones(len(rows)),  # 0 for a pair that has had its turn
            "scale": torch.tensor([row["weight"] for row in rows]),
        }


class DpoTrainer(Trainer):  # type: ignore[misc]
    """The loss is the mean over all pairs of a step, each times its own weight, whatever batches and processes they
    are spread over."""

    loss_is_scaled_for_ga = True

    def __init__(self, settings: DpoSettings, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.settings = settings
        self._sums = torch.zeros(len(METRICS) + 2)

    def get_batch_samples(
        self, epoch_iterator: Iterator[Batch], num_batches: int, device: torch.device
    ) -> tuple[list[Batch], Tensor]:
        """The step's batches and how many pairs they hold in all processes."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        if self.accelerator.gradient_state.end_of_dataloader and not self.args.dataloader_drop_last:
            own = own_rows(len(self.train_dataset), self.args.per_device_train_batch_size)
            batches[-1]["weight"][own:] = 0
        count = torch.stack([batch["weight"].sum() for batch in batches]).sum().to(device)
        return batches, self.accelerator.reduce(count)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Tensor | None = None,
    ) -> Any:
        logprobs = model(inputs)
        ratios = logprobs - inputs["reference"]
        h = ratios[:, 0] - ratios[:, 1]
        weight, label = inputs["weight"], inputs["prob_chosen"]
        losses = weight * inputs["scale"] * LOSSES[self.settings.loss](h, label, self.settings.beta)
        self._count(logprobs.detach(), h.detach(), label, weight)
        # DDP and FSDP average the gradients of the processes, each of which has its part of the sum.
        loss = losses.sum() * self.accelerator.num_processes / (num_items_in_batch or weight.sum())
        return (loss, logprobs) if return_outputs else loss

    def _count(self, logprobs: Tensor, h: Tensor, label: Tensor, weight: Tensor) -> None:
        """Add the batch's numbers to the step's."""
        sided = weight * (label != 0.5)
        right = sided * ((h > 0) == (label > 0.5))
        margin = weight * self.settings.beta * h
        sums = [right, margin, weight * logprobs[:, 0], weight * logprobs[:, 1], sided, weight]
        self._sums = self._sums.to(h) + torch.stack([part.sum() for part in sums])

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the means since the last log: accuracy is nan where no label takes a side."""
        if "loss" in logs:
            *sums, sided, count = self.accelerator.reduce(self._sums)
            counts = [sided, count, count, count]
            logs |= {n: float(s / c) for n, s, c in zip(METRICS, sums, counts, strict=True)}
            self._sums = torch.zeros_like(self._sums)
        super().log(logs, start_time)
