"""KTO (Ethayarajh et al. 2024) through TRL: every answer is desirable or not, and what counts is how far its
log-ratio lies from the policy's KL to the reference.

Departures: LoRA, not all weights. KTO takes no soft target and TRL no weight per row, so a label counts as the side it
takes, however sure it is; a label of exactly 0.5 takes none, and its row is left out. TRL pairs each prompt with the
answer before it, batch by batch, to estimate the KL; we do so along the whole data, so that it does not matter how
many processes a batch is spread over.

Replies need no partner: rows of TRL's unpaired columns (`prompt`, `completion`, `label`) stand beside pairs. Where one
kind is rarer its loss weighs as much more, so that both kinds weigh the same (the lower end of what the authors
advise), unless `trainer_args` says otherwise.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from trl import KTOConfig, KTOTrainer

from solon.engines.local.model import LocalModel
from solon.errors import ConfigError, DataError, PromptUnfit
from solon.settings import KtoSettings
from solon.training.adapters import copy_adapter, trainable, without_dropout
from solon.training.arguments import build_arguments, trainer_arguments
from solon.training.dpo.pairs import Pair, encode_pairs
from solon.training.offline import begin, finished
from solon.training.processes import world
from solon.training.task import History, Task
from solon.training.trainer import fit
from solon.types import Message

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
    says how many pairs and lone replies were `left_out`. Raises DataError as `encode_pairs` does and where all replies
    are of one kind, and ConfigError for batches of one.
    """
    if settings.batch_size < 2:
        raise ConfigError("kto: batch_size 1 leaves nothing to estimate the KL from; use 2 or more")
    local = task.local
    lone = [row for row in task.preferences if "completion" in row]
    paired = [row for row in task.preferences if "completion" not in row]
    encoded = encode_pairs(local, paired, settings.max_length, "kto") if paired or not lone else []
    pairs = [pair for pair in encoded if pair.prob_chosen != 0.5]
    _check_weights(pairs)
    replies = encode_lone(local, lone, min(settings.max_length, local.context))
    mixed = with_kl(spread(unpaired(pairs, task.seed), replies, task.seed)) if lone else unpaired(pairs, task.seed)
    _check_kinds(mixed, len(lone), settings.max_length)
    with tempfile.TemporaryDirectory() as scratch, _names_of_trl(task, settings):
        arguments = _arguments(task, settings, Path(scratch), [row["label"] for row in mixed])
        rows = whole_batches(mixed, arguments.per_device_train_batch_size * world())
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
    return finished(task, named, len(task.preferences) - len(pairs) - len(replies))


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


def encode_lone(local: LocalModel, rows: Sequence[Mapping[str, Any]], longest: int) -> list[dict[str, Any]]:
    """`encode_reply` of the rows that fit `longest` tokens."""
    encoded = []
    for row in rows:
        try:
            reply = encode_reply(local, row)
        except PromptUnfit:
            continue
        if reply["completion_ids"] and len(reply["prompt_ids"]) + len(reply["completion_ids"]) <= longest:
            encoded.append(reply)
    return encoded


def encode_reply(local: LocalModel, row: Mapping[str, Any]) -> dict[str, Any]:
    """A reply and its prompt in the columns of TRL's trainer. Raises PromptUnfit.

    A reply that was cut off has no end of turn: the policy must not learn to stop in mid-sentence.
    """
    turns = [Message(**turn) for turn in row["prompt"]]
    ended = row.get("ended") is not False
    prompt, answer = local.encode_completion(turns, row["completion"][0]["content"], ended)
    return {"prompt_ids": prompt, "completion_ids": answer, "label": bool(row["label"])}


def spread(paired: Sequence[dict[str, Any]], lone: Sequence[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """All rows, those of pairs in their order, each kind spread evenly so that batches have some of both."""
    order = torch.randperm(len(lone), generator=torch.Generator().manual_seed(seed)).tolist()
    drawn = [lone[i] for i in order]
    kinds = (paired, [row for row in drawn if row["label"]], [row for row in drawn if not row["label"]])
    placed = [((n + 0.5) / len(rows), k, row) for k, rows in enumerate(kinds) for n, row in enumerate(rows)]
    return [row for _, _, row in sorted(placed, key=itemgetter(0, 1))]


def with_kl(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, each with the nearest answer before it to another prompt, from which the KL is estimated.

    Where all answer one prompt it is the answer before, as in TRL.
    """
    out = []
    for i, row in enumerate(rows):
        others = (rows[i - k] for k in range(1, len(rows)) if rows[i - k]["prompt_ids"] != row["prompt_ids"])
        out.append({**row, "KL_completion_ids": next(others, rows[i - 1])["completion_ids"]})
    return out


def _check_weights(pairs: Sequence[Pair]) -> None:
    """Raises DataError for pairs of different weights, which TRL's trainer would not heed."""
    if len(weights := {pair.weight for pair in pairs}) > 1:
        raise DataError(
            f"kto: pairs weigh {min(weights):g} to {max(weights):g}, and KTO weighs all alike; train with dpo or on a "
            "reward model, or give them one weight"
        )


def _check_kinds(rows: Sequence[dict[str, Any]], lone: int, longest: int) -> None:
    """Raises DataError where nothing is left, or one kind of reply alone."""
    if not rows:
        raise DataError(f"kto: none of {lone} replies fits max_length {longest}; raise it or shorten the texts")
    if len(kinds := {row["label"] for row in rows}) == 1:
        only, other = ("desirable", "undesirable") if True in kinds else ("undesirable", "desirable")
        raise DataError(
            f"kto: all {len(rows)} replies are {only}, and KTO learns from both kinds; add {other} ones"
            + (", or learn the good ones with solon train sft" if True in kinds else "")
        )


def whole_batches(rows: Sequence[dict[str, Any]], size: int) -> list[dict[str, Any]]:
    """The rows, and as many from their start again as the last batch of `size` lacks.

    accelerate would do so in several processes only, and TRL takes means over each process's rows.
    """
    return [rows[i % len(rows)] for i in range(-(-len(rows) // size) * size)]


def _row(pair: Pair, desirable: bool) -> dict[str, Any]:
    answer = pair.chosen if desirable == (pair.prob_chosen > 0.5) else pair.rejected
    return {"prompt_ids": pair.prompt, "completion_ids": answer, "label": desirable}


def _arguments(task: Task, settings: KtoSettings, scratch: Path, labels: Sequence[bool]) -> KTOConfig:
    local = task.local
    good, bad = sum(labels), len(labels) - sum(labels)
    ours = {
        **trainer_arguments(settings, local, scratch, task.seed),
        "bf16": local.device.type == "cuda",
        "gradient_checkpointing": False,
        "desirable_weight": max(1.0, bad / good),
        "undesirable_weight": max(1.0, good / bad),
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
