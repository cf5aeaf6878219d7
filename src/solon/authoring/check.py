"""Is what a model wrote about a passage a principle, and does it follow from the passage?

All by rules that can be read: nothing that fails one is mended by guessing, it is set aside with the reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rapidfuzz import fuzz

from solon.authoring.words import forbids, holds_back, shared, stems
from solon.prompts.drafting import OPENING, REWRITE, demonstrated
from solon.sentences import finished, sentences
from solon.types import Completion

MAX_WORDS = 60  # the model is asked for 40
MAX_SENTENCES = 2
MIN_SHARED = 2  # telling words of the passage that the principle must have, if the passage has so many
MIN_SHARE = 0.25  # share of the principle's telling words that its passage, or what is shown with it, must have
ECHO, ECHO_CHARS = 85, 20  # rapidfuzz ratio, of 100; fewer characters are in any text

_LABEL = re.compile(r"^\W*(?:principle|answer|rule|assistant)\s*:\s*", re.I)
_MARK = re.compile(r"</?(?:passage|headings|before|principle)-[0-9a-f]{8}>")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]|<\\||\\|>")
_GOOD = re.compile(r"^(?:a|the|any|every|each) good (?:reply|answer|response|assistant|agent|chatbot|message)\b", re.I)
_THEY = r"(?:assistants?|reply|replies|answers?|responses?|agents?|chatbot|you|it|they|we|staff|employees?)"
_VERB = r"(?:(?:never|always|only) )?(?:is|has|does|[a-z]*[^s\W]s)\b"
# What may stand where "A good reply" belongs: a subject before "must" or before a verb in the third person …
_SUBJECT = re.compile(
    rf"^(?:(?:the|an?|any|every|each|all|our|your) )?{_THEY}(?:['’]s? (?:reply|replies|answers?))? "
    rf"(?=(?:must|should|shall|may|can|cannot|will)\b)"
    rf"|^(?:the|an|a|any|every|each) (?:assistant|reply|answer|response|agent|chatbot) (?={_VERB})",
    re.I,
)
# … or nothing: "gives …", "never shares …".
_BARE = re.compile(
    r"^(?:(?:never|always|only) [a-z]*[^s\W]s|is|has|does not|gives|says|tells|explains|avoids|declines|refuses|offers"
    r"|asks|keeps|makes|treats|respects|protects|provides|admits)\b",
    re.I,
)
_ORDER = re.compile(r"^(?:do not|don['’]t|(never)) (?=[a-z])", re.I)
_PREAMBLE = re.compile(rf"^.{{0,160}}?[:\n]\s*[\"“*]*(?={OPENING}\b)", re.S)
_WHEN = re.compile(r"^(?:when|if|where|unless|before|after|in|for|to)\b.*\ba good reply\b", re.I)


@dataclass(frozen=True, slots=True)
class Checked:
    """The principle in what a model wrote, or why there is none (`fault`, "" when all is well)."""

    text: str
    fault: str = ""


def check_principle(answer: Completion, passage: str, lead: str = "", context: str = "") -> Checked:
    """Judge the answer about `passage`, which goes on after `lead`; words of `context` may be used too.

    At most two sentences are kept, and the second only where it speaks of what the passage speaks of.
    """
    text, fault = _read(answer)
    if fault:
        return Checked(text, fault)
    text = _opened(text)
    if not (text.startswith(OPENING) or _WHEN.match(text)):
        return Checked(text, f'does not begin with "{OPENING}"')
    text = _without_chatter(text, f"{lead} {passage}")
    if len(text.split()) > MAX_WORDS:
        return Checked(text, f"has more than {MAX_WORDS} words")
    if _echoes(text, f"{lead} {passage}".strip()):
        return Checked(text, "repeats what the model was told")
    return Checked(text, _strays(text, passage, lead, context))


def _read(answer: Completion) -> tuple[str, str]:
    """Whole sentences of the first paragraph, labels and quotation marks off; and what is wrong with it."""
    raw = _PREAMBLE.sub("", _MARK.sub("", answer.text).strip())
    if not raw:
        return "", "empty"
    lines = raw.split("\n\n")[0]
    if _CONTROL.search(lines.replace("\n", " ").replace("\t", " ")):
        return " ".join(lines.split()), "holds control characters or chat tokens"
    text = _LABEL.sub("", " ".join(lines.split())).strip().strip("\"“”'`*").strip()
    cut = answer.truncated and lines == raw
    spans = sentences(text)
    if cut and spans and not finished(text):
        spans = spans[:-1]  # an answer that ran out of tokens ends in half a sentence
        if not spans:
            return text, "truncated"
    if not spans:
        return text, "empty"
    return text[: spans[-1][1]], ""


def _opened(text: str) -> str:
    """`text` made to open as principles do, where only the subject has to be changed; else as it is."""
    if _GOOD.match(text):
        return _GOOD.sub(OPENING, text, count=1)
    if _SUBJECT.match(text):
        return _SUBJECT.sub(f"{OPENING} ", text, count=1)
    if _BARE.match(text):
        return f"{OPENING} {text[0].lower()}{text[1:]}"
    if match := _ORDER.match(text):
        return f"{OPENING} must {'never' if match.group(1) else 'not'} {text[match.end() :]}"
    return text


def _echoes(text: str, passage: str) -> bool:
    """Whether `text` is the question, or an answer that was demonstrated about something else."""
    body = text.removeprefix(OPENING).strip()
    told = len(body) >= ECHO_CHARS and fuzz.partial_ratio(body, REWRITE) >= ECHO
    parroted = max(fuzz.ratio(text.casefold(), example.casefold()) for example in demonstrated())
    return told or (parroted >= ECHO and fuzz.token_set_ratio(text, passage) < ECHO)


def _without_chatter(text: str, source: str) -> str:
    """The first sentence, and the second where it shares a telling word with `source`."""
    spans = sentences(text)[:MAX_SENTENCES]
    if len(spans) > 1 and not shared(stems(text[slice(*spans[1])]), stems(source)):
        spans = spans[:1]
    return text[: spans[-1][1]]


def _strays(text: str, passage: str, lead: str, context: str) -> str:
    """Why `text` does not follow from the passage, or ""."""
    said, own, source = stems(text), stems(passage), stems(f"{lead} {passage}")
    few = len(shared(said, source)) < max(1, min(MIN_SHARED, len(source)))
    # The items of one list share their lead: each must show in what is written about it.
    if few or (own and not shared(said, own)) or len(shared(said, source | stems(context))) < MIN_SHARE * len(said):
        return "does not follow from its passage"
    if forbids(f"{lead} {passage}") and not holds_back(text):
        return "leaves out that its passage forbids something"
    return ""
