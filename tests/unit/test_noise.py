"""Trainings of several seeds share no noise: neither answers' seeds, nor orders of prompts or minibatches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from solon.engines.local.model import LocalModel
from solon.settings import GrpoSettings, PpoSettings
from solon.training.grpo.train import _draw
from solon.training.noise import noise_seed, passed_over
from solon.training.ppo import Ppo, train_ppo
from solon.training.task import Scores
from solon.types import Turns
from tasks import task_of

SEEDS, STEPS = range(20), range(1, 61)


def test_no_seed_of_noise_is_used_twice() -> None:
    used = [
        noise_seed(seed, purpose, step)
        for purpose in ("rollouts", "prompts", "minibatches")
        for seed in SEEDS
        for step in STEPS
    ]
    assert len(set(used)) == len(used)
    assert len({seed % 2**32 for seed in used}) == len(used)  # torch's generator on a CPU looks at 32 bits


def test_no_order_of_prompts_is_used_twice() -> None:
    orders = {tuple(passed_over(50, seed, number).tolist()) for seed in SEEDS for number in STEPS}
    assert len(orders) == len(SEEDS) * len(STEPS)
    assert passed_over(50, 3, 4).tolist() == passed_over(50, 3, 4).tolist()


def test_no_answers_of_ppo_come_back_under_another_seed(tiny_folder: Path, tmp_path: Path) -> None:
    """The policy hardly learns and is asked one prompt: equal noise would give equal answers."""
    written: list[tuple[str, ...]] = []

    def noted(prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool]) -> Scores:
        written.append(tuple(answers))
        return Scores([0.0] * len(answers))

    knobs = PpoSettings(steps=3, batch_size=4, minibatch_size=4, max_tokens=8, learning_rate=1e-12, kl_coef=0.0)
    for seed in (7, 8, 9):
        local = LocalModel.load(str(tiny_folder))
        train_ppo(task_of(local, tmp_path / str(seed), prompts=["abc"], reward=noted, seed=seed), knobs)
    assert len(set(written)) == len(written) == 9


def test_passes_over_the_prompts_differ_between_seeds_and_methods_share_them(tiny_folder: Path, tmp_path: Path) -> None:
    prompts = [f"prompt {n}" for n in range(12)]
    passes, orders = [], []
    for seed in (7, 8):
        local = LocalModel.load(str(tiny_folder))
        task = task_of(local, tmp_path / str(seed), prompts=prompts, seed=seed)
        ppo = Ppo(task, PpoSettings(steps=3, batch_size=12, minibatch_size=12, max_tokens=8))
        passes += [tuple(ppo._draw(step)) for step in (1, 2, 3)]
        orders += [tuple(index.tolist()) for step in (1, 2, 3) for index in ppo._minibatches(step)]
        grouped = _draw(task, GrpoSettings(steps=3, batch_size=24, group=2))
        named = [task.prompts[int(name)] for name in grouped]
        assert [tuple(named[i : i + 12]) for i in (0, 12, 24)] == passes[-3:]
    assert len(set(passes)) == 6
    assert len(set(orders)) == len(orders) > 6
    assert all(sorted(turns[-1].content for turns in one) == sorted(prompts) for one in passes)
