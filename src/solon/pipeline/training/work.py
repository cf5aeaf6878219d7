"""What a training is given once model and file are read, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from solon.data.rows import BadRow
from solon.evaluation import DECLINED, conduct
from solon.pipeline.training.job import Job
from solon.settings import GuardSettings, Method
from solon.types import Turns

if TYPE_CHECKING:
    from solon.engines.local.model import LocalModel
    from solon.training.checkpoints import Checkpoints
    from solon.training.guards import Gold, Guards
    from solon.training.task import History

TARGET = "policy"  # the name of the adapter that learns


@dataclass(frozen=True, slots=True)
class Work:
    """`items` of the job's file, which had `format`, to train `local` on.

    `reference` is the adapter that training starts from, None for the bare model. `set_aside` takes the items
    that cannot be used after all; `tell` hears each alarm of a guard.
    """

    job: Job
    local: LocalModel
    reference: str | None
    format: str
    items: Sequence[Any]
    checkpoints: Checkpoints
    tick: Callable[[int, int, Mapping[str, float]], None]
    set_aside: Callable[[Sequence[BadRow]], None]
    tell: Callable[[str], None]

    @property
    def method(self) -> Method:
        """The verb as a way of training the policy."""
        method: Method = self.job.verb  # type: ignore[assignment]
        return method


@dataclass(frozen=True, slots=True)
class Made:
    """The numbers by step, what writes the model to a folder, and facts for the manifest."""

    history: History
    save: Callable[[Path], None]
    facts: dict[str, Any] = field(default_factory=dict)


def adapter_made(work: Work, history: History, facts: dict[str, Any] | None = None) -> Made:
    """The adapter TARGET, to be saved as PEFT writes it."""
    from solon.training.adapters import adapter_state, save_adapter

    state = adapter_state(work.local, TARGET)  # here, where every process is
    return Made(history, lambda folder: save_adapter(work.local, TARGET, folder, state), facts or {})


def guards_of(work: Work, harmless: frozenset[Turns] = frozenset(), gold: Gold | None = None) -> Guards:
    """The job's guards; `harmless` are the prompts that are known to ask for nothing wrong."""
    from solon.training.guards import Guards

    settings = work.job.goal.guards if work.job.goal else GuardSettings()
    return Guards(
        settings, lambda answer: conduct(answer) in DECLINED, harmless.__contains__, gold=gold, tell=work.tell
    )
