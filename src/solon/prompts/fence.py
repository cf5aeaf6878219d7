"""Marks off quoted model text from our own instructions.

The delimiter is a hash of the very text it encloses, so that text cannot contain (forge) it, yet the
same text always gives the same prompt: calls stay memoised and prefixes stay shared.
"""

from __future__ import annotations

from solon.types import digest


def fence(label: str, text: str) -> str:
    """`text` between `<label-…>` lines that it cannot forge."""
    mark = f"{label}-{digest(text)[:8]}"
    return f"<{mark}>\n{text}\n</{mark}>"


def conversation(prompt: str, response: str) -> str:
    """A one-turn conversation, fenced."""
    return fence("conversation", f"User: {prompt}\n\nAssistant: {response}")
