"""LoRA adapters on the shared base: add, copy, save, load, and the hash that names their weights."""

from __future__ import annotations

import copy
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftConfig, PeftType, get_peft_model
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from torch.distributed.tensor import DTensor
from transformers.pytorch_utils import Conv1D

from solon.engines.local.model import LocalModel
from solon.errors import ModelError
from solon.files import sha256_file
from solon.settings import LoraSettings
from solon.training.base import write_base

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"


def add_adapter(local: LocalModel, name: str, settings: LoraSettings, seed: int) -> None:
    """Add a fresh adapter (it changes nothing until trained) and make it the active, trainable one.

    It adapts every linear layer of the blocks, GPT-2's Conv1D included. Not the embedding and the output head, and not
    what is outside the decoder (an image tower, say); experts kept as plain parameters stay as they are. Raises
    ModelError for a model without such a layer.
    """
    torch.manual_seed(seed)
    targets, outside = _targets(local)
    kinds = {type(module) for module in targets.values()}
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        target_modules=sorted({_short(path) for path in targets}),
        exclude_modules=outside,
        layers_to_transform=_top_layers(local, settings.layers),
        fan_in_fan_out=kinds == {Conv1D},
        task_type="CAUSAL_LM",
    )
    _attach(local, name, config)


def _attach(local: LocalModel, name: str, config: LoraConfig) -> None:
    """Add the adapter of `config`. New modules arrive in training mode, where LoRA's dropout would draw: all leave it.

    Dropout between policy and reference is a KL that nobody has learnt; a trainer that wants it asks for train().
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "fan_in_fan_out is set to")  # PEFT sets it right where kinds are mixed
        warnings.filterwarnings("ignore", "The PEFT config's `base_model_name")  # whose base it is, we say ourselves
        warnings.filterwarnings("ignore", "Model has `tie_word_embeddings=True`")  # an export unties what it merges
        if local.adapters:
            local.model.add_adapter(name, config)
        else:
            local.model = get_peft_model(local.model, config, adapter_name=name)
    local.model.set_adapter(name)
    local.model.eval()


# What PEFT puts around a module that it adapts: "q_proj" becomes "q_proj.base_layer".
_WRAPPED = re.compile(r"(\.(base_layer|original_module))+$")


def _targets(local: LocalModel) -> tuple[dict[str, nn.Module], str | None]:
    """The decoder's linear layers by path, and a pattern of what else goes by their names; None where nothing does."""
    found = {_WRAPPED.sub("", path): module for path, module in local.base.named_modules() if _linear(path, module)}
    inside = next(path for path, module in local.base.named_modules() if module is local.decoder)
    # A decoder that is the whole model holds its own head.
    end = local.base.get_output_embeddings()
    head = next((path for path, module in local.base.named_modules() if module is end), None)
    here = {path: module for path, module in found.items() if path.startswith(f"{inside}.") and path != head}
    allowed = _adaptable(local, here)
    if not allowed:
        raise ModelError(f"model: {local.source.name} has no linear layer that LoRA can adapt; use another model")
    names = {_short(path) for path in allowed}
    every = {_WRAPPED.sub("", path) for path, _ in local.base.named_modules()}
    namesakes = sorted(path for path in every - allowed.keys() if _short(path) in names)
    patterns = [re.escape(path) for path in namesakes if path.startswith(f"{inside}.")]
    if len(patterns) < len(namesakes):
        patterns.append(rf"(?!{re.escape(inside)}\.).*")
    return allowed, "|".join(patterns) or None


def _linear(path: str, module: nn.Module) -> bool:
    return isinstance(module, (nn.Linear, Conv1D)) and "lora_" not in path and "modules_to_save" not in path


def _adaptable(local: LocalModel, layers: Mapping[str, nn.Module]) -> dict[str, nn.Module]:
    """Without what PEFT refuses: Mamba's kernels read the weights of these layers themselves, past any adapter.

    And without layers that are linear in name: routers that give more than one tensor, layers in groups.
    """
    reads_past = local.base.config.model_type in ("falcon_h1", "mamba", "mamba2", "falcon_mamba", "nemotron_h")
    refused = ("out_proj", "conv1d") if reads_past else ()
    return {path: module for path, module in layers.items() if _short(path) not in refused and _plainly_linear(module)}


@torch.no_grad()
def _plainly_linear(module: nn.Module) -> bool:
    """Whether the layer gives W·x + b: what LoRA adds to it is of that shape."""
    if type(module).forward in (nn.Linear.forward, Conv1D.forward):
        return True
    weight: Any = module.weight
    try:
        given = module(torch.zeros(1, 1, weight.shape[1], dtype=weight.dtype, device=weight.device))
    except (RuntimeError, ValueError, TypeError, IndexError):
        return False
    return isinstance(given, torch.Tensor) and given.shape == (1, 1, weight.shape[0])


