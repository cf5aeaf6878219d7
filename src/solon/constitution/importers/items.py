"""The outline of a text or Markdown file: its headings, list items, tables and lines of prose, as GitHub shows them.

`markdown-it-py` reads it. Ours is what plain text does without Markdown: bullets such as • and (a), and lines that are
all bold or end in a colon as headings. Code, quotes, comments and HTML are no part of the outline; what there was of
them is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from solon.constitution.importers.model import MAX_CHARS
from solon.constitution.importers.polarity import DOUBT, goes_on, leads, not_meant, points
from solon.constitution.importers.words import flat, shows_examples, word_count

# Inline text is read only where it is looked at: a long document's paragraphs cost seconds.
_BLOCKS = MarkdownIt("commonmark").enable("table").disable("inline")
_PLAIN_BLOCKS = MarkdownIt("commonmark").disable(["inline", "code", "html_block"])  # text is indented for its looks
_INLINE = MarkdownIt("commonmark")

# What only people read as a bullet, put so that Markdown does: at the start of a line, with what it counts.
_BULLET = re.compile(
    r"^(?P<indent>[ \t]*)(?:[•‣▪◦–—]|\(\d{1,3}(?:\.\d{1,2})*\)|\d{1,3}(?:\.\d{1,2})+[.)]?|\(?[a-zA-Z][.)]|"
    r"\(?[ivxIVX]{1,5}[.)]|\**(?:Principle|Rule|Article|Criterion|Tenet|Value|Guideline)\s*#?\d{1,3}\s*[:.)–—-]\**)"
    r"[ \t]+(?=\S)",
    re.MULTILINE,
)
_TITLE_LINE = re.compile(r"^(?:\*\*|__)([^*_]{2,80}?):?(?:\*\*|__):?$|^([^\s.?!][^.?!]{1,80}):$")
_TITLE_LEVEL, _LEAD_LEVEL = 7, 8  # below the six levels of Markdown
MAX_LEAD = 160  # characters of a lead-in
_ATTRIBUTES = re.compile(r"\s*\{(?P<said>[#.:]?[\w-]+[^{}]*)\}\s*$")
_FOOTNOTE = re.compile(r"\[\^[^\]\s]+\]")
_NAMED = re.compile(r"^(?P<name>[A-Z][\w'’ &/-]{2,40}?)\s*(?::|\s[–—-])\s+(?P<rest>\S.*)$")
_AFTER_NAME = re.compile(r"^\s*(?:[:.]\s*)?(?:[-–—:]\s*)?(?=\S)")
_LEFT_OUT = {
    "fence": "fenced text",
    "code_block": "indented code",
    "blockquote": "a quotation",
    "html_block": "HTML",
    "table": "a table",
}


@dataclass(slots=True)
class Item:
    """A list item: the line it starts on (from 1), its Markdown, and the headings above it, the outermost first."""

    line: int
    source: str
    headings: tuple[str, ...]
    lead: str = ""  # of a sub-item, what leads into its list, other than the item above it
    title: str = ""  # of the document
    children: list[Item] = field(default_factory=list)

    def read(self) -> tuple[str, str]:
        """The name at its head ("**Honesty**: tell the truth") and its text, without Markdown's marks."""
        return named(self.source)

    @property
    def text(self) -> str:
        return self.read()[1]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading's words, its level (1 to 6, 7 for a line that only looks like one) and its `{#id key=value}`."""

    line: int
    level: int
    text: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Outline:
    """A document. `lines` are those of its paragraphs outside lists, with the
    headings above them; `skipped` what is no prose, with its line."""

    items: list[Item] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    lines: list[tuple[int, str, tuple[str, ...]]] = field(default_factory=list)
    tables: list[tuple[int, tuple[str, ...], list[dict[str, str]]]] = field(default_factory=list)
    skipped: list[tuple[int, str]] = field(default_factory=list)

    @property
    def title(self) -> str:
        return next((h.text for h in self.headings if h.level == 1), "")

    @property
    def words(self) -> int:
        """How many words its paragraphs outside lists have."""
        return sum(word_count(line) for _, line, _ in self.lines)

    def put_under(self, above: tuple[str, ...]) -> None:
        """Let the whole document stand under `above`."""
        for item in self.items:
            item.headings, item.title = (*above, *item.headings), self.title
        self.lines = [(number, line, (*above, *under)) for number, line, under in self.lines]
        self.tables = [(number, (*above, *under), rows) for number, under, rows in self.tables]


