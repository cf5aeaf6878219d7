"""Rejection sampling: the best of n answers to each prompt, by the reward, become rows of SFT.

After Nakano et al. 2021 (WebGPT, section 3) and Llama 2 (Touvron et al. 2023, section 3.2.3). Departures: one round,
and the KL to the reference is not penalised: log n - (n-1)/n nats bound it before the fine-tuning.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from solon.engines.local.decode import LocalDecoder
from solon.errors import DataError, EngineError
from solon.settings import BestOfNSettings
from solon.training.checkpoints import Checkpoints
from solon.training.processes import gathered, rank, share
from solon.training.rollouts import Rollout, roll_out
from solon.training.sft import train_sft
from solon.training.state import load_state, save_state
from solon.training.task import History, Seen, Task, restore_reward, state_of

AT_ONCE = 64  # answers sampled between two looks at the clock


@dataclass(frozen=True, slots=True)
class Pick:
    """One prompt's best answer, its token ids, the rewards of all its answers, and whether it ended by itself."""

    prompt: str
    text: str
    ids: tuple[int, ...]
    rewards: tuple[float, ...]
    ended: bool = True


def train_best_of_n(task: Task, settings: BestOfNSettings) -> History:
    """Sample, pick, fine-tune; the first row holds mean rewards of all answers and of the picks.

    Raises DataError without prompts and EngineError for a reward that is not finite.
    """
    picks = _picked(task, settings)
    _show(task, picks)
    rows = [_row(pick) for pick in picks]
    rewards = [r for pick in picks for r in pick.rewards]
    first = {
        "step": 0,
        "answers": len(rewards),
        "reward": sum(rewards) / len(rewards),
        "reward_picked": sum(max(p.rewards) for p in picks) / len(picks),
    }
    if task.watch.stop is not None:
        return [first]
    with tempfile.TemporaryDirectory() as scratch:
        trained = train_sft(
            task.local,
            task.target,
            rows,
            settings.sft,
            seed=task.seed,
            scratch=Path(scratch),
            tick=task.tick,
            checkpoints=task.checkpoints.within("sft"),
            start=task.reference,
        )
    return [first, *trained]


def _picked(task: Task, settings: BestOfNSettings) -> list[Pick]:
    """The best answers, those of an earlier, stopped training first."""
    prompts = _drawn(task, settings)
    store = task.checkpoints.within("picks")
    picks = _stored(task, store)
    decoder = LocalDecoder(task.local, task.reference)
    size = max(1, AT_ONCE // settings.n)
    with store.watching_signals():
        for start in range(len(picks), len(prompts), size):
            picks += _pick(task, settings, decoder, list(enumerate(prompts))[start : start + size])
            task.tick(len(picks), len(prompts), {"reward": sum(max(p.rewards) for p in picks) / len(picks)})
            if store.due:
                _store(task, store, picks)
    return picks


def _drawn(task: Task, settings: BestOfNSettings) -> list[str]:
    if not task.prompts:
        raise DataError("best_of_n: no prompts to sample answers to")
    order = torch.randperm(len(task.prompts), generator=torch.Generator().manual_seed(task.seed))
    return [task.prompts[i] for i in order.tolist()[: settings.prompts]]


def _pick(
    task: Task, settings: BestOfNSettings, decoder: LocalDecoder, numbered: Sequence[tuple[int, str]]
) -> list[Pick]:
    """n answers to each of these prompts, and the best; the number of an answer draws its noise."""
    n = settings.n
    jobs = [(number * n + k, prompt) for number, prompt in numbered for k in range(n)]
    mine = roll_out(decoder, share(jobs), settings.max_tokens, settings.temperature, task.seed)
    scores = task.reward([r.prompt for r in mine], [r.text for r in mine]).total if mine else []
    rollouts: list[Rollout] = gathered(mine, len(jobs))
    rewards = gathered(scores, len(jobs))
    if not bool(torch.tensor(rewards).isfinite().all()):
        raise EngineError(f"best_of_n: a reward is not finite for the prompt {numbered[0][1][:60]!r}")
    picks = []
    for i in range(0, len(jobs), n):
        best = max(range(i, i + n), key=rewards.__getitem__)
        found = rollouts[best]
        picks.append(Pick(found.prompt, found.text, tuple(found.ids), tuple(rewards[i : i + n]), found.stopped))
    return picks


def _row(pick: Pick) -> dict[str, Any]:
    """A row of SFT, its tokens those that were sampled; an answer that was cut off teaches no end."""
    return {
        "prompt": [{"role": "user", "content": pick.prompt}],
        "completion": [{"role": "assistant", "content": pick.text}],
        "completion_ids": list(pick.ids),
    }


def _show(task: Task, picks: Sequence[Pick]) -> None:
    lengths = [len(p.ids) for p in picks]
    mean = sum(max(p.rewards) for p in picks) / len(picks)
    prompts, texts, ended = [p.prompt for p in picks], [p.text for p in picks], [p.ended for p in picks]
    task.watch.see(Seen(0, prompts, texts, lengths, mean, float("nan"), float("nan"), ended))


def _store(task: Task, store: Checkpoints, picks: Sequence[Pick]) -> None:
    if rank() == 0:
        with store.saving(len(picks)) as folder:
            save_state(folder, {}, {"picks": [asdict(pick) for pick in picks], "reward": state_of(task.reward)})
    store.leave_if_asked(len(picks))


def _stored(task: Task, store: Checkpoints) -> list[Pick]:
    newest = store.newest()
    if newest is None:
        return []
    _, numbers = load_state(newest[1])
    restore_reward(task.reward, numbers["reward"])
    return [Pick(p["prompt"], p["text"], tuple(p["ids"]), tuple(p["rewards"]), p["ended"]) for p in numbers["picks"]]
