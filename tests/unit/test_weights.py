"""A model whose files are damaged is refused by name, in one line, before anything is asked or trained."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from solon.engines.local import source
from solon.engines.local.model import LocalModel
from solon.errors import ModelError

Tensors = dict[str, torch.Tensor]


def changed(change: Callable[[Tensors], Tensors]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / "model.safetensors"
        save_file(change(load_file(path)), path, metadata={"format": "pt"})

    return damage


def configured(text: Callable[[str], str]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(text(path.read_text()))

    return damage


def cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def dangling(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to(folder / "nowhere")


def misnamed(tensors: Tensors) -> Tensors:
    return {f"module.{name}": tensor for name, tensor in tensors.items()}


def without_one(tensors: Tensors) -> Tensors:
    return {name: tensor for name, tensor in tensors.items() if "layers.0.mlp.up_proj" not in name}


def with_one_more(tensors: Tensors) -> Tensors:
    return {**tensors, "model.layers.7.mlp.up_proj.weight": torch.ones(2, 2)}


def of_another_shape(tensors: Tensors) -> Tensors:
    return {**tensors, "model.norm.weight": torch.ones(5)}


def not_numbers(tensors: Tensors) -> Tensors:
    return {name: tensor * float("nan") for name, tensor in tensors.items()}


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (changed(misnamed), r"tensors are missing, first: lm_head.weight; .* others are there, first: module\."),
        (changed(without_one), r"1 tensor is missing, first: model.layers.0.mlp.up_proj.weight"),
        (changed(with_one_more), r"1 tensor is no part of the model, first: model.layers.7.mlp.up_proj.weight"),
        (changed(of_another_shape), r"1 tensor is of another shape, first: model.norm.weight"),
        (changed(not_numbers), "its logits are no numbers"),
        (changed(lambda _: {"x": torch.ones(1)}), r"config.json has 2 layers and the weights have 1 tensors"),
        (
            configured(lambda text: text.replace('"num_hidden_layers": 2', f'"num_hidden_layers": {10**9}')),
            "10{9}|1,000",
        ),
        (configured(lambda _: "[" * 100_000), "config.json is not JSON"),
        (configured(lambda _: "[]"), "config.json holds no object"),
        (configured(lambda text: text.replace('"llama"', '"nobody"')), "cannot load"),
        (cut, "cannot load"),
        (dangling, "cannot load"),
    ],
)
def test_damaged_weights_are_refused_in_one_line(
    damage: Callable[[Path], None], said: str, tiny_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    damage(folder)
    with pytest.raises(ModelError, match=said) as caught:
        LocalModel.load(str(folder)).model  # noqa: B018
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "content",
    [b"no magic here", b"GGUF", b"GGUF" + struct.pack("<IQQ", 3, 2**60, 2**60), b"GGUF" + struct.pack("<IQQ", 3, 0, 0)],
)
def test_a_damaged_gguf_is_refused_in_one_line(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOLON_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "odd.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="cannot load") as caught:
        LocalModel.load(str(path))
    assert str(caught.value).isprintable()


def test_a_conversion_is_believed_by_its_content(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    assert not source._is_conversion(folder, "hash")  # nothing says what it was made of
    said = {"source": "hash", "files": source._hashes(folder)}
    (folder / "converted.json").write_text(json.dumps(said))
    assert source._is_conversion(folder, "hash")
    assert not source._is_conversion(folder, "another")
    (folder / "model.safetensors").write_bytes(b"weightz")
    assert not source._is_conversion(folder, "hash")


def test_buffers_of_old_checkpoints_are_no_reason_to_refuse(tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    changed(lambda t: {**t, "model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)})(folder)
    LocalModel.load(str(folder)).model  # noqa: B018
