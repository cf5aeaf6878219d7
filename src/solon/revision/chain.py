"""Draft → (critique → revision) × rounds, for one prompt (CAI paper, sections 3.1 and 3.5).

As in the paper, every step draws its principle anew and revises the last revision; with a chooser, steps go by the
principles that speak to the prompt, in turn. Departures: the draw is a hash, not a random number, so that editing a
principle re-runs only what it touches; the critique sees the conversation, a system prompt's facts among it, and the
reply in a fenced block of one message, not as a continued dialogue, so that hostile text in it is quoted, never
obeyed; and where the prompt's kind has aims, a step draws from the principles of one of them, each in its turn, so
that a needless refusal is criticised for being one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from solon.choosing import Chooser
from solon.constitution import Constitution, Principle, draw
from solon.constitution.model import RevisionExemplar
from solon.engines import Engine
from solon.errors import PromptUnfit
from solon.prompts.chain import ask_critique, critique_request, demonstrations, revision_request
from solon.types import Completion, GenerateRequest, Message, Prompt, Revision, assistant, user

_ECHO = re.compile(r"^\s*\**(?:critique|revision|revised reply|new reply|assistant)\**\s*:\**\s*", re.I)
_MARK = re.compile(r"</?(?:conversation|system|user|assistant)-[0-9a-f]{4,}>")


Keep = Callable[[Prompt, str, str], bool]


@dataclass(frozen=True, slots=True)
class ChainSettings:
    """How to revise. `rounds` >= 1 steps; `exemplars` demonstrations in front; token limits per answer; `sentences` is
    the most that a revision is asked for (None: nothing is said about length). `keep` says of (prompt, text before,
    revision) whether the revision is no step back; one that is has failed as "reverted", and the chain goes on from
    the text before (None: every revision is kept, as in the paper)."""

    rounds: int = 4
    exemplars: tuple[RevisionExemplar, ...] = ()
    critique_tokens: int = 160
    revision_tokens: int = 256
    temperature: float = 1.0
    seed: int = 0
    sentences: int | None = None
    keep: Keep | None = None


async def draft(
    engine: Engine,
    prompt: Prompt,
    *,
    max_tokens: int,
    temperature: float,
    seed: int,
    stop_after: int | None = None,
    index: int = 0,
) -> tuple[Prompt, Completion]:
    """The prompt as it was answered, and the answer: sample number `index`, over after `stop_after` sentences.

    Turns that come `later` are asked one by one, each after the engine's own answer to those before, so that what was
    answered is a conversation whose last turn is the last of them; an answer on the way that is no reply ends it there.
    """
    while True:
        answer = await engine.generate(
            GenerateRequest(prompt.turns, max_tokens, temperature, 1.0, seed, index, stop_after)
        )
        if answer.failure or not prompt.later:
            return replace(prompt, later=()), answer
        context = (*prompt.turns, assistant(answer.text))
        prompt = replace(prompt, context=context, text=prompt.later[0], later=prompt.later[1:])


async def opened(
    engine: Engine, prompt: Prompt, *, max_tokens: int, temperature: float, seed: int, stop_after: int | None = None
) -> Prompt:
    """The prompt as a conversation that ends with its last turn: those that come later are asked, but for that one.

    Raises PromptUnfit where an answer on the way is no reply.
    """
    if not prompt.later:
        return prompt
    asked, answer = await draft(
        engine,
        replace(prompt, later=prompt.later[:-1]),
        max_tokens=max_tokens,
        temperature=temperature,
        seed=seed,
        stop_after=stop_after,
    )
    if answer.failure or not answer.text.strip():
        raise PromptUnfit(f"the answer before its last turn is no reply ({answer.failure or 'empty'})")
    return replace(asked, context=(*asked.turns, assistant(answer.text)), text=prompt.later[-1])


async def first_response(
    engine: Engine, prompt: Prompt, *, max_tokens: int, temperature: float, seed: int, stop_after: int | None = None
) -> tuple[Prompt, Completion]:
    """What is criticised first: the file's own reply where the prompt has one, or else a draft of the engine's."""
    if prompt.draft:
        return prompt, Completion(prompt.draft, "unknown")
    return await draft(engine, prompt, max_tokens=max_tokens, temperature=temperature, seed=seed, stop_after=stop_after)


def clean(text: str) -> str:
    """`text` without the labels and fence marks that models echo."""
    return _ECHO.sub("", _MARK.sub("", text).strip()).strip()


async def revise(
    engine: Engine,
    constitution: Constitution,
    prompt: Prompt,
    response: str,
    settings: ChainSettings,
    first: int = 0,
    ended: bool | None = None,
    chooser: Chooser | None = None,
) -> list[Revision]:
    """The steps of one chain from step `first` on, in order. The last one may have failed; then it says why.

    `ended` says whether `response` ended by itself (None: not known). One that its token limit cut off is criticised
    and revised all the same: what is wrong with it shows before its end. That it was cut off is kept with the step,
    for a comparison of it with its revision would be one of a torn text with a whole one. `chooser` says which
    principles speak to the prompt (None: they are drawn at random).
    """
    shown = demonstrations(settings.exemplars, sentences=settings.sentences)
    steps: list[Revision] = []
    relevant: dict[str, tuple[Principle, ...]] = {}
    for step in range(first, settings.rounds):
        principle = await _principle(constitution, prompt, settings.seed, step, chooser, relevant)
        own = demonstrations(principle.exemplars.revision, principle, settings.sentences)
        opening = (*shown, *own, ask_critique(principle, prompt.turns, response))
        criticised = await _ask(engine, opening, settings.critique_tokens, settings)
        critique = clean(criticised.text)
        request = revision_request(principle, settings.sentences)
        turns = (*opening, assistant(critique), user(request))
        answer = await _ask(engine, turns, settings.revision_tokens, settings)
        revision = clean(answer.text)
        failure = answer.failure or ("empty" if not revision else "truncated" if answer.truncated else None)
        if failure is None and settings.keep is not None and not settings.keep(prompt, response, revision):
            failure = "reverted"
        steps.append(
            Revision(
                prompt.id,
                prompt.text,
                step,
                principle.id,
                response,
                critique_request(principle),
                critique,
                request,
                revision,
                failure,
                ended,
                criticised.ended,
                prompt.context,
            )
        )
        if failure == "reverted":
            continue
        if failure:
            break
        response, ended = revision, answer.ended
    return steps


async def _principle(
    constitution: Constitution,
    prompt: Prompt,
    seed: int,
    step: int,
    chooser: Chooser | None,
    relevant: dict[str, tuple[Principle, ...]],
) -> Principle:
    """The principle of a step; `relevant` keeps what was chosen for the chain, by aim."""
    aim = prompt.aim_at(step)
    law = constitution.drawn_from(aim, "revise")
    if chooser is not None:
        if aim not in relevant:
            relevant[aim] = await chooser.relevant(law, "revise", prompt.turns)
        if chosen := relevant[aim]:  # a kind with several aims comes to each of them every so many steps
            return chosen[step // max(1, len(prompt.aims)) % len(chosen)]
    return draw(law, "revise", seed=seed, record=prompt.id, step=step)[0]


def questions(constitution: Constitution, prompt: Prompt, steps: range) -> int:
    """How often a chooser is asked in these steps of a chain."""
    aims = {prompt.aim_at(step) for step in steps}
    return sum(len(constitution.drawn_from(aim, "revise").for_phase("revise")) > 1 for aim in aims)


async def _ask(engine: Engine, turns: Sequence[Message], max_tokens: int, settings: ChainSettings) -> Completion:
    return await engine.generate(
        GenerateRequest(tuple(turns), max_tokens=max_tokens, temperature=settings.temperature, seed=settings.seed)
    )
