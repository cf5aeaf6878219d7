"""The watch that looks for reward hacking: numbers of every step, alarms, and the step whose weights are best."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from solon.settings import GuardSettings
from solon.training.guards.alarm import KINDS, Alarm, alarm
from solon.training.guards.boilerplate import Boilerplate, Phrase
from solon.training.guards.facts import rows, unwatched
from solon.training.guards.gold import Gold, gold_scores
from solon.training.guards.rules import RULES, Sight
from solon.training.guards.series import Point, Series
from solon.training.rewards.terms import repetition

if TYPE_CHECKING:  # what is watched needs torch; watching does not
    from solon.training.task import Seen

NAMES = ("reward", "kl", "entropy", "length", "repetition", "refusal", "boilerplate", "gold")


def _silent(_: str) -> None:
    return None


class Guards:
    """Watches the policy's own answers, after Gao et al. 2022 (scaling laws for reward-model over-optimisation).

    `declines` says whether an answer refuses, `harmless` whether a prompt asks for nothing wrong. `gold` scores the
    answers of every `every`-th step as no reward in training does. `tell` hears each alarm as it rings. Of a way of
    training that gives no KL, no entropy or no answers, the guards that need them are silent; `facts` says which.
    """

    def __init__(
        self,
        settings: GuardSettings,
        declines: Callable[[str], bool],
        harmless: Callable[[str], bool],
        gold: Gold | None = None,
        every: int = 1,
        tell: Callable[[str], None] = _silent,
    ) -> None:
        self.settings, self.declines, self.harmless = settings, declines, harmless
        self.gold, self.every, self.tell = gold, every, tell
        self.series = {name: Series() for name in NAMES}
        self.alarms: list[Alarm] = []
        self._boilerplate = Boilerplate(settings.window)
        self._phrase: Phrase | None = None
        self._best: int | None = None
        self._best_value: float | None = None

    @property
    def stop(self) -> str | None:
        """The first alarm's sentence where an alarm is to end training."""
        return self.alarms[0].text if self.alarms and self.settings.on_alarm == "stop" else None

    @property
    def best(self) -> int | None:
        """The step that ends the window of highest gold (without gold: of highest reward) before any alarm.

        Until the first window is full it is the newest step; None where no step had a reward.
        """
        return self._best

    def see(self, seen: Seen) -> dict[str, float]:
        """Look at a step. Raises EngineError where the gold reward gives no usable scores."""
        self._note(seen)
        self._ring(seen.step)
        self._judge_best(seen.step)
        numbers = {name: self.series[name].at(seen.step) for name in ("gold", "repetition", "refusal", "boilerplate")}
        known = {name: value for name, value in numbers.items() if value is not None}
        return {**known, "alarms": float(len(self.alarms))} if self.alarms else known

    def _note(self, seen: Seen) -> None:
        step, series = seen.step, self.series
        for name in ("reward", "kl", "entropy"):
            series[name].add_mean(step, getattr(seen, name))
        if not seen.answers:
            return
        series["length"].add(step, seen.tokens, seen.prompts)
        series["repetition"].add(step, [repetition(answer) for answer in seen.answers], seen.prompts)
        asked = zip(seen.prompts, seen.answers, strict=True)
        declined = [float(self.declines(answer)) if self.harmless(prompt) else math.nan for prompt, answer in asked]
        series["refusal"].add(step, declined, seen.prompts)
        self._boilerplate.add(seen.answers)
        self._phrase = self._boilerplate.phrase()
        series["boilerplate"].add_mean(step, self._phrase.share if self._phrase else 0.0)
        if self.gold is not None and step % self.every == 0:
            series["gold"].add(step, gold_scores(self.gold, seen.prompts, seen.answers, seen.ended), seen.prompts)

    def _ring(self, step: int) -> None:
        """Each guard rings once, and not before its own first window is full."""
        sight = Sight(self.series, self._phrase, self.settings.window)
        rung = {alarm.kind for alarm in self.alarms}
        for kind in KINDS:
            bound: float | None = getattr(self.settings, kind)
            if bound is None or kind in rung or len(self.series[kind].points) < self.settings.window:
                continue
            found = RULES[kind](sight, bound)
            if found is not None:
                self.alarms.append(alarm(kind, step, found.value, bound, found.why))
                self.tell(self.alarms[-1].text)

    def _judge_best(self, step: int) -> None:
        judged = self.series["reward" if self.gold is None else "gold"]
        if self.alarms or judged.at(step) is None:
            return
        if len(judged.points) < self.settings.window:
            self._best = step
            return
        value = judged.newest(self.settings.window).mean
        if self._best_value is None or value > self._best_value:
            self._best, self._best_value = step, value

    def state(self) -> dict[str, Any]:
        return {
            "series": {name: [list(point) for point in series.points] for name, series in self.series.items()},
            "answers": self._boilerplate.state(),
            "alarms": [asdict(alarm) for alarm in self.alarms],
            "best": [self._best, self._best_value],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.series = {name: Series([Point(*point) for point in state["series"][name]]) for name in NAMES}
        self._boilerplate.restore(state["answers"])
        self._phrase = self._boilerplate.phrase()
        self.alarms = [Alarm(**raw) for raw in state["alarms"]]
        self._best, self._best_value = state["best"]

    def facts(self) -> dict[str, Any]:
        """What the report shows, as plain data: the numbers by step (those that a step has), alarms, the best step."""
        return {
            "series": rows(self.series),
            "alarms": [asdict(alarm) for alarm in self.alarms],
            "stopped": self.stop,
            "best": self._best,
            "phrase": asdict(self._phrase) if self._phrase else None,
            "unwatched": unwatched(self.settings, self.series, self.gold is not None),
            "settings": self.settings.model_dump(),
        }
