"""YAML that people wrote: read without surprises, with line numbers; rewritten without losing comments.

Refused before anything is built: other encodings than UTF-8, byte order marks, tags, aliases, files too
big or too deep. ruamel refuses duplicate keys and tabs. Every refusal names file and line.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, FoldedScalarString, LiteralScalarString

from solon.errors import ConfigError

MAX_BYTES = 500_000
MAX_DEPTH = 50
FOLD = 90  # longer texts are written folded over several lines

Loc = tuple[str | int, ...]
_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A YAML mapping as plain data, with the line (from 1) of every value in it."""

    path: Path
    text: str
    data: dict[str, Any]
    lines: Mapping[Loc, int]

    def line(self, loc: Sequence[str | int]) -> int:
        """The line of the value at `loc`, or of its nearest ancestor that is there."""
        for end in range(len(loc), 0, -1):
            if tuple(loc[:end]) in self.lines:
                return self.lines[tuple(loc[:end])]
        return 1

    def where(self, loc: Sequence[str | int]) -> str:
        """`file:line` of the value at `loc`."""
        return f"{self.path}:{self.line(loc)}"


def read_source(path: Path, what: str) -> str:
    """The text of a file that a person wrote. Raises ConfigError: missing, too big, not plain UTF-8."""
    try:
        with path.open("rb") as handle:
            raw = handle.read(MAX_BYTES + 1)  # no more of what never ends
        if len(raw) > MAX_BYTES:
            size = max(path.stat().st_size, len(raw))
            raise ConfigError(
                f"{what}: {path}:1: has {size:,} bytes, the limit is {MAX_BYTES:,}; split it with extends"
            )
    except FileNotFoundError:
        raise ConfigError(f"{what}: no such file: {path}") from None
    except IsADirectoryError:
        raise ConfigError(f"{what}: {path} is a folder, expected a file") from None
    except OSError as error:
        raise ConfigError(f"{what}: cannot read {path}: {error.strerror}") from None
    return decode(raw, f"{what}: {path}")


