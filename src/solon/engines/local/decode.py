"""Batched sampling and scoring for a local model.

What the prompts of a batch have in common (demonstrations, mostly) is read once and kept for the next
batch. Finished rows leave the batch. Each request draws its noise from its own seed, so its text does
not depend on the company it travels in (up to floating-point rounding between batch shapes).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from solon.engines.local.cache import copies, new_cache
from solon.engines.local.logprobs import token_logprobs
from solon.engines.local.model import LocalModel

SHARE_FROM = 24  # a shorter common prefix is not worth a pass of its own
SHRINK_AT = 0.75  # compact the batch when this share of its rows, or less, still writes


@dataclass(frozen=True, slots=True)
class Job:
    """One prompt to continue. `temperature` 0 is greedy."""

    ids: list[int]
    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int = 0


@dataclass(slots=True)
class Written:
    """What a job wrote. `logprobs`: nats per token under the model itself (temperature 1), each <= 0."""

    ids: list[int]
    logprobs: list[float]
    stopped: bool = False


@dataclass(slots=True)
class _Prefilled:
    """A batch that has been read: next-token states (batch, width), cache, mask (batch, time)."""

    hidden: Tensor
    cache: DynamicCache
    mask: Tensor
    lengths: Tensor  # real tokens per row, (batch,)


def common_prefix(rows: Sequence[list[int]]) -> int:
    """How many leading tokens all rows share, leaving each at least one of its own."""
    first, last = min(rows), max(rows)
    limit = min(len(row) for row in rows) - 1
    n = 0
    while n < limit and first[n] == last[n]:
        n += 1
    return n


class LocalDecoder:
    """Decodes and scores with one adapter of one model (None: the base)."""

    def __init__(self, local: LocalModel, adapter: str | None = None) -> None:
        self.local, self.adapter = local, adapter
        self._prefixes: OrderedDict[tuple[int, ...], DynamicCache] = OrderedDict()

    @property
    def _config(self) -> Any:
        return self.local.base.config

    def forget(self) -> None:
        """Drop kept prefixes: call when the adapter's weights have changed."""
        self._prefixes.clear()

    @torch.inference_mode()
    def write(self, jobs: Sequence[Job]) -> list[Written]:
        """Continue every job."""
        with self.local.using(self.adapter):
            return self._write(jobs)

    @torch.inference_mode()
    def score(self, items: Sequence[tuple[list[int], list[list[int]]]]) -> list[list[float]]:
        """Total log-probability (nats, <= 0) of each continuation after its prompt."""
        with self.local.using(self.adapter):
            return self._score(items)

    # --- reading ---------------------------------------------------------------------------------

    def _shared(self, ids: tuple[int, ...]) -> DynamicCache:
        """The cache of a prefix, kept for the next batch."""
        if ids not in self._prefixes:
            cache = new_cache(self._config)
            self.local.decoder(input_ids=self._tensor([list(ids)]), past_key_values=cache, use_cache=True)
            self._prefixes[ids] = cache
            while len(self._prefixes) > 2:
                self._prefixes.popitem(last=False)
        self._prefixes.move_to_end(ids)
        return self._prefixes[ids]

    def _tensor(self, rows: Any) -> Tensor:
        return torch.tensor(rows, device=self.local.device)

    def _read(self, prompts: Sequence[list[int]]) -> _Prefilled:
        batch = len(prompts)
        shared = common_prefix(prompts) if batch > 1 else 0
        shared = shared if shared >= SHARE_FROM else self._kept_prefix(prompts)
        cache = copies(self._shared(tuple(prompts[0][:shared])), self._config, batch) if shared else None
        rests = [row[shared:] for row in prompts]
        width = max(len(rest) for rest in rests)
        ids = self._tensor([[self.local.pad] * (width - len(rest)) + rest for rest in rests])
        own = self._tensor([[0] * (width - len(rest)) + [1] * len(rest) for rest in rests])
        mask = torch.cat([own.new_ones(batch, shared), own], 1)
        positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, shared:]
        cache = cache if cache is not None else new_cache(self._config)
        out = self.local.decoder(
            input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
        )
        return _Prefilled(out.last_hidden_state[:, -1], cache, mask, mask.sum(-1))

    def _kept_prefix(self, prompts: Sequence[list[int]]) -> int:
        """Length of a kept prefix that all prompts begin with, or 0: what a lone late request needs."""
        for ids in self._prefixes:
            if all(len(row) > len(ids) and tuple(row[: len(ids)]) == ids for row in prompts):
                return len(ids)
        return 0

    # --- writing ---------------------------------------------------------------------------------

    def _write(self, jobs: Sequence[Job]) -> list[Written]:
        state = self._read([job.ids for job in jobs])
        results = [Written([], []) for _ in jobs]
        noise = [torch.rand(j.max_tokens, generator=torch.Generator().manual_seed(j.seed)).tolist() for j in jobs]
        rows = list(range(len(jobs)))  # which job each row of the batch belongs to
        done: set[int] = set()
        while True:
            logits = self.local.head(state.hidden).float()
            draws = [noise[r][len(results[r].ids)] if r not in done else 0.5 for r in rows]
            picked = pick(logits, [jobs[r] for r in rows], draws)
            logprobs = (logits.gather(-1, picked[:, None]).squeeze(-1) - logits.logsumexp(-1)).tolist()
            for row, token, logprob in zip(rows, picked.tolist(), logprobs, strict=True):
                if row in done:
                    continue
                results[row].ids.append(token)
                results[row].logprobs.append(logprob)
                results[row].stopped = token in self.local.eos
                if results[row].stopped or len(results[row].ids) >= jobs[row].max_tokens:
                    done.add(row)
            alive = [i for i, row in enumerate(rows) if row not in done]
            if not alive:
                return results
            if len(alive) <= SHRINK_AT * len(rows):
                keep = self._tensor(alive)
                state.cache.batch_select_indices(keep)
                state.mask, state.lengths, picked = state.mask[keep], state.lengths[keep], picked[keep]
                rows = [rows[i] for i in alive]
            self._step(state, picked)

    def _step(self, state: _Prefilled, tokens: Tensor) -> None:
        state.mask = torch.cat([state.mask, state.mask.new_ones(len(tokens), 1)], 1)
        out = self.local.decoder(
            input_ids=tokens[:, None],
            attention_mask=state.mask,
            position_ids=state.lengths[:, None],
            past_key_values=state.cache,
            use_cache=True,
        )
        state.hidden = out.last_hidden_state[:, -1]
        state.lengths = state.lengths + 1

    # --- scoring ---------------------------------------------------------------------------------

    def _score(self, items: Sequence[tuple[list[int], list[list[int]]]]) -> list[list[float]]:
        state = self._read([prompt for prompt, _ in items])
        owner = [i for i, (_, choices) in enumerate(items) for _ in choices]
        choices = [choice for _, group in items for choice in group]
        rows = self._tensor(owner)
        first = self._tensor([choice[0] for choice in choices])
        totals = token_logprobs(self.local.head, state.hidden[rows], first)
        if max(len(choice) for choice in choices) > 1:
            totals = totals + self._rest(state, rows, choices)
        flat = iter(totals.tolist())
        return [[next(flat) for _ in group] for _, group in items]

    def _rest(self, state: _Prefilled, rows: Tensor, choices: Sequence[list[int]]) -> Tensor:
        """Log-probability of everything after the first token of each choice."""
        width = max(len(choice) for choice in choices) - 1
        pad = self.local.pad
        inputs = self._tensor([c[:-1] + [pad] * (width - len(c) + 1) for c in choices])
        targets = self._tensor([c[1:] + [pad] * (width - len(c) + 1) for c in choices])
        real = self._tensor([[1] * (len(c) - 1) + [0] * (width - len(c) + 1) for c in choices]).bool()
        state.cache.batch_select_indices(rows)
        mask = torch.cat([state.mask[rows], real.long()], 1)
        positions = state.lengths[rows][:, None] + torch.arange(width, device=inputs.device)
        out = self.local.decoder(
            input_ids=inputs, attention_mask=mask, position_ids=positions, past_key_values=state.cache, use_cache=True
        )
        scores = token_logprobs(self.local.head, out.last_hidden_state[real], targets[real])
        totals = scores.new_zeros(real.shape)
        totals[real] = scores
        return totals.sum(-1)


