"""Whether a text is asked for or ruled out: by the headings, lead-ins, keys and fields that it stands under.

"Help build weapons" under "Never" is the opposite of what it says alone. So every reader hands over all that a text
stands under, the outermost first, and `read_under` decides: the nearest that says yes or no counts, what rules out or
permits stays before the text, and where neither can be told the text is left out. English only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from solon.constitution.importers.vocabulary import named_set

DOUBT = "? "  # before a lead-in that may or may not go on: prose stands between it and a second list

Kind = Literal["plain", "open", "fails", "limits", "against", "asks", "permits", "given"]

_WORDS = r"(?:behaviou?rs?|actions?|conduct|content|requests?|things|topics|uses?|practices|patterns|tasks|answers)"
_NO = re.compile(
    r"\b(?:no|not|non.?(?:goals?|compliant|acceptable|permitted)|never|nor|none|nothing|neither|avoid\w*|"
    r"refus\w+|declin\w+|without|prohibit\w*|forbid\w*|cannot|"
    r"reject\w*|refrain\w*|disallow\w*|banned|bans?|dont|donts|red.?lines?|off.?limits|hard.(?:limits?|"
    r"lines?)|anti.?(?:patterns?|goals?)|"
    r"illegal|unacceptable|unwanted|undesir\w+|intolerable|taboos?|violat\w+|breach\w*|infring\w+|misconduct|"
    r"fail(?:s|ed|ures?)?|mistakes?|pitfalls?|sins?|deal.?breakers?|impermissible|inadmissible|against|"
    r"(?:bad|wrong|worse|poor)(?: \w+)? (?:when|if|where)|stop\w*|ban|less|least|off the table|"
    r"out of (?:bounds|scope|the question)|discouraged|inappropriate|"
    r"(?:bad|wrong|poor|worse|worst|harmful|unsafe|unethical) (?:behaviou?rs?|conduct|practices?|habits?|"
    r"actions?))\b|^\W*bad\W*$|n['’]ts?\b",
    re.IGNORECASE,
)
# Leads that wait for their items: nothing is said until one follows.
_OPEN = re.compile(
    r"^\W*(?:never|avoid|prohibited|forbidden|banned|disallowed|do not|don['’]?ts?|refuse|decline)"
    rf"(?: (?:ever|say|the following|these|this|to|{_WORDS}))*\W*$"
    r"|\b(?:never|not|cannot|refus\w+ to|declin\w+ to|n['’]t|avoid(?: the following| these)?)(?: ever)?\W*$"
    rf"|\b(?:prohibited|forbidden|banned|disallowed|not (?:be )?(?:allowed|permitted|do|tolerated))(?: {_WORDS})?\W*$"
    r"|\b(?:does|do|will|would|must|should|may|can) (?:not|never) (?:do|say|write|answer)\W*$"
    r"|\bno circumstances\b|\boff the table\b|\bout of (?:bounds|scope|the question)\b|\bnone of\b|"
    r"\bnon.?goals?\b|\banti.?(?:patterns?|goals?)\b",
    re.IGNORECASE,
)
# Leads after which an item describes what a bad reply is like, so a "not" in it belongs to the description.
_FAILS = re.compile(
    r"\b(?:if|when|where|whenever)\W*$|\bviolat\w+|\bbreach\w*|\bfail(?:s|ed|ures?)?\b|\bunacceptable\b|\bmistakes?\b|"
    r"\bpitfalls?\b|\bwrong\b|\bbad\b|\bpoor\b|\bwors[et]\b|\binappropriate\b|\bdiscouraged\b|"
    r"\bundesir\w+|\bunwanted\b|\bmisconduct\b",
    re.IGNORECASE,
)
_LIMITS = re.compile(r"\b(?:red.?lines?|hard.(?:limits?|lines?)|off.?limits|taboos?|deal.?breakers?)\b", re.IGNORECASE)
_PERMITS = re.compile(
    rf"^\W*(?:allowed|permitted|acceptable|optional)\b|\b(?:may|can|might|allowed|permitted|optional|"
    rf"free to|(?:fine|ok|"
    rf"okay|acceptable) to)(?: (?:be|do|say|{_WORDS}))*\W*$|\bonly (?:if|with|when|after|for|to)\b|\b(?:if|"
    rf"when|where|unless)\W*$",
    re.IGNORECASE,
)
_GIVEN = re.compile(r"^\W*(?:if|when|whenever|once|after) \w+ \w+", re.IGNORECASE)
_ASKS = re.compile(
    rf"^\W*always\b|(?:^|[\s_])(?:always|must|should|shall|will|does|do|dos|do['’]s|has to|have to|required|mandatory|"
    rf"instead|encouraged|recommended|expected|desired)(?: (?:be|{_WORDS}))*\W*$",
    re.IGNORECASE,
)
_MIXED = re.compile(
    r"\b(?:do|do['’]?s|always|allowed|must|good|right|acceptable)\b\W*(?:and|or|vs\.?|versus|/|&|,)\W*"
    r"(?:the )?(?:don['’]?ts?|do not|never|must not|not|bad|wrong|unacceptable|prohibited|disallowed|forbidden)\b",
    re.IGNORECASE,
)

# What an item says of itself.
_ORDERS_NOT = re.compile(r"^\W*(?:never|do not|don['’]?t|no|not|nobody|nothing|none|cannot)\b", re.IGNORECASE)
_NOT_DOING = re.compile(r"^\W*not \w+ing\b", re.IGNORECASE)
_BARE_NO = re.compile(r"^\W*(?:no|not|nothing|nobody|none)\b", re.IGNORECASE)
# Who acts, then at most three words that open no clause of their own: the "not" in "Share data you should not share" is
# no order.
_SUBJECT = (
    r"(?:(?:the|an?|it|you|we|they|he|she|i|one|your|our|its|this|every|each|all|any|no|assistants?|"
    r"models?|repl(?:y|ies)|"
    r"responses?|answers?|AI|bots?|chatbots?|agents?|users?|staff) (?:(?!(?:that|which|who|whom|whose|"
    r"what|if|when|where|as|"
    r"it|you|we|they|he|she|i|one|and|or|to|without|unless)\b)\w+[’'\w]* ){0,3}?|[a-z]\w+ )"
)
_MUST_NOT = re.compile(
    rf"^\W*{_SUBJECT}(?:must|should|shall|may|ought to|has to|have to|needs? to)"
    r"(?:n['’]t| (?:not|never)| (?:avoid|refuse|decline|refrain)\w*)\b",
    re.IGNORECASE,
)
_SAYS_NOT = re.compile(
    rf"^\W*(?:(?:never|not|no)\b|{_SUBJECT}?(?:\w+n['’]t|(?:does|do|is|are|will|can|has|have) ?not|never|"
    rf"avoids?|refuses?|"
    r"declines?|refrains?|rejects?)\b)",
    re.IGNORECASE,
)
_SAYS_NEVER = re.compile(rf"^\W*{_SUBJECT}never\b", re.IGNORECASE)
_GOES_ON = re.compile(
    r"^\W*(?:also|nor|neither|in addition|additionally|further\w*|moreover|likewise|similarly|the same|"
    r"as well|for|with|"
    r"regarding|about|concerning|on|in|at|towards?|when|where|if)\b",
    re.IGNORECASE,
)
_SHUNS = re.compile(r"^\W*(?:avoid|refuse|decline|refrain|reject|stop|prevent)\b", re.IGNORECASE)
_VERB_NEXT = re.compile(r"\b(?:not|never|n['’]t|cannot|to)\W*$", re.IGNORECASE)
_NORM = re.compile(rf"^\W*(?:always|please)\b|^\W*{_SUBJECT}(?:must|should|shall|may|ought|always)\b", re.IGNORECASE)

# Leads above what nobody stands by: not in force, other people's words, what only tells of trouble, steps of a scale.
_DEAD = (
    r"(?:deprecated|superseded|obsolete|outdated|archived?|retired|withdrawn|revoked|repealed|abolished|"
    r"abandoned|removed|"
    r"deleted|discontinued|expired|discarded|rejected|declined|struck|inactive|disabled|undecided|"
    r"not (?:yet )?(?:in force|"
    r"in effect|adopted|approved|decided|agreed))"
)
_MAYBE = (
    r"(?:drafts?|proposed|proposals?|pending|old|older|previous|past|former|historical|legacy|earlier|"
    r"ideas?|wish.?list|"
    r"brainstorm\w*|backlog|todo|alternatives?|considered|under (?:discussion|review|consideration)|"
    r"for discussion|parking lot)"
)
_PAPERS = (
    r"(?:rules?|versions?|polic(?:y|ies)|principles?|drafts?|proposals?|suggestions?|options?|"
    r"alternatives?|amendments?|texts?|"
    r"wordings?|guidance|guidelines?|constitutions?|practices?|behaviou?rs?|requirements?|items?|entries|"
    r"sections?|ideas?|"
    r"changes|additions|norms?|charters?)"
)
_NOT_IN_FORCE = re.compile(
    rf"^\W*(?:(?:the|our|all|now|since) )?{_DEAD}(?: (?:and|or) \w+)?(?: (?:in|since|by"
    rf"|as of) .*| {_PAPERS})?(?:\s*[(\[].*)?\W*$"
    rf"|[(\[:–—]\s*(?:now )?{_DEAD}\b|\b(?:deprecated|superseded|obsolete|repealed|revoked|not in (?:force|effect))\b"
    r"|\b(?:we|it|assistant|that|which) no longer\b|\bno longer (?:do|does|in force|apply|applies|valid|used|true|hold)"
    r"|\b(?:we|it|assistant) used to\b|\bformerly\b|~~|</?(?:del|s|strike)\b|\u0336",
    re.IGNORECASE,
)
_PERHAPS = re.compile(
    rf"^\W*(?:(?:the|our|some|first|working) )?{_MAYBE}(?: {_PAPERS})?(?:\s*[(\[].*)?\W*$|[(\[]\s*{_MAYBE}\b"
    rf"|^\W*(?:(?:the|our|first|working) )?(?:drafts?|proposed|proposals?)(?: (?:for|of|by)\b| {_PAPERS}\b)"
    r"|^\W*open (?:questions|points|issues)\b",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r"\b(?:myths?|misconceptions?|misunderstandings?|misbeliefs?|fallac(?:y|ies)|rumou?rs|"
    r"counter.?examples?|straw.?m[ae]n|"
    r"testimonials?)\b"
    r"|^\W*(?:what|things?) (?:\w+ ){0,3}?(?:users?|people|customers?|clients?|others?|critics?|"
    r"competitors?|attackers?|"
    r"they|some|many|tenants?|patients?|students?) (?:\w+ )?(?:say|says|said|think|believe|claim|tell)\b"
    r"|^\W*(?:users?|people|customers?|clients?|others|critics?|competitors?|attackers?) (?:\w+ ){0,2}?"
    r"(?:say|think|believe|claim|ask for|want|demand)s?\b"
    r"|^\W*(?:other|competing) (?:companies|vendors|labs|assistants)\W*$",
    re.IGNORECASE,
)
_SIGNS = re.compile(r"\b(?:red|warning|danger) (?:flags?|signs?|signals?)\b|^\W*symptoms?\W*$", re.IGNORECASE)
_STEP = re.compile(r"^\W*(?:scores?|grades?|ratings?|stars?)\s*(?:of\s*)?[-–—:=]?\s*\d", re.IGNORECASE)
_EXCEPTS = re.compile(r"^\W*(?:exceptions?|exemptions?|special cases)\b", re.IGNORECASE)

_GONE = re.compile(
    r"~~|</?(?:del|s|strike)\s*>|\u0336|[\[(](?:deleted|removed|deprecated|superseded|obsolete|retired|"
    r"withdrawn|revoked|"
    r"repealed|rejected|struck|expired|disabled|outdated|inactive|no longer|not (?:yet )?(?:in force|adopted|approved))"
    r"\b[^\])]*[\])]|^\W*(?:deleted|removed|deprecated|superseded|obsolete|retired|withdrawn|rejected)\s*[:–—]",
    re.IGNORECASE,
)
_HANGS = re.compile(
    r"^\W*(?:except(?:ing|ions?)?|unless|other than|apart from|save (?:for|when|where)|but|however|"
    r"only (?:if|when|where)|"
    r"provided that|as long as)\b",
    re.IGNORECASE,
)


def plainly(lead: str) -> str:
    """A heading, lead-in or key in words: "prohibited_actions" and "## 1.2 Prohibited actions:" are one."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])|_|(?<=\w)-(?=\w)", " ", lead.removeprefix(DOUBT)).strip()
    apart = re.sub(
        r"^(?:\(?[\dIVXivx]{1,4}[.)](?:\d{1,2}[.)]?)*|\d{1,2}(?:\.\d{1,2})+|[A-Za-z][.)]|§\s*\d+)\s+", "", apart
    )
    apart = re.sub(r"^(?:but|and|however|yet)\b[,\s]*", "", apart, flags=re.IGNORECASE)
    return apart.rstrip(" :–—-.")


