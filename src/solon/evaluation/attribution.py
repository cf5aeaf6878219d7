"""What each principle did in a run: read from its stored revisions and verdicts, without a single call.

shares.py    shares from counts         revising.py   draws, failures, changes to the text
stored.py    Parquet, in batches        comparing.py  verdicts, flips by order, sides taken
verdicts.py  verdicts as numbers        influence.py  the labels with one principle left out
relabel.py   the labels they make       oddities.py   who stands out
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from solon.constitution import Constitution, Phase
from solon.constitution.assign import shares
from solon.errors import DataError
from solon.evaluation.comparing import Comparing, comparing
from solon.evaluation.influence import Influence, influence, revision_preferred
from solon.evaluation.oddities import (
    CHANGED,
    DRAWN,
    FAILED,
    FLIPS,
    LABELLED,
    PREFERS,
    Counted,
    Oddity,
    against_expected,
    against_others,
    counted,
)
from solon.evaluation.rates import Rate
from solon.evaluation.relabel import Bools
from solon.evaluation.revising import Revising, revising
from solon.evaluation.verdicts import UNKNOWN, Verdicts, cells, read_verdicts
from solon.feedback import Labeller

REVISIONS = "sl_cai/revisions.parquet"
PREFERENCES = "rl_cai/preferences.parquet"
SAME = 1e-6  # apart, two probabilities are of one label


@dataclass(frozen=True, slots=True)
class PrincipleStats:
    """What one principle did. `known`: the constitution has it. None where it did nothing, or the run has no file."""

    id: str
    known: bool
    revising: Revising | None
    comparing: Comparing | None
    influence: Influence | None


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of a run: how many, and what they rest on.

    `unjudged` of the `total` have no readable verdict (equal responses are 0.5 without one). Of the others,
    `several` rest on more than one principle and `sided` compare a draft with a revision and say which is which;
    `revision_preferred` is the mean P(revision better) over these, with its normal 95% interval. `other` labels are
    not what the run's settings make of their verdicts: they were made under other settings.
    """

    total: int
    unjudged: int
    other: int
    several: int
    sided: int
    revision_preferred: Rate | None


@dataclass(frozen=True, slots=True)
class Attribution:
    """A run, by principle: those of the constitution in its order, then others that the files name, by id.

    `revising` and `comparing` are over all principles; None (and `labels`) where the run has no such file yet.
    """

    principles: tuple[PrincipleStats, ...]
    revising: Revising | None
    comparing: Comparing | None
    labels: Labels | None
    oddities: tuple[Oddity, ...]

    @property
    def by_id(self) -> dict[str, PrincipleStats]:
        return {p.id: p for p in self.principles}


def attribute(folder: Path, labeller: Labeller) -> Attribution:
    """What each principle did in the run in `folder`, finished or not; nothing is written, locked or asked.

    `labeller` has the run's constitution, settings and calibration: its labels are meant wherever labels are spoken
    of, with all verdicts and with some left out. Raises DataError when the folder has neither revisions nor labels
    yet, or a file that is broken.
    """
    constitution = labeller.constitution
    revisions, preferences = folder / REVISIONS, folder / PREFERENCES
    if not revisions.is_file() and not preferences.is_file():
        raise DataError(f"stats: {folder} has neither {REVISIONS} nor {PREFERENCES} yet; run the recipe first")
    every_step, revised = None, dict[str, Revising]()
    if revisions.is_file():
        every_step, revised = revising(revisions, lambda drawn: _expected_draws(constitution, drawn))
    every_verdict, compared, felt, labels = None, dict[str, Comparing](), dict[str, Influence](), None
    if preferences.is_file():
        every_verdict, compared, felt, labels = _labels(preferences, labeller)
    others = sorted({*revised, *compared} - set(constitution.by_id))
    stats = tuple(
        PrincipleStats(i, i in constitution.by_id, revised.get(i), compared.get(i), felt.get(i))
        for i in (*constitution.by_id, *others)
    )
    return Attribution(stats, every_step, every_verdict, labels, tuple(_oddities(stats)))


def _expected_draws(constitution: Constitution, drawn: Mapping[str, int]) -> dict[str, float]:
    """How likely a step draws each principle, by the aims drawn from: a chain draws from those of its kind."""
    aims: Counter[str] = Counter()
    for name, count in drawn.items():
        if name in constitution.by_id:
            aims[constitution.by_id[name].aim] += count
    return {**dict.fromkeys(shares(constitution, "revise"), 0.0), **_expected(constitution, "revise", aims)}


def _labels(path: Path, labeller: Labeller) -> tuple[Comparing, dict[str, Comparing], dict[str, Influence], Labels]:
    v = read_verdicts(path, labeller.constitution.by_id)
    c = cells(v, labeller)
    judged = ~np.isnan(c.whole)
    total, own = comparing(v, c, _expected(labeller.constitution, "compare", _asked_about(v, judged)))
    asked = np.unique(c.label[c.read] * max(len(v.names), 1) + c.principle[c.read]) // max(len(v.names), 1)
    labels = Labels(
        total=v.labels,
        unjudged=int((~judged).sum()),
        other=int((np.abs(c.whole - v.stored)[judged] > SAME).sum()),
        several=int((np.bincount(asked, minlength=1) > 1).sum()),
        sided=int((judged & (v.revised_is_a != UNKNOWN)).sum()),
        revision_preferred=revision_preferred(v, c),
    )
    return total, own, influence(v, c), labels


def _asked_about(v: Verdicts, judged: Bools) -> dict[str, int]:
    """How many judged labels are about each aim: a pair that is about one draws principles of that aim."""
    counts = np.bincount(v.aim[judged], minlength=len(v.aims)) if v.aims else np.zeros(0, int)
    return dict(zip(v.aims, counts.tolist(), strict=True))


def _expected(constitution: Constitution, phase: Phase, counts: Mapping[str, int]) -> dict[str, float]:
    """How likely each principle is drawn in `phase` where `counts` records draw from those of each aim."""
    found: dict[str, float] = {}
    total = sum(counts.values())
    for aim, count in counts.items():
        for name, share in shares(constitution.drawn_from(aim, phase), phase).items() if count else ():
            found[name] = found.get(name, 0.0) + share * count / total
    return found or shares(constitution, phase)


def _oddities(stats: Iterable[PrincipleStats]) -> Iterator[Oddity]:
    """Family by family, in the order of the principles."""
    drawing = [(p.id, p.revising) for p in stats if p.revising]
    judging = [(p.id, p.comparing) for p in stats if p.comparing]
    yield from against_expected(DRAWN, [counted(i, r.share, r.expected) for i, r in drawing if r.expected])
    yield from against_others(FAILED, [Counted(i, sum(r.failed.values()), r.drawn) for i, r in drawing])
    yield from against_others(CHANGED, [counted(i, r.changed) for i, r in drawing])
    yield from against_expected(LABELLED, [counted(i, c.share, c.expected) for i, c in judging if c.expected])
    yield from against_others(FLIPS, [counted(i, c.flips) for i, c in judging])
    yield from against_others(PREFERS, [counted(i, c.prefers_revision) for i, c in judging])
