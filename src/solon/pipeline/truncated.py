"""How many sampled answers were cut off by their token limit, and how many were none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from solon.types import Completion


def truncated(answers: Sequence[Completion]) -> dict[str, int]:
    """How many answers were `cut` off, `of` how many."""
    return {"cut": sum(answer.truncated for answer in answers), "of": len(answers)}


def no_reply(answers: Sequence[Completion]) -> dict[str, int]:
    """How many answers were no reply, by why (`Completion.failure`)."""
    return dict(sorted(Counter(answer.failure for answer in answers if answer.failure).items()))
