"""Comparisons and their soft labels: pairs of SL-CAI answers, and (draft, revision) pairs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from solon.constitution import Constitution
from solon.data.aims import aim_of
from solon.data.preferences import draft_pairs
from solon.data.tables import batches
from solon.errors import DataError, PromptTooLong
from solon.feedback.calibration import Calibration
from solon.flow import gather_window
from solon.pipeline.context import Context
from solon.pipeline.label_files import LABELS, UNLABELLED, Tally, label_files
from solon.pipeline.labelling import label_each
from solon.pipeline.qualifying import cards_in
from solon.pipeline.recipe import Recipe
from solon.pipeline.step import Step, listed, principles_of
from solon.types import Comparison, GenerateRequest, Preference, Prompt, Unlabelled, user

PAIR_COLUMNS = ["prompt_id", "prompt", "before", "revision", "failure"]  # of revisions, that make pairs
AIM = aim_of("red_team")  # of all pairs, which are of replies to red-team prompts


class Preferences(Step):
    name = "preferences"
    title = "comparisons and AI labels"

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
        asked = {"feedback", "answers", "policy_pairs"}
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
        pairs = [*revision_pairs(context.path("sl_cai/revisions.parquet")), *context.ask(self._policy_pairs(context))]
        tally, folder = Tally(), context.path("rl_cai")
        with label_files(folder) as write:

            def take(result: Preference | Unlabelled) -> None:
                tally.take(result)
                write(result)

            context.ask(label_each(context, feedback, fitted, pairs, take))
            if not tally.labelled:
                raise DataError(f"preferences: none of {len(pairs)} pairs could be labelled: {tally.said()}")
        return [folder / LABELS, folder / UNLABELLED], tally.facts()

    async def _policy_pairs(self, context: Context) -> list[Comparison]:
        """Two answers of the responder to each prompt; equal ones become labels of 0.5 and are counted."""
        prompts = self._prompts(context)
        if not prompts:  # the SL-CAI policy, which may answer, need not be there
            return []
        engine, s = context.engine("responder"), context.recipe.rl_cai.answers

        async def pair(prompt: Prompt) -> Comparison | None:
            asked = [
                GenerateRequest((user(prompt.text),), s.max_tokens, s.temperature, 1.0, context.recipe.seed, i)
                for i in (0, 1)
            ]
            try:
                a, b = [(await engine.generate(request)).text for request in asked]
            except PromptTooLong as error:
                context.set_aside(prompt, str(error))
                return None
            return Comparison(f"{prompt.id}:policy", prompt.id, prompt.text, a, b, "policy", aim=AIM)

        try:
            with context.progress.bar("pairs of policy answers", len(prompts)) as bar:
                pairs = await gather_window(prompts, pair, done=bar.step)
        finally:
            await engine.close()
        return [p for p in pairs if p is not None]


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
