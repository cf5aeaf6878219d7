"""Log-probabilities of chosen tokens, without ever holding the logits of tokens nobody asked about."""

from __future__ import annotations

import torch
from torch import Tensor

from solon.engines.local.logits import Logits

# Rows of logits computed at once: 512 rows of a 49,152-word vocabulary are 100 MB in float32.
CHUNK = 512


def token_logprobs(logits_of: Logits, hidden: Tensor, targets: Tensor, temperature: float = 1.0) -> Tensor:
    """log P(target) in nats at `temperature`, (n,) <= 0, from hidden states (n, width) and target ids (n,)."""
    parts = []
    for states, wanted in zip(torch.split(hidden, CHUNK), torch.split(targets, CHUNK), strict=True):
        logits = logits_of(states).float()
        if temperature != 1:
            logits = logits / temperature
        parts.append(logits.gather(-1, wanted[:, None]).squeeze(-1) - logits.logsumexp(-1))
    return torch.cat(parts) if parts else hidden.new_zeros(0, dtype=torch.float32)


def next_logprobs(logits_of: Logits, hidden: Tensor, rows: Tensor, targets: Tensor) -> Tensor:
    """log P(target) in nats, (n,) <= 0, as next token of the row it belongs to; `rows` and `targets` are (n,).

    The head reads each of the (batch, width) hidden states once, however many targets the row has. The targets' own
    logits are float32 whatever the model's precision, where they can be: see Logits.of.
    """
    out = torch.empty(len(targets), device=hidden.device)
    for begin, states in zip(range(0, len(hidden), CHUNK), torch.split(hidden, CHUNK), strict=True):
        logits = logits_of(states).float()
        here = (rows >= begin) & (rows < begin + len(states))
        row, token = rows[here] - begin, targets[here]
        if states.dtype != torch.float32 and (exact := logits_of.of(states[row], token)) is not None:
            logits[row, token] = exact
        out[here] = logits[row, token] - logits.logsumexp(-1)[row]
    return out
