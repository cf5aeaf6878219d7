"""Principles that pull against each other, as a judge sees it that has first shown that it can tell.

The judge is asked about each pair in both orders, and the two probabilities are averaged. Pairs of our own, half
of which plainly clash, go first: a judge that does not rank those above the others (area under the ROC curve
below MIN_AUC) is not asked about the constitution at all, and the report says so. What counts as a conflict is
set by the same controls: midway between the mean probabilities of the two groups, and never below one half.

Calls: 2 for each of the controls (32) and for each pair asked about, and 1 for each conflict.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from rapidfuzz import fuzz

from solon.authoring.qualify import MIN_AUC, qualify
from solon.authoring.words import stems
from solon.constitution import Constitution, Principle
from solon.constitution.lint import Finding, Rule, silenced
from solon.constitution.load import Document
from solon.engines import Engine
from solon.errors import PromptUnfit
from solon.flow import gather_window
from solon.prompts.compare import YES_NO
from solon.prompts.conflict import AGREEING, CLASHING, WHY, ask_clash, ask_why, demonstrated
from solon.sentences import finished, sentences
from solon.types import ChooseRequest, Completion, GenerateRequest

MAX_PAIRS = 400
MAX_TOKENS = 100
OTHER_AIM = 20.0  # what different aims add to the likeness (0 to 100) by which pairs are put in order
ECHO = 85  # rapidfuzz ratio, of 100


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two principles, by id in file order, that no reply to some request can both follow.

    `probability` in [0.5, 1] is the judge's, over both orders; `why` names the request and the reason, or is ""
    where the judge gave none that can be read. `wins` is the id of the one of higher authority, "" where neither is.
    """

    first: str
    second: str
    probability: float
    why: str
    wins: str = ""


