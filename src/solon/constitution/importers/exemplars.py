"""Demonstrations of draft, critique and revision in other formats: turns of a chat, the paper's strings, objects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from pydantic import ValidationError

from solon.constitution.importers.fields import Fields
from solon.constitution.importers.model import Found, Place, Source, refusal, shown
from solon.constitution.importers.vocabulary import CRITIQUE, REVISION, SHOWN
from solon.constitution.importers.words import bad_character
from solon.constitution.model import ComparisonExemplar, Exemplars, RevisionExemplar
from solon.files import explain

PLACEHOLDER = "is a placeholder; write real turns"
TURNS = 6  # prompt, draft, critique request, critique, revision request, revision

_ROLES = {"user": "User", "human": "User", "assistant": "Assistant", "gpt": "Assistant", "model": "Assistant"}
_REVISES = re.compile(
    r"\b(?:rewrit\w*|revis\w*|amend|improve|edit|correct|change|new (?:version|response|reply|assistant response))\b",
    re.IGNORECASE,
)
_PART = re.compile(r"(?:^|\n)[ \t]*(Human|Assistant|CritiqueRequest|Critique|RevisionRequest|Revision)[ \t]*:")
_PLACEHOLDERS = re.compile(r"(?:prompt|response|draft|(?:critique|revision)(?: request| response)?)", re.IGNORECASE)
_REPLIES = ("response", "reply", "answer", "completion", "output")
_GRADES = {
    **dict.fromkeys(("yes", "true", "good", "1", "pass", "follows", "safe", "compliant"), True),
    **dict.fromkeys(("no", "false", "bad", "0", "fail", "violates", "unsafe", "noncompliant"), False),
}
_FORM = ("CritiqueRequest", "Critique", "RevisionRequest", "Revision")


def is_chat(value: Any) -> bool:
    """Whether it is one conversation: a list of objects with a role and content."""
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(isinstance(turn, Mapping) and {"role", "content"} <= set(Fields(turn).by_name) for turn in value)
    )


def is_chats(value: Any) -> bool:
    """Whether it is a list of conversations."""
    return isinstance(value, list) and len(value) > 0 and all(is_chat(chat) for chat in value)


def read_demonstrations(value: Any, place: Place, found: Found) -> None:
    """Take the demonstrations in `value` into `found.exemplars`; those of another form are told as dropped."""
    where, listed = place, value
    if isinstance(value, Mapping):
        lists = {str(key): inner for key, inner in value.items() if isinstance(inner, list)}
        where, listed = (*place, next(iter(lists), "")), next(iter(lists.values()), [])
        for key in list(lists)[1:]:
            found.drop((*place, key), f"{len(lists[key])} entries", f"stand beside '{where[-1]}'; only these are read")
    for number, item in enumerate([listed] if is_chat(listed) else listed if isinstance(listed, list) else [], 1):
        spot = (*where, number)
        made = (
            _from_turns(item)
            if is_chat(item)
            else _from_text(item)
            if isinstance(item, str)
            else _from_fields(Fields(item))
            if isinstance(item, Mapping)
            else "is no conversation"
        )
        exemplar = _validated(made) if isinstance(made, dict) else made
        if isinstance(exemplar, RevisionExemplar):
            found.exemplars.append(exemplar)
        else:
            found.drop(spot, shown(str(item)), exemplar)


def read_shown(fields: Mapping[str, Any], place: Place, found: Found) -> Exemplars:
    """The demonstrations that one principle brings, by bare name of the field; what is none is told."""
    revisions: list[RevisionExemplar] = []
    graded: dict[str, dict[bool, list[str]]] = {}
    for name in SHOWN:
        value = fields.get(name)
        for number, item in enumerate(value if isinstance(value, list) else [value] if value else [], 1):
            if isinstance(item, Mapping) and (row := _graded(Fields(item))):
                graded.setdefault(row[0], {True: [], False: []})[row[2]].append(row[1])
                continue
            made = _from_fields(Fields(item)) if isinstance(item, Mapping) else "is no object with a reply in it"
            exemplar = _validated(made) if isinstance(made, dict) else made
            if isinstance(exemplar, RevisionExemplar):
                revisions.append(exemplar)
            else:
                found.drop((*place, name, number), shown(str(item)), exemplar)
    comparisons: list[ComparisonExemplar] = []
    for prompt, replies in graded.items():
        pairs = [compared(prompt, good, bad) for good in replies[True] for bad in replies[False] if good != bad]
        comparisons += pairs
        if not pairs:
            missing = "bad" if replies[True] else "good"
            found.drop((*place, "examples"), shown(prompt), f"has no {missing} reply, so there is nothing to compare")
    return Exemplars(revision=tuple(revisions), comparison=tuple(comparisons))


def _graded(fields: Fields) -> tuple[str, str, bool] | None:
    """Prompt, reply and whether it is good, of an example with a label; None of any other, or of one that is empty."""
    label = next((fields.by_name[n] for n in ("label", "verdict", "follows", "good") if n in fields), None)
    good = _GRADES.get(str(label).strip().lower())
    prompt, reply = fields.raw(("user", "prompt", "question", "input")), fields.raw(("assistant", *_REPLIES))
    return None if good is None or not (prompt and reply) or bad_character(prompt + reply) else (prompt, reply, good)


def compared(prompt: str, good: str, bad: str, reasoning: str = "") -> ComparisonExemplar:
    """A good reply against a bad one. The better stands first in about half of them, by the hash of the texts; A and B
    in `reasoning` are written {better} and {worse}."""
    first = sha256(f"{prompt}\x1f{bad}".encode("utf-8", "surrogatepass")).digest()[0] % 2 == 0
    better, worse = ("A", "B") if first else ("B", "A")
    said = reasoning.replace("{better}", better).replace("{worse}", worse)
    a, b = (good, bad) if first else (bad, good)
    fields = {"prompt": prompt, "response_a": a, "response_b": b, "better": better, "reasoning": said}
    return ComparisonExemplar.model_validate(fields)


def read_exemplar_file(source: Source) -> Found:
    """The demonstrations in a file of their own. Raises ConfigError when it holds none."""
    found = Found("demonstrations")
    read_demonstrations(source.data, (), found)
    if not found.exemplars:
        first = f" (the first: {found.dropped[0].why})" if found.dropped else ""
        raise refusal(
            source.path,
            f"holds no demonstration of critique and revision{first}",
            "give conversations of prompt, draft, critique request, critique, revision request, revision",
        )
    return found


def _validated(parts: dict[str, str]) -> RevisionExemplar | str:
    if all(_PLACEHOLDERS.fullmatch(value.strip()) for value in parts.values()):
        return PLACEHOLDER
    if empty := next((name for name, value in parts.items() if not value.strip()), None):
        return f"has no {empty.replace('_', ' ')}"
    if bad := bad_character("".join(parts.values())):
        return bad
    try:
        return RevisionExemplar.model_validate(parts)
    except ValidationError as error:
        return explain(error)


def _from_turns(turns: list[Mapping[str, Any]]) -> dict[str, str] | str:
    said = [(str(turn.get("role", "")).lower(), turn.get("content")) for turn in turns]
    said = [(role, content) for role, content in said if role != "system"]
    if any(role not in _ROLES or not isinstance(content, str) for role, content in said):
        return "has turns that are neither the user's nor the assistant's"
    roles = [_ROLES[role] for role, _ in said]
    if len(said) < TURNS or roles != ["User", "Assistant"] * (len(said) // 2):
        return f"has {len(said)} turns; prompt, draft, critique request, critique, revision request, revision are six"
    return _assembled([str(content) for _, content in said])


def _assembled(texts: list[str]) -> dict[str, str] | str:
    """The last six turns as an exemplar; what came before them joins the prompt."""
    *earlier, prompt, draft, critique_request, critique, revision_request, revision = texts
    if not _REVISES.search(revision_request) and not _PLACEHOLDERS.fullmatch(revision_request.strip()):
        return f"asks for no revision in its last turn but one (“{shown(revision_request, 40)}”)"
    for place in range(len(earlier) - 2, -1, -2):
        prompt = f"{earlier[place].strip()}\n\nAssistant: {earlier[place + 1].strip()}\n\nUser: {prompt.strip()}"
    return {
        "prompt": prompt,
        "draft": draft,
        "critique_request": critique_request,
        "critique": critique,
        "revision_request": revision_request,
        "revision": revision,
    }


def _from_text(text: str) -> dict[str, str] | str:
    """The paper's form: "Human: … Assistant: … CritiqueRequest: … Critique: … RevisionRequest: … Revision: …"."""
    marks = list(_PART.finditer(text))
    if not marks:
        return "has no Human: and Assistant: in it"
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    parts = [(mark[1], text[mark.end() : end].strip()) for mark, end in zip(marks, ends, strict=True)]
    while parts and parts[-1] == ("Human", ""):
        parts.pop()  # the paper's strings end with the cue of the next conversation
    names = [name for name, _ in parts]
    talk = names[: -len(_FORM)]
    if tuple(names[-len(_FORM) :]) != _FORM or not talk or talk != ["Human", "Assistant"] * (len(talk) // 2):
        return "does not go Human, Assistant, CritiqueRequest, Critique, RevisionRequest, Revision"
    return _assembled([value for _, value in parts])


def _from_fields(fields: Fields) -> dict[str, str] | str:
    """An object with a field for each turn, under any of the usual names."""
    critiques = ("criticresponse", "critiqueresponse", "critique", "critic")
    asked = tuple(n for n in CRITIQUE if n not in critiques)
    wanted = tuple(n for n in REVISION if n != "revision")
    made = {
        "prompt": fields.raw(("prompt", "user", "initprompt", "inputprompt", "question", "instruction", "input")),
        "draft": fields.raw(
            ("draft", "assistant", "initresponse", "initialresponse", "response", "outputfrommodel", "output", "answer")
        ),
        "critique": fields.raw(critiques),
        "revision": fields.raw(("revisionresponse", "revisedresponse", "revision")),
    }
    requests = {"critique_request": fields.raw(asked), "revision_request": fields.raw(wanted)}
    if missing := [name for name, value in made.items() if not value]:
        return f"has no {missing[0]}"
    return {**made, **{name: value for name, value in requests.items() if value}}
