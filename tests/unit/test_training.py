"""SFT and PPO on the tiny Llama: do they learn what they should?"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from solon.engines.local.decode import Job, LocalDecoder
from solon.engines.local.model import LocalModel
from solon.errors import DataError
from solon.settings import LoraSettings, SftSettings
from solon.training.adapters import (
    adapter_hash,
    adapter_state,
    add_adapter,
    copy_adapter,
    load_adapter,
    save_adapter,
)
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


def test_only_the_opening_of_an_answer_is_learnt_where_that_is_asked(tiny: LocalModel, tmp_path: Path) -> None:
    (whole, *_), (row, *_) = (encode_rows(tiny, ROWS, 512, first) for first in (None, 3))
    prompt = whole["completion_mask"].count(0)
    assert row["input_ids"] == whole["input_ids"][: prompt + 3]
    assert row["completion_mask"] == [0] * prompt + [1] * 3
    (same, *_) = encode_rows(tiny, ROWS, 512, 10_000)
    assert same == whole
    history = sft(tiny, tmp_path, first_tokens=3)
    assert history[-1]["loss"] < 0.2 * history[0]["loss"]
    (written,) = LocalDecoder(tiny, "sl_cai").write([Job(tiny.encode_chat((user("do 3"),)), 8, temperature=0)])
    assert tiny.decode_text(written.ids)[:3] == ANSWER[:3]
    assert "first_tokens" not in SftSettings().model_dump()  # so that what was trained before keeps its key


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
