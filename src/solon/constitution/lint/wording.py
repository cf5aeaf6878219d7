"""SOL2xx: what a judge can do little with. The word lists are English; other languages are left alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from solon.constitution.lint.barrels import several_demands
from solon.constitution.lint.finding import Finding, Rule
from solon.constitution.lint.target import Passage, Target
from solon.constitution.lint.vocabulary import EMPTY, HEDGES, VAGUE
from solon.constitution.lint.words import demand, english, has_verb, length, sentences, words

LONG = 60
SHORT = 4

VAGUE_WORDING = Rule(
    "SOL201", "vague", "warning",
    "Nothing but praise or blame without a measure (appropriate, good, properly, …) carries the demand, so a judge "
    "can only guess. Name what the reply does, says or leaves out.",
)  # fmt: skip
OPEN_CONDITION = Rule(
    "SOL202", "open-condition", "note",
    "A phrase such as 'when appropriate' leaves open when the demand holds. Name the case.",
)  # fmt: skip
DOUBLE_BARRELLED = Rule(
    "SOL203", "double-barrelled", "warning",
    "One principle makes several demands that have little to do with each other, and a reply may meet one and fail "
    "the other: what then is the verdict? Give each a principle of its own.",
)  # fmt: skip
TOO_LONG = Rule(
    "SOL204", "too-long", "warning",
    f"The text has more than {LONG} words, of which a judge weighs the first most. Cut it down, or split it.",
)  # fmt: skip
FRAGMENT = Rule(
    "SOL205", "fragment", "warning",
    f"The text has fewer than {SHORT} words or no verb, so it does not say what a reply is to do. Write a sentence, "
    "such as 'A good reply …'.",
)  # fmt: skip
ONLY_FORBIDS = Rule(
    "SOL206", "only-forbids", "note",
    "The text says what not to do, and nothing to do instead; a revision then tends to refuse, or to say nothing. "
    "Add what a good reply does in that case.",
)  # fmt: skip
REQUEST_AS_TEXT = Rule(
    "SOL207", "request-as-text", "warning",
    "The text is itself a request or a question, and gets quoted inside one: 'Which reply better "
    "follows this principle: …'. Say what a good reply does, and move the request to critique_request, "
    "revision_request or comparison_question.",
)  # fmt: skip
RULES = (VAGUE_WORDING, OPEN_CONDITION, DOUBLE_BARRELLED, TOO_LONG, FRAGMENT, ONLY_FORBIDS, REQUEST_AS_TEXT)

_HEDGE = re.compile(rf"\b(?:{'|'.join(HEDGES)})(?=\W|$)", re.IGNORECASE)
_FORBIDS = re.compile(
    r"^\W*(?:not|no|never|neither|nor|avoids?|refrains?|don['’]t|do(?:es)? not|doesn['’]t|is not|isn['’]t|are not|"
    r"cannot|can['’]t|won['’]t|under no circumstances|(?:\w+\s+){1,2}no)\b",
    re.IGNORECASE,
)
_TURN = re.compile(r"[;:,—–]|\.\s|\b(?:but|and|instead|rather|only|except|when|if|even)\b", re.I)
_INSTEAD = re.compile(
    r"\b(?:but|instead|rather|except|offers?|suggests?|gives?|explains?|points?|says?|states?|answers?|names?|"
    r"recommends?|redirects?|asks?|provides?|helps?|warns?|uses?|declines?|turns? down|refuses?|directs?|refers?|"
    r"shows?|sends?|passes|hands?|leads?|tells?|keeps?|treats?|is|are|should|must|will|aims?|informs?)\b(?!\s+(?:not?|never)\b)",
    re.IGNORECASE,
)
_ASKS = re.compile(r"^[^.?!]*\?|^\W*what(?:['’]s| is)\b", re.IGNORECASE)
_REWRITES = re.compile(r"^\W*(?:please\s+)?(?:re-?write|revise|amend|write|edit)\b", re.IGNORECASE)
_REPLY = r"(?:(?:the|this|these|each|its|that)\s+)?(?:[\w'’-]+\s+){0,2}(?:response|reply|answer|human|request|query)"
_COMPARES = re.compile(
    r"^\W*(?:please\s+)?(?:(?:choose|select|pick|compare|consider|which)\b[^.?!]*\b(?:responses?|repl(?:y|ies)|answers?|one)\b"
    r"|prefer\s+the\b[^.?!]*\b(?:response|reply|answer)\b)",
    re.IGNORECASE,
)
_CRITIQUES = re.compile(
    rf"^\W*(?:please\s+)?(?:think carefully|take a look"
    rf"|(?:(?:critique|review|read|judge|discuss|rewrite|revise|amend|edit)\s+{_REPLY}\b)"
    rf"|(?:identify|explain|list|discuss|comment on|point out|say|note|describe|write)\b[^.?!]*\b"
    rf"(?:in which|whether|if|how|where|version of|revision of)\s+{_REPLY}\b)",
    re.IGNORECASE,
)


def check(target: Target) -> Iterator[Finding]:
    for passage in target.texts():
        said = passage.text
        judged: list[tuple[Rule, str | None]] = [(TOO_LONG, _long(said)), (FRAGMENT, _short(said))]
        if english(said):
            phases = _phases(target, passage)
            judged += [(rule, judge(said)) for rule, judge in _ENGLISH_RULES]
            judged += [(REQUEST_AS_TEXT, _request(said, phases))]
        for rule, message in judged:
            if message:
                name = f"'{passage.principle}'"
                yield target.found(rule, passage.loc, f"{name} {message}", about=(passage.principle,))


def _phases(target: Target, passage: Passage) -> tuple[str, ...]:
    if target.constitution and passage.principle in target.constitution.by_id:
        return target.constitution[passage.principle].phases
    return ("revise", "compare")


def _vague(text: str) -> str | None:
    said = words(re.sub(r"common sense", "commonsense", _HEDGE.sub(" ", demand(text)), flags=re.I))
    vague = list(dict.fromkeys(word for word in said if word in VAGUE))
    concrete = {word for word in said if word not in VAGUE and word not in EMPTY}
    if not vague or len(concrete) > 2 or len(concrete) > 2 * len(vague):
        return None
    return f"asks for {_quoted(vague)}, which a judge cannot measure; name what a good reply does or leaves out"


def _hedge(text: str) -> str | None:
    found = list(dict.fromkeys(match.group().strip() for match in _HEDGE.finditer(text)))
    return f"leaves open when it holds: {_quoted(found)}; name the case" if found else None


def _double(text: str) -> str | None:
    if reason := several_demands(text):
        return f"makes several demands: {reason}; give each a principle of its own"
    return None


def _long(text: str) -> str | None:
    count = length(text)
    return f"has {count} words; a judge keeps at most {LONG} in view: cut it down or split it" if count > LONG else None


def _short(text: str) -> str | None:
    count = length(text)
    if count < SHORT:
        return f"has only {count} word{'s' * (count != 1)}; say in a sentence what a good reply does"
    if english(text) and not has_verb(text):
        return "has no verb, so it says not what a reply is to do; write a sentence, such as 'A good reply …'"
    return None


def _only_forbids(text: str) -> str | None:
    said = demand(text)
    if not _FORBIDS.match(said) or re.search(r"\b(?:without|unless|until|before)\b", said, re.IGNORECASE):
        return None
    if any(not _FORBIDS.match(demand(sentence)) for sentence in sentences(said)[1:]):
        return None
    turn = _TURN.search(said)
    if turn and _INSTEAD.search(said, turn.start()):
        return None
    return "says only what not to do; add what a good reply does instead"


def _request(text: str, phases: tuple[str, ...]) -> str | None:
    if _COMPARES.match(text):
        if "revise" not in phases:
            return None
        return "compares two replies, but a critique sees one; say what a good reply does, or set phases: [compare]"
    if not (_CRITIQUES.match(text) or _ASKS.match(text)):
        return None
    field = "revision_request" if _REWRITES.match(text) else "critique_request"
    return f"is a request, not a principle; move it to {field} and say in text what a good reply does"


def _quoted(found: list[str]) -> str:
    return ", ".join(f'"{word}"' for word in found[:4])


_ENGLISH_RULES: tuple[tuple[Rule, Callable[[str], str | None]], ...] = (
    (VAGUE_WORDING, _vague),
    (OPEN_CONDITION, _hedge),
    (DOUBLE_BARRELLED, _double),
    (ONLY_FORBIDS, _only_forbids),
)
