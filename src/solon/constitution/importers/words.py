"""What a text says about itself: is it a principle, a question to choose by, a prompt or a dialogue."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from solon.constitution.importers.model import MAX_CHARS, Entry, shown
from solon.constitution.importers.polarity import forbids, gone, hangs
from solon.constitution.importers.vocabulary import named_set

BELOW = " › "  # between the names of a section and of a section in it

_REPLY = r"(?:response|answer|reply|repl(?:y|ies)|output|completion|option)s?"
_CHOOSE = r"\b(?:choose|select|pick|prefer|favou?r)\s+(?:the|whichever|which|a|an|assistant)\b"
_COMPARE = re.compile(
    rf"{_CHOOSE}[^.?!\n]{{0,160}}?\b{_REPLY}\b"
    rf"|^\W*(?:please\s+)?(?:compare|consider|which|rank)\b[^\n]{{0,160}}?\b{_REPLY}\b",
    re.IGNORECASE,
)
_OPTIONS = re.compile(r"\s*\bOptions\s*:?\s*$")
_LABEL = re.compile(
    r"^(?:criterion|criteria|principle|rule|article|tenet|value|guideline|constraint)\s*#?\d{1,3}"
    r"(?:\s+(?:for|of)\s+[^:.]{1,60})?\s*[:.)–—-]\s+(?=\S)",
    re.IGNORECASE,
)
_NORM = re.compile(
    r"\b(?:responses?|repl(?:y|ies)|assistants?|AI|chatbots?|users?|should|must|shall|ought|may (?:not|only)|cannot|"
    r"never|always|avoid\w*|refus(?:e|es|al)|declines?|respect\w*|honest\w*|truth\w*|accurate\w*|accuracy|harm\w*|"
    r"helpful\w*|ensure\w*|prioriti[sz]\w*|protect\w*|promot(?:e|es)|prohibit\w*|ethic\w*|unethical|moral\w*|dignity|minimi[sz]\w*|maximi[sz]\w*|"
    r"forbidden|banned|not allowed|not permitted|red.lines?|hard.limits?|anti.?patterns?|violat\w+|unacceptable|"
    r"acknowledg\w*|concise\w*|polite\w*|uncertain\w*|when (?:asked|unsure|in doubt|you|the)|humanity)\b"
    r"|^\W*(?:do not|don['’]t|do no|be|no|only|not|assume|admit|prefer|stay|keep|treat|give|provide|explain|seek|offer|"
    r"cite|defer|maintain|use|default|express|consider|support|encourage|help|tell the|act|"
    r"answer|say|reply|respond|speak|greet|recommend)\b"
    r"|^I\s+(?:am|try|aim|strive|avoid|always|never|do not|don['’]t|will|would rather|prefer|believe|care|seek)\b",
    re.IGNORECASE,
)
_PROMPT = re.compile(
    r"^\W*(?:how (?:to|do|does|can|could|would|should|much|many)|(?:can|could|would|will) you|"
    r"(?:please )?(?:write|give|tell|help|show|teach|make|send|draw|find|get) me|"
    r"(?:write|compose|draft|create|generate) (?:a|an|some)|(?:list|name) (?:some|the|\w+ ways|\d+)|"
    r"i(?:['’]m| am) (?:trying|looking|planning|writing))\b",
    re.IGNORECASE,
)
_HUMAN = re.compile(r"(?:^|\s)(?:Human|User)\s*:|(?:^|\n)\s*[HQ]\s*:")
_ASSISTANT = re.compile(r"\s(?:Assistant|AI|Bot)\s*:|\n\s*A\s*:")
_CHAT_MARK = re.compile(r"<\|im_start\|>|\[INST\]|\[\[\[")
_PLACEHOLDER = re.compile(
    r"^\W*(?:placeholder|todo|tbd|fixme|xxx|lorem ipsum|your \w+ here|text here|\.\.\.|n/?a|none)\b[^.]*\W*$",
    re.IGNORECASE,
)
_GAP = re.compile(r"\.\.\.\s*(?:\(|\W*$)")
_ASKS_ABOUT_REPLY = re.compile(rf"\b(?:{_REPLY}|assistant|model|AI)\b", re.IGNORECASE)
_SHOWS = (
    r"(?:examples?|samples?|dialogues?|dialogs?|conversations?|transcripts?|exchanges?|demonstrations?|few.?shots?)"
)
_MARKED = (
    r"(?:very |really )?"
    r"(?:good|bad|better|worse|best|worst|poor|wrong|right|correct|incorrect|ideal|weak|strong|ok|okay)"
)
_GRADED = (
    rf"(?:{_MARKED}|acceptable|unacceptable|desired|undesired|preferred|rejected|compliant|non.?compliant|violating)"
)
_EXAMPLES = re.compile(
    rf"^\W*(?:for (?:example|instance)|e\.g|(?:\w+[- ]){{0,3}}?{_SHOWS}(?:\W|$)"
    rf"(?! (?:principle|rule|constitution|criteri))"
    rf"|{_GRADED}(?: (?:vs|and|or|/) {_GRADED})?(?: {_REPLY})?\W*$|{_GRADED} {_REPLY}\b"
    rf"|(?:what|how) not to (?:say|write|answer))",
    re.IGNORECASE,
)
_SHOWN = re.compile(
    rf"^\W*(?:{_MARKED}|(?:un)?acceptable|(?:non.?)?compliant|violat(?:es|ing|ion))(?: {_REPLY}| {_SHOWS})?"
    r"\W*(?:[:–—]|\s-\s|\]|\))"
    rf"|^\W*(?:{_SHOWS}|for (?:example|instance)|e\.g\.)\s*(?:\d+|[a-z])?\s*[:–—,]",
    re.IGNORECASE,
)
_SPEAKER = (
    r"(?:user|human|assistant|chatbot|bot|customer|client|caller|agent|system|claude|chatgpt|gpt|model|ai|q|a|student|"
    r"teacher|patient|person [ab])"
)
_TURN = re.compile(
    rf"^\W*{_SPEAKER}\s*\d?\W{{0,2}}:"
    r"(?!\s*(?:must|should|shall|never|always|do not|don['’]t|be |may )\b)\W*\w",
    re.IGNORECASE,
)
_CROSS, _TICK = "❌✗✘✖🚫👎⛔", "✅✓✔☑👍"
_QUOTED = re.compile(r"""^(?:"[^"]+"|“[^”]+”|«[^»]+»|'[^']+'(?!\w)|‘[^’]+’(?!\w))[.!]?$""")
_BESIDE = named_set(
    """license licence licensing copyright contributing contributors installation install setup navigation contents toc
    references reference bibliography footnotes notes links changelog history acknowledgements acknowledgments credits
    citation citations contact contacts faq quickstart roadmap reading resources prerequisites"""
)
_CODE = re.compile(r"^\^.*\$$|\.\*|^[a-z0-9_./-]+ -{1,2}\w*$|^\S+(?: \S+)?=$|^(?:sudo|git|rm|curl|chmod) \S+$")
_CONTACT = re.compile(
    r"^\W*(?:\w+ ){0,4}?(?:e-?mail|mail|write|contact|reach)\b.{0,30}\b[\w.+-]+@[\w-]+\.\w", re.IGNORECASE
)
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def flat(text: str) -> str:
    """`text` on one line; runs of white space are one space."""
    return " ".join(text.split())


