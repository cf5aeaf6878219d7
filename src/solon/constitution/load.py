"""A constitution from YAML, Markdown, the library or a run folder, with every mistake in one line.

`extends` is resolved here: the extended constitution's principles, less those removed, with overrides
applied, then the file's own.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from solon.constitution import markdown
from solon.constitution.model import Constitution, Exemplars, Principle, Written
from solon.errors import ConfigError
from solon.files import explain, first_problem
from solon.yaml import Loc, Parsed, parse_yaml, read_source

WHAT = "constitution"
MAX_EXTENDS = 10
KEYS = tuple(dict.fromkeys([*Written.model_fields, *Principle.model_fields, *Exemplars.model_fields]))

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Document:
    """A constitution file: as written, where things stand in it, and what it extends."""

    path: Path
    text: str
    written: Written
    lines: Mapping[Loc, int]
    base: Document | None = None

    def line(self, loc: Loc) -> int:
        """The line (from 1) of what stands at `loc`, or of its nearest ancestor."""
        return Parsed(self.path, self.text, {}, self.lines).line(loc)


def library() -> dict[str, Path]:
    """The constitutions we ship, by name."""
    folder = Path(str(files("solon.constitution") / "library"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_constitution(reference: str | Path) -> Constitution:
    """The constitution named in the library, in a YAML or Markdown file, or used by the run in a folder.

    Raises ConfigError (one line, with file and line) for whatever is wrong with it.
    """
    path = Path(reference)
    if str(reference) not in library() and os.path.isdir(path):  # noqa: PTH112 (raises nothing for a name too long)
        return _of_run(path)
    return resolve(read_document(reference))


def read_document(reference: str | Path) -> Document:
    """The file behind `reference`, and the files it extends, read but not resolved. Raises ConfigError."""
    return _read(_find(reference), ())


def resolve(document: Document) -> Constitution:
    """The constitution that a document amounts to. Raises ConfigError."""
    written = document.written
    base = resolve(document.base) if document.base else None
    if base is None and not written.principles:
        raise ConfigError(f"{WHAT}: {document.path}:1: has no principles; add at least one under 'principles:'")
    inherited = _inherited(document, base) if base else ()
    known, own = {p.id for p in inherited}, set[str]()
    for index, principle in enumerate(written.principles):
        where = f"{WHAT}: {document.path}:{document.line(('principles', index, 'id'))}"
        if principle.id in own:
            raise ConfigError(f"{where}: two principles have the id '{principle.id}'; ids must be unique")
        own.add(principle.id)
        if principle.id in known:
            raise ConfigError(
                f"{where}: '{principle.id}' is a principle of {written.extends}; "
                "change it under 'override:' or give the new one another id"
            )
    fields: dict[str, Any] = {
        "name": written.name,
        "version": written.version,
        "description": written.description or (base.description if base else ""),
        "priorities": written.priorities or (base.priorities if base else None),
        "exemplars": written.exemplars or (base.exemplars if base else None),
        "principles": [p.model_dump() for p in (*inherited, *written.principles)],
    }
    return _validated(Constitution, fields, Parsed(document.path, document.text, {}, document.lines))


def _inherited(document: Document, base: Constitution) -> tuple[Principle, ...]:
    """The extended constitution's principles, less those removed, with overrides applied."""
    written = document.written
    mentioned: list[tuple[Loc, str]] = [(("remove", n), name) for n, name in enumerate(written.remove)]
    mentioned += [(("override", name), name) for name in written.override]
    for loc, name in mentioned:
        if name not in base.by_id:
            near = _nearest(name, base.by_id)
            raise ConfigError(
                f"{WHAT}: {document.path}:{document.line(loc)}: {written.extends} has no principle '{name}'{near}"
            )
    kept = []
    for principle in base.principles:
        if principle.id not in written.remove:
            change = written.override.get(principle.id)
            changed = change.model_dump(exclude_none=True) if change else {}
            kept.append(Principle.model_validate({**principle.model_dump(), **changed}))
    return tuple(kept)


