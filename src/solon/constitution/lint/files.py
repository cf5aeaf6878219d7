"""SOL0xx: a file that is no constitution yet."""

from __future__ import annotations

import re
from pathlib import Path

from solon.constitution.lint.finding import Finding, Rule
from solon.constitution.load import WHAT
from solon.errors import ConfigError

DOES_NOT_LOAD = Rule(
    "SOL001", "does-not-load", "error",
    "The file cannot be read as a constitution; nothing can use it. `--fix` mends byte order marks, UTF-16 and an "
    "unquoted version.",
    fixable=True,
)  # fmt: skip
RULES = (DOES_NOT_LOAD,)

_MESSAGE = re.compile(rf"^{WHAT}: (?:(?P<path>.+?):(?P<line>\d+): )?(?P<said>.*)$", re.DOTALL)


def unloadable(path: Path, error: ConfigError, fixable: bool = False) -> Finding:
    """What loading `path` raised as a finding, at the file and line the message names: they may be of a base."""
    match = _MESSAGE.match(str(error))
    if match is None or match["path"] is None:
        return Finding(DOES_NOT_LOAD, match["said"] if match else str(error), path, 1, fixable=fixable)
    return Finding(DOES_NOT_LOAD, match["said"], Path(match["path"]), int(match["line"]), fixable=fixable)
