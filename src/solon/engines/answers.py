"""What a server answered, read with distrust: any field may be missing or of another type."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from solon.errors import EngineError
from solon.prompts.thoughts import opened_unseen, split

THOUGHTS = ("thinking", "reasoning", "reasoning_text")  # the types of parts of a content that are no answer
FILTERED = "content_filter"  # the finish reason of an answer that a content filter withheld
_HALVES = re.compile("[\ud800-\udfff]")


def mended(text: str) -> str:
    """`text` with every half of a surrogate pair, which UTF-8 cannot hold, replaced by U+FFFD."""
    return _HALVES.sub("\ufffd", text)


def one_line(text: str, length: int = 200) -> str:
    """The first `length` characters of a server's message, printable, in one line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:length]


@dataclass(frozen=True, slots=True)
class Said:
    """One answer of a server.

    `positions` is the list of log-probabilities by token as sent, empty when there is none; `model` is what the
    server calls itself, "" when it does not say; `refused` tells that the server itself says it is a refusal;
    `reasoning` is what the model thought first, no part of `text`.
    """

    text: str
    finish: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    positions: tuple[Any, ...] = ()
    model: str = ""
    refused: bool = False
    reasoning: str = ""

    @property
    def still_thinking(self) -> bool:
        """Whether the answer was cut off before the model said anything but its thoughts."""
        return not self.text and self.finish == "length"


class NoAnswer(EngineError):
    """The body of a response holds no answer."""


def read_answer(body: str, server: str) -> Said:
    """The answer in the body of a response. Raises NoAnswer, in one line, when there is none."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise NoAnswer(
            f"{server}: the answer is not JSON ({one_line(body[:200], 60)!r}); does the base URL end in /v1?"
        ) from None
    fields = _object(answer)
    choices = fields.get("choices")
    first = _object(choices[0]) if isinstance(choices, list) and choices else {}
    if not first:
        why = _object(fields.get("error")).get("message")
        raise NoAnswer(f"{server}: the answer has no choices{f': {one_line(str(why))}' if why else ''}")
    message, usage = _object(first.get("message")), _object(fields.get("usage"))
    positions = _object(first.get("logprobs")).get("content")
    finish, refusal = first.get("finish_reason"), message.get("refusal")
    # Servers with a reasoning parser send thoughts apart, under one name or the other; others leave them in the text,
    # without the mark that their template opened them with.
    content = _text(message.get("content"))
    text, thoughts = split(content, opened_unseen(content))
    apart = _text(message.get("reasoning_content")) or _text(message.get("reasoning"))
    return Said(
        text=text or _text(refusal).strip(),
        finish=finish if isinstance(finish, str) and finish else "unknown",
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        positions=tuple(positions) if isinstance(positions, list) else (),
        model=one_line(_text(fields.get("model"))),
        refused=bool(refusal) or finish == FILTERED,
        reasoning=(apart or thoughts).strip(),
    )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    """A content: a string, or a list of parts with texts, as some servers send; parts that are thoughts left out."""
    if isinstance(value, list):
        parts = [part for part in map(_object, value) if part.get("type") not in THOUGHTS]
        return "".join(_text(part.get("text")) for part in parts)
    return mended(value) if isinstance(value, str) else ""


def _count(value: Any) -> int:
    """A count of tokens; 0 for what can be none, as some servers' are: no context has 2³¹ tokens."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31 else 0
