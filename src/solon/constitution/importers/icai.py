"""Results of Inverse Constitutional AI (repository rdnfn/icai), as its experiments save them.

060_constitution.json            one string, a numbered list            (read as a list in text)
050_filtered_principles.json     a list of strings                      (read as any list)
030_distilled_principles_…       {"0": "Select the response that …"}
020_principle_clusters.json      {"0": ["Select …", …]}
51_final_clusters.json           {"Select …": ["Select …", …]}          the key is the principle
041_votes_per_cluster.json       {"0": {"for": 3, "against": 1}}        votes alone: refused
070_annotations_…_ap.json        annotators of type "principle", with their annotations of comparisons
the results of a run             {"summaries", "combined_votes", "final_principles", "constitution"}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from solon.constitution.importers.entries import read_item
from solon.constitution.importers.fields import Fields
from solon.constitution.importers.model import Found, Source, shown
from solon.constitution.importers.words import compares, word_count

NAME = "Inverse Constitutional AI"


def read_icai(source: Source) -> Found | None:
    """The principles in a file of ICAI's; None when it is none of them. Raises nothing."""
    data = source.data
    if not isinstance(data, Mapping) or not data:
        return None
    if isinstance(data.get("annotators"), Mapping) and isinstance(data.get("comparisons"), list):
        return _annotated_pairs(data)
    if isinstance(data.get("summaries"), Mapping) and "final_principles" in data:
        return _run(data)
    if all(str(key).isdigit() for key in data):
        return _clusters(data)
    if all(_is_sentence(key) for key in data) and all(isinstance(v, list) or _is_votes(v) for v in data.values()):
        return _sentences(data)
    return None


def _is_sentence(key: object) -> bool:
    return isinstance(key, str) and word_count(key) > 3 and compares(key)


def _is_votes(value: Any) -> bool:
    return isinstance(value, Mapping) and {"for", "against"} <= set(Fields(value).by_name)


def _annotated_pairs(data: Mapping[str, Any]) -> Found | None:
    found = Found(f"annotated pairs of {NAME}: annotators of type principle")
    for key, annotator in data["annotators"].items():
        if isinstance(annotator, Mapping) and annotator.get("type") == "principle":
            read_item(annotator.get("description"), ("annotators", str(key)), "", found)
        else:
            found.drop(("annotators", str(key)), shown(str(annotator)), "is an annotator of another kind")
    if not found.entries:
        return None
    found.drop(("comparisons",), f"{len(data['comparisons'])} annotated comparisons", "are data, not principles")
    _note_opposed(data, found)
    return found


def _note_opposed(data: Mapping[str, Any], found: Found) -> None:
    """Name the principles that disagree with the preferences they were made from more often than not."""
    meta = data.get("metadata")
    default = str(meta.get("default_annotator")) if isinstance(meta, Mapping) else ""
    balance: dict[str, int] = {}
    for row in data["comparisons"]:
        notes = row.get("annotations") if isinstance(row, Mapping) else None
        wanted = _preference(notes.get(default)) if isinstance(notes, Mapping) else None
        for key, note in (notes or {}).items() if wanted else ():
            if said := _preference(note):
                balance[str(key)] = balance.get(str(key), 0) + (1 if said == wanted else -1)
    opposed = [e.text for e in found.entries if balance.get(str(e.place[-1]), 0) < 0]
    if opposed:
        found.notes.append(_opposed(opposed))


def _opposed(texts: list[str]) -> str:
    some = ", ".join(f"“{shown(text)}”" for text in texts[:3])
    return f"more votes against than for, look before use: {len(texts)}, such as {some}"


def _preference(note: Any) -> str | None:
    value = note.get("pref") if isinstance(note, Mapping) else None
    return value if isinstance(value, str) else None


def _run(data: Mapping[str, Any]) -> Found:
    found = Found(f"results of {NAME}: the final principles of a run")
    for number, text in enumerate(data["final_principles"] or [], 1):
        read_item(text, ("final_principles", number), "", found)
    for key in data:
        if key != "final_principles":
            found.drop((key,), f"{key} of the run", "is what the final principles were made from")
    return found


def _clusters(data: Mapping[str, Any]) -> Found | None:
    """{"0": text} as distilled, or {"0": [texts]} as clustered; the numbers tell nothing."""
    found = Found(f"principles by cluster number, as {NAME} saves them")
    for key, value in data.items():
        for number, text in enumerate(value if isinstance(value, list) else [value], 1):
            if not isinstance(text, str):
                return None
            place = (str(key), number) if isinstance(value, list) else (str(key),)
            read_item(text, place, "", found)
    if sum(compares(e.text) for e in found.entries) <= len(found.entries) / 2:
        return None  # numbered texts of another kind
    if any(isinstance(value, list) for value in data.values()):
        found.notes.append(
            f"these are the raw proposals of {len(data)} clusters, many of them alike; "
            "030_distilled_principles_per_cluster.json or 060_constitution.json of the same folder holds one for each"
        )
    return found


def _sentences(data: Mapping[str, Any]) -> Found:
    """Principles as keys, with the members of their clusters or their votes as values."""
    found = Found(f"principles with their clusters or votes, as {NAME} saves them")
    opposed = []
    for number, (key, value) in enumerate(data.items(), 1):
        read_item(key, (number,), "", found)
        if isinstance(value, list):
            others = [v for v in value if v != key]
            if others:
                found.drop((number,), f"{len(others)} proposals of its cluster", f"“{shown(key)}” stands for them")
            continue
        votes = Fields(value).by_name
        tally = ", ".join(f"{n} {v}" for n, v in votes.items() if isinstance(v, int | float))
        found.drop((number, "votes"), tally, "votes are no part of a principle")
        if all(isinstance(votes[n], int | float) for n in ("for", "against")) and votes["against"] > votes["for"]:
            opposed.append(key)
    if opposed:
        found.notes.append(_opposed(opposed))
    return found
