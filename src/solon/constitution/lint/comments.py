"""`# lint: ignore SOL203, SOL102` (in Markdown `<!-- lint: ignore SOL203 -->`) silences those codes.

It counts on the line of the finding or of its principle, or on the line above either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from solon.constitution.lint.finding import Finding, Rule
from solon.constitution.load import Document

UNKNOWN_CODE = Rule(
    "SOL002", "unknown-code", "warning",
    "A comment asks to ignore a code that no rule has, so it silences nothing. `solon constitution lint --rules` "
    "lists them.",
)  # fmt: skip

_COMMENT = re.compile(r"(?:^|\s)(?:#|<!--)\s*lint:\s*ignore\b:?\s*([\w, ]*)")
_CODE = re.compile(r"[A-Za-z]+\d*")


def silenced(document: Document, findings: Iterable[Finding]) -> list[Finding]:
    """The findings, those marked that a comment in `document` asks to pass over. Of other files' none is."""
    asked = {line: set(codes) for line, codes in _comments(document)}
    marked = []
    for finding in findings:
        hit = finding.path == document.path and any(
            finding.code in asked.get(line, ()) for line in _lines(document, finding)
        )
        marked.append(replace(finding, silenced=True) if hit else finding)
    return marked


def unknown_codes(document: Document, known: Iterable[str]) -> Iterator[Finding]:
    """A finding for every code in a comment that is not one of `known`."""
    codes = set(known)
    for line, asked in _comments(document):
        wrong = [code for code in asked if code not in codes]
        if wrong or not asked:
            said = f"ignores {', '.join(wrong)}, which is no rule" if wrong else "names no code to ignore"
            yield Finding(
                UNKNOWN_CODE, f"the comment {said}; see `solon constitution lint --rules`", document.path, line
            )


def _comments(document: Document) -> Iterator[tuple[int, list[str]]]:
    if "lint:" not in document.text:
        return
    for number, line in enumerate(document.text.split("\n"), 1):
        if match := _COMMENT.search(line):
            yield number, [code.upper() for code in _CODE.findall(match[1])]


def _lines(document: Document, finding: Finding) -> set[int]:
    own = {finding.line}
    if finding.loc[:1] in (("principles",), ("override",)) and len(finding.loc) > 1:
        own.add(document.line(finding.loc[:2]))
    return own | {line - 1 for line in own}
