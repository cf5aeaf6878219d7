"""SOL5xx: names that keep their meaning, and where a principle comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator

from solon.constitution.lint.finding import Finding, Place, Rule
from solon.constitution.lint.target import Target

POSITIONAL_ID = Rule(
    "SOL501", "positional-id", "warning",
    "The id says where a principle stands, not what it says. Records name principles by id for ever, so when the "
    "list changes it will be reused for another. Name what it demands, such as no-legal-advice.",
)  # fmt: skip
SIMILAR_IDS = Rule(
    "SOL502", "similar-ids", "warning",
    "Two ids differ only by hyphens or a plural s, and will be taken for each other in reports. Rename one.",
)  # fmt: skip
NO_SOURCE = Rule(
    "SOL503", "no-source", "note",
    "A principle does not say where it comes from: a law, a policy, a meeting. Whoever reviews it will ask.",
)  # fmt: skip
NO_DESCRIPTION = Rule(
    "SOL504", "no-description", "note", "The constitution does not say what it is for. Add description:."
)
NO_VERSION = Rule(
    "SOL505", "no-version", "note",
    "The constitution does not say its version, so 0.1.0 stands in every report. Add version: \"0.1.0\" and raise it "
    "with every change.",
)  # fmt: skip
RULES = (POSITIONAL_ID, SIMILAR_IDS, NO_SOURCE, NO_DESCRIPTION, NO_VERSION)

_GENERIC = re.compile(
    r"^(?:(?:p|r|c|id|no|nr|number|principle|rule|item|criterion|constitution|point|trait|value|directive|statement|"
    r"critique|revision|comparison|instruction|article|section|policy|norm|tenet|untitled|new|test|example|sample)-?)?"
    r"(?:\d+|[a-z]|[ivx]+)?$"
)
_NUMBERED = re.compile(r"^(.*?)-?(\d+)$")


def check(target: Target) -> Iterator[Finding]:
    yield from _positional(target)
    yield from _similar(target)
    yield from _sources(target)
    written = target.document.written
    described = target.constitution.description if target.constitution else written.description
    if not described:
        yield target.found(NO_DESCRIPTION, (), "has no description; say in a sentence what it is for")
    if "version" not in written.model_fields_set:
        yield target.found(NO_VERSION, (), 'has no version, so 0.1.0 is assumed; add version: "0.1.0"')


def _positional(target: Target) -> Iterator[Finding]:
    principles = target.document.written.principles
    series = _series([p.id for p in principles])
    for index, principle in enumerate(principles):
        if _GENERIC.match(principle.id) or principle.id in series:
            said = f"'{principle.id}' names a place in a list, which changes; name what the principle demands"
            yield target.found(POSITIONAL_ID, ("principles", index, "id"), said, about=(principle.id,))


def _series(ids: list[str]) -> set[str]:
    """Ids that count 0, 1, 2 … or 1, 2, 3 … behind one word. Numbers of articles jump, and are no positions."""
    numbers: dict[str, list[int]] = {}
    for name in ids:
        if match := _NUMBERED.match(name):
            numbers.setdefault(match[1], []).append(int(match[2]) if len(match[2]) < 10 else -1)
    counted = {stem for stem, n in numbers.items() if len(n) > 1 and sorted(n) in (_count(0, n), _count(1, n))}
    return {name for name in ids if (match := _NUMBERED.match(name)) and match[1] in counted}


def _count(start: int, like: list[int]) -> list[int]:
    return list(range(start, start + len(like)))


def _similar(target: Target) -> Iterator[Finding]:
    if target.constitution is None:
        return
    here = target.locs
    own = {p.id for p in target.document.written.principles}
    seen: dict[str, str] = {}
    for principle in target.constitution.principles:
        other = seen.setdefault(_key(principle.id), principle.id)
        if other != principle.id and own & {other, principle.id}:
            name, twin = (principle.id, other) if principle.id in own else (other, principle.id)
            related: tuple[Place, ...] = ()
            if twin in here:
                related = (Place(target.document.path, target.document.line((*here[twin], "id")), f"'{twin}'"),)
            said = f"'{name}' is easily taken for '{twin}'; rename one of them"
            yield target.found(SIMILAR_IDS, (*here[name], "id"), said, about=(name, twin), related=related)


def _key(name: str) -> str:
    """The id without hyphens and plural endings."""
    return "".join(
        part[:-1] if len(part) > 3 and part.endswith("s") and part[-2] != "s" else part for part in name.split("-")
    )


def _sources(target: Target) -> Iterator[Finding]:
    principles = target.document.written.principles
    bare = [(index, p) for index, p in enumerate(principles) if not p.source]
    if len(bare) == len(principles) > 1:
        said = f"none of the {len(principles)} principles names its source"
        yield target.found(NO_SOURCE, ("principles",), said, about=tuple(p.id for _, p in bare))
        return
    for index, principle in bare:
        said = f"'{principle.id}' names no source; say where it comes from"
        yield target.found(NO_SOURCE, ("principles", index), said, about=(principle.id,))