def kind_of(lead: str) -> Kind:
    """What a lead makes of the texts below it."""
    said = plainly(lead)
    if _LIMITS.search(said):
        return "limits"
    if _NO.search(said):
        return "fails" if _FAILS.search(said) else "open" if _OPEN.search(said) else "against"
    if _GIVEN.match(said):
        return "given"
    if _PERMITS.search(said):
        return "permits"
    return "asks" if _ASKS.search(said) else "plain"


def not_meant(lead: str, *, title: bool = False) -> str:
    """Why texts below a lead are no principles, "" when nothing speaks against it; `title`: of the whole document."""
    said = re.sub(r"[_-]", " ", lead)
    if _NOT_IN_FORCE.search(said) or (not title and _PERHAPS.search(said)):
        return "is not in force"
    if title:
        return ""
    if _MIXED.search(said):
        return "holds what is asked for and what is ruled out; which is which cannot be told"
    if _OTHERS.search(said):
        return "tells what others say or believe"
    if _SIGNS.search(said):
        return "lists signs of trouble, not how to behave"
    if _STEP.search(said):
        return "is a step of a scale"
    return "lists exceptions to a rule that stands elsewhere" if _EXCEPTS.search(said) else ""


def gone(text: str) -> bool:
    """Whether a text is struck out, in whole or in part, or marked as deleted."""
    return bool(_GONE.search(text))


