"""Training on soft labels: a small subclass of the transformers Trainer.

CAI paper, section 4.1, with soft Bradley-Terry. TRL's RewardTrainer takes no per-pair targets and wants a second copy
of the weights (a sequence-classification model).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor, nn
from transformers import Trainer, TrainingArguments
from transformers.trainer_pt_utils import LengthGroupedSampler

from solon.engines.local.model import LocalModel
from solon.settings import RewardSettings
from solon.training.adapters import add_adapter, trainable
from solon.training.arguments import build_arguments, trainer_arguments
from solon.training.batches import Rows
from solon.training.checkpoints import Checkpoints
from solon.training.processes import own_rows
from solon.training.reward.data import Pair, checked, negatives
from solon.training.reward.encode import rows_of
from solon.training.reward.identity import Reading, principles_in
from solon.training.reward.losses import pair_losses
from solon.training.reward.model import RewardModel, read_last
from solon.training.trainer import Progress, fit

# The label of a pair that counts for nothing; what transformers counts as no item.
BLANK = -100.0

CENTRE_ON = 128  # pairs that say where the zero of a head is

Batch = dict[str, Tensor]


class PairLoss(nn.Module):
    """What the Trainer trains: pairs in, their loss out, all in `forward`, where DDP and FSDP have their hooks."""

    accepts_loss_kwargs = True  # the Trainer counts the pairs of a step over batches and processes, and scales by them

    def __init__(self, model: RewardModel, margin: float, centred: float) -> None:
        super().__init__()
        self.head = model.head
        # Without the output head: where it is the embedding, a checkpoint would hold that frozen matrix as well.
        self.decoder = model.local.decoder
        self.margin, self.centred = margin, centred

    def train(self, mode: bool = True) -> PairLoss:
        """Without dropout, as rewards are read, unless layers are checkpointed: they only are in this mode."""
        super().train(mode)
        self.decoder.train(mode and self.decoder.is_activation_checkpointing)
        return self

    def activation_checkpointing_enable(self, **how: Any) -> None:
        self.decoder.activation_checkpointing_enable(**how)

    def forward(
        self,
        ids: Tensor,
        mask: Tensor,
        lengths: Tensor,
        labels: Tensor,
        weights: Tensor,
        num_items_in_batch: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The loss, summed over the pairs (first all a, then all b) and divided by the pairs of the whole step.

        `labels` (n,) are P(a better), or BLANK; `weights` (n, heads) say how much a pair counts for
        a head: its own weight, of mean 1 over all pairs, times how often the head's bootstrap holds it.
        """
        a, b = read_last(self.decoder, self.head, ids, mask, lengths).chunk(2)
        losses = pair_losses(a, b, labels.clamp(min=0).to(a), self.margin, self.centred)
        total = (losses * weights * (labels != BLANK)[:, None]).mean(-1).sum()
        return {"loss": total / (len(labels) if num_items_in_batch is None else num_items_in_batch)}


class _Collator:
    """Both replies of every pair in one right-padded batch: first all a, then all b."""

    def __init__(self, pad: int) -> None:
        self.pad = pad

    def __call__(self, pairs: Sequence[dict[str, Any]]) -> Batch:
        rows = Rows.of([p["ids_a"] for p in pairs] + [p["ids_b"] for p in pairs], self.pad)
        labels = torch.tensor([p["label"] for p in pairs])
        weights = torch.tensor([p["weights"] for p in pairs])
        return {"ids": rows.ids, "mask": rows.mask, "lengths": rows.lengths, "labels": labels, "weights": weights}


class PairTrainer(Trainer):  # type: ignore[misc]
    """The Trainer, taking the same pairs in each step however many processes share it, and each of them once."""

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Any:
        """Pairs of like length together within a whole step, of which transformers' sampler sees a process's part."""
        args, data = self.args, self.train_dataset
        if args.train_sampling_strategy != "group_by_length":
            return super()._get_train_sampler(data)
        step = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        return LengthGroupedSampler(step, lengths=data["length"])

    def get_batch_samples(
        self, epoch_iterator: Iterator[Batch], num_batches: int, device: torch.device
    ) -> tuple[list[Batch], Tensor]:
        """The step's batches, and how many pairs they hold in all processes."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        if self.accelerator.gradient_state.end_of_dataloader and not self.args.dataloader_drop_last:
            own = own_rows(len(self.train_dataset), self.args.train_batch_size)
            batches[-1]["labels"][own:] = BLANK
        count = sum((batch["labels"] != BLANK).sum() for batch in batches)
        return batches, self.accelerator.reduce(torch.as_tensor(count, device=device))


def train_reward(
    local: LocalModel,
    adapter: str,
    pairs: Sequence[Pair],
    settings: RewardSettings,
    *,
    seed: int,
    scratch: Path,
    tick: Progress,
    checkpoints: Checkpoints | None = None,
) -> tuple[RewardModel, list[dict[str, float]]]:
    """Train a reward model on soft labels; returns it and the loss by step (nats per pair).

    Raises DataError when a label is no probability, and when the pairs prefer nothing or do not fit the context.
    """
    base = trainer_arguments(settings, local, scratch, seed)
    args = build_arguments(TrainingArguments, settings, base, {"remove_unused_columns": False})
    kept = checked(pairs, principle=settings.principle)
    kept += negatives(kept, settings.negatives, seed)
    rows = rows_of(local, kept, heads=settings.heads, seed=seed, principle=settings.principle)
    add_adapter(local, adapter, settings.lora, seed)
    model = RewardModel(local, adapter, _reading(kept, settings))
    trainable(local, adapter)
    trainer = PairTrainer(
        model=PairLoss(model, settings.margin, settings.centred),
        args=args,
        train_dataset=Dataset.from_list(rows),
        data_collator=_Collator(local.pad),
    )
    history = fit(trainer, tick, checkpoints)
    if local.decoder.is_activation_checkpointing:
        local.decoder.activation_checkpointing_disable()  # others train on the same base
    if settings.heads > 1:
        model.centre([row[side] for row in rows[:CENTRE_ON] for side in ("ids_a", "ids_b")])
    return model.eval(), history


def _reading(pairs: Sequence[Pair], settings: RewardSettings) -> Reading:
    return Reading(settings.heads, settings.caution, principles_in(pairs) if settings.principle else ())
