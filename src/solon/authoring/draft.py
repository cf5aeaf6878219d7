"""A constitution drafted from prose: a model says which passages are rules and puts each as a principle.

The quotation of a principle is cut from the document, never written by the model, so it cannot be invented;
what the model does write is checked against its passage, and every passage is accounted for.

Calls: one `choose` for each control passage (16) and each passage of the document, one `generate` for each
that reads as a rule, one `choose` for each principle that is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError
from rapidfuzz import fuzz

from solon.authoring.check import check_principle
from solon.authoring.outcome import Draft, Settled
from solon.authoring.passages import Passage, Split
from solon.authoring.qualify import MIN_AUC, Qualification, qualify
from solon.authoring.words import holds_back, shared, slug, stems
from solon.constitution.model import Aim, Principle
from solon.engines import Engine
from solon.errors import DataError, PromptUnfit
from solon.flow import Tick, counted, gather_window
from solon.prompts.compare import YES_NO
from solon.prompts.drafting import AIMS, CONTROL_HEADING, NO_RULES, RULES, Shown, ask_aim, ask_principle, ask_rule
from solon.types import ChooseRequest, Completion, GenerateRequest

SAME = 85  # rapidfuzz ratio, of 100
MAX_TOKENS = 120


async def draft(
    engine: Engine, split: Split, file: str, *, threshold: float | None = None, tick: Tick | None = None
) -> Draft:
    """Ask `engine` about every passage of `file`.

    A passage is a rule where P(Yes) >= `threshold`; None sets it by control passages, on which the model must
    first show that it can tell rules from other sentences. `tick(stage, done, total)` is told of progress.
    Raises DataError when it cannot.
    """
    if threshold is None:
        threshold = (await qualified(engine)).threshold
    asking = _Asking(engine, file, threshold, tick)
    settled = await asking.each("is it a rule?", split.passages, asking.rule)
    rules = [n for n, s in enumerate(settled) if s.outcome == "kept"]
    written = await asking.each("as a principle", [settled[n] for n in rules], asking.principle)
    for n, result in zip(rules, written, strict=True):
        settled[n] = result
    settled, found = _gathered(settled, file)
    aims = await asking.each("what is it for?", found, asking.aim)
    principles = tuple(p.model_copy(update={"aim": aim}) for p, (aim, _) in zip(found, aims, strict=True))
    doubts = {p.id: why for p, (_, why) in zip(found, aims, strict=True) if why}
    settled = [replace(s, why=doubts.get(s.principle, "")) if s.outcome == "kept" else s for s in settled]
    return Draft(file, threshold, principles, tuple(settled), split.skipped)


async def qualified(engine: Engine) -> Qualification:
    """How well `engine` tells our control passages apart. Raises DataError when it cannot."""
    asking = _Asking(engine, "", 0.0, None)
    rules, others = [
        await gather_window([Passage(1, text, CONTROL_HEADING) for text in texts], asking.rule)
        for texts in (RULES, NO_RULES)
    ]
    found = qualify([s.p_yes for s in rules], [s.p_yes for s in others])
    if not found.passed:
        raise DataError(
            f"draft: this model cannot tell rules from other sentences (AUC {found.auc:.2f} on {found.controls} "
            f"control passages, {MIN_AUC} needed); use a stronger one, or set the line yourself with --threshold"
        )
    return found


@dataclass(frozen=True, slots=True)
class _Asking:
    """The three questions, each about one thing."""

    engine: Engine
    file: str
    threshold: float
    tick: Tick | None

    async def each(self, stage: str, items: Sequence[Any], work: Callable[[Any], Any]) -> list[Any]:
        if self.tick and items:
            self.tick(stage, 0, len(items))
        return await gather_window(items, work, done=counted(self.tick, stage, len(items)))

    async def rule(self, passage: Passage) -> Settled:
        """Whether a passage is a rule; one that is counts as kept until the next question."""
        try:
            answer = await self.engine.choose(ChooseRequest(ask_rule(_shown(passage)), YES_NO))
        except PromptUnfit as error:
            return Settled(passage, "unreadable", why=str(error))
        if answer.unreadable is not None:
            return Settled(passage, "unreadable", why=f"neither Yes nor No: {answer.unreadable}")
        p_yes = answer.probs[0]
        return Settled(passage, "kept" if p_yes >= self.threshold else "not a rule", p_yes)

    async def principle(self, rule: Settled) -> Settled:
        """A rule as a principle, or why it gave none."""
        passage = rule.passage
        asked = GenerateRequest(ask_principle(_shown(passage)), max_tokens=MAX_TOKENS, temperature=0.0)
        try:
            answer: Completion = await self.engine.generate(asked)
        except PromptUnfit as error:
            return replace(rule, outcome="unreadable", why=str(error))
        checked = check_principle(answer, passage.text, passage.lead, " ".join([*passage.heading, passage.before]))
        fault = checked.fault
        if not fault:
            try:
                Principle(id="x", text=checked.text)
            except ValidationError as error:
                fault = error.errors()[0]["msg"]
        return replace(rule, outcome="set aside" if fault else "kept", wrote=checked.text, why=fault)

    async def aim(self, principle: Principle) -> tuple[Aim, str]:
        """What a principle is for; "own" and the reason where the answer cannot be read."""
        try:
            answer = await self.engine.choose(ChooseRequest(ask_aim(principle.text), tuple(AIMS)))
        except PromptUnfit as error:
            return "own", f"aim unreadable: {error}"
        if answer.unreadable is not None:
            return "own", f"aim unreadable: {answer.unreadable}"
        best = max(range(len(AIMS)), key=lambda n: answer.probs[n])
        return list(AIMS.values())[best], ""


def _shown(passage: Passage) -> Shown:
    return Shown(passage.full, passage.heading, passage.before)


def _gathered(settled: Sequence[Settled], file: str) -> tuple[list[Settled], list[Principle]]:
    """Kept passages as principles, in document order; one that says what an earlier one says joins its sources."""
    found: dict[str, Principle] = {}
    after: list[Settled] = []
    for s in settled:
        if s.outcome != "kept":
            after.append(s)
            continue
        cited = s.passage.cited(file)
        if twin := next((p for p in found.values() if same(p.text, s.wrote)), None):
            found[twin.id] = twin.model_copy(update={"source": f"{twin.source}; {cited}"})
            after.append(replace(s, outcome="merged", principle=twin.id, why=f"says what {twin.id} says"))
        else:
            name = slug(s.wrote, found, f"line-{s.passage.line}")
            found[name] = Principle(id=name, text=s.wrote, source=cited)
            after.append(replace(s, principle=name))
    return after, list(found.values())


def same(first: str, second: str) -> bool:
    """Whether two principles say the same: nearly the same text with the same telling words and numbers, and both
    or neither hold something back. What is merely alike stays apart, for people to see.
    """
    if holds_back(first) != holds_back(second) or re.findall(r"\d+", first) != re.findall(r"\d+", second):
        return False
    one, other = stems(first), stems(second)
    return shared(one, other) == one and shared(other, one) == other and fuzz.ratio(first, second) >= SAME