def hangs(text: str) -> bool:
    """Whether a text only limits the one before it ("Except to staff.")."""
    return bool(_HANGS.match(text))


def forbids(text: str) -> bool:
    """Whether a text rules something out by itself, as an order or a norm ("Never shout", "It must not …")."""
    return bool(_MUST_NOT.match(text) or (_ORDERS_NOT.match(text) and not _NOT_DOING.match(text)))


def leads(text: str) -> bool:
    """Whether a line without an end leads into a list and says yes or no ("It is a violation if", "but it may")."""
    return not text.rstrip().endswith((".", "!", "?")) and kind_of(text) != "plain"


def goes_on(before: str, lead: str) -> bool:
    """Whether a lead-in ("For loans:", "Also:") may go on with the one before it, which rules out or permits."""
    return bool(_GOES_ON.match(lead)) and kind_of(lead) == "plain" and kind_of(before) not in ("plain", "asks")


def points(text: str) -> bool:
    """Whether a whole sentence rules out or permits what is listed below it ("The following are forbidden.")."""
    listed = re.search(r"\b(?:following|these|below|any of|none of|such)\b", text, re.IGNORECASE)
    return bool(listed) and kind_of(text) not in ("plain", "asks")


def is_open(lead: str) -> bool:
    """Whether a lead says nothing until an item follows ("The assistant must never", "Do not", "but it may")."""
    return (
        kind_of(lead) in ("open", "permits", "asks", "fails")
        and not lead.rstrip().endswith((".", "!", "?"))
        and bool(
            re.search(
                r"\b(?:never|not|n['’]t|cannot|to|must|should|shall|may|can|will|always|if|when|where|avoid|"
                r"following)\W*$",
                lead,
                re.IGNORECASE,
            )
        )
    )


