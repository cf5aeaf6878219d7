"""SFT, reward model and PPO on the tiny Llama: do they learn what they should?"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from solon.engines.local.decode import Job, LocalDecoder
from solon.engines.local.model import LocalModel
from solon.errors import DataError, EngineError
from solon.settings import LoraSettings, PpoSettings, RewardSettings, SftSettings
from solon.training.adapters import (
    adapter_hash,
    adapter_state,
    add_adapter,
    copy_adapter,
    load_adapter,
    save_adapter,
)
from solon.training.ppo import Ppo
from solon.training.reward import Pair, RewardModel, train_reward
from solon.training.sft import encode_rows, train_sft
from solon.types import user

ANSWER = "No."
ROWS = [
    {"prompt": [{"role": "user", "content": f"do {n}"}], "completion": [{"role": "assistant", "content": ANSWER}]}
    for n in range(16)
]


def silent(*_: object) -> None:
    return None


def sft(local: LocalModel, scratch: Path, seed: int = 0, **knobs: object) -> list[dict[str, float]]:
    settings = SftSettings.model_validate({"epochs": 30, "learning_rate": 2e-2, "batch_size": 8, **knobs})
    return train_sft(local, "sl_cai", ROWS, settings, seed=seed, scratch=scratch, tick=silent)


def test_sft_teaches_the_completion(tiny: LocalModel, tmp_path: Path) -> None:
    history = sft(tiny, tmp_path)
    assert history[-1]["loss"] < 0.2 * history[0]["loss"]
    ids = tiny.encode_chat((user("do 3"),))
    (written,) = LocalDecoder(tiny, "sl_cai").write([Job(ids, 8, temperature=0)])
    assert tiny.decode_text(written.ids) == ANSWER
    assert written.stopped
    (base,) = LocalDecoder(tiny, None).write([Job(ids, 8, temperature=0)])
    assert tiny.decode_text(base.ids) != ANSWER  # the base is untouched under the adapter


def test_sft_is_the_same_twice(tiny_folder: Path, tmp_path: Path) -> None:
    states = []
    for _ in range(2):
        local = LocalModel.load(str(tiny_folder))
        sft(local, tmp_path, epochs=2)
        states.append(adapter_state(local, "sl_cai"))
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_only_the_answer_is_learnt(tiny: LocalModel) -> None:
    (row, *_) = encode_rows(tiny, ROWS, 512)
    learnt = [t for t, m in zip(row["input_ids"], row["completion_mask"], strict=True) if m]
    assert tiny.decode_text(learnt) == ANSWER
    assert learnt[-1] == tiny.tokenizer.eos_token_id


def test_an_answer_cut_off_teaches_no_end(tiny: LocalModel) -> None:
    (row,) = encode_rows(tiny, [{**ROWS[0], "ended": False}], 512)
    assert row["completion_mask"][-1] == 1
    assert row["input_ids"][-1] == tiny.encode_text(ANSWER)[-1]


def test_rows_that_never_fit_are_an_error(tiny: LocalModel) -> None:
    with pytest.raises(DataError, match="none of 16 rows fits max_length 16"):
        encode_rows(tiny, ROWS, 16)


def test_adapted_layers_count_from_the_top(tiny: LocalModel) -> None:
    add_adapter(tiny, "top", LoraSettings(rank=2, layers=1), seed=0)
    names = [n for n, p in tiny.model.named_parameters() if p.requires_grad]
    assert names
    assert all(".layers.1." in name for name in names)


def test_adapters_survive_the_disk_and_a_copy(tiny_folder: Path, tmp_path: Path) -> None:
    local = LocalModel.load(str(tiny_folder))
    sft(local, tmp_path / "scratch", epochs=3)
    save_adapter(local, "sl_cai", tmp_path / "a")
    copy_adapter(local, "sl_cai", "policy")
    save_adapter(local, "policy", tmp_path / "b")
    assert adapter_hash(tmp_path / "a") == adapter_hash(tmp_path / "b")
    fresh = LocalModel.load(str(tiny_folder))
    load_adapter(fresh, "again", tmp_path / "b")
    job = Job(local.encode_chat((user("do 5"),)), 10, seed=3)
    assert LocalDecoder(fresh, "again").write([job])[0].ids == LocalDecoder(local, "sl_cai").write([job])[0].ids


def pairs(prob_a: float = 0.95) -> list[Pair]:
    """ "no" beats "yes", shown in either place."""
    both = [Pair(f"q{n}", "no", "yes", prob_a) for n in range(8)]
    return both + [Pair(p.prompt, p.response_b, p.response_a, 1 - p.prob_a) for p in both]


def train_rm(local: LocalModel, data: list[Pair], scratch: Path) -> tuple[RewardModel, list[dict[str, float]]]:
    settings = RewardSettings(epochs=12, learning_rate=1e-2, batch_size=8)
    return train_reward(local, "reward_model", data, settings, seed=0, scratch=scratch, tick=silent)


def test_the_reward_model_learns_the_preference_and_its_strength(tiny: LocalModel, tmp_path: Path) -> None:
    model, history = train_rm(tiny, pairs(0.8), tmp_path)
    no, yes = model.score(["q99", "q99"], ["no", "yes"])
    # Soft targets of 0.8 ask for a gap of log(0.8/0.2) = 1.386 nats, not for the largest there is.
    assert no - yes == pytest.approx(1.386, abs=0.35)
    assert history[-1]["loss"] < history[0]["loss"]


def test_the_reward_model_survives_the_disk(tiny_folder: Path, tmp_path: Path) -> None:
    model, _ = train_rm(LocalModel.load(str(tiny_folder)), pairs(), tmp_path / "scratch")
    model.save(tmp_path / "rm")
    again = RewardModel.load(LocalModel.load(str(tiny_folder)), "reward_model", tmp_path / "rm")
    assert again.score(["a", "b"], ["no", "yes"]) == pytest.approx(model.score(["a", "b"], ["no", "yes"]), abs=1e-5)


@pytest.mark.parametrize("data", [[], [Pair("q", "a", "b", 0.5)], [Pair("q", "same", "same", 1.0)]])
def test_pairs_without_a_preference_are_refused(tiny: LocalModel, tmp_path: Path, data: list[Pair]) -> None:
    with pytest.raises(DataError, match="hold no preference"):
        train_rm(tiny, data, tmp_path)


def vowels(_: object, answers: list[str]) -> list[float]:
    """The share of lower-case vowels: a reward with a known best answer."""
    return [sum(c in "aeiou" for c in text) / 12 for text in answers]


def run_ppo(local: LocalModel, seed: int, **knobs: float) -> list[dict[str, float]]:
    add_adapter(local, "sl_cai", LoraSettings(rank=8), seed)
    settings = PpoSettings.model_validate(
        {"steps": 25, "batch_size": 32, "minibatch_size": 16, "max_tokens": 12, "learning_rate": 1e-2, "kl_coef": 0.0}
        | knobs
    )
    ppo = Ppo(local, "sl_cai", "policy", vowels, settings, seed)  # type: ignore[arg-type]
    return ppo.train(["go", "on", "then"], silent)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_ppo_raises_a_reward_it_can_raise(tiny_folder: Path, seed: int) -> None:
    history = run_ppo(LocalModel.load(str(tiny_folder)), seed)
    before = sum(h["reward"] for h in history[:3]) / 3
    after = sum(h["reward"] for h in history[-3:]) / 3
    assert after > before + 0.15
    assert history[0]["kl"] == pytest.approx(0.0, abs=1e-3)  # the policy starts as the reference
    assert history[-1]["kl"] > 0.5


def test_a_large_kl_coef_keeps_ppo_at_the_reference(tiny_folder: Path) -> None:
    free = run_ppo(LocalModel.load(str(tiny_folder)), 0)
    tied = run_ppo(LocalModel.load(str(tiny_folder)), 0, kl_coef=20.0)
    assert abs(tied[-1]["kl"]) < 0.25 * free[-1]["kl"]


def test_ppo_never_moves_the_reference(tiny: LocalModel) -> None:
    add_adapter(tiny, "sl_cai", LoraSettings(rank=4), 0)
    before = adapter_state(tiny, "sl_cai")
    settings = PpoSettings(steps=2, batch_size=4, minibatch_size=2, max_tokens=4, learning_rate=1e-2)
    Ppo(tiny, "sl_cai", "policy", vowels, settings, 0).train(["go"], silent)  # type: ignore[arg-type]
    after = adapter_state(tiny, "sl_cai")
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_reward_that_is_not_finite_stops_ppo(tiny: LocalModel) -> None:
    add_adapter(tiny, "sl_cai", LoraSettings(rank=4), 0)
    settings = PpoSettings(steps=1, batch_size=2, minibatch_size=2, max_tokens=4)
    ppo = Ppo(tiny, "sl_cai", "policy", lambda _p, a: [float("nan")] * len(a), settings, 0)
    with pytest.raises(EngineError, match="reward of step 1 is not finite"):
        ppo.train(["go"], silent)


def test_our_sft_loss_is_trls(tiny: LocalModel, tmp_path: Path) -> None:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from solon.training.sft import CompletionTrainer
    from solon.training.trainer import trainer_arguments

    add_adapter(tiny, "sl_cai", LoraSettings(rank=2), 0)
    config = SFTConfig(**trainer_arguments(SftSettings(), tiny, tmp_path, 0), completion_only_loss=True, bf16=False)
    losses = []
    for kind in (SFTTrainer, CompletionTrainer):
        data = Dataset.from_list(encode_rows(tiny, ROWS[:5], 512))
        trainer = kind(model=tiny.model, args=config, train_dataset=data, processing_class=tiny.tokenizer)
        trainer.local = tiny
        batch = next(iter(trainer.get_train_dataloader()))
        losses.append(float(trainer.compute_loss(trainer.model, batch).detach()))
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
