"""What is wrong with a text that should be a twin of a prompt, told without a model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from solon.data.prompts import MAX_CHARS
from solon.data.repeats import group_names, normalised
from solon.evaluation.refusal import conduct
from solon.prompts.contrast import demonstrated
from solon.prompts.reading import refuses
from solon.promptsets.mood import mood
from solon.promptsets.style import words
from solon.types import Completion, Prompt

LENGTH = 0.5  # a twin has at most this share more, or fewer, words than its source

_QUOTES = {'"': '"', "“": "”", "'": "'", "«": "»", "`": "`"}
_MARKS = re.compile(r"</?request-[0-9a-f]+>", re.I)
_SURROGATE = re.compile("[\ud800-\udfff]")


def alone(text: str) -> str:
    """What was written without the quotation marks that models put around it."""
    text = text.strip()
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1] and text[0] not in text[1:-1]:
        return text[1:-1].strip()
    return text


def fault(source: Prompt, answer: Completion) -> str:
    """Why an answer is no twin of `source`, by what it looks like; "" where nothing is wrong."""
    text = alone(answer.text)
    if answer.failure == "withheld":
        return "withheld by the server"
    if answer.truncated:
        return "cut off"
    return "empty" if not text else fault_of(source, text)


def fault_of(source: Prompt, text: str) -> str:
    """Why a text is no twin of `source`, by what it looks like; "" where nothing is wrong."""
    if refuses(text) or (conduct(text) == "refuses" and mood(text) == "statement"):
        return "a refusal"
    if _MARKS.search(text) or _SURROGATE.search(text) or len(text) > MAX_CHARS:
        return "not a request alone"
    if "\n" in text and "\n" not in source.text:
        return "not a request alone"
    count = words(source.text)
    if abs(words(text) - count) > LENGTH * count:
        return "length"
    return "mood" if mood(text) != mood(source.text) else ""


class Known:
    """The texts that a twin must not repeat, or nearly: prompts, demonstrations, and the twins that were let in."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._known = {normalised(text) for text in texts}
        self._shown = {normalised(text) for text in demonstrated()} - self._known

    def admit(self, texts: Sequence[str]) -> list[str]:
        """For each text why it is no twin, "" where it may be one; of near-repeats the first may.
        Those that may are known from then on."""
        keys = [normalised(text) for text in texts]
        groups = group_names(sorted(self._known | self._shown | set(keys)))
        of_demonstrations = {groups[text] for text in self._shown}
        taken = of_demonstrations | {groups[text] for text in self._known}
        reasons = []
        for key in keys:
            group = groups[key]
            if group not in taken:
                reasons.append("")
                taken.add(group)
                self._known.add(key)
            elif key in self._known:
                reasons.append("a repeat")
            else:
                reasons.append("a demonstration" if group in of_demonstrations else "a near-repeat")
        return reasons
