"""The judge, measured on labelled pairs before anything is spent on its labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from solon.constitution.model import Aim
from solon.feedback.qualification import Card
from solon.files import write_json
from solon.pipeline.context import Context
from solon.pipeline.labelling import labeller
from solon.pipeline.qualifying import CARDS, PAGE, Exam, earlier_card, exam_key, examined, load_exam
from solon.pipeline.step import Step, principles_of
from solon.runs import Finished
from solon.settings import SHOWING, Ask, FeedbackSettings


class QualifyJudge(Step):
    """Writes the card of the judge as it labels, then those of other ways of asking it, which meet no attacks.

    The cards are kept whether or not the judge qualified: a run that stops here asks nothing when it runs again.
    """

    name = "judge"
    title = "judge qualification"

    def inputs(self, context: Context) -> dict[str, Any]:
        recipe = context.recipe
        qualify = recipe.rl_cai.qualify
        return {
            "constitution": principles_of(context, "compare"),
            "rl_cai.qualify": [qualify.model_dump(), *exam_key(qualify)],
            **context.judge_identities(),
            "rl_cai.feedback": recipe.rl_cai.feedback.model_dump(),
            "seed": recipe.seed,
        }

    def exam(self, context: Context) -> Exam | None:
        """What the judge is asked; None where it need show nothing, or has a card to show."""
        qualify = context.recipe.rl_cai.qualify
        return load_exam(qualify) if qualify.data is not None and qualify.card is None else None

    def ways(self, context: Context) -> list[FeedbackSettings]:
        """The way that labels, then the others; those that cannot show exemplars are measured without."""
        feedback = context.recipe.rl_cai.feedback
        asks: list[Ask] = list(dict.fromkeys((feedback.ask, *context.recipe.rl_cai.qualify.also)))
        return [feedback.model_copy(update=_another(ask, feedback) if ask != feedback.ask else {}) for ask in asks]

    def run(self, context: Context) -> tuple[Finished, bool]:
        record, fresh = super().run(context)
        asked = sorted({aim for kind in context.recipe.prompts.values() for aim in kind.aims})
        for caution in (_caution(record.facts), _unexamined(record.facts, asked)):
            if caution is not None:
                context.progress.warn(caution)
        return record, fresh

    def make(self, context: Context) -> tuple[list[Path], dict[str, Any]]:
        exam, qualify = self.exam(context), context.recipe.rl_cai.qualify
        if exam is not None:
            context.quarantine += exam.bad
            first, *others = self.ways(context)
            cards = [_examined(context, first, exam)]
            cards += [_examined(context, way, exam.without_attacks()) for way in others]
        else:
            feedback = context.recipe.rl_cai.feedback
            engines = context.judges(feedback)
            labeller(engines, context.constitution, feedback, context.recipe.seed)  # refuses what cannot be asked
            card = qualify.card
            cards = [earlier_card(card, engines, context.constitution, feedback, qualify)] if card else []
        path = context.path(CARDS)
        write_json(path, [card.model_dump(mode="json") for card in cards])
        return [path], _facts(cards) | {"unqualified": qualify.unqualified}

    def refusal(self, context: Context, facts: dict[str, Any]) -> str | None:
        """That the judge did not qualify, where the recipe says to stop then, or has nothing to be calibrated on."""
        wanted = context.recipe.rl_cai.feedback.calibration
        if wanted not in ("none", facts["calibration"]):
            return (
                f"rl_cai.feedback.calibration: {facts['size']} labelled pairs are too few to fit {wanted} on; "
                "name more in rl_cai.qualify.data, or set it to none"
            )
        if facts["qualified"] is not False or context.recipe.rl_cai.qualify.unqualified == "use":
            return None
        return (
            f"judge: {_said(facts)}; see {context.path(PAGE)}; choose another judge or way of asking, "
            "lower rl_cai.qualify.bar, or set rl_cai.qualify.unqualified=use"
        )


def _another(ask: Ask, feedback: FeedbackSettings) -> dict[str, Any]:
    return {"ask": ask, "ask_about": {}, "exemplars": feedback.exemplars if ask in SHOWING else 0}


def _examined(context: Context, settings: FeedbackSettings, exam: Exam) -> Card:
    recipe = context.recipe
    engines = context.judges(settings)
    asked = labeller(engines, context.constitution, settings, recipe.seed)

    async def work() -> Card:
        try:
            with context.progress.bar(f"labelled pairs ({settings.ask})", len(exam.pairs)) as bar:
                return await examined(asked, engines, exam, recipe.rl_cai.qualify.bar, done=bar.to)
        finally:
            for _, engine in engines:
                await engine.close()

    return context.ask(work())


def _facts(cards: list[Card]) -> dict[str, Any]:
    if not cards:
        return {"size": 0, "judge": "", "qualified": None, "reasons": [], "calibration": "none"}
    card = cards[0]
    return {
        "size": card.data.rows,
        "judge": ", ".join(dict.fromkeys(judge.model for judge in card.judge)),
        "qualified": card.qualified,
        "reasons": card.reasons,
        "calibration": card.fitted.method,
        "aims": sorted(aim for aim in card.agreement.by_aim if aim),
    }


def _unexamined(facts: dict[str, Any], asked: Sequence[str]) -> str | None:
    """That the labelled pairs say what they are about, and none is about something that the judge is asked about."""
    aims = facts.get("aims") or []
    lacking = [aim for aim in asked if aim not in aims]
    if not lacking or not set(aims) & set(get_args(Aim)):
        return None
    about = " or ".join(lacking)
    return f"the labelled pairs are about {', '.join(aims)}; none is about {about}, which the run asks the judge about"


def _said(facts: dict[str, Any]) -> str:
    return f"{facts['judge']} is not qualified ({'; '.join(facts['reasons'])})"


def _caution(facts: dict[str, Any]) -> str | None:
    """What is to be said of a judge that labels without having qualified."""
    if facts["qualified"] is None:
        return "the judge is measured on no labelled pairs (rl_cai.qualify.data is null): nothing vouches for it"
    return None if facts["qualified"] else f"judge: {_said(facts)}; it labels all the same (rl_cai.qualify.unqualified)"
