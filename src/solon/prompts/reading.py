"""What a judge said, read: one of the choices, or a failure that is counted. Never a guess.

A choice is read where it stands alone (the whole answer, a line or a sentence of it), in a place made for it (a tag,
a field of JSON, `[RESULT]`, `[[A>B]]`, `\\boxed{}`), where it is given as the conclusion ("the answer is (B)", "Reply A
is better"), and where the answer opens with it and names no other. Where that gives two choices, or a tie, none is
read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from solon.prompts.thoughts import opened_unseen, split
from solon.types import FAILURES

SHOWN = 120  # characters of an answer that a failure keeps
OPENING = 160  # characters: a refusal shows in the first sentence
LONGEST = 20_000  # characters: what is longer rambles
AROUND = 300  # characters on either side of a conclusion in which a doubt counts
EMPTY = "an empty answer"

# Full-width letters, digits and punctuation, and the stops and brackets of Chinese and Japanese, as ASCII.
_WIDE: dict[int, int | str] = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_WIDE |= {0x3000: " "} | dict(zip([ord(c) for c in "。、【】「」『』《》〔〕"], ".,[][][]<>[]", strict=True))
_LATEX = re.compile(r"\\(?:boxed|text\w*|math\w*|mbox|displaystyle)\b|\$|\\[()\[\]]")
_MARKS = re.compile(r"[*_`#\"\u201c\u201d]")
_ITEM = re.compile(r"(?m)^([^\S\n]*)(\d{1,3})(?:[.)](?=\s+\S|\s*\Z)|(?=\s*\Z))")
_SCALE = re.compile(r"(?<=\d)\s*(?:/|out of|of)\s*\d+(?!\d|\.\d)")  # "8/10": the scale is not a second score
_CLAUSE = re.compile(r"[.,:;!?\n]|\b(?:but|however|yet|so)\b", re.I)
_SENTENCE = re.compile(r"(?<=\w\w[.!?])\s+|(?<=\w\w[.!?])(?=[^\w\s])|\n")

_OPEN, _SHUT = r"[\[({<'\u2018\u00ab]{0,3}", r"[\])}>'\u2019\u00bb]{0,3}"
_THING = (
    r"(?:reply|response|option|answer|choice|assistant|output|candidate|completion|model|number|score|rating|"
    r"antwort|r\u00e9ponse|respuesta|resposta|risposta|\u56de\u7b54|\u56de\u590d|\u9009\u9879)"
)
_NOUN = rf"(?:the\s+|la\s+|el\s+|a\s+)?(?:{_THING})?\s*"
_WORD = (
    r"(?:answer|verdict|choice|judge?ment|decision|conclusion|winner|preference|preferred|selection|pick|result|grade|"
    r"score|rating|final|antwort|r\u00e9ponse|respuesta|resposta|risposta|\u043e\u0442\u0432\u0435\u0442|\u7b54\u6848|"
    r"\u7b54\u3048|\u7ed3\u8bba|\uc815\ub2f5|\ub2f5)"
)
_SAID = (
    rf"(?:(?<!\w){_WORD}(?:\s+(?:reply|response|answer|option))?"
    r"(?:\s+(?:is|would\s+be|goes\s+to|ist|est|es|\u00e8|\u00e9)\b\s*:?|\s*[:=]|\s*(?:\u662f|\u4e3a|\u306f)\s*:?)\s*)"
)
_FINER = (
    r"(?:better|best|preferable|preferred|superior|stronger|strongest|safer|safest|kinder|fairer|clearer|winning|"
    r"chosen|selected|more\s+(?:helpful|harmless|honest|accurate|truthful|respectful|ethical|appropriate|responsible|"
    r"thoughtful|useful|considerate))"
)
_FINER_IS = rf"\b{_FINER}(?:\s+(?:one|{_THING}))?(?:\s+(?:here|overall))?\s*(?:\s(?:is|would\s+be)\b\s*:?|[:=])\s*"
_I = r"\bI(?:['\u2019]d|\s+would|\s+will|['\u2019]ll|\s+have\s+to|\s+must)?\s+"
_PICKED = rf"{_I}(?:choose|pick|prefer|select|go\s+with|vote\s+for|say)\s+"
_RATED = (  # of numbers only: "I give A a 3 and B a 9" rates two replies
    rf"{_I}(?:rate|score|give|grade|assign)(?:\s+(?:it|(?:this|the)(?:\s+quoted)?(?:\s+(?:reply|response|answer))?))?"
    r"(?:\s+(?:an?|as|at|with|a\s+(?:score|rating)\s+of))?\s+|\b(?:score|rating)\s+of\s+"
)
_BEST = (
    r"\s*(?:\s(?:is|est|ist|es|\u00e8|\u00e9)\s+(?:\w+\s+){0,2}?(?:better|best|preferable|preferred|superior|stronger|"
    r"safer|winner|meilleure?|besser|mejor|melhor|migliore)\b|\swins\b|"
    r"\s(?:follows|meets|upholds|honou?rs)\s+(?:\w+\s+){0,3}better\b|\u66f4\u597d|\u8f83\u597d)"
)
# A place made for a verdict: a tag, brackets with a name, a field. Names that say something else are no such place.
_SLOT = (
    rf"(?:final|better|best|preferred|chosen|selected|winning|{_WORD[3:-1]}|label|output|response)"
    r"(?:[ _-]?(?:answer|verdict|choice|reply|response|option|decision|score|rating|judge?ment))?"
)
# What may follow a verdict, so that the article ("The answer is A matter of taste") is not one.
_END = r"\s*(?:[^\w\s]|\Z|\n|(?:because|since|as|over|than|is|by|overall|here|for)\b)"
_DOUBT = re.compile(
    r"\b(?:not|neither|nor|never|cannot|whether|if|unless|both|either|or|wrong|worse|worst|weaker|weakest|inferior|"
    r"poorer|rejected|loser|less|least|hardly|unlikely|might|could|may|would\s+have|opposite|break\w*|violat\w*|fail\w*|"
    r"ignor\w*|harmful|unsafe|dishonest|bad)\b|n['\u2019]t\b",
    re.I,
)
# "If kindness counts most, B is better" is no verdict; "If I had to choose, B is better" is.
_CONDITION = re.compile(
    r"\b(?:if|unless|whether|suppose|assuming|had)\b(?!\s+(?:I|one|we)\s+(?:had|have|must|need)\b)"
    r"(?!\s+(?:forced|pressed|pushed|I\s+must))",
    re.I,
)
# "B is better in tone" praises a part, and "better than nothing" not much.
_PART = re.compile(
    r"\s+than\s+(?:no\w*|average|before|most|expected)\b|\s+(?:in|at|on)\s+(?!every\b|all\b|any\b|most\b|general\b|total\b|line\b|keeping\b|accordance\b|following\b|"
    r"balance\b|my\b|this\b|the\s+(?:end|whole)\b|light\b|terms\s+of\s+th(?:is|e)\s+principle)",
    re.I,
)
_TIE = r"(?:a\s+|it['\u2019]s\s+a\s+)?(?:tie|tied|draw|equal|neither|both|even|same|none)"

_I_AM = r"I(?:['\u2019]?m|\s+am)\s+"
_NOT = r"(?:can['\u2019]?t|can\s?not|won['\u2019]?t|will\s+not|don['\u2019]?t|do\s+not|shouldn['\u2019]?t)"
_JUDGE = (
    r"(?:judge|compare|choose|pick|rate|rank|score|decide|evaluate|assess|help|assist|answer|provide|engage|"
    r"participate|continue|comply|fulfill?|discuss|do\s+th\w+|have\s+(?:an?\s+|any\s+|personal\s+)*(?:opinion|preference)s?)"
)
_REFUSAL = re.compile(
    rf"\W*(?:{_I_AM}(?:\w+\s+)?(?:sorry|afraid)|(?:I\s+)?apologi[sz]e|my\s+apologies|sorry\b|"
    rf"as\s+an?\s+(?:AI|artificial|(?:large\s+)?language\s+model)\b|"
    rf"{_I_AM}(?:an?\s+AI|unable\s+to|not\s+(?:able\s+to|comfortable|going\s+to))|"
    rf"I\s+(?:(?:must|have\s+to|need\s+to)\s+)?(?:decline|refuse)|I\s+(?:really\s+|simply\s+)?{_NOT}\s+{_JUDGE}\b)",
    re.I,
)


def read_choice(said: str, choices: tuple[str, ...]) -> int | None:
    """The index of the choice that `said` gives; None when it gives none, more than one, or a tie."""
    text = _answer(said)
    if len(text) > LONGEST:
        return None
    text = _LATEX.sub("", text.translate(_WIDE))
    text = re.sub(r"[^\S\n]+", " ", _MARKS.sub("", text)).strip()
    if any(choice.strip().isdigit() for choice in choices):
        text = _SCALE.sub("", _without_items(text))
    found = {index for index in range(len(choices)) if _given(text, index, choices)}
    if not found:
        found = set(_opened(text, choices))
    return found.pop() if len(found) == 1 and not _tied(text, choices) else None


def refuses(said: str) -> bool:
    """Whether a judge declines to judge, by its opening words."""
    return bool(_REFUSAL.match(_answer(said)[:OPENING]))


def failure_of(said: str) -> str:
    """What to count an answer without a verdict as: "kind: details", in one printable line.

    A text that already starts with one of FAILURES keeps its kind.
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in said).split())
    kind, colon, details = line.partition(":")
    if not colon or kind not in FAILURES:
        kind, details = ("refused" if refuses(line) else "unreadable"), line
    return f"{kind}: {details.strip()[:SHOWN] or EMPTY}"


