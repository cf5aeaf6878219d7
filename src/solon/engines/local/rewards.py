"""Reward models behind the engine protocol, so that what they say is stored, counted and batched like any answer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import AutoModelForSequenceClassification

from solon.engines.base import Origin
from solon.engines.batching import Batcher
from solon.engines.local.model import LocalModel, accepted
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
        return model.to(self.device).eval()

    @property
    def rows(self) -> int:
        """Of the embedding."""
        return int(self.model.get_input_embeddings().weight.shape[0])

    @property
    def pad(self) -> int:
        pad = self.tokenizer.pad_token_id
        return int(pad) if pad is not None and pad < self.rows else 0


class ClassifierRewards:
    """The one logit of a `Classifier`, at the token where transformers reads it in a row of its own.

    That is the last one that is not config.pad_token_id, or the very last where the configuration names no padding:
    so what fills rows up here is that token, or one that ends no row of the batch.
    """

    def __init__(self, local: Classifier) -> None:
        self.local = local

    def encode(self, turns: Sequence[Message], reply: str, ended: bool = True) -> list[int]:
        """A published model was trained on whole turns and reads every reply as one, whether it `ended` or not."""
        local = self.local
        if local.chat.plain:
            asked = "\n\n".join(turn.content for turn in turns)
            ids = local.tokenizer(local.harmless_text(asked), local.harmless_text(reply))["input_ids"]
        else:
            ids = local.chat.conversation((*turns, Message("assistant", reply)))
        if len(ids) > local.context:
            raise PromptTooLong(
                f"prompt and reply have {len(ids)} tokens, but the context of {local.source.name} is {local.context}"
            )
        return list(ids)

    @torch.inference_mode()
    def score(self, rows: Sequence[list[int]]) -> list[float]:
        longest, local = max(map(len, rows)), self.local
        with self._filler(rows) as pad:
            ids = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows], device=local.device)
            mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=local.device)
            segments = self._segments(rows, longest)
            logits = local.model(input_ids=ids, attention_mask=mask, **segments).logits
        rewards: list[float] = logits[:, 0].float().tolist()
        return rewards

    @contextmanager
    def _filler(self, rows: Sequence[list[int]]) -> Iterator[int]:
        """A token to fill rows up with; inside the block transformers knows it as padding."""
        config = self.local.model.config.get_text_config()
        before = config.pad_token_id
        if before is not None and 0 <= before < self.local.rows:
            yield before
            return
        ends = {row[-1] for row in rows}
        config.pad_token_id = next(i for i in range(len(ends) + 1) if i not in ends)
        try:
            yield config.pad_token_id
        finally:
            config.pad_token_id = before

    def _segments(self, rows: Sequence[list[int]], longest: int) -> dict[str, Tensor]:
        """Which text of a pair each token is of, for models that were taught it (BERT): 0 conversation, 1 reply."""
        tokenizer = self.local.tokenizer
        if "token_type_ids" not in tokenizer.model_input_names or not self.local.chat.plain:
            return {}
        named = accepted(self.local.model, token_type_ids=None)
        made = [_after_first(row, tokenizer.sep_token_id) for row in rows]
        return {
            name: torch.tensor([[*row, *[0] * (longest - len(row))] for row in made], device=self.local.device)
            for name in named
        }


def _after_first(row: Sequence[int], separator: int | None) -> list[int]:
    """0 up to the first separator, 1 after it."""
    first = row.index(separator) if separator in row else len(row) - 1
    return [0] * (first + 1) + [1] * (len(row) - first - 1)
