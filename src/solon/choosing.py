"""Choosing principles by what they say: those that speak to a conversation, where the paper draws any at random.

An engine is asked once for each conversation and set of principles, before and whatever the replies, so that a chain,
its revisions and both orders of a pair go by the same ones. Where its answer cannot be read, or names none, the random
draw stands, and that is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from solon.constitution import Constitution, Principle
from solon.constitution.model import Phase
from solon.engines import Engine
from solon.errors import PromptUnfit
from solon.prompts.relevance import ask_relevant, read_relevant
from solon.types import GenerateRequest, Message, digest

TOKENS = 256  # room for the ids, and for a few words of a model that cannot help it
SHOWN = 80  # characters of an answer that is reported


@dataclass(frozen=True, slots=True)
class Chooser:
    """Asks `engine` which principles speak to a conversation; `outcomes` has by question how that went: "chosen",
    "none", or "unreadable: …"."""

    engine: Engine
    outcomes: dict[str, str] = field(default_factory=dict)

    async def relevant(self, law: Constitution, phase: Phase, turns: Sequence[Message]) -> tuple[Principle, ...]:
        """The principles of `phase` that speak to the conversation, the most fitting first; () where the random draw
        must decide. Nothing is asked where there is only one."""
        principles = law.for_phase(phase)
        if len(principles) < 2:
            return principles
        asked = GenerateRequest((ask_relevant(principles, turns),), TOKENS, 0.0)
        try:
            answer = await self.engine.generate(asked)
        except PromptUnfit as error:
            ids, said = None, str(error)
        else:
            ids = None if answer.failure else read_relevant(answer.text, [p.id for p in principles])
            said = answer.failure or " ".join(answer.text.split()) or "an empty answer"
        outcome = f"unreadable: {said[:SHOWN]}" if ids is None else "chosen" if ids else "none"
        self.outcomes[digest(asked.messages[0].content)] = outcome
        return tuple(law[name] for name in ids or ())

    def facts(self) -> dict[str, int]:
        """How many conversations were asked about, and of how many no principle was chosen."""
        said = list(self.outcomes.values())
        unreadable = sum(one.startswith("unreadable") for one in said)
        return {"asked": len(said), "none": said.count("none"), "unreadable": unreadable}

    def said(self) -> str | None:
        """That some answers could not be read, in a line; None where all could."""
        bad = [one.removeprefix("unreadable: ") for one in self.outcomes.values() if one.startswith("unreadable")]
        if not bad:
            return None
        return (
            f"choose: of {len(self.outcomes)} answers to which principles are relevant {len(bad)} cannot be read, and "
            f"those principles were drawn at random; the first: {bad[0]!r}"
        )