def _answer(said: str) -> str:
    """What was said after the thoughts; "" where they do not end."""
    return split(said, opened_unseen(said))[0]


def _without_items(text: str) -> str:
    """`text` without the numbers of its lists, which count from 1: they are no scores."""
    following = 1

    def number(item: re.Match[str]) -> str:
        nonlocal following
        empty = not text[item.end() :].strip()
        if int(item[2]) not in (1, following) or (empty and following == 1):
            return item[0]
        following = int(item[2]) + 1
        return item[1]

    return _ITEM.sub(number, text)


def _name(choice: str) -> str:
    """A pattern for `choice` as a word of its own, in brackets or not: not in "A-level" or "A/B", nor 7 in "7.5".

    A single letter is told from the article by its case, or by its brackets.
    """
    bare = choice.strip()
    # Chinese and Japanese write no spaces: a letter between their characters is a word of its own.
    before, after = r"(?<![A-Za-z0-9\u00c0-\u024f.,/\u2019'+<>=-])", r"(?![A-Za-z0-9\u00c0-\u024f%\u2019'])"
    apart = rf"{after}(?!\s*[/&+]\s*\w|-\w|\s*[-\u2013]\s*(?:\d|[A-Z]\b)|[.,]\d|\.[A-Za-z]\b| *[<>=]+ *\w)"
    if len(bare) > 1 or bare.isdigit():
        return rf"{_OPEN}{before}(?i:{re.escape(bare)}){apart}{_SHUT}"
    lower = rf"[\[(]{re.escape(bare.lower())}[\])]"
    return rf"(?:{_OPEN}(?:{before}|(?<=[<'\u2018])){re.escape(bare)}{apart}{_SHUT}|{lower})"


