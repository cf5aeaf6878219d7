"""What each principle did to the texts: its draws, its failures, and how far its revisions moved."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rapidfuzz.distance import Indel
from rapidfuzz.process import cpdist

from solon.evaluation.rates import Rate
from solon.evaluation.shares import share_of
from solon.evaluation.stored import batches

COLUMNS = ("principle", "before", "revision", "failure")


@dataclass(frozen=True, slots=True)
class Revising:
    """The critique-and-revision steps of one principle, or of all.

    `drawn` counts the steps, `share` of all steps; `expected` is the probability of the draw, None where the
    constitution draws it for no critique. `failed` counts the steps that gave no revision, by reason. The
    others either `changed` the text (revision and reply differ, white space around them aside) or not.

    The distances are means of the normalised Indel distance: the fewest characters to delete and insert to
    turn the reply into the revision, over the characters of both; 0 equal, 1 nothing kept. `distance` is over
    all revisions, `distance_changed` over those that changed the text; None of none.
    """

    drawn: int
    share: Rate | None
    expected: float | None
    failed: dict[str, int]
    changed: Rate | None
    distance_changed: float | None
    distance: float | None


@dataclass(slots=True)
class _Tally:
    """Counts while the file is read."""

    drawn: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    moved: float = 0.0

    def add(self, other: _Tally) -> None:
        self.drawn += other.drawn
        self.failed.update(other.failed)
        self.changed += other.changed
        self.moved += other.moved

    def result(self, steps: int, expected: float | None) -> Revising:
        made = self.drawn - self.failed.total()
        return Revising(
            drawn=self.drawn,
            share=share_of(self.drawn, steps),
            expected=expected,
            failed=dict(sorted(self.failed.items())),
            changed=share_of(self.changed, made),
            distance_changed=self.moved / self.changed if self.changed else None,
            distance=self.moved / made if made else None,
        )


def revising(
    path: Path, expect: Callable[[Mapping[str, int]], Mapping[str, float]]
) -> tuple[Revising, dict[str, Revising]]:
    """All steps together, and those of each principle that was drawn or could have been. Raises DataError.

    `expect` says how likely each is drawn, given how often each was.
    """
    tallies: defaultdict[str, _Tally] = defaultdict(_Tally)
    for batch in batches(path, COLUMNS):
        _count(tallies, *(batch.column(name).to_pylist() for name in COLUMNS))
    expected = expect({name: tally.drawn for name, tally in tallies.items()})
    total = _Tally()
    for tally in tallies.values():
        total.add(tally)
    own = {i: tallies[i].result(total.drawn, expected.get(i)) for i in dict.fromkeys([*expected, *tallies])}
    return total.result(total.drawn, None), own


def _count(
    tallies: defaultdict[str, _Tally],
    names: list[str],
    before: list[str],
    revisions: list[str],
    failures: list[str | None],
) -> None:
    good = [n for n, failure in enumerate(failures) if failure is None]
    old, new = ([texts[n].strip() for n in good] for texts in (before, revisions))
    moved = cpdist(old, new, scorer=Indel.normalized_distance, dtype=np.float32, workers=-1)
    for name, failure in zip(names, failures, strict=True):
        tallies[name].drawn += 1
        if failure is not None:
            tallies[name].failed[failure] += 1
    for n, a, b, far in zip(good, old, new, moved.tolist(), strict=True):
        tally = tallies[names[n]]
        tally.changed += a != b
        tally.moved += far
