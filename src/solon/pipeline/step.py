"""A step: what it depends on, what it makes, and whether what it made last time still holds."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

from solon.data.prompts import BadRow
from solon.pipeline.context import Context
from solon.runs import Finished
from solon.types import digest


class Step(ABC):
    """One unit of the pipeline. Its key is the hash of everything its result depends on."""

    name: ClassVar[str]
    title: ClassVar[str]
    after: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 1  # raise when the same inputs give another result

    @abstractmethod
    def inputs(self, context: Context) -> Any:
        """What the result depends on besides the steps in `after`; plain data."""

    @abstractmethod
    def make(self, context: Context) -> tuple[list[Path], dict[str, Any]]:
        """Do the work; returns the files or folders made and facts for the report."""

    def run(self, context: Context) -> tuple[Finished, bool]:
        """The finished record, and whether it was still fresh from an earlier run."""
        before = {name: context.finished[name].outputs for name in self.after}
        key = digest([self.name, self.version, self.inputs(context), before])
        old = context.run.finished(self.name)
        if old and old.key == key:
            context.quarantine += [BadRow(**row) for row in old.facts["set_aside"]]
            return old, True
        known = len(context.quarantine)
        started = time.monotonic()
        outputs, facts = self.make(context)
        facts["seconds"] = round(time.monotonic() - started, 2)
        facts["set_aside"] = [asdict(row) for row in context.quarantine[known:]]
        return context.run.finish(self.name, key, outputs, facts), False