def _given(text: str, index: int, choices: tuple[str, ...]) -> bool:
    """Whether the text gives the choice, wherever it does."""
    choice = choices[index]
    return (
        _alone(text, choice)
        or _in_place(text, choice)
        or _ranked(text, choice, choices)
        or _concluded(text, choice, choices)
    )


def _alone(text: str, choice: str) -> bool:
    """Whether the text, a line or a sentence is the choice and nothing else, but for brackets, a stop, "Reply"."""
    bare = rf"{_NOUN}{_OPEN}{re.escape(choice.strip())}{_SHUT}[.,:;!]*\s*"
    if re.fullmatch(rf"\s*(?:(?:[->\u2022\u2192]|=>)\s+)?{bare}", text, re.I):
        return True
    parts = [one.strip() for one in _SENTENCE.split(text) if one and one.strip()]
    # "The worse reply:" heads no verdict, and an answer to one of several questions is none.
    parts = [
        one for at, one in enumerate(parts) if not (at and parts[at - 1].endswith(":") and _DOUBT.search(parts[at - 1]))
    ]
    if any(re.fullmatch(bare, line.strip(), re.I) and line.strip() in parts for line in text.splitlines()):
        return True
    asked = sum(one.endswith("?") for one in parts)
    whole = rf"(?i:{_NOUN}){_name(choice)}[.!]*"
    if choice.strip().isdigit():
        return asked == 0 and len(parts) > 1 and bool(re.fullmatch(whole, parts[-1]))
    return asked < 2 and any(re.fullmatch(whole, one) for one in parts)


def _in_place(text: str, choice: str) -> bool:
    """Whether the choice stands in a place made for it: `<answer>B</answer>`, `[RESULT] 4`, `{"verdict": "B"}`."""
    name = rf"{_NOUN}{_OPEN}{re.escape(choice.strip())}(?![\w.,/+-]{{0,9}}\w){_SHUT}"
    places = (
        rf"<\s*{_SLOT}\s*>\s*{name}[.!]?\s*<\s*/",
        rf"[\[<|]{{1,2}}\s*{_SLOT}\s*[\]>|]{{1,2}}\s*:?\s*{name}(?={_END})",
        rf"[{{,\n]\s*['\u2018]?{_SLOT}['\u2019]?\s*:\s*{name}\s*(?=[,}}\n]|\Z)",
        rf"\[\[\s*{name}\s*\]\]",
    )
    return any(re.search(place, text, re.I) for place in places)


