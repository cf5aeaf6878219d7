"""A reward model as a judge: a run's own (`rl_cai/reward_model`) or a published one, by folder or hub id.

Nothing heavy is imported until one is loaded: a plan only asks who it is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from solon.engines import Engine
from solon.engines.local.source import ModelSource, identify, resolve
from solon.errors import ConfigError, ModelError
from solon.files import sha256_file
from solon.pipeline.recipe import Role
from solon.types import ChooseRequest, Fingerprint, Message, digest

if TYPE_CHECKING:
    from solon.engines.local.model import LocalModel
    from solon.engines.local.rewards import RewardEngine
    from solon.training.reward import RewardModel

VERSION = "1"  # raise when the same reply may get another reward
OWN_FILES = (
    "adapter_model.safetensors",
    "reward_head.safetensors",
    "reward.json",
)  # of a reward model that Solon trained


def reward_fingerprint(role: Role) -> Fingerprint | None:
    """Who the reward model of `role` is, nothing fetched or loaded; None for one that is not here. Raises as below."""
    source = identify(_base_or_model(role))
    return _fingerprint(role, source) if source else None


def reward_engine(role: Role) -> RewardEngine:
    """The reward model behind the engine protocol, its weights loaded at the first question.

    Raises ConfigError where the role has no weights here, and ModelError.
    """
    from solon.engines.local.model import LocalModel
    from solon.engines.local.rewards import Classifier, ClassifierRewards, RewardEngine

    source = resolve(_base_or_model(role), role.precision)
    own = base_of(role.model) is not None
    rewards = (
        OwnRewards(LocalModel(source, role.precision), Path(role.model))
        if own
        else ClassifierRewards(Classifier(source, role.precision))
    )
    return RewardEngine(rewards, _fingerprint(role, source), role.batch_size)


def _base_or_model(role: Role) -> str:
    if role.engine != "transformers":
        raise ConfigError(
            f"ask reward_model needs a reward model's weights, which engine {role.engine} has not; use engine "
            "transformers and the model's folder, such as runs/quickstart/rl_cai/reward_model"
        )
    return base_of(role.model) or role.model


def _fingerprint(role: Role, source: ModelSource) -> Fingerprint:
    if base_of(role.model) is None:
        return Fingerprint("reward_model", source.name, source.identity, role.precision, VERSION)
    folder = Path(role.model)
    weights = digest([source.identity, *(sha256_file(folder / name) for name in OWN_FILES)])
    return Fingerprint("reward_model", f"{source.name}+{folder.name}", weights, role.precision, VERSION)


def base_of(model: str) -> str | None:
    """The base of a reward model that Solon trained, as its adapter names it; None for any other model."""
    folder = Path(model)
    if not all((folder / name).is_file() for name in OWN_FILES):
        return None
    try:
        return str(json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"])
    except (OSError, ValueError, KeyError, TypeError):
        raise ModelError(f"model: {model}: its adapter_config.json does not say of which model it is") from None


def reward_at(logprob: float) -> float:
    """The reward whose log σ is `logprob`: the inverse of what a RewardEngine gives, up to rewards of 700."""
    x = max(-logprob, 1e-307)
    return -x - math.log(-math.expm1(-x))


class RewardOf(Protocol):
    """The reward of a reply to a conversation; a reply that has not `ended` was cut off by its token limit."""

    def __call__(self, turns: tuple[Message, ...], reply: str, ended: bool = True, /) -> Awaitable[float]: ...


def rewards_of(engine: Engine) -> RewardOf:
    """The reward of a reply to a conversation, as a reward model behind an engine gives it; NaN where it gives none."""

    async def reward(turns: tuple[Message, ...], reply: str, ended: bool = True) -> float:
        answer = await engine.choose(ChooseRequest(turns, (reply,), ended))
        return reward_at(answer.logprobs[0]) if answer.logprobs else math.nan

    return reward


class OwnRewards:
    """What a reward model that Solon trained says: adapter and heads on its base, loaded at the first question.

    One that reads principles says the mean over those that it was trained on.
    """

    def __init__(self, local: LocalModel, folder: Path) -> None:
        self.local, self._folder = local, folder

    @cached_property
    def _model(self) -> RewardModel:
        from solon.training.reward import RewardModel

        return RewardModel.load(self.local, "reward_model", self._folder)

    def encode(self, turns: Sequence[Message], reply: str, ended: bool = True) -> list[int]:
        return framed(self._model.variants(turns, reply, ended=ended))

    def score(self, rows: Sequence[list[int]]) -> list[float]:
        return [opinion.reward for opinion in self._model.weighed([unframed(row) for row in rows])]


def framed(rows: Sequence[list[int]]) -> list[int]:
    """Rows as one: a single row as it is; several one behind another, each after its length, negated."""
    return rows[0] if len(rows) == 1 else [n for row in rows for n in (-len(row), *row)]


def unframed(row: list[int]) -> list[list[int]]:
    """The rows that `framed` made one. Token ids are never negative."""
    if row[0] >= 0:
        return [row]
    rows, at = [], 0
    while at < len(row):
        end = at + 1 - row[at]
        rows.append(row[at + 1 : end])
        at = end
    return rows
