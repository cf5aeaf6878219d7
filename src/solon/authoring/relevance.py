"""How well an engine chooses principles: its choice against labels of ours, beside what a random draw would hit.

The shipped labels are 108 prompts over three constitutions of the library, each with the ids of the principles that
speak to it. They were written for this, by one hand, before any model was asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from solon.choosing import Chooser
from solon.constitution import Constitution, load_constitution
from solon.constitution.assign import shares
from solon.constitution.model import Phase
from solon.errors import ConfigError, DataError
from solon.files import explain, numbered_lines
from solon.flow import gather_window
from solon.intervals import wilson
from solon.types import user

PHASE: Phase = "revise"


class Row(BaseModel):
    """A prompt and the ids of the principles of a constitution that speak to it, in any order."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    constitution: str
    prompt: str = Field(min_length=1)
    principles: tuple[str, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of `n` prompts: for `chosen` a principle was chosen, and for `hits` the first of them is among the labelled.

    `chance` in [0, 1] is the mean share of draws that go to labelled principles. A prompt for which none was chosen
    counts as no hit, though a run would draw one.
    """

    name: str
    n: int
    chosen: int
    hits: int
    chance: float

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% Wilson interval of hits / n."""
        return wilson(self.hits, self.n)

    def as_dict(self) -> dict[str, Any]:
        low, high = self.interval
        named = {name: getattr(self, name) for name in ("name", "n", "chosen", "hits", "chance")}
        return {**named, "agreement": self.hits / self.n if self.n else None, "low": low, "high": high}


def load_rows(path: Path | None = None) -> tuple[list[Row], dict[str, Constitution]]:
    """The labelled prompts of a JSON-lines file (None: the shipped ones), and their constitutions by name.

    Raises DataError with file and line for a row that is none, or names a principle that is not revised by.
    """
    source = path or Path(str(files("solon.authoring") / "relevance.jsonl"))
    rows: list[Row] = []
    laws: dict[str, Constitution] = {}
    for number, line in numbered_lines(source, "relevance"):
        try:
            row = Row.model_validate(json.loads(line))
            if row.constitution not in laws:
                laws[row.constitution] = load_constitution(row.constitution)
        except ValidationError as error:
            raise DataError(f"relevance: {source}:{number}: {explain(error)}") from None
        except (ValueError, ConfigError) as error:
            raise DataError(f"relevance: {source}:{number}: {error}") from None
        known = {p.id for p in laws[row.constitution].for_phase(PHASE)}
        if unknown := [name for name in row.principles if name not in known]:
            raise DataError(f"relevance: {source}:{number}: {row.constitution} revises by no principle '{unknown[0]}'")
        rows.append(row)
    if not rows:
        raise DataError(f"relevance: {source} has no rows")
    return rows, laws


async def agreement(
    rows: Sequence[Row],
    laws: dict[str, Constitution],
    chooser: Chooser,
    done: Callable[..., None] | None = None,
) -> list[Agreement]:
    """By constitution, and of all together, last: how often the chooser's first principle is a labelled one."""

    async def one(row: Row) -> str | None:
        found = await chooser.relevant(laws[row.constitution], PHASE, (user(row.prompt),))
        return found[0].id if found else None

    first = await gather_window(rows, one, window=32, done=done)
    drawn = {name: shares(law, PHASE) for name, law in laws.items()}

    def counted(name: str, wanted: Callable[[Row], bool]) -> Agreement:
        some = [(row, said) for row, said in zip(rows, first, strict=True) if wanted(row)]
        chance = [sum(drawn[row.constitution][one] for one in set(row.principles)) for row, _ in some]
        return Agreement(
            name,
            len(some),
            sum(said is not None for _, said in some),
            sum(said in row.principles for row, said in some),
            sum(chance) / len(chance),
        )

    named = [counted(name, lambda row, name=name: row.constitution == name) for name in laws]  # type: ignore[misc]
    return [*named, counted("all", lambda _: True)]
