"""What a report says of AI feedback: the judge, and the labels that it gave."""

from __future__ import annotations

from typing import Any

import numpy as np

from solon.evaluation import Rate
from solon.evaluation.shares import mean_of
from solon.pipeline.human import SOURCE as HUMAN
from solon.report import card_charts, charts, judging, mix, words
from solon.report.gauges import gauges
from solon.report.material import Material, Row

COLUMNS = {
    "confidence": ("Mean confidence", "0% is a shrug, 100% a certainty"),
    "order_consistency": ("Both orders agree", "of the questions asked in both"),
    "principle_agreement": ("Principles agree", "of those that a label asks, the share on its side"),
}


def judged(m: Material) -> dict[str, Any]:
    """What is known of the judge, wherever its labels are spoken of."""
    used = m.cards[0] if m.cards else None
    return {
        "cards": m.cards,
        "used": used,
        "trust": judging.trust(m.cards),
        "caution": judging.caution(m.cards, m.facts.get("preferences", {}).get("labelled", 0)),
        "gauges": gauges(used) if used else [],
        "reliability": card_charts.reliability(used) if used else [],
    }


def labelled(m: Material) -> dict[str, Any]:
    """How sure the labels are, drawn and in numbers."""
    labels = [row for row in m.preferences(["prob_chosen", "source", *COLUMNS]) if words.finite(row["prob_chosen"])]
    judged = [row for row in labels if row["source"] != HUMAN]
    by_aim = mix.labels(m)
    return {
        "histogram": charts.histogram(labels),
        "label_means": _means(m, judged),
        "labels_by": by_aim,
        "most_read": mix.READ,
        "pairs_by_source": mix.by_source(by_aim),
        "human_labels": mix.people(m),
        "untold": mix.untold(m),
        "unmeasured": mix.unmeasured(m),
    }


def _means(m: Material, labels: list[Row]) -> list[tuple[str, str, Rate]]:
    """Title, explanation and mean of each column that says how far to trust a label, over the labels that have it."""
    alone = m.setting("rl_cai", "feedback", "principles") in (None, 1) and not m.setting("roles", "panel")
    found = []
    for name, (title, about) in COLUMNS.items():
        mean = mean_of(np.array([row[name] for row in labels if words.finite(row[name])], dtype=float))
        # A single principle always agrees with the label that it makes.
        if mean and not (alone and name == "principle_agreement"):
            found.append((title, about, mean))
    return found
