"""SOL6xx: characters that nobody sees, and odd spaces. All of them can be mended by `--fix`."""

from __future__ import annotations

from collections.abc import Iterator

from solon.constitution.lint.finding import Finding, Rule
from solon.constitution.lint.target import Passage, Target
from solon.constitution.lint.unseen import hidden, name, odd_spaces, spaced, visible

INVISIBLE = Rule(
    "SOL601", "invisible-character", "error",
    "The text holds characters that nobody sees (zero-width, soft hyphen, byte order mark, tags) or that reorder what "
    "is seen (bidirectional controls). They can hide words from a reviewer. Delete them.",
    fixable=True,
)  # fmt: skip
ODD_SPACES = Rule(
    "SOL602", "odd-spaces", "note",
    "The text holds double spaces, spaces at the end of a line, tabs, or odd spaces such as no-break ones. Every token "
    "counts in a prompt. Use single plain spaces.",
    fixable=True,
)  # fmt: skip
RULES = (INVISIBLE, ODD_SPACES)


def check(target: Target) -> Iterator[Finding]:
    for passage in target.passages:
        about = (passage.principle,) if passage.principle else ()
        if unseen := hidden(passage.text):
            names = ", ".join(dict.fromkeys(f"U+{ord(c):04X} {name(c)}" for c in unseen[:3]))
            count = f"{len(unseen)} character{'s' * (len(unseen) > 1)}"
            said = f"{passage.called} holds {count} nobody sees ({names}); "
            fixable = bool(clean(passage))
            said += "--fix deletes them" if fixable else "there is nothing else in it"
            yield target.found(INVISIBLE, passage.loc, said, about=about, fixable=fixable)
        if _is_odd(passage):
            said = f"{passage.called} holds {odd_spaces(passage.text)}; --fix makes them single plain spaces"
            yield target.found(ODD_SPACES, passage.loc, said, about=about, fixable=bool(clean(passage)))


def clean(passage: Passage) -> str:
    """The passage's text as `--fix` leaves it. Demonstrations keep their spaces: they may be code or tables."""
    seen = visible(passage.text)
    return (seen if passage.in_exemplar else spaced(seen)).strip()


def _is_odd(passage: Passage) -> bool:
    return not passage.in_exemplar and spaced(passage.text) != passage.text
