"""Whether a judge may label: measured on labelled pairs, held to a bar, written on a card.

card.py, identity.py, measured.py, parts.py, figures.py  what a card says
labelled.py, measure.py                     labels and judge: agreement, lengths, positions, failures
reliability.py, fitting.py                  what a probability is worth; calibrations fitted
relabelling.py, debiasing.py                the same verdicts read in other ways
resilience.py, bar.py, qualify.py           what attacks did; the bar; all of it in one go
"""

from __future__ import annotations

from solon.feedback.qualification.bar import reasons
from solon.feedback.qualification.card import Card, load_card, write_card
from solon.feedback.qualification.identity import AskedJudge, ConstitutionId, LabelSet
from solon.feedback.qualification.labelled import Labelled
from solon.feedback.qualification.measured import Measured
from solon.feedback.qualification.qualify import issue, qualify

__all__ = [
    "AskedJudge",
    "Card",
    "ConstitutionId",
    "LabelSet",
    "Labelled",
    "Measured",
    "issue",
    "load_card",
    "qualify",
    "reasons",
    "write_card",
]
