"""Comparisons and their soft labels: pairs of policy answers, of draft and revision, of an answer and a refusal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from solon.constitution import Constitution
from solon.data.truncation import Truncation
from solon.errors import DataError, PromptUnfit
from solon.feedback.calibration import Calibration
from solon.flow import gather_window
from solon.pipeline.aiming import compared_kinds
from solon.pipeline.context import Context
from solon.pipeline.human import human_inputs, human_pairs
from solon.pipeline.label_files import LABELS, UNLABELLED, Tally, label_files
from solon.pipeline.labelling import label_each
from solon.pipeline.pairing import Answered, contrasting, policy_pairs, policy_prompts, prompts_by_id, revision_pairs
from solon.pipeline.qualifying import cards_in
from solon.pipeline.recipe import Recipe
from solon.pipeline.step import Step, listed, principles_of
from solon.pipeline.telling import Telling, leaves_out
from solon.pipeline.truncated import no_reply, truncated
from solon.revision import draft
from solon.types import Comparison, Preference, Prompt, Unlabelled

MORE = "; raise max_tokens of sl_cai.draft and rl_cai.answers, or set rl_cai.truncated_pairs=equal_length"


class Preferences(Step):
    name = "preferences"
    title = "comparisons and AI labels"
    version = 3

    def after(self, recipe: Recipe) -> tuple[str, ...]:
        """The SL-CAI policy answers, unless another responder is named or no answers are asked for."""
        answers = recipe.rl_cai.asks_policy and recipe.roles.responder is None
        card = recipe.rl_cai.feedback.calibration != "none" or leaves_out(recipe)
        return ("revisions", *(["sft"] if answers else []), *(["judge"] if card else []))

    def reads(self, context: Context, step: str) -> Any:
        """Of the judge's card what labels are fitted by, and how it did on each kind of pair."""
        if step != "judge":
            return super().reads(context, step)
        cards, recipe = cards_in(context.run.folder)[:1], context.recipe
        fitted = [asdict(card.fitted) for card in cards] if recipe.rl_cai.feedback.calibration != "none" else []
        shares = Telling.of(cards, recipe).measured if leaves_out(recipe) else {}
        return {"fitted": fitted, "kinds": {kind: [share.hits, share.n] for kind, share in shares.items()}}

    def requires(self, recipe: Recipe) -> tuple[str, ...]:
        """The judge must have qualified, whether or not anything on its card is used."""
        return ("judge", *self.after(recipe))

    def inputs(self, context: Context) -> dict[str, Any]:
        recipe = context.recipe
        asked = {"feedback", "answers", "policy_pairs", "contrast_pairs", "truncated_pairs"}
        return {
            "constitution": principles_of(context, "compare"),
            "prompts": listed(context.all_prompts("train")),
            "aims": recipe.aims,
            **human_inputs(recipe),
            "roles.responder": recipe.roles.responder.identity if recipe.roles.responder else None,
            **context.judge_identities(),
            "rl_cai": recipe.rl_cai.model_dump(include=asked),
            "seed": recipe.seed,
        }

    def caution(self, context: Context) -> str | None:
        return unaimed(context.constitution, context.recipe)

    def make(self, context: Context) -> tuple[list[Path], dict[str, Any]]:
        feedback = context.recipe.rl_cai.feedback
        cards = cards_in(context.run.folder)
        fitted = cards[0].fitted if feedback.calibration != "none" else Calibration()
        answered, prompts = context.ask(self._answers(context)), prompts_by_id(context)
        rule, telling = Truncation(context.recipe.rl_cai.truncated_pairs), Telling.of(cards[:1], context.recipe)
        pairs, left_out = [], []
        for pair in self._pairs(context, answered, prompts):
            admitted = rule.admit(pair)
            if admitted is None:
                left_out.append(rule.left_out(pair))
            elif (why := telling.cannot(admitted)) is not None:
                left_out.append(Unlabelled(admitted, why))
            else:
                pairs.append(admitted)
        if said := rule.said():
            context.progress.warn(f"preferences: {said}{MORE if rule.rule == 'leave_out' else ''}")
        for said in telling.said():
            context.progress.warn(f"preferences: {said}")
        if not pairs:
            why = rule.said() or "; ".join(telling.said())
            raise DataError(f"preferences: there is no pair to label{f': {why}' if why else ''}{MORE}")
        harmful = {name for name, prompt in prompts.items() if prompt.harmful}
        tally, folder = Tally(harmful), context.path("rl_cai")
        with label_files(folder) as write:

            def take(result: Preference | Unlabelled) -> None:
                tally.take(result)
                write(result)

            chosen = context.ask(label_each(context, feedback, fitted, pairs, take))
            for unlabelled in left_out:  # in the file of those without a label, and counted apart: no judge failed
                write(unlabelled)
            if not tally.labelled:
                raise DataError(f"preferences: none of {len(pairs)} pairs could be labelled: {tally.said()}")
            human = Counter[str]()
            for preference in human_pairs(context):
                human[preference.comparison.source] += 1
                write(preference)
        answers = [answer for _, both in answered for answer in both]
        facts = {
            "truncated": {"answers": truncated(answers)},
            "truncated_pairs": rule.facts(),
            "untold_pairs": telling.facts(),
            "human": dict(human),
            **chosen,
        }
        return [folder / LABELS, folder / UNLABELLED], {**tally.facts(), **facts, "no_reply": no_reply(answers)}

    def _pairs(self, context: Context, answered: Sequence[Answered], prompts: Mapping[str, Prompt]) -> list[Comparison]:
        return [
            *revision_pairs(context.path("sl_cai/revisions.parquet"), prompts),
            *policy_pairs(answered),
            *contrasting(context),
        ]

    async def _answers(self, context: Context) -> list[Answered]:
        """Two answers of the responder to each prompt."""
        prompts = policy_prompts(context)
        if not prompts:  # the SL-CAI policy, which may answer, need not be there
            return []
        engine, s = context.engine("responder"), context.recipe.rl_cai.answers

        async def pair(prompt: Prompt) -> Answered | None:
            asked = {**s.model_dump(), "seed": context.recipe.seed}
            try:
                # What comes later is asked once: both answers are to the same conversation.
                answered, first = await draft(engine, prompt, **asked)
                return answered, (first, (await draft(engine, answered, **asked, index=1))[1])
            except PromptUnfit as error:
                context.set_aside(prompt, str(error))
                return None

        try:
            with context.progress.bar("pairs of policy answers", len(prompts)) as bar:
                pairs = await gather_window(prompts, pair, done=bar.step)
        finally:
            await engine.close()
        return [p for p in pairs if p is not None]


def unaimed(constitution: Constitution, recipe: Recipe) -> str | None:
    """That the constitution has no principle to compare by that is about what some pairs are about."""
    if not constitution.for_phase("compare"):
        return None
    kinds = compared_kinds(constitution, recipe)
    asked = {aim: kind for kind in kinds for aim in recipe.prompts[kind].aims}
    lacking = [aim for aim in asked if not any(p.aim == aim for p in constitution.for_phase("compare"))]
    if not lacking:
        return None
    return (
        f"no principle of {constitution.name} that is compared by has the aim {' or '.join(lacking)}, which "
        f"comparisons on {' and '.join(asked[aim] for aim in lacking)} prompts are about: the judge is asked about any "
        "of them"
    )
