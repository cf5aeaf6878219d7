"""The words that importers go by: names of fields, of sections, of data sets' columns. Spelled as `bare` spells."""

from __future__ import annotations

import re


def bare(key: object) -> str:
    """A key in lower case, letters only: `critiqueRequest`, `critique_request` and "Critique Request" are one."""
    return re.sub(r"[^a-z]", "", str(key).lower())


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def named_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# --- fields of one principle, those believed first come first ---------------------------------------
# "critic" is what Hugging Face's llm-swarm calls a critique request, "edit_request" what the
# Constitutional AI paper's files call a revision request.
CRITIQUE = _names(
    """critiquerequest critiqueprompt critiqueinstruction critiqueinstructions critiquetemplate critiquequestion
    criticinstruction criticinstructions criticrequest criticprompt critique critic"""
)
REVISION = _names(
    """revisionrequest revisionprompt revisioninstruction revisioninstructions revisiontemplate editrequest
    rewriterequest rewriteprompt revision revise rewrite"""
)
COMPARISON = _names("comparisonquestion comparisonprompt comparative preferenceprompt preferencequestion judgequestion")
STATEMENT = _names(
    """text principle principletext primarysentence rule law statement criterion trait tenet guideline directive
    norm commandment sentence
    thirdperson description definition body content requirement policy clause standard value belief secondperson
    firstperson"""
)
TITLE = _names("id key slug name title label shortname heading")
CATEGORY = _names("category section group dimension area theme domain tradition")
PROMPTS = _names("questions scenarios prompts testprompts additionalquestions exampleprompts testquestions")
AIM, WEIGHT, AUTHORITY, PAPER = "aim", "weight", "authority", "editrequest"
KNOWN = frozenset((*CRITIQUE, *REVISION, *COMPARISON, *TITLE, *CATEGORY, *PROMPTS, AIM, WEIGHT, AUTHORITY))

# A row with one of these is a principle, whatever else it has.
STRONG = named_set("principle rule criterion trait tenet directive norm commandment guideline comparative")

# Columns of a Markdown table whose rows are principles.
RULED = STRONG | named_set("principles rules guidelines policy policies statement")
# Demonstrations of one principle, and remarks on a section that are no rule of it.
SHOWN = _names("examples exemplars fewshot demonstrations")
REMARKS = named_set(
    "rationale explanation commentary comment comments note notes why reason reasoning background context"
)

# --- keys of a file -----------------------------------------------------------------------------------
# Under a sure key every statement is a principle; under a likely one, if its sentences say how to behave.
SURE = named_set("constitution constitutions constitutional principle principles tenet tenets trait traits")
LIKELY = SURE | named_set(
    """rule rules law laws value values criteria criterion guideline guidelines norm norms directive directives
    policy policies
    constraint constraints commitment commitments lines prohibitions boundaries standards virtues duties obligations
    commandments ethics beliefs requirements articles clauses safety conduct behavior behaviour
    harmlessness helpfulness honesty"""
)
ASIDE = named_set(
    """governance metadata meta extension extensions module modules changelog change log history license licence
    provenance author authors contact reference references bibliography glossary definitions example examples config
    settings schema ownership amendment amendments approval version versions versioning maintenance appendix
    voices partner metrics tests test notes comments system chat few shot demonstrations exemplars samples"""
)
HEAD = named_set(
    """name title id document version description summary purpose overview license licence provenance source author
    authors url schema schemaversion date"""
)
GROUP = named_set("items list entries points statements")
HEADINGS = LIKELY | named_set("red never always prohibited")

# --- columns of data sets --------------------------------------------------------------------------------
PROMPT = named_set("prompt question instruction query goal turns userprompt objective request")
REPLY = named_set("response completion output answer answers draft assistantresponse initresponse reply")
LABELS = named_set("label labels score target rating toxicity sentiment class")

# --- words that do not tell principles apart ---------------------------------------------------------------
GRAMMAR = named_set(
    """a about above all also although am an and any are as at be been being both but by can could did do does doing don
    down each either even every for from further furthermore had has have having he her here hers him his how i if in
    including into is it its itself just less like m may me might more most much my new nor of off on one only or other
    others our out over own re s same she should so some such t than that the their them then there these they thing
    things this those through to too under up us ve very was we were what when where whether which while who whom whose
    why will with would you your yours"""
)
# The talk about responses around a principle.
TALK = named_set(
    """assistant assistants best better carefully choose choosing compare consider content critique degree discuss
    especially human humans last likely make option options possible preceding prefer please rather response responses
    revise revision rewrite sample select sound sounding use used user users using version way ways write reply replies
    answer answers output outputs amend try following follows exhibits exhibit demonstrates demonstrate shows show
    identify specific explain model ai"""
)
