"""The account of an import: how principles were made, and the same loss told once with a count."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence

from solon.constitution.importers.entries import NO_FIELD, NO_PART
from solon.constitution.importers.model import Dropped, Entry, Found, shown
from solon.constitution.importers.words import compares
from solon.constitution.model import Written

USED = frozenset(
    ["name", "title", "id", "document", "version", "description", "summary", "purpose", "overview", "datasetname"]
)
ORIGIN = {
    "license": "licence",
    "licence": "licence",
    "provenance": "provenance",
    "source": "source",
    "author": "author",
    "authors": "author",
    "url": "address",
}


def noted(found: Found, written: Written, entries: Sequence[Entry]) -> tuple[str, ...]:
    """What the reader should know about how the principles were made."""
    notes = []
    if found.labels:
        notes.append(f"labels that only count, cut off: {len(found.labels)}, such as “{shown(found.labels[0], 40)}”")
    if borrowed := sum(not e.stated and bool(e.critique) for e in entries):
        notes.append(f"texts taken from a request, because the source states no principle: {borrowed}")
    if variants := len({e.place[:-2] for e in entries if "variant" in e.place}):
        notes.append(f"entries with several critique requests, each a principle of its own: {variants}")
    if choices := sum(compares(e.text) and not e.critique and not e.section for e in entries):
        notes.append(f"texts that ask to choose among responses, used only to compare: {choices}")
    if found.turned:
        notes.append(f"texts with their heading before them, because it turns their meaning: {found.turned}")
    if marked := [e for e in entries if re.search(r"\b(?:PLACEHOLDER|TODO|TBD)\b", e.text)]:
        notes.append(f"marked as placeholders by their author: {len(marked)}, such as “{shown(marked[0].text)}”")
    if shown_with := sum(len(e.exemplars.comparison) + len(e.exemplars.revision) for e in entries):
        notes.append(f"demonstrations kept with their principles, shown whenever those are drawn: {shown_with}")
    if ranked := sum(e.authority is not None for e in entries):
        notes.append(f"levels of authority kept: {ranked}")
    if weighted := sum(e.weight != 1 for e in entries):
        notes.append(f"weights kept: {weighted}")
    steps = {"revise": "critique and revision", "compare": "comparing responses"}
    unserved = [step for phase, step in steps.items() if not any(phase in p.phases for p in written.principles)]
    fix = "a run needs some; add them, or widen `phases` where the text fits"
    notes += [f"none serves {step}: {fix}" for step in unserved]
    if written.exemplars:
        count = len(written.exemplars.revision)
        notes.append(f"demonstrations of critique and revision: {count}; they replace the shipped ones of that kind")
    return (*notes, *dict.fromkeys(found.notes))


def kept(written: Written) -> str:
    """How many principles there are, by phase and by aim."""
    phases = Counter(" and ".join(p.phases) for p in written.principles)
    aims = Counter(p.aim for p in written.principles)
    told = [", ".join(f"{count} {name}" for name, count in counts.most_common()) for counts in (phases, aims)]
    return f"{len(written.principles)} principles; phases: {told[0]}; aims by their words: {told[1]}"


def origin(found: Found) -> list[str]:
    """Licence, provenance and the like, as the source gives them; the rest of its head is told as dropped."""
    notes = []
    for name, value in found.head.items():
        if name in USED or value in (None, "", [], {}):
            continue
        if name in ORIGIN:
            told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
            notes.append(f"{ORIGIN[name]} of the source: {shown(told, 200)}")
        else:
            found.drop((name,), shown(str(value)), NO_PART)
    return notes


def fold(dropped: Sequence[Dropped]) -> list[Dropped]:
    """The same field of many items as one line, with a count."""
    shape = [(re.sub(r"(?<![^.])L?\d+(?![^.])", "*", d.where), d.why) for d in dropped]
    counts = Counter(key for key, d in zip(shape, dropped, strict=True) if d.why == NO_FIELD)
    folded: list[Dropped] = []
    told: set[tuple[str, str]] = set()
    for key, d in zip(shape, dropped, strict=True):
        if counts[key] < 2:
            folded.append(d)
        elif key not in told:
            told.add(key)
            folded.append(Dropped(key[0], f"{counts[key]} values, the first: {d.what}", d.why))
    return folded
