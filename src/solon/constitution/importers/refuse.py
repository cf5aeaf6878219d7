"""What is no constitution, though it is often kept beside one: said in one line, with what to do instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from solon.constitution.importers.exemplars import PLACEHOLDER, read_demonstrations
from solon.constitution.importers.fields import Fields
from solon.constitution.importers.model import Found, refusal
from solon.constitution.importers.vocabulary import LABELS, PROMPT, REPLY, STRONG
from solon.constitution.importers.words import is_dialogue, share
from solon.errors import ConfigError

_SIDE = re.compile(r"(?:response|answer|output|completion|text|reply)[-_ ]?(?:[ab]|0|1|2|one|two)", re.IGNORECASE)
SAMPLE = 2_000
PROMPTS_FIX = "name the file under prompts: in a recipe, or give the file with the principles"

Rows = Sequence[Mapping[Any, Any]]


def demonstrations(path: Path, value: list[Any], what: str) -> ConfigError:
    """The refusal of few-shot demonstrations, which says whether --exemplars can read them."""
    tried = Found("")
    read_demonstrations(value[:SAMPLE], (), tried)
    looks = f"holds {len(value)} {what}: few-shot demonstrations, not principles"
    if tried.exemplars:
        return refusal(path, looks, f"to use them, import principles with --exemplars {path}")
    if tried.dropped and tried.dropped[0].why == PLACEHOLDER:
        looks += ", and these are placeholders"
    return refusal(path, looks, "give a file with a list of principles")


def refuse_rows(rows: Rows, path: Path) -> None:
    """Raise ConfigError when most rows are those of a data set, of prompts or of demonstrations."""
    read = [Fields(row) for row in rows[:SAMPLE]]
    if shows := _most(read, _demonstration):
        raise demonstrations(path, list(rows), shows)
    for looks in (_chat, _pair, _answered, _prompt, _labelled):
        if what := _most(read, looks):
            fix = PROMPTS_FIX if looks is _prompt else "give a file with a list of principles"
            raise refusal(path, f"holds {len(rows)} {what}, not principles", fix)


def _most(rows: Sequence[Fields], looks: Callable[[Fields], str]) -> str:
    """What most rows look like, "" when they do not."""
    said = [found for row in rows if (found := looks(row))]
    return said[0] if len(said) > len(rows) / 2 else ""


def _demonstration(row: Fields) -> str:
    if "corrects" in row or "incorrects" in row:
        return "prompts with good and bad answers"
    names = set(row.by_name)
    shows = any(name.endswith(("critique", "critic", "criticresponse", "critiqueresponse")) for name in names)
    if shows and any(name.endswith(("response", "draft", "answer", "outputfrommodel")) for name in names):
        return "worked examples of critique and revision"
    if row.texts(("prompt",)) and is_dialogue(str(row.by_name.get("prompt"))) and not row.is_pair():
        return "written-out conversations"
    return ""


def _chat(row: Fields) -> str:
    turns = row.by_name.get("messages") or row.by_name.get("conversations") or row.by_name.get("conversation")
    names = set(row.by_name)
    logged = isinstance(turns, list) or {"role", "content"} <= names or {"from", "value"} <= names
    return "messages of conversations, a chat log" if logged else ""


def _pair(row: Fields) -> str:
    sides = [key for key in row.item if _SIDE.fullmatch(str(key))]
    compared = len(sides) > 1 or {"chosen", "rejected"} & set(row.by_name)
    return "comparisons of responses, a data set of preferences" if compared else ""


def _answered(row: Fields) -> str:
    names = set(row.by_name)
    answered = names & REPLY and names & {*PROMPT, "input", "context"}
    return "prompts with responses, a data set" if answered and not names & STRONG and not row.is_pair() else ""


def _prompt(row: Fields) -> str:
    names = set(row.by_name)
    return "prompts" if names & PROMPT and not names & STRONG and not row.is_pair() else ""


def _labelled(row: Fields) -> str:
    names = set(row.by_name)
    graded = any(isinstance(row.by_name[name], int | float) for name in names & LABELS)
    return "labelled texts, a data set" if graded and "text" in names and not names & STRONG else ""


def refuse_object(data: Mapping[Any, Any], path: Path) -> None:
    """Raise ConfigError when an object is one of the well-known kinds of file that are no constitution."""
    fields = Fields(data)
    names = set(fields.by_name)
    if "properties" in names and ({"type", "schema"} & names):
        raise refusal(path, "is a JSON Schema, the form of other files", "give a file that has this form")
    if "samples" in names and isinstance(data.get("samples"), list):
        raise demonstrations(path, data["samples"], "sample conversations")
    if "nbformat" in names:
        raise refusal(path, "is a notebook", "save its principles in a file of their own")
    if "messages" in names and isinstance(data.get("messages"), list):
        raise refusal(path, "is a chat log, not principles", "give a file with a list of principles")
    votes = [v for v in data.values() if isinstance(v, Mapping) and {"for", "against"} <= set(Fields(v).by_name)]
    if data and len(votes) == len(data) and not any(" " in str(key).strip() for key in data):
        raise refusal(
            path,
            "holds votes of Inverse Constitutional AI by cluster number, without the principles",
            "import 060_constitution.json, or 050_filtered_principles.json, from the same folder",
        )


def refuse_texts(texts: Sequence[str], path: Path) -> None:
    """Raise ConfigError when most texts are conversations written out."""
    if share(texts, is_dialogue) > 0.5:
        raise demonstrations(path, list(texts), "written-out conversations")
