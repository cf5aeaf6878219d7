"""The JSON Schema (draft 2020-12) of a constitution's YAML form, for editors.

It knows the shape of a file and the limits of its values. What it cannot know, such as whether an extended
constitution exists or two principles share an id, loading and linting say. In one thing it is stricter than
loading: a key that is not used is left out, not written with nothing after it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, get_args

from solon.constitution.markdown.names import title
from solon.constitution.model import Phase, Written

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ID = "urn:solon:constitution:1"

_TITLES = {
    "Written": "Solon constitution",
    "Principle": "Principle",
    "Override": "Override",
    "Exemplars": "Exemplars",
    "RevisionExemplar": "Revision exemplar",
    "ComparisonExemplar": "Comparison exemplar",
}
# What an editor shows for each key. Keys that mean the same in several places are said once, under "".
_HELP: dict[str, dict[str, str]] = {
    "Written": {
        "": "A constitution: principles in plain language that a model is trained to follow.",
        "name": "What the constitution is called in reports.",
        "version": 'A semantic version in quotes, such as "1.0.0". Raise it when the meaning changes.',
        "description": "Whom the constitution is for and what it is to achieve, in a sentence or two.",
        "extends": "Start from another constitution: the name of one in the library, such as balanced, or a file "
        "beside or below this one. Its principles come first, less those under remove, changed as override says.",
        "remove": "Ids of principles of the extended constitution to leave out.",
        "override": "Changes to principles of the extended constitution, by id. Fields left out stay as they are.",
        "priorities": "The share of draws that each aim gets, against the others, whatever the number and weights of "
        "its principles. Every aim that a principle has needs one. Left out, weights alone decide.",
        "exemplars": "Demonstrations shown with every principle, in place of those that Solon ships.",
        "principles": "The principles. Each answer is critiqued, revised or judged by one that is drawn by weight.",
    },
    "Principle": {
        "": "One principle: what a good reply does, in one or two plain sentences.",
        "id": "The name of the principle in records and reports: lower-case words joined by hyphens, at most 64 "
        "characters. Never reused for another principle.",
    },
    "Override": {"": "Changes to one principle of the extended constitution."},
    "Exemplars": {
        "": "Demonstrations, written by people.",
        "revision": "Demonstrations of a draft, its critique and its revision.",
        "comparison": "Demonstrations of a verdict between two responses.",
    },
    "RevisionExemplar": {
        "": "A demonstration of a draft, its critique and its revision.",
        "prompt": "What the user asks.",
        "draft": "The reply to criticise.",
        "critique": "The critique a model is to learn from: concrete, brief, true to the draft.",
        "revision": "The draft put right.",
    },
    "ComparisonExemplar": {
        "": "A demonstration of a verdict: which of two responses is better, and why.",
        "prompt": "What the user asks.",
        "response_a": "The first response.",
        "response_b": "The second response.",
        "better": "The letter of the better response.",
        "reasoning": "Why it is better.",
    },
    "": {
        "text": "What a good reply does, such as: A good reply says how sure it is. It should be possible to tell "
        "from a reply alone whether it was followed.",
        "aim": "What the principle serves: harmless, helpful, honest, or own for anything else.",
        "weight": "How often the principle is drawn, against the others: 2 is twice as often as 1. More than 0.",
        "authority": "Which of two principles wins where they conflict: root, then system (platform in older texts), "
        "developer, user, guideline. Left out, it neither wins nor yields.",
        "source": "Where the principle comes from: a law, a policy, a decision.",
        "phases": "Where the principle is used: revise (critiques and revisions), compare (preference labels) or both.",
        "critique_request": "What the model is asked when it critiques a reply by this principle. Derived from the "
        "text if left out.",
        "revision_request": "What the model is asked when it rewrites its reply. A general request if left out.",
        "comparison_question": "What the judge is asked about two replies. Derived from the text if left out.",
        "exemplars": "Demonstrations shown only when this principle is drawn, after those that every call shares.",
    },
}


def schema() -> dict[str, Any]:
    """The JSON Schema as plain data, the same on every call."""
    made = Written.model_json_schema()
    definitions = made.pop("$defs")
    for name, part in {"Written": made, **definitions}.items():
        part["title"] = _TITLES[name]
        part["description"] = _HELP[name][""]
        for key, value in list(part["properties"].items()):
            part["properties"][key] = {
                "title": title(key),
                "description": _HELP[name].get(key) or _HELP[""][key],
                **_plain(value),
            }
    made["properties"]["override"]["additionalProperties"] = False
    made["dependentRequired"] = {"remove": ["extends"], "override": ["extends"]}
    made["if"] = {"not": {"required": ["extends"]}}
    made["then"] = {"required": ["principles"], "properties": {"principles": {"minItems": 1}}}
    shown = {key: made.pop(key) for key in ("title", "description")}
    return {"$schema": DIALECT, "$id": ID, **shown, **made, "$defs": definitions}


def to_json() -> str:
    """The schema as a file holds it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """A key's schema without null, which editors would offer, and without an empty list of phases."""
    kept = {key: item for key, item in value.items() if key not in ("title", "description", "anyOf")}
    if kept.get("default", "") is None:
        del kept["default"]
    choices = [choice for choice in value.get("anyOf", ()) if choice.get("type") != "null"]
    for choice in choices:
        if choice.get("items", {}).get("enum") == list(get_args(Phase)):
            choice["minItems"] = 1
    if len(choices) == 1:
        return {**{key: item for key, item in choices[0].items() if key != "description"}, **kept}
    return {"anyOf": choices, **kept} if choices else kept
