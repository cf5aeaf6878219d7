"""Every stored verdict as columns of numbers, and the labels they make: no text, so all fit in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from solon.evaluation.relabel import ORDERS, Bools, Ints, calibrated, cell_means, combined, sums
from solon.evaluation.shares import Floats
from solon.evaluation.stored import batches
from solon.feedback import Labeller

FIELDS = tuple(f"verdicts.{name}" for name in ("principle", "order", "prob_a", "judge", "ask"))
INTEGERS = ("label", "principle", "order", "judge", "revised", "aim")
COLUMNS = (*INTEGERS, "prob_a", "stored")
SEPARATOR = "\x1f"
UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Verdicts:
    """One row for each verdict: its label (from 0), its principle (a place in `names`), prob_a, NaN where it
    was unreadable, its order (a place in ORDERS), and who gave it: a place in `judges`, (fingerprint, way of asking).

    `revised_is_a` has one row for each label: 1 where response_a is the revision, 0 where response_b is,
    UNKNOWN where the label compares no draft and revision, or does not say which is which. `stored` is the P(a
    better) that the file has for the label, NaN where it has none; `aim` is what it is about, a place in `aims`.
    """

    names: tuple[str, ...]
    judges: tuple[tuple[str, str], ...]
    label: Ints
    principle: Ints
    prob_a: Floats
    order: Ints
    judge: Ints
    revised_is_a: Ints
    stored: Floats
    aims: tuple[str, ...]
    aim: Ints

    @property
    def labels(self) -> int:
        return len(self.revised_is_a)


@dataclass(frozen=True, slots=True)
class Cells:
    """What labels are made of: one principle, judge and way of asking on one label, a row each.

    `prob` is the probability that the labeller takes from it, NaN where a verdict of it failed: the label leaves it
    out. `ab` and `ba` are the means of what the judge said in each order (NaN where it was not asked in it), before
    anything is calibrated or clamped. `whole` has the label that the labeller makes of all cells, by label, NaN
    where it makes none.
    """

    labeller: Labeller
    label: Ints
    principle: Ints
    prob: Floats
    ab: Floats
    ba: Floats
    whole: Floats

    @property
    def read(self) -> Bools:
        return ~np.isnan(self.prob)

    def labels_of(self, kept: Bools, by: Ints, size: int) -> Floats:
        """The labels, numbered as `by` says, that the labeller makes of the `kept` cells; NaN where it makes none."""
        asked = np.bincount(by[kept], minlength=size)
        used = kept & self.read
        read = np.bincount(by[used], minlength=size)
        made = combined(self.labeller, self.prob[used], by[used], size)
        return np.where(2 * read > asked, made, np.nan)  # of more than half, as in Labeller.labelled


def read_verdicts(path: Path, names: Iterable[str]) -> Verdicts:
    """The verdicts in a file of preferences; principles that are not among `names` follow them. Raises DataError."""
    codes = {name: code for code, name in enumerate(names)}
    judges: dict[str, int] = {}
    aims: dict[str, int] = {}
    parts: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    labels = 0
    for batch in batches(path, ("verdicts", "chosen_is_a"), (*FIELDS, "revised_chosen", "prob_chosen", "aim")):
        lengths = pc.fill_null(pc.list_value_length(batch["verdicts"]), 0).to_numpy(zero_copy_only=False)
        parts["label"].append(np.repeat(np.arange(labels, labels + len(batch)), lengths))
        parts["revised"].append(_revised_is_a(batch))
        parts["stored"].append(_stored(batch))
        parts["aim"].append(_coded(batch["aim"], aims) if "aim" in batch.schema.names else _coded(_empty(batch), aims))
        labels += len(batch)
        if lengths.sum():
            found = batch["verdicts"].flatten()
            parts["principle"].append(_coded(found.field("principle"), codes))
            parts["order"].append(_coded(found.field("order"), dict(zip(ORDERS, range(3), strict=True))))
            parts["judge"].append(_coded(_who(found), judges))
            parts["prob_a"].append(found.field("prob_a").cast(pa.float64()).to_numpy(zero_copy_only=False))
    whole = {name: np.concatenate(arrays) if arrays else np.zeros(0) for name, arrays in parts.items()}
    integers = {name: column.astype(np.int64, copy=False) for name, column in whole.items() if name in INTEGERS}
    return Verdicts(
        names=tuple(codes),
        judges=tuple((judge, ask) for judge, _, ask in (name.partition(SEPARATOR) for name in judges)),
        label=integers["label"],
        principle=integers["principle"],
        prob_a=whole["prob_a"].astype(np.float64, copy=False),
        order=integers["order"],
        judge=integers["judge"],
        revised_is_a=integers["revised"],
        stored=whole["stored"].astype(np.float64, copy=False),
        aims=tuple(aims),
        aim=integers["aim"],
    )


def _empty(batch: Any) -> Any:
    return pa.array([""] * len(batch), pa.string())


def _who(found: Any) -> Any:
    """The judge and the way it was asked, as one text each; "" for what the file does not say."""
    names = [field.name for field in found.type]
    judge, ask = (
        pc.fill_null(found.field(name).cast(pa.string()), "") if name in names else _empty(found)
        for name in ("judge", "ask")
    )
    return pc.binary_join_element_wise(judge, ask, SEPARATOR)


def _stored(batch: Any) -> Floats:
    """P(a better) of each label, NaN where the file does not say."""
    if "prob_chosen" not in batch.schema.names:
        return np.full(len(batch), np.nan)
    chosen = batch["prob_chosen"].cast(pa.float64()).to_numpy(zero_copy_only=False)
    is_a = pc.fill_null(batch["chosen_is_a"].cast(pa.bool_()), True).to_numpy(zero_copy_only=False)
    return np.asarray(np.where(is_a, chosen, 1 - chosen))


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


def cells(v: Verdicts, labeller: Labeller) -> Cells:
    """The verdicts as the labeller groups and reads them."""
    width, judges = max(len(v.names), 1), max(len(v.judges), 1)
    keys, place = np.unique((v.label * width + v.principle) * judges + v.judge, return_inverse=True)
    size, who = len(keys), (keys % judges).tolist()
    label, principle = keys // judges // width, keys // judges % width

    def mean(code: int) -> Floats:
        seen = (v.order == code) & ~np.isnan(v.prob_a)
        n = np.bincount(place[seen], minlength=size)
        total = sums(place[seen], v.prob_a[seen], size)
        means: Floats = np.divide(total, n, out=np.full(size, np.nan), where=n > 0)
        return means

    prob_a = calibrated(labeller.calibration, v.prob_a, v.order)
    prob = cell_means(labeller, prob_a, place, [v.judges[n][1] for n in who])
    made = Cells(labeller, label, principle, prob, mean(1), mean(2), np.full(v.labels, np.nan))
    return replace(made, whole=made.labels_of(np.ones(size, dtype=bool), label, v.labels))


def a_wins(prob_a: Floats) -> Bools:
    """Whether response_a is chosen: prob_a >= 0.5, as in a label."""
    return prob_a >= 0.5
