"""The watch that looks for reward hacking: numbers of every step, alarms, and the step to go back to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from solon.repeats import copied, shared
from solon.settings import GuardSettings
from solon.training.guards.alarm import KINDS, Alarm, alarm
from solon.training.guards.boilerplate import Boilerplate, Phrase
from solon.training.guards.clean import clean_step
from solon.training.guards.cutoffs import Cutoffs
from solon.training.guards.facts import Repair, rows, unseen, unwatched
from solon.training.guards.gold import Gold, gold_scores
from solon.training.guards.held import held
from solon.training.guards.rules import LEAST, RULES, Sight
from solon.training.guards.series import Point, Series
from solon.training.rewards.terms import repetition
from solon.types import Turns

if TYPE_CHECKING:  # what is watched needs torch; watching does not
    from solon.training.task import Seen

NAMES = ("reward", *KINDS)
SHOWN = ("gold", "repetition", "refusal", "boilerplate", "duplicates", "copies")  # beside what the trainer says itself
REPAIRS = 3  # then training stops: a policy that goes astray a fourth time will do so again


def _silent(_: str) -> None:
    return None


class Guards:
    """Watches the policy's own answers, after Gao et al. 2022 (scaling laws for reward-model over-optimisation).

    `declines` says whether an answer refuses, `harmless` whether a prompt asks for nothing wrong. `gold` scores the
    answers of every `every`-th step as no reward in training does. `tell` hears each alarm as it rings.
    `demonstrations` are the revisions that the reviser was shown. Of a way of training that gives no KL, no entropy or
    no answers, the guards that need them are silent; `facts` says which.
    """

    def __init__(
        self,
        settings: GuardSettings,
        declines: Callable[[str], bool],
        harmless: Callable[[Turns], bool],
        gold: Gold | None = None,
        every: int = 1,
        tell: Callable[[str], None] = _silent,
        demonstrations: Iterable[str] = (),
    ) -> None:
        self.settings, self.declines, self.harmless = settings, declines, harmless
        self.gold, self.every, self.tell = gold, every, tell
        self.demonstrations = frozenset(demonstrations)
        self.series = {name: Series() for name in NAMES}
        self.alarms: list[Alarm] = []
        self.repairs: list[Repair] = []
        self._cutoffs = Cutoffs()
        self._boilerplate = Boilerplate(settings.window)
        self._phrase: Phrase | None = None
        self._held: list[int] = []
        self._best: int | None = None
        self._seen = 0

    @property
    def stop(self) -> str | None:
        """The sentence of the alarm that is to end training, or None."""
        rung, on_alarm = self._rung(), self.settings.on_alarm
        ends = on_alarm == "stop" or (on_alarm == "repair" and len(self.repairs) >= REPAIRS)
        return rung[0].text if rung and ends else None

    @property
    def repair(self) -> bool:
        """Whether the policy is to be put back to what it was at step `best`, and to go on from there."""
        return bool(self._rung()) and self.settings.on_alarm == "repair" and len(self.repairs) < REPAIRS

    def _rung(self) -> list[Alarm]:
        """The alarms since the last repair."""
        return self.alarms[sum(repair.alarms for repair in self.repairs) :]

    @property
    def best(self) -> int | None:
        """The step whose weights are from before the drift that the first alarm is about, of those that are held.

        Before any alarm it is the newest step; with gold the last of its highest window. None where nothing was seen.
        """
        return self._best if self._rung() else self._clean()

    def see(self, seen: Seen) -> dict[str, float]:
        """Look at a step. Raises EngineError where the gold reward gives no usable scores."""
        self._seen += 1
        self._note(seen)
        if seen.answers or math.isfinite(seen.reward) or math.isfinite(seen.kl):
            self._held = held([*self._held, seen.step], seen.step)
        before = bool(self._rung())
        self._ring(seen.step)
        if self._rung() and not before:
            self._best = self._clean()
        numbers = {name: self.series[name].at(seen.step) for name in SHOWN}
        known = {name: value for name, value in numbers.items() if value is not None}
        return {**known, "alarms": float(len(self.alarms))} if self.alarms else known

    def _note(self, seen: Seen) -> None:
        step, series = seen.step, self.series
        for name in ("reward", "kl", "entropy"):
            series[name].add_mean(step, getattr(seen, name), len(seen.answers) or LEAST)
        if not seen.answers:
            return
        values: dict[str, list[float]] = {
            "length": [float(count) for count in seen.tokens],
            "repetition": [repetition(answer) for answer in seen.answers],
            "refusal": [
                float(self.declines(answer)) if self.harmless(prompt) else math.nan
                for prompt, answer in zip(seen.prompts, seen.answers, strict=True)
            ],
            "duplicates": [float(one) for one in shared(seen.answers, seen.prompts)],
        }
        if self.demonstrations:
            values["copies"] = [float(one) for one in copied(seen.answers, self.demonstrations)]
        for name, own in values.items():
            series[name].add(step, own, seen.prompts)
        self._cutoffs.add(seen)
        series["truncation"] = self._cutoffs.series
        self._boilerplate.add(step, seen.answers)
        self._phrase = self._boilerplate.phrase()
        series["boilerplate"].add_mean(step, self._phrase.share if self._phrase else 0.0)
        if self.gold is not None and step % self.every == 0:
            series["gold"].add(step, gold_scores(self.gold, seen.prompts, seen.answers, seen.ended), seen.prompts)

    def _ring(self, step: int) -> None:
        """Each guard rings once (after a repair once more), and not before its own first window is full."""
        sight = Sight(self.series, self._phrase, self.settings.window, self._cutoffs.limit)
        rung = {alarm.kind for alarm in self._rung()}
        for kind in KINDS:
            bound: float | None = getattr(self.settings, kind)
            if bound is None or kind in rung or len(self.series[kind].points) < self.settings.window:
                continue
            found = RULES[kind](sight, bound)
            if found is not None:
                self.alarms.append(alarm(kind, step, found.value, bound, found.why))
                self.tell(self.alarms[-1].text)

    def _clean(self) -> int | None:
        """The step to go back to, as far as is known: see `best`."""
        if not self._held:
            return None
        drifts = {one.kind: one.bound for one in self._rung()}
        spread = self._boilerplate.history(self._phrase.words) if self._phrase and "boilerplate" in drifts else []
        step = clean_step(self.series, drifts, spread, self.settings.window)
        return next((one for one in reversed(self._held) if one <= step), self._held[0])

    def repaired(self, kl_coef: float) -> None:
        """The policy is again what it was at step `best`: forget what was seen of it since. Raises ValueError where no
        repair was asked for."""
        if not self.repair or self._best is None:
            raise ValueError("no guard asked for a repair")
        rung, to = self._rung(), self._best
        self.repairs.append(Repair(rung[0].step, to, kl_coef, len(rung), rung[0].kind))
        self.series = {name: series.until(to) for name, series in self.series.items()}
        self._cutoffs.forget(to)
        self._boilerplate.forget(to)
        self._held = [step for step in self._held if step <= to]
        self._phrase = None

    def state(self) -> dict[str, Any]:
        return {
            "series": {name: [list(point) for point in series.points] for name, series in self.series.items()},
            "answers": self._boilerplate.state(),
            "cutoffs": self._cutoffs.state(),
            "alarms": [asdict(alarm) for alarm in self.alarms],
            "repairs": [asdict(repair) for repair in self.repairs],
            "best": [self._best, self._held],
            "seen": self._seen,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.series = {name: Series([Point(*point) for point in state["series"][name]]) for name in NAMES}
        self._cutoffs.restore(state["cutoffs"], self.series["truncation"])
        self._boilerplate.restore(state["answers"])
        self._phrase = self._boilerplate.phrase()
        self.alarms = [Alarm(**raw) for raw in state["alarms"]]
        self.repairs = [Repair(**raw) for raw in state["repairs"]]
        self._best, self._held = state["best"]
        self._seen = state["seen"]

    def facts(self) -> dict[str, Any]:
        """What the report shows, as plain data: the numbers by step (those that a step has), alarms, repairs, the step
        whose weights were kept, which guards saw nothing and, where none saw anything, a sentence that says so."""
        blind = unwatched(self.settings, self.series, self.gold is not None, bool(self.demonstrations))
        return {
            "series": rows(self.series),
            "alarms": [asdict(alarm) for alarm in self.alarms],
            "repairs": [asdict(repair) for repair in self.repairs],
            "stopped": self.stop,
            "best": self.best,
            "phrase": asdict(self._phrase) if self._phrase else None,
            "unwatched": blind,
            "unseen": unseen(self.settings, self.series, blind),
            "settings": self.settings.model_dump(),
        }
