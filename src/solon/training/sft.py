"""SL-CAI: supervised fine-tuning on revisions, through TRL (CAI paper, section 3.1).

Rows are TRL's `prompt` and `completion` (lists of messages). We tokenise them ourselves so that text
which spells a chat-template token stays text. Departure from the paper: LoRA, not all weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from datasets import Dataset
from torch import Tensor
from trl import SFTConfig, SFTTrainer, pack_dataset

from solon.engines.local.model import LocalModel
from solon.errors import DataError, PromptUnfit
from solon.settings import SftSettings
from solon.training.adapters import add_adapter, copy_adapter, trainable
from solon.training.arguments import build_arguments, trainer_arguments
from solon.training.checkpoints import Checkpoints
from solon.training.packed import IGNORED, Batch, PackedCollator, by_row, first_rows, packs, rows_of
from solon.training.processes import own_rows
from solon.training.trainer import History, Progress, fit
from solon.training.trunk import TOKENS, Trunk, entering, trunk_of
from solon.types import Message

Row = Mapping[str, Any]


def encode_rows(
    local: LocalModel, rows: Sequence[Row], max_length: int, first_tokens: int | None = None
) -> list[dict[str, list[int]]]:
    """`input_ids` and `completion_mask` of each row; rows longer than `max_length` or the context are left out.

    With `first_tokens` a completion is only its opening of so many tokens.

    Raises DataError when there is no row, or none is left.
    """
    if not rows:
        raise DataError("sft: there are no rows to learn from")
    encoded = []
    for row in rows:
        try:
            prompt, answer = encode_row(local, row)
        except PromptUnfit:
            continue
        answer = answer[:first_tokens]
        if answer and len(prompt) + len(answer) <= min(max_length, local.context):
            mask = [0] * len(prompt) + [1] * len(answer)
            encoded.append({"input_ids": prompt + answer, "completion_mask": mask})
    if not encoded:
        raise DataError(f"sft: none of {len(rows)} rows fits max_length {max_length}; raise it or shorten the texts")
    return encoded


def encode_row(local: LocalModel, row: Row) -> tuple[list[int], list[int]]:
    """Token ids of prompt and completion: those that it was sampled as, where the row has them.

    Raises PromptUnfit where the model cannot be given them.
    """
    turns = [Message(**m) for m in row["prompt"]]
    if row.get("completion_ids"):
        return local.encode_chat(turns), list(row["completion_ids"])
    return local.encode_completion(turns, row["completion"][0]["content"], row.get("ended", True))


def dataset(encoded: Sequence[Mapping[str, list[int]]], settings: SftSettings) -> Dataset:
    """What the trainer reads: a row each, or with `packing` as many as fit `max_length` (best fit, longest first)."""
    rows = [
        {
            "input_ids": row["input_ids"],
            "labels": [t if m else IGNORED for t, m in zip(row["input_ids"], row["completion_mask"], strict=True)],
        }
        for row in encoded
    ]
    made = Dataset.from_list(rows)
    return pack_dataset(made, settings.max_length, "bfd") if settings.packing else made


class CompletionTrainer(SFTTrainer):  # type: ignore[misc]
    """TRL's trainer without padding, and without logits for tokens that are not learnt.

    Off CUDA, TRL scores every position and scores it again for the backward pass: 40% of a step here. The
    loss is the same mean over completion tokens: of a whole step, all its batches and processes.
    """

    loss_is_scaled_for_ga = True

    def __init__(self, *, packs: bool = True, **arguments: Any) -> None:
        super().__init__(data_collator=PackedCollator(), **arguments)
        self.packs = packs  # whether rows may lie one behind another; else each is read alone
        self.trunk: Trunk | None = None

    def get_batch_samples(
        self, epoch_iterator: Iterator[Batch], num_batches: int, device: torch.device
    ) -> tuple[list[Batch], Tensor]:
        """The step's batches, and how many tokens they teach in all processes."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        if self.accelerator.gradient_state.end_of_dataloader and not self.args.dataloader_drop_last:
            own = own_rows(len(self.train_dataset), self.args.per_device_train_batch_size)
            batches[-1] = first_rows(batches[-1], own)
        count = torch.tensor(sum(len(batch["targets"]) for batch in batches), device=device)
        return batches, self.accelerator.reduce(count)

    def compute_loss(
        self,
        model: Any,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Tensor | None = None,
    ) -> Any:
        base = self.accelerator.unwrap_model(model).get_base_model()
        # All that has weights is computed by the wrapped model's own forward: DDP and FSDP hook into it.
        if self.packs:
            with by_row(base), entering(self.trunk, inputs):
                out = _read(model, inputs, lengths=inputs["lengths"])
            total = _surprise(out, inputs)
        else:
            read = []
            for row in rows_of(inputs):
                with entering(self.trunk, row):
                    read.append((_read(model, row), row))
            out = read[-1][0]
            total = torch.stack([_surprise(found, row) for found, row in read]).sum()
        count = len(inputs["targets"]) if num_items_in_batch is None else num_items_in_batch
        # DDP and FSDP average what the processes give, each of which has its part of the sum.
        loss = total * self.accelerator.num_processes / count
        return (loss, out) if return_outputs else loss


