"""A step: what it depends on, what it makes, and whether what it made last time still holds."""

from __future__ import annotations

import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

from solon.constitution import Phase
from solon.data.rows import BadRow
from solon.errors import ConfigError
from solon.pipeline.context import Context
from solon.pipeline.recipe import Recipe
from solon.runs import Finished
from solon.types import Prompt, conversation, digest


class Step(ABC):
    """One unit of the pipeline. Its key is the hash of everything its result depends on."""

    name: ClassVar[str]
    title: ClassVar[str]
    needs_weights: ClassVar[bool] = False  # trains or loads the policy's weights in this process
    version: ClassVar[int] = 1  # raise when the same inputs give another result

    def after(self, recipe: Recipe) -> tuple[str, ...]:
        """The steps whose files this one reads."""
        return ()

    def requires(self, recipe: Recipe) -> tuple[str, ...]:
        """The steps that must be done before this one."""
        return self.after(recipe)

    def reads(self, context: Context, step: str) -> Any:
        """What the result depends on of a finished step in `after`, as plain data: its files, or less."""
        return context.finished[step].outputs

    @abstractmethod
    def inputs(self, context: Context) -> dict[str, Any]:
        """What the result depends on besides the steps in `after`: plain data, by the name a user knows it by."""

    @abstractmethod
    def make(self, context: Context) -> tuple[list[Path], dict[str, Any]]:
        """Do the work; returns the files or folders made and facts for the report."""

    def parts(self, context: Context, waiting: Collection[str] = ()) -> dict[str, str]:
        """The hash of each part of the key, without the files of the steps in `waiting`.

        Raises KeyError while another step in `after` is not finished.
        """
        named = {"version": self.version, **self.inputs(context)}
        for name in self.after(context.recipe):
            if name not in waiting:
                named[f"after {name}"] = self.reads(context, name)
        return {name: digest(value) for name, value in named.items()}

    def refusal(self, context: Context, facts: dict[str, Any]) -> str | None:
        """Why the run must not go on after this step, in one line; None where it may."""
        return None

    def caution(self, context: Context) -> str | None:
        """What a plan and a run say before this step, in one line; None where there is nothing to say."""
        return None

    def run(self, context: Context) -> tuple[Finished, bool]:
        """The finished record, and whether it was still fresh from an earlier run.

        Raises ConfigError, the record being kept, where the run must not go on.
        """
        if (caution := self.caution(context)) is not None:
            context.progress.warn(caution)
        parts = self.parts(context)
        key = digest([self.name, parts])
        old = context.run.finished(self.name)
        if old is None or old.key != key:
            old = context.adopted(self.name, key)
        fresh = old is not None
        record = old or self._made(context, key, parts)
        if fresh:
            context.quarantine += [BadRow(**row) for row in record.facts["set_aside"]]
        if (why := self.refusal(context, record.facts)) is not None:
            raise ConfigError(why)
        return record, fresh

    def _made(self, context: Context, key: str, parts: dict[str, str]) -> Finished:
        known, asked = len(context.quarantine), context.usage.asked
        started = time.monotonic()
        context.making = (self.name, key)
        outputs, facts = self.make(context)
        if self.needs_weights:
            facts["weights"] = context.policy_weights  # so that a plan can take its rate from here
        facts["calls"] = context.usage.asked - asked
        facts["seconds"] = round(time.monotonic() - started, 2)
        facts["set_aside"] = [asdict(row) for row in context.quarantine[known:]]
        record = context.run.finish(self.name, key, parts, outputs, facts)
        shutil.rmtree(context.path(f"checkpoints/{self.name}"), ignore_errors=True)
        return record


def principles_of(context: Context, phase: Phase) -> dict[str, Any]:
    """What the draws and requests of `phase` depend on. Raises ConfigError where no principle can be drawn in it."""
    law = context.constitution
    if not law.for_phase(phase):
        raise ConfigError(f"constitution: {law.name} has no principle with the phase '{phase}'; give one phases: both")
    return law.used_in(phase)


def listed(prompts: Iterable[Prompt]) -> list[list[str]]:
    """Prompts as plain data for a key."""
    return [[p.id, p.text, p.kind, p.area, p.split, *_further(p)] for p in prompts]


def _further(prompt: Prompt) -> list[str]:
    """What a prompt is besides a single turn; nothing of one that is only that."""
    if not (prompt.context or prompt.later or prompt.draft):
        return []
    return [conversation(prompt.context), *prompt.later, prompt.draft]
