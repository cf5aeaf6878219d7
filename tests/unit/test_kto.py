"""KTO through TRL on the tiny Llama: which rows it gets, and what it leaves behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from test_dpo import in_two_processes, nudge, ratios, row, rows

from solon.engines.local.model import LocalModel
from solon.errors import ConfigError, DataError
from solon.settings import KtoSettings
from solon.training.adapters import adapter_state
from solon.training.checkpoints import Checkpoints
from solon.training.dpo.pairs import Pair, encode_pairs
from solon.training.kto import encode_lone, spread, train_kto, unpaired, with_kl
from tasks import task_of


def settings(**changes: Any) -> KtoSettings:
    return KtoSettings.model_validate({"learning_rate": 1e-2, "batch_size": 8, **changes})


def test_the_likelier_answer_is_the_desirable_one(tiny: LocalModel) -> None:
    data = [row("a", "yes", "no", 0.9), row("b", "yes", "no", 0.2)]
    found = unpaired(encode_pairs(tiny, data, 512, "kto"), seed=0)
    said = {(tiny.decode_text(r["prompt_ids"])[5], tiny.decode_text(r["completion_ids"]), r["label"]) for r in found}
    assert said == {("a", "yes", True), ("a", "no", False), ("b", "yes", False), ("b", "no", True)}


def test_the_kl_is_estimated_from_answers_to_other_prompts() -> None:
    pairs = [Pair([n], [100 + n], [200 + n], 1.0) for n in range(9)]
    found = unpaired(pairs, seed=3)
    assert all(r["KL_completion_ids"][0] % 100 != r["prompt_ids"][0] for r in found)
    assert sorted(r["completion_ids"] for r in found) == sorted(r["KL_completion_ids"] for r in found)
    assert sum(r["label"] for r in found) == 9
    labels = [r["label"] for r in found]
    assert all(2 <= sum(labels[i : i + 4]) <= 3 for i in range(len(labels) - 3))


def test_training_moves_the_implicit_reward_as_the_labels_say(tiny: LocalModel, tmp_path: Path) -> None:
    data = rows(0.9)[:4] + rows(0.1)[4:]
    task = task_of(tiny, tmp_path, preferences=data)
    nudge(tiny, "sl_cai")
    before, forward = adapter_state(tiny, "sl_cai"), tiny.base.forward
    history = train_kto(task, settings(epochs=15))
    h = ratios(tiny, data)
    assert (h[:4] > 0).all()
    assert (h[4:] < 0).all()
    assert history[0]["loss"] == pytest.approx(0.5, abs=1e-4)  # nothing learnt yet: 1 - σ(0)
    assert history[0]["kl"] == pytest.approx(0, abs=1e-4)
    assert history[-1]["margin"] > 0.1
    # The reference is as it was, and what TRL needed is gone.
    after = adapter_state(tiny, "sl_cai")
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert set(tiny.adapters) == {"sl_cai", "policy"}
    assert tiny.base.forward == forward


def test_without_a_reference_adapter_the_base_is_the_reference(tiny: LocalModel, tmp_path: Path) -> None:
    task = task_of(tiny, tmp_path, preferences=rows(), reference=None)
    history = train_kto(task, settings(epochs=3, lora={"rank": 4, "alpha": 8}))
    assert history[0]["loss"] == pytest.approx(0.5, abs=1e-4)
    assert tiny.model.peft_config["policy"].r == 4
    assert history[-1]["loss"] < 0.5


def trained(folder: Path, scratch: Path, batch_size: int = 8, **fields: Any) -> tuple[LocalModel, list[float]]:
    """The model with its policy, and the losses of two passes over 16 rows."""
    local = LocalModel.load(str(folder))
    task = task_of(local, scratch, preferences=rows(0.9), **fields)
    nudge(local, "sl_cai")
    history = train_kto(task, settings(epochs=2, batch_size=batch_size))
    return local, [step["loss"] for step in history]


def test_a_stopped_training_goes_on_as_if_unbroken(tiny_folder: Path, tmp_path: Path) -> None:
    def stop(step: int, *_: object) -> None:
        if step == 3:
            raise InterruptedError

    def checkpoints() -> Checkpoints:
        return Checkpoints(tmp_path / "kept", "key", minutes=0)

    unbroken, losses = trained(tiny_folder, tmp_path)
    with pytest.raises(InterruptedError):
        trained(tiny_folder, tmp_path, tick=stop, checkpoints=checkpoints())
    resumed, again = trained(tiny_folder, tmp_path, checkpoints=checkpoints())
    assert again == losses
    before, after = (adapter_state(local, "policy") for local in (unbroken, resumed))
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("reference", ["sl_cai", None])
def test_a_failed_training_leaves_no_adapters_behind(tiny: LocalModel, tmp_path: Path, reference: str | None) -> None:
    def fail(*_: object) -> None:
        raise InterruptedError

    task = task_of(tiny, tmp_path, preferences=rows(), tick=fail, reference=reference)
    if reference is None:
        tiny.model = tiny.model.unload()
    with pytest.raises(InterruptedError):
        train_kto(task, settings())
    assert tiny.adapters == ((reference,) if reference else ())


def test_two_processes_train_the_weights_of_one(tiny_folder: Path, tmp_path: Path) -> None:
    whole, losses = trained(tiny_folder, tmp_path)
    weights, found = in_two_processes("test_kto", tiny_folder, tmp_path)
    assert found == pytest.approx(losses, abs=1e-5)
    for name, weight in adapter_state(whole, "policy").items():
        torch.testing.assert_close(weights[name], weight, rtol=1e-3, atol=1e-4)


def test_labels_of_one_half_are_left_out_and_counted(tiny: LocalModel, tmp_path: Path) -> None:
    data = [*rows(), *rows(0.5, count=3), row("short", "no" * 200, "yes", 1.0)]
    history = train_kto(task_of(tiny, tmp_path, preferences=data), settings(max_length=300))
    assert history[0]["left_out"] == 4
    assert len(history) == 2  # 8 pairs are 16 rows


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "kto: there are no preferences"),
        (rows(0.5), "8 rows hold no preference"),
        (rows(-0.1), "prob_chosen is -0.1"),
    ],
)
def test_preferences_that_teach_nothing_are_refused(
    tiny: LocalModel, tmp_path: Path, data: list[dict[str, Any]], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        train_kto(task_of(tiny, tmp_path, preferences=data), settings())


def test_batches_of_one_are_refused(tiny: LocalModel, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="batch_size 1 leaves nothing"):
        train_kto(task_of(tiny, tmp_path, preferences=rows()), settings(batch_size=1))


# --- replies without a partner ------------------------------------------------------------------------


def lone(prompt: str, reply: str, label: bool, **more: Any) -> dict[str, Any]:
    """A row in TRL's unpaired columns."""
    turns = [{"role": "user", "content": prompt}]
    return {"prompt": turns, "completion": [{"role": "assistant", "content": reply}], "label": label, **more}


