"""Drafts, critiques and revisions of the kinds that are chained; sampled answers to prompts that ask for no harm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from solon.choosing import Chooser
from solon.constitution import Constitution
from solon.data.mix import MANY_REFUSALS, Limits, Mixed, mixed
from solon.data.sft import at_most, critique_rows, helpful_rows, revision_rows, said_in
from solon.data.tables import write_rows
from solon.errors import DataError, PromptUnfit
from solon.evaluation.refusal import declines
from solon.flow import gather_window
from solon.pipeline.context import Context
from solon.pipeline.demonstrated import demonstrated
from solon.pipeline.labelling import chosen_facts
from solon.pipeline.recipe import Recipe
from solon.pipeline.step import Step, listed, principles_of
from solon.pipeline.truncated import no_reply, truncated
from solon.prompts.exemplars import shared_exemplars
from solon.repeats import copied, most_repeated
from solon.revision import ChainSettings, draft, first_response, revise
from solon.types import Completion, Prompt, Revision

FAILED = ("empty", "truncated", "withheld", "reverted")  # how a revision can fail
ANSWERS = "sl_cai/answers.parquet"
Sampled = tuple[Prompt, Completion]  # a prompt as it was answered, and the answer


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
        keep=None if recipe.sl_cai.keep == "all" else no_step_back,
    )


def no_step_back(prompt: Prompt, before: str, revision: str) -> bool:
    """Whether a revision keeps to what its kind is for: no answer to harm becomes of a refusal, and no refusal of what
    asks for none. A refusal of a harmless prompt that was one before is none either: there is nothing to learn."""
    return not declines(before) or declines(revision) if prompt.harmful else not declines(revision)


def meets(prompt: Prompt, text: str) -> bool:
    """Whether a text does what its prompt's kind is for: declines harm, answers what asks for none."""
    return declines(text) is prompt.harmful


