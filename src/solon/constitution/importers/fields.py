"""The fields of an object, whatever their spelling: `critiqueRequest` is `critique_request` is "Critique Request"."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from solon.constitution.importers.vocabulary import CRITIQUE, PAPER, REVISION, STATEMENT, TITLE, bare
from solon.constitution.importers.words import flat, word_count

_MARKERS = re.compile(r"^\s*(?:CritiqueRequest|RevisionRequest)\s*:\s*|\s*\b(?:Critique|Revision)\s*:\s*$")


def unmarked(text: str) -> str:
    """A request without the paper's "CritiqueRequest:" before it and "Critique:" after it."""
    before = ""
    while before != text:
        before, text = text, _MARKERS.sub("", text)
    return flat(text)


class Fields:
    """The fields of one object, by bare name. Where two keys have one bare name, the first counts."""

    def __init__(self, item: Mapping[Any, Any]) -> None:
        self.item = item
        self.by_name: dict[str, Any] = {}
        for key, value in item.items():
            self.by_name.setdefault(bare(key), value)

    def __contains__(self, name: str) -> bool:
        return name in self.by_name

    def texts(self, names: Sequence[str]) -> list[str]:
        """The texts of the first field that has any: a string, or the strings of a list."""
        for name in names:
            value = self.by_name.get(name)
            found = [value] if isinstance(value, str) else value if isinstance(value, list) else []
            if said := [flat(t) for t in found if isinstance(t, str) and t.strip()]:
                return said
        return []

    def text(self, names: Sequence[str]) -> str:
        return next(iter(self.texts(names)), "")

    def raw(self, names: Sequence[str]) -> str:
        """The first text of `names` with its lines as they are; "" when there is none."""
        return next((v.strip() for n in names if isinstance(v := self.by_name.get(n), str) and v.strip()), "")

    def critiques(self) -> list[str]:
        """Every variant of the critique request. In the paper's form they stand under `prompt`."""
        names = (*CRITIQUE, "prompt") if PAPER in self else CRITIQUE
        return [clean for t in self.texts(names) if (clean := unmarked(t))]

    def revision(self) -> str:
        return unmarked(self.text(REVISION))

    def is_pair(self) -> bool:
        """Whether it holds a critique request and a revision request."""
        return bool(self.critiques() and self.revision())

    def statement(self) -> str:
        """The plainest full sentence among the fields that state something; else the first text there."""
        said = [flat(v) for n in STATEMENT if isinstance(v := self.by_name.get(n), str) and v.strip()]
        said += [
            t for n in ("name", "title") if isinstance(v := self.by_name.get(n), str) and word_count(t := flat(v)) > 4
        ]
        for least in (4, 2):
            if full := next((t for t in said if word_count(t) >= least), ""):
                return full
        return next(iter(said), "")

    def title(self) -> str:
        """What the source calls it: an id, a name, or a statement field that holds just a name."""
        names = (*TITLE, "principle", "value", "trait", "rule")
        named = [flat(v) for n in names if isinstance(v := self.by_name.get(n), str)]
        return next((n for n in named if 0 < word_count(n) <= 6 and n != self.statement() and _names_something(n)), "")

    def identifier(self) -> str:
        """The id that the source gives, "" where it gives none."""
        value = self.by_name.get("id")
        return value if isinstance(value, str) else ""

    def states(self) -> bool:
        """Whether it has a field for a principle, be it empty."""
        return any(name in self for name in STATEMENT) or bool(self.statement())


def _names_something(name: str) -> bool:
    return len(name) > 2 and not re.fullmatch(r"[A-Za-z]{0,20}[-_ .#]*\d+", name)
