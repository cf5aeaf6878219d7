"""What stands beside the text of a principle: its `> field: value` lines and its exemplars' labelled parts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

from solon.constitution.markdown import names
from solon.constitution.markdown.inline import Refuse, plain
from solon.constitution.markdown.lines import BLANK, Block
from solon.constitution.markdown.prose import LABEL


def fields(block: Block, refuse: Refuse) -> dict[str, tuple[int, Any]]:
    """The fields in a block of > lines, each with its line. A line that begins no field goes on with the one above."""
    said: dict[str, tuple[int, str]] = {}
    for number, raw in enumerate(block.lines, block.line):
        line = _unbroken(raw.lstrip(" ")[1:].strip(BLANK))
        name, colon, value = line.partition(":")
        key = names.key(name)
        if colon and key in names.FIELDS:
            if key in said:
                refuse(number, f"a second '{key}' of one principle; keep one")
            said[key] = number, value.strip(BLANK)
        elif colon and value[:1] in ("", *BLANK) and re.fullmatch(r"[A-Za-z]\w*(?:[ -]\w+)?", name.strip()):
            near = names.nearest(name, names.FIELDS)
            refuse(number, f"unknown field '{name.strip()}'; {near}, or write \\: to go on with the line above")
        elif line and not said:
            refuse(number, f"> begins the fields of a principle ({', '.join(names.FIELDS)}); in text write \\>")
        elif line:
            last = next(reversed(said))
            said[last] = said[last][0], f"{said[last][1]} {line}"
    return {key: (number, _value(key, value, number, refuse)) for key, (number, value) in said.items()}


def _unbroken(line: str) -> str:
    """The line without the backslash that breaks it, if it ends in one."""
    return line[:-1].rstrip(BLANK) if (len(line) - len(line.rstrip("\\"))) % 2 else line


def _value(key: str, line: str, number: int, refuse: Refuse) -> Any:
    """A field's value as YAML would give it; what is no value of its kind stays text, for validation to refuse."""
    text = plain(line, lambda _, why: refuse(number, why))
    if key == "weight":
        try:
            return float(text)
        except ValueError:
            return text
    if key == "phases" and text not in ("both", "revise", "compare"):
        return re.split(r"[,\s]+", text)
    return text


def parts(blocks: Sequence[Block], known: Collection[str], refuse: Refuse) -> dict[str, list[Block]]:
    """The blocks under each `**Label:**`, by key."""
    found: dict[str, list[Block]] = {}
    last, where = "", {}
    for label, block in _at_labels(blocks):
        if label is not None:
            last = names.key(label)
            if last not in known:
                refuse(block.line, f"unknown label '{label}'; {names.nearest(label, map(names.title, known))}")
            if last in found:
                refuse(block.line, f"a second '{names.title(last)}' of one exemplar; begin another '###' section")
            found[last], where[last] = [], block.line
        elif not found:
            refuse(
                block.line, f"an exemplar is made of labelled parts; begin with **{names.title(next(iter(known)))}:**"
            )
        if any(block.lines):
            found[last].append(block)
    for key, inside in found.items():
        if not inside:
            refuse(where[key], f"'{names.title(key)}' has no text; write some or delete the label")
    return found


def _at_labels(blocks: Sequence[Block]) -> Iterator[tuple[str | None, Block]]:
    """Blocks of prose cut where a line begins with a label, which is taken off."""
    for block in blocks:
        if block.kind != "prose":
            yield None, block
            continue
        label, first, rows = None, block.line, list[str]()
        for number, line in enumerate(block.lines, block.line):
            if found := LABEL.match(line.lstrip(BLANK)):
                if rows or label:
                    yield label, replace(block, line=first, lines=tuple(rows))
                rest = line.lstrip(BLANK)[found.end() :]
                label, first, rows = found[1], number, [rest] if rest.strip(BLANK) else []
            else:
                rows.append(line)
        yield label, replace(block, line=first, lines=tuple(rows))
