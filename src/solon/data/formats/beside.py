"""Columns beside a prompt that hold replies or labels which nobody reads, told by their names or by what they hold.

Where prompts are answered anew, these would be passed over without a word: `label` and `best` refuse a file that has
them, and `run` says that it does not use them.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from solon.data.formats.checks import Record, RowProblem
from solon.data.formats.conversation import Conversation, conversation_of
from solon.data.formats.known import reply_columns
from solon.data.formats.records import records
from solon.data.rows import BadRow

FEW = 4  # words: a text of more, in most rows of a column, may be a reply
# Parts of names that replies and labels have, beside those of known.reply_columns.
_REPLIES = re.compile(
    r"(?:^|[_\W\d])(?:gold(?:en)?|truths?|targets?|assistants?|drafts?|revis(?:ed|ions?)|references?|ideal|expected|"
    r"solutions?|summar(?:y|ies)|highlights|tldr|continuations?|accept(?:ed)?|refused|reject(?:ed)?|chosen|preferred|"
    r"pos(?:itives?)?|neg(?:atives?)?|good|bad|gut|schlecht|best|worst|better|worse|won|win(?:s|ner|ning)?|"
    r"los(?:t|es?|er|ing)|before|after|judg(?:e?ments?|ed)|verdicts?|votes?|rating|ranking|ranks?|thumbs?|feedback|"
    r"y_?[wl]|resp|completions?|responses?|repl(?:y|ies)|answers?|outputs?|generat(?:ed|ions?)|predict(?:ed|ions?)|"
    r"antwort(?:en)?|réponses?|reponses?|respuestas?|risposta|risposte|respostas?|chatgpt|gpt|llama|claude|gemini|"
    r"gemma|mi[sx]tral|qwen|vicuna|bot|gpt_?\d\w*)(?:$|[_\W\d])",
    re.IGNORECASE,
)
_PLAIN = ("text", "content", "body", "message")  # beside a prompt, what a model wrote
# Parts of names of what is said of a prompt, and of columns of our own: they may hold long texts.
_OF_PROMPTS = re.compile(
    r"(?:^|[_\W])(?:ids?|uuid|hash|areas?|kinds?|sources?|split|pair|twin|twin_of|categor(?:y|ies)|topics?|tags?|"
    r"keywords?|lang(?:uage)?s?|locale|urls?|links?|licen[cs]es?|dates?|time(?:stamp)?|created|authors?|users?|name|"
    r"titles?|subset|subreddit|domain|difficulty|types?|tasks?|aims?|group|notes?|comments?|description|reasons?|"
    r"citations?|datasets?|origin|path|files?|meta(?:data)?|info|principles?|rules?|constitution|rubrics?|criteri(?:a|on)|"
    r"persona|intent|harm|risk|policy|model|models|annotators?|usage|version|index|row|line|set|prompt\w*)(?:$|[_\W])",
    re.IGNORECASE,
)
_BY = re.compile(
    r"[_ ](?:by|model|source|type|id|time|date|count|length|len|tokens|words|reason|lang|language|"
    r"audience|group|area|domain)s?$",
    re.IGNORECASE,
)


@dataclass(slots=True)
class _Seen:
    """A column over the rows of a file: where it first says something, in how many rows, and in how many at length."""

    line: int
    named: bool
    rows: int = 0
    long: int = 0


@dataclass(frozen=True, slots=True)
class Unread:
    """Columns that hold replies or labels, each with the line (from 1) where it first does."""

    lines: dict[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.lines)

    def __str__(self) -> str:
        late = {name: line for name, line in self.lines.items() if line > 1}
        return ", ".join(f"{name} (from line {line:,})" if name in late else name for name, line in self.lines.items())


def unread(path: Path) -> Unread:
    """What stands beside the prompts of a file, all its rows looked at. Rows that hold no prompt are passed over: who
    reads them sets them aside. Raises as `records` does."""
    seen: dict[str, _Seen] = {}
    held: dict[str, int] = {}
    for item in records(path):
        if isinstance(item, BadRow):
            continue
        line, record = item
        try:
            said = conversation_of(record)
        except RowProblem:
            continue
        if said.reply:
            held.setdefault(said.replied, line)
        for name, value in _others(record, said.columns).items():
            if name not in seen:
                seen[name] = _Seen(line, _is_named(name, value))
            column = seen[name]
            column.rows += 1
            column.long += _is_long(value)
    found = {
        name: one.line
        for name, one in seen.items()
        if one.named or (2 * one.long > one.rows and not _OF_PROMPTS.search(name))
    }
    return Unread(dict(sorted((held | found).items())))


def replies_in(record: Record, said: Conversation) -> list[str]:
    """The columns of one row that hold replies, by their names, and the conversation's own where it ends with one. A
    label of the prompt is none."""
    others = _others(record, said.columns)
    beside = sorted(name for name, value in others.items() if _is_named(name, value) and "label" not in name.lower())
    return beside or ([said.replied] if said.reply else [])


def texts_in(record: Record, said: Conversation) -> list[str]:
    """The columns of one row with texts of some length that are neither the prompt's nor replies by their names."""
    others = _others(record, said.columns)
    return [n for n, v in others.items() if _is_long(v) and not _is_named(n, v) and not _OF_PROMPTS.search(n)]


def _others(record: Record, own: Collection[str]) -> Record:
    """The columns that are not the prompt's own and say something."""
    return {str(n): v for n, v in record.items() if n not in own and v is not None and v not in ("", [], {})}


def _is_named(name: str, value: Any) -> bool:
    """Whether the name says that it holds replies or labels."""
    if reply_columns({name: value}) or (name.lower() in _PLAIN and isinstance(value, str)):
        return True
    return bool(_REPLIES.search(name)) and not _BY.search(name) and not _is_number(name, value)


def _is_number(name: str, value: Any) -> bool:
    """Whether it only counts or measures something: a file may say so of its prompts."""
    return isinstance(value, int | float) and not re.search(r"win|won|best|better|chosen|prefer|pick", name, re.I)


def _is_long(value: Any) -> bool:
    if isinstance(value, dict):
        value = [value]
    texts = [value] if isinstance(value, str) else _texts(value) if isinstance(value, list) else []
    return any(len(text.split()) > FEW for text in texts)


def _texts(values: list[Any]) -> list[str]:
    """The texts of a list of them, of messages, or of replies with facts."""
    inner = [
        v.get(n) for v in values if isinstance(v, dict) for n in ("content", "text", "value", "response", "answer")
    ]
    return [value for value in (*values, *inner) if isinstance(value, str)]
