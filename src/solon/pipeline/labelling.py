"""The judges of a run on its comparisons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from solon.choosing import Chooser
from solon.constitution import Constitution
from solon.engines import Engine
from solon.feedback import Judge, Labeller, build_judge
from solon.feedback.calibration import Calibration
from solon.feedback.judges import PanelJudge, RewardModelJudge
from solon.flow import hand_over
from solon.pipeline.context import Context
from solon.pipeline.rewards import rewards_of
from solon.settings import Ask, FeedbackSettings
from solon.types import Comparison, Preference, Unlabelled


def labeller(
    engines: Sequence[tuple[Ask, Engine]],
    constitution: Constitution,
    settings: FeedbackSettings,
    seed: int,
    calibration: Calibration = Calibration(),  # noqa: B008  # frozen
) -> Labeller:
    """The labeller that asks every engine in its way; several are a panel, whose first one chooses principles."""

    def built(ask: Ask, engine: Engine) -> Judge:
        if ask == "reward_model":
            return RewardModelJudge(rewards_of(engine), engine.fingerprint)
        own: dict[str, Any] = {"ask": ask, "ask_about": {}} if ask != settings.ask else {}
        return build_judge(settings.model_copy(update=own), engine, constitution, seed)

    judges = tuple(built(ask, engine) for ask, engine in engines)
    judge = judges[0] if len(judges) == 1 else PanelJudge(judges)
    chooser = Chooser(engines[0][1]) if settings.choose == "relevant" else None
    return Labeller(judge, constitution, settings, seed, calibration, chooser)


async def label_each(
    context: Context,
    settings: FeedbackSettings,
    calibration: Calibration,
    comparisons: Sequence[Comparison],
    take: Callable[[Preference | Unlabelled], None],
) -> dict[str, Any]:
    """Label the comparisons by the run's judges; `take` gets each label in their order, and none is kept.

    Returns what is to be recorded of how principles were chosen: nothing where they are drawn at random.
    """
    engines = context.judges(settings)
    labels = labeller(engines, context.constitution, settings, context.recipe.seed, calibration)
    try:
        with context.progress.bar("AI labels", len(comparisons)) as bar:
            await hand_over(comparisons, labels.label, lambda _, result: take(result), done=bar.step)
    finally:
        for _, engine in engines:
            await engine.close()
    return chosen_facts(context, labels.chooser, "preferences")


def chosen_facts(context: Context, chooser: Chooser | None, step: str) -> dict[str, Any]:
    """How a step's principles were chosen, for its record; what could not be read is said."""
    if chooser is None:
        return {}
    if said := chooser.said():
        context.progress.warn(f"{step}: {said}")
    return {"chosen": chooser.facts()}