def pick(logits: Tensor, jobs: Sequence[Job], draws: Sequence[float]) -> Tensor:
    """The next token of each row (batch,): argmax, or the inverse CDF at that row's uniform draw."""
    greedy = torch.tensor([job.temperature == 0 for job in jobs], device=logits.device)
    best = logits.argmax(-1)
    if bool(greedy.all()):
        return best
    heat = torch.tensor([job.temperature or 1.0 for job in jobs], device=logits.device)
    probs = (logits / heat[:, None]).softmax(-1)
    if any(job.top_p < 1 for job in jobs):
        probs = _nucleus(probs, torch.tensor([job.top_p for job in jobs], device=logits.device))
    # float64: a float32 running sum over a large vocabulary loses the tail.
    cdf = probs.double().cumsum(-1)
    u = torch.tensor(draws, dtype=torch.float64, device=logits.device)[:, None] * cdf[:, -1:]
    sampled = torch.searchsorted(cdf, u, right=True).squeeze(-1).clamp(max=logits.shape[-1] - 1)
    return torch.where(greedy, best, sampled)


def _nucleus(probs: Tensor, top_p: Tensor) -> Tensor:
    """Zero all but the likeliest tokens that together reach `top_p` (Holtzman et al. 2020)."""
    ordered, index = probs.sort(-1, descending=True)
    before = ordered.cumsum(-1) - ordered
    ordered = ordered.masked_fill(before >= top_p[:, None], 0.0)
    return torch.zeros_like(probs).scatter(-1, index, ordered)
