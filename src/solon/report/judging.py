"""What a judge's card allows one to say of its labels."""

from __future__ import annotations

from collections.abc import Sequence

from solon.feedback.qualification import Card
from solon.feedback.qualification.bar import COIN
from solon.report.remark import Remark
from solon.report.words import count, model_name, share

WANTED = 0.7  # agreement below this is too weak to lean on


def asked_as(card: Card) -> str:
    """How its judges are asked: "likelihood", or "choice and score" of a panel."""
    return " and ".join(dict.fromkeys(judge.ask for judge in card.judge))


def judged_by(card: Card) -> str:
    """The judge as a person would say it; a panel by its models."""
    return ", ".join(dict.fromkeys(model_name(judge.model) for judge in card.judge))


def agreement(card: Card) -> Remark:
    """How far the judge agrees with its labelled pairs, and what the interval allows one to say."""
    r = card.agreement.overall
    pairs = count(r.n, "labelled pair")
    said = f"Asked as “{asked_as(card)}”, it agrees with {card.data.labels} on {share(r)} of {pairs}."
    if r.high < COIN:
        return Remark(f"{said} That is worse than a coin: its labels point the wrong way.", "warn")
    if r.low <= COIN:
        return Remark(f"{said} The interval includes 50%: it cannot be told from a coin.", "warn")
    if r.high < WANTED:
        return Remark(f"{said} That lies below 70%: its labels are weak evidence.", "warn")
    if r.low < WANTED:
        return Remark(f"{said} Better than a coin, though the interval reaches below 70%.", "plain")
    return Remark(f"{said} The interval lies above 70%.", "good")


def outcome(card: Card) -> Remark:
    """Whether the judge qualified, and why not."""
    if card.qualified:
        return Remark("It qualified: every figure that was measured reaches the bar.", "good")
    return Remark("It did not qualify:", "warn", tuple(card.reasons))


def trust(cards: Sequence[Card]) -> Remark:
    """Whether the labels of a run can be leaned on; the first of `cards` is that of the judge that gave them."""
    if not cards:
        unmeasured = "The judge was measured on no labelled pairs (rl_cai.qualify.data: null)"
        return Remark(f"{unmeasured}, so nothing here vouches for its labels.", "warn")
    found = agreement(cards[0])
    if not cards[0].qualified:
        return Remark(f"{found.text} It did not qualify.", "warn")
    return Remark(f"{found.text} {outcome(cards[0]).text}", found.tone)


def caution(cards: Sequence[Card], labels: int) -> Remark | None:
    """What a run must say wherever it is shown when a judge that did not qualify gave its `labels`."""
    if not cards or cards[0].qualified:
        return None
    used = f"It gave this run {count(labels, 'label')} all the same" if labels else "It gave this run no label"
    return Remark(f"The judge did not qualify. {used}.", "warn", tuple(cards[0].reasons))
