"""How long a server may take."""

from __future__ import annotations

from pydantic import Field

from solon.settings.base import Settings


class TimeLimits(Settings):
    """How long a call of a server may take, in seconds."""

    connect: float = Field(default=10.0, gt=0)
    """Until it accepts the connection."""
    first_byte: float = Field(default=300.0, gt=0)
    """Until its answer begins, which without streaming is when it is written."""
    silence: float = Field(default=60.0, gt=0)
    """Between two parts of an answer."""
    total: float = Field(default=900.0, gt=0)
    """For the whole call, all attempts and the waits between them included."""
