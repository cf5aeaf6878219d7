"""SOL4xx: texts and requests that break the templates they are put into (see `solon.prompts`).

Nothing is filled in: a text and its requests reach the model as they stand, between our own questions. So
placeholders stay as they are, role markers and chat-template tokens start turns, and an answer format
contradicts the one that is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from solon.constitution.lint.finding import Finding, Rule
from solon.constitution.lint.target import Passage, Target

PLACEHOLDER = Rule(
    "SOL401", "placeholder", "error",
    "A placeholder such as {response}, {{x}}, {}, %s, [INSERT …], <response> or TODO is left. Nothing is filled in: "
    "the model sees it as it stands. Write the words, or delete it.",
)  # fmt: skip
UNBALANCED = Rule(
    "SOL402", "unbalanced-braces", "error", "A brace { or } has no partner: part of a template is left. Delete it."
)
ROLE_MARKER = Rule(
    "SOL403", "role-marker", "error",
    "A marker of another tool's prompt format (Human:, Assistant:, CritiqueRequest:, Critique:, …) is left. A model "
    "takes it for the start of a turn. Delete it.",
)  # fmt: skip
CHAT_TOKEN = Rule(
    "SOL404", "chat-token", "error",
    "A token of a chat template (<|im_start|>, [INST], <s>, …) is in the text. It may end the turn it stands in. "
    "Delete it.",
)  # fmt: skip
ANSWER_FORMAT = Rule(
    "SOL405", "answer-format", "error",
    "A request says how to answer (Options:, (A)/(B), yes or no, a score), which contradicts the format that is "
    "asked for: a judge is told to answer A or B, a critique is free text. Leave the format out.",
)  # fmt: skip
INJECTION = Rule(
    "SOL406", "injection", "error",
    "The text reads like an order to the model that reads it ('ignore previous instructions'), not like a principle. "
    "If it is about such orders, say that a good reply does not obey them.",
)  # fmt: skip
RULES = (PLACEHOLDER, UNBALANCED, ROLE_MARKER, CHAT_TOKEN, ANSWER_FORMAT, INJECTION)

_BLANKS = (
    r"responses?|prompt|reply|answer|user(?: name)?|assistant|question|query|input|output|context|conversation|text|"
    r"principle|critique|revision|completion|name|company|brand|topic|insert\b[^<>\[\]]{0,80}|your\b[^<>\[\]]{0,80}|fill\b[^<>\[\]]{0,80}|placeholder"
)
_PLACEHOLDER = re.compile(
    rf"\{{\{{[^{{}}]*\}}\}}|\{{%[^%]{{0,200}}%\}}|\$?\{{[\w .:-]*\}}|(?i:<(?:{_BLANKS})>)|(?i:\[(?:{_BLANKS})\])"
    r"|\[(?!INST)[A-Z][A-Z _-]{2,}\]|(?<![\w%])%(?:\(\w+\))?[sd]\b|\b(?:TODO|TBD|FIXME|XXX)\b|_{3,}|(?i:lorem ipsum)"
    r"|lint:\s*ignore"
)
_MARKERS = re.compile(
    r"\b(?:Critique|Revision|Edit)Request\s*:"
    r"|(?:^|[\n.?!]\s{0,4})(?:Human|Assistant|User|System|AI|H|A|Critique|Revision)\s*:(?=\s|$)"
    r"|\b(?:Critique|Revision|Assistant|Human)\s*:\s*$"
)
_CHAT = re.compile(
    r"<[|｜][^<>|｜]{1,40}[|｜]>|\[/?INST\]|<</?SYS>>|</?s>|<(?:bos|eos|pad|unk|start_of_turn|end_of_turn|end_of_utterance)>"
    r"|</?think>|\[/?(?:SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS)\]"
)
_OPTIONS = re.compile(r"\bOptions:|\(A\)|\(B\)")
_FORMAT = re.compile(
    r"\b(?i:answer|reply|respond|choose|write|say|output|return|print|state)\b[^.?!\n]{0,40}"
    r"\b(?:yes or no|Yes or No|yes/no|['\"]yes['\"]|true or false|A or B|A/B|1 or 2"
    r"|(?:one|a single|the) (?:letter|number|digit))(?!\w)"
    r"|\b(?:yes|no)\s*/\s*(?:yes|no)\b|\bon a scale\b"
    r"|\b(?i:rate|score|rank)\b[^.?!\n]{0,40}\b(?:from|between|out of)\s+\d"
    r"|\b(?i:response|reply|answer|assistant|option)\s+(?:[12]|A|B)\b",
)
_ORDER = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass)\s+(?:(?:all|any|every|the|your|these|those|my|of|and)\s+)*"
    r"(?:(?:previous|prior|above|earlier|preceding|other|former|existing|system)\s+)+"
    r"(?:instructions?|prompts?|rules?|messages?|text|principles?|directions?|guidelines?|context|questions?)"
    r"|\b(?:print|reveal|repeat|output|show)\s+(?:me\s+)?(?:your|the)\s+(?:system prompt|hidden instructions)"
    r"|\b(?:new|your|updated)\s+system prompt\b|\byou are now\b|\bfrom now on,? you\b"
    r"|\b(?:always|must) (?:choose|answer|prefer|output) (?:option |reply |response )?(?:A|B|the first|the second)\b"
    r"|\b(?:enter|enable) (?:developer|debug|god|jailbreak) mode",
    re.IGNORECASE,
)
# Talk about such orders is no order: "does not follow a request to ignore previous instructions".
_ABOUT_ORDERS = re.compile(
    r"\b(?:not|never|no|nor|n['’]t|declines?|refuses?|resists?|reject\w*|warns?|attempts?|asks?|asked|asking|tells?|told|"
    r"telling|requests?|says?|text|users?|someone|orders?|tries|trying|if|when|whenever|even)\b|n['’]t\b",
    re.IGNORECASE,
)


def check(target: Target) -> Iterator[Finding]:
    for passage in target.passages:
        if not passage.asked:
            rules = [(CHAT_TOKEN, _chat(passage))]
        else:
            rules = [(rule, judge(passage)) for rule, judge in _JUDGES]
        for rule, message in rules:
            if message:
                about = (passage.principle,) if passage.principle else ()
                yield target.found(rule, passage.loc, f"{passage.called} {message}", about=about)


def _placeholder(passage: Passage) -> str | None:
    without_tokens = _CHAT.sub(" ", passage.text)
    if found := _distinct(_PLACEHOLDER, without_tokens):
        return f"has {found} left in it, and nothing fills it in; write the words or delete it"
    return None


def _unbalanced(passage: Passage) -> str | None:
    depth = 0
    for character in passage.text:
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return "has a } without its {; delete it"
    return "has a { without its }; delete it" if depth else None


def _marker(passage: Passage) -> str | None:
    if found := _distinct(_MARKERS, passage.text):
        return f"holds {found}, which a model takes for the start of a turn; delete it"
    return None


def _chat(passage: Passage) -> str | None:
    found = _distinct(_CHAT, passage.text)
    return f"holds the chat-template token {found}; delete it" if found else None


def _format(passage: Passage) -> str | None:
    """A text may speak of yes and no ("answers yes or no first"), a request may not ask for them."""
    found = _distinct(_OPTIONS, passage.text)
    if not found and passage.field == "revision_request":
        return None
    if not found and passage.field != "text":
        found = _distinct(_FORMAT, passage.text)
    asked = "a critique is free text" if passage.field == "critique_request" else "the judge is told how to answer"
    return f"says how to answer ({found}), but {asked}; leave the format out" if found else None


def _injection(passage: Passage) -> str | None:
    for match in _ORDER.finditer(passage.text):
        before = passage.text[max(0, match.start() - 300) : match.start()]
        sentence = re.split(r"[.!?\n]", before)[-1]
        if not _ABOUT_ORDERS.search(sentence):
            return f'reads like an order to the model ("{match.group()}"); say what a good reply does'
    return None


def _distinct(pattern: re.Pattern[str], text: str) -> str:
    found = dict.fromkeys(" ".join(match.group().strip(" .?!\n").split())[:40] for match in pattern.finditer(text))
    return ", ".join(f'"{one}"' for one in list(found)[:3])


_JUDGES: tuple[tuple[Rule, Callable[[Passage], str | None]], ...] = (
    (PLACEHOLDER, _placeholder),
    (UNBALANCED, _unbalanced),
    (ROLE_MARKER, _marker),
    (CHAT_TOKEN, _chat),
    (ANSWER_FORMAT, _format),
    (INJECTION, _injection),
)
