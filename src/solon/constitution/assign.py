"""Which principle a record draws: weighted rendezvous hashing.

Every (record, step, principle) gets its own pseudo-random score and the highest wins, so adding one
principle to n changes about 1/(n+1) of the draws and leaves every other record, and every stored model
call, as it was. Weights follow Efraimidis and Spirakis (2006): score = -weight / ln(u).

With priorities, the aim is drawn first and then a principle of that aim: the shares of the aims hold
whatever is added to one of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import sha256

from solon.constitution.model import Aim, Constitution, Phase, Principle


def _place(seed: int, record: str, step: int | str) -> bytes:
    """What the scores of one draw have in common."""
    return f"{seed}\x1f{record}\x1f{step}\x1f".encode("utf-8", "surrogatepass")


def _score(place: bytes, name: bytes, weight: float) -> float:
    """How strongly `name` claims the draw at `place`: positive."""
    return _strength(sha256(place + name).digest(), weight)


def _strength(claim: bytes, weight: float) -> float:
    """The score of a hash: positive, and no greater than that of a greater hash of the same weight."""
    u = (int.from_bytes(claim[:8], "big") + 0.5) / 2**64  # in (0, 1)
    return -weight / math.log(min(u, 1 - 2**-53))


def _best(principles: Sequence[Principle], *, seed: int, record: str, step: int | str) -> Principle:
    """The principle with the highest score; of equal scores the greatest id."""
    place = _place(seed, record, step)
    claims = [(sha256(place + p.id.encode()).digest(), p) for p in principles]
    # A hash's first byte n says that u is in [n / 256, (n + 1) / 256), and 1 - u <= -ln(u) <= (1 - u) / u: so its score
    # is in [weight * n / (256 - n), weight * 256 / (255 - n)). Logarithms only for those that may have the highest.
    sure = max([p.weight * claim[0] / (256 - claim[0]) for claim, p in claims]) * (1 - 1e-9)
    near = [(_strength(c, p.weight), p.id, p) for c, p in claims if p.weight * 256 >= sure * (255 - c[0])]
    return max(near)[2]


def draw(
    constitution: Constitution, phase: Phase, *, seed: int, record: str, step: int | str, count: int = 1
) -> tuple[Principle, ...]:
    """The `count` different principles that `record` draws at `step`: the same for ever, whatever the file's order.

    The first is drawn with probability proportional to weight (within its aim, when the constitution has
    priorities). Fewer come back where the phase has fewer. Raises ValueError when it has none.
    """
    left = list(constitution.for_phase(phase))
    if not left:
        raise ValueError(f"no principle has the phase '{phase}'")
    drawn: list[Principle] = []
    while left and len(drawn) < count:
        pool = _of_one_aim(left, constitution.priorities, seed, record, f"{step}/{len(drawn)}")
        best = _best(pool, seed=seed, record=record, step=step)
        drawn.append(best)
        left = [p for p in left if p is not best]
    return tuple(drawn)


def _of_one_aim(
    principles: list[Principle], priorities: dict[Aim, float] | None, seed: int, record: str, step: str
) -> list[Principle]:
    """All of them, or with priorities those of the aim that is drawn."""
    if priorities is None:
        return principles
    present = sorted({p.aim for p in principles})
    place = _place(seed, record, step)
    aim = max(present, key=lambda a: _score(place, f"aim {a}".encode(), priorities[a]))
    return [p for p in principles if p.aim == aim]


def shares(constitution: Constitution, phase: Phase) -> dict[str, float]:
    """How likely each principle of `phase` is to be drawn; the values sum to 1."""
    principles = constitution.for_phase(phase)
    of_aim: dict[Aim, float] = {}
    for p in principles:
        of_aim[p.aim] = of_aim.get(p.aim, 0.0) + p.weight
    if constitution.priorities is None:
        total = sum(of_aim.values())
        return {p.id: p.weight / total for p in principles}
    all_aims = sum(constitution.priorities[aim] for aim in of_aim)
    return {p.id: constitution.priorities[p.aim] / all_aims * p.weight / of_aim[p.aim] for p in principles}


class Redraw:
    """Draws under a changed constitution, when what was drawn under the old one is known.

    A principle that did not change lost to the old winner and still does, so only the winner and the
    principles that were added or changed need a look.
    """

    def __init__(self, old: Constitution, new: Constitution, phase: Phase) -> None:
        self._new, self._phase = new, phase
        before = {p.id: p.weight for p in old.for_phase(phase)}
        self._kept = {p.id: p for p in new.for_phase(phase) if before.get(p.id) == p.weight}
        self._contenders = [(p, p.id.encode()) for p in new.for_phase(phase) if p.id not in self._kept]
        self._rival = self._contenders[0][0] if len(self._contenders) == 1 else None
        self._whole = old.priorities is not None or new.priorities is not None

    def __call__(self, winner: str, *, seed: int, record: str, step: int | str) -> Principle:
        """The principle `record` draws at `step`, where it drew `winner` before."""
        kept = self._kept.get(winner)
        if self._whole or kept is None:
            return draw(self._new, self._phase, seed=seed, record=record, step=step)[0]
        if not self._contenders:
            return kept
        place = _place(seed, record, step)
        if self._rival and self._rival.weight == kept.weight:
            # Of equal weights the greater hash wins: no logarithms. Millions of draws come this way.
            name = self._contenders[0][1]
            mine, theirs = sha256(place + kept.id.encode()).digest()[:8], sha256(place + name).digest()[:8]
            if mine[:6] != theirs[:6]:  # nearer ones may round to equal scores, and then ids decide
                return kept if mine > theirs else self._rival
        best, highest = kept, _score(place, kept.id.encode(), kept.weight)
        for p, name in self._contenders:
            claim = _score(place, name, p.weight)
            if claim > highest or (claim == highest and p.id > best.id):
                best, highest = p, claim
        return best