def outline(text: str, *, markdown: bool = True) -> Outline:
    """The outline of `text`; without `markdown`, indented lines are no code and < begins no HTML."""
    reader = _Reader()
    tokens = (_BLOCKS if markdown else _PLAIN_BLOCKS).parse(_BULLET.sub(r"\g<indent>- ", text))
    nodes = SyntaxTreeNode(tokens).children
    for node, after in zip(nodes, [*nodes[1:], None], strict=True):
        reader.block(node, before_list=after is not None and after.type in ("bullet_list", "ordered_list"))
    return reader.outline


def blocks(text: str) -> list[SyntaxTreeNode]:
    """The blocks of a Markdown text as `markdown-it-py` has them, without what is inside their lines."""
    return list(SyntaxTreeNode(_BLOCKS.parse(text)).children)


def line_of(node: SyntaxTreeNode) -> int:
    """The line, from 1, on which a block begins."""
    return node.map[0] + 1 if node.map else 1


def heading_of(node: SyntaxTreeNode) -> Heading:
    """The heading that a block of that kind is."""
    words, attributes = _attributes(_content(node))
    return Heading(line_of(node), int(node.tag[1:]), without_marks(words), attributes)


def _attributes(text: str) -> tuple[str, dict[str, str]]:
    """A heading without its `{#id .class key=value}`, and these by name; a class is a name with no value."""
    found = _ATTRIBUTES.search(text)
    if not found:
        return text, {}
    attributes: dict[str, str] = {}
    for part in re.findall(r"[\w:-]+=\"[^\"]*\"|[\w:-]+='[^']*'|\S+", found["said"]):
        name, _, value = part.partition("=")
        if part.startswith("#"):
            attributes["id"] = part[1:]
        else:
            attributes[name.lstrip(".")] = value.strip("\"'")
    return text[: found.start()], attributes


def named(text: str) -> tuple[str, str]:
    """The name at the head of an item and its text, without Markdown marks."""
    if len(text) > MAX_CHARS:
        return "", text
    text = re.sub(r"^\[[ xX]\]\s+", "", text)
    tokens = _inline(text)
    shown = [n for n, token in enumerate(tokens) if token.content or token.nesting]
    if shown and tokens[shown[0]].type == "strong_open":
        end = next(n for n, token in enumerate(tokens) if token.type == "strong_close")
        name, after = _said(tokens[:end]), _said(tokens[end:])
        rest = after[found.end() :] if (found := _AFTER_NAME.match(after)) else after
        divided = name.endswith((":", ".")) or (found and found.end() and re.search(r"[:.–—-]", found.group()))
        if divided and 2 <= len(name.rstrip(":.")) <= 60 and word_count(rest) > 2:
            return name.rstrip(":."), rest[:1].upper() + rest[1:]
    said = _said(tokens)
    plain = _NAMED.match(said)
    return (plain["name"] if plain and word_count(plain["name"]) < 5 else ""), said


def without_marks(text: str) -> str:
    """A line as a reader sees it: no emphasis, code marks, links, comments or footnotes."""
    return _said(_inline(text))


def is_link(text: str) -> bool:
    """Whether it is nothing but links, as tables of contents are."""
    tokens = _inline(text)
    depth, apart, linked = 0, "", False
    for token in tokens:
        if token.type in ("link_open", "link_close"):
            depth, linked = depth + token.nesting, True
        elif not depth:
            apart += token.content
    return linked and not re.search(r"\w{2}", apart)


def _inline(text: str) -> list[Token]:
    return _INLINE.parseInline(_FOOTNOTE.sub("", text))[0].children or []


def _said(tokens: list[Token]) -> str:
    def of(token: Token) -> str:
        if token.type in ("softbreak", "hardbreak"):
            return " "
        if token.type == "html_inline" and token.content.startswith("<!--"):
            return ""
        return token.content  # of a picture, what stands for it

    return flat("".join(map(of, tokens)))


def _content(node: SyntaxTreeNode) -> str:
    """The Markdown inside a heading, a paragraph or a cell."""
    return "".join(child.content for child in node.children if child.type == "inline")


def _parts(entry: SyntaxTreeNode) -> tuple[list[str], dict[int, str]]:
    """The paragraphs of a list item that are its text, and by list in it the paragraph that leads into that."""
    texts: list[str] = []
    leading: dict[int, str] = {}
    for child, after in zip(entry.children, [*entry.children[1:], None], strict=True):
        if child.type not in ("paragraph", "heading"):
            continue
        said = without_marks(_content(child))
        listed = after is not None and after.type in ("bullet_list", "ordered_list")
        if texts and listed and (said.endswith(":") or leads(said) or points(said)):
            leading[id(after)] = said.rstrip(": ")
        elif not texts or not shows_examples(said):
            texts.append(_content(child))
    return texts, leading