def _read(model: Any, batch: Batch, **more: Any) -> Any:
    """The model's output, its logits only where a token is to be learnt."""
    positions = {"position_ids": batch["position_ids"]} if "position_ids" in batch else {}
    return model(
        input_ids=batch["input_ids"],
        **positions,
        logits_to_keep=batch["learnt"],
        use_cache=False,
        **more,
    )


def _surprise(out: Any, batch: Batch) -> Tensor:
    """-log P of the tokens to be learnt, in nats, added up."""
    logits = out.logits[0]
    if len(logits) != len(batch["targets"]):  # a family that does not know `logits_to_keep` gives them all
        logits = logits[batch["learnt"]]
    return F.cross_entropy(logits.float(), batch["targets"], reduction="sum")


def train_sft(
    local: LocalModel,
    adapter: str,
    rows: Sequence[Row],
    settings: SftSettings,
    *,
    seed: int,
    scratch: Path,
    tick: Progress,
    checkpoints: Checkpoints | None = None,
    start: str | None = None,
) -> History:
    """Train `adapter` on the rows' completions; returns the loss by step (nats per token).

    The adapter is a fresh one of `settings.lora`, or begins as a copy of adapter `start`. The first step also says how
    many rows were `left_out`: too long, or with nothing to learn. `checkpoints` and what is raised: see trainer.fit.
    """
    arguments = build_config(local, settings, scratch, seed)
    encoded = encode_rows(local, rows, settings.max_length, settings.first_tokens)
    if start is None:
        add_adapter(local, adapter, settings.lora, seed)
    else:
        copy_adapter(local, start, adapter)
    packed = packs(local)
    trainable(local, adapter)  # the try of `packs` reads the bare model
    trainer = CompletionTrainer(
        packs=packed,
        model=local.model,
        args=arguments,
        train_dataset=dataset(encoded, settings),
        processing_class=local.tokenizer,
    )
    # The whole training: layers that are recomputed in the backward pass must attend as they did.
    with by_row(local.base) if packed else nullcontext():
        if settings.epochs > 1 and not arguments.gradient_checkpointing:
            trainer.trunk = _trunk(local, trainer.train_dataset, packed)
        history = fit(trainer, tick, checkpoints)
    local.model.eval()
    if history:
        history[0]["left_out"] = float(len(rows) - len(encoded))
    return history


def _trunk(local: LocalModel, rows: Dataset, packed: bool) -> Trunk | None:
    """What the layers that are not adapted make of the rows, where an epoch need not read it anew."""
    batches = [PackedCollator()(some) for some in _by_tokens(rows)]
    sequences = batches if packed else [row for batch in batches for row in rows_of(batch)]

    def read(batch: Batch) -> Any:
        given = {name: part.to(local.device) if isinstance(part, Tensor) else part for name, part in batch.items()}
        return _read(local.model, given, **({"lengths": batch["lengths"]} if packed else {}))

    local.model.train()  # as it learns: what is drawn at random cannot be kept
    return trunk_of(local, sequences, read)


def _by_tokens(rows: Dataset) -> Iterator[list[Mapping[str, Any]]]:
    """Some rows at a time, in their order: as many as TOKENS hold, one at least."""
    some: list[Mapping[str, Any]] = []
    for row in rows:
        if some and sum(len(one["input_ids"]) for one in (*some, row)) > TOKENS:
            yield some
            some = []
        some.append(row)
    yield some


def build_config(local: LocalModel, settings: SftSettings, scratch: Path, seed: int) -> SFTConfig:
    """TRL's arguments. Raises ConfigError for `trainer_args` it does not take."""
    ours = {
        **trainer_arguments(settings, local, scratch, seed),
        # Without padding, rows of like length need not travel together.
        "train_sampling_strategy": "random",
        # TRL's defaults suit GPUs: bf16 and checkpointing cost time on a CPU and save nothing there.
        "bf16": local.device.type == "cuda",
        "gradient_checkpointing": False,
    }
    fixed = {
        "completion_only_loss": True,
        "dataset_kwargs": {"skip_prepare_dataset": True},
        "loss_type": "nll",
        "max_length": None,
        "packing": False,
        "padding_free": False,
    }
    return build_arguments(SFTConfig, settings, ours, fixed)
