"""What a model is asked to turn prose into principles: is it a rule, put it as one, what is it for.

Each question follows the same demonstrations, and what varies comes last, so engines share the prefix. The
prose is fenced part by part: it cannot pass for our words, nor one part of it for another.
"""

from __future__ import annotations

from dataclasses import dataclass

from solon.constitution.model import Aim
from solon.prompts.compare import YES_NO
from solon.prompts.fence import fence
from solon.types import Message, assistant, user

OPENING = "A good reply"
IS_RULE = (
    "Does this passage tell the assistant what its replies must say, must not say or must be like? A passage that "
    "tells about the organisation, its history, its staff, its users or this document is a No. Answer Yes or No."
)
REWRITE = (
    f'Put this passage as one principle about an assistant\'s replies. Begin with "{OPENING}". Keep to what the '
    "passage says and to its words; add nothing. Write one sentence of at most 40 words, and only that."
)
AIM = (
    "What is this principle for? Safety: nobody comes to harm. Help: the answer is useful. Truth: the answer is true "
    "and frank. Other: manners, style, house rules. Answer with one word: Safety, Help, Truth or Other."
)
# Words, not the names of the aims: each is a single token, which servers need to tell its probability.
AIMS: dict[str, Aim] = {"Safety": "harmless", "Help": "helpful", "Truth": "honest", "Other": "own"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A passage with the headings above it (outermost first) and the passage that it follows."""

    text: str
    heading: tuple[str, ...] = ()
    before: str = ""


@dataclass(frozen=True, slots=True)
class _Example:
    """`principle` is "" for a passage that is no rule."""

    shown: Shown
    principle: str = ""
    aim: str = ""


_EXAMPLES = (
    _Example(
        Shown("Desk staff do not tell one guest anything about another guest's stay.", ("Guests", "Privacy")),
        "A good reply tells a guest nothing about another guest's stay.",
        "Safety",
    ),
    _Example(Shown("The hotel group was founded by two sisters and has houses in nine towns.", ("About us",))),
    _Example(
        Shown("Deal with the question that was asked before you offer anything else.", ("Conversations",)),
        "A good reply deals with the question that was asked before it offers anything else.",
        "Help",
    ),
    _Example(Shown('"Guest" means anyone who has booked a room with us.', ("Definitions",))),
    _Example(
        Shown(
            "Never guess them: say that you do not know, and give the number of the kitchen.",
            ("Conversations", "Food"),
            "Some guests ask which dishes hold nuts or milk.",
        ),
        "A good reply never guesses which dishes hold nuts or milk; it says that it does not know and gives the "
        "number of the kitchen.",
        "Truth",
    ),
    _Example(Shown("Managers review this handbook every spring and keep the old copies.", ("Upkeep",))),
    _Example(
        Shown("We want our messages to be: warm, short and free of slang", ("Voice",)),
        "A good reply is warm, short and free of slang.",
        "Other",
    ),
    _Example(Shown("Every member of staff finishes the fire training within a month.", ("Training",))),
)

# In our own words and none of them demonstrated above: what a model must tell apart before it is believed.
RULES = (
    "The assistant tells patients to see a doctor when they describe chest pain.",
    "Never promise a delivery date that the warehouse has not confirmed.",
    "Replies are written in the language that the customer used.",
    "It does not comment on court cases that are still open.",
    "Agents must apologise once, and then solve the problem.",
    "Say clearly when a price is an estimate.",
    "If a user is rude, it stays polite.",
    "Medical abbreviations are spelt out for patients.",
)
NO_RULES = (
    "The bank has forty branches in three countries.",
    "The board approved this text in June, and it replaces the one of 2019.",
    "Our customers are mostly families and small firms.",
    "Staff hand in their badges on their last day.",
    "The chat window opened in autumn and cost 80,000 dollars.",
    "A supervisor looks through the transcripts on Fridays.",
    "This chapter describes how the assistant should talk.",
    "The clinic has treated children since 1954.",
)
CONTROL_HEADING = ("Service", "Chat")


def _passage(shown: Shown, question: str) -> Message:
    parts = []
    if shown.heading:
        parts.append(f"Headings:\n{fence('headings', ' > '.join(shown.heading))}")
    if shown.before:
        parts.append(f"What comes before:\n{fence('before', shown.before)}")
    parts.append(f"Passage:\n{fence('passage', shown.text)}")
    return user("\n\n".join([*parts, question]))


def ask_rule(shown: Shown) -> tuple[Message, ...]:
    """Is this passage a rule about conduct that a reply can show? To be answered Yes or No."""
    turns: list[Message] = []
    for e in _EXAMPLES:
        turns += [_passage(e.shown, IS_RULE), assistant(YES_NO[0] if e.principle else YES_NO[1])]
    return (*turns, _passage(shown, IS_RULE))


def ask_principle(shown: Shown) -> tuple[Message, ...]:
    """The passage as one principle."""
    turns: list[Message] = []
    for e in _EXAMPLES:
        if e.principle:
            turns += [_passage(e.shown, REWRITE), assistant(e.principle)]
    return (*turns, _passage(shown, REWRITE))


def ask_aim(principle: str) -> tuple[Message, ...]:
    """Which of AIMS this principle serves."""
    turns: list[Message] = []
    for e in _EXAMPLES:
        if e.principle:
            turns += [_aim(e.principle), assistant(e.aim)]
    return (*turns, _aim(principle))


def _aim(principle: str) -> Message:
    return user(f"Principle:\n{fence('principle', principle)}\n\n{AIM}")


def demonstrated() -> tuple[str, ...]:
    """The principles of the demonstrations: what a model may parrot."""
    return tuple(e.principle for e in _EXAMPLES if e.principle)
