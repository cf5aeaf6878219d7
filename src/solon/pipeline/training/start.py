"""The model to train, and the adapter that training starts from and is tied to."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from solon.errors import ModelError
from solon.files import reason_of, sha256_file
from solon.types import digest

if TYPE_CHECKING:
    from solon.engines.local.model import LocalModel

REFERENCE = "reference"  # the name of the adapter that training starts from
WEIGHTS, CONFIG, HEAD = "adapter_model.safetensors", "adapter_config.json", "reward_head.safetensors"


def adapter_identity(folder: Path) -> str:
    """What the adapter's answers depend on. Raises ModelError as `adapter_config` does."""
    adapter_config(folder)
    return digest([sha256_file(folder / name) for name in (WEIGHTS, CONFIG)])


def adapter_config(folder: Path) -> dict[str, Any]:
    """What PEFT says of the adapter. Raises ModelError for a folder that holds none that can be trained on."""
    if not (folder / CONFIG).is_file():
        near = folder / "model"
        hint = f"; did you mean {near}?" if (near / CONFIG).is_file() else "; name the folder of a PEFT adapter"
        raise ModelError(f"--adapter: {folder} holds no {CONFIG}{hint}")
    if not (folder / WEIGHTS).is_file():
        raise ModelError(f"--adapter: {folder} holds no {WEIGHTS}; pickled weights are refused, convert them")
    if (folder / HEAD).is_file():
        raise ModelError(f"--adapter: {folder} is a reward model, which writes no answers; name a policy's adapter")
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        kind, bias = str(config["peft_type"]), str(config.get("bias", "none"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ModelError(f"--adapter: {folder / CONFIG} cannot be read as PEFT's configuration") from None
    if kind != "LORA" or bias != "none":
        raise ModelError(f"--adapter: {folder} is {kind} with bias {bias}; only LORA with bias none can be trained on")
    return dict(config)


def base_named(folder: Path) -> str:
    """The model that the adapter says it is of. Raises ModelError where it says none."""
    name = adapter_config(folder).get("base_model_name_or_path")
    if not isinstance(name, str) or not name:
        raise ModelError(f"--adapter: {folder} does not say of which model it is; name it with --model")
    return name


def load_start(
    model: str, precision: str, adapter: Path | None, tell: Callable[[str], None] = lambda line: None
) -> LocalModel:
    """The model, with adapter REFERENCE where there is one.

    Raises ModelError, too where the adapter does not fit or is of another base; `tell` hears where that is not known.
    """
    from solon.engines.local.model import LocalModel
    from solon.training.base import refuse_other_base

    local = LocalModel.load(model, precision)
    warning = None
    if adapter is not None:
        says = adapter_config(adapter).get("base_model_name_or_path")
        warning = refuse_other_base(adapter, says if isinstance(says, str) else None, local.source)
    with fitting(f"model: cannot load {local.source.name}"):
        local.model.eval()
    if adapter is not None:
        _load(local, adapter)
    if warning is not None:
        tell(warning)
    local.model.eval()
    return local


def _load(local: LocalModel, folder: Path) -> None:
    from safetensors import safe_open

    from solon.training.adapters import adapter_state, load_adapter

    with fitting(f"--adapter: {folder} does not fit {local.source.name}"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Found missing adapter keys")  # said below, as an error
        warnings.filterwarnings("ignore", "Could not find a config file")  # of a base that is not here
        load_adapter(local, REFERENCE, folder)
        with safe_open(folder / WEIGHTS, framework="pt") as file:
            stored = set(file.keys())
        own = set(adapter_state(local, REFERENCE))
    # PEFT takes what fits and leaves the rest out: an adapter of a deeper model would be half of itself.
    lost, missing = stored - own, own - stored
    if lost or missing:
        what = f"{len(lost)} of its {len(stored)} weights have no place" if lost else f"{len(missing)} weights lack"
        raise ModelError(
            f"--adapter: {folder} does not fit {local.source.name}: {what} (such as {min(lost or missing)})"
        )


@contextmanager
def fitting(why: str) -> Iterator[None]:
    """What libraries raise over weights that do not fit, as one line of ours."""
    from safetensors import SafetensorError
    from torch import OutOfMemoryError

    try:
        yield
    except OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, KeyError, TypeError, OSError, SafetensorError) as error:
        mismatch = next((line.strip() for line in str(error).split("\n") if "size mismatch" in line), None)
        raise ModelError(f"{why}: {reason_of(mismatch or error)}") from None
