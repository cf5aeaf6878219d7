"""Log-probabilities of the two answers to a prompt, the prompt read once and the head spared every prompt token.

All pairs lie one behind another in one sequence of prompt, chosen, rejected: nothing is padded. Both answers have the
positions after the prompt, and attention reads each with the prompt and blind to the other. Models whose attention is
not plain are given padded rows instead, two a pair, and attend as they always do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AttentionInterface

from solon.engines.local.logprobs import token_logprobs
from solon.engines.local.model import LocalModel
from solon.training.batches import Rows
from solon.training.dpo.pairs import Pair
from solon.training.packed import attends_plainly

BY_PAIR = "solon_pairs"

Batch = dict[str, Any]


def reads_branches(local: LocalModel) -> bool:
    """Whether the model's attention is plain, causal and whole in every layer, so that ours may stand in for it."""
    return attends_plainly(local.base)


def batch_of(pairs: Sequence[Pair], pad: int, shared: bool) -> Batch:
    """The tokens of `pairs`, their prompts once if `shared`, and where in them the answers are.

    tokens          what the decoder takes
    source, target  (n,) for each answer token: where among all tokens it was predicted from; its id
    answer          (n,) which answer it belongs to: 2i is the chosen of pair i, 2i+1 its rejected
    """
    tokens, source = _together(pairs) if shared else _apart(pairs, pad)
    answers = [answer for p in pairs for answer in (p.chosen, p.rejected)]
    return {
        "tokens": tokens,
        "source": torch.tensor(source),
        "target": torch.tensor([token for answer in answers for token in answer]),
        "answer": torch.tensor([i for i, answer in enumerate(answers) for _ in answer]),
    }


def _together(pairs: Sequence[Pair]) -> tuple[Batch, list[int]]:
    """One row of all pairs; `spans` are the lengths of prompt, chosen and rejected of each."""
    ids: list[int] = []
    positions: list[int] = []
    source: list[int] = []
    for p in pairs:
        after = len(p.prompt)
        for begin, answer in ((after, p.chosen), (after + len(p.chosen), p.rejected)):
            source += [len(ids) + at for at in (after - 1, *range(begin, begin + len(answer) - 1))]
        ids += p.prompt + p.chosen + p.rejected
        positions += [*range(after + len(p.chosen)), *range(after, after + len(p.rejected))]
    spans = [(len(p.prompt), len(p.chosen), len(p.rejected)) for p in pairs]
    return {"input_ids": torch.tensor([ids]), "position_ids": torch.tensor([positions]), "spans": spans}, source


def _apart(pairs: Sequence[Pair], pad: int) -> tuple[Batch, list[int]]:
    """Two right-padded rows of each pair."""
    answers = [(p.prompt, answer) for p in pairs for answer in (p.chosen, p.rejected)]
    rows = Rows.of([prompt + answer for prompt, answer in answers], pad)
    begins = [i * rows.ids.shape[1] + len(prompt) - 1 for i, (prompt, _) in enumerate(answers)]
    source = [
        at for begin, (_, answer) in zip(begins, answers, strict=True) for at in range(begin, begin + len(answer))
    ]
    return {"input_ids": rows.ids, "attention_mask": rows.mask}, source


class AnswerLogprobs(nn.Module):
    """log P(answer | prompt) in nats, (pairs, 2): chosen, rejected; each <= 0. The adapter to read must be active.

    It stays in evaluation mode: dropout would make policy and reference differ before anything is learnt. Only with
    gradient checkpointing, which transformers does in training mode alone, a model that has dropout uses it.
    """

    def __init__(self, local: LocalModel) -> None:
        super().__init__()
        self.model = local.model  # in the module tree, where DDP and FSDP look for weights
        self.local, self._checkpointed = local, False
        self._no_split_modules = local.base._no_split_modules  # the layers that FSDP's default wraps one by one

    def train(self, mode: bool = True) -> AnswerLogprobs:
        return super().train(mode and self._checkpointed)

    def gradient_checkpointing_enable(self, **arguments: Any) -> None:
        """What the trainer calls for `trainer_args: {gradient_checkpointing: true}`."""
        self.local.base.gradient_checkpointing_enable(**arguments)
        self._checkpointed = True

    def forward(self, batch: Mapping[str, Any]) -> Tensor:
        hidden = self.local.decoder(**batch["tokens"], use_cache=False).last_hidden_state
        logprobs = token_logprobs(self.local.logits, hidden.flatten(0, 1)[batch["source"]], batch["target"])
        sums = logprobs.new_zeros(int(batch["answer"][-1]) + 1).index_add(0, batch["answer"], logprobs)
        return sums.view(-1, 2)


def attention_by_pair(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    spans: Sequence[tuple[int, int, int]] = (),
    **_: Any,
) -> tuple[Tensor, None]:
    """Causal attention within prompt and chosen, and within prompt and rejected: (1, heads, T, width) to
    (1, T, heads, width).

    The rejected's pass has the prompt's queries in it once more, for kernels are fast on square triangles only.
    """

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scaling, enable_gqa=True)

    cut = (torch.split(x, [sum(span) for span in spans], 2) for x in (query, key, value))
    out = []
    for (prompt, chosen, rejected), *parts in zip(spans, *cut, strict=True):
        out.append(attend(*(x[:, :, : prompt + chosen] for x in parts)))
        other = attend(*(torch.cat([x[:, :, :prompt], x[:, :, -rejected:]], 2) for x in parts))
        out.append(other[:, :, prompt:])
    return torch.cat(out, 2).transpose(1, 2).contiguous(), None


AttentionInterface.register(BY_PAIR, attention_by_pair)


@contextmanager
def by_pair(local: LocalModel, shared: bool) -> Iterator[None]:
    """Inside the block the model attends pair by pair if `shared`, and reads nothing but `batch_of` pairs.

    Around all of training, not each forward pass: a checkpointed layer computes again in the backward pass.
    """
    if not shared:
        yield
        return
    before = local.base.config._attn_implementation
    local.base.set_attn_implementation(BY_PAIR)
    try:
        yield
    finally:
        local.base.set_attn_implementation(before)
