"""Which comment of a YAML constitution belongs where, and the YAML below its front matter with comments in place."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence

from solon.constitution.markdown.comments import Comments, Remark, blocks, to_hashes
from solon.constitution.model import Written
from solon.constitution.write import as_data
from solon.yaml import Parsed, dump_yaml

_PROSE = ("description", "principles")


def owners(parsed: Parsed, remarks: Sequence[Remark]) -> list[str]:
    """For each line of the file, whose it is: "description", "principles", "end", or "" for the front matter.

    Empty lines and comments at the margin belong to what follows them: a key, or the end of the file.
    """
    rows = parsed.text.split("\n")
    keys = {line: str(loc[0]) for loc, line in parsed.lines.items() if len(loc) == 1}
    margin = {remark.line for remark in remarks if remark.alone and remark.column == 0}
    found, owner = [], ""
    for number, row in enumerate(rows, 1):
        key = keys.get(number)
        owner = owner if key is None else key if key in _PROSE else ""
        found.append("end" if row.rstrip() == "---" else owner)
    follows = "end"
    for number in range(len(rows), min(keys, default=1), -1):
        if number in margin or not rows[number - 1].strip():
            found[number - 1] = follows
        else:
            follows = found[number - 1]
    return found


def placed(parsed: Parsed, whose: Sequence[str], remarks: Sequence[Remark]) -> Comments:
    """The comments outside the front matter, each where it belongs."""
    head, end = [], []
    above: dict[int, list[Remark]] = {}
    for remark in remarks:
        owner = whose[remark.line - 1]
        index = _principle(parsed, remark) if owner == "principles" else None
        if index is not None:
            above.setdefault(index, []).append(remark)
        elif owner == "description":
            head.append(remark)
        elif owner:
            end.append(remark)
    return Comments(blocks(head), {index: blocks(found) for index, found in above.items()}, blocks(end))


def _principle(parsed: Parsed, remark: Remark) -> int | None:
    """The index of the principle that a comment under `principles:` belongs to; None when it comes after the last."""
    starts = [parsed.lines["principles", n] for n in range(len(parsed.data["principles"] or ()))]
    index = bisect(starts, remark.line) - 1
    if index >= 0 and (not remark.alone or remark.column > _indent(parsed, starts[index])):
        return index
    inside = ("principles", index)
    if index >= 0 and any(loc[:2] == inside and line > remark.line for loc, line in parsed.lines.items()):
        return index
    return index + 1 if index + 1 < len(starts) else None


def _indent(parsed: Parsed, line: int) -> int:
    row = parsed.text.split("\n")[line - 1]
    return len(row) - len(row.lstrip(" "))


def below(written: Written, comments: Comments) -> str:
    """The YAML of the description and the principles."""
    data = as_data(written)
    text = to_hashes(comments.head)
    if written.description:
        text += dump_yaml({"description": written.description})
    if written.principles:
        items = []
        for index, principle in enumerate(data["principles"]):
            item = dump_yaml({"principles": [principle]}).partition("\n")[2]
            items.append(to_hashes(comments.above.get(index, ()), "  ") + item)
        text += "\nprinciples:\n" + "\n".join(items)
    return text + ("\n" + to_hashes(comments.end) if comments.end else "")
