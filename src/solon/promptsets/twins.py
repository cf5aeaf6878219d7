"""Twins of prompts on the other side of harm, written by a model, checked without one, and judged.

A twin is written for each prompt in one of the ten ways of solon.prompts.contrast, drawn by the prompt's hash. What is
written is checked by what it looks like (solon.promptsets.twin_checks), and what passes goes before a judge: is this
request harmful? What fails is kept with its reason, and the prompt gets another way and another try.

A judge is first asked about controls of ours. One that cannot tell them apart is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from solon.authoring.qualify import MIN_AUC, Qualification, qualify
from solon.engines import Engine
from solon.errors import DataError, PromptUnfit
from solon.flow import Tick, counted, gather_window
from solon.prompts.compare import YES_NO
from solon.prompts.contrast import HARMFUL, HARMLESS, KINDS, Side, TwinKind, ask_harmful, ask_twin
from solon.promptsets.style import words
from solon.promptsets.twin_checks import Known, alone, fault
from solon.types import ChooseRequest, GenerateRequest, Prompt, fraction


@dataclass(frozen=True, slots=True)
class TwinSettings:
    """`per_prompt` twins of each prompt, each of another kind; `tries` for each of them; `threshold` is P(Yes, harmful)
    from which a text counts as harmful, None to set it by controls."""

    towards: Side = "harmless"
    kinds: tuple[TwinKind, ...] = KINDS
    per_prompt: int = 1
    tries: int = 3
    temperature: float = 0.7
    seed: int = 0
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A text for one prompt: its kind of twin, which try it was (from 0), why it was refused ("": it was not), and the
    judge's P(harmful) where it was asked."""

    source: Prompt
    kind: str
    attempt: int
    text: str
    reason: str = ""
    p_harmful: float | None = None

    def row(self, kind: str) -> dict[str, Any]:
        """As a row of a prompt file whose prompts are of `kind`."""
        source = self.source
        row = {"id": f"{source.id}~{self.kind}", "prompt": self.text, "kind": kind, "area": source.area}
        row |= {"split": source.split, "twin_of": source.id, "twin": self.kind}
        return row | ({"pair": source.pair} if source.pair else {})

    def refused(self) -> dict[str, Any]:
        """As a row of the file of what was refused."""
        row = {"twin_of": self.source.id, "twin": self.kind, "try": self.attempt + 1, "reason": self.reason}
        return row | {"p_harmful": self.p_harmful, "prompt": self.text}


@dataclass(frozen=True, slots=True)
class Twins:
    """Everything that was written, the twins that passed in the order of their prompts; `qualification` of the judge
    where controls set the threshold."""

    passed: tuple[Written, ...]
    refused: tuple[Written, ...]
    threshold: float
    qualification: Qualification | None

    def reasons(self) -> dict[str, int]:
        return dict(Counter(one.reason for one in self.refused).most_common())


async def write_twins(
    writer: Engine, judge: Engine, prompts: Sequence[Prompt], settings: TwinSettings, tick: Tick | None = None
) -> Twins:
    """Ask `writer` for twins of `prompts` and `judge` about them; `tick(stage, done, total)` is told of progress.

    Raises DataError where the judge cannot tell controls apart.
    """
    found = await _qualified(judge) if settings.threshold is None else None
    threshold = found.threshold if found else settings.threshold
    assert threshold is not None
    asking = _Asking(writer, judge, settings, threshold, tick)
    known = Known(p.text for p in prompts)
    open_: list[tuple[Prompt, int]] = [(p, n) for p in prompts for n in range(settings.per_prompt)]
    passed: dict[tuple[int, int], Written] = {}
    refused: list[Written] = []
    place = {id(p): n for n, p in enumerate(prompts)}
    for attempt in range(settings.tries):
        judged = await _tried(asking, known, open_, attempt)
        for (prompt, number), one in zip(open_, judged, strict=True):
            if one.reason:
                refused.append(one)
            else:
                passed[place[id(prompt)], number] = one
        open_ = [(p, n) for p, n in open_ if (place[id(p)], n) not in passed]
        if not open_:
            break
    return Twins(tuple(passed[at] for at in sorted(passed)), tuple(refused), threshold, found)


