"""A plan as data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

State = Literal["unchanged", "to run"]


@dataclass(slots=True)
class Calls:
    """The calls of one role in one step.

    `stored` have an answer already (in the memo or a recording), or will have it from an equal call that is
    counted before. `to_make` are certain, as long as prompts fit the model and verdicts can be read. `at_most`
    may follow, depending on text or weights that are not made yet: an upper bound. `unanswered` would stop the
    run: a recording has no answer to them. Tokens are those of `to_make` + `at_most` and are estimates:
    `tokens_out` as measured so far, or the limit where nothing was measured; `tokens_out_most` is the limit.
    `seconds` and `money` are None where no rate or price is known. `sampled`: of very many records some were
    looked up and stand for the others, so counts are estimates. `estimated`: the time was not measured.
    """

    model: str = ""
    stored: int = 0
    to_make: int = 0
    at_most: int = 0
    unanswered: int = 0
    tokens_in: float = 0.0
    tokens_out: float = 0.0
    tokens_out_most: float = 0.0
    seconds: float | None = None
    money: float | None = None
    sampled: bool = False
    estimated: bool = False

    @property
    def open(self) -> int:
        """Calls without an answer yet."""
        return self.to_make + self.at_most


@dataclass(slots=True)
class StepPlan:
    """One step: whether it runs, why, and what it takes.

    `rows` is what it trains on or asks about (`rows_at_most`: an upper bound); `mix` is the most that they
    can be by kind of prompt: `revisions` and sampled `answers`; `left_out` pairs are known not to be
    labelled, for an answer of theirs was cut off by its token limit. `seconds` is all of it:
    calls by measured rate, training by what it took last time.
    """

    name: str
    title: str
    state: State
    why: tuple[str, ...] = ()
    calls: dict[str, Calls] = field(default_factory=dict)
    rows: int | None = None
    rows_at_most: bool = False
    mix: dict[str, dict[str, int]] = field(default_factory=dict)
    left_out: int = 0
    seconds: float | None = None
    money: float | None = None
    estimated: bool = False

    @property
    def bounded(self) -> bool:
        """Whether some of its numbers are upper bounds."""
        return self.rows_at_most or any(c.at_most for c in self.calls.values())


@dataclass(slots=True)
class Plan:
    """What `solon run` would do with a recipe in a folder."""

    recipe: str
    folder: str
    steps: list[StepPlan]
    changes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # where files were found that a reader would look for elsewhere

    @property
    def to_run(self) -> list[StepPlan]:
        return [s for s in self.steps if s.state == "to run"]

    def total(self, what: str) -> int:
        """`stored`, `to_make`, `at_most` or `unanswered` calls of all steps."""
        return sum(getattr(c, what) for s in self.steps for c in s.calls.values())

    def seconds(self) -> tuple[float, list[str]]:
        """The time of all that was measured, and the steps or roles for which nothing was."""
        known, unknown = 0.0, []
        for step in self.to_run:
            known += step.seconds if step.seconds is not None else sum(c.seconds or 0.0 for c in step.calls.values())
            roles = [f"{step.name} ({role})" for role, c in step.calls.items() if c.seconds is None]
            unknown += roles if roles or step.seconds is not None else [step.name]
        return known, unknown

    def as_dict(self) -> dict[str, Any]:
        """Plain data: what `--json` prints."""
        keys = ("stored", "to_make", "at_most", "unanswered", "tokens_in", "tokens_out", "tokens_out_most")
        totals: dict[str, Any] = {key: self.total(key) for key in keys}
        totals["seconds"], totals["not_measured"] = self.seconds()
        totals["money"] = sum(c.money or 0.0 for s in self.to_run for c in s.calls.values())
        return {**asdict(self), "totals": totals, "work_to_do": bool(self.to_run)}
