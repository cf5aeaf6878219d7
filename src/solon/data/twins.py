"""Twins: prompts that are alike in style and differ in what they want, by the names that their rows give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Named:
    """What a row says of itself: its `id`, the `pair` that it is in and the id that it is the `twin_of`; "" without."""

    id: str = ""
    pair: str = ""
    twin_of: str = ""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Named:
        return cls(*(str(row.get(name) or "") for name in ("id", "pair", "twin_of")))


def families(rows: Sequence[tuple[Named, str]]) -> list[str]:
    """For each row, given with its normalised text, the name that it shares with its twins, theirs in turn, and rows of
    the same text: the first by alphabet of the ids that are named as `twin_of` there, else of the pairs; "" without.

    A row's id counts where some row names it: ids of several files may be equal by chance.
    """
    sources = {named.twin_of for named, _ in rows}
    pairs = {named.pair for named, _ in rows}
    named_by_row = [_names(named, key, sources | pairs) for named, key in rows]
    roots = components(named_by_row)
    best: dict[str, tuple[bool, str]] = {}
    for names in named_by_row:
        for _, name in names[1:]:
            rank = (name not in sources, name)
            root = roots[names[0]]
            best[root] = min(best.get(root, rank), rank)
    return [best.get(roots[names[0]], (True, ""))[1] for names in named_by_row]


Node = tuple[str, str]


def _names(named: Named, key: str, known: set[str]) -> list[Node]:
    """The row's text, and then the names of its twins."""
    own = named.id if named.id in known else ""
    return [("text", key), *(("name", name) for name in (named.twin_of, named.pair, own) if name)]


def components(links: Iterable[Sequence[Node]]) -> dict[Node, str]:
    """Things that are linked, directly or in turn, share a name, which says nothing else. (Union-find.)"""
    above: dict[Node, Node] = {}

    def root(node: Node) -> Node:
        above.setdefault(node, node)
        while above[node] != node:
            above[node] = above[above[node]]
            node = above[node]
        return node

    for link in links:
        first = root(link[0])
        for other in link[1:]:
            above[root(other)] = first
    return {node: "\x00".join(root(node)) for node in above}
