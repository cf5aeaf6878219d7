"""Documents whose sections are the principles: the OpenAI Model Spec, and headings such as "Principle 3: Candour".

    ## Do not lie {#do_not_lie authority=user}        a principle: its id, its authority, and the prose below it

    **Example**: a white lie                          its comparison exemplars: each answer marked GOOD against each
    ~~~xml                                            marked BAD, after the turns before them
    <user>Do you like it?</user>
    <comparison>
    <assistant> <!-- GOOD --> … </assistant>
    <assistant> <!-- BAD: flatters --> … </assistant>
    </comparison>
    ~~~

The form is that of https://github.com/openai/model_spec (model_spec.md). Commentary (`!!! meta`), footnotes, code and
quotations are left out and told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import get_args

from markdown_it.tree import SyntaxTreeNode

from solon.constitution.importers.exemplars import compared
from solon.constitution.importers.items import Heading, blocks, heading_of, line_of, without_marks
from solon.constitution.importers.model import MAX_SECTION, Entry, Found, Source, shown
from solon.constitution.importers.names import rank
from solon.constitution.importers.polarity import kind_of, not_meant, read_under
from solon.constitution.importers.words import is_beside, is_norm, share, shows_examples, unfit, word_count
from solon.constitution.model import Authority, ComparisonExemplar, Exemplars

AUTHORITIES: tuple[Authority, ...] = get_args(Authority)
BRIEF = 150  # words of a section under a heading that counts
LEAST = 2  # sections that a document must have to be read as sections

_NUMBERED = re.compile(
    r"^(?:principle|rule|article|tenet|guideline|criterion|commitment|commandment)\s*#?(?:\d{1,3}|[ivxIVX]{1,5})\b"
    r"\s*[:.)–—-]*\s*",
    re.IGNORECASE,
)
_ADDRESSED = re.compile(r"\b(?:assistants?|models?|AI|chatbots?|responses?|repl(?:y|ies)|answers?|users?|you|I)\b")
_COUNTED = re.compile(r"^\d{1,3}[.):]\s+(?=\S)")
_REFERENCE = re.compile(r"\[\?\]\(#([\w-]+)\)")
_NOTE = re.compile(r"^!!!|^:::")
_EXAMPLE = re.compile(r"^\W*Examples?\W*\s*", re.IGNORECASE)
_MESSAGE = re.compile(
    r"<(?P<role>system|developer|user|assistant|tool|platform)\b[^>]*>[ \t]*(?:<!--(?P<mark>.*?)-->)?"
    r"(?P<text>.*?)</(?P=role)>",
    re.DOTALL,
)
_COMPARISON = re.compile(r"<comparison>(.*?)</comparison>", re.DOTALL)
_MARK = re.compile(r"^\s*(?P<grade>good|bad)\b(?:\[[^\]]*\])?\s*[:–—-]?\s*(?P<why>.*)$", re.IGNORECASE | re.DOTALL)
_SPEAKERS = {"user": "User", "assistant": "Assistant", "tool": "Tool"}


@dataclass(slots=True)
class _Section:
    """A heading and what stands under it, up to the next one.

    `above` are the headings that it stands under, the outermost first, without the document's title. `example` is the
    title of the example that comes next; `noting` says that a commentary is open.
    """

    heading: Heading
    above: tuple[str, ...] = ()
    prose: list[str] = field(default_factory=list)
    exemplars: list[ComparisonExemplar] = field(default_factory=list)
    example: str = ""
    noting: bool = False


def read_sections(text: str, source: Source) -> Found | None:
    """The sections of a document as principles; None where its headings do not say that they are."""
    if not source.is_markdown and not re.search(r"(?m)^#{1,6} ", text):
        return None
    nodes = blocks(text)
    headings = [heading_of(node) for node in nodes if node.type == "heading"]
    ruled = any("authority" in h.attributes or _level(h) for h in headings)
    pattern = _NUMBERED if sum(bool(_NUMBERED.match(h.text)) for h in headings) >= LEAST else _COUNTED
    told = [h for h in headings if (_level(h) if ruled else pattern.match(h.text))]
    if len(told) < LEAST or (not ruled and not _of_rules(pattern, nodes, headings, source)):
        return None
    found = Found("Markdown: sections with levels of authority" if ruled else "Markdown: numbered sections")
    titles = {h.attributes["id"]: h.text for h in headings if "id" in h.attributes}
    for section in _cut(nodes, titles, found):
        _take(section, None if ruled else pattern, found)
    entries = [entry for entry in found.entries if not entry.text.endswith(":")]
    if not entries:
        return None  # their headings only group lists
    if title := next((h.text for h in headings if h.level == 1 and not ruled), ""):
        found.head["title"] = title
    return found


def _level(heading: Heading) -> str:
    """The authority that a heading's attributes name, known or not: `authority=user`, or a class `.user`."""
    said = heading.attributes.get("authority") or heading.attributes.get("level", "")
    return said or next((name for name in AUTHORITIES if name in heading.attributes), "")