async def _tried(asking: _Asking, known: Known, open_: Sequence[tuple[Prompt, int]], attempt: int) -> list[Written]:
    """One text for each prompt that has no twin yet, checked and judged."""
    written = await asking.each(f"twins, try {attempt + 1}", [(p, n, attempt) for p, n in open_], asking.twin)
    fair = [n for n, one in enumerate(written) if not one.reason]
    for n, reason in zip(fair, known.admit([written[n].text for n in fair]), strict=True):
        written[n] = replace(written[n], reason=reason)
    left = [n for n in fair if not written[n].reason]
    for n, one in zip(left, await asking.each("judged", [written[n] for n in left], asking.side), strict=True):
        written[n] = one
    return written


async def _qualified(judge: Engine) -> Qualification:
    """How well `judge` tells the controls apart. Raises DataError where it cannot."""
    asking = _Asking(judge, judge, TwinSettings(), 0.0, None)
    yes, no = [await gather_window(texts, asking.p_harmful) for texts in (HARMFUL, HARMLESS)]
    found = qualify([p for p, _ in yes], [p for p, _ in no])
    if not found.passed:
        raise DataError(
            f"contrast: this judge cannot tell harmful from harmless requests (AUC {found.auc:.2f} on {found.controls} "
            f"controls, {MIN_AUC} needed); give a stronger one with --judge, or set the line yourself with --threshold"
        )
    return found


def kinds_for(prompt: Prompt, settings: TwinSettings) -> list[TwinKind]:
    """The kinds of twins in the order in which they are tried on a prompt: by hash of its text."""
    return sorted(settings.kinds, key=lambda kind: fraction(["twin", settings.seed, prompt.text, kind.name]))


@dataclass(frozen=True, slots=True)
class _Asking:
    writer: Engine
    judge: Engine
    settings: TwinSettings
    threshold: float
    tick: Tick | None

    async def each(self, stage: str, items: Sequence[Any], work: Callable[[Any], Any]) -> list[Any]:
        return await gather_window(items, work, done=counted(self.tick, stage, len(items)))

    async def twin(self, asked: tuple[Prompt, int, int]) -> Written:
        """A text for one prompt, refused where its looks are wrong."""
        prompt, number, attempt = asked
        order = kinds_for(prompt, self.settings)
        kind = order[(number + attempt * self.settings.per_prompt) % len(order)]
        request = GenerateRequest(
            ask_twin(kind, prompt.text, self.settings.towards),
            max_tokens=48 + 4 * words(prompt.text),
            temperature=self.settings.temperature,
            seed=self.settings.seed,
            index=attempt,
        )
        try:
            answer = await self.writer.generate(request)
        except PromptUnfit:
            return Written(prompt, kind.name, attempt, "", "does not fit the model")
        return Written(prompt, kind.name, attempt, alone(answer.text), fault(prompt, answer))

    async def side(self, one: Written) -> Written:
        """The text with what the judge says of it; refused where that is the side of its source."""
        p, why = await self.p_harmful(one.text)
        if p is None:
            return replace(one, reason=why)
        harmful = p >= self.threshold
        wrong = harmful is (self.settings.towards == "harmless")
        said = f"judged {'harmful' if harmful else 'harmless'}"
        return replace(one, p_harmful=p, reason=said if wrong else "")

    async def p_harmful(self, text: str) -> tuple[float | None, str]:
        """P(harmful), or None and why there is none."""
        try:
            answer = await self.judge.choose(ChooseRequest(ask_harmful(text), YES_NO))
        except PromptUnfit:
            return None, "does not fit the judge"
        return (None, "judge unreadable") if answer.unreadable is not None else (answer.probs[0], "")
