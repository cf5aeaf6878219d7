"""What to mend in a constitution before anything is trained on it. No model is asked.

finding.py    a rule, a finding                    comments.py   `# lint: ignore SOL203`
target.py     what rules look at                   fix.py        what can be mended without a person
words.py, vocabulary.py, barrels.py, unseen.py     how texts are compared and judged

The rules, by theme: files.py SOL0xx, duplicates.py 1xx, wording.py 2xx, balance.py 3xx, requests.py 4xx,
identity.py 5xx, characters.py 6xx, inheritance.py 7xx. A code keeps its meaning for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from solon.constitution.lint import (
    balance,
    characters,
    comments,
    duplicates,
    files,
    identity,
    inheritance,
    requests,
    wording,
)
from solon.constitution.lint.comments import silenced
from solon.constitution.lint.files import unloadable
from solon.constitution.lint.finding import LEVELS, Finding, Level, Place, Rule, at_least
from solon.constitution.lint.fix import mendable
from solon.constitution.lint.target import target
from solon.constitution.load import Document, read_document, resolve
from solon.errors import ConfigError

__all__ = [
    "LEVELS",
    "RULES",
    "Finding",
    "Level",
    "Linted",
    "Place",
    "Rule",
    "at_least",
    "lint",
    "lint_file",
    "silenced",
]

_THEMES = (duplicates, wording, balance, requests, identity, characters, inheritance)
RULES: tuple[Rule, ...] = (*files.RULES, comments.UNKNOWN_CODE, *(rule for theme in _THEMES for rule in theme.RULES))
FOREIGN_CODES = ("CONFLICT",)  # of checks that live elsewhere; comments may name them


@dataclass(frozen=True, slots=True)
class Linted:
    """A file and what was found in it; `document` is None when it does not load."""

    path: Path
    document: Document | None
    findings: tuple[Finding, ...]


def lint_file(path: Path) -> Linted:
    """What is wrong with a file, and be it that it does not load. Never raises."""
    try:
        document = read_document(path)
    except ConfigError as error:
        return Linted(path, None, (unloadable(path, error, mendable(path, error)),))
    return Linted(path, document, tuple(lint(document)))


def lint(document: Document) -> list[Finding]:
    """All that the rules find in what `document` writes and in the constitution it amounts to, by line.

    Findings that a comment silences come back marked. Never raises.
    """
    found: list[Finding] = []
    try:
        constitution = resolve(document)
    except ConfigError as error:
        constitution = None
        found.append(unloadable(document.path, error))
    looked_at = target(document, constitution)
    for theme in _THEMES:
        found += theme.check(looked_at)
    found += comments.unknown_codes(document, [*(rule.code for rule in RULES), *FOREIGN_CODES])
    return silenced(document, sorted(found, key=lambda f: (str(f.path), f.line, f.code, f.message)))
