"""The steps of a run, in order. Each file holds one; the order is the road."""

from __future__ import annotations

from solon.pipeline.step import Step
from solon.pipeline.steps.evaluate import Evaluate
from solon.pipeline.steps.judge import JudgeCard
from solon.pipeline.steps.policy import Policy
from solon.pipeline.steps.preferences import Preferences
from solon.pipeline.steps.revisions import Revisions
from solon.pipeline.steps.reward_model import RewardModelStep
from solon.pipeline.steps.sft import Sft


def all_steps() -> tuple[Step, ...]:
    """Every step, in the order they run."""
    return Revisions(), Sft(), JudgeCard(), Preferences(), RewardModelStep(), Policy(), Evaluate()
