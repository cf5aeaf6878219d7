"""SFT of several epochs reads the layers below the adapter once: the same weights, whatever the family."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from families import build
from solon.engines.local.model import LocalModel, _checked_decoder
from solon.errors import Interrupted
from solon.settings import LoraSettings, SftSettings
from solon.training import trunk
from solon.training.adapters import adapter_state
from solon.training.checkpoints import Checkpoints
from solon.training.sft import train_sft

ROWS = [
    {
        "prompt": [{"role": "user", "content": "ask " * (1 + n * 7 % 5)}],
        "completion": [{"role": "assistant", "content": f"No {n}." * (1 + n * 5 % 7)}],
    }
    for n in range(11)
]

Found = list["trunk.Trunk | None"]


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Found:
    """What each training made of the layers that are not adapted."""
    made: Found = []
    real = trunk.trunk_of

    def watched(*given: Any) -> trunk.Trunk | None:
        made.append(real(*given))
        return made[-1]

    monkeypatch.setattr("solon.training.sft.trunk_of", watched)
    return made


def trained(local: LocalModel, scratch: Path, **knobs: Any) -> tuple[dict[str, Tensor], list[float]]:
    named: dict[str, Any] = {name: knobs.pop(name) for name in ("tick", "checkpoints") if name in knobs}
    settings = SftSettings.model_validate(
        {"epochs": 3, "learning_rate": 1e-2, "batch_size": 4, "lora": LoraSettings(rank=4, layers=1), **knobs}
    )
    ways: dict[str, Any] = {"seed": 1, "scratch": scratch, "tick": lambda *_: None, **named}
    history = train_sft(local, "sl_cai", ROWS, settings, **ways)
    return adapter_state(local, "sl_cai"), [step["loss"] for step in history]


def family(name: str, tiny_folder: Path) -> LocalModel:
    local = build(name, LocalModel.load(str(tiny_folder)).tokenizer, tiny_folder)
    local._decoder = _checked_decoder(local.base, name)
    return local


# Scaled embeddings (Gemma, Granite), learnt positions (OPT), windows, experts, states that are no attention's.
@pytest.mark.parametrize("name", ["llama", "qwen3", "granite", "gemma2", "gemma3_text", "opt", "mistral", "olmoe"])
def test_kept_states_give_the_weights_of_reading_every_layer(
    name: str, tiny_folder: Path, tmp_path: Path, found: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, losses = trained(family(name, tiny_folder), tmp_path)
    monkeypatch.setattr(trunk, "MOST", 0)
    whole, expected = trained(family(name, tiny_folder), tmp_path)
    assert found[1] is None
    assert losses == pytest.approx(expected, abs=1e-5)
    assert max(float((ours[key] - whole[key]).abs().max()) for key in whole) < 1e-4
    if name in ("llama", "qwen3", "granite"):  # others may be read whole where their ways ask for it
        assert found[0] is not None


def test_each_row_is_read_once_below_the_adapter(tiny: LocalModel, tmp_path: Path, found: Found) -> None:
    read = {0: 0, 1: 0}

    def counted(at: int) -> Callable[..., None]:
        def count(_module: Any, given: tuple[Tensor, ...], _out: Any) -> None:
            read[at] += int(given[0].shape[1])

        return count

    for at, block in enumerate(tiny.decoder.layers):
        block.register_forward_hook(counted(at))
    trained(tiny, tmp_path, epochs=6)
    assert found[0] is not None
    tokens = sum(len(states) for states in found[0].states.values())
    # Twice: the first batch, here all rows, is tried as a whole, too. And the two short rows of `packs`.
    assert 2 * tokens <= read[0] < 3 * tokens
    assert read[1] > 6 * tokens


@pytest.mark.parametrize(
    ("name", "knobs"),
    [
        ("gpt2", {}),  # dropout: what is drawn anew in each epoch cannot be kept
        ("llama", {"lora": LoraSettings(rank=4)}),  # nothing lies below the adapter
    ],
)
def test_what_changes_is_read_anew(
    name: str, knobs: dict[str, Any], tiny_folder: Path, tmp_path: Path, found: Found
) -> None:
    trained(family(name, tiny_folder), tmp_path, **knobs)
    assert found == [None]


def test_layers_of_several_types_are_read_anew(tiny_folder: Path, tmp_path: Path, found: Found) -> None:
    """Their masks go by their place, and rows shorter than the window do not show it."""
    local = family("gemma2", tiny_folder)
    assert len(set(local.base.config.layer_types)) == 2
    trained(local, tmp_path)
    assert found == [None]


def test_one_epoch_keeps_nothing(tiny: LocalModel, tmp_path: Path, found: Found) -> None:
    trained(tiny, tmp_path, epochs=1)
    assert found == []


def test_the_model_is_as_before(tiny: LocalModel, tmp_path: Path, found: Found) -> None:
    blocks = tiny.decoder.layers
    trained(tiny, tmp_path)
    assert found[0] is not None
    assert tiny.decoder.layers is blocks
    assert not any(block._forward_hooks or block._forward_pre_hooks for block in blocks)


@pytest.mark.parametrize("knobs", [{}, {"packing": True, "max_length": 200, "batch_size": 1}])
def test_a_resumed_training_ends_with_the_same_weights(
    tiny_folder: Path, tmp_path: Path, found: Found, knobs: dict[str, Any]
) -> None:
    whole, losses = trained(LocalModel.load(str(tiny_folder)), tmp_path, **knobs)
    checkpoints = Checkpoints(tmp_path / "c", "key")

    def tick(step: int, *_: object) -> None:
        checkpoints.stopping = step == len(losses) // 2

    with pytest.raises(Interrupted):
        trained(LocalModel.load(str(tiny_folder)), tmp_path, tick=tick, checkpoints=checkpoints, **knobs)
    checkpoints = Checkpoints(tmp_path / "c", "key")
    resumed, again = trained(LocalModel.load(str(tiny_folder)), tmp_path, checkpoints=checkpoints, **knobs)
    assert None not in found
    assert again == losses
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
