"""What a labelled pair says beside what the judge says of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from solon.feedback.columns import means_by_order
from solon.feedback.qualification.figures import Share
from solon.types import Comparison, Preference, Unlabelled, digest

Label = Preference | Unlabelled
MATCHED = 0.2


@dataclass(frozen=True, slots=True)
class Labelled:
    """A pair of which somebody said which reply is better, what it is about and how hard it is ("": not said).

    `kind` sorts pairs by what they ask of a judge, such as an answer beside a refusal.
    """

    comparison: Comparison
    better_is_a: bool
    aim: str = ""
    difficulty: str = ""
    kind: str = ""

    @property
    def longer_is_a(self) -> bool | None:
        """Whether response_a is the longer, in characters; None where they are equally long."""
        a, b = self._lengths
        return None if a == b else a > b

    @property
    def matched(self) -> bool:
        """Whether the replies' lengths differ by at most MATCHED of the longer."""
        shorter, longer = sorted(self._lengths)
        return longer - shorter <= MATCHED * longer

    @property
    def _lengths(self) -> tuple[int, int]:
        return len(self.comparison.response_a), len(self.comparison.response_b)


@dataclass(frozen=True, slots=True)
class Judged:
    """A pair and the label that the judge gave it."""

    pair: Labelled
    label: Label

    @property
    def prob_a(self) -> float | None:
        """P(a better) of the label; None where there is none."""
        return self.label.prob_a if isinstance(self.label, Preference) else None

    @property
    def names_a(self) -> bool | None:
        """Whether the label names response_a; None where it names neither reply."""
        return None if self.prob_a is None or self.prob_a == 0.5 else self.prob_a > 0.5

    @property
    def right(self) -> bool:
        """Whether the label names the better reply of the pair: 0.5 does not, and no label does not."""
        return self.names_a is self.pair.better_is_a

    @property
    def consistent(self) -> bool | None:
        """Whether both orders name the same reply, each the mean of its verdicts; None where not read in both."""
        means = means_by_order(self.label.verdicts)
        return None if means is None else (means[0] - 0.5) * (means[1] - 0.5) > 0


def judged(pairs: Sequence[Labelled], labels: Sequence[Label]) -> list[Judged]:
    """Pairs and their labels, in an order that does not depend on theirs, for sums of floats would."""
    found = [Judged(pair, label) for pair, label in zip(pairs, labels, strict=True)]
    return sorted(found, key=lambda one: (one.pair.comparison.id, _content(one.pair)))


def rights(found: Iterable[Judged]) -> Share:
    """The share whose label is right."""
    return Share.among(one.right for one in found)


def _content(pair: Labelled) -> str:
    c = pair.comparison
    return digest([c.prompt, c.response_a, c.response_b, pair.better_is_a])
