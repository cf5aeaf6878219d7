"""What the user sees while waiting: bars with rate and time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
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

from solon.units import duration

QUIET = 30.0  # most seconds without a word off a terminal


@dataclass(slots=True)
class Bar:
    """One running task; call `to` or `step` as it advances.

    Off a terminal `say` gets a line whenever QUIET seconds passed without one: `tick` looks. `clock` is in seconds.
    """

    label: str
    bars: Bars | None
    task: int = 0
    done: int = 0
    total: int | None = None
    note: str = ""
    say: Callable[[str], None] | None = None
    clock: Callable[[], float] = time.monotonic
    started: float = field(init=False)
    said: float = field(init=False)
    begun: int | None = None  # what was done before: a resumed task does not owe its pace to that

    def __post_init__(self) -> None:
        self.started = self.said = self.clock()

    def step(self, *_: object) -> None:
        self.to(self.done + 1)

    def to(self, done: int, total: int | None = None, note: str = "") -> None:
        if self.begun is None:
            self.begun = max(0, done - 1)
        self.done, self.total, self.note = done, total or self.total, note
        if self.bars is not None:
            shown = f"{self._rate():.1f}/s {note}".strip()
            self.bars.update(self.task, completed=done, total=total, rate=shown)  # type: ignore[arg-type]
        self.tick()

    def tick(self) -> None:
        """Say how far it is, where nothing was said for QUIET seconds."""
        now = self.clock()
        if self.say is not None and now - self.said >= QUIET:
            self.said = now
            self.say(self.line())

    def line(self) -> str:
        """ "SFT steps 12/36, loss 1.9, 140 s, about 280 s left"."""
        of = f"{self.done:,}/{self.total:,}" if self.total else f"{self.done:,}"
        rate = self._rate()
        left = (self.total - self.done) / rate if self.total and rate else None
        parts = [f"{self.label} {of}", self.note, duration(self.clock() - self.started)]
        return ", ".join([*filter(None, parts), *([f"about {duration(left)} left"] if left is not None else [])])

    def _rate(self) -> float:
        """What is done in a second, without what was done before."""
        return (self.done - (self.begun or 0)) / max(self.clock() - self.started, 1e-9)


@contextmanager
def ticking(bar: Bar, every: float = 5.0) -> Iterator[None]:
    """Let `bar` look at the clock in a thread of its own: one step may take longer than anybody waits for a word."""
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(every):
            bar.tick()

    thread = threading.Thread(target=look, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


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
        """A bar inside the block; off a terminal a line every half minute, and one when it is done."""
        if self.quiet or not self.console.is_terminal:
            say = None if self.quiet else lambda text: self.note(f"  {text}")
            bar = Bar(label, None, total=total if total > 1 else None, say=say)
            with ticking(bar) if say else nullcontext():
                yield bar
            self.note(f"  {label}: {bar.done or total} in {time.monotonic() - bar.started:.1f} s")
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
