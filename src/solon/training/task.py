"""What every way of training the policy is given, and what it gives back: the trainer's caller is blind to the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from solon.engines.local.model import LocalModel
from solon.errors import EngineError
from solon.training.checkpoints import Checkpoints
from solon.types import Turns

# Called with step, total and the newest numbers.
Progress = Callable[[int, int, Mapping[str, float]], None]
History = list[dict[str, float]]


@dataclass(frozen=True, slots=True)
class Scores:
    """The rewards of a batch of answers, higher being better, and the unweighted terms they are made of, by name.

    `numbers` are of the whole batch, of all processes, such as a constraint's multiplier: the step's log has them.
    """

    total: list[float]
    terms: dict[str, list[float]] = field(default_factory=dict)
    numbers: dict[str, float] = field(default_factory=dict)


class Reward(Protocol):
    """Rewards of answers to prompts, which are conversations; the last turn is the user's. NaN is loud: the trainer
    stops on it.

    `ended` is false for an answer that was cut off by its token limit: a reward model must not read an end there.
    """

    def __call__(self, prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool], /) -> Scores: ...


def unrewarded(prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool]) -> Scores:
    """The reward of ways of training that learn from labels. Raises EngineError, for they never ask it."""
    raise EngineError("this way of training learns from preferences and has no reward")


def state_of(reward: Reward) -> dict[str, Any]:
    """The state of a reward that has one, such as a composite's spreads, as plain data; {} of one that has none."""
    read = getattr(reward, "state", None)
    return dict(read()) if read else {}


def restore_reward(reward: Reward, state: Mapping[str, Any]) -> None:
    """Give a reward the state that `state_of` returned."""
    put_back = getattr(reward, "restore", None)
    if put_back and state:
        put_back(state)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a step showed of the policy. `reward`, `kl` (nats per answer, against the reference) and `entropy` (nats
    per token) are means over the answers; NaN where the way of training has none. `ended` is false for an answer that
    was cut off by the limit of tokens; empty where that is not known."""

    step: int
    prompts: Sequence[Turns]
    answers: Sequence[str]
    tokens: Sequence[int]
    reward: float
    kl: float
    entropy: float
    ended: Sequence[bool] = ()


class Watch(Protocol):
    """Looks at every step. `see` returns the numbers it adds to the step's; `stop` is the reason to end, or None.

    `best` is the step whose weights are to be put back when it says stop; None where there is none to name. `state` is
    plain data that `restore` takes back, so that a resumed run watches on as if unbroken.
    """

    @property
    def stop(self) -> str | None: ...

    @property
    def best(self) -> int | None: ...

    def see(self, seen: Seen) -> dict[str, float]: ...

    def state(self) -> dict[str, Any]: ...

    def restore(self, state: Mapping[str, Any]) -> None: ...


@runtime_checkable
class Mender(Watch, Protocol):
    """A watch that may ask to have the policy repaired rather than stopped: `repair` is true after a step at which it
    does. Whoever trains puts the weights of step `best` back, ties the policy more closely and says `repaired`."""

    @property
    def repair(self) -> bool: ...

    def repaired(self, kl_coef: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Task:
    """Train adapter `target` of `local`, which starts as a copy of adapter `reference` (None: the base as it is).

    `prompts` are the conversations that answers are sampled to; `preferences` rows of TRL's columns (`prompt`,
    `chosen`, `rejected`: lists of messages) with `prob_chosen` in [0, 1]. A way of training uses what it needs of
    these.
    """

    local: LocalModel
    prompts: Sequence[Turns]
    preferences: Sequence[Mapping[str, Any]]
    reward: Reward
    watch: Watch
    checkpoints: Checkpoints
    seed: int
    tick: Progress
    reference: str | None = "sl_cai"
    target: str = "policy"