def _short(path: str) -> str:
    """The last part of a path, the last two where it is a number (that of a layer in an nn.Sequential)."""
    parts = path.split(".")
    return ".".join(parts[-2:]) if parts[-1].isdigit() else parts[-1]


def _top_layers(local: LocalModel, count: int | None) -> list[int] | None:
    total = int(local.base.config.get_text_config().num_hidden_layers)
    return list(range(max(0, total - count), total)) if count else None


def adapter_weights(local: LocalModel, name: str) -> dict[str, nn.Parameter]:
    """The adapter's weights in the model, by a path that does not name it: the same for every adapter of one kind.

    PEFT's layers say themselves which of their parts are an adapter's. Raises ModelError for a part they do not say.
    """
    found: dict[str, nn.Parameter] = {}
    for path, module in local.model.named_modules():
        for kind in getattr(module, "adapter_layer_names", ()):
            found |= {f"{path}.{kind}{own}": weight for own, weight in _held(module, kind, name)}
    known = {id(weight) for weight in found.values()}
    place: dict[int, int] = {}
    for path, weight in local.model.named_parameters():
        place[id(weight)] = len(place)
        if name in path.split(".") and id(weight) not in known:
            raise ModelError(f"--adapter: its weight {path} is of a kind that cannot be copied or trained on here")
    # As the model orders them, whatever PEFT's layers list first: optimizers and norms add up in this order.
    return dict(sorted(found.items(), key=lambda item: place[id(item[1])]))


def _held(module: nn.Module, kind: str, name: str) -> list[tuple[str, nn.Parameter]]:
    """What `module` holds for adapter `name` under the attribute `kind`, which may be a path such as "a.b"."""
    holder: Any = module
    for part in kind.split("."):
        holder = getattr(holder, part, None)
    if not isinstance(holder, (nn.ModuleDict, nn.ParameterDict)) or name not in holder:
        return []
    own = holder[name]
    if isinstance(own, nn.Parameter):
        return [("", own)]
    return [(f".{at}", weight) for at, weight in own.named_parameters()]


def adapter_state(local: LocalModel, name: str) -> dict[str, torch.Tensor]:
    """The adapter's weights by name, detached copies on the CPU, whole where FSDP has cut them.

    Of several processes every one must call it.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Setting `save_embedding_layers`")  # as PEFT's own files have it
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
    """Make `target` equal to `source`, adding it if need be. Raises ModelError where PEFT makes another of it."""
    if target not in local.adapters:
        config = copy.deepcopy(local.model.peft_config[source])
        # The weights are about to be copied. PiSSA and its kin would be made once more of the base, and change it.
        config.init_lora_weights, config.inference_mode = True, False
        _attach(local, target, config)
    weights, copies = adapter_weights(local, source), adapter_weights(local, target)
    if weights.keys() != copies.keys():
        odd = min(weights.keys() ^ copies.keys())
        raise ModelError(f"--adapter: PEFT makes no equal copy of it ({odd}); merge it into its base")
    with torch.no_grad():
        for path, weight in weights.items():
            copies[path].copy_(weight)


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
    if isinstance(config.target_modules, set):  # whose order is another in every process, and so the file's hash
        config.target_modules = sorted(config.target_modules)
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
    """Load an adapter folder under `name`, replacing one of that name. The base stays as it is.

    An adapter that started from the base's own weights and took them out of the base (PiSSA, OLoRA) becomes a plain
    one of twice the rank: B·A less what was taken out. Raises ModelError for one that cannot be told from the base.
    """
    if not (folder / WEIGHTS).is_file():
        raise ModelError(f"--adapter: {folder} holds no {WEIGHTS}; pickled weights are refused, convert them")
    _refuse_start(folder)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Using Rank-Stabilized LoRA")  # of a conversion that is done here otherwise
        config = PeftConfig.from_pretrained(str(folder))
    weights = load_file(folder / WEIGHTS)
    _refuse(local, config, weights, folder)
    if name in local.adapters:
        local.model.delete_adapter(name)
    before = copy.deepcopy(config)
    plain = config.peft_type == PeftType.LORA
    if plain:
        config.init_lora_weights = True  # all of it is loaded below
    if changes_base := plain and before.init_lora_weights in _CHANGE_BASE:
        _double(config)
    _attach(local, name, config)
    if changes_base:
        weights = _plain(local, before, weights)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Found missing adapter keys")
        set_peft_model_state_dict(local.model, weights, adapter_name=name)
    local.model.requires_grad_(False)


# How LoRA may start by taking a part of the base's weights out of it, where the part can be computed again.
_CHANGE_BASE = ("pissa", "olora")
# Starts that leave the base alone.
_HARMLESS = (True, False, "gaussian", "eva", "orthogonal", "mica")


def _refuse_start(folder: Path) -> None:
    """Raises ModelError for an adapter whose start cannot be computed again; PEFT reads such configurations badly."""
    said = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    start = said.get("init_lora_weights", True)
    if said.get("peft_type") == "LORA" and start not in (*_HARMLESS, *_CHANGE_BASE):
        raise ModelError(
            f"--adapter: {folder} has init_lora_weights {start!r}, which changed its base by what only its training "
            "knew; save it with PEFT's path_initial_model_for_weight_conversion, or merge it"
        )


def _refuse(local: LocalModel, config: Any, weights: Mapping[str, torch.Tensor], folder: Path) -> None:
    """Raises ModelError for kinds of LoRA that would be read as another thing than they are."""
    if config.peft_type != PeftType.LORA:
        return
    start = config.init_lora_weights
    variants = [f.name for f in fields(config) if f.metadata.get("is_lora_variant") and getattr(config, f.name)]
    if others := sorted(set(variants) - {"use_dora"}):
        raise ModelError(f"--adapter: {folder} is a kind of LoRA ({others[0]}) that Solon does not train or ask")
    if start in _CHANGE_BASE and variants:
        raise ModelError(f"--adapter: {folder} has init_lora_weights {start!r} and {variants[0]}; merge it")
    trained = set(config.modules_to_save or ())
    _refuse_other_base(local, {path: w for path, w in weights.items() if not trained & set(path.split("."))}, folder)


def _refuse_other_base(local: LocalModel, weights: Mapping[str, torch.Tensor], folder: Path) -> None:
    """PEFT also stores an adapted embedding itself, and loading puts it into the base: it must be the base's own."""
    own = {_unwrapped(path): weight for path, weight in local.base.named_parameters()}
    for path, weight in weights.items():
        held = own.get(_unwrapped(path.removeprefix("base_model.model.")))
        if held is None:
            continue
        if held.shape != weight.shape or not torch.equal(held.detach().cpu(), weight.to(held.dtype).cpu()):
            raise ModelError(
                f"--adapter: {folder} holds a {path} that is not the base's own (tokens were added?); merge it"
            )