def _opens_bold(text: str) -> bool:
    """Whether a paragraph is one statement under a bold name ("**Care** — The assistant never mocks the user.")."""
    return text.startswith(("**", "__")) and bool(named(" ".join(text.split()))[0])


class _Reader:
    """Goes through the blocks and remembers the headings it is under."""

    def __init__(self) -> None:
        self.outline = Outline()
        self.open: list[tuple[int, str]] = []  # level and words of each heading
        self._colon = False  # whether the last title line was one by its colon
        self.listed = False  # whether a list came since the last heading or lead-in

    @property
    def above(self) -> tuple[str, ...]:
        return tuple(words for _, words in self.open)

    def block(self, node: SyntaxTreeNode, *, before_list: bool) -> None:
        if node.type == "heading":
            self._head(heading_of(node))
        elif node.type == "paragraph" and _opens_bold(_content(node)):
            self.outline.items.append(Item(line_of(node), _content(node), self.above))
        elif node.type == "paragraph":
            for number, line in enumerate(_content(node).split("\n"), line_of(node)):
                self._line(number, line.strip())
            self._lead(_content(node), line_of(node), before_list)
        elif node.type in ("bullet_list", "ordered_list"):
            self.outline.items += self._list(node)
            self.listed = True
        elif node.type in _LEFT_OUT:
            self._leave(node)

    def _head(self, heading: Heading) -> None:
        self.open = [h for h in self.open if h[0] < heading.level] + [(heading.level, heading.text)]
        self.outline.headings.append(heading)
        self.listed = False

    def _lead(self, text: str, line: int, before_list: bool) -> None:
        """What the last sentence of a paragraph leads into, and whether an earlier lead-in still holds after it."""
        last = re.split(r"(?<=[.!?;])\s+", without_marks(text))[-1]
        inner = self.open[-1] if self.open and self.open[-1][0] >= _TITLE_LEVEL else None
        if inner and inner[1] == last.rstrip(":"):
            return  # it was just opened as a title
        if (
            before_list
            and len(last) < MAX_LEAD
            and (leads(last) or points(last) or (not last.endswith((".", "!", "?")) and not_meant(last)))
        ):
            self.open = [h for h in self.open if h[0] < _LEAD_LEVEL and not (h[0] == _TITLE_LEVEL and self._colon)]
            self.open.append((_LEAD_LEVEL, last.rstrip(":. ")))
            self.listed = False
        elif inner and self.listed and (inner[0] == _LEAD_LEVEL or self._colon):
            # Prose after its list: a lead-in may be over. Which it is, nobody can tell.
            self.open[-1] = (inner[0], DOUBT + inner[1].removeprefix(DOUBT))

    def _line(self, number: int, line: str) -> None:
        if title := _TITLE_LINE.match(line):
            self._colon, before = bool(title[2]), self.open[-1:]
            self._head(Heading(number, _TITLE_LEVEL, without_marks(next(filter(None, title.groups())))))
            if self._colon and before and before[0][0] >= _TITLE_LEVEL and goes_on(before[0][1], self.open[-1][1]):
                self.open[-1] = (_TITLE_LEVEL, DOUBT + before[0][1].removeprefix(DOUBT))
        elif not line.startswith("[^"):
            self.outline.lines.append((number, line, self.above))

    def _list(self, node: SyntaxTreeNode) -> Iterator[Item]:
        for entry in node.children:
            texts, leading = _parts(entry)
            item = Item(line_of(entry), " ".join(" ".join(texts).split("\n")), self.above)
            for child in entry.children:
                if child.type in ("bullet_list", "ordered_list"):
                    inner = list(self._list(child))
                    for sub in inner:
                        sub.lead = leading.get(id(child), "")
                    item.children += inner
                elif child.type in _LEFT_OUT:
                    self._leave(child)
            yield item

    def _leave(self, node: SyntaxTreeNode) -> None:
        if node.type == "table":
            rows = [[without_marks(_content(cell)) for cell in row.children] for row in _rows(node)]
            self.outline.tables.append(
                (line_of(node), self.above, [dict(zip(rows[0], r, strict=False)) for r in rows[1:]])
            )
        else:
            comment = node.type == "html_block" and node.content.lstrip().startswith("<!--")
            self.outline.skipped.append((line_of(node), "a comment" if comment else _LEFT_OUT[node.type]))


def _rows(table: SyntaxTreeNode) -> Iterator[SyntaxTreeNode]:
    for part in table.children:
        yield from part.children