def decode(raw: bytes, where: str) -> str:
    """Plain UTF-8 text with `\\n` line ends. Raises ConfigError with the line of what is not."""
    if raw[:2] in _BOMS:
        raise ConfigError(f"{where}:1: is {_BOMS[raw[:2]]}; save it as UTF-8")
    if raw.startswith(b"\xef\xbb\xbf"):
        raise ConfigError(f"{where}:1: starts with a byte order mark; save it as UTF-8 without BOM")
    try:
        text = raw.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError(f"{where}:{line}: is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    if bad := _UNPRINTABLE.search(text):
        line = text[: bad.start()].count("\n") + 1
        raise ConfigError(f"{where}:{line}: holds the control character U+{ord(bad.group()):04X}; delete it")
    return text


def parse_yaml(text: str, path: Path, what: str) -> Parsed:
    """A mapping from YAML text; `path` and `what` name it in errors. Raises ConfigError."""
    yaml = YAML(typ="safe", pure=True)
    node: Node | None = None
    try:
        _refuse_bombs(yaml, text, f"{what}: {path}")
        node = yaml.compose(text)
        if not isinstance(node, MappingNode):
            kind = "a list" if isinstance(node, SequenceNode) else "nothing" if node is None else "a single value"
            raise ConfigError(f"{what}: {path}:1: expected a mapping of keys, found {kind}")
        lines: dict[Loc, int] = {}
        _number(node, (), lines)
        data = yaml.constructor.construct_document(node)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError(f"{what}: {path}:{line}: {_advice(error.problem or 'not YAML')}") from None
    except (YAMLError, ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        # ruamel turns some malformed scalars (dates, numbers) into bare Python errors.
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(f"{what}: {path}:{_culprit(node)}: not YAML: {first}") from None
    return Parsed(path, text, data, lines)


def read_yaml(path: Path, what: str) -> dict[str, Any]:
    """The mapping in a YAML file. Raises ConfigError in one line, with file and line."""
    return parse_yaml(read_source(path, what), path, what).data


def _refuse_bombs(yaml: YAML, text: str, where: str) -> None:
    """Walk the events, which cost no memory, before anything is built from them."""
    depth = 0
    for event in yaml.parse(text):
        name = type(event).__name__
        line = event.start_mark.line + 1
        if name == "AliasEvent":
            raise ConfigError(f"{where}:{line}: YAML aliases are not allowed; write it out")
        if tag := getattr(event, "tag", None):
            raise ConfigError(f"{where}:{line}: the YAML tag {str(tag)[:60]} is not allowed; remove it")
        if name in ("MappingStartEvent", "SequenceStartEvent"):
            depth += 1
        elif name in ("MappingEndEvent", "SequenceEndEvent"):
            depth -= 1
        if depth > MAX_DEPTH:
            raise ConfigError(f"{where}:{line}: nested deeper than {MAX_DEPTH}")


def _number(node: Node, loc: Loc, lines: dict[Loc, int]) -> None:
    lines[loc] = node.start_mark.line + 1
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise MarkedYAMLError(
                    problem="merge keys (<<) are not allowed; write it out", problem_mark=key.start_mark
                )
            _number(value, (*loc, str(key.value)), lines)
            lines[(*loc, str(key.value))] = key.start_mark.line + 1
    elif isinstance(node, SequenceNode):
        for index, value in enumerate(node.value):
            _number(value, (*loc, index), lines)


def _culprit(node: Node | None) -> int:
    """The line of the first scalar that cannot be built."""
    constructor = YAML(typ="safe", pure=True).constructor  # the other one remembers where it broke off
    waiting = [node] if node is not None else []
    while waiting:
        current = waiting.pop()
        if isinstance(current, MappingNode):
            waiting += [part for pair in reversed(current.value) for part in reversed(pair)]
        elif isinstance(current, SequenceNode):
            waiting += reversed(current.value)
        else:
            try:
                constructor.construct_object(current)
            except (YAMLError, ValueError, TypeError, AttributeError, OverflowError):
                return int(current.start_mark.line) + 1
    return 1


def _advice(problem: str) -> str:
    """A parser's complaint with what to do about it."""
    first = problem.splitlines()[0]
    if "'\\t'" in first or "tab" in first.lower():
        return f"{first}; indent with spaces, not tabs"
    if "duplicate key" in first:
        return f"{first}; keep one of the two"
    return first


# --- writing ---------------------------------------------------------------------------------------


def _writer() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096  # ruamel must not re-wrap what people wrapped
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def dump_yaml(value: Mapping[str, Any], header: str = "") -> str:
    """`value` as YAML for people: long texts folded, text that looks like a number quoted; `header` as comment."""
    comment = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())
    buffer = io.StringIO()
    yaml = _writer()
    yaml.allow_unicode = True
    yaml.dump(_styled(value), buffer)
    return comment + buffer.getvalue()


def _styled(value: Any) -> Any:
    if isinstance(value, Mapping):
        styled = {key: _styled(item) for key, item in value.items()}
        if isinstance(styled.get("version"), str):
            styled["version"] = DoubleQuotedScalarString(styled["version"])  # or 1.10 will be typed for "1.10.0"
        return styled
    if isinstance(value, str):
        return _styled_text(value)
    if isinstance(value, Iterable):
        return [_styled(item) for item in value]
    return value


def _styled_text(text: str) -> Any:
    """Folded or literal where YAML gives the very same text back, else as ruamel sees fit."""
    if (
        text != text.strip()
        or "\t" in text
        or _UNPRINTABLE.search(text)
        or re.search(r"[\r\x85\u2028\u2029\ufeff]", text)
    ):
        return DoubleQuotedScalarString(text)
    if "\n" in text:
        plain = all(line == line.strip() for line in text.split("\n"))
        return LiteralScalarString(text) if plain else DoubleQuotedScalarString(text)
    if len(text) <= FOLD or "  " in text:
        return text
    folded = FoldedScalarString(text)
    # Where ruamel breaks lines, as if it had read them so.
    folded.fold_pos = _breaks(text)
    return folded


def _breaks(text: str) -> list[int]:
    """Positions of the spaces at which `text` is broken into lines of at most FOLD characters."""
    found: list[int] = []
    start, last = 0, -1
    for index, character in enumerate(text):
        if character == " ":
            last = index
        if index - start >= FOLD and last > start:
            found.append(last)
            start, last = last + 1, -1
    return found


def edited(text: str, changes: Mapping[Loc, Any]) -> str:
    """`text` with the values at some places replaced; comments, order and quoting stay."""
    yaml = _writer()
    data = yaml.load(text)
    for loc, value in changes.items():
        node = data
        for key in loc[:-1]:
            node = node[key]
        node[loc[-1]] = _styled(value)
    buffer = io.StringIO()
    yaml.dump(data, buffer)
    return buffer.getvalue()