def _ranked(text: str, choice: str, choices: tuple[str, ...]) -> bool:
    """Whether a line ranks the choice above another: `A > B`, `[[B>>A]]`, "A is more helpful than B"."""
    mine, others = choice.strip(), [re.escape(c.strip()) for c in choices if c != choice]
    if not mine.isalpha() or not others:
        return False
    me, you = re.escape(mine), f"(?:{'|'.join(others)})"
    over = (
        rf"(?:(?i:{_NOUN}){me}\s*>{{1,3}}\s*(?i:{_NOUN}){you}|(?i:{_NOUN}){you}\s*<{{1,3}}\s*(?i:{_NOUN}){me}|"
        rf"{me}\s*\u6bd4\s*{you}\s*[\u66f4\u8981]?\u597d)"
    )
    above = rf"(?:\s*|.*?(?i:{_SAID})){_OPEN}{over}{_SHUT}[.!]*\s*"
    finer = rf"(?:\w+ly\s+|much\s+|far\s+|also\s+)?{_FINER}"
    positive = rf"(?i:{finer})(?:(?:,|,?\s+and)\s+(?i:{finer}))*"
    says = rf"\s*(?i:{_NOUN}){_name(choice)}\s+is\s+{positive}\s+than\s+(?i:{_NOUN}){you}[.!]*\s*"
    return any(
        re.fullmatch(above, line) or re.fullmatch(says, line) for line in text.splitlines() if len(line) < AROUND
    )


def _concluded(text: str, choice: str, choices: tuple[str, ...]) -> bool:
    """Whether a clause concludes with the choice and does not doubt it."""
    name, other = _name(choice), "|".join(_name(c) for c in choices)
    said = f"{_SAID}|{_FINER_IS}|{_PICKED}" + (f"|{_RATED}" if choice.strip().isdigit() else "")
    last = rf"\b(?i:but|so|thus|therefore|hence|overall),?\s+(?i:{_NOUN}){name}(?=[.!]*\s*(?:\n|\Z))"
    first = rf"(?m:^) *(?i:{_NOUN}){name}(?=,?\s+(?:because|since)\b)"
    pattern = rf"(?i:(?:{said}){_NOUN}){name}(?={_END})|(?i:{_NOUN}){name}(?i:{_BEST})|{last}|{first}"
    for found in re.finditer(pattern, text):
        before, after = text[max(0, found.start() - AROUND) : found.start()], text[found.end() : found.end() + AROUND]
        clause = _CLAUSE.split(before)[-1] + found.group()
        sentence = re.split(r"[.!?\n]", before)[-1]
        asks = re.match(r"[^.!\n]*\?", after)
        also = re.match(rf"\W*(?:or|and|nor)\W+(?i:{_NOUN})(?:{other})|,\s*(?:[A-Z]\b|\d)", after)
        if not (asks or also or _DOUBT.search(clause) or _CONDITION.search(sentence) or _PART.match(after)):
            return True
    return False


def _tied(text: str, choices: tuple[str, ...]) -> bool:
    """Whether the text calls it a tie in a place where a verdict stands."""
    if any(choice.strip().isdigit() for choice in choices):
        return False
    names = "|".join(re.escape(choice.strip()) for choice in choices)
    said = (
        rf"\s*(?:{_SAID}|<\w+>)?{_OPEN}(?:{_TIE}|(?:{names})\s*[=~\u2248]+\s*(?:{names}))\b{_SHUT}[.!]*\s*(?:</\w+>)?"
    )
    return any(re.fullmatch(said, line, re.I) for line in _SENTENCE.split(text) if line)


def _opened(text: str, choices: tuple[str, ...]) -> Iterator[int]:
    """The choice that the text opens with, when it names no other.

    A word such as Yes is a verdict whatever follows: "no" may well ("Yes, there is no harm").
    """
    named = [index for index, choice in enumerate(choices) if re.search(_name(choice), text)]
    opening = [i for i in named if re.search(rf"(?:\A|[.!?\n])\s*{_name(choices[i])}\s*[.,:;!]", text)]
    if len(opening) > 1:  # "Yes: it is polite. No: it is false."
        return
    for index in named:
        word = len(choices[index].strip()) > 1
        ends = (
            r"(?!,\s*\d)[.,:;!)\n\u2014\u2013-]|\Z|(?:because|since|as"
            + (r"|it|the|this|that" if word else "")
            + r")\b"
        )
        if (word or named == [index]) and re.match(rf"\s*(?i:{_NOUN}){_name(choices[index])}\s*(?:{ends})", text):
            yield index
