"""What the user sees while waiting: bars with rate and time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as Bars,
)


@dataclass(slots=True)
class Bar:
    """One running task; call `to` or `step` as it advances."""

    label: str
    bars: Bars | None
    task: int = 0
    done: int = 0
    started: float = field(default_factory=time.monotonic)
    before: int | None = None  # what an earlier session had done: a resumed training's first call is about a later step

    def step(self, *_: object) -> None:
        self.to(self.done + 1)

    def to(self, done: int, total: int | None = None, note: str = "") -> None:
        self.done = done
        if self.before is None:
            self.before = max(0, done - 1)
        if self.bars is not None:
            rate = (done - self.before) / max(time.monotonic() - self.started, 1e-9)
            shown = f"{rate:.1f}/s {note}".strip()
            self.bars.update(self.task, completed=done, total=total, rate=shown)  # type: ignore[arg-type]


class Progress:
    """Writes to stderr; `quiet` shows nothing but warnings."""

    def __init__(self, quiet: bool = False) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.quiet = quiet

    def note(self, text: str) -> None:
        """One plain line."""
        if not self.quiet:
            self.console.print(text, style="dim", markup=False, soft_wrap=True)

    def warn(self, text: str) -> None:
        self.console.print(f"warning: {text}", style="yellow", markup=False, soft_wrap=True)

    def headline(self, text: str) -> None:
        if not self.quiet:
            self.console.print(text, style="bold", markup=False, soft_wrap=True)

    @contextmanager
    def bar(self, label: str, total: int) -> Iterator[Bar]:
        """A bar inside the block; off a terminal one line when it is done."""
        if self.quiet or not self.console.is_terminal:
            started = time.monotonic()
            bar = Bar(label, None)
            yield bar
            self.note(f"  {label}: {bar.done or total} in {time.monotonic() - started:.1f} s")
            return
        columns = (
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Bars(*columns, console=self.console) as bars:
            yield Bar(label, bars, bars.add_task(label, total=total, rate=""))
