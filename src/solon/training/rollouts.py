"""What PPO learns from: answers of the policy with their log-probabilities, values and rewards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from solon.engines.local.decode import Job, LocalDecoder
from solon.engines.local.logprobs import token_logprobs
from solon.engines.local.model import LocalModel
from solon.training.batches import Rows, pad_right
from solon.types import digest, user


@dataclass(frozen=True, slots=True)
class Answers:
    """A batch of sampled answers.

    `rows` holds prompt and answer; `prompts` (batch,) the prompt lengths; `actions` (batch, time) the
    answer's ids from column 0 and `mask` (batch, time) where they are real. `stopped` (batch,) is false
    for answers cut off by the token limit.
    """

    texts: tuple[str, ...]
    rows: Rows
    prompts: Tensor
    actions: Tensor
    mask: Tensor
    stopped: Tensor

    def select(self, index: Tensor) -> Answers:
        """The answers named by `index`, trimmed to their longest."""
        lengths = self.rows.lengths[index]
        time, width = int(lengths.max()), int(self.mask[index].sum(-1).max())
        rows = Rows(self.rows.ids[index, :time], self.rows.mask[index, :time], lengths)
        texts = tuple(self.texts[i] for i in index.tolist())
        return Answers(
            texts, rows, self.prompts[index], self.actions[index, :width], self.mask[index, :width], self.stopped[index]
        )


def sample_answers(
    decoder: LocalDecoder, prompts: Sequence[str], *, max_tokens: int, temperature: float, seed: int
) -> Answers:
    """Let the policy answer each prompt once."""
    local = decoder.local
    encoded = [local.encode_chat((user(p),), max_tokens) for p in prompts]
    jobs = [Job(ids, max_tokens, temperature, 1.0, int(digest([seed, i])[:15], 16)) for i, ids in enumerate(encoded)]
    decoder.forget()  # the policy has learnt since the last batch: kept prefixes are stale
    written = decoder.write(jobs)
    answers = [w.ids for w in written]
    return Answers(
        tuple(local.decode_text(ids) for ids in answers),
        Rows.of([p + a for p, a in zip(encoded, answers, strict=True)], local.pad),
        torch.tensor([len(p) for p in encoded]),
        pad_right(answers, local.pad, torch.long),
        pad_right([[1] * len(a) for a in answers], 0, torch.float32),
        torch.tensor([w.stopped for w in written]),
    )


def answer_states(local: LocalModel, answers: Answers) -> Tensor:
    """Hidden states from which each answer token was predicted, (batch, time, width); zeros where masked.

    The adapter that is to be read must be active.
    """
    rows = answers.rows
    hidden = local.decoder(input_ids=rows.ids, attention_mask=rows.mask, use_cache=False).last_hidden_state
    time = torch.arange(answers.actions.shape[1])
    at = (answers.prompts[:, None] - 1 + time).clamp(max=rows.ids.shape[1] - 1)
    states: Tensor = hidden[torch.arange(len(at))[:, None], at]
    return states * answers.mask[..., None].to(states.dtype)


def answer_logprobs(local: LocalModel, answers: Answers, states: Tensor) -> Tensor:
    """log-probability (nats) of each answer token, (batch, time); 0 where masked."""
    real = answers.mask.bool()
    out = states.new_zeros(answers.mask.shape)
    return out.masked_scatter(real, token_logprobs(local.head, states[real], answers.actions[real]))


class ValueHead(nn.Module):
    """PPO's critic: V(s) from the policy's hidden states, (batch, time, width) → (batch, time)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out = nn.Linear(width, 1)
        nn.init.zeros_(self.out.weight)  # V = 0 at first: advantages start as plain returns
        nn.init.zeros_(self.out.bias)

    def forward(self, states: Tensor) -> Tensor:
        values: Tensor = self.out(states).squeeze(-1)
        return values