def without_options(text: str) -> str:
    """A comparison instruction without the "Options:" that opened the list of answers."""
    return _OPTIONS.sub("", flat(text))


def without_label(text: str) -> tuple[str, str]:
    """A positional label ("Criterion 3 for Kindness:") and the text after it, which starts with a capital."""
    match = _LABEL.match(text)
    if not match:
        return "", text
    rest = text[match.end() :]
    return match.group().rstrip(" :.)–—-"), rest[:1].upper() + rest[1:]


def compares(text: str) -> bool:
    """Whether it asks to choose among responses ("Please choose the response that …")."""
    return bool(_COMPARE.search(text))


def is_dialogue(text: str) -> bool:
    """Whether it is a conversation written out, as few-shot demonstrations are."""
    human = _HUMAN.search(text)
    return bool(human and _ASSISTANT.search(text, human.end())) or bool(_CHAT_MARK.search(text))


def shows_examples(heading: str) -> bool:
    """Whether a heading, or what leads into a list, stands above examples ("Bad answers:", "Example dialogue")."""
    return bool(_EXAMPLES.match(heading))


def is_beside(heading: str) -> bool:
    """Whether a heading stands above what is about the document: its licence, its contents, how to install it."""
    words = re.findall(r"[a-z]+", heading.lower())
    return 0 < len(words) <= 5 and not _BESIDE.isdisjoint(words) and not heading.rstrip().endswith((".", "!"))