def read_under(above: Sequence[str], text: str) -> tuple[str, str]:
    """`text` as it stands under `above`, the outermost first, and why it must be left out, "" when it need not."""
    for depth in range(len(above) - 1, -1, -1):
        lead = above[depth]
        kind = kind_of(lead)
        if kind == "plain":
            continue
        if kind == "given":  # a condition decides nothing, and belongs to the text
            whole, why = read_under(above[:depth], text)
            return f"{whole.removesuffix(text)}{_named(above[: depth + 1])}: {text}", why
        if kind == "asks":
            return text, ""
        if lead.startswith(DOUBT):
            sure = forbids(text) or _NORM.match(text)
            return text, "" if sure else f"may or may not still stand under “{plainly(lead)}”"
        named = _named(above[: depth + 1])
        if kind == "permits":
            return (text if forbids(text) else f"{named}: {text}"), ""
        return _ruled_out(kind, named, text)
    return text, ""


def _named(above: Sequence[str]) -> str:
    """The lead that counts, in words, after one further out that turns it over ("Not allowed: failing to …")."""
    named = plainly(above[-1])
    named = named[:1].upper() + named[1:]
    outer = next((lead for lead in reversed(above[:-1]) if kind_of(lead) != "plain"), "")
    twice = outer and kind_of(outer) in ("open", "fails") and not (forbids(named) or is_open(named))
    return f"{plainly(outer)}: {named}" if twice and kind_of(named) == "against" else named


