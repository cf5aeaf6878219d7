"""Where the files are that a recipe names, and what a run's folder holds when they are gone.

A relative path in a recipe is of a file beside the recipe, else of one in the current directory; on a command line it
is of the current directory. A run keeps what it was made from, so that its folder can be moved, or copied elsewhere:

    recipe.yaml          the recipe, overrides included
    constitution.json    the constitution, what it extends resolved
    prompts.jsonl        the usable rows of its prompt files; in the first line the files and the rows set aside
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from solon.constitution import Constitution, library, load_constitution
from solon.data.prompts import PromptSets, Repeats, load_prompt_sets
from solon.data.rows import BadRow, data_path
from solon.errors import ConfigError, DataError, SolonError
from solon.files import sha256_file, write_atomic
from solon.types import Prompt

CONSTITUTION, PROMPTS = "constitution.json", "prompts.jsonl"
SHIPPED = {"recording": ("quickstart",), "data": ("shipped",)}  # values that are no file, whatever lies there
WEIGHTS = ("transformers", "scripted")  # engines whose model may be a file
Tell = Callable[[str], None]


# --- paths in a recipe ---------------------------------------------------------------------------------


def place(data: dict[str, Any], recipe: Path, tell: Tell = lambda _: None) -> None:
    """Put the place of each file that the recipe in `data` names into it; `tell` hears which are not where a reader
    of the recipe alone would look.

    A constitution that is nowhere is the one that a run used, where its folder holds the recipe.
    """
    for section, key in _paths(data):
        said = section.get(key)
        if isinstance(said, str) and said and not Path(said).expanduser().is_absolute():
            beside = str(recipe.parent / said)
            shipped = said in (library() if key == "constitution" else SHIPPED.get(key, ()))
            if not shipped and beside != said and os.path.exists(beside):  # noqa: PTH110 (raises nothing for long ones)
                section[key] = beside
                if key == "constitution":
                    tell(f"constitution: {beside}, beside the recipe")
    _place_constitution(data, recipe, tell)


def _place_constitution(data: dict[str, Any], recipe: Path, tell: Tell) -> None:
    said = data.get("constitution")
    if not isinstance(said, str) or said in library() or os.path.exists(Path(said).expanduser()):  # noqa: PTH110
        return
    if (recipe.parent / CONSTITUTION).is_file():
        folder = recipe.parent
        # A folder `balanced` would mean the constitution of the library.
        data["constitution"] = str(folder.resolve() if str(folder) in library() else folder)
        tell(f"constitution: {said} is not here; the run's own is used, {folder / CONSTITUTION}")
    elif not Path(said).is_absolute() and recipe.parent != Path():
        data["constitution"] = str(recipe.parent / said)  # so that the refusal names the first place that was tried


def _paths(data: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """The sections of a recipe that may name a file, each with its key."""
    if isinstance(data, dict):
        yield data, "constitution"
    prompts = _section(data, "prompts")
    for kind, given in prompts.items():
        yield (given, "file") if isinstance(given, dict) else (prompts, kind)
    roles = _section(data, "roles")
    panel = roles.get("panel")
    for role in [*roles.values(), *(panel if isinstance(panel, list) else [])]:
        if isinstance(role, dict) and role.get("engine", WEIGHTS[0]) in WEIGHTS:
            yield role, "model"
        if isinstance(role, dict):
            yield role, "recording"
    rl = _section(data, "rl_cai")
    people = rl.get("human")
    for one in people if isinstance(people, list) else []:
        if isinstance(one, dict):
            yield one, "file"
    qualify = _section(rl, "qualify")
    yield qualify, "data"
    yield qualify, "card"


def _section(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = data.get(name) if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}


# --- a run's folder --------------------------------------------------------------------------------------


def home_of(path: Path) -> Path | None:
    """The run that a recipe's path is of: a run's folder, or the recipe in it; None for any other recipe."""
    folder = path.parent if path.name == "recipe.yaml" and path.is_file() else path
    return folder if (folder / "recipe.yaml").is_file() and (folder / "steps").is_dir() else None


def finishing(folder: Path) -> str:
    """The command that finishes the run in `folder`."""
    return f"solon run {shlex.quote(str(folder))}"


def constitution_of(folder: Path, named: str) -> Constitution:
    """The constitution that the run in `folder` used; of a run that kept none the one that its recipe names.

    Raises ConfigError.
    """
    if (folder / CONSTITUTION).is_file():
        return load_constitution(folder.resolve())  # whole, or a folder `balanced` would mean the one of the library
    return load_constitution(named)


def keep_prompts(folder: Path, files: Mapping[str, str], loaded: PromptSets) -> None:
    """Write the prompts of `files`, by kind, to the run's folder. Raises StorageError."""
    head = {
        "files": {kind: {"name": name, "sha256": _sha256(name)} for kind, name in files.items()},
        "bad": [asdict(row) for row in loaded.bad],
        "repeats": asdict(loaded.repeats),
    }
    first = json.dumps(head).encode()
    path = folder / PROMPTS
    if path.is_file() and _first_line(path) == first:
        return
    rows = TypeAdapter(Prompt)
    lines = [_written(rows, prompt) for prompts in loaded.prompts.values() for prompt in prompts]
    write_atomic(path, b"\n".join([first, *lines, b""]))


