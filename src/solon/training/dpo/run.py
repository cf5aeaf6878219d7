"""DPO (Rafailov et al. 2023) on soft labels: the judge's probability is the target, pair by pair.

Departures from the paper: soft targets; LoRA, not all weights. No answers are sampled, so the KL to the reference, an
expectation over the policy's own answers, is not known here: the log-probability of the chosen answers is what shows a
collapse (it falls together with that of the rejected).
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from datasets import Dataset
from transformers import TrainingArguments

from solon.settings import DpoSettings
from solon.training.adapters import trainable
from solon.training.arguments import build_arguments, trainer_arguments
from solon.training.dpo.pairs import Pair, encode_pairs
from solon.training.dpo.reading import AnswerLogprobs, by_pair, reads_branches
from solon.training.dpo.reference import reference_logprobs
from solon.training.dpo.trainer import METRICS, DpoTrainer, PairCollator
from solon.training.offline import begin, finished
from solon.training.task import History, Task
from solon.training.trainer import fit
from solon.training.weights import of_mean_one


def train_dpo(task: Task, settings: DpoSettings) -> History:
    """Train on `task.preferences`; the numbers of each step, all means over its pairs.

    loss; accuracy: share whose implicit reward agrees with the label; margin: implicit reward of chosen less rejected,
    in nats; logprob_chosen, logprob_rejected: nats per answer. The first step also says how many rows were `left_out`,
    too long or twice the same answer. Raises DataError for preferences that cannot be learnt from (see pairs.py).
    """
    local = task.local
    pairs = encode_pairs(local, task.preferences, settings.max_length, "dpo")
    left_out = len(task.preferences) - len(pairs)
    if settings.epochs < 1:  # the reference need not read what is not learnt from
        pairs, settings = drawn(pairs, settings.epochs, task.seed), settings.model_copy(update={"epochs": 1.0})
    begin(task, task.target, settings.lora)
    shared = reads_branches(local)
    with tempfile.TemporaryDirectory() as scratch, by_pair(local, shared):
        trainer = build_trainer(task, settings, pairs, shared, Path(scratch))
        history = fit(trainer, task.tick, task.checkpoints, logged=("loss", *METRICS), beside=task.watch)
    return finished(task, history, left_out)


def drawn(pairs: Sequence[Pair], share: float, seed: int) -> list[Pair]:
    """The share of the pairs that less than an epoch learns from, drawn by the seed; some that hold a preference."""
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(seed)).tolist()
    sided = next((i for i in order if pairs[i].prob_chosen != 0.5), order[0])
    order = [sided, *(i for i in order if i != sided)]
    return [pairs[i] for i in order[: max(1, round(share * len(pairs)))]]


def build_trainer(task: Task, settings: DpoSettings, pairs: Sequence[Pair], shared: bool, scratch: Path) -> DpoTrainer:
    """The trainer of adapter `task.target` on `pairs`, with what `task.reference` says of them.

    The model must be attending as `shared` wants it (`by_pair`).
    """
    local = task.local
    base = trainer_arguments(settings, local, scratch, task.seed)
    # Without padding, pairs of like length need not travel together.
    base |= {"train_sampling_strategy": "random"} if shared else {}
    # Before the reference is read: the arguments are what makes the processes know each other.
    fixed = {"remove_unused_columns": False, "logging_steps": 1}
    arguments = build_arguments(TrainingArguments, settings, base, fixed)
    reference = reference_logprobs(local, task.reference, pairs, settings.batch_size, shared)
    rows = [
        {**asdict(pair), "weight": w, "length": pair.length, "reference_chosen": chosen, "reference_rejected": rejected}
        for pair, w, (chosen, rejected) in zip(
            pairs, of_mean_one([pair.weight for pair in pairs]), reference, strict=True
        )
    ]
    trainable(local, task.target)
    return DpoTrainer(
        settings,
        model=AnswerLogprobs(local),
        args=arguments,
        train_dataset=Dataset.from_list(rows),
        data_collator=PairCollator(local.pad, shared),
    )