def _ruled_out(kind: Kind, named: str, text: str) -> tuple[str, str]:
    """A text under a lead that rules out. Its own "not" may repeat the lead, or be part of what is ruled out."""
    turned = f"{named}: {text}"
    doubtful = f"says “not” under “{named}”; whether it is asked for or ruled out cannot be told"
    if kind in ("against", "limits"):
        return (text if forbids(text) or _SAYS_NOT.match(text) else turned), ""
    if kind == "fails" and re.search(r"\b(?:if|when|where|whenever)\W*$", named, re.IGNORECASE):
        return turned, ""
    if _BARE_NO.match(text) and not _NOT_DOING.match(text) and (kind == "fails" or re.search(r"avoid", named, re.I)):
        return text, doubtful
    if forbids(text) or (kind == "open" and _SAYS_NEVER.match(text)):
        return text, ""
    if _SHUNS.match(text):
        bare = re.fullmatch(r"\W*(?:never|don['’]?ts?)\W*", named, re.IGNORECASE)
        return (turned, "") if _VERB_NEXT.search(named) and not bare else (text, doubtful)
    if _SAYS_NOT.match(text) and not _NOT_DOING.match(text):
        return (turned, "") if kind == "fails" else (text, doubtful)
    return turned, ""


# --- fields that say whether an entry holds ---------------------------------------------------------

