"""Drafts, critiques and revisions of the red-team prompts; sampled answers to the others."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from solon.constitution import Constitution
from solon.data.sft import at_most, critique_rows, helpful_rows, revision_rows
from solon.data.tables import write_rows
from solon.engines import MemoisedEngine
from solon.errors import DataError, PromptUnfit
from solon.flow import gather_window
from solon.pipeline.context import Context
from solon.pipeline.demonstrated import demonstrated
from solon.pipeline.recipe import Recipe
from solon.pipeline.step import Step, listed, principles_of
from solon.pipeline.truncated import no_reply, truncated
from solon.prompts.exemplars import shared_exemplars
from solon.repeats import copied, most_repeated
from solon.revision import ChainSettings, draft, revise
from solon.types import Completion, Prompt, Revision

FAILED = ("empty", "truncated", "withheld")  # how a revision can fail


def chain_settings(recipe: Recipe, constitution: Constitution) -> ChainSettings:
    s = recipe.sl_cai.revision
    return ChainSettings(
        rounds=s.rounds,
        exemplars=shared_exemplars(constitution).revision[: s.exemplars],
        critique_tokens=s.critique_tokens,
        revision_tokens=s.max_tokens,
        temperature=s.temperature,
        seed=recipe.seed,
        sentences=s.sentences,
    )


class Revisions(Step):
    name = "revisions"
    title = "drafts, critiques and revisions"
    version = 2

    def inputs(self, context: Context) -> dict[str, Any]:
        recipe = context.recipe
        settings = chain_settings(recipe, context.constitution)
        return {
            "constitution": principles_of(context, "revise"),
            "prompts": listed(p for prompts in context.prompts.values() for p in prompts if p.split == "train"),
            "roles.drafter": context.role("drafter").identity,
            "roles.reviser": context.role("reviser").identity,
            "sl_cai": recipe.sl_cai.model_dump(exclude={"sft"}),
            "seed": recipe.seed,
            "exemplars": [e.model_dump() for e in settings.exemplars],
        }

    def make(self, context: Context) -> tuple[list[Path], dict[str, Any]]:
        drafts, chains, answers = context.ask(self._write(context))
        steps = [step for chain in chains for step in chain]
        if not any(step.failure is None for step in steps):
            raise DataError("revisions: no chain gave a revision; see the prompts' quarantine and the reviser's limits")
        revisions, sft = context.path("sl_cai/revisions.parquet"), context.path("sl_cai/sft.parquet")
        wanted = context.recipe.sl_cai
        revised = revision_rows(steps, wanted.rounds)
        critiqued = critique_rows(steps, context.constitution, wanted.critique_share)
        helpful = at_most(helpful_rows(answers), wanted.helpful_share, len(revised) + len(critiqued))
        mix = [*revised, *helpful, *critiqued]
        write_rows(revisions, [asdict(step) for step in steps])
        write_rows(sft, mix)
        sources = [row["source"] for row in mix]
        made = [step.revision for step in steps if step.failure is None]
        facts = {
            "chains": len(chains),
            "revisions": sum(step.failure is None for step in steps),
            "failed": {why: sum(s.failure == why for s in steps) for why in FAILED},
            "helpful_sampled": len(answers),
            "truncated": {
                "drafts": truncated(drafts),
                "helpful": truncated([answer for _, answer in answers]),
                "critiques": {"cut": sum(step.critique_ended is False for step in steps), "of": len(steps)},
                "revisions": {"cut": sum(not step.ended for step in steps), "of": len(steps)},
            },
            "no_reply": no_reply([*drafts, *(answer for _, answer in answers)]),
            "mix": {source: sources.count(source) for source in sorted(set(sources))},
            "copied": sum(copied(made, demonstrated(context.recipe, context.constitution))),
            "most_repeated": most_repeated(made).facts(),
        }
        return [revisions, sft], facts

    async def _write(
        self, context: Context
    ) -> tuple[list[Completion], list[list[Revision]], list[tuple[Prompt, Completion]]]:
        """Every draft, every chain in full, and every sampled answer."""
        recipe, seed = context.recipe, context.recipe.seed
        drafter, reviser = context.engine("drafter"), context.engine("reviser")
        settings, sampling = chain_settings(recipe, context.constitution), recipe.sl_cai.draft

        drafts: list[Completion] = []

        async def chain(prompt: Prompt) -> list[Revision]:
            try:
                first = await draft(drafter, prompt, **sampling.model_dump(), seed=seed)
                drafts.append(first)
                if first.failure:  # no words, so nothing to criticise
                    return []
                return await revise(reviser, context.constitution, prompt, first.text, settings, ended=first.ended)
            except PromptUnfit as error:
                context.set_aside(prompt, str(error))
                return []

        red_team = context.prompts_of("red_team", "train")
        others = [*context.prompts_of("helpful", "train"), *context.prompts_of("lookalike", "train")]
        try:
            with context.progress.bar("critique and revision chains", len(red_team)) as bar:
                chains = await gather_window(red_team, chain, done=bar.step)
            with context.progress.bar("helpful answers", len(others)) as bar:
                answers = await gather_window(others, lambda p: self._answer(context, drafter, p), done=bar.step)
        finally:
            await drafter.close()
            await reviser.close()
        return drafts, chains, [(p, a) for p, a in zip(others, answers, strict=True) if a is not None]

    async def _answer(self, context: Context, engine: MemoisedEngine, prompt: Prompt) -> Completion | None:
        s = context.recipe.sl_cai.helpful
        try:
            return await draft(engine, prompt, **s.model_dump(), seed=context.recipe.seed)
        except PromptUnfit as error:
            context.set_aside(prompt, str(error))
            return None
