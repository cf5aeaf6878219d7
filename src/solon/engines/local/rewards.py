"""Reward models behind the engine protocol, so that what they say is stored, counted and batched like any answer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

import torch
from transformers import AutoModelForSequenceClassification

from solon.engines.base import Origin
from solon.engines.batching import Batcher
from solon.engines.local.model import PLAIN_TEMPLATE, LocalModel
from solon.errors import ConfigError, ModelError, PromptTooLong
from solon.types import Choice, ChooseRequest, Completion, Fingerprint, GenerateRequest, Message


class Rewards(Protocol):
    """Token ids of a conversation with a reply, and the rewards of such rows, higher being better.

    `encode` raises PromptTooLong where the two do not fit the context. A reply that has not `ended` was cut off.
    """

    @property
    def local(self) -> LocalModel: ...

    def encode(self, turns: Sequence[Message], reply: str, ended: bool = True) -> list[int]: ...

    def score(self, rows: Sequence[list[int]]) -> list[float]: ...


class RewardEngine:
    """`choose` gives the log-probability, log σ(reward), that each choice alone beats a reply of reward 0.

    Replies that wait are scored together. It writes nothing: `generate` raises ConfigError.
    """

    def __init__(self, rewards: Rewards, fingerprint: Fingerprint, max_batch: int = 64) -> None:
        self.rewards, self._fingerprint = rewards, fingerprint
        self._score: Batcher[list[int], float] = Batcher(rewards.score, len, max_batch, rewards.local.thread)

    @property
    def fingerprint(self) -> Fingerprint:
        return self._fingerprint

    @property
    def origin(self) -> Origin:
        return "live"

    async def generate(self, request: GenerateRequest) -> Completion:
        raise ConfigError(f"{self.fingerprint.model} is a reward model and writes nothing; ask reward_model")

    async def choose(self, request: ChooseRequest) -> Choice:
        rows = [self.rewards.encode(request.messages, choice, request.ended) for choice in request.choices]
        found = await asyncio.gather(*(self._score.submit(row) for row in rows))
        if not all(math.isfinite(reward) for reward in found):
            return Choice((), unreadable=f"the rewards {found}")
        return Choice(tuple(log_sigmoid(reward) for reward in found), sum(map(len, rows)))

    async def close(self) -> None:
        return None


def log_sigmoid(reward: float) -> float:
    """log σ(reward), in nats, <= 0."""
    return min(reward, 0.0) - math.log1p(math.exp(-abs(reward)))


class Classifier(LocalModel):
    """A transformers sequence classifier with one label, as reward models are published.

    Raises ModelError for one with more labels, or with none of its own. A tokenizer without a chat template gets
    conversation and reply as a pair of texts.
    """

    @cached_property
    def model(self) -> Any:
        with self._translated():
            model, loaded = AutoModelForSequenceClassification.from_pretrained(
                self.source.folder,
                dtype=getattr(torch, self.precision),
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
        if model.config.num_labels != 1 or loaded["missing_keys"]:
            raise ModelError(
                f"model: {self.source.name} is no reward model (a sequence classifier with one label); to ask a "
                "language model, use another way of asking, such as choice"
            )
        model.config.pad_token_id = self.pad
        return model.to(self.device).eval()

    @property
    def pad(self) -> int:
        pad = self.tokenizer.pad_token_id
        return int(pad if pad is not None else self.tokenizer.eos_token_id or 0)


class ClassifierRewards:
    """The one logit of a `Classifier`."""

    def __init__(self, local: Classifier) -> None:
        self.local = local

    def encode(self, turns: Sequence[Message], reply: str, ended: bool = True) -> list[int]:
        """A published model was trained on whole turns and reads every reply as one, whether it `ended` or not."""
        local = self.local
        said = [(turn.role, local.harmless_text(turn.content)) for turn in (*turns, Message("assistant", reply))]
        if local.tokenizer.chat_template == PLAIN_TEMPLATE:
            asked = "\n\n".join(text for _, text in said[:-1])
            ids = local.tokenizer(asked, said[-1][1])["input_ids"]
        else:
            messages = [{"role": role, "content": text} for role, text in said]
            ids = local.tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False)
        if len(ids) > local.context:
            raise PromptTooLong(
                f"prompt and reply have {len(ids)} tokens, but the context of {local.source.name} is {local.context}"
            )
        return list(ids)

    @torch.inference_mode()
    def score(self, rows: Sequence[list[int]]) -> list[float]:
        longest, local = max(map(len, rows)), self.local
        ids = torch.tensor([[*row, *[local.pad] * (longest - len(row))] for row in rows], device=local.device)
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=local.device)
        rewards: list[float] = local.model(input_ids=ids, attention_mask=mask).logits[:, 0].float().tolist()
        return rewards