def test_a_reply_alone_is_a_row_of_its_own(tiny: LocalModel) -> None:
    rows = [lone("a", "yes", True), lone("b", "cut o", False, ended=False), lone("c" * 600, "long", True)]
    first, second = encode_lone(tiny, rows, 512)
    end = tiny.tokenizer.eos_token_id
    assert first["completion_ids"] == [*tiny.encode_text("yes"), end]
    assert second["completion_ids"] == tiny.encode_text("cut o")  # no end of turn is learnt where there was none
    assert (first["label"], second["label"]) == (True, False)


def test_kinds_are_spread_and_the_kl_is_of_other_prompts() -> None:
    def rows(kind: int, count: int, label: bool) -> list[dict[str, Any]]:
        return [{"prompt_ids": [n % 4], "completion_ids": [kind, n], "label": label} for n in range(count)]

    mixed = with_kl(spread([], [*rows(1, 6, True), *rows(0, 18, False)], seed=1))
    labels = [row["label"] for row in mixed]
    assert [sum(labels[i : i + 4]) for i in range(0, 24, 4)] == [1] * 6  # 6 of 24: one in every batch of four
    answered = {tuple(row["completion_ids"]): row["prompt_ids"] for row in mixed}
    assert all(answered[tuple(row["KL_completion_ids"])] != row["prompt_ids"] for row in mixed)


def test_replies_alone_move_the_implicit_reward_as_their_labels_say(tiny: LocalModel, tmp_path: Path) -> None:
    """Three good ones and nine bad ones, to prompts of their own."""
    data = [lone(f"g{n}", "yes", True) for n in range(3)] + [lone(f"b{n}", "no", False) for n in range(9)]
    task = task_of(tiny, tmp_path, preferences=data)
    nudge(tiny, "sl_cai")
    history = train_kto(task, settings(epochs=15, batch_size=4))
    assert history[0]["loss"] == pytest.approx(0.75, abs=1e-3)  # by hand: (3 · 1/2 + 1/2 + 1/2 + 1/2) / 4
    assert history[0]["left_out"] == 0
    assert history[-1]["margin"] > 0.1
    one = [row("g0", "yes", "no", 0.9)]
    assert (ratios(tiny, one) > 0).all()


@pytest.mark.parametrize(
    ("label", "said"), [(True, "all 4 replies are desirable.*solon train sft"), (False, "are undesi")]
)
def test_one_kind_alone_is_refused(tiny: LocalModel, tmp_path: Path, label: bool, said: str) -> None:
    task = task_of(tiny, tmp_path, preferences=[lone(f"q{n}", "yes", label) for n in range(4)])
    with pytest.raises(DataError, match=said):
        train_kto(task, settings())