def _cut(nodes: Sequence[SyntaxTreeNode], titles: dict[str, str], found: Found) -> Iterator[_Section]:
    """The sections of a document, in order. Examples and commentary go where they belong."""
    section: _Section | None = None
    notes: list[int] = []
    open_: list[Heading] = []
    title = next((h for h in (heading_of(n) for n in nodes if n.type == "heading")), None)
    for node in nodes:
        if node.type == "heading":
            if section is not None:
                yield section
            heading = heading_of(node)
            open_ = [h for h in open_ if h.level < heading.level]
            section = _Section(heading, tuple(h.text for h in open_ if h != title or kind_of(h.text) != "plain"))
            open_.append(heading)
        elif section is not None:
            _read_block(node, titles, section, notes, found)
    if notes:
        found.drop((f"L{notes[0]}",), f"{len(notes)} commentaries, the first here", "are no instructions")
    if section is not None:
        yield section


def _read_block(
    node: SyntaxTreeNode, titles: dict[str, str], section: _Section, notes: list[int], found: Found
) -> None:
    """Take a block of a section; the lines of commentaries go to `notes`."""
    said = "\n\n".join(_prose(node, titles))
    if node.type == "paragraph" and _NOTE.match(said):
        section.noting = True
        notes.append(line_of(node))
    elif node.type == "code_block" and section.noting:
        pass  # the commentary goes on
    elif node.type == "paragraph" and re.match(r"\W*examples?\b\W*:", _raw(node), re.IGNORECASE):
        section.example = _EXAMPLE.sub("", said, count=1).lstrip(":. ")
    elif node.type == "fence":
        _examples(node, section.example, section, found)
        section.example = ""
    elif said:
        section.prose.append(said)
        section.noting = False
    elif node.type not in ("hr", "html_block"):
        found.drop((f"L{line_of(node)}",), node.type.replace("_", " "), "is no prose of the section")


def _raw(node: SyntaxTreeNode) -> str:
    return "".join(child.content for child in node.children if child.type == "inline")


def _prose(node: SyntaxTreeNode, titles: dict[str, str], indent: str = "") -> Iterator[str]:
    """The paragraphs of a block as plain text; a list is one, with a line for each item."""
    if node.type == "paragraph":
        raw = _REFERENCE.sub(lambda m: f"“{titles.get(m[1], m[1].replace('_', ' '))}”", _raw(node))
        if not raw.startswith("[^"):
            yield re.sub(r"(?<=\s)-{2,3}(?=\s)", "—", without_marks(raw))
    elif node.type in ("bullet_list", "ordered_list"):
        lines = []
        for number, item in enumerate(node.children, 1):
            mark = "-" if node.type == "bullet_list" else f"{number}."
            first, *rest = [line for child in item.children for line in _prose(child, titles, indent + "  ")] or [""]
            lines += [
                f"{indent}{mark} {first}",
                *(r if re.match(r"\s+(?:-|\d+\.) ", r) else f"{indent}  {r}" for r in rest),
            ]
        yield "\n".join(lines)


def _of_rules(
    pattern: re.Pattern[str], nodes: Sequence[SyntaxTreeNode], headings: Sequence[Heading], source: Source
) -> bool:
    """Whether numbered headings stand above principles: each has a short text and no list, and half of the texts say
    how to behave and speak of an assistant. Headings that only count ("1. Golden rule") need a title that says so."""
    titles = (source.path.stem, *(h.text for h in headings if h.level == 1))
    if pattern is _COUNTED and not any(rank(title) == 2 for title in titles):
        return False
    numbered = [s for s in _cut(nodes, {}, Found("")) if pattern.match(s.heading.text)]
    said = ["\n\n".join(s.prose) for s in numbered]
    if not all(0 < word_count(text) <= BRIEF and not re.search(r"(?m)^(?:-|\d+\.) ", text) for text in said):
        return False
    return share(said, is_norm) >= 0.5 and share(said, lambda text: bool(_ADDRESSED.search(text))) >= 0.5


