"""Comparisons and their soft labels: pairs of SL-CAI answers, and (draft, revision) pairs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from solon.constitution import Constitution
from solon.data.aims import aim_of
from solon.data.preferences import draft_pairs
from solon.data.tables import batches
from solon.data.truncation import Truncation
from solon.errors import DataError, PromptUnfit
from solon.feedback.calibration import Calibration
from solon.flow import gather_window
from solon.pipeline.context import Context
from solon.pipeline.label_files import LABELS, UNLABELLED, Tally, label_files
from solon.pipeline.labelling import label_each
from solon.pipeline.qualifying import cards_in
from solon.pipeline.recipe import Recipe
from solon.pipeline.step import Step, listed, principles_of
from solon.pipeline.truncated import no_reply, truncated
from solon.revision import draft
from solon.types import Comparison, Completion, Preference, Prompt, Unlabelled

PAIR_COLUMNS = ["prompt_id", "prompt", "before", "revision", "failure", "before_ended"]  # of revisions, that make pairs
AIM = aim_of("red_team")  # of all pairs, which are of replies to red-team prompts
MORE = "; raise max_tokens of sl_cai.draft and rl_cai.answers, or set rl_cai.truncated_pairs=equal_length"

Answered = tuple[Prompt, tuple[Completion, ...]]


class Preferences(Step):
    name = "preferences"
    title = "comparisons and AI labels"
    version = 2

    def after(self, recipe: Recipe) -> tuple[str, ...]:
        """The SL-CAI policy answers, unless another responder is named or no answers are asked for."""
        answers = recipe.rl_cai.policy_pairs != 0 and recipe.roles.responder is None
        fitted = recipe.rl_cai.feedback.calibration != "none"
        return ("revisions", *(["sft"] if answers else []), *(["judge"] if fitted else []))

    def requires(self, recipe: Recipe) -> tuple[str, ...]:
        """The judge must have qualified, whether or not anything on its card is used."""
        return ("judge", *self.after(recipe))

    def inputs(self, context: Context) -> dict[str, Any]:
        recipe = context.recipe
        asked = {"feedback", "answers", "policy_pairs", "truncated_pairs"}
        return {
            "constitution": principles_of(context, "compare"),
            "prompts": listed(self._prompts(context)),
            "aim": AIM,
            "roles.responder": recipe.roles.responder.identity if recipe.roles.responder else None,
            **context.judge_identities(),
            "rl_cai": recipe.rl_cai.model_dump(include=asked),
            "seed": recipe.seed,
        }

    def _prompts(self, context: Context) -> list[Prompt]:
        return context.prompts_of("red_team", "train")[: context.recipe.rl_cai.policy_pairs]

    def caution(self, context: Context) -> str | None:
        return unaimed(context.constitution)

    def make(self, context: Context) -> tuple[list[Path], dict[str, Any]]:
        feedback = context.recipe.rl_cai.feedback
        fitted = cards_in(context.run.folder)[0].fitted if feedback.calibration != "none" else Calibration()
        answered = context.ask(self._answers(context))
        made = [*revision_pairs(context.path("sl_cai/revisions.parquet")), *policy_pairs(answered)]
        rule = Truncation(context.recipe.rl_cai.truncated_pairs)
        pairs, left_out = [], []
        for pair in made:
            admitted = rule.admit(pair)
            if admitted is None:
                left_out.append(rule.left_out(pair))
            else:
                pairs.append(admitted)
        if said := rule.said():
            context.progress.warn(f"preferences: {said}{MORE if rule.rule == 'leave_out' else ''}")
        if not pairs:
            raise DataError(f"preferences: there is no pair to label{f': {rule.said()}' if rule.said() else ''}{MORE}")
        tally, folder = Tally(), context.path("rl_cai")
        with label_files(folder) as write:

            def take(result: Preference | Unlabelled) -> None:
                tally.take(result)
                write(result)

            context.ask(label_each(context, feedback, fitted, pairs, take))
            for unlabelled in left_out:  # in the file of those without a label, and counted apart: no judge failed
                write(unlabelled)
            if not tally.labelled:
                raise DataError(f"preferences: none of {len(pairs)} pairs could be labelled: {tally.said()}")
        answers = [answer for _, both in answered for answer in both]
        facts = {"truncated": {"answers": truncated(answers)}, "truncated_pairs": rule.facts()}
        return [folder / LABELS, folder / UNLABELLED], {**tally.facts(), **facts, "no_reply": no_reply(answers)}

    async def _answers(self, context: Context) -> list[Answered]:
        """Two answers of the responder to each prompt."""
        prompts = self._prompts(context)
        if not prompts:  # the SL-CAI policy, which may answer, need not be there
            return []
        engine, s = context.engine("responder"), context.recipe.rl_cai.answers

        async def pair(prompt: Prompt) -> Answered | None:
            asked = {**s.model_dump(), "seed": context.recipe.seed}
            try:
                return prompt, tuple([await draft(engine, prompt, **asked, index=i) for i in (0, 1)])
            except PromptUnfit as error:
                context.set_aside(prompt, str(error))
                return None

        try:
            with context.progress.bar("pairs of policy answers", len(prompts)) as bar:
                pairs = await gather_window(prompts, pair, done=bar.step)
        finally:
            await engine.close()
        return [p for p in pairs if p is not None]


def policy_pairs(answered: Iterable[Answered]) -> Iterator[Comparison]:
    """The two answers to each prompt, of which both are replies; equal ones become labels of 0.5 and are counted."""
    for prompt, (a, b) in answered:
        if not (a.failure or b.failure):
            yield policy_pair(prompt, a, b)


def policy_pair(prompt: Prompt, a: Completion, b: Completion) -> Comparison:
    name = f"{prompt.id}:policy"
    return Comparison(name, prompt.id, prompt.text, a.text, b.text, "policy", aim=AIM, ended_a=a.ended, ended_b=b.ended)


def unaimed(constitution: Constitution) -> str | None:
    """That the constitution has no principle to compare by that is about what the pairs are about."""
    if constitution.drawn_from(AIM, "compare") is not constitution or not constitution.for_phase("compare"):
        return None
    return (
        f"no principle of {constitution.name} that is compared by has the aim {AIM}, which comparisons of replies to "
        "red-team prompts are about: the judge is asked about any of them"
    )


def revision_pairs(path: Path) -> Iterator[Comparison]:
    """(draft, last revision) of every chain of a revisions file, a chain in memory at a time."""
    for _, rows in groupby(batches(path, PAIR_COLUMNS), key=itemgetter("prompt_id")):
        yield from draft_pairs([*rows], AIM)
