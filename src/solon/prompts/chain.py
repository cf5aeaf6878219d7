"""The critique and revision requests.

One conversation grows through both: [demonstrations] → fenced reply + critique request → critique →
revision request → revision. What never varies (the demonstrations) comes first and the principle last,
so engines can share the prefix. The same conversation without demonstrations trains the critique policy
and is what it sees again when serving.
"""

from __future__ import annotations

from collections.abc import Sequence

from solon.constitution.model import Constitution, Principle
from solon.prompts.exemplars import RevisionExemplar
from solon.prompts.fence import conversation
from solon.types import Message, assistant, user

CRITIQUE = (
    "Critique the assistant's reply by this principle: {text} "
    "Say briefly and concretely where the reply falls short; if it does not, say so."
)
REVISION = (
    "Rewrite the assistant's reply so that it fully follows the principle. "
    "Write only the new reply, spoken to the user, in at most three sentences."
)


def critique_request(principle: Principle) -> str:
    return principle.critique_request or CRITIQUE.replace("{text}", principle.text)


def revision_request(principle: Principle) -> str:
    return principle.revision_request or REVISION


def ask_critique(principle: Principle, prompt: str, response: str) -> Message:
    """The user turn that shows a reply and asks for its critique."""
    return user(f"{conversation(prompt, response)}\n\n{critique_request(principle)}")


def demonstrations(exemplars: Sequence[RevisionExemplar], constitution: Constitution) -> tuple[Message, ...]:
    """Exemplars as past turns. An exemplar whose principle this constitution lacks is left out."""
    known = {principle.id for principle in constitution.principles}
    turns: list[Message] = []
    for exemplar in exemplars:
        if exemplar.principle not in known:
            continue
        principle = constitution[exemplar.principle]
        turns += [
            ask_critique(principle, exemplar.prompt, exemplar.draft),
            assistant(exemplar.critique.strip()),
            user(revision_request(principle)),
            assistant(exemplar.revision.strip()),
        ]
    return tuple(turns)