def _written(rows: TypeAdapter[Prompt], prompt: Prompt) -> bytes:
    try:
        return rows.dump_json(prompt)
    except PydanticSerializationError:  # half a surrogate pair, which UTF-8 cannot hold and escapes can
        return json.dumps(rows.dump_python(prompt)).encode()


def _read(rows: TypeAdapter[Prompt], line: bytes) -> Prompt:
    try:
        return rows.validate_json(line)
    except ValidationError:
        return rows.validate_python(json.loads(line))


def _sha256(name: str) -> str:
    path = data_path(name)
    return sha256_file(path) if path.is_file() else ""


def _first_line(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.readline().rstrip(b"\n")


def prompts_of(files: Mapping[str, str], folders: Sequence[Path] = (), tell: Tell = lambda _: None) -> PromptSets:
    """The prompts of `files`, by kind: of the files, or where one of them is gone those that one of the runs in
    `folders` kept of files of these names, which `tell` hears. Raises ConfigError and DataError as the files do."""
    try:
        return load_prompt_sets(files)
    except SolonError:
        gone = [name for name in files.values() if not data_path(name).exists()]
        kept = next((found for one in folders if (found := _kept(one / PROMPTS, files)) is not None), None)
        if not gone or kept is None:
            raise
        folder, prompts = kept
        tell(f"prompts: {', '.join(gone)} not here; the rows that the run kept are used, {folder}")
        return prompts


def _kept(path: Path, files: Mapping[str, str]) -> tuple[Path, PromptSets] | None:
    """What a run kept of the files, by their kinds and names; None where it has others. Raises DataError."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            head = json.loads(file.readline())
            if {kind: _bare(one["name"]) for kind, one in head["files"].items()} != {
                kind: _bare(name) for kind, name in files.items()
            }:
                return None
            rows = TypeAdapter(Prompt)
            prompts: dict[str, list[Prompt]] = {kind: [] for kind in files}
            for line in file:
                row = _read(rows, line)
                prompts[row.kind].append(row)
        bad = [BadRow(**row) for row in head["bad"]]
        return path, PromptSets(prompts, bad, Repeats(**head["repeats"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        raise DataError(f"prompts: {path} cannot be read ({type(error).__name__}); give the files back") from None


def _bare(name: str) -> str:
    """A file's name without its folder, which may be another now."""
    return Path(name).name


# --- the command -----------------------------------------------------------------------------------------

_USER = re.compile(r"(?<=://)[^/@\s]+@")
_QUERY = re.compile(r"([?&][^=&\s]*(?:key|token|secret|password|sig)[^=&\s]*=)[^&\s]+", re.IGNORECASE)
_KEY = re.compile(r"\b(?:hf_|sk-|gsk_|ghp_|xox[abp]-|AIza)[A-Za-z0-9_-]{8,}|\bBearer\s+\S+")
_SETTING = re.compile(r"^([^=\s]*(?:api_?key|token|secret|password))=(.+)$", re.IGNORECASE)


def command_said(words: Sequence[str]) -> str:
    """A command as a shell takes it, without secrets: a password or key in an address, or a key by its looks, is ***.

    The value of `api_key_env` is the name of a variable and stays.
    """
    return " ".join(shlex.quote(_without_secrets(word)) for word in words)


def _without_secrets(word: str) -> str:
    for pattern, put in ((_USER, "***@"), (_QUERY, r"\1***"), (_KEY, "***"), (_SETTING, r"\1=***")):
        word = pattern.sub(put, word)
    return word


def refuse_no_run(folder: Path) -> None:
    """Raises ConfigError where `folder` is not a run's."""
    if not folder.is_dir():
        raise ConfigError(f"run: no such folder: {folder}; give a run's, such as runs/quickstart")
    if not (folder / "recipe.yaml").is_file():
        raise ConfigError(f"run: no recipe.yaml in {folder}; give the folder of a run (such as runs/quickstart)")
    if not (folder / "steps").is_dir():
        recipe = shlex.quote(str(folder / "recipe.yaml"))
        raise ConfigError(f"run: {folder} holds a recipe and no run; solon run {recipe} makes one")
