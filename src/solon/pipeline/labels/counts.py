"""What the labels of a file come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from solon.data.formats import Row
from solon.data.rows import BadRow
from solon.intervals import wilson
from solon.pipeline.label_files import Tally
from solon.pipeline.labels.files import Result
from solon.types import Preference


@dataclass(slots=True)
class Counts:
    """Running counts. `known` labels are of pairs that the file labels too, `agreed` of them name the same reply.

    `ordered` labels were asked in both orders; `consistent` is the sum of the shares in which the two orders agree.
    `aside` rows were bad; `first_bad` says where and why the first was.
    """

    tally: Tally = field(default_factory=Tally)
    known: int = 0
    agreed: int = 0
    ordered: int = 0
    consistent: float = 0.0
    aside: int = 0
    first_bad: str = ""

    def take(self, row: Row | BadRow, result: Result | None, written: dict[str, Any] | None) -> None:
        """Count a row, its label and how the label was written."""
        if isinstance(row, BadRow):
            self.first_bad = self.first_bad or f"{row.file}{f':{row.line}' if row.line else ''}: {row.reason}"
            self.aside += 1
        elif result is not None:
            self.tally.take(result)
            if isinstance(result, Preference) and written is not None:
                self._compare(row, result, written["order_consistency"])

    def _compare(self, row: Row, label: Preference, share: float | None) -> None:
        if share is not None:
            self.ordered += 1
            self.consistent += share
        if row.prob_a is not None and row.prob_a != 0.5 and not row.identical:
            self.known += 1
            self.agreed += (row.prob_a - 0.5) * (label.prob_a - 0.5) > 0

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain data. Means of nothing are None; `agreement` has its 95% Wilson interval."""
        t = self.tally
        low, high = wilson(self.agreed, self.known)
        agreement = {"pairs": self.known, "agreed": self.agreed, "low": low, "high": high}
        return {
            "labelled": t.labelled,
            "unlabelled": t.kinds.total(),
            "unlabelled_by_kind": dict(sorted(t.kinds.items())),
            "set_aside": self.aside,
            "identical": t.identical,
            "mean_confidence": t.confidence / t.labelled if t.labelled else None,
            "order_consistency": self.consistent / self.ordered if self.ordered else None,
            "revisions": t.sources["revision"],
            "revision_preferred": t.preferred / t.sources["revision"] if t.sources["revision"] else None,
            "agreement": {**agreement, "rate": self.agreed / self.known} if self.known else None,
        }
