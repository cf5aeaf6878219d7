"""Semantic versions: which one a change is due (Semantic Versioning 2.0.0)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Level = Literal["none", "patch", "minor", "major"]
LEVELS: tuple[Level, ...] = ("none", "patch", "minor", "major")

Core = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Advice:
    """Whether a version was raised as much as the change asks for.

    `due` is the lowest release that would be enough. `enough` is None where nothing can be said: versions of
    constitutions with different names do not follow each other.
    """

    old: str
    new: str
    level: Level
    why: str
    due: str
    enough: bool | None

    def __str__(self) -> str:
        """One line: "version 1.0.0 → 1.0.0: 2 principles reworded, so 1.1.0 is due"."""
        said = f"version {self.old} → {self.new}: {self.why}"
        if self.enough is None:
            return f"{said}, which is a {self.level} change; the names differ, so the versions need not follow"
        if self.enough:
            return f"{said}; raised enough" if self.level != "none" else said
        back = ", and the version goes back" if precedence(self.new) < precedence(self.old) else ""
        return f"{said}{back}, so {self.due} is due"


def advise(old: str, new: str, level: Level, why: str, same_name: bool = True) -> Advice:
    """Whether going from `old` to `new` is enough for a change of `level`, of which `why` says what it is.

    A pre-release is enough where the release it leads to is. From a pre-release, which promises nothing yet,
    any higher version is. Before 1.0.0 a major change raises the second number, any other the third.
    """
    lowest = due(old, level)
    higher = precedence(new) > precedence(old)
    enough = precedence(new) >= precedence(old) if level == "none" else higher and core(new) >= core(lowest)
    return Advice(old, new, level, why, lowest, enough if same_name or level == "none" else None)


def due(version: str, level: Level) -> str:
    """The lowest release (for a pre-release: the next pre-release) that a change of `level` may carry."""
    major, minor, patch = core(version)
    rest = prerelease(version)
    if level == "none":
        return version
    if rest:
        last = rest[-1]
        raised = [*rest[:-1], str(int(last) + 1)] if last.isdigit() else [*rest, "1"]
        return f"{major}.{minor}.{patch}-{'.'.join(raised)}"
    if major == 0:
        return f"0.{minor + 1}.0" if level == "major" else f"0.{minor}.{patch + 1}"
    if level == "major":
        return f"{major + 1}.0.0"
    return f"{major}.{minor + 1}.0" if level == "minor" else f"{major}.{minor}.{patch + 1}"


def core(version: str) -> Core:
    """The three numbers."""
    major, minor, patch = re.split("[-+]", version, maxsplit=1)[0].split(".")
    return int(major), int(minor), int(patch)


def prerelease(version: str) -> tuple[str, ...]:
    """The identifiers after the hyphen; empty for a release."""
    _, _, rest = version.partition("+")[0].partition("-")
    return tuple(rest.split(".")) if rest else ()


def precedence(version: str) -> tuple[Core, bool, tuple[tuple[bool, int, str], ...]]:
    """A key that sorts versions: a release after its pre-releases, numbers before words; builds are equal."""
    rest = prerelease(version)
    keys = tuple((False, int(part), "") if part.isdigit() else (True, 0, part) for part in rest)
    return core(version), not rest, keys
