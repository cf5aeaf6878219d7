"""How a server answers when the request leaves it open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

OnFailure = Literal["refuse", "error"]
MAX_BODY = 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """What one server serves, and its defaults.

    `model` is the served id; `rounds` >= 1 revisions per answer; `max_tokens` and `critique_tokens` are
    limits per call, in tokens; `sentences` is the most that a revision is asked for (None: nothing is said
    about length); `seed` draws principles and noise; `api_key` (None: everyone may ask); `local_only` refuses
    Host headers that do not name this machine; `max_body` is in bytes; `trail` lets callers see how an answer
    came about, its draft included; `on_failure` says what they get where no revision could be made: a refusal,
    or an error (502).
    """

    model: str
    rounds: int = 1
    seed: int = 0
    max_tokens: int = 256
    critique_tokens: int = 160
    sentences: int | None = None
    temperature: float = 1.0
    api_key: str | None = field(default=None, repr=False)
    local_only: bool = False
    max_body: int = MAX_BODY
    trail: bool = False
    on_failure: OnFailure = "refuse"