def _unwrapped(path: str) -> str:
    return path.replace(".base_layer.", ".").replace(".original_module.", ".")


def _double(config: LoraConfig) -> None:
    """Twice the rank at the same scale, which is alpha / r, or alpha / √r with rsLoRA."""
    grown = 2**0.5 if config.use_rslora else 2
    config.r, config.lora_alpha = 2 * config.r, grown * config.lora_alpha
    config.rank_pattern = {name: 2 * rank for name, rank in config.rank_pattern.items()}
    config.alpha_pattern = {name: grown * alpha for name, alpha in config.alpha_pattern.items()}


def _plain(local: LocalModel, config: LoraConfig, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights of a plain adapter on the unchanged base.

    The base W lost s·B₀A₀ when training started, so that W - s·B₀A₀ + s·BA = W + s·[B, -B₀][A; A₀]: that is PEFT's
    own `subtract_mutated_init`, with A₀ and B₀ computed again from W on a copy of each layer.
    """
    out = dict(weights)
    for key in [key for key in weights if key.endswith(".lora_A.weight")]:
        path = key.removesuffix(".lora_A.weight")
        a, b = weights[key], weights[other := f"{path}.lora_B.weight"]
        layer = local.model.get_submodule(path)
        name = local.model.active_adapter
        rank = layer.r[name] // 2
        alpha = layer.lora_alpha[name] / (2**0.5 if config.use_rslora else 2)
        bare = copy.deepcopy(layer.get_base_layer())
        start = type(layer)(bare, "start", config=config, r=rank, lora_alpha=alpha)
        a0, b0 = start.lora_A["start"].weight.detach(), start.lora_B["start"].weight.detach()
        out[key] = torch.cat([a, a0.to(a)], 0)
        out[other] = torch.cat([b, -b0.to(b)], 1)
    return out


def adapter_hash(folder: Path) -> str:
    return sha256_file(folder / WEIGHTS)


def trainable(local: LocalModel, name: str) -> list[nn.Parameter]:
    """Switch gradients on for this adapter alone and return its weights."""
    local.model.set_adapter(name)
    local.model.requires_grad_(False)
    # A tied weight is one weight, whoever holds it.
    chosen = list({id(weight): weight for weight in adapter_weights(local, name).values()}.values())
    for weight in chosen:
        weight.requires_grad_(True)
    return chosen


def without_dropout(model: nn.Module) -> None:
    """Put all in `model` into evaluation mode, but leave its own flag, by which TRL knows training from evaluation.

    TRL's `disable_dropout` finds dropout that is a module; OPT's layers and others ask for the mode instead.
    """
    for part in model.children():
        part.eval()
