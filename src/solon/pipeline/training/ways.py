"""The trainings by verb: what each reads, how it trains, what to lower where memory is short."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from solon.pipeline.training.job import Job
from solon.pipeline.training.loaded import Loaded
from solon.pipeline.training.offline import train_preferences, train_reward_model, train_rows
from solon.pipeline.training.pairs import load_pairs
from solon.pipeline.training.prompts import load_prompts
from solon.pipeline.training.replies import load_replies
from solon.pipeline.training.rollouts import train_rollouts
from solon.pipeline.training.rows import load_rows
from solon.pipeline.training.work import Made, Work


@dataclass(frozen=True, slots=True)
class Way:
    """`items` is what the rows of its file are called; `lower` names settings that need memory."""

    items: str
    read: Callable[[Job], Loaded[Any]]
    train: Callable[[Work], Made]
    lower: str


WAYS = {
    "sft": Way("rows", load_rows, train_rows, "batch_size (raise accumulation) or max_length"),
    "reward": Way("pairs", load_pairs, train_reward_model, "batch_size (raise accumulation)"),
    "dpo": Way("pairs", load_pairs, train_preferences, "batch_size (raise accumulation) or max_length"),
    "kto": Way("replies", load_replies, train_preferences, "batch_size (raise accumulation) or max_length"),
    "ppo": Way("prompts", load_prompts, train_rollouts, "minibatch_size (raise accumulation) or max_tokens"),
    "grpo": Way("prompts", load_prompts, train_rollouts, "trainer_args.per_device_train_batch_size or max_tokens"),
    "rloo": Way("prompts", load_prompts, train_rollouts, "trainer_args.per_device_train_batch_size or max_tokens"),
    "best_of_n": Way("prompts", load_prompts, train_rollouts, "sft.batch_size or max_tokens"),
}
