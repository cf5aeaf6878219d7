"""Rows of token ids to padded tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


def pad_right(rows: Sequence[Sequence[float]], value: float, dtype: torch.dtype) -> Tensor:
    """(batch, longest) with `value` after each row's end."""
    width = max(len(row) for row in rows)
    out = torch.full((len(rows), width), value, dtype=dtype)
    for i, row in enumerate(rows):
        out[i, : len(row)] = torch.tensor(list(row), dtype=dtype)
    return out


@dataclass(frozen=True, slots=True)
class Rows:
    """Right-padded ids and mask, both (batch, time), and each row's length (batch,)."""

    ids: Tensor
    mask: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]], pad: int) -> Rows:
        ids = pad_right(rows, pad, torch.long)
        lengths = torch.tensor([len(row) for row in rows])
        return cls(ids, (torch.arange(ids.shape[1]) < lengths[:, None]).long(), lengths)


def by_length(items: Sequence[T], size: int, lengths: Sequence[int]) -> Iterator[list[int]]:
    """Indices in batches of `size`, items of like length together: little padding."""
    order = sorted(range(len(items)), key=lambda i: lengths[i])
    for start in range(0, len(order), size):
        yield order[start : start + size]
