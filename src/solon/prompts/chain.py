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
    "Write only the new reply, spoken to the user, in at most three sentences."
)

CRITIQUE_ANYTHING = "Critique the assistant's reply: say briefly and concretely what is wrong with it, if anything is."


def critique_request(principle: Principle) -> str:
    return principle.critique_request or CRITIQUE.replace("{text}", principle.text)


def revision_request(principle: Principle) -> str:
    return principle.revision_request or REVISION


def ask_critique(principle: Principle, prompt: str, response: str) -> Message:
    """The user turn that shows a reply and asks for its critique."""
    return user(f"{conversation(prompt, response)}\n\n{critique_request(principle)}")


def demonstrations(exemplars: Sequence[RevisionExemplar], principle: Principle | None = None) -> tuple[Message, ...]:
    """Exemplars as past turns. Requests they leave out are those of `principle`, or of no principle at all."""
    turns: list[Message] = []
    for e in exemplars:
        asked = e.critique_request or (critique_request(principle) if principle else CRITIQUE_ANYTHING)
        rewritten = e.revision_request or (revision_request(principle) if principle else REVISION)
        turns += [
            user(f"{conversation(e.prompt, e.draft)}\n\n{asked}"),
            assistant(e.critique),
            user(rewritten),
            assistant(e.revision),
        ]
    return tuple(turns)
