"""What came of a document: its principles, and what became of every passage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from solon.authoring.blocks import Skipped
from solon.authoring.passages import Passage
from solon.constitution.model import Principle, Written
from solon.errors import DataError

Outcome = Literal["kept", "merged", "not a rule", "unreadable", "set aside"]
OUTCOMES: tuple[Outcome, ...] = ("kept", "merged", "not a rule", "unreadable", "set aside")


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one passage.

    `p_yes` in [0, 1] is how surely it is a rule (None: unreadable); `wrote` is what the model made of it;
    `principle` the id it ended in, for a merged one that of the principle that says the same; `why` the
    reason of an unreadable or set-aside one, and the doubt about a kept one's aim.
    """

    passage: Passage
    outcome: Outcome
    p_yes: float | None = None
    wrote: str = ""
    why: str = ""
    principle: str = ""

    def as_dict(self) -> dict[str, Any]:
        """One line of a trail."""
        return {
            "line": self.passage.line,
            "text": self.passage.text,
            "heading": list(self.passage.heading),
            "lead": self.passage.lead,
            "p_yes": None if self.p_yes is None else round(self.p_yes, 6),
            "outcome": self.outcome,
            "why": self.why,
            "wrote": self.wrote.encode("utf-8", "replace").decode("utf-8"),  # a model may write half a character
            "principle": self.principle,
        }


@dataclass(frozen=True, slots=True)
class Draft:
    """The principles found in a document, and what became of every passage, in document order."""

    file: str
    threshold: float
    principles: tuple[Principle, ...]
    settled: tuple[Settled, ...]
    skipped: tuple[Skipped, ...]

    def count(self, outcome: Outcome) -> int:
        return sum(s.outcome == outcome for s in self.settled)

    def written(self, name: str) -> Written:
        """A constitution file. Raises DataError when there is no principle to write, saying why."""
        if not self.principles:
            raise DataError(f"draft: {self.file}: {self._nothing()}")
        described = f"Drafted from {self.file}; every principle quotes its source."
        return Written(name=name, description=described, principles=self.principles)

    def _nothing(self) -> str:
        if not self.settled:
            return "holds no sentence to read; give a Markdown or text file of prose"
        asked = [s.p_yes for s in self.settled if s.p_yes is not None]
        if not asked:
            return f"no answer about its {len(self.settled)} passages could be read; use another model"
        if max(asked) < self.threshold:
            return (
                f"nothing in it reads as a rule; highest P(Yes) was {max(asked):.2f} of {len(asked)} passages, "
                f"the threshold is {self.threshold:.2f}; lower --threshold or use a more able model"
            )
        left = [s.why for s in self.settled if s.outcome in ("set aside", "unreadable") and s.p_yes is not None]
        first = max(set(left), key=left.count)
        return (
            f"{len(left)} passages read as rules but gave no principle, mostly because what the model wrote "
            f"({first}); see --verbose or --trail, or use a more able model"
        )
