"""How quantities are written for people."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """ "48 s", "8 min 20 s", "2 h 5 min"."""
    if seconds < 59.5:
        return f"{seconds:.0f} s" if seconds >= 9.95 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
