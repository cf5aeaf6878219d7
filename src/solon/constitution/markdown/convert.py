"""From one form to the other, with comments and with the front matter's own wording.

The top-level keys other than `description` and `principles` are the front matter, as typed, with the comments above,
below and beside them. Comments above the description, above a principle and at the end of the file stand there in
both forms. These move: comments above `principles:` to the first principle; those inside a principle or beside one
of its values, to above that principle; those inside the description, to above it. Where that is not possible,
because the top level is written in braces, all comments go to the top.
"""

from __future__ import annotations

from pathlib import Path

from solon.constitution.markdown.comments import blocks, remarks, to_hashes
from solon.constitution.markdown.place import below, owners, placed
from solon.constitution.markdown.read import WHAT, parse, read
from solon.constitution.markdown.write import front_matter, to_markdown
from solon.constitution.model import Written
from solon.errors import ConfigError
from solon.yaml import Parsed, parse_yaml


def from_yaml(text: str, path: Path) -> str:
    """The Markdown form of a YAML constitution. Raises ConfigError or ValidationError if it is none."""
    parsed = parse_yaml(text, path, WHAT)
    written = Written.model_validate(parsed.data)
    found = remarks(text)
    whose = owners(parsed, found)
    front = "\n".join(row for row, key in zip(text.split("\n"), whose, strict=True) if key == "")
    made = to_markdown(written, placed(parsed, whose, found), front)
    if _says(made, path, written, markdown=True):
        return made
    return to_markdown(written, front=to_hashes(blocks(found)) + front_matter(written))


def to_yaml(text: str, path: Path) -> str:
    """The YAML form of a Markdown constitution. Raises ConfigError or ValidationError if it is none."""
    source = read(text, path)
    written = Written.model_validate(source.parsed.data)
    rest = below(written, source.comments)
    front = source.front.strip("\n")
    # A comment that ends the front matter is not one on what comes below it.
    apart = "\n" if front.rpartition("\n")[2].startswith("#") and not rest.startswith("\n") else ""
    made = f"{front}\n{apart}{rest}"
    if _says(made, path, written, markdown=False):
        return made
    return to_hashes(blocks(remarks(source.front))) + front_matter(written) + rest


def _says(text: str, path: Path, written: Written, *, markdown: bool) -> bool:
    """Whether `text` reads back as `written`: what people type can be cut up in ways that do not."""
    try:
        parsed: Parsed = parse(text, path) if markdown else parse_yaml(text, path, WHAT)
        return Written.model_validate(parsed.data) == written
    except (ConfigError, ValueError):
        return False
