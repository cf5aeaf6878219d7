"""The critique and revision requests.

One conversation grows through both: [demonstrations] → fenced reply + critique request → critique →
revision request → revision. What never varies (the demonstrations) comes first and the principle last,
so engines can share the prefix. The same conversation without demonstrations trains the critique policy
and is what it sees again when serving.
"""

from __future__ import annotations

from collections.abc import Sequence

from solon.constitution.model import Principle, RevisionExemplar
from solon.prompts.fence import conversation
from solon.types import Message, assistant, user

CRITIQUE = (
    "Critique the assistant's reply by this principle: {text} "
    "Say briefly and concretely where the reply falls short; if it does not, say so."
)
REVISION = (
    "Rewrite the assistant's reply so that it fully follows the principle. "
    "Write only the new reply, spoken to the user."
)
_COUNTS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

CRITIQUE_ANYTHING = "Critique the assistant's reply: say briefly and concretely what is wrong with it, if anything is."


def critique_request(principle: Principle) -> str:
    return principle.critique_request or CRITIQUE.replace("{text}", principle.rule)


def revision_request(principle: Principle | None, sentences: int | None = None) -> str:
    """What asks for the revision: the principle's own words, or Solon's, with the most sentences it may have.

    `sentences` >= 1; None says nothing about length. A limit makes revisions shorter than drafts, so that length tells
    chosen from rejected: it is for models that do not end by themselves.
    """
    if principle is not None and principle.revision_request:
        return principle.revision_request
    if sentences is None:
        return REVISION
    count = _COUNTS[sentences - 1] if sentences <= len(_COUNTS) else f"{sentences:,}"
    return f"{REVISION.removesuffix('.')}, in at most {count} sentence{'' if sentences == 1 else 's'}."


def ask_critique(principle: Principle, turns: Sequence[Message], response: str) -> Message:
    """The user turn that shows a reply to a conversation, all its turns, and asks for its critique."""
    return user(f"{conversation(turns, response)}\n\n{critique_request(principle)}")


def demonstrations(
    exemplars: Sequence[RevisionExemplar], principle: Principle | None = None, sentences: int | None = None
) -> tuple[Message, ...]:
    """Exemplars as past turns. Requests they leave out are those of `principle`, or of no principle at all, with as
    many `sentences` as the reply that is asked for."""
    turns: list[Message] = []
    for e in exemplars:
        asked = e.critique_request or (critique_request(principle) if principle else CRITIQUE_ANYTHING)
        rewritten = e.revision_request or revision_request(principle, sentences)
        turns += [
            user(f"{conversation((user(e.prompt),), e.draft)}\n\n{asked}"),
            assistant(e.critique),
            user(rewritten),
            assistant(e.revision),
        ]
    return tuple(turns)
