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
from solon.types import Turns, digest


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

    def to(self, device: torch.device) -> Answers:
        rows = Rows(self.rows.ids.to(device), self.rows.mask.to(device), self.rows.lengths.to(device))
        moved = (t.to(device) for t in (self.prompts, self.actions, self.mask, self.stopped))
        return Answers(self.texts, rows, *moved)


@dataclass(frozen=True, slots=True)
class Rollout:
    """One sampled answer to a conversation: token ids of both, and whether it ended by itself."""

    prompt: Turns
    prompt_ids: list[int]
    ids: list[int]
    text: str
    stopped: bool


def roll_out(
    decoder: LocalDecoder, prompts: Sequence[tuple[int, Turns]], max_tokens: int, temperature: float, seed: int
) -> list[Rollout]:
    """Let the policy answer each numbered prompt once; the number and `seed` draw its noise, not its company."""
    if not prompts:
        return []
    local = decoder.local
    encoded = [local.encode_chat(prompt, max_tokens) for _, prompt in prompts]
    jobs = [
        Job(ids, max_tokens, temperature, 1.0, int(digest([seed, number])[:15], 16))
        for (number, _), ids in zip(prompts, encoded, strict=True)
    ]
    decoder.forget()  # the policy has learnt since the last batch: kept prefixes are stale
    return [
        Rollout(prompt, ids, w.ids, local.decode_text(w.ids), w.stopped)
        for (_, prompt), ids, w in zip(prompts, encoded, decoder.write(jobs), strict=True)
    ]


def together(local: LocalModel, rollouts: Sequence[Rollout]) -> Answers:
    """Rollouts as padded tensors on the model's device."""
    answers = Answers(
        tuple(r.text for r in rollouts),
        Rows.of([r.prompt_ids + r.ids for r in rollouts], local.pad),
        torch.tensor([len(r.prompt_ids) for r in rollouts]),
        pad_right([r.ids for r in rollouts], local.pad, torch.long),
        pad_right([[1] * len(r.ids) for r in rollouts], 0, torch.float32),
        torch.tensor([r.stopped for r in rollouts]),
    )
    return answers.to(local.device)


def answer_states(local: LocalModel, answers: Answers) -> Tensor:
    """Hidden states from which each answer token was predicted, (batch, time, width); zeros where masked.

    The adapter that is to be read must be active.
    """
    rows = answers.rows
    hidden = local.decoder(input_ids=rows.ids, attention_mask=rows.mask, use_cache=False).last_hidden_state
    time = torch.arange(answers.actions.shape[1], device=rows.ids.device)
    at = (answers.prompts[:, None] - 1 + time).clamp(max=rows.ids.shape[1] - 1)
    states: Tensor = hidden[torch.arange(len(at))[:, None], at]
    return states * answers.mask[..., None].to(states.dtype)


def answer_logprobs(local: LocalModel, answers: Answers, states: Tensor, temperature: float = 1.0) -> Tensor:
    """log-probability (nats) of each answer token at `temperature`, (batch, time); 0 where masked."""
    real = answers.mask.bool()
    found = token_logprobs(local.logits, states[real], answers.actions[real], temperature)
    return torch.zeros_like(answers.mask).masked_scatter(real, found)


class ValueHead(nn.Module):
    """PPO's critic: V(s) from the policy's hidden states, (batch, time, width) → (batch, time)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out = nn.Linear(width, 1)
        nn.init.zeros_(self.out.weight)  # V = 0 at first: advantages start as plain returns
        nn.init.zeros_(self.out.bias)

    def forward(self, states: Tensor) -> Tensor:
        # Its weights stay float32, whatever the policy is read in.
        values: Tensor = self.out(states.to(self.out.weight.dtype)).squeeze(-1)
        return values
