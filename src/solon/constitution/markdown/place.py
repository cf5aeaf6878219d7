"""Which comment of a YAML constitution belongs where, and the YAML below its front matter with comments in place."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass

from solon.constitution.markdown.comments import Comments, Remark, blocks, to_hashes
from solon.constitution.model import Written
from solon.constitution.write import as_data
from solon.yaml import Parsed, dump_yaml

_PROSE = ("description", "principles")


def owners(parsed: Parsed, remarks: Sequence[Remark]) -> list[str]:
    """For each line of the file, whose it is: "description", "principles", "end", or "" for the front matter.

    Comments at the margin belong to what follows them, a key or the end of the file; those right below a key's
    lines, with an empty line after them, to that key.
    """
    rows = parsed.text.rstrip("\n").split("\n")
    keys = {line: str(loc[0]) for loc, line in parsed.lines.items() if len(loc) == 1}
    margin = {remark.line for remark in remarks if remark.alone and remark.column == 0}
    found, owner = ["end"] * (parsed.text.count("\n") + 1), ""
    waiting: list[int] = []  # lines that belong to whatever follows
    for number, row in enumerate(rows, 1):
        free = number in margin or not row.strip()
        if free and number > min(keys, default=1):
            if not row.strip() and waiting and waiting[0] in margin:  # the comments stood right below a key
                found[waiting[0] - 1 : number - 1] = [owner] * len(waiting)
                waiting = []
            waiting.append(number)
            continue
        key = keys.get(number)
        owner = owner if key is None else key if key in _PROSE else ""
        for line in (*waiting, number):
            found[line - 1] = owner
        waiting = []
        if row.rstrip() == "---":
            found[number - 1] = "end"
    return found


def placed(parsed: Parsed, whose: Sequence[str], remarks: Sequence[Remark]) -> Comments:
    """The comments outside the front matter, each where it belongs."""
    head, end = [], []
    above: dict[int, list[Remark]] = {}
    items = _items(parsed)
    for remark in remarks:
        owner = whose[remark.line - 1]
        index = _principle(items, remark) if owner == "principles" else len(items)
        if index < len(items):
            above.setdefault(index, []).append(remark)
        elif owner == "description":
            head.append(remark)
        elif owner:
            end.append(remark)
    return Comments(blocks(head), {index: blocks(found) for index, found in above.items()}, blocks(end))


@dataclass(slots=True)
class _Item:
    """Where a principle stands: its first line, the first line of its last value, the indent of its dash."""

    first: int
    last: int
    indent: int


def _items(parsed: Parsed) -> list[_Item]:
    rows = parsed.text.split("\n")
    items: list[_Item] = []
    for n in range(len(parsed.data.get("principles") or ())):
        line = parsed.lines["principles", n]
        items.append(_Item(line, line, len(rows[line - 1]) - len(rows[line - 1].lstrip(" "))))
    for loc, line in parsed.lines.items():
        if loc[0:1] == ("principles",) and len(loc) > 1 and isinstance(loc[1], int):
            items[loc[1]].last = max(items[loc[1]].last, line)
    return items


def _principle(items: Sequence[_Item], remark: Remark) -> int:
    """The index of the principle that a comment belongs to; one more than there are when it comes after the last."""
    index = bisect(items, remark.line, key=lambda item: item.first) - 1
    if index < 0:
        return 0
    inside = not remark.alone or remark.column > items[index].indent or remark.line < items[index].last
    return index if inside else index + 1


def below(written: Written, comments: Comments) -> str:
    """The YAML of the description and the principles."""
    data = as_data(written)
    text = "\n" + to_hashes(comments.head) if comments.head else ""
    if written.description:
        text += dump_yaml({"description": written.description})
    if written.principles:
        items = []
        for index, principle in enumerate(data["principles"]):
            item = dump_yaml({"principles": [principle]}).partition("\n")[2]
            items.append(to_hashes(comments.above.get(index, ()), "  ") + item)
        text += "\nprinciples:\n" + "\n".join(items)
    return text + ("\n" + to_hashes(comments.end) if comments.end else "")
