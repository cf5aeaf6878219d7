"""Rows one behind another in one sequence: nothing is padded, and each row is blind to the others.

Positions start anew with every row, and attention reads row by row, so what a row's tokens see is what they would see
alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AttentionInterface

from solon.engines.local.company import CANNOT, PROBE, company, far, read_whole
from solon.engines.local.model import LocalModel

BY_ROW = "solon_rows"
IGNORED = -100

Batch = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PackedCollator:
    """Data set rows (`input_ids`, `labels`, and `seq_lengths` where one holds several) to one sequence of T tokens.

    input_ids, position_ids (1, T); learnt (n,): the positions whose next token is to be learnt; targets (n,): those
    tokens; row (n,): which row of the data set each belongs to, from 0; lengths: of the sequences, adding up to T.
    """

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> Batch:
        lengths = [n for row in rows for n in row.get("seq_lengths") or [len(row["input_ids"])]]
        ids = torch.tensor([token for row in rows for token in row["input_ids"]])
        labels = torch.tensor([label for row in rows for label in row["labels"]])
        row = torch.repeat_interleave(torch.tensor([len(row["input_ids"]) for row in rows]))
        positions = torch.cat([torch.arange(n) for n in lengths])
        labels[positions == 0] = IGNORED  # nothing before it says it
        after = (labels != IGNORED).nonzero().flatten()
        return {
            "input_ids": ids[None],
            "position_ids": positions[None],
            "learnt": after - 1,
            "targets": labels[after],
            "row": row[after],
            "lengths": lengths,
        }


def first_rows(batch: Batch, count: int) -> Batch:
    """The batch with nothing learnt from any row but the first `count`."""
    kept = batch["row"] < count
    return {**batch, **{name: batch[name][kept] for name in ("learnt", "targets", "row")}}


def attention_by_row(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    lengths: Sequence[int] = (),
    **_: Any,
) -> tuple[Tensor, None]:
    """Causal attention within each row: (1, heads, T, width) to (1, T, heads, width).

    One masked call over the whole sequence would compute T² scores to keep the sum of the rows' squares.
    """
    cut = [torch.split(part, list(lengths), dim=2) for part in (query, key, value)]
    rows = [
        F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=True, scale=scaling, enable_gqa=True)
        for q, k, v in zip(*cut, strict=True)
    ]
    return torch.cat(rows, dim=2).transpose(1, 2).contiguous(), None


AttentionInterface.register(BY_ROW, attention_by_row)


def attends_plainly(model: Any) -> bool:
    """Whether every layer's attention is plain, causal and whole, so that ours may stand in for it."""
    config = model.config.get_text_config()
    whole = set(getattr(config, "layer_types", None) or ["full_attention"]) == {"full_attention"}
    special = [getattr(config, name, None) for name in ("sliding_window", "attn_logit_softcapping")]
    return whole and special == [None, None] and getattr(model, "_supports_attention_backend", False)


_packs: WeakKeyDictionary[LocalModel, bool] = WeakKeyDictionary()


def packs(local: LocalModel) -> bool:
    """Whether rows one behind another are read as each alone: what `attends_plainly` says, and a try.

    A model's attention may be handed more than queries, keys and values (sinks, caps), hand on less than it is given,
    or count positions from another number than 0 (RoBERTa).
    """
    if not attends_plainly(local.base):
        return False
    if local not in _packs:
        _packs[local] = company(local) != "alone" and _reads_apart(local)
    return _packs[local]


@torch.no_grad()
def _reads_apart(local: LocalModel) -> bool:
    """Whether two short rows behind one another have the states of the second alone."""
    ids = local.encode_text(PROBE)
    first, second = ids[: len(ids) // 3], ids[len(ids) // 3 : len(ids) // 2]
    batch = PackedCollator()([{"input_ids": row, "labels": row} for row in (first, second)])
    given = {name: batch[name].to(local.device) for name in ("input_ids", "position_ids")}
    training = local.model.training
    local.model.eval()
    try:
        with by_row(local.base):
            together = local.decoder(**given, use_cache=False, lengths=batch["lengths"]).last_hidden_state
            logits = local.base(**given, use_cache=False, lengths=batch["lengths"]).logits
        alone = local.base(torch.tensor([second], device=local.device), use_cache=False).logits
        apart = ((together, read_whole(local, second)), (logits, alone))  # as DPO reads, and as SFT does
        return not any(far(packed[0, len(first) :], own[0]) for packed, own in apart)
    except CANNOT:
        return False
    finally:
        local.model.train(training)


def rows_of(batch: Batch) -> Iterator[Batch]:
    """The sequences of a batch one by one, for models that must attend as they always do."""
    begin = 0
    for length in batch["lengths"]:
        here = (batch["learnt"] >= begin) & (batch["learnt"] < begin + length)
        # Without positions: a row by itself has the model's own.
        ids = batch["input_ids"][:, begin : begin + length]
        yield {
            "input_ids": ids,
            "learnt": batch["learnt"][here] - begin,
            "targets": batch["targets"][here],
            "lengths": [length],
        }
        begin += length


@contextmanager
def by_row(model: Any) -> Iterator[None]:
    """Inside the block `model` (a transformers model) attends row by row; its batches must say their `lengths`."""
    before = model.config._attn_implementation
    model.set_attn_implementation(BY_ROW)
    try:
        yield
    finally:
        model.set_attn_implementation(before)
