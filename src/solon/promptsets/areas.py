"""AUC between two groups of prompts, with 95% intervals by a bootstrap over groups of twins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from solon.intervals import RESAMPLES, Z

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CHUNK = 100  # resamples in memory at once


@dataclass(frozen=True, slots=True)
class Area:
    """P(a member of the first group scores above one of the second), ties half, in [0, 1], and its 95% interval."""

    value: float
    low: float
    high: float

    @property
    def told_apart(self) -> float:
        """How well the two are told apart, whichever way round: in [0.5, 1]."""
        return max(self.value, 1 - self.value)

    def facts(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(slots=True)
class Compared:
    """Comparisons of every member of a first group (rows) with every one of a second (columns).

    `wins` adds 1 where the first scores higher, a half where both score the same, `count` 1 for every comparison made.
    """

    wins: Floats
    count: Floats

    @classmethod
    def empty(cls, first: int, second: int) -> Compared:
        import numpy as np

        return cls(np.zeros((first, second)), np.zeros((first, second)))

    def add(self, first: Sequence[int], second: Sequence[int], one: Floats, other: Floats) -> None:
        """The scores `one` of the members numbered `first` against the scores `other` of those numbered `second`."""
        import numpy as np

        at = np.ix_(np.asarray(first, dtype=int), np.asarray(second, dtype=int))
        self.wins[at] += (one[:, None] > other[None]) + 0.5 * (one[:, None] == other[None])
        self.count[at] += 1


def area(made: Compared, first: Sequence[str], second: Sequence[str], seed: int = 0) -> Area:
    """The AUC over all comparisons; `first` and `second` name the group of each member, which is drawn as a whole.

    The interval says how much another draw of prompts would change the figure, what is fitted staying as it is. Where
    resampling changes nothing (an AUC of 1) it is as wide as for a share seen n of n times, n the smaller number of
    groups. Raises ValueError where nothing was compared.
    """
    import numpy as np

    total = made.count.sum()
    if not total:
        raise ValueError("nothing to compare")
    value = float(made.wins.sum() / total)
    drawn = _resampled(made, first, second, np.random.default_rng(seed))
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (value, value)
    if high - low < 1e-9:
        n = min(len(set(first)), len(set(second)))
        wide = Z**2 / (n + Z**2)
        low, high = max(0.0, value - wide), min(1.0, value + wide)
    return Area(value, float(low), float(high))


def _resampled(made: Compared, first: Sequence[str], second: Sequence[str], rng: np.random.Generator) -> Floats:
    """The AUC of each resample of the groups; of those with nothing to compare none."""
    import numpy as np

    names = {name: n for n, name in enumerate(dict.fromkeys([*first, *second]))}
    rows, columns = ([names[name] for name in members] for members in (first, second))
    found = []
    for _ in range(RESAMPLES // CHUNK):
        times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=CHUNK).astype(float)
        of_first, of_second = times[:, rows], times[:, columns]
        wins = np.einsum("ij,ij->i", of_first @ made.wins, of_second)
        count = np.einsum("ij,ij->i", of_first @ made.count, of_second)
        found.append(wins[count > 0] / count[count > 0])
    return np.concatenate(found)


def scored(one: Sequence[float], other: Sequence[float], first: Sequence[str], second: Sequence[str]) -> Area:
    """The AUC of one score for each member, which nothing was fitted for. Names of groups as in `area`."""
    import numpy as np

    made = Compared.empty(len(one), len(other))
    made.add(range(len(one)), range(len(other)), np.asarray(one, dtype=float), np.asarray(other, dtype=float))
    return area(made, first, second)
