"""Headings, fields, sections and labels: how the Markdown form calls what the YAML form calls by keys."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable

from pydantic import BaseModel

from solon.constitution.model import ComparisonExemplar, RevisionExemplar

FIELDS = ("aim", "weight", "authority", "source", "phases")
REQUESTS = ("critique_request", "revision_request", "comparison_question")
EXEMPLARS: dict[str, type[BaseModel]] = {
    "revision_exemplar": RevisionExemplar,
    "comparison_exemplar": ComparisonExemplar,
}


def slug(title: str) -> str:
    """The id that a heading gives: lower-case ASCII words joined by hyphens; "" when it has none.

    Accents and apostrophes are dropped: "Don't lie, André" gives dont-lie-andre.
    """
    letters = unicodedata.normalize("NFKD", title.casefold())
    letters = re.sub("['’`\u0300-\u036f]", "", letters)
    return re.sub("[^a-z0-9]+", "-", letters).strip("-")


def heading(identifier: str) -> str:
    """The heading that gives this id back: words where they do, else the id itself as code."""
    title = identifier.replace("-", " ")
    title = title[0].upper() + title[1:]
    return title if slug(title) == identifier else f"`{identifier}`"


def identifier(title: str) -> str:
    """The id behind a heading; "" when there is none."""
    code = re.fullmatch("`([^`]*)`", title)
    return code[1] if code else slug(title)


def title(key: str) -> str:
    """A key as a heading or label: critique_request as "Critique request"."""
    words = key.replace("_", " ").capitalize()
    return re.sub(r" [ab]$", lambda found: found[0].upper(), words)


def key(words: str) -> str:
    """The key that a heading or label means, known or not."""
    return re.sub("[ _-]+", "_", words.strip().lower())


def nearest(given: str, known: Iterable[str]) -> str:
    """What to say after an unknown name: the one that was probably meant, and all that there are."""
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(given.lower(), list(by_lower), 1)
    listed = ", ".join(by_lower.values())
    return f"did you mean '{by_lower[near[0]]}'? ({listed})" if near else f"use one of {listed}"
