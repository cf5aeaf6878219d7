"""The reward of a training on files: a reward model, length and repetition; and the reward models themselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from solon.engines.local.source import resolve
from solon.errors import ConfigError, ModelError, PromptUnfit
from solon.files import sha256_file
from solon.pipeline.rewards import OWN_FILES, base_of
from solon.pipeline.training.job import Goal
from solon.pipeline.training.start import CONFIG, fitting
from solon.settings import RewardTerm
from solon.types import Turns, digest

if TYPE_CHECKING:
    from solon.engines.local.model import LocalModel
    from solon.engines.local.rewards import ClassifierRewards
    from solon.training.reward import RewardModel
    from solon.training.rewards.composite import Composite
    from solon.training.rewards.terms import Term

PENALTIES = ("length", "repetition")
BATCH = 16  # answers that a published reward model reads at once


class Scorer(Protocol):
    """A reward model. `room` is how many tokens of its context a prompt leaves for an answer, < 0 where too few.

    `ended` is false for an answer that its token limit cut off; None: all ended.
    """

    def score(
        self, prompts: Sequence[Turns], responses: Sequence[str], *, ended: Sequence[bool] | None = None
    ) -> list[float]: ...

    def room(self, prompt: Turns) -> int: ...


def check_goal(goal: Goal) -> None:
    """Raises ConfigError for a goal that no file can serve, ModelError for what is no reward model."""
    from solon.training.rewards.check import check_terms

    for term in goal.terms:
        if term.aim is not None:
            raise ConfigError(
                f"--term: aim {term.aim}: --reward is one reward model; put terms by aim in rl_cai.rewards and use "
                "solon run"
            )
        if term.source not in ("reward_model", *PENALTIES):
            raise ConfigError(
                f"--term: source {term.source} asks a judge about a constitution, which a recipe names: put the term "
                "in rl_cai.rewards and use solon run"
            )
        if term.source == "reward_model" and goal.reward is None:
            raise ConfigError(
                "which reward model? --reward runs/train-reward/model, a folder that solon train reward made; or a "
                "published sequence classifier, by folder or hub id"
            )
    check_terms(goal.terms)
    for option, model in (("--reward", goal.reward), ("--gold", goal.gold)):
        if model is not None:
            _check_folder(option, Path(model))


def _check_folder(option: str, folder: Path) -> None:
    """Refuse a folder that is an adapter without a reward head, or that holds the model one level deeper."""
    if base_of(str(folder / "model")) is not None:
        raise ModelError(f"{option}: {folder} is no model; did you mean {folder / 'model'}?")
    if own := sorted(one.name for one in folder.glob("*") if base_of(str(one)) is not None):
        raise ModelError(f"{option}: {folder} has a reward model for each aim; give one, such as {folder / own[0]}")
    if (folder / CONFIG).is_file() and base_of(str(folder)) is None:
        raise ModelError(f"{option}: {folder} is an adapter without a reward head; solon train reward makes one")


def scorer_identity(model: str | None, precision: str) -> str | None:
    """What a reward model's scores depend on besides the policy's base. Raises ModelError."""
    if model is None:
        return None
    if base_of(model) is None:
        return resolve(model, precision).identity
    return digest([sha256_file(Path(model) / name) for name in OWN_FILES])


def load_scorer(local: LocalModel, model: str, name: str) -> Scorer:
    """One that Solon trained as adapter `name` of `local`, else a classifier with weights of its own.

    Raises ModelError, too for one that Solon trained on another base or tokenizer.
    """
    if base_of(model) is None:
        from solon.engines.local.rewards import Classifier, ClassifierRewards

        return Published(ClassifierRewards(Classifier(resolve(model, local.precision), local.precision)))
    from solon.training.reward import RewardModel

    with fitting(f"reward model: {model} cannot be loaded"):
        return Own(RewardModel.load(local, name, Path(model)))


class Own:
    """A reward model that Solon trained, as an adapter of the policy's base."""

    def __init__(self, model: RewardModel) -> None:
        self.model = model

    def score(
        self, prompts: Sequence[Turns], responses: Sequence[str], *, ended: Sequence[bool] | None = None
    ) -> list[float]:
        return self.model.score(prompts, responses, ended=ended)

    def room(self, prompt: Turns) -> int:
        rows = self.model.variants(prompt, "")
        return self.model.local.context - max(map(len, rows))


class Published:
    """A published sequence classifier. It was trained on whole turns and reads every answer as one, cut off or not."""

    def __init__(self, rewards: ClassifierRewards) -> None:
        self.rewards = rewards
        self.rewards.local.model  # noqa: B018  # read now: what cannot be loaded is told before anything is trained

    def score(
        self, prompts: Sequence[Turns], responses: Sequence[str], *, ended: Sequence[bool] | None = None
    ) -> list[float]:
        from solon.training.batches import by_length

        encode = self.rewards.encode
        rows = [encode(p, r) for p, r in zip(prompts, responses, strict=True)]
        out = [0.0] * len(rows)
        for indices in by_length(rows, BATCH, [len(row) for row in rows]):
            for i, reward in zip(indices, self.rewards.score([rows[i] for i in indices]), strict=True):
                out[i] = reward
        return out

    def room(self, prompt: Turns) -> int:
        return self.rewards.local.context - len(self.rewards.encode(prompt, ""))


def reads(scorers: Sequence[Scorer], prompt: Turns, tokens: int) -> str | None:
    """Why a reward model cannot read an answer of `tokens` to this prompt; None where all can."""
    for scorer in scorers:
        try:
            room = scorer.room(prompt)
        except PromptUnfit as error:
            return str(error)
        if room < tokens:
            return f"the reward model's context leaves {max(room, 0)} tokens for an answer, which may have {tokens}"
    return None


def composite(goal: Goal, local: LocalModel, scorer: Scorer | None) -> Composite:
    """The sum of the goal's terms; `check_goal` has seen them."""
    from solon.training.rewards.composite import Composite

    return Composite([(term, _term(term, local, scorer)) for term in goal.terms])


def _term(term: RewardTerm, local: LocalModel, scorer: Any) -> Term:
    from solon.training.rewards.terms import LengthTerm, RewardModelTerm, repetition_term

    if term.source == "length":
        return LengthTerm(local.encode_text, term.free)
    return repetition_term if term.source == "repetition" else RewardModelTerm(scorer)
