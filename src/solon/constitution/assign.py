"""Which principle a record draws: weighted rendezvous hashing.

Every (record, step, principle) gets its own pseudo-random score and the highest wins, so adding one
principle to n changes about 1/(n+1) of the draws and leaves every other record, and every stored model
call, as it was. Weights follow Efraimidis and Spirakis (2006): score = -weight / ln(u).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

from solon.constitution.model import Principle


def _uniform(*parts: object) -> float:
    """A number in (0, 1) that depends on `parts` only."""
    text = "\x1f".join(str(part) for part in parts).encode("utf-8", "surrogatepass")
    return (int.from_bytes(hashlib.sha256(text).digest()[:8], "big") + 0.5) / 2**64


def draw(principles: Sequence[Principle], *, seed: int, record: str, step: int | str) -> Principle:
    """The principle that `record` draws at `step`: the same for ever, independent of list order.

    P(principle) is proportional to its weight. Raises ValueError when `principles` is empty.
    """
    if not principles:
        raise ValueError("no principle to draw from")

    def score(principle: Principle) -> tuple[float, str]:
        u = _uniform(seed, record, step, principle.id)
        return -principle.weight / math.log(min(u, 1 - 2**-53)), principle.id

    return max(principles, key=score)
