"""Probabilities of choices, out of a server's log-probabilities by token.

A position lists the likeliest tokens after what was said so far. A choice is found at the first position; further
in while what was said could still become several choices: white space, an opening bracket, or the beginning
that two choices share ("1" and "10"). Its probability is then that of the way there times its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from solon.prompts.thoughts import MARKS

DEPTH = 8  # positions looked at
SLACK = 1e-3  # nats above 0 that are rounding
IMPOSSIBLE = -9999.0  # nats, as OpenAI writes it; minus infinity and worse mean no more
TOO_MUCH = 1.05  # probabilities of one position that sum to more are none
_BEFORE = " \t\r\n\u2581\u0120\u010a([{\"'`*_#:"  # what may precede a choice; spaces also as tokenizers write them
# After which the answer comes. "<|end|>" closes answers too (Phi's do), so of gpt-oss it is what opens its last part.
_ENDS = (*(end for _, end in MARKS if end != "<|end|>"), "<|channel|>final<|message|>")


@dataclass(frozen=True, slots=True)
class Position:
    """The token that was said, and (token, probability) of the likeliest, among them the one said."""

    token: str
    top: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Mass:
    """The probability found on each choice, in [0, 1], and the most that a choice not listed can have."""

    found: tuple[float, ...]
    unlisted: float

    @property
    def total(self) -> float:
        return sum(self.found)

    @property
    def each(self) -> tuple[float, ...]:
        """As found; a choice that was not listed is taken to have the most it can, which tempers the others."""
        return tuple(prob or self.unlisted for prob in self.found)


def choice_mass(positions: Sequence[Any], choices: Sequence[str]) -> Mass:
    """How much probability each choice has; what all lack to 1 went elsewhere.

    Off the way that the server took, a token that begins two choices cannot be told apart and is left out, unless
    the longer choice is listed as a token of its own. Raises ValueError where the numbers are no log-probabilities.
    """
    names, found = _names(choices), [0.0] * len(choices)
    said, way, unlisted = "", 1.0, 0.0
    for at, sent in enumerate(positions[:DEPTH]):
        position = _position(sent, at)
        listed = [(token, prob, _exact(said + token, names)) for token, prob in position.top]
        unlisted = way * _most_unlisted(position, len(set(range(len(names))) - {index for _, _, index in listed}))
        onward = 0.0
        for token, prob, index in listed:
            # An empty token is how some servers write the end.
            longer = _begun(said + token, names) if token or not said else set()
            if index is not None and longer:
                longer -= {whole for _, _, whole in listed}
            if longer and token == position.token:
                onward += prob
            elif index is not None and not longer:
                found[index] += way * prob
        if not onward:
            return Mass(tuple(found), unlisted)
        said, way = said + position.token, way * onward
    # It stopped at a choice that might have gone on, and nothing says how likely that was.
    if (index := _exact(said, names)) is not None:
        found[index] += way
    return Mass(tuple(found), unlisted)


def _most_unlisted(position: Position, choices: int) -> float:
    """What each of `choices` that are not listed may have: the least listed, or its share of what is left."""
    probs = [prob for _, prob in position.top]
    return min(min(probs), max(0.0, 1.0 - sum(probs)) / max(1, choices))


def after_thinking(positions: Sequence[Any]) -> Sequence[Any]:
    """The positions after the model's thoughts, where it wrote them down."""
    tail, start = "", 0
    for at, token in enumerate(_tokens(positions), 1):
        tail = (tail + token)[-32:]
        if tail.rstrip().endswith(_ENDS):
            start = at
    return positions[start:]


def from_the_choice_on(positions: Sequence[Any], choices: Sequence[str]) -> Sequence[Any]:
    """The positions from the only one at which a choice was said, () when there is none or several."""
    names = _names(choices)
    there = [at for at, token in enumerate(_tokens(positions[:DEPTH])) if _exact(token, names) is not None]
    return positions[there[0] :] if len(there) == 1 else ()


def _tokens(positions: Sequence[Any]) -> Iterator[str]:
    for sent in positions:
        token = sent.get("token") if isinstance(sent, dict) else None
        yield token if isinstance(token, str) else ""


def _exact(text: str, names: Sequence[str]) -> int | None:
    """The choice that `text` is, whatever punctuation stands around it; `names` are those of `_names`."""
    word = text.lstrip(_BEFORE).casefold()
    for index, name in enumerate(names):
        if word.startswith(name) and (word == name or not word[len(name)].isalnum()):
            return index
    return None


def _begun(text: str, names: Sequence[str]) -> set[int]:
    """The choices that `text` could still become, being shorter than they are."""
    word = text.lstrip(_BEFORE).casefold()
    return {index for index, name in enumerate(names) if name != word and name.startswith(word)}


def _names(choices: Sequence[str]) -> list[str]:
    return [choice.strip().casefold() for choice in choices]


def _position(sent: Any, at: int) -> Position:
    token, logprob = _pair(sent, f"position {at + 1}")
    listed = sent.get("top_logprobs")
    if not isinstance(listed, list) or not listed:
        raise ValueError(f"position {at + 1} has no top_logprobs")
    pairs = [_pair(entry, f"position {at + 1}, top_logprobs[{n}]") for n, entry in enumerate(listed)]
    if token not in {text for text, _ in pairs}:
        pairs.append((token, logprob))
    # Servers that add the token said to the list may so list it twice.
    top = tuple((text, math.exp(min(value, 0.0))) for text, value in dict.fromkeys(pairs))
    if (total := sum(prob for _, prob in top)) > TOO_MUCH:
        raise ValueError(f"the probabilities at position {at + 1} sum to {total:.3g}")
    return Position(token, top)


def _pair(sent: Any, where: str) -> tuple[str, float]:
    """A token and its log-probability."""
    if not isinstance(sent, dict) or not isinstance(sent.get("token"), str):
        raise ValueError(f"{where} has no token")
    value = sent.get("logprob")
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"{where} has the logprob {value!r:.40}, which is no number")
    if not value <= SLACK:  # NaN is not either
        raise ValueError(f"{where} has the logprob {value!r:.40}, which is none (it must be at most 0)")
    return sent["token"], float(max(value, IMPOSSIBLE))
