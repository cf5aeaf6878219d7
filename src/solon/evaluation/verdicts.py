"""Every stored verdict as columns of numbers, and what they sum to: no text, so all fit in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from solon.evaluation.shares import Floats
from solon.evaluation.stored import batches

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
FIELDS = tuple(f"verdicts.{name}" for name in ("principle", "order", "prob_a"))
ORDERS = ("", "ab", "ba")
UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Verdicts:
    """One row for each verdict: its label (from 0), its principle (a place in `names`), prob_a, NaN where it
    was unreadable, and its order (a place in ORDERS).

    `revised_is_a` has one row for each label: 1 where response_a is the revision, 0 where response_b is,
    UNKNOWN where the label compares no draft and revision, or does not say which is which.
    """

    names: tuple[str, ...]
    label: Ints
    principle: Ints
    prob_a: Floats
    order: Ints
    revised_is_a: Ints

    @property
    def labels(self) -> int:
        return len(self.revised_is_a)


@dataclass(frozen=True, slots=True)
class Cells:
    """The readable verdicts of one principle on one label, one row each: their sum, how many, and the mean
    prob_a of each order (NaN where the judge was not asked in it). `label_total` and `label_n` sum them by label.
    """

    label: Ints
    principle: Ints
    total: Floats
    n: Ints
    ab: Floats
    ba: Floats
    label_total: Floats
    label_n: Ints


def read_verdicts(path: Path, names: Iterable[str]) -> Verdicts:
    """The verdicts in a file of preferences; principles that are not among `names` follow them. Raises DataError."""
    codes = {name: code for code, name in enumerate(names)}
    parts: dict[str, list[Any]] = {name: [] for name in ("label", "principle", "prob_a", "order", "revised")}
    labels = 0
    for batch in batches(path, ("verdicts", "chosen_is_a"), (*FIELDS, "revised_chosen")):
        lengths = pc.fill_null(pc.list_value_length(batch["verdicts"]), 0).to_numpy(zero_copy_only=False)
        parts["label"].append(np.repeat(np.arange(labels, labels + len(batch)), lengths))
        parts["revised"].append(_revised_is_a(batch))
        labels += len(batch)
        if lengths.sum():
            found = batch["verdicts"].flatten()
            parts["principle"].append(_coded(found.field("principle"), codes))
            parts["order"].append(_coded(found.field("order"), dict(zip(ORDERS, range(3), strict=True))))
            parts["prob_a"].append(found.field("prob_a").cast(pa.float64()).to_numpy(zero_copy_only=False))
    whole = {name: np.concatenate(arrays) if arrays else np.zeros(0) for name, arrays in parts.items()}
    integers = {name: whole[name].astype(np.int64, copy=False) for name in ("label", "principle", "order", "revised")}
    return Verdicts(
        names=tuple(codes),
        label=integers["label"],
        principle=integers["principle"],
        prob_a=whole["prob_a"].astype(np.float64, copy=False),
        order=integers["order"],
        revised_is_a=integers["revised"],
    )


def _coded(texts: Any, codes: dict[str, int]) -> Ints:
    """Texts as their codes; unknown ones get the next."""
    encoded = pc.fill_null(texts.cast(pa.string()), "").dictionary_encode()
    own = [codes.setdefault(name, len(codes)) for name in encoded.dictionary.to_pylist()]
    places: Ints = np.asarray(own, dtype=np.int64)[encoded.indices.to_numpy(zero_copy_only=False)]
    return places


def _revised_is_a(batch: Any) -> Ints:
    if "revised_chosen" not in batch.schema.names or pa.types.is_null(batch["revised_chosen"].type):
        return np.full(len(batch), UNKNOWN)
    same = pc.fill_null(pc.cast(pc.equal(batch["revised_chosen"], batch["chosen_is_a"]), pa.int64()), UNKNOWN)
    sides: Ints = same.to_numpy(zero_copy_only=False)
    return sides


def cells(v: Verdicts) -> Cells:
    """The verdicts summed by label and principle."""
    readable = ~np.isnan(v.prob_a)
    label, principle, order = (column[readable] for column in (v.label, v.principle, v.order))
    prob = v.prob_a[readable]
    width = max(len(v.names), 1)
    keys, place = np.unique(label * width + principle, return_inverse=True)
    size = len(keys)

    def mean(code: int) -> Floats:
        seen = order == code
        n = np.bincount(place[seen], minlength=size)
        means: Floats = np.divide(_sums(place[seen], prob[seen], size), n, out=np.full(size, np.nan), where=n > 0)
        return means

    return Cells(
        label=keys // width,
        principle=keys % width,
        total=_sums(place, prob, size),
        n=np.bincount(place, minlength=size),
        ab=mean(1),
        ba=mean(2),
        label_total=_sums(label, prob, v.labels),
        label_n=np.bincount(label, minlength=v.labels),
    )


def _sums(place: Ints, values: Floats, size: int) -> Floats:
    """The sum of the values at each of `size` places."""
    return np.asarray(np.bincount(place, weights=values, minlength=size), dtype=np.float64)


def a_wins(prob_a: Floats) -> Bools:
    """Whether response_a is chosen: prob_a >= 0.5, as in a label."""
    # Leaving verdicts out is a subtraction, which must not turn an exact tie over by a rounding error.
    return prob_a >= 0.5 - 1e-12
