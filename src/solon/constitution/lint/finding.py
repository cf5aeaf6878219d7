"""What a rule is and what it finds. Other checks (a judge's, say) bring rules and findings of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from solon.yaml import Loc

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = get_args(Level)  # gravest first


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing to look for. `code` never changes its meaning; `help` says what is wrong and how to mend it.

    `fixable` says that `--fix` can mend some of its findings.
    """

    code: str
    name: str
    level: Level
    help: str
    fixable: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Another place that a finding speaks of. `line` counts from 1."""

    path: Path
    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One place (`line` counts from 1, `loc` is where that is in the data) that a rule speaks up about.

    `principles` are the ids it is about; `fixable` says that `--fix` mends it; `silenced` that a comment in
    the file asks to pass over it.
    """

    rule: Rule
    message: str
    path: Path
    line: int
    loc: Loc = ()
    principles: tuple[str, ...] = ()
    related: tuple[Place, ...] = ()
    fixable: bool = False
    silenced: bool = False

    @property
    def code(self) -> str:
        return self.rule.code

    @property
    def level(self) -> Level:
        return self.rule.level


def at_least(level: Level, threshold: Level) -> bool:
    """Whether `level` is as grave as `threshold`, or graver."""
    return LEVELS.index(level) <= LEVELS.index(threshold)
