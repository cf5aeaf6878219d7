"""Whether a text makes several demands that have little to do with each other.

Five signs, each of which names the words that gave it away:
- a list in the text;
- a further sentence (or semicolon clause) that adds ("also", "furthermore", …) a demand of its own;
- a further sentence that makes a demand, does not lean on what precedes ("it", "otherwise", "for example", …)
  and shares no word with it;
- "as well as", "and also" before a further verb; an obligation for somebody else in the same sentence;
- three or more coordinated acts, of which at least two are not part of answering one request. "Declines, gives
  the reason and offers another way" is one conduct.
"""

from __future__ import annotations

import re

from solon.constitution.lint.vocabulary import CONDUCT
from solon.constitution.lint.words import base_form, content, demand, opening, sentences, words

MOST = 20  # sentences looked at

_ITEM = re.compile(
    r"(?:^|\n)[ \t]*(?:[-*•]|\d+[.)]|\([a-z0-9]\))\s|(?<=\s)\(?(?:[1-9]|[a-e]|i{1,3})\)\s", re.IGNORECASE
)
_ADDS = re.compile(
    r"^(?:and\s+)?(?:also|additionally|in addition|furthermore|moreover|besides|likewise|finally|second(?:ly)?|"
    r"above all|at the same time)\b|^(?:[\w'’]+,?\s+){0,4}also\b",
    re.IGNORECASE,
)
_LEANS = re.compile(
    r"^(?:it|its|this|that|these|those|they|their|them|such|so|then|there|otherwise|instead|rather|even|only|but|or|"
    r"nor|because|since|for (?:example|instance)|e\.g|i\.e|if|when|where|while|once|unless|until|in (?:that|this|such) "
    r"case|the (?:reason|aim|point|goal|same)|examples?|however|and)\b",
    re.IGNORECASE,
)
# "Harm it declines": the first word could be a verb, and is none.
_NOUN = re.compile(
    r"^\W*[\w-]+,?\s+(?:it|he|she|they|we|i|you|is|are|was|were|has|can|may|must|should|will)\b", re.IGNORECASE
)
_OBLIGES = re.compile(r"\b(?:must|should|shall|ought to|has to|have to|needs? to)\b", re.IGNORECASE)
_ORDERS = re.compile(r"^(?:do not|don['’]t|never|no|always|avoid)\b", re.IGNORECASE)
_FORBIDS = re.compile(r"\b(?:not|never|no|nor|neither|avoids?|cannot)\b|n['’]t\b", re.IGNORECASE)
_AND_VERB = re.compile(
    r"\b(?:(?:and also|and additionally|and furthermore)\s+([\w-]+)|(?:as well as|in addition to)\s+([\w-]+ing)\b)",
    re.I,
)
_OTHER_SUBJECT = re.compile(
    r"(?:[,;]|\band|\bbut)\s+(?!(?:and|but|or|it|they|he|she|that|which|who|what|how|when|if|where|why|whether|must|should|never|always)\b)"
    r"((?:[\w'’-]+\s+){1,4}?(?:must|should|shall|ought to|has to|needs to)\b(?:\s+[\w'’-]+){0,3})",
    re.IGNORECASE,
)
_PIECE = re.compile(r",\s*(?:and|or|but|then)?\s*|;\s*(?:and|it|they)?\s*|\s+and\s+", re.IGNORECASE)
_BEFORE_VERB = re.compile(
    r"^(?:(?:also|then|always|it|not|never|openly|clearly|politely|plainly|\w+ly)\s+)*", re.IGNORECASE
)


def several_demands(text: str) -> str | None:
    """Why `text` looks like several principles in one, or None."""
    if len(_ITEM.findall(text)) >= 2:
        return "it is a list"
    return _further_sentence(text) or _joined(text) or _chain(text)


def _further_sentence(text: str) -> str | None:
    parts = sentences(text)[:MOST]
    for index, part in enumerate(parts[1:], 1):
        before = {stem for earlier in parts[:index] for stem in content(demand(earlier))}
        if _ADDS.match(part):
            return f'"{_start(part)}"'
        rivals = [earlier for earlier in parts[:index] if _demands(earlier) and _forbids(earlier) == _forbids(part)]
        own = rivals and _demands(part) and not _leans(part)
        if own and not before & set(content(demand(part))) - {"not"}:
            return f'"{_start(part)}" has nothing to do with what precedes it'
    return None


def _demands(part: str) -> bool:
    """Whether a sentence asks for something: an obligation, a ban, an order, or "A good reply …"."""
    first = _first_word(part)
    of_a_reply = len(words(opening(part))) > 1 and base_form(_first_word(demand(part))) is not None
    ordered = base_form(first) == first and not _NOUN.match(part)
    return bool(_OBLIGES.search(part) or _ORDERS.match(part) or ordered or of_a_reply)


def _first_word(part: str) -> str:
    return next(iter(words(part)), "")


def _forbids(part: str) -> bool:
    """A ban and an order are usually the two sides of one demand; two bans, or two orders, may be two."""
    said = re.sub(r"[\"“«][^\"”»]*[\"”»]", "", demand(part))
    return bool(_FORBIDS.search(" ".join(said.split()[:3])))


def _leans(part: str) -> bool:
    return len(words(part)) < 3 or bool(_LEANS.match(part) or re.search(r"\binstead\b", part, re.IGNORECASE))


def _joined(text: str) -> str | None:
    for match in _AND_VERB.finditer(text):
        if base_form((match[1] or match[2]).casefold()):
            return f'"{match.group()}"'
    for sentence in sentences(text):
        other = _OTHER_SUBJECT.search(sentence)
        if other and _OBLIGES.search(sentence[: other.start()]):
            return f'"{" ".join(other.group(1).split())}"'
    return None


def _chain(text: str) -> str | None:
    """Three or more acts in a row, two of which are no part of answering one request."""
    for sentence in sentences(text):
        # What follows a colon, or leans on the sentence before, spells out one demand.
        said = demand(sentence).partition(":")[0]
        if _leans(sentence) or _forbids(sentence):
            continue
        acts = _acts(said)
        if len(acts) >= 3 and len({act for act in acts if act not in CONDUCT}) >= 2:
            return "to " + ", to ".join(acts[:4])
    return None


def _acts(said: str) -> list[str]:
    """Base forms of the verbs that `said` coordinates, all in the form of the first; none if it starts with no verb."""
    acts: list[str] = []
    plain = base_form(_first_word(said)) == _first_word(said)
    for piece in _PIECE.split(said):
        found = words(_BEFORE_VERB.sub("", piece.strip()))
        base = base_form(found[0]) if len(found) >= 2 and not found[0].endswith("ing") else None
        if base is not None and (base == found[0]) == plain:
            acts.append(base)
        elif not acts:
            return []
        if re.search(r"\b(?:that|which|who|whose)\b", piece):
            break  # the verbs that follow may be those of the relative clause
    return acts


def _start(part: str) -> str:
    found = part.split()
    return " ".join(found[:6]).rstrip(",.;") + (" …" if len(found) > 6 else "")
