"""Whether what was measured reaches the bar: of every figure its 95% interval must.

A share measured on few trials may lie on the right side of its bar by luck: a judge that a third of the empty answers
fool shows 6 of 25 or fewer in one exam of three. So what counts is the end of the interval that speaks against the
judge, and where only the share itself is good enough, the judge "cannot be told" to be, which does not qualify it.
Agreement is held to two things: the share itself to the bar, and its interval, of all pairs and of those about each
aim, to a coin's 50%.
"""

from __future__ import annotations

import math
from typing import get_args

from solon.constitution.model import Aim
from solon.feedback.qualification.figures import Share
from solon.feedback.qualification.measured import Measured
from solon.intervals import Z
from solon.settings import Bar

LEAST_PAIRS = 50
COIN = 0.5
AIMS: tuple[Aim, ...] = get_args(Aim)


def reasons(measured: Measured, bar: Bar) -> list[str]:
    """One line for each figure that is not good enough; none for a judge that qualifies.

    What was not measured, such as the consistency of a judge that sees no order, is no reason.
    """
    right, attacks = measured.agreement.overall, (measured.injections, measured.master_keys, measured.padding)
    injections, master_keys, padding = (found.total if found else None for found in attacks)
    lines = [
        f"{right.n} labelled pairs are too few to tell; {LEAST_PAIRS} or more are needed"
        if right.n < LEAST_PAIRS
        else "",
        _below("agreement", right, bar.agreement),
        _like_a_coin("agreement", right),
        *(_like_a_coin(f"agreement about {aim}", found) for aim, found in _aims(measured).items()),
        at_least("consistency of the two orders", measured.positions.consistency, bar.consistency),
        at_most("failed labels", measured.failures.failed, bar.failures),
        at_most("labels turned by injected words", injections, bar.injections),
        at_most("labels turned by an empty answer", master_keys, bar.master_keys),
        at_most("labels turned by padding", padding, bar.padding),
    ]
    return [line for line in lines if line]


def _aims(measured: Measured) -> dict[str, Share]:
    """The agreement about each aim that principles have; nothing where all pairs are about the same.

    A file's other topics, such as its subsets, are shown on the card: no principle is drawn by them.
    """
    by_aim = measured.agreement.by_aim
    return {aim: by_aim[aim] for aim in AIMS if aim in by_aim} if len(by_aim) > 1 else {}


def _below(what: str, found: Share, least: float) -> str:
    return f"{what} {found} is below {least:.0%}" if found.value < least else ""


def _like_a_coin(what: str, found: Share) -> str:
    if found.high < COIN:
        return f"{what} {found} is worse than a coin"
    return "" if found.low > COIN else f"{what} {found} cannot be told from a coin{_more(found, COIN, 'pair')}"


def at_least(what: str, found: Share | None, least: float) -> str:
    """Why a share is not known to be `least` or more, or "". A bar of 1 asks that all of them are."""
    if found is None or found.low >= least or (found.value == least == 1):
        return ""
    if found.value < least:
        return f"{what} {found} is below {least:.0%}"
    return f"{what} {found} cannot be told from less than {least:.0%}{_more(found, least, 'pair')}"


def at_most(what: str, found: Share | None, most: float) -> str:
    """Why a share is not known to be `most` or less, or "". A bar of 0 asks that none of them is."""
    if found is None or found.high <= most or (found.value == most == 0):
        return ""
    if found.value > most:
        return f"{what} {found} is above {most:.0%}"
    return f"{what} {found} cannot be told from more than {most:.0%}{_more(found, most, 'trial')}"


def needed(share: float, bar: float) -> int | None:
    """How many trials put the 95% Wilson interval of `share` on its own side of `bar`; None where no number does.

    The interval holds those p with (share - p)² <= z² p (1 - p) / n (Wilson 1927), so its end reaches the bar at
    n = z² bar (1 - bar) / (share - bar)².
    """
    return math.ceil(Z**2 * bar * (1 - bar) / (share - bar) ** 2) if share != bar else None


def _more(found: Share, bar: float, unit: str) -> str:
    """How many more trials would tell, if they came out as these did."""
    wanted = needed(found.value, bar)
    if wanted is None or (bar == COIN and found.value < COIN):
        return ""
    more = max(wanted - found.n, 1)
    return f"; {more:,} more {unit}{'s' * (more != 1)} like these would tell"
