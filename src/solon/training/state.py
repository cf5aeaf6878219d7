"""What a checkpoint holds, as safetensors and JSON: nothing that runs when it is read.

state.safetensors   weights that learn, optimizer, random generators: tensors by name
state.json          everything else: step, schedule, history
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.optimizer import AcceleratedOptimizer
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)

from solon.training.processes import gathered, world

TENSORS = "state.safetensors"
NUMBERS = "state.json"

Tensors = dict[str, Tensor]
Numbers = dict[str, Any]

# Whole tensors by name whatever wraps the module, DDP or FSDP: every process has them, and any number can load them.
_WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=True, strict=False)


def save_state(folder: Path, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
    """Write both to `folder`; `numbers` is anything JSON can say. Tensors may share memory."""
    save_file({name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}, folder / TENSORS)
    (folder / NUMBERS).write_text(json.dumps(dict(numbers)))


def load_state(folder: Path) -> tuple[Tensors, Numbers]:
    """What `save_state` wrote, on the CPU. Tuples come back as lists."""
    return load_file(folder / TENSORS), json.loads((folder / NUMBERS).read_bytes())


def module_state(module: nn.Module, optimizer: Any) -> tuple[Tensors, Numbers]:
    """The weights of `module` that learn, and the state of the optimizer that moves them.

    Every process must call it; only the main one gets anything.
    """
    weights, moments = get_state_dict(module, _bare(optimizer), options=_WHOLE)
    tensors, numbers = _flat(moments) if moments else ({}, {})
    return _over("weights/", weights) | _over("optimizer/", tensors), numbers


def restore_module(
    module: nn.Module, optimizer: Any, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]
) -> None:
    """Put back what `module_state` gave; every process must call it, with the same."""
    moments = _nested(_under("optimizer/", tensors), numbers)
    # An optimizer that keeps nothing has no tensors to spread, which torch does not expect.
    options = _WHOLE if moments["state"] else StateDictOptions(ignore_frozen_params=True, strict=False)
    set_model_state_dict(module, _under("weights/", tensors), options=_WHOLE)
    set_optimizer_state_dict(module, _bare(optimizer), moments, options=options)


def optimizer_state(optimizer: Any) -> tuple[Tensors, Numbers]:
    """The state of an optimizer of whole tensors (one process or DDP), by the number of the parameter."""
    return _flat(_bare(optimizer).state_dict())


def load_optimizer(optimizer: Any, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
    """Put back what `optimizer_state` gave."""
    nested = _nested(tensors, numbers)
    nested["state"] = {int(number): own for number, own in nested["state"].items()}
    _bare(optimizer).load_state_dict(nested)


def _flat(moments: Mapping[str, Any]) -> tuple[Tensors, Numbers]:
    """An optimizer's nested state as tensors by parameter/key, and the rest."""
    entries = {f"{owner}/{key}": value for owner, own in moments["state"].items() for key, value in own.items()}
    tensors = {name: value for name, value in entries.items() if isinstance(value, Tensor)}
    rest = {name: value for name, value in entries.items() if not isinstance(value, Tensor)}
    return tensors, {"state": rest, "param_groups": moments["param_groups"]}


def _nested(tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> dict[str, Any]:
    state: dict[str, Any] = {}
    for name, value in {**tensors, **numbers["state"]}.items():
        owner, _, key = name.rpartition("/")
        state.setdefault(owner, {})[key] = value
    return {"state": state, "param_groups": numbers["param_groups"]}


def _over(prefix: str, tensors: Mapping[str, Any]) -> Tensors:
    return {f"{prefix}{name}": value for name, value in tensors.items()}


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _bare(optimizer: Any) -> torch.optim.Optimizer:
    """The optimizer itself, under accelerate's wrapper if there is one."""
    bare: torch.optim.Optimizer = optimizer.optimizer if isinstance(optimizer, AcceleratedOptimizer) else optimizer
    return bare


def random_state(prefix: str = "random") -> Tensors:
    """The random generators of Python, NumPy, Torch and the GPU, of every process, by `prefix`/process/name.

    Every process must call it, and all get all.
    """
    every = gathered([_own_random_state()], world())
    return {f"{prefix}/{process}/{name}": t for process, own in enumerate(every) for name, t in own.items()}


def _own_random_state() -> Tensors:
    _, key, position, has_gauss, gauss = np.random.get_state(legacy=True)
    version, words, pending = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "numpy": torch.from_numpy(np.asarray(key).astype(np.int64)),
        "numpy_rest": torch.tensor([position, has_gauss, gauss], dtype=torch.float64),
        "python": torch.tensor(words, dtype=torch.int64),
        "python_rest": torch.tensor([version, float("nan") if pending is None else pending], dtype=torch.float64),
        **({"cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else {}),
    }


def restore_random_state(tensors: Mapping[str, Tensor], process: int, prefix: str = "random") -> None:
    """Put this process's generators back to what `random_state` gave."""
    own = _under(f"{prefix}/{process}/", tensors)
    torch.set_rng_state(own["torch"])
    position, has_gauss, gauss = own["numpy_rest"].tolist()
    np.random.set_state(("MT19937", own["numpy"].numpy().astype(np.uint32), int(position), int(has_gauss), gauss))
    version, pending = own["python_rest"].tolist()
    words = tuple(own["python"].tolist())
    random.setstate((int(version), words, None if pending != pending else pending))
    if "cuda" in own and torch.cuda.is_available():
        torch.cuda.set_rng_state(own["cuda"])
