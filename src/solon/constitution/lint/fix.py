"""What can be mended without a person: encodings, an unquoted version, characters that nobody sees, odd spaces.

Only the places that are wrong are rewritten; every other byte of the file stays, comments and line ends too. A
repair is written only if the file then says what it said before, less what was wrong.
"""

from __future__ import annotations

import codecs
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from solon.constitution import markdown
from solon.constitution.lint.characters import check, clean
from solon.constitution.lint.comments import silenced
from solon.constitution.lint.target import Passage, target
from solon.constitution.lint.unseen import spaced, visible
from solon.constitution.load import WHAT, Document, read_document
from solon.constitution.model import Written
from solon.errors import ConfigError
from solon.files import write_atomic
from solon.yaml import MAX_BYTES, Loc, edited, parse_yaml

_BOMS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
         (codecs.BOM_UTF16_BE, "utf-16"), (codecs.BOM_UTF8, "utf-8-sig"))  # fmt: skip
_VERSION = re.compile(r":(?P<line>\d+): version: (?P<raw>\S+) is the number .* write version: (?P<fixed>\"[^\"]+\")$")


def mendable(path: Path, error: ConfigError) -> bool:
    """Whether `mend` can do something about what loading `path` raised."""
    said = str(error)
    where = re.match(rf"{WHAT}: {re.escape(str(path))}:\d+: ", said)
    return where is not None and bool(_VERSION.search(said) or "byte order mark" in said or "is UTF-16" in said)


def mend(path: Path) -> list[str]:
    """Mend the file in place, whole or not at all, and say what was done. Raises StorageError."""
    done: list[str] = []
    for repair in (_encoding, _version, _characters):
        try:
            if path.stat().st_size <= MAX_BYTES * 4:  # UTF-32 takes four times as much
                done += repair(path)
        except (ConfigError, OSError, UnicodeError):
            break  # a person has to look at it; linting says why
    return done


def _encoding(path: Path) -> Iterator[str]:
    raw = path.read_bytes()
    for mark, name in _BOMS:
        if raw.startswith(mark):
            _write(path, raw.decode(name))
            yield (
                "removed the byte order mark" if name == "utf-8-sig" else f"saved it as UTF-8 instead of {name.upper()}"
            )
            return


def _version(path: Path) -> Iterator[str]:
    try:
        read_document(path)
    except ConfigError as error:
        match = _VERSION.search(str(error))
        if match is None or not mendable(path, error):
            return
        lines = _text(path).split("\n")
        number = int(match["line"]) - 1
        typed = rf"(\s*version\s*:\s*){re.escape(match['raw'])}(?=\s|$)"
        changed = re.sub(rf"^{typed}", lambda m: m[1] + match["fixed"], lines[number])
        if changed != lines[number]:
            lines[number] = changed
            _write(path, "\n".join(lines))
            yield f"wrote version: {match['fixed']} instead of {match['raw']}"


def _characters(path: Path) -> Iterator[str]:
    text = _text(path)
    before = _document(text, path)
    looked_at = target(before, None)
    found = silenced(before, check(looked_at))
    left = {f.loc for f in found if f.silenced or not f.fixable}
    wrong = {p.loc: p for p in looked_at.passages if p.loc not in left and clean(p) != p.text}
    changes = {loc: clean(passage) for loc, passage in wrong.items()}
    if not changes:
        return
    wanted = before.written.model_dump(mode="json")
    for loc, value in changes.items():
        _set(wanted, loc, value)
    candidates = _in_markdown(text) if _is_markdown(path) else _in_yaml(text, wrong, changes)
    for candidate in candidates:
        if _says(candidate, path) == wanted:
            _write(path, candidate)
            places = ", ".join(".".join(map(str, loc)) for loc in changes)
            yield f"removed hidden characters or odd spaces from {places}"
            return


def _in_yaml(text: str, passages: Mapping[Loc, Passage], changes: Mapping[Loc, str]) -> Iterator[str]:
    """The text with only those values cleaned as they are typed; or, where they are escaped, written anew."""
    root = YAML(typ="safe", pure=True).compose(text)
    spans = sorted(((_find(root, loc), passage) for loc, passage in passages.items()), key=_start, reverse=True)
    typed = text
    for node, passage in spans:
        start, end = node.start_mark.index, node.end_mark.index
        if node.style in ("|", ">"):
            start = text.index("\n", start)  # the line of the sign itself may hold a comment
        part = visible(text[start:end])
        typed = typed[:start] + (part if passage.in_exemplar else spaced(part)) + typed[end:]
    yield typed
    plain = edited(text.replace("\r\n", "\n"), changes)
    yield plain.replace("\n", "\r\n") if "\r\n" in text else plain


def _in_markdown(text: str) -> Iterator[str]:
    """The text cleaned line by line, but for comments; or, where that says something else, less hidden characters."""
    yield "\n".join(line if "<!--" in line else spaced(visible(line) + "\n")[:-1] for line in text.split("\n"))
    yield visible(text)


def _start(span: tuple[ScalarNode, Passage]) -> int:
    return int(span[0].start_mark.index)


def _find(node: Node, loc: Loc) -> ScalarNode:
    for key in loc:
        if isinstance(node, MappingNode):
            node = next(value for name, value in node.value if name.value == key)
        else:
            node = node.value[key]
    assert isinstance(node, ScalarNode)
    return node


def _document(text: str, path: Path) -> Document:
    """The text as a document without what it extends. Raises ConfigError."""
    plain = text.replace("\r\n", "\n")
    parsed = markdown.parse(plain, path) if _is_markdown(path) else parse_yaml(plain, path, WHAT)
    try:
        return Document(path, plain, Written.model_validate(parsed.data), parsed.lines)
    except ValidationError:
        raise ConfigError("is no constitution") from None


def _says(text: str, path: Path) -> dict[str, Any] | None:
    try:
        return _document(text, path).written.model_dump(mode="json")
    except ConfigError:
        return None


def _set(data: Any, loc: Loc, value: str) -> None:
    for key in loc[:-1]:
        data = data[key]
    data[loc[-1]] = value


def _is_markdown(path: Path) -> bool:
    return path.suffix.lower() in (".md", ".markdown")


def _text(path: Path) -> str:
    """The text with its line ends as they are."""
    return path.read_bytes().decode("utf-8")


def _write(path: Path, text: str) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    write_atomic(path, text)
    path.chmod(mode)
