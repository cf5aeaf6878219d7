"""Labels on disk as they come, and what they come to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from solon.data.preferences import preference_row, preference_schema
from solon.data.publishing import published
from solon.data.tables import RowWriter
from solon.evaluation.refusal import declines
from solon.types import Preference, Unlabelled

LABELS = "preferences.parquet"
UNLABELLED = "unlabelled.jsonl"


@contextmanager
def label_files(folder: Path) -> Iterator[Callable[[Preference | Unlabelled], None]]:
    """A function that writes one label to the files of `folder`, which appear when the block ends well.

    LABELS has the labelled comparisons, UNLABELLED a line for each of the others: its id, why it has no label, and
    what the judges said.
    """
    with RowWriter(folder / LABELS, preference_schema()) as rows, published(folder / UNLABELLED) as others:

        def take(result: Preference | Unlabelled) -> None:
            if isinstance(result, Preference):
                rows.append([preference_row(result)])
                return
            said = [verdict.as_dict() for verdict in result.verdicts]
            row = {"id": result.comparison.id, "failure": result.failure, "verdicts": said}
            others.write(json.dumps(row).encode() + b"\n")

        yield take


@dataclass(slots=True)
class Tally:
    """What the labels come to. `first` is the first failure, in full; `sources` counts labels by that of their pair.

    `harmful` are the ids of the prompts that ask for harm. `refusals` counts the pairs in which one reply declines, by
    whether the prompt is harmful and whether the judge prefers that reply; labels of 0.5 prefer none.
    """

    harmful: Collection[str] = ()
    labelled: int = 0
    sources: Counter[str] = field(default_factory=Counter)
    preferred: int = 0
    identical: int = 0
    confidence: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    refusals: Counter[tuple[bool, bool]] = field(default_factory=Counter)
    first: str = ""

    def take(self, result: Preference | Unlabelled) -> None:
        if isinstance(result, Unlabelled):
            self.first = self.first or result.failure
            self.kinds[result.failure.partition(":")[0]] += 1
            return
        pair = result.comparison
        self.labelled += 1
        self.sources[pair.source] += 1
        self.confidence += result.prob_chosen
        self.identical += pair.response_a == pair.response_b
        if pair.source == "revision":
            self.preferred += result.chosen == pair.revised
        chosen = declines(result.chosen)
        if result.prob_chosen != 0.5 and chosen != declines(result.rejected):
            self.refusals[pair.prompt_id in self.harmful, chosen] += 1

    def said(self) -> str:
        """The failures in a few words."""
        if not self.kinds:
            return "there is none"
        counted = ", ".join(f"{count} {kind}" for kind, count in self.kinds.most_common())
        return f"{counted}; the first: {self.first}"

    def facts(self) -> dict[str, Any]:
        revised = self.sources["revision"]
        return {
            "labelled": self.labelled,
            "failed": self.kinds.total(),
            "failed_by_kind": dict(sorted(self.kinds.items())),
            "from_revisions": revised,
            "from_policy": self.sources["policy"],
            "by_source": dict(sorted(self.sources.items())),
            "identical": self.identical,
            "mean_confidence": self.confidence / self.labelled,
            "revision_preferred": self.preferred / revised if revised else None,
            "refusals_preferred": {
                name: [self.refusals[harmful, True], self.refusals[harmful, True] + self.refusals[harmful, False]]
                for name, harmful in (("harmful", True), ("harmless", False))
            },
        }
