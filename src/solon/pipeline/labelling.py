"""The judges of a run on its comparisons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

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
    """The labeller that asks every engine in its way; several are a panel."""

    def built(ask: Ask, engine: Engine) -> Judge:
        if ask == "reward_model":
            return RewardModelJudge(rewards_of(engine), engine.fingerprint)
        own: dict[str, Any] = {"ask": ask, "ask_about": {}} if ask != settings.ask else {}
        return build_judge(settings.model_copy(update=own), engine, constitution, seed)

    judges = tuple(built(ask, engine) for ask, engine in engines)
    judge = judges[0] if len(judges) == 1 else PanelJudge(judges)
    return Labeller(judge, constitution, settings, seed, calibration)


async def label_each(
    context: Context,
    settings: FeedbackSettings,
    calibration: Calibration,
    comparisons: Sequence[Comparison],
    take: Callable[[Preference | Unlabelled], None],
) -> None:
    """Label the comparisons by the run's judges; `take` gets each label in their order, and none is kept."""
    engines = context.judges(settings)
    label = labeller(engines, context.constitution, settings, context.recipe.seed, calibration).label
    try:
        with context.progress.bar("AI labels", len(comparisons)) as bar:
            await hand_over(comparisons, label, lambda _, result: take(result), done=bar.step)
    finally:
        for _, engine in engines:
            await engine.close()
