"""Whether a prompt asks, commands or tells: by its words alone, so that anybody can check it.

The last sentence that asks or commands decides ("My oven is broken. How do I mend it?" is a question), for what comes
before says why. English only: of other languages the final mark alone is read.
"""

from __future__ import annotations

import re
from typing import Literal, get_args

from solon.sentences import sentences

Mood = Literal["question", "imperative", "statement"]
MOODS: tuple[Mood, ...] = get_args(Mood)

_ENDS_ASKING = re.compile(r"[?？؟][\"'”’)\]\s]*$")
_PART = re.compile(r"[,:;–—]|\s-+\s|(?<=[.!?])\s")
_OPENERS = re.compile(
    r"^(?:(?:please|pls|plz|ok|okay|now|then|so|and|but|just|also|hey|hi|hello|well|yo|kindly|first|next|quick|quickly|"
    r"instead|always|never|honestly|lol|bro|mate|dude)\b[\s,]*)+",
    re.I,
)
_ASKS = re.compile(
    r"(?:who|whom|whose|what|which|when|where|why|how)(?:['’]?(?:s|re|d|ll))?\b|"
    r"wh?at\b|(?:can|could|would|should|shall|is|are|am|was|were|does|did)(?:n['’]?t)?\s+\w|"
    r"(?:will|may|might|must|do|has|have|had)(?:n['’]?t)?\s+"
    r"(?:i|you|u|we|he|she|it|they|there|this|that|these|those|the|a|an|my|your|our|his|her|its|their|any\w*|some\w*)\b",
    re.I,
)


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_VERBS = _set(
    """
    act add advise analyse analyze answer arrange ask assume be begin brainstorm break bring build calculate
    call change check cheer choose classify clean come comfort compare compile complete compose consider
    continue convert convince cook correct count create critique cut debate decide define describe design detail
    develop discuss do draft draw edit elaborate encourage estimate evaluate examine expand explain express
    extract fake fill find finish fix follow forge forget format generate get give go guess guide help hide
    identify ignore imagine improve include instruct introduce invent invite keep lay lead leave let let's lets
    list look make map mark mention modify move name offer open order organise organize outline paraphrase
    perform persuade pick plan play point praise prepare present pretend proofread propose prove provide put
    rank rate read recite recommend record reduce remember remind remove rephrase replace reply report respond
    restate review rewrite roast roleplay say script sell send set share shorten show simplify sing sketch solve
    sort speak spell start state stop suggest sum summarise summarize support swap take talk teach tell test
    think translate treat trick try turn type use walk warn work write
    """
)
_FIRST = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def mood(text: str) -> Mood:
    """What the prompt does, by the last of its sentences that asks or commands; a statement where none does."""
    if _ENDS_ASKING.search(text):
        return "question"
    for start, end in reversed(list(sentences(text))):
        if (found := _of_sentence(text[start:end].strip())) != "statement":
            return found
    return "statement"


def first_word(text: str) -> str:
    """The first word, without case; "" where there is none."""
    found = _FIRST.search(text)
    return found[0].casefold().replace("’", "'") if found else ""


def _of_sentence(text: str) -> Mood:
    """By its first part that begins as a question or a command does: what stands before it sets a scene."""
    if _ENDS_ASKING.search(text):
        return "question"
    for part in _PART.split(text):
        begun = _OPENERS.sub("", part.strip("\"'“”‘’([ \t\n"))
        if _ASKS.match(begun):
            return "question"
        if first_word(begun) in _VERBS or begun.casefold().startswith(("do not ", "don't ", "don’t ")):
            return "imperative"
    return "statement"
