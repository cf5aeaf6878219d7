"""Counting the critique-and-revision chains: exactly up to the first text that is not made yet.

Where only principles or prompts changed, the chains of the last run tell which calls are stored without
looking each of them up, so a plan for a hundred thousand prompts takes seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from solon.choosing import Chooser
from solon.constitution import Constitution
from solon.constitution.diff import compare
from solon.data.tables import batches
from solon.pipeline.impact import Look
from solon.pipeline.pairing import PAIR_COLUMNS, stored_turns
from solon.pipeline.plan.context import PlanContext
from solon.pipeline.plan.counting import (
    SAMPLE,
    CountingEngine,
    Size,
    TextUnknown,
    drafted,
    mean_size,
    some,
    standing_for,
)
from solon.pipeline.steps.revisions import chain_settings
from solon.revision import ChainSettings, revise
from solon.revision.chain import questions
from solon.runs import Finished
from solon.types import Completion, Prompt, Revision, fraction, turns_of

REUSABLE = {"constitution", "prompts"}  # changes that leave most stored chains as they are


@dataclass(slots=True)
class Start:
    """Where a stored chain, which began with `draft`, must be taken up again: at `step`, which revises `before`.

    `row` is that step as stored: it has the conversation."""

    row: dict[str, Any]
    step: int
    draft: str
    before: str
    draft_ended: bool | None = None
    before_ended: bool | None = None


@dataclass(slots=True)
class Chains:
    """What the counting found: prompts whose texts are not all made yet, and chains made of stored answers only.

    `known` has by prompt id what `draft_pairs` needs of the latter: PAIR_COLUMNS. Chains of the last run that
    stay as they are appear in neither; `kept` says how many they are. Of very many chains only some are
    counted: each stands for `factor` >= 1, and `passed_over` has the others.
    """

    unknown: set[str] = field(default_factory=set)
    known: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    kept: int = 0
    factor: float = 1.0
    passed_over: set[str] = field(default_factory=set)

    def touched(self, prompt_id: str) -> bool:
        """Whether its texts may be others than in the last run."""
        return prompt_id in self.unknown or prompt_id in self.known or prompt_id in self.passed_over


def stored_chains(
    path: Path, columns: list[str], prompts: Collection[str] | None = None
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """(prompt id, its steps in order) of a revisions file, of all prompts or some, read in batches."""
    current: str | None = None
    rows: list[dict[str, Any]] = []
    for row in batches(path, columns, only=None if prompts is None else ("prompt_id", prompts)):
        if row["prompt_id"] != current and rows:
            yield rows[0]["prompt_id"], rows
            rows = []
        current = row["prompt_id"]
        rows.append(row)
    if rows:
        yield rows[0]["prompt_id"], rows


async def count_chains(context: PlanContext, old: Finished | None, changed: set[str]) -> Chains:
    """Count drafts, critiques, revisions and sampled answers. `changed` names the parts of the key that differ."""
    counter = _Counter(context)
    starts: dict[str, int | None] = {}
    stored = counter.drafter.remembered() and counter.reviser.remembered()
    chosen = context.recipe.sl_cai.revision.choose == "relevant"  # whose question holds every principle
    if old is not None and stored and not chosen and changed <= REUSABLE and (law := context.made_under(old, "revise")):
        starts = _reuse(context, counter, law, "prompts" in changed)
    todo = [p for p in context.chained if starts.get(p.id, 0) is not None]
    looked_at, factor = some(todo)
    chains = counter.chains
    chains.factor = factor
    if factor > 1:
        chains.passed_over = {p.id for p in todo} - {p.id for p in looked_at}
    begun = _begun(context, {p.id: step for p in looked_at if (step := starts.get(p.id)) is not None})
    with standing_for(factor, counter.drafter.calls, counter.reviser.calls):
        for prompt in looked_at:
            await counter.chain(prompt, begun.get(prompt.id))
    others = context.answered
    looked_at, factor = some(others)
    with standing_for(factor, counter.drafter.calls):
        for prompt in looked_at:
            await counter.answer(prompt)
    return chains


def _reuse(context: PlanContext, counter: _Counter, law: Constitution, reworded_prompts: bool) -> dict[str, int | None]:
    """Where the chains made under `law` must be taken up again, by prompt: at a step, or nowhere (None)."""
    recipe = context.recipe
    look = Look(compare(law, context.constitution), "revise", recipe.seed, recipe.sl_cai.revision.exemplars)
    context.looked_at.add("revise")
    prompts = {p.id: p for p in context.chained}
    columns = ["prompt_id", "step", "principle", *(["prompt", "context", "before"] if reworded_prompts else [])]
    starts: dict[str, int | None] = {}
    for prompt_id, rows in stored_chains(context.path("sl_cai/revisions.parquet"), columns):
        prompt = prompts.get(prompt_id)
        if prompt is None or (reworded_prompts and not _same(prompt, rows[0])):
            continue
        starts[prompt_id] = None
        for row in rows:
            step = row["step"]
            if look.changes(context.touched.revisions, (row["principle"],), prompt_id, step, prompt.aim_at(step)):
                starts[prompt_id] = row["step"]
                break
        else:
            counter.keep(len(rows))
    return starts


def _same(prompt: Prompt, row: dict[str, Any]) -> bool:
    """Whether the first step of a stored chain answers this very prompt."""
    return prompt.is_asked_in(stored_turns(row)) and prompt.draft in ("", row["before"])


def _begun(context: PlanContext, starts: dict[str, int]) -> dict[str, Start]:
    """The texts with which some stored chains are taken up again."""
    if not starts:
        return {}
    path = context.path("sl_cai/revisions.parquet")
    return {
        prompt_id: _start(starts[prompt_id], rows)
        for prompt_id, rows in stored_chains(
            path, ["prompt_id", "prompt", "context", "step", "before", "before_ended"], starts
        )
    }


def _start(step: int, rows: list[dict[str, Any]]) -> Start:
    first, here = rows[0], rows[step]
    return Start(here, step, first["before"], here["before"], first.get("before_ended"), here.get("before_ended"))


class _Counter:
    """Runs the real chains against engines that only count."""

    def __init__(self, context: PlanContext) -> None:
        self.context, self.chains = context, Chains()
        self.drafter, self.reviser = context.counting("drafter"), context.counting("reviser")
        self.settings: ChainSettings = chain_settings(context.recipe, context.constitution)
        self.chooser = Chooser(self.reviser) if context.recipe.sl_cai.revision.choose == "relevant" else None
        self._sizes: list[Size] = []
        self._sampled = 0

    def keep(self, steps: int) -> None:
        """A chain whose every call is stored."""
        self.drafter.calls.stored += 1
        self.reviser.calls.stored += 2 * steps
        self.chains.kept += 1

    async def answer(self, prompt: Prompt) -> None:
        s, seed = self.context.recipe.sl_cai.helpful, self.context.recipe.seed
        self._doubt(prompt)
        for index in range(self.context.recipe.sl_cai.mix.samples):
            with suppress(TextUnknown):
                await drafted(self.drafter, prompt, **s.model_dump(), seed=seed, index=index)

    def _doubt(self, prompt: Prompt) -> None:
        self.drafter.doubtful = self.reviser.doubtful = self.context.doubtful(prompt)

    async def chain(self, prompt: Prompt, start: Start | None) -> None:
        """One chain, from its draft or from where it must be taken up again."""
        self._doubt(prompt)
        first = start.step if start else 0
        asked = self.reviser.asked
        if start:
            prompt = replace(prompt, context=turns_of(start.row["context"]), text=start.row["prompt"], later=())
            self.drafter.calls.stored += 1
            self.reviser.calls.stored += 2 * first
        before, ended = (start.before, start.before_ended) if start else (None, None)
        try:
            if before is None:
                prompt, first_text = await self._draft(self.drafter, prompt)
                if first_text.failure:
                    return
                before, ended = first_text.text, first_text.ended
            law = self.context.constitution
            steps = await revise(self.reviser, law, prompt, before, self.settings, first, ended, self.chooser)
            self.chains.known[prompt.id] = [*_before(prompt, start), *(_pair_row(step) for step in steps)]
        except TextUnknown:
            self.chains.unknown.add(prompt.id)
            left = self._most(prompt, first) - (self.reviser.asked - asked)
            self.reviser.follow(left, await self._usual(prompt, before, first, left))

    def _most(self, prompt: Prompt, first: int) -> int:
        """Calls of the reviser in a chain from step `first` on."""
        asked = questions(self.context.constitution, prompt, range(first, self.settings.rounds)) if self.chooser else 0
        return 2 * (self.settings.rounds - first) + asked

    async def _draft(self, engine: CountingEngine, prompt: Prompt) -> tuple[Prompt, Completion]:
        s, seed = self.context.recipe.sl_cai.draft, self.context.recipe.seed
        return await drafted(engine, prompt, **s.model_dump(), seed=seed, own=True)

    async def _usual(self, prompt: Prompt, before: str | None, first: int, left: int) -> Size:
        """The mean size of calls that depend on unknown text, from the first SAMPLE chains imagined to their end."""
        if self._sampled < SAMPLE:
            self._sampled += 1
            if before is None:
                with self.drafter.imagining():
                    prompt, imagined = await self._draft(self.drafter, prompt)
                    before = imagined.text
            with self.reviser.imagining() as sizes:
                law = self.context.constitution
                await revise(self.reviser, law, prompt, before, self.settings, first, chooser=self.chooser)
            self._sizes += sizes[len(sizes) - left :]
        return mean_size(self._sizes)


def _before(prompt: Prompt, start: Start | None) -> list[dict[str, Any]]:
    """The steps before `start`, as one from the draft to the revision they ended with."""
    if start is None or start.step == 0:
        return []
    return [
        {
            "prompt_id": prompt.id,
            "prompt": prompt.text,
            "context": start.row["context"],
            "before": start.draft,
            "revision": start.before,
            "failure": None,
            "before_ended": start.draft_ended,
        }
    ]


def _pair_row(step: Revision) -> dict[str, Any]:
    whole = asdict(step)
    return {name: whole[name] for name in PAIR_COLUMNS}


def most_rows(context: PlanContext) -> int:
    """The most rows the SFT mix can have: every revision, every sampled answer, the critique rows."""
    s, chained = context.recipe.sl_cai, context.chained
    taught = sum(fraction(p.id) < s.critique_share for p in chained)
    return len(chained) * s.revision.rounds + len(context.answered) * s.mix.samples + 2 * taught


def most_mix(context: PlanContext) -> dict[str, dict[str, int]]:
    """By kind of prompt, the most rows of the mix that can be `revisions` and sampled `answers`."""
    s = context.recipe.sl_cai
    rounds = 1 if s.rounds == "last" else s.revision.rounds
    chained, answered = (Counter(p.kind for p in prompts) for prompts in (context.chained, context.answered))
    return {
        kind: {"revisions": chained[kind] * rounds, "answers": answered[kind] * s.mix.samples}
        for kind in context.recipe.prompts
    }
