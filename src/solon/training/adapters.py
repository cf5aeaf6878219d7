"""LoRA adapters on the shared base: add, copy, save, load, and the hash that names their weights."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn
from torch.distributed.tensor import DTensor

from solon.engines.local.model import LocalModel
from solon.files import sha256_file
from solon.settings import LoraSettings
from solon.training.base import write_base

WEIGHTS = "adapter_model.safetensors"


def add_adapter(local: LocalModel, name: str, settings: LoraSettings, seed: int) -> None:
    """Add a fresh adapter (it changes nothing until trained) and make it the active, trainable one."""
    torch.manual_seed(seed)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        target_modules=_linear_names(local),
        layers_to_transform=_top_layers(local, settings.layers),
        task_type="CAUSAL_LM",
    )
    _attach(local, name, config)


def _attach(local: LocalModel, name: str, config: LoraConfig) -> None:
    if local.adapters:
        local.model.add_adapter(name, config)
    else:
        local.model = get_peft_model(local.model, config, adapter_name=name)
    local.model.set_adapter(name)


def _linear_names(local: LocalModel) -> list[str]:
    """Names of the linear layers in the blocks: all but the output head."""
    names = {
        path.rsplit(".", 1)[-1].removesuffix("base_layer") or path.split(".")[-2]
        for path, module in local.decoder.named_modules()
        if isinstance(module, nn.Linear) and "lora_" not in path
    }
    return sorted(names)


def _top_layers(local: LocalModel, count: int | None) -> list[int] | None:
    total = int(local.base.config.num_hidden_layers)
    return list(range(max(0, total - count), total)) if count else None


def adapter_state(local: LocalModel, name: str) -> dict[str, torch.Tensor]:
    """The adapter's weights by name, detached copies on the CPU, whole where FSDP has cut them.

    Of several processes every one must call it.
    """
    state = get_peft_model_state_dict(local.model, adapter_name=name)
    return {key: _whole(value.detach()).cpu().clone() for key, value in state.items()}


def _whole(tensor: torch.Tensor) -> torch.Tensor:
    """A plain tensor; of a DTensor all its shards."""
    whole: torch.Tensor = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
    return whole


def set_adapter_state(local: LocalModel, name: str, state: dict[str, torch.Tensor]) -> None:
    """Give the adapter weights that `adapter_state` returned."""
    set_peft_model_state_dict(local.model, state, adapter_name=name)


def copy_adapter(local: LocalModel, source: str, target: str) -> None:
    """Make `target` equal to `source`, adding it if need be."""
    if target not in local.adapters:
        _attach(local, target, local.model.peft_config[source])
    weights = dict(local.model.named_parameters())
    with torch.no_grad():
        for name, value in weights.items():
            if f".{source}." in name:
                weights[name.replace(f".{source}.", f".{target}.")].copy_(value)


def start_adapter(local: LocalModel, source: str | None, target: str, seed: int) -> None:
    """Make `target` start as `source`; None: as the bare model, by a fresh adapter that changes nothing yet."""
    if source is None:
        add_adapter(local, target, LoraSettings(), seed)
    else:
        copy_adapter(local, source, target)


def save_adapter(local: LocalModel, name: str, folder: Path, state: dict[str, torch.Tensor] | None = None) -> None:
    """Write the adapter as a folder that PEFT loads by itself, tokenizer, chat template and name of the base included.

    `state` are its weights, for a process that writes alone what all have gathered. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_tensors(adapter_state(local, name) if state is None else state, folder / WEIGHTS)
    config = copy.copy(local.model.peft_config[name])
    config.inference_mode = True
    config.base_model_name_or_path = config.base_model_name_or_path or local.base.name_or_path
    config.save_pretrained(folder)
    write_base(local.source, folder)
    local.tokenizer.save_pretrained(folder)


def save_tensors(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write a safetensors file. Raises OSError, for a full disk too."""
    try:
        save_file(dict(tensors), path, metadata={"format": "pt"})
    except SafetensorError as error:
        raise OSError(str(error)) from None


def load_adapter(local: LocalModel, name: str, folder: Path) -> None:
    """Load an adapter folder under `name`, replacing one of that name."""
    if name in local.adapters:
        local.model.delete_adapter(name)
    if local.adapters:
        local.model.load_adapter(str(folder), adapter_name=name)
    else:
        local.model = PeftModel.from_pretrained(local.model, str(folder), adapter_name=name)
    local.model.eval()


def adapter_hash(folder: Path) -> str:
    return sha256_file(folder / WEIGHTS)


def trainable(local: LocalModel, name: str) -> list[nn.Parameter]:
    """Switch gradients on for this adapter alone and return its weights."""
    local.model.set_adapter(name)
    mine = re.compile(rf"\.{re.escape(name)}\.")
    chosen: list[nn.Parameter] = []
    parameters: Any = local.model.named_parameters()
    for path, parameter in parameters:
        parameter.requires_grad_(bool(mine.search(path)))
        if parameter.requires_grad:
            chosen.append(parameter)
    return chosen
