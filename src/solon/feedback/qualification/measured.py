"""All that is measured of a judge."""

from __future__ import annotations

from solon.feedback.qualification.figures import Estimate, Part
from solon.feedback.qualification.parts import (
    Agreement,
    Attacked,
    Debiased,
    Failures,
    Lengths,
    Positions,
    Reliability,
    Sampled,
)


class Measured(Part):
    """What was measured of a judge. Every part is of its raw labels; `calibration` says what a fitted map adds.

    `principle_agreement` is the mean share of a label's principles and judges that side with it, None where each
    label asks only one. `self_consistency` is empty where one reasoning was drawn. `attacks` names by content the
    attacks that were run (`Attacks.key`), None where none were; those of a kind are None also where no label was right.
    """

    agreement: Agreement
    lengths: Lengths
    positions: Positions
    principle_agreement: Estimate | None
    failures: Failures
    calibration: Reliability | None
    debiasing: list[Debiased]
    self_consistency: list[Sampled]
    attacks: str | None = None
    injections: Attacked | None = None
    master_keys: Attacked | None = None
    padding: Attacked | None = None
