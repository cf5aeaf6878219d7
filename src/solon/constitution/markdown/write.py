"""A constitution as Markdown: prose first, what is a default left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from solon.constitution.markdown import names
from solon.constitution.markdown.comments import Comments, to_html
from solon.constitution.markdown.inline import escaped
from solon.constitution.markdown.prose import lines_of
from solon.constitution.model import Constitution, Written
from solon.constitution.write import as_data
from solon.yaml import dump_yaml

_NO_COMMENTS = Comments()


def to_markdown(
    constitution: Constitution | Written, comments: Comments = _NO_COMMENTS, front: str | None = None
) -> str:
    """Markdown that `parse` reads back to an equal object, given that no two principles share an id.

    `front` is YAML to stand as front matter instead of what would be written.
    """
    data = as_data(constitution)
    front = front_matter(constitution) if front is None else front
    pieces = ["---\n" + front.strip("\n") + "\n---", *map(to_html, comments.head)]
    if constitution.description:
        pieces.append("\n".join(lines_of(constitution.description)))
    for index, principle in enumerate(data.get("principles", ())):
        # The last comment stands right above its heading, where lint looks for what to ignore.
        heading, *rest = _principle(principle)
        above = [to_html(block) for block in comments.above.get(index, ())]
        pieces += [*above[:-1], "\n".join([*above[-1:], heading]), *rest]
    pieces += map(to_html, comments.end)
    return "\n\n".join(piece for piece in pieces if piece) + "\n"


def front_matter(constitution: Constitution | Written) -> str:
    """YAML of all that is not prose."""
    data = {key: value for key, value in as_data(constitution).items() if key not in ("description", "principles")}
    if constitution.exemplars is not None:  # none at all, on purpose
        data.setdefault("exemplars", {})
    return dump_yaml(data)


def _principle(data: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {names.heading(data['id'])}"
    yield "\n".join(lines_of(data["text"]))
    said = [f"> {key}: {_value(data[key])}" for key in names.FIELDS if key in data]
    yield "\\\n".join(said)  # the backslash keeps each on a line of its own
    for key in names.REQUESTS:
        if key in data:
            yield f"### {names.title(key)}"
            yield "\n".join(lines_of(data[key]))
    for key in names.EXEMPLARS:
        for exemplar in data.get("exemplars", {}).get(key.removesuffix("_exemplar"), ()):
            yield f"### {names.title(key)}"
            yield from _labelled(exemplar)


def _labelled(exemplar: Mapping[str, str]) -> Iterable[str]:
    for key, text in exemplar.items():
        yield "\n".join(lines_of(text, labelled=True, label=f"**{names.title(key)}:**"))


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and value < 1e15 else repr(value)
    return escaped(value)