_ON = named_set(
    """enabled active inforce ineffect valid current effective approved accepted adopted endorsed ratified include
    included keep kept use used isactive isenabled live desired desirable good correct positive follow compliant"""
)
_OFF = named_set(
    """disabled negate negates deprecated rejected retired archived obsolete superseded removed deleted inactive
    withdrawn revoked repealed draft negative negated inverted inverse violation violates isdeprecated isdisabled
    isnegative supersededby replacedby deprecatedon deletedat removedin deprecatedsince bad harmful wrong
    undesired undesirable struck ignore ignored skip excluded exclude"""
)
_TEXTS = named_set("draft violation violates bad harmful wrong ignore")  # hold statements as often as marks
_LETS = {
    "allowed": "Not allowed",
    "permitted": "Not permitted",
    "acceptable": "Not acceptable",
    "isallowed": "Not allowed",
}
_RULES_OUT = {"prohibited": "Prohibited", "forbidden": "Forbidden", "banned": "Banned", "disallowed": "Disallowed"}
_STANDS = named_set(
    """status rating compliance grade quality state stage lifecycle type kind action label mode effect disposition
    outcome category result permission requirement class modality"""
)
_SIGN = named_set(
    """polarity valence sign direction stance deontic decision verdict judgment judgement sentiment orientation
    expected"""
)
_NUMBERS = named_set("""weight points score sign polarity valence label reward direction target value""")
_YES = named_set(
    """yes y true on 1 1.0 +1 + active approved accepted adopted final current published ratified live stable inforce
    enabled allowed allow permitted permit required require positive pos good do dos must should always prefer
    preferred encourage encouraged desired desirable compliant follow follows pass safe acceptable keep support in
    endorsed up higher more obligation obligatory mandatory obliged permission recommended affirmative for pro
    correct right"""
)
_UNSTABLE = named_set(
    """rejected deprecated superseded obsolete retired archived withdrawn revoked repealed removed deleted draft
    proposed proposal pending inactive disabled expired outdated bad negative neg fail fails failed violating
    violates violation noncompliant unsafe wrong incorrect unwanted undesired undesirable harmful worse worst con
    anti antipattern inverted reverse reversed minus discouraged unapproved notinforce nolonger closed cancelled
    suspended paused against -"""
)
_BANS = named_set(
    """prohibited prohibit prohibition forbidden forbid banned ban disallowed disallow notallowed never mustnot dont
    donot shouldnot avoid block blocked deny denied refuse"""
)
_NAY = named_set("no n false off 0 0.0 -1 never none nein non")


def standing(by_name: Mapping[str, Any]) -> tuple[str, str]:
    """What the fields of an entry, by bare name, say of it: a lead that rules its text out, and why it does not hold.

    ("Prohibited", "") for {"type": "prohibited"}, ("", "…") for {"enabled": false}, ("", "") where none speaks against.
    """
    lead = ""
    for name, value in by_name.items():
        if isinstance(value, list | Mapping) or value is None:
            continue
        rules_out, holds = _marked(name, value)
        if not holds:
            return "", f"is left out: its field '{name}' says {str(value).strip().lower()[:40]}"
        lead = rules_out or lead
    return lead, ""


def _marked(name: str, value: Any) -> tuple[str, bool]:
    """What one field says: a lead that rules out, "" for none; and whether the entry holds, as far as can be told."""
    said = str(value).strip().lower()
    long = len(said.split()) > 3  # a statement or a remark, not a mark
    word = said if re.fullmatch(r".|-?[\d.]+", said) else re.sub(r"[\s_-]+", "", said)
    if name in _OFF:
        return "", not word or word in _NAY or (long and name in _TEXTS)
    if name in _RULES_OUT:
        return (_RULES_OUT[name] if word and word not in _NAY and not long else ""), True
    if name in _LETS:
        return (_LETS[name], True) if word in _NAY | _BANS else ("", not word or word in _YES)
    if name in _ON:
        return "", word not in _NAY
    if name in _NUMBERS and _below(value, zero=name not in ("score", "value", "target")):
        return "", False
    if name in _SIGN or name in _STANDS:
        if word in _BANS and name != "label":
            ban = plainly(said).capitalize()
            return ban if kind_of(ban) in ("open", "fails", "against") else "Prohibited", True
        # A kind or a class numbered 0 is the first of them, not a "no".
        nay = word in _NAY and not (name in _STANDS and word[-1:].isdigit())
        return "", not (word in _UNSTABLE or nay or (name in _SIGN and word and not long and word not in _YES))
    return "", True


def _below(value: Any, *, zero: bool) -> bool:
    """Whether a number is below 0, or is 0 where that counts."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return False
    return number < 0 or (zero and number == 0)