def _find(reference: str | Path) -> Path:
    path = library().get(str(reference), Path(reference))
    if not os.path.exists(path):  # noqa: PTH110 (raises nothing for a name too long)
        near = _nearest(str(reference), library())
        raise ConfigError(f"{WHAT}: no such file: {reference}{near} (in the library: {', '.join(library())})")
    return path


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _read(path: Path, chain: tuple[Path, ...]) -> Document:
    text = read_source(path, WHAT)
    parsed = markdown.parse(text, path) if path.suffix.lower() in (".md", ".markdown") else parse_yaml(text, path, WHAT)
    _say_version(parsed)
    _say_ids(parsed)
    written = _validated(Written, parsed.data, parsed)
    base = None
    if written.extends is not None:
        base = _read(_extended(parsed, written.extends, (*chain, path.resolve())), (*chain, path.resolve()))
    return Document(path, text, written, parsed.lines, base)


def _extended(parsed: Parsed, name: str, chain: tuple[Path, ...]) -> Path:
    """The file that `extends` means: one of the library, or one beside or below the file that says so."""
    where = f"{WHAT}: {parsed.where(('extends',))}: extends"
    shipped = library()
    if name in shipped and name != parsed.path.stem:
        target = shipped[name]
    else:
        folder = parsed.path.resolve().parent
        target = (folder / name).resolve()
        if not target.is_relative_to(folder):
            raise ConfigError(f"{where}: {name!r} leaves the folder of {parsed.path.name}; move the file beside it")
        if not os.path.isfile(target):  # noqa: PTH113 (raises nothing for a name too long)
            near = _nearest(name, shipped)
            raise ConfigError(f"{where}: no such file: {name}{near} (in the library: {', '.join(shipped)})")
    if target.resolve() in chain:
        circle = " → ".join(p.name for p in (*chain[chain.index(target.resolve()) :], target))
        raise ConfigError(f"{where}: goes in a circle: {circle}; remove one of them")
    if len(chain) >= MAX_EXTENDS:
        raise ConfigError(f"{where}: more than {MAX_EXTENDS} constitutions extend each other; merge some")
    return target


def _say_version(parsed: Parsed) -> None:
    """An unquoted version is a number to YAML, which drops its zeros: say so before anything else."""
    version = parsed.data.get("version")
    if isinstance(version, int | float) and not isinstance(version, bool):
        raw = typed(parsed.text.splitlines()[parsed.line(("version",)) - 1], version)
        parts = [*raw.split("."), "0", "0"][:3]
        fixed = ".".join(str(int(part)) if part.isdigit() else "0" for part in parts)
        raise ConfigError(
            f"{WHAT}: {parsed.where(('version',))}: version: {raw} is the number {version} to YAML; "
            f'write version: "{fixed}"'
        )


def _say_ids(parsed: Parsed) -> None:
    """So is an unquoted id of digits: 007 would be 7."""
    principles = parsed.data.get("principles")
    for number, principle in enumerate(principles if isinstance(principles, list) else ()):
        value = principle.get("id") if isinstance(principle, Mapping) else None
        if isinstance(value, int | float) and not isinstance(value, bool):
            loc = ("principles", number, "id")
            found = re.search(r"\bid['\"]?\s*:\s*([^\s,}#]+)", parsed.text.splitlines()[parsed.line(loc) - 1])
            raw = found[1] if found else str(value)
            raise ConfigError(
                f'{WHAT}: {parsed.where(loc)}: id: {raw} is the number {value} to YAML; write id: "{raw}"'
            )


def typed(line: str, version: float) -> str:
    """The version as it stands in its line: "1.10" where YAML made 1.1 of it."""
    found = re.search(r"version['\"]?\s*:\s*([0-9._]+)", line)
    return found.group(1) if found else str(version)


def _validated(model: type[M], data: Mapping[str, Any], parsed: Parsed) -> M:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problem = first_problem(error)
        # A rule about the whole file opens with the key it is about.
        loc = problem["loc"] or (problem["msg"].removeprefix("Value error, ").split()[0],)
        raise ConfigError(f"{WHAT}: {parsed.where(loc)}: {explain(error, KEYS)}") from None


def _of_run(folder: Path) -> Constitution:
    """The constitution that a run used, from its folder."""
    path = folder / "constitution.json"
    try:
        return Constitution.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ConfigError(f"{WHAT}: {folder} holds no run (no constitution.json)") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{WHAT}: {path}: cannot be read: {str(error).splitlines()[0]}") from None