def shown_only(text: str) -> tuple[str, str]:
    """Why an item of a list is an example, "" where it is none, and its text without a tick or a cross before it."""
    mark = text[:1]
    said = text.lstrip(_CROSS + _TICK + "\ufe0f ").strip() if mark and mark in _CROSS + _TICK else text
    if _TURN.match(said):
        return "is a turn of a dialogue, not a principle", said
    if _SHOWN.match(said):
        return "is an example, not a principle", said
    if (cross := next((c for c in text if c in _CROSS), "")) and not forbids(said):
        return f"is marked as bad ({cross}); say what a good reply leaves out", said
    if mark and mark in _TICK and not is_norm(said):
        return f"is marked as good ({mark}), and does not say how to behave", said
    if _QUOTED.match(said) and not compares(said):
        return "is a quotation, as examples are", said
    return "", said


def is_prompt(text: str) -> bool:
    """Whether it looks like what a user would send to a model."""
    if compares(text) or _ASKS_ABOUT_REPLY.search(text):
        return False
    return text.rstrip(" \"'”’)").endswith("?") or bool(_PROMPT.match(text))


def is_norm(text: str) -> bool:
    """Whether it says how to behave, judged by its words: English only."""
    return not is_prompt(text) and bool(_NORM.search(text) or compares(text))


def bad_character(text: str) -> str:
    """Why a file of ours could not hold `text`, "" when it could."""
    found = _UNPRINTABLE.search(text)
    return f"holds the control character U+{ord(found.group()):04X}; delete it" if found else ""


def word_count(text: str) -> int:
    """Words; scripts that write no spaces count two characters as a word."""
    return len(text.split()) + len(_CJK.findall(text)) // 2


def unfit(text: str) -> str | None:
    """Why `text` cannot be a principle, whatever the file; None when it can."""
    if not text.strip():
        return "is empty"
    if len(text) < 200 and _PLACEHOLDER.match(text):
        return "is a placeholder; write it first"
    if bad := bad_character(text):
        return bad
    if is_dialogue(text):
        return "is a conversation, not a principle"
    if _GAP.search(text):
        return "has a gap (…) to fill in; write it first"
    if _CODE.search(text):
        return "is code or a pattern, not a statement"
    if len(text) > MAX_CHARS:
        return f"has {len(text):,} characters, more than {MAX_CHARS:,}; for prose use `solon constitution draft`"
    if gone(text):
        return "is struck out or marked as deleted, in whole or in part"
    if hangs(text):
        return "limits what stands before it, and says nothing alone; write both as one principle"
    if _CONTACT.search(text):
        return "is an address to write to, not a principle"
    if word_count(text) < 2:
        return "is a single word, not a statement; say what a good reply does"
    return None


def share(texts: Sequence[str], test: Callable[[str], bool]) -> float:
    """The share of `texts` that pass `test`, 0 to 1; 0 for none."""
    return sum(test(text) for text in texts) / len(texts) if texts else 0.0


def doubtful(entries: Sequence[Entry], least: float) -> str:
    """Why the entries are hardly principles, "" when nothing speaks against it.

    `least` is the share of them, 0 to 1, that must say how to behave.
    """
    plain = [e.text for e in entries if not (e.critique or e.question)]
    asked = [text for text in plain if is_prompt(text)]
    if len(asked) > len(entries) / 2:
        return f"most of its {len(entries)} texts are prompts, such as “{shown(asked[0], 40)}”"
    good = sum(is_norm(text) for text in plain) + len(entries) - len(plain)
    if good < least * len(entries):
        return f"only {good} of its {len(entries)} texts say how to behave"
    return ""
