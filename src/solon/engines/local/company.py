"""How a model may be asked: many rows at a time, or each alone. Measured on the model itself, at first use.

Attention can be told what is padding; other things cannot. A distance that counts columns (ALiBi in MPT) takes padding
between two tokens for tokens, and a recurrent state (Mamba, Qwen3-Next, LFM2) has padding read into it and cannot be
cut back to a prefix. Families differ and new ones come, so what counts is whether the states of a few rows are the
same read together as read alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from solon.engines.local.model import LocalModel, accepted
from solon.engines.local.state import joined
from solon.engines.local.together import BatchReader
from solon.errors import ModelError

# gaps    rows share what they begin with, and padding may lie between a row's tokens
# left    rows are padded on the left, nothing is shared
# alone   one row at a time
Company = Literal["gaps", "left", "alone"]

PROBE = "The quick brown fox jumps over the lazy dog, and nobody at the old mill by the river ever asks it why. "
# The largest difference between two readings of a state, over its largest number: rounding stays below it, a token at
# a wrong distance does not.
ROUNDING = {torch.float32: 1e-3, torch.bfloat16: 6e-2, torch.float16: 1e-2}

# What a cache or a forward that cannot do what is asked raises: each family has its own.
CANNOT = (TypeError, ValueError, AttributeError, RuntimeError, LookupError, AssertionError)

_found: WeakKeyDictionary[LocalModel, Company] = WeakKeyDictionary()
_remembers: WeakKeyDictionary[LocalModel, bool] = WeakKeyDictionary()


def company(local: LocalModel) -> Company:
    """How rows of `local` may travel. Raises ModelError for a model that cannot even read one row."""
    if local not in _found:
        with torch.inference_mode(), _bare(local):
            _found[local] = _measured(local)
    return _found[local]


def remembers(local: LocalModel) -> bool:
    """Whether the model goes on from its own cache as it reads the whole row; else every token reads the row anew."""
    if local not in _remembers:
        with torch.inference_mode(), _bare(local):
            _remembers[local] = _agrees(local, _going_on)
    return _remembers[local]


@contextmanager
def _bare(local: LocalModel) -> Iterator[None]:
    """The model without an adapter, and after it with the one that was active."""
    active = local.model.active_adapter if local.adapters else None
    with local.using(None):
        yield
    if active is not None:
        local.model.set_adapter(active)


def read_whole(local: LocalModel, ids: list[int]) -> Tensor:
    """Hidden states (1, time, width) of one row, read with nothing but the row."""
    row = torch.tensor([ids], device=local.device)
    states: Tensor = local.decoder(input_ids=row, **accepted(local.decoder, use_cache=False)).last_hidden_state
    return states


def read_on(local: LocalModel, ids: list[int], memory: Any) -> tuple[Tensor, Any]:
    """Hidden states (1, new, width) of `ids` read after what `memory` holds (None: nothing), and the memory then."""
    known = accepted(local.decoder, past_key_values=memory, cache_params=memory)
    name = "past_key_values" if "past_key_values" in known else "cache_params"
    out = local.decoder(input_ids=torch.tensor([ids], device=local.device), use_cache=True, **{name: memory})
    return out.last_hidden_state, out[name]


def _measured(local: LocalModel) -> Company:
    try:
        read_whole(local, _rows(local)[0])
    except CANNOT as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise ModelError(
            f"model: {local.source.name} ({local.base.config.model_type}) cannot be asked by token ids alone: {reason}"
        ) from None
    _refuse_ahead(local)
    if BatchReader(local, 0, gaps=False).keeps_more:
        return "alone"
    if _agrees(local, _with_gaps):
        return "gaps"
    return "left" if _agrees(local, _padded_left) else "alone"


def _refuse_ahead(local: LocalModel) -> None:
    """Raises ModelError for a model whose states know the tokens after them: it gives no probability of a text."""
    ids = _rows(local)[0]
    half = len(ids) // 2
    if far(read_whole(local, ids)[0, half - 1], read_whole(local, ids[:half])[0, -1]):
        raise ModelError(
            f"model: {local.source.name} ({local.base.config.model_type}) reads ahead: it is no left-to-right language "
            "model (is_decoder is not set?); use another"
        )


def far(states: Tensor, own: Tensor) -> bool:
    """Whether two readings of the same states differ by more than rounding."""
    difference = (states.float() - own.float()).abs().max() / own.float().abs().max()
    # NaN is far, too.
    return not bool(difference <= ROUNDING.get(states.dtype, ROUNDING[torch.float32]))


def _rows(local: LocalModel) -> list[list[int]]:
    """Three rows of unlike length, of which the first two begin alike, by a third of the first."""
    ids = local.encode_text(PROBE)[: max(6, min(48, local.context - 2))]
    third = len(ids) // 3
    # Chats hold the token that also pads (the end of turns, often): some families count it as no token at all.
    for at in (1, third + 1, len(ids) - 2):
        ids[at] = local.pad
    return [ids, [*ids[:third], ids[-1]], ids[third : 2 * third - 1]]


def _agrees(local: LocalModel, way: Callable[[LocalModel, list[list[int]]], dict[int, Tensor]]) -> bool:
    """Whether the last two states of rows, the first token of each read once more, are the same `way` as alone."""
    rows = _rows(local)
    try:
        found = way(local, rows)
    except CANNOT:
        return False
    return not any(far(states, read_whole(local, [*rows[i], rows[i][0]])[0, -2:]) for i, states in found.items())


def _with_gaps(local: LocalModel, rows: list[list[int]]) -> dict[int, Tensor]:
    """The common beginning read once, the rests padded after it, batches joined, a row dropped: all that readers do."""
    reader, third = BatchReader(local, 0, gaps=True), len(rows[0]) // 3
    if reader.windowed:
        raise ValueError("a window")
    begun = reader.one_pass(None, [rows[0][:third], rows[2][: third // 2]])
    first = reader.one_pass(begun.rows([0, 0]), [rows[0][third:], rows[1][third:]])
    second = reader.one_pass(begun.rows([1]), [rows[2][third // 2 :]])
    return _one_more(reader, joined([first, second], reader.empty()), rows, [2, 1])


def _padded_left(local: LocalModel, rows: list[list[int]]) -> dict[int, Tensor]:
    reader = BatchReader(local, 0, gaps=False)
    first, second = reader.one_pass(None, rows[:2]), reader.one_pass(None, rows[2:])
    return _one_more(reader, joined([first, second], reader.empty()), rows, [2, 1])


def _one_more(reader: BatchReader, state: Any, rows: list[list[int]], kept: list[int]) -> dict[int, Tensor]:
    """The rows `kept`, their first token read once more: the last two states of each, (2, width)."""
    before = state.hidden[:, -1]
    state.keep(kept)
    again = torch.tensor([[rows[i][0]] for i in kept], device=before.device)
    after = reader.forward(state, again, torch.ones_like(again)).hidden[:, -1]
    return {i: torch.stack([before[i], after[n]]) for n, i in enumerate(kept)}


def _going_on(local: LocalModel, rows: list[list[int]]) -> dict[int, Tensor]:
    """The first row read in two parts and a token."""
    third = len(rows[0]) // 3
    _, memory = read_on(local, rows[0][:third], None)
    for token in rows[0][third:-1]:
        _, memory = read_on(local, [token], memory)
    before, memory = read_on(local, rows[0][-1:], memory)
    after, _ = read_on(local, rows[0][:1], memory)
    return {0: torch.cat([before[0, -1:], after[0, -1:]])}