class Revisions(Step):
    name = "revisions"
    title = "drafts, critiques and revisions"
    version = 4

    def inputs(self, context: Context) -> dict[str, Any]:
        recipe = context.recipe
        settings = chain_settings(recipe, context.constitution)
        return {
            "constitution": principles_of(context, "revise"),
            "prompts": listed(context.all_prompts("train")),
            "aims": recipe.aims,
            "roles.drafter": context.role("drafter").identity,
            "roles.reviser": context.role("reviser").identity,
            "sl_cai": recipe.sl_cai.model_dump(exclude={"sft"}),
            "seed": recipe.seed,
            "exemplars": [e.model_dump() for e in settings.exemplars],
        }

    def make(self, context: Context) -> tuple[list[Path], dict[str, Any]]:
        drafts, chains, answers, chosen = context.ask(self._write(context))
        steps = [step for chain in chains for step in chain]
        if not any(step.failure is None for step in steps):
            raise DataError("revisions: no chain gave a revision; see the prompts' quarantine and the reviser's limits")
        made = [step.revision for step in steps if step.failure is None]
        answered = [one for several in answers for one in several]
        mix = self._mix(context, steps, answered)
        sources = [row["source"] for row in mix.rows]
        refusals = sum(map(declines, said_in(mix.rows)))
        if refusals > MANY_REFUSALS * len(mix.rows):
            context.progress.warn(_many(refusals, len(mix.rows)))
        paths = [context.path(name) for name in ("sl_cai/revisions.parquet", "sl_cai/sft.parquet", ANSWERS)]
        write_rows(paths[0], [asdict(step) for step in steps])
        write_rows(paths[1], mix.rows)
        write_rows(paths[2], [row for several in answers for row in answer_rows(several)])
        facts = {
            "chains": len(chains),
            "revisions": len(made),
            "failed": {why: sum(s.failure == why for s in steps) for why in FAILED},
            "helpful_sampled": len(answered),
            "truncated": {
                "drafts": truncated(drafts),
                "helpful": truncated([answer for _, answer in answered]),
                "critiques": {"cut": sum(step.critique_ended is False for step in steps), "of": len(steps)},
                "revisions": {"cut": sum(not step.ended for step in steps), "of": len(steps)},
            },
            "no_reply": no_reply([*drafts, *(answer for _, answer in answered)]),
            "mix": {source: sources.count(source) for source in sorted(set(sources))},
            "mix_left_out": {why: n for why, n in mix.left_out.items() if n},
            "refusals": {"count": refusals, "of": len(mix.rows)},
            "copied": sum(copied(made, demonstrated(context.recipe, context.constitution))),
            "most_repeated": most_repeated(made).facts(),
            **chosen,
        }
        return paths, facts

    def _mix(self, context: Context, steps: list[Revision], answered: list[Sampled]) -> Mixed:
        """Revisions, helpful answers and critiques, within the recipe's limits."""
        wanted = context.recipe.sl_cai
        asked = {p.id: p for p in context.all_prompts("train")}
        revised = revision_rows(steps, wanted.rounds)
        critiqued = critique_rows(steps, context.constitution, wanted.critique_share)
        taught = len(revised) + len(critiqued)
        if wanted.keep == "aimed":
            said = zip(revised, said_in(revised), strict=True)
            revised = [row for row, text in said if meets(asked[row["prompt_id"]], text)]
            # A critique goes with the revision it led to.
            fit = [step for step in steps if meets(asked[step.prompt_id], step.revision)]
            critiqued = critique_rows(fit, context.constitution, wanted.critique_share)
        useful = [(p, a) for p, a in answered if wanted.keep == "all" or not declines(a.text)]
        sampled = helpful_rows(useful)
        helpful = at_most(sampled, wanted.helpful_share, len(revised) + len(critiqued))
        limits = Limits(wanted.mix.repeats, wanted.mix.shares, wanted.mix.refusals)
        kinds = {name: prompt.kind for name, prompt in asked.items()}
        mix = mixed([*revised, *helpful, *critiqued], limits, kinds, declines)
        left_out = {
            "aimed": taught - len(revised) - len(critiqued),
            "keep": len(answered) - len(useful),
            "helpful_share": len(sampled) - len(helpful),
        }
        left_out |= mix.left_out
        if not mix.rows:
            why = ", ".join(f"{n} by {name}" for name, n in left_out.items() if n)
            raise DataError(
                f"revisions: no row is left for SL-CAI to learn (left out: {why or 'none'}); loosen sl_cai.keep, "
                "sl_cai.mix or sl_cai.helpful_share"
            )
        return Mixed(mix.rows, left_out)

    async def _write(
        self, context: Context
    ) -> tuple[list[Completion], list[list[Revision]], list[tuple[Sampled, ...]], dict[str, Any]]:
        """Every draft, every chain in full, the sampled answers to every prompt, and how principles were chosen."""
        recipe, seed = context.recipe, context.recipe.seed
        drafter, reviser = context.engine("drafter"), context.engine("reviser")
        settings, sampling = chain_settings(recipe, context.constitution), recipe.sl_cai.draft

        chooser = Chooser(reviser) if recipe.sl_cai.revision.choose == "relevant" else None
        drafts: list[Completion] = []

        async def chain(prompt: Prompt) -> list[Revision]:
            try:
                asked, first = await first_response(drafter, prompt, **sampling.model_dump(), seed=seed)
                if not prompt.draft:
                    drafts.append(first)
                if first.failure:  # no words, so nothing to criticise
                    return []
                law, text = context.constitution, first.text
                return await revise(reviser, law, asked, text, settings, ended=first.ended, chooser=chooser)
            except PromptUnfit as error:
                context.set_aside(prompt, str(error))
                return []

        async def answer(prompt: Prompt) -> tuple[Sampled, ...]:
            s = {**recipe.sl_cai.helpful.model_dump(), "seed": seed}
            try:
                return tuple([await draft(drafter, prompt, **s, index=i) for i in range(recipe.sl_cai.mix.samples)])
            except PromptUnfit as error:
                context.set_aside(prompt, str(error))
                return ()

        chained, others = context.chained, context.answered
        try:
            with context.progress.bar("critique and revision chains", len(chained)) as bar:
                chains = await gather_window(chained, chain, done=bar.step)
            with context.progress.bar("helpful answers", len(others)) as bar:
                answers = await gather_window(others, answer, done=bar.step)
        finally:
            await drafter.close()
            await reviser.close()
        return drafts, chains, answers, chosen_facts(context, chooser, "revisions")


def answer_rows(answers: Sequence[Sampled]) -> Iterator[dict[str, Any]]:
    """The sampled answers to a prompt, as rows, each with the conversation that it answers."""
    for n, (prompt, answer) in enumerate(answers):
        yield {
            "prompt_id": prompt.id,
            "kind": prompt.kind,
            "prompt": prompt.text,
            "context": [turn.as_dict() for turn in prompt.context],
            "sample": n,
            "answer": answer.text,
            "failure": answer.failure,
            "ended": answer.ended,
        }


def _many(refusals: int, rows: int) -> str:
    return (
        f"sl_cai.mix: {refusals} of {rows} rows ({refusals / rows:.0%}) decline, and a model that learns mostly "
        "refusals refuses what is harmless, too: raise sl_cai.mix.samples, add helpful prompts, or set "
        "sl_cai.mix.refusals"
    )
