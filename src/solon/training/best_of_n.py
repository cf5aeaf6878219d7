"""Rejection sampling: the best of n answers to each prompt, by the reward, become rows of SFT.

After Nakano et al. 2021 (WebGPT, section 3) and Llama 2 (Touvron et al. 2023, section 3.2.3). Departures: one round,
and the KL to the reference is not penalised: log n - (n-1)/n nats bound it before the fine-tuning. An answer that was
cut off by its token limit is never picked: a prompt to which no answer ended is left out and counted.
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
from solon.types import Turns, turns_of

AT_ONCE = 64  # answers sampled between two looks at the clock


@dataclass(frozen=True, slots=True)
class Pick:
    """One prompt's best answer of those that ended, its token ids and reward; the rewards of all its answers, of which
    `cut` were cut off. Where all were, it is the best of those, and not learnt."""

    prompt: Turns
    text: str
    ids: tuple[int, ...]
    rewards: tuple[float, ...]
    reward: float
    cut: int = 0

    @property
    def ended(self) -> bool:
        return self.cut < len(self.rewards)


def train_best_of_n(task: Task, settings: BestOfNSettings) -> History:
    """Sample, pick, fine-tune; the first row holds mean rewards of all answers and of the picks, the share of answers
    that was cut off (`truncated`), and `prompts_left_out`: to how many prompts no answer ended.

    Raises DataError without prompts or where no answer to any ended, EngineError for a reward that is not finite.
    """
    sampled = _picked(task, settings)
    picks = [pick for pick in sampled if pick.ended]
    if not picks:
        raise DataError(
            f"best_of_n: max_tokens {settings.max_tokens} cut off every answer to all {len(sampled)} prompts; raise it"
        )
    _show(task, sampled)
    rows = [_row(pick) for pick in picks]
    rewards = [r for pick in sampled for r in pick.rewards]
    first = {
        "step": 0,
        "answers": len(rewards),
        "reward": sum(rewards) / len(rewards),
        "reward_picked": _mean_reward(picks),
        "truncated": sum(pick.cut for pick in sampled) / len(rewards),
        "prompts_left_out": len(sampled) - len(picks),
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
            task.tick(len(picks), len(prompts), {"reward": _mean_reward(picks)})
            if store.due:
                _store(task, store, picks)
    return picks


def _drawn(task: Task, settings: BestOfNSettings) -> list[Turns]:
    if not task.prompts:
        raise DataError("best_of_n: no prompts to sample answers to")
    order = torch.randperm(len(task.prompts), generator=torch.Generator().manual_seed(task.seed))
    return [task.prompts[i] for i in order.tolist()[: settings.prompts]]


def _pick(
    task: Task, settings: BestOfNSettings, decoder: LocalDecoder, numbered: Sequence[tuple[int, Turns]]
) -> list[Pick]:
    """n answers to each of these prompts, and the best; the number of an answer draws its noise."""
    n = settings.n
    jobs = [(number * n + k, prompt) for number, prompt in numbered for k in range(n)]
    mine = roll_out(decoder, share(jobs), settings.max_tokens, settings.temperature, task.seed)
    asked = [r.prompt for r in mine], [r.text for r in mine], [r.stopped for r in mine]
    scores = task.reward(*asked).total if mine else []
    rollouts: list[Rollout] = gathered(mine, len(jobs))
    rewards = gathered(scores, len(jobs))
    if not bool(torch.tensor(rewards).isfinite().all()):
        raise EngineError(f"best_of_n: a reward is not finite for the prompt {numbered[0][1][-1].content[:60]!r}")
    picks = []
    for i in range(0, len(jobs), n):
        ended = [k for k in range(i, i + n) if rollouts[k].stopped]
        at = max(ended or range(i, i + n), key=rewards.__getitem__)
        best, all_of_them = rollouts[at], tuple(rewards[i : i + n])
        picks.append(Pick(best.prompt, best.text, tuple(best.ids), all_of_them, rewards[at], n - len(ended)))
    return picks


def _mean_reward(picks: Sequence[Pick]) -> float:
    return sum(pick.reward for pick in picks) / len(picks)


def _row(pick: Pick) -> dict[str, Any]:
    """A row of SFT, its tokens those that were sampled, the end of turn among them."""
    return {
        "prompt": [turn.as_dict() for turn in pick.prompt],
        "completion": [{"role": "assistant", "content": pick.text}],
        "completion_ids": list(pick.ids),
    }


def _show(task: Task, picks: Sequence[Pick]) -> None:
    """The best answer to every prompt, and whether it ended: of those alone that are learnt, none is ever cut off."""
    lengths = [len(p.ids) for p in picks]
    prompts, texts, ended = [p.prompt for p in picks], [p.text for p in picks], [p.ended for p in picks]
    task.watch.see(Seen(0, prompts, texts, lengths, _mean_reward(picks), float("nan"), float("nan"), ended))


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
    return [
        Pick(turns_of(p["prompt"]), p["text"], tuple(p["ids"]), tuple(p["rewards"]), p["reward"], p["cut"])
        for p in numbers["picks"]
    ]
