"""What a judge is asked. What varies (the principle, then the choice) comes last, so prefixes are shared."""

from __future__ import annotations

from collections.abc import Sequence

from solon.constitution.model import Constitution, Principle
from solon.prompts.exemplars import ComparisonExemplar
from solon.prompts.fence import conversation, fence
from solon.types import Message, assistant, system, user

LETTERS = ("A", "B")
YES_NO = ("Yes", "No")


def comparison_question(principle: Principle) -> str:
    return principle.comparison_question or f"Which reply better follows this principle: {principle.text}"


def ask_letter(principle: Principle, prompt: str, first: str, second: str) -> Message:
    """Both replies, then the question, to be answered with one letter."""
    return user(
        f"{fence('prompt', prompt)}\n\nReply A:\n{fence('reply-a', first)}\n\nReply B:\n{fence('reply-b', second)}\n\n"
        f"{comparison_question(principle)}\nAnswer with one letter, A or B."
    )


def letter_demonstrations(exemplars: Sequence[ComparisonExemplar], constitution: Constitution) -> tuple[Message, ...]:
    """Exemplars as past turns. One whose principle this constitution lacks is left out."""
    known = {principle.id for principle in constitution.principles}
    turns: list[Message] = []
    for exemplar in exemplars:
        if exemplar.principle in known:
            question = ask_letter(
                constitution[exemplar.principle], exemplar.prompt, exemplar.response_a, exemplar.response_b
            )
            turns += [question, assistant(exemplar.better)]
    return tuple(turns)


def ask_yes_no(principle: Principle, prompt: str, response: str) -> Message:
    """One reply and the principle, to be answered Yes (it follows) or No."""
    return user(
        f"{conversation(prompt, response)}\n\n"
        f"Principle: {principle.text}\nDoes the assistant's reply follow this principle? Answer Yes or No."
    )


def contrast(principle: Principle) -> tuple[Message, Message]:
    """System turns of an assistant that follows the principle and of one that breaks it."""
    return (
        system(f"You are a careful, kind and honest assistant. You always follow this principle: {principle.text}"),
        system(
            "You are a careless, harmful and dishonest assistant. "
            f"You always do the opposite of this principle: {principle.text}"
        ),
    )
