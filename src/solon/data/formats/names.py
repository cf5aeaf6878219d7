"""What pairs and conversations are called, and which reply is called A: by content and hash, never by the label."""

from __future__ import annotations

import re
from functools import lru_cache

from solon.types import Comparison, Message, canonical, conversation, digest_of, fraction

_MADE = re.compile(r"pair-[0-9a-f]{16}")  # how an id begins that was made from the content


@lru_cache(16)
def content_id(turns: tuple[Message, ...], one: str, other: str) -> str:
    """The name of a pair that has none. It does not depend on which of the two is better, or called A.

    Kept for a while: reading and writing a row ask for it several times.
    """
    replies = canonical(sorted((one, other)))
    return f"pair-{digest_of(f'[{conversation(turns)},{replies}]')[:16]}"


@lru_cache(16)
def content_prompt_id(turns: tuple[Message, ...]) -> str:
    """The name of a conversation that has none."""
    return f"prompt-{digest_of(conversation(turns))[:16]}"


def given_id(c: Comparison) -> str | None:
    """The id, unless it was made from the content (and numbered, where the content stood in the file before)."""
    if not _MADE.match(c.id):
        return c.id
    made = content_id(c.turns, c.response_a, c.response_b)
    return None if c.id == made or c.id.startswith(f"{made}-") else c.id


@lru_cache(16)
def chosen_comes_first(pair_id: str, prob_chosen: float) -> bool:
    """Whether chosen is called A: by hash, so that its place tells nothing. Of two equally good ones, it is."""
    return prob_chosen == 0.5 or fraction(["chosen is a", pair_id]) < 0.5
