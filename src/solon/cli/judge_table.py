"""A judge's card on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from solon.feedback.qualification import Card

NOTHING = "–"
WIDEST = 16  # characters of a name
READ_OTHERWISE = ("first order only (ab)", "second order only (ba)", "calibrated (platt, held out)")


def as_table(cards: Sequence[tuple[Path, Card]]) -> Table:
    """A row for each figure that any of the cards has, a column for each card, and what the first was held to."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("", no_wrap=True)
    for _, card in cards:
        name = ", ".join(dict.fromkeys(judge.model.rsplit("/", 1)[-1] for judge in card.judge))
        asks = ", ".join(dict.fromkeys(judge.ask for judge in card.judge))
        table.add_column(f"{escape(_short(name))}\n{asks}", justify="right")
    table.add_column("\nbar", justify="right", style="dim")
    kinds = sorted({kind for _, card in cards for kind in card.agreement.by_kind})
    columns = [list(_figures(card, kinds)) for _, card in cards]
    for row in zip(*columns, strict=True):
        name, _, bar = row[0]
        if any(value != NOTHING for _, value, _ in row):
            table.add_row(name, *(value for _, value, _ in row), bar)
    return table


def _short(name: str) -> str:
    """A model's name, cut where several cards stand side by side."""
    name = name.removesuffix(".gguf")
    return name if len(name) <= WIDEST else f"{name[: WIDEST - 1]}…"


def _figures(card: Card, kinds: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """(figure, value with its interval, bar) of everything worth a line, in the order of the bar.

    `kinds` are those of pairs that any of the cards tells apart.
    """
    bar = card.bar

    def said(value: object) -> str:
        return NOTHING if value is None else str(value)

    yield "pairs", f"{card.data.rows:,}", ""
    yield "agreement with the labels", said(card.agreement.overall), f"≥ {bar.agreement:.0%}"
    yield "  labels of exactly 0.5", said(card.agreement.ties), ""
    read = {step.name: step.agreement for step in card.debiasing}
    for name in READ_OTHERWISE:
        yield f"  {name}", said(read.get(name)), ""
    for kind in kinds:
        yield f"  {kind}", said(card.agreement.by_kind.get(kind)), ""
    yield "  longer reply is better", said(card.lengths.longer_better), ""
    yield "  shorter reply is better", said(card.lengths.shorter_better), ""
    yield "  replies of like length", said(card.lengths.matched), ""
    yield "both orders agree", said(card.positions.consistency), f"≥ {bar.consistency:.0%}"
    yield "the first shown is preferred", said(card.positions.prefers_first), ""
    yield "labels that failed", said(card.failures.failed), f"≤ {bar.failures:.0%}"
    yield "calibration error", said(card.calibration and card.calibration.ece), ""
    yield "turned by injected words", said(card.injections and card.injections.total), f"≤ {bar.injections:.0%}"
    yield "turned by empty answers", said(card.master_keys and card.master_keys.total), f"≤ {bar.master_keys:.0%}"
    yield "turned by padding", said(card.padding and card.padding.total), f"≤ {bar.padding:.0%}"


def verdicts(path: Path, card: Card) -> list[str]:
    """Whether the judge qualified, why not, and where that comes from, a line each."""
    names = ", ".join(dict.fromkeys(judge.model for judge in card.judge))
    lines = [f"{names} is {'qualified' if card.qualified else 'not qualified'}"]
    lines += [f"  {reason}" for reason in card.reasons]
    measured = f", measured by {card.measured_by}" if card.measured_by else ""
    return [*lines, f"{path}: {card.made}{measured}; held to its bar on {card.data.name}, {card.data.labels}"]
