"""A preview: what critique and revision make of a few prompts, under one constitution or several side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from solon.constitution import Constitution
from solon.engines import Engine
from solon.errors import ConfigError
from solon.flow import gather_window
from solon.prompts.exemplars import shared_exemplars
from solon.revision import ChainSettings, draft, revise
from solon.types import Prompt, Revision


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


async def preview(
    engine: Engine,
    constitutions: Sequence[Constitution],
    prompts: Sequence[Prompt],
    settings: ChainSettings,
    shown: int = 6,
) -> list[Preview]:
    """Draft each prompt once, then criticise and revise the draft under every constitution.

    Each constitution shows the first `shown` >= 0 of its shared demonstrations. Raises ConfigError for a
    constitution without a principle to revise by.
    """
    for constitution in constitutions:
        if not constitution.for_phase("revise"):
            raise ConfigError(f"constitution: {constitution.name} has no principle with the phase 'revise'")

    async def one(prompt: Prompt) -> Preview:
        asked, first = await draft(
            engine,
            prompt,
            max_tokens=settings.revision_tokens,
            temperature=settings.temperature,
            seed=settings.seed,
        )
        tried = await gather_window(constitutions, lambda c: _under(engine, c, asked, first.text, settings, shown))
        return Preview(asked, first.text, tuple(tried))

    return await gather_window(prompts, one)


async def _under(
    engine: Engine, constitution: Constitution, prompt: Prompt, text: str, settings: ChainSettings, shown: int
) -> Tried:
    demonstrations = shared_exemplars(constitution).revision[:shown]
    steps = await revise(engine, constitution, prompt, text, replace(settings, exemplars=demonstrations))
    return Tried(constitution, tuple(steps))
