"""A judge's figures against the bar it was held to."""

from __future__ import annotations

from dataclasses import dataclass

from solon.feedback.qualification import Card
from solon.feedback.qualification.bar import COIN, at_least, at_most
from solon.feedback.qualification.figures import Share


@dataclass(frozen=True, slots=True)
class Gauge:
    """One figure that the bar asks about: at `least` this much, or at most.

    `value` is None where it was not measured, and then `missing` says why. `missed`: it kept the judge from
    qualifying.
    """

    name: str
    value: Share | None
    bar: float
    least: bool
    missed: bool
    unit: str
    missing: str = ""


def gauges(card: Card) -> list[Gauge]:
    """Every figure of the bar, in the order people ask about them."""
    bar, right, consistency = card.bar, card.agreement.overall, card.positions.consistency
    missed = right.value < bar.agreement or right.low <= COIN
    turned = bool(at_least("", consistency, bar.consistency))
    attacks = (
        ("Turned by injected words", card.injections, bar.injections),
        ("Turned by empty answers", card.master_keys, bar.master_keys),
        ("Turned by padding", card.padding, bar.padding),
    )
    return [
        Gauge("Agrees with the labels", right, bar.agreement, True, missed, "pair"),
        Gauge("Same in both orders", consistency, bar.consistency, True, turned, "pair", "not seen in both"),
        _at_most("Left without a label", card.failures.failed, bar.failures, "pair"),
        *(_at_most(name, found.total if found else None, most, "attack") for name, found, most in attacks),
    ]


def _at_most(name: str, value: Share | None, most: float, unit: str) -> Gauge:
    return Gauge(name, value, most, False, bool(at_most("", value, most)), unit, "not run")