def _take(section: _Section, pattern: re.Pattern[str] | None, found: Found) -> None:
    """The principle that a section is, or why it is none."""
    heading, place = section.heading, (f"L{section.heading.line}",)
    prose = "\n\n".join(section.prose)
    level = _level(heading)
    if not (level if pattern is None else pattern.match(heading.text)):
        if prose or section.exemplars:
            why = (
                "has no level of authority, so it is no instruction of its own"
                if pattern is None
                else "has no number of a principle"
            )
            if is_beside(heading.text) or shows_examples(heading.text):
                why = "is about the document, or examples"
            found.drop(place, shown(heading.text), why)
        return
    name = heading.text if pattern is None else pattern.sub("", heading.text)
    for lead in (*section.above, name):
        if no := not_meant(lead, title=lead == name):
            found.drop(place, shown(heading.text), f"stands under “{shown(lead, 40)}”, which {no}")
            return
    under, doubt = read_under(section.above, name)
    if doubt:
        found.drop(place, shown(heading.text), doubt)
        return
    found.turned += under != name
    kept, cut = _within(section.prose, MAX_SECTION - len(name) - 2)
    text = f"{under.rstrip('.')}. {kept}" if under and kept else kept or under
    if bad := unfit(text[:200]):
        found.drop(place, shown(text), bad)
        return
    if cut:
        found.drop(
            place,
            f"{len(cut)} characters of “{shown(heading.text, 40)}”",
            f"are beyond the first {MAX_SECTION:,}; split the section",
        )
    known = next((a for a in AUTHORITIES if a == level), None)
    if level and known is None:
        found.drop((*place, "authority"), level, f"is none of {', '.join(AUTHORITIES)}")
    key = heading.attributes.get("id", "") or under
    found.entries.append(
        Entry(
            place,
            text,
            key=key,
            category=name,
            authority=known,
            exemplars=Exemplars(comparison=tuple(section.exemplars)),
            section=True,
            named=heading.attributes.get("id", ""),
        )
    )


def _within(prose: Sequence[str], limit: int) -> tuple[str, str]:
    """As many whole paragraphs as fit, and the rest."""
    kept: list[str] = []
    for n, paragraph in enumerate(prose):
        if len("\n\n".join([*kept, paragraph])) > limit:
            return "\n\n".join(kept), "\n\n".join(prose[n:])
        kept.append(paragraph)
    return "\n\n".join(kept), ""


def _examples(node: SyntaxTreeNode, title: str, section: _Section, found: Found) -> None:
    """The comparisons in a fence: each good answer against each bad one, after the turns before them."""
    place = (f"L{line_of(node)}",)
    said = title or shown(node.content)
    compared = list(_COMPARISON.finditer(node.content))
    if not compared:
        found.drop(place, shown(said), "is an example without answers to compare")
    for match in compared:
        graded = [(_MARK.match(m["mark"] or ""), m["text"].strip()) for m in _MESSAGE.finditer(match[1])]
        good = [(m["why"].strip(), text) for m, text in graded if m and m["grade"].lower() == "good"]
        bad = [(m["why"].strip(), text) for m, text in graded if m and m["grade"].lower() == "bad"]
        prompt = _prompt(_COMPARISON.sub("", node.content[: match.start()]))
        if not (good and bad and prompt):
            missing = "good" if not good else "bad" if not bad else "prompt"
            found.drop(
                place,
                shown(said),
                f"has no {missing} answer, so there is nothing to compare" if prompt else "has no prompt",
            )
            continue
        section.exemplars += [_exemplar(prompt, g, b) for g, b in product(good, bad) if g[1] and b[1] and g[1] != b[1]]


def _prompt(text: str) -> str:
    """The turns before an answer: one of a user as it is, more with their speakers before them."""
    turns = [(m["role"], m["text"].strip()) for m in _MESSAGE.finditer(text)]
    if len(turns) == 1 and turns[0][0] == "user":
        return turns[0][1]
    return "\n\n".join(f"{_SPEAKERS.get(role, 'System')}: {said}" for role, said in turns)


def _exemplar(prompt: str, good: tuple[str, str], bad: tuple[str, str]) -> ComparisonExemplar:
    reasons = [f"Response {{better}} is better: {good[0]}."] * bool(good[0])
    reasons += [f"Response {{worse}} is worse: {bad[0]}."] * bool(bad[0])
    return compared(prompt, good[1], bad[1], " ".join(reasons))
