"""Batched sampling and scoring for a local model.

What prompts of a batch have in common is read once (see reading.py). Finished rows leave the batch, and so do those
that have said as many sentences as they were asked for (see stopping.py). Each request draws its noise from its own
seed, so its text does not depend on the company it travels in (up to floating-point rounding between batch shapes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from solon.engines.local.logprobs import next_logprobs, token_logprobs
from solon.engines.local.model import LocalModel
from solon.engines.local.reading import Reader
from solon.engines.local.sampling import pick
from solon.engines.local.state import State
from solon.engines.local.stopping import Watch
from solon.engines.local.work import Work

SHRINK_AT = 0.75  # compact the batch when this share of its rows, or less, still writes


@dataclass(frozen=True, slots=True)
class Job:
    """One prompt to continue. `temperature` 0 is greedy.

    With `stop_after` it is over soon after so many sentences; what was written beyond them is for the caller to cut.
    """

    ids: list[int]
    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int = 0
    stop_after: int | None = None


@dataclass(slots=True)
class Written:
    """What a job wrote. `logprobs`: nats per token under the model itself (temperature 1), each <= 0.

    `stopped` says whether the model ended it.
    """

    ids: list[int]
    logprobs: list[float]
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Scored:
    """One prompt and the continuations to score, each of one token or more."""

    ids: list[int]
    choices: list[list[int]]


def pass_cost(device: torch.device) -> float:
    """How many tokens take as long to compute as one more pass over the weights takes to read them.

    Bandwidth against arithmetic: 7 on two AVX2 cores (23 GB/s, 86 GFLOP/s in float32), 300 on an H100 (3.35 TB/s,
    990 TFLOP/s in bfloat16), and a GPU's pass has hundreds of kernels to launch besides.
    """
    return 8 if device.type == "cpu" else 512


class LocalDecoder:
    """Decodes and scores with one adapter of one model (None: the base).

    `cost` is what one more pass must spare, in tokens, to be worth it: by default what the device says, endless to
    share nothing and read each batch in one pass.
    """

    def __init__(self, local: LocalModel, adapter: str | None = None, cost: float | None = None) -> None:
        self.local, self.adapter = local, adapter
        self._reader = Reader(local, pass_cost(local.device) if cost is None else cost)

    @property
    def work(self) -> Work:
        """All that was computed so far, choices and written tokens included."""
        return self._reader.work

    def forget(self) -> None:
        """Drop kept prefixes: call when the adapter's weights have changed."""
        self._reader.prefixes.clear()

    @torch.inference_mode()
    def write(self, jobs: Sequence[Job]) -> list[Written]:
        """Continue every job."""
        with self.local.using(self.adapter):
            return self._write(jobs)

    @torch.inference_mode()
    def score(self, items: Sequence[Scored]) -> list[list[float]]:
        """Total log-probability (nats, <= 0) of each continuation of each prompt.

        A continuation counts whatever follows it: that of "1" includes the answers that go on to "10".
        """
        scores: list[list[float]] = [[] for _ in items]
        with self.local.using(self.adapter):
            for rows, state in self._reader.read([item.ids for item in items]):
                for row, found in zip(rows, self._choices(state, [items[row].choices for row in rows]), strict=True):
                    scores[row] = found
        return scores

    def _tensor(self, rows: Sequence[int]) -> Tensor:
        return torch.tensor(rows, device=self.local.device)

    # --- writing ---------------------------------------------------------------------------------

    def _write(self, jobs: Sequence[Job]) -> list[Written]:
        results = [Written([], []) for _ in jobs]
        watches = [Watch(self.local, job.stop_after) if job.stop_after else None for job in jobs]
        noise = [torch.rand(j.max_tokens, generator=torch.Generator().manual_seed(j.seed)).tolist() for j in jobs]
        rows, state = self._reader.all([job.ids for job in jobs])  # which job each row of the batch belongs to
        writing = [True] * len(rows)
        while True:
            logits = self.local.logits(state.hidden[:, -1]).float()
            draws = [noise[r][len(results[r].ids)] if w else 0.5 for r, w in zip(rows, writing, strict=True)]
            picked = pick(logits, [jobs[r].temperature for r in rows], [jobs[r].top_p for r in rows], draws)
            logprobs = (logits.gather(-1, picked[:, None]).squeeze(-1) - logits.logsumexp(-1)).tolist()
            for i, (row, token, logprob) in enumerate(zip(rows, picked.tolist(), logprobs, strict=True)):
                if writing[i]:
                    writing[i] = self._goes_on(results[row], jobs[row], token, logprob, watches[row])
            alive = [i for i, going in enumerate(writing) if going]
            if not alive:
                return results
            if len(alive) <= SHRINK_AT * len(rows):
                state.keep(alive)
                picked, rows, writing = picked[self._tensor(alive)], [rows[i] for i in alive], [True] * len(alive)
            state = self._reader.forward(state, picked[:, None], self._tensor(writing).long()[:, None])

    def _goes_on(self, written: Written, job: Job, token: int, logprob: float, watch: Watch | None) -> bool:
        written.ids.append(token)
        written.logprobs.append(logprob)
        written.stopped = token in self.local.eos
        if written.stopped or len(written.ids) >= job.max_tokens:
            return False
        return watch is None or not watch.over(written.ids)

    # --- scoring ---------------------------------------------------------------------------------

    def _choices(self, state: State, groups: Sequence[list[list[int]]]) -> list[list[float]]:
        """The scores of each row's choices."""
        owners = [row for row, group in enumerate(groups) for _ in group]
        choices = [choice for group in groups for choice in group]
        first = self._tensor([choice[0] for choice in choices])
        totals = next_logprobs(self.local.logits, state.hidden[:, -1], self._tensor(owners), first)
        long = [i for i, choice in enumerate(choices) if len(choice) > 1]
        read = self._reader.extended(state, [owners[i] for i in long], [choices[i][:-1] for i in long])
        for index, rest in read:
            here = [long[i] for i in index]
            totals[self._tensor(here)] += self._rest(rest, [choices[i] for i in here])
        flat = iter(totals.tolist())
        return [[next(flat) for _ in group] for group in groups]

    def _rest(self, read: State, choices: Sequence[list[int]]) -> Tensor:
        """Log-probability of everything after the first token of each choice, all but its last read."""
        real = read.mask[:, -read.hidden.shape[1] :].bool()
        targets = self._tensor([token for choice in choices for token in choice[1:]])  # row by row, as `real` is
        scores = read.hidden.new_zeros(real.shape, dtype=torch.float32)
        scores[real] = token_logprobs(self.local.logits, read.hidden[real], targets)
        return scores.sum(-1)
