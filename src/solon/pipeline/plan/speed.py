"""How long an engine in this process may take where no call or training of it was measured: an estimate.

By the parameters of the model and what this machine computes: a forward pass takes two operations per parameter and
token, a backward pass twice that (Kaplan et al. 2020, section 2.1). Processors are measured in a fifth of a second; of
a graphics card a table has what is usual. Attention, loading and padding are left out: right within a factor of a few.
"""

from __future__ import annotations

import json
import struct
import time
from functools import lru_cache
from pathlib import Path

import numpy as np

from solon.engines.local.source import identify
from solon.errors import SolonError

SHARE = {"read": 0.4, "write": 0.1, "learn": 0.3}  # of the most operations, by what is done
CARD = 1e14  # operations per second of a card for servers


def call_seconds(model: str, tokens_in: float, tokens_out: float) -> float | None:
    """To read and write so many tokens; None where the model's files are not here."""
    read, write = _seconds(model, "read", tokens_in), _seconds(model, "write", tokens_out)
    return None if read is None or write is None else read + write


def learn_seconds(model: str, tokens: float, epochs: float, top: int | None) -> float | None:
    """To learn from so many tokens `epochs` times in the `top` layers (None: all): those below them are read once."""
    there = layers(model)
    share = min(1.0, top / there) if top and there else 1.0
    passes = 3 * epochs if share == 1 else 1 + 3 * epochs * share
    return _seconds(model, "learn", passes * tokens)


def _seconds(model: str, what: str, tokens: float) -> float | None:
    count = parameters(model)
    return None if count is None else 2 * count * tokens / (SHARE[what] * operations())


@lru_cache
def operations() -> float:
    """Operations per second of one process here, at best."""
    if Path("/proc/driver/nvidia/gpus").is_dir():
        return CARD
    size, best = 768, 1e-9
    one = np.full((size, size), 0.5, dtype=np.float32)
    ends = time.perf_counter() + 0.2
    while time.perf_counter() < ends:
        started = time.perf_counter()
        one @ one
        best = max(best, 2 * size**3 / (time.perf_counter() - started))
    return best


@lru_cache
def parameters(model: str) -> int | None:
    """How many a model has, by the heads of its files; None where they are not here or cannot be read."""
    try:
        source = identify(model)
        if source is None:
            return None
        if source.folder.is_file():  # its reader takes seconds; five bits are what usual quantisations come to
            return int(source.folder.stat().st_size * 8 / 5)
        return sum(_counted(path) for path in source.folder.glob("model*.safetensors"))
    except (SolonError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


@lru_cache
def layers(model: str) -> int | None:
    """How many layers a model has, by its configuration; None where that does not say, or is not here."""
    try:
        source = identify(model)
        if source is None:
            return None
        if source.folder.is_file():
            return _blocks(source.folder)
        described = json.loads((source.folder / "config.json").read_text())
        text = described.get("text_config") or described
        found = text.get("num_hidden_layers", text.get("n_layer"))
        return found if isinstance(found, int) else None
    except (SolonError, OSError, ValueError, AttributeError, TypeError, struct.error):
        return None


def _blocks(gguf: Path) -> int | None:
    """The layers that the head of a GGUF file names: a key, its type (4: 32 bits without sign), the number."""
    with gguf.open("rb") as handle:
        head = handle.read(1 << 20)
    at = head.find(b".block_count") + len(b".block_count")
    kind, number = struct.unpack_from("<II", head, at)
    return number if kind == 4 else None


def _counted(path: Path) -> int:
    """Parameters of a safetensors file, by its head."""
    with path.open("rb") as handle:
        length = int.from_bytes(handle.read(8), "little")
        if length > path.stat().st_size:  # what is torn or no such file names any number
            raise ValueError(f"{path} has no head")
        head = json.loads(handle.read(length))
    return sum(int(np.prod(tensor["shape"])) for name, tensor in head.items() if name != "__metadata__")
