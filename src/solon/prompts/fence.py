"""Marks off quoted text from our own instructions.

The delimiter is a hash of the very text it encloses, lengthened until the text does not contain it: nobody can
forge it, yet the same text always gives the same prompt, so calls stay memoised and prefixes stay shared.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from solon.types import Message, assistant, digest

# What chat templates and training corpora use as control tokens: a model's own, or those of another.
_CONTROL = re.compile(
    r"<[|｜][^<>\s]{1,60}?[|｜]>|</?s>|<(?:bos|eos|pad|unk|mask)>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS)\]"
    r"|<</?SYS>>|</?(?:start|end)_of_turn>|</?think>",
    re.I,
)
MARK = "> "
_SPEAKER = re.compile(r"^\W*(?:system|user|human|assistant)\W*:", re.I | re.M)


def defused(text: str) -> str:
    """`text` with chat-template tokens broken up by a zero-width space, so that no server reads them as its own."""
    return _CONTROL.sub(lambda found: f"{found[0][0]}\u200b{found[0][1:]}", text)


def _unforgeable(texts: Sequence[str], named: object, size: int) -> str:
    """The shortest hash of `named`, from `size` digits, that none of `texts` holds."""
    name = digest(named)
    while size < len(name) and any(name[:size] in text for text in texts):
        size += 4
    return name[:size]


def fence(label: str, text: str) -> str:
    """`text` between `<label-…>` lines that it cannot forge."""
    text = defused(text)
    mark = f"{label}-{_unforgeable([text], text, 8)}"
    return f"<{mark}>\n{text}\n</{mark}>"


def conversation(turns: Sequence[Message], response: str) -> str:
    """A conversation and the response to it, fenced.

    A question and its reply stand in one fence, each after the name of who speaks. Of more turns, and where a text has
    such a name at the beginning of a line, every turn has a fence of its own: no text can pass for another's turn.
    """
    said = [*turns, assistant(response)]
    if len(said) > 2 or turns[0].role != "user" or any(_SPEAKER.search(turn.content) for turn in said):
        return "\n".join(quoted([(turn.role, turn.content) for turn in said], marks=False))
    return fence("conversation", f"User: {turns[0].content}\n\nAssistant: {response}")


def marked(text: str) -> str:
    """`text` with every line marked as quoted (data marking: Hines et al. 2024, Spotlighting)."""
    # splitlines knows every line break of Unicode: none of them starts an unmarked line.
    return "\n".join(MARK + line for line in text.splitlines() or [""])


def quoted(sections: Sequence[tuple[str, str]], *, marks: bool = True) -> list[str]:
    """Labelled texts of one call, all fenced with the call's own delimiter and, with `marks`, data-marked.

    The delimiter does not depend on the order of the sections, so the two orders of a pair begin alike.
    """
    mark, lines = _enclosed(tuple(sorted([text for _, text in sections])), marks)
    return [f"<{label}-{mark}>\n{lines[text]}\n</{label}-{mark}>" for label, text in sections]


@lru_cache(16)
def _enclosed(texts: tuple[str, ...], marks: bool) -> tuple[str, dict[str, str]]:
    """The delimiter of texts, in whatever order, and each as it is shown.

    Kept for a while: a pair is shown in both orders, under every principle.
    """
    shown = {text: defused(text) for text in texts}
    mark = _unforgeable(list(shown.values()), sorted([shown[text] for text in texts]), 4)
    return mark, {text: marked(safe) for text, safe in shown.items()} if marks else shown