@dataclass(frozen=True, slots=True)
class ConflictReport:
    """What a judge says about the pairs of a constitution.

    `qualified`: whether it can tell clashing pairs from others, `auc` in [0, 1] on `controls` readable control
    pairs. Of the constitution's pairs `asked` were asked about, `left_out` were too many, and `unreadable` of
    those asked got no verdict. A pair is a conflict from `threshold` on; the surest come first.
    """

    qualified: bool
    auc: float
    controls: int
    threshold: float
    asked: int
    left_out: int
    unreadable: int
    conflicts: tuple[Conflict, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def says(self) -> str:
        """The report in one line, without the conflicts."""
        on = f"AUC {self.auc:.2f} on {self.controls} control pairs"
        if not self.qualified:
            return f"the judge cannot tell principles that conflict from others ({on}, {MIN_AUC} needed): none reported"
        more = f", {self.left_out} left out" if self.left_out else ""
        more += f", {self.unreadable} unreadable" if self.unreadable else ""
        return f"{len(self.conflicts)} conflicts among {self.asked} pairs{more} (judge: {on})"


async def conflicts(engine: Engine, constitution: Constitution, *, limit: int = MAX_PAIRS) -> ConflictReport:
    """Ask `engine` about every pair of principles that share a phase; of more than `limit`, about the likeliest."""
    clashing = await gather_window(CLASHING, lambda pair: _clash(engine, *pair))
    agreeing = await gather_window(AGREEING, lambda pair: _clash(engine, *pair))
    shown = qualify(clashing, agreeing)
    if not shown.passed:
        return ConflictReport(False, shown.auc, shown.controls, 1.0, 0, 0, 0, ())
    threshold = max(0.5, shown.threshold)
    pairs, left_out = likeliest(constitution.principles, limit)
    probabilities = await gather_window(pairs, lambda pair: _clash(engine, pair[0].text, pair[1].text))
    flagged = [(pair, p) for pair, p in zip(pairs, probabilities, strict=True) if p is not None and p >= threshold]
    reasons = await gather_window(flagged, lambda found: _why(engine, *found[0]))
    found = [Conflict(a.id, b.id, p, why, _winner(a, b)) for ((a, b), p), why in zip(flagged, reasons, strict=True)]
    return ConflictReport(
        True,
        shown.auc,
        shown.controls,
        threshold,
        len(pairs),
        left_out,
        sum(p is None for p in probabilities),
        tuple(sorted(found, key=lambda c: -c.probability)),
    )


CONFLICT = Rule(
    "CONFLICT",
    "conflict",
    "warning",
    "A judge sees a request for which no reply can follow both principles. Say in one of them when it yields, or "
    "give one the higher authority.",
)
SETTLED = Rule(
    "CONFLICT",
    "conflict",
    "note",
    "A judge sees a request for which no reply can follow both principles. One has the higher authority and wins: "
    "models that are asked about the other are told that it yields.",
)


def _winner(first: Principle, second: Principle) -> str:
    return first.id if first.outranks(second) else second.id if second.outranks(first) else ""


def findings(document: Document, report: ConflictReport) -> list[Finding]:
    """The conflicts as lint findings, at the later principle; those a comment silences come back marked."""
    lines = {p.id: (n, document.line(("principles", n))) for n, p in enumerate(document.written.principles)}
    found = []
    for c in report.conflicts:
        index, line = lines.get(c.second, lines.get(c.first, (0, 1)))
        why = f": {c.why}" if c.why else ""
        wins = f"; '{c.wins}' wins by its authority" if c.wins else ""
        message = f"'{c.first}' and '{c.second}' pull against each other (P = {c.probability:.2f}){wins}{why}"
        loc = ("principles", index)
        found.append(Finding(SETTLED if c.wins else CONFLICT, message, document.path, line, loc, (c.first, c.second)))
    return silenced(document, found)


def likeliest(principles: Sequence[Principle], limit: int) -> tuple[list[tuple[Principle, Principle]], int]:
    """Pairs that share a phase, in file order, and how many were left out.

    Of more than `limit` those are taken that are most alike in topic, different aims adding OTHER_AIM: what
    clashes speaks of the same thing, and more often from different sides.
    """
    words = {p.id: " ".join(sorted(stems(p.text))) for p in principles}

    def likely(pair: tuple[int, int]) -> tuple[float, int, int]:
        a, b = principles[pair[0]], principles[pair[1]]
        return fuzz.token_set_ratio(words[a.id], words[b.id]) + OTHER_AIM * (a.aim != b.aim), -pair[0], -pair[1]

    total = sum(1 for _ in _sharing(principles))
    every = _sharing(principles)
    taken = sorted(heapq.nlargest(limit, every, key=likely)) if total > limit else list(every)
    return [(principles[i], principles[j]) for i, j in taken], total - len(taken)


def _sharing(principles: Sequence[Principle]) -> Iterator[tuple[int, int]]:
    for i, j in combinations(range(len(principles)), 2):
        if not set(principles[i].phases).isdisjoint(principles[j].phases):
            yield i, j


async def _clash(engine: Engine, first: str, second: str) -> float | None:
    """P(Yes), the mean over both orders; None where either cannot be read."""
    total = 0.0
    for one, other in ((first, second), (second, first)):
        try:
            answer = await engine.choose(ChooseRequest(ask_clash(one, other), YES_NO))
        except PromptUnfit:
            return None
        if answer.unreadable is not None:
            return None
        total += answer.probs[0]
    return total / 2


async def _why(engine: Engine, first: Principle, second: Principle) -> str:
    asked = GenerateRequest(ask_why(first.text, second.text), max_tokens=MAX_TOKENS, temperature=0.0)
    try:
        return _reason(await engine.generate(asked))
    except PromptUnfit:
        return ""


def _reason(answer: Completion) -> str:
    """One or two whole sentences of the answer, or "" where there are none or they are the question's own words."""
    raw = answer.text.strip().split("\n\n")[0]
    text = " ".join(re.sub(r"</?(?:first|second)-[0-9a-f]{8}>|[\x00-\x1f\x7f-\x9f\ud800-\udfff]", " ", raw).split())
    spans = sentences(text)
    if answer.truncated and not finished(text):
        spans = spans[:-1]  # half a sentence
    kept = text[: spans[:2][-1][1]] if spans else ""
    parroted = max(fuzz.ratio(kept, told) for told in (WHY, *demonstrated())) >= ECHO
    return "" if parroted else kept
