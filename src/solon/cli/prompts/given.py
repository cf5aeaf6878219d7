"""The prompt files that a command line names: FILE, KIND=FILE, either with [FIELD=VALUE] behind it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from solon.errors import ConfigError

if TYPE_CHECKING:
    from solon.data.prompts import PromptFile

_KIND = re.compile(r"([A-Za-z0-9_-]+)=(.+)", re.S)
_ONLY = re.compile(r"(.+)\[([^\[\]=]+)=([^\[\]]*)\]", re.S)


def prompt_file(text: str, option: str, kind_needed: bool = False) -> PromptFile:
    """What `text` names. Raises ConfigError, naming the `option`."""
    from solon.data.prompts import PromptFile

    kind, name = found.groups() if (found := _KIND.fullmatch(text)) else ("", text)
    if kind_needed and not kind:
        raise ConfigError(f"{option}: '{text}' is not KIND=FILE (such as red_team=theirs.jsonl)")
    only = _ONLY.fullmatch(name)
    if only:
        return PromptFile(only[1], kind, (only[2], only[3]))
    if not name.strip():
        raise ConfigError(f"{option}: '{text}' names no file")
    return PromptFile(name, kind)


def of_recipe(name: str) -> list[PromptFile]:
    """The files of a recipe's kinds."""
    from solon.data.prompts import PromptFile
    from solon.pipeline.recipe import load_recipe

    return [PromptFile(kind.file, name) for name, kind in load_recipe(name).prompts.items()]


def harmful_kinds(given: Sequence[str] | None, kinds: Iterable[str]) -> set[str]:
    """Those of `kinds` that ask for harm: those named, else those whose aim is to be harmless. Raises ConfigError."""
    from solon.data.aims import aim_of

    known: Collection[str] = list(kinds)
    for kind in given or ():
        if kind not in known:
            raise ConfigError(f"--harmful: no kind '{kind}'; there are {', '.join(known)}")
    return set(given) if given else {kind for kind in known if aim_of(kind) == "harmless"}
