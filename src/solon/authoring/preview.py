"""A preview: what critique and revision make of a few prompts, under one constitution or several side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from solon.choosing import Chooser
from solon.constitution import Constitution
from solon.engines import Engine
from solon.errors import ConfigError
from solon.flow import gather_window, hand_over
from solon.prompts.exemplars import shared_exemplars
from solon.revision import ChainSettings, draft, revise
from solon.types import Prompt, Revision

AT_ONCE = 8  # chains that are under way side by side


@dataclass(frozen=True, slots=True)
class Tried:
    """One prompt under one constitution: its critique-and-revision steps, in order."""

    constitution: Constitution
    steps: tuple[Revision, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """One prompt: the draft that all constitutions start from, and what each makes of it, in the order given."""

    prompt: Prompt
    draft: str
    tried: tuple[Tried, ...]


def only(constitution: Constitution, principle_id: str) -> Constitution:
    """The constitution with one principle alone. Raises ConfigError where it has none of that id for revisions."""
    principle = constitution.by_id.get(principle_id)
    if principle is None or "revise" not in principle.phases:
        ids = ", ".join(p.id for p in constitution.for_phase("revise"))
        raise ConfigError(f"--principle: {constitution.name} revises by no principle '{principle_id}' (it has: {ids})")
    alone = {"principles": [principle.model_dump()], "priorities": None}
    # Not model_copy, which would take along what the constitution has worked out for all its principles.
    return Constitution.model_validate({**constitution.model_dump(), **alone})


def alone(constitution: Constitution) -> list[Constitution]:
    """The constitution once for every principle that it revises by, with that one alone, in file order."""
    return [only(constitution, p.id) for p in constitution.for_phase("revise")]


async def preview(
    engine: Engine,
    laws: Sequence[Constitution] | Callable[[Prompt], Sequence[Constitution]],
    prompts: Sequence[Prompt],
    settings: ChainSettings,
    shown: int = 6,
    *,
    chooser: Chooser | None = None,
    take: Callable[[Preview], None] = lambda _: None,
    step: Callable[..., None] = lambda *_: None,
) -> list[Preview]:
    """Draft each prompt once, then criticise and revise the draft under every constitution.

    `laws` are the constitutions, of all prompts or by prompt. Each shows the first `shown` >= 0 of its shared
    demonstrations; `chooser` says which of its principles speak to the prompt (None: they are drawn). `take` gets each
    prompt as soon as it and all before it are done, and `step` is called after every draft and every constitution.
    Raises ConfigError for a constitution without a principle to revise by.
    """
    tried = laws if callable(laws) else lambda _: laws
    under = [tried(prompt) for prompt in prompts]
    for constitution in (law for some in under for law in some):
        if not constitution.for_phase("revise"):
            raise ConfigError(f"constitution: {constitution.name} has no principle with the phase 'revise'")
    found: list[Preview] = []

    async def one(item: tuple[Prompt, Sequence[Constitution]]) -> Preview:
        prompt, some = item
        asked, first = await draft(
            engine,
            prompt,
            max_tokens=settings.revision_tokens,
            temperature=settings.temperature,
            seed=settings.seed,
        )
        step()

        async def chain(law: Constitution) -> Tried:
            demonstrations = replace(settings, exemplars=shared_exemplars(law).revision[:shown])
            return Tried(law, tuple(await revise(engine, law, asked, first.text, demonstrations, chooser=chooser)))

        return Preview(asked, first.text, tuple(await gather_window(some, chain, done=step)))

    def taken(_: object, result: Preview) -> None:
        found.append(result)
        take(result)

    # Few prompts at once, so that the first is there long before the last.
    window = max(1, AT_ONCE // max([len(some) for some in under], default=1))
    await hand_over(zip(prompts, under, strict=True), one, taken, window=window)
    return found
