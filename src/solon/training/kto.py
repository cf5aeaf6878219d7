"""KTO (Ethayarajh et al. 2024) through TRL: every answer is desirable or not, and what counts is how far its
log-ratio lies from the policy's KL to the reference.

Departures: LoRA, not all weights. KTO takes no soft target and TRL no weight per row, so a label counts as the side it
takes, however sure it is; a label of exactly 0.5 takes none, and its row is left out. TRL pairs each prompt with the
answer before it, batch by batch, to estimate the KL; we do so along the whole data, so that it does not matter how
many processes a batch is spread over.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from trl import KTOConfig, KTOTrainer

from solon.errors import ConfigError
from solon.settings import KtoSettings
from solon.training.adapters import copy_adapter, trainable, without_dropout
from solon.training.arguments import build_arguments, trainer_arguments
from solon.training.dpo.pairs import Pair, encode_pairs
from solon.training.offline import begin, finished
from solon.training.processes import world
from solon.training.task import History, Task
from solon.training.trainer import fit

POLICY, REFERENCE = "default", "ref"  # the adapters that TRL trains and compares with

# What TRL calls its numbers.
NUMBERS = {
    "loss": "loss",
    "kl": "kl",
    "rewards/margins": "margin",
    "logps/chosen": "logprob_chosen",
    "logps/rejected": "logprob_rejected",
}


def train_kto(task: Task, settings: KtoSettings) -> History:
    """Train on `task.preferences`; the numbers of each step, all means over its rows.

    loss; kl: the estimate that the loss uses, nats per answer; margin: implicit reward of desirable less undesirable
    answers, in nats; logprob_chosen, logprob_rejected: nats per desirable and undesirable answer. The first step also
    says how many pairs were `left_out`. Raises DataError as `encode_pairs` does, and ConfigError for batches of one.
    """
    if settings.batch_size < 2:
        raise ConfigError("kto: batch_size 1 leaves nothing to estimate the KL from; use 2 or more")
    local = task.local
    encoded = encode_pairs(local, task.preferences, settings.max_length, "kto")
    pairs = [pair for pair in encoded if pair.prob_chosen != 0.5]
    with tempfile.TemporaryDirectory() as scratch, _names_of_trl(task, settings):
        arguments = _arguments(task, settings, Path(scratch))
        rows = whole_batches(unpaired(pairs, task.seed), arguments.per_device_train_batch_size * world())
        trainer = TokenRowsTrainer(
            model=local.model,
            args=arguments,
            train_dataset=Dataset.from_list(rows),
            processing_class=local.tokenizer,
        )
        copy_adapter(local, POLICY, REFERENCE)  # TRL's own copy leaves out what has no place of its name (embeddings)
        trainable(local, POLICY)
        history = fit(trainer, task.tick, task.checkpoints, logged=tuple(NUMBERS), beside=task.watch)
        copy_adapter(local, POLICY, task.target)
    named = [{NUMBERS.get(name, name): value for name, value in row.items()} for row in history]
    return finished(task, named, len(task.preferences) - len(pairs))


class TokenRowsTrainer(KTOTrainer):  # type: ignore[misc]
    """TRL's trainer on rows that are token ids already: text that spells a chat-template token stays text."""

    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset

    def compute_loss(self, model: Any, *arguments: Any, **more: Any) -> Any:
        if not self.args.gradient_checkpointing:  # which works in training mode alone
            without_dropout(self.model)
        return super().compute_loss(model, *arguments, **more)


def unpaired(pairs: Sequence[Pair], seed: int) -> list[dict[str, Any]]:
    """Two rows of each pair, in TRL's columns, shuffled: one answer of every pair first, then the other of each.

    Neighbours take turns in being desirable and answer different prompts: the estimate of the KL pairs each prompt
    with its neighbour's answer, which must not be an answer to that prompt.
    """
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(seed)).tolist()
    rows = [_row(pairs[i], (turn + place) % 2 == 0) for turn in (0, 1) for place, i in enumerate(order)]
    return [{**row, "KL_completion_ids": rows[i - 1]["completion_ids"]} for i, row in enumerate(rows)]


def whole_batches(rows: Sequence[dict[str, Any]], size: int) -> list[dict[str, Any]]:
    """The rows, and as many from their start again as the last batch of `size` lacks.

    accelerate would do so in several processes only, and TRL takes means over each process's rows.
    """
    return [rows[i % len(rows)] for i in range(-(-len(rows) // size) * size)]


def _row(pair: Pair, desirable: bool) -> dict[str, Any]:
    answer = pair.chosen if desirable == (pair.prob_chosen > 0.5) else pair.rejected
    return {"prompt_ids": pair.prompt, "completion_ids": answer, "label": desirable}


def _arguments(task: Task, settings: KtoSettings, scratch: Path) -> KTOConfig:
    local = task.local
    ours = {
        **trainer_arguments(settings, local, scratch, task.seed),
        "bf16": local.device.type == "cuda",
        "gradient_checkpointing": False,
    }
    fixed = {
        "train_sampling_strategy": "sequential",
        "beta": settings.beta,
        "max_length": settings.max_length,
        "logging_steps": 1,
    }
    return build_arguments(KTOConfig, settings, ours, fixed)


@contextmanager
def _names_of_trl(task: Task, settings: KtoSettings) -> Iterator[None]:
    """Inside the block the policy is adapter "default", of which TRL makes its own frozen copy; after it, neither is.

    TRL also changes the model's forward method, which is put back.
    """
    local = task.local
    begin(task, POLICY, settings.lora)
    try:
        yield
    finally:
        vars(local.base).pop("forward", None)
        others = [name for name in local.adapters if name not in (POLICY, REFERENCE)]
        if others:
            local.model.set_adapter(task.target if task.target in others else others[0])
            for name in {POLICY, REFERENCE} & set(local.adapters):
                local.model.delete_adapter(name)
        else:
            local.model = local.model.unload()
