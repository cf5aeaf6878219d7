"""How long a server may take."""

from __future__ import annotations

from pydantic import Field

from solon.settings.base import Settings


class TimeLimits(Settings):
    """Seconds that a call of a server may take, > 0.

    connect     until it accepts the connection
    first_byte  until its answer begins, which without streaming is when it is written
    silence     between two parts of an answer
    total       for the whole call, all attempts and the waits between them included
    """

    connect: float = Field(default=10.0, gt=0)
    first_byte: float = Field(default=300.0, gt=0)
    silence: float = Field(default=60.0, gt=0)
    total: float = Field(default=900.0, gt=0)
