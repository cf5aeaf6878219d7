"""Markdown to the plain data that a constitution is validated from, with the line of every value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from solon.constitution.markdown import details, names
from solon.constitution.markdown.comments import Comments, from_html
from solon.constitution.markdown.lines import BLANK, Block, blocks
from solon.constitution.markdown.prose import text_of
from solon.errors import ConfigError
from solon.yaml import Loc, Parsed, parse_yaml

WHAT = "constitution"
_BELOW = {"description": "write it as prose below the front matter", "principles": "write each as '## Heading' below"}


@dataclass(frozen=True, slots=True)
class Source:
    """A Markdown file: its data and lines, the YAML of its front matter as typed, and its comments."""

    parsed: Parsed
    front: str
    comments: Comments


def parse(text: str, path: Path) -> Parsed:
    """The data of a Markdown constitution. Raises ConfigError (one line, with file and line)."""
    return read(text, path).parsed


def read(text: str, path: Path) -> Source:
    """The same, with what only a conversion needs."""
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        raise ConfigError(f"{WHAT}: {path}:1: no front matter; begin with a line ---, then name: …, then a line ---")
    end = next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if end is None:
        raise ConfigError(f"{WHAT}: {path}:1: the front matter is never closed; put a line --- after its last key")
    front = "\n".join(lines[1:end])
    head = parse_yaml(f"\n{front}\n", path, WHAT)  # the empty line stands for ---, so line numbers hold
    for key, advice in _BELOW.items():
        if key in head.data:
            raise ConfigError(f"{WHAT}: {head.where((key,))}: {key} stands in the front matter; {advice}")
    body = _Body(path, head.data, dict(head.lines))
    body.take(blocks(lines, end + 1, body.refuse))
    return Source(Parsed(path, text, body.data, body.lines), front, body.comments)


@dataclass(slots=True)
class _Body:
    """What was gathered so far from the blocks below the front matter."""

    path: Path
    data: dict[str, Any]
    lines: dict[Loc, int]
    comments: Comments = field(default_factory=Comments)
    principles: list[dict[str, Any]] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)  # the line of each

    def refuse(self, line: int, why: str) -> NoReturn:
        raise ConfigError(f"{WHAT}: {self.path}:{line}: {why}")

    def here(self) -> Loc:
        """The place of the principle that is being read."""
        return ("principles", len(self.principles) - 1)

    def take(self, found: Iterable[Block]) -> None:
        """Cut the blocks at headings and read each part."""
        heading: Block | None = None
        part: list[Block] = []
        waiting: list[str] = []  # comments; whose they are is known when something follows
        for block in found:
            if block.kind == "comment":
                waiting.append(from_html(block.lines))
                continue
            if block.kind == "heading":
                self.part(heading, part)
                heading, part = block, []
                self.open(heading)
            else:
                part.append(block)
            self.remember(waiting)
            waiting = []
        self.part(heading, part)
        self.comments.end.extend(waiting)
        if self.principles:
            self.data["principles"] = self.principles

    def remember(self, waiting: list[str]) -> None:
        if waiting:
            kept = self.comments.over(len(self.principles) - 1) if self.principles else self.comments.head
            kept.extend(waiting)

    def open(self, heading: Block) -> None:
        """Begin a principle, if that is what the heading does."""
        level, title = _heading(heading)
        if level == 1:
            self.refuse(heading.line, f"'# {title}': the name stands in the front matter; a principle is '## Heading'")
        if level > 3:
            self.refuse(heading.line, f"'{'#' * level} {title}': a principle is '## Heading', its sections are '###'")
        if level == 3:
            if not self.principles:
                self.refuse(heading.line, f"'### {title}' belongs to a principle; write its '## Heading' first")
            return
        identifier = names.identifier(title)
        if not identifier:
            self.refuse(heading.line, f"'## {title}' gives no id (a-z, 0-9, hyphens); write the id: ## `its-id`")
        if identifier in self.ids:
            first = f"the heading on line {self.ids[identifier]}"
            self.refuse(heading.line, f"'{title}' gives the id '{identifier}', as does {first}; reword one")
        self.ids[identifier] = heading.line
        self.principles.append({"id": identifier})
        self.lines[self.here()] = self.lines[*self.here(), "id"] = heading.line

    def part(self, heading: Block | None, part: list[Block]) -> None:
        """Read what stands under a heading, or above the first."""
        if heading is None:
            if part:
                self.data["description"] = self.prose(part, ("description",))
            return
        level, title = _heading(heading)
        if level == 2:
            self.principle(heading, part)
            return
        known = (*names.REQUESTS, *names.EXEMPLARS)
        key = names.key(title)
        if key not in known:
            self.refuse(heading.line, f"unknown section '{title}'; {names.nearest(title, map(names.title, known))}")
        if not part:
            self.refuse(heading.line, f"'### {title}' has nothing under it; write it or delete the heading")
        if key in names.EXEMPLARS:
            self.exemplar(heading, key, part)
            return
        if key in self.principles[-1]:
            self.refuse(heading.line, f"a second '### {title}' of one principle; keep one")
        self.principles[-1][key] = self.prose(part, (*self.here(), key))

    def principle(self, heading: Block, part: list[Block]) -> None:
        said = [block for block in part if block.kind != "quote"]
        if not said:
            self.refuse(heading.line, f"'{heading.lines[0].strip()}' has no text; write the principle under it")
        self.principles[-1]["text"] = self.prose(said, (*self.here(), "text"))
        for block in part:
            for key, (line, value) in details.fields(block, self.refuse).items() if block.kind == "quote" else ():
                if key in self.principles[-1]:
                    self.refuse(line, f"a second '{key}' of one principle; keep one")
                self.principles[-1][key] = value
                self.lines[*self.here(), key] = line

    def exemplar(self, heading: Block, key: str, part: list[Block]) -> None:
        kind = key.removesuffix("_exemplar")
        listed = self.principles[-1].setdefault("exemplars", {}).setdefault(kind, [])
        loc = (*self.here(), "exemplars", kind, len(listed))
        self.lines[loc] = heading.line
        parts = details.parts(part, names.EXEMPLARS[key].model_fields, self.refuse)
        listed.append({name: self.prose(inside, (*loc, name)) for name, inside in parts.items()})

    def prose(self, part: Sequence[Block], loc: Loc) -> str:
        for block in part:
            if block.kind == "quote":
                self.refuse(block.line, "> is for the fields of a principle, under its text; in text write \\>")
        self.lines[loc] = part[0].line
        return text_of(part, self.refuse)


def _heading(block: Block) -> tuple[int, str]:
    """The level (1 to 6) and the words of a heading."""
    line = block.lines[0].strip(BLANK)
    words = line.lstrip("#")
    closing = words.rstrip("#")
    if closing != words and (not closing or closing[-1] in BLANK):
        words = closing
    return len(line) - len(line.lstrip("#")), words.strip(BLANK)
