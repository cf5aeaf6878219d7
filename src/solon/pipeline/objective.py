"""What the policy of a run is rewarded for, and what watches it: the recipe's reward terms, guards and gold."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from solon.engines import MemoisedEngine
from solon.evaluation import DECLINED, conduct
from solon.pipeline.context import Context
from solon.pipeline.demonstrated import demonstrated
from solon.pipeline.recipe import PanelRole
from solon.pipeline.rewards import rewards_of
from solon.pipeline.step import principles_of
from solon.types import Prompt, user

if TYPE_CHECKING:
    from solon.training.guards import Gold, Guards
    from solon.training.rewards.composite import Composite

T = TypeVar("T")

JUDGED = ("judge", "principles")  # sources of reward that ask the judge


def objective_inputs(context: Context) -> dict[str, Any]:
    """What rewards and gold depend on, for the key of a step."""
    rl, gold = context.recipe.rl_cai, context.recipe.roles.gold
    named: dict[str, Any] = {"rl_cai.rewards": [term.model_dump() for term in rl.rewards]}
    if gold is not None:
        named["roles.gold"] = {**gold.identity, "ask": gold.ask}
    if any(term.source in JUDGED for term in rl.rewards) or (gold is not None and gold.ask == "score"):
        named["constitution"] = principles_of(context, "compare")
        named |= context.judge_identities() | {"rl_cai.feedback": rl.feedback.model_dump(include={"principles"})}
    return named


@contextmanager
def objective(context: Context) -> Iterator[Objective]:
    """The run's objective; its judges are closed at the end."""
    with asyncio.Runner() as runner:
        made = Objective(context, runner)
        try:
            yield made
        finally:
            runner.run(made.close())


class Objective:
    """Builds reward and guards, and asks their judges, all in one event loop: a server's connections live in it."""

    def __init__(self, context: Context, runner: asyncio.Runner) -> None:
        self.context, self._runner = context, runner
        self._engines: list[MemoisedEngine] = []

    def ask(self, work: Coroutine[Any, Any, T]) -> T:
        """Run coroutines that ask engines, then commit what they stored, however they ended."""
        try:
            return self._runner.run(work)
        finally:
            self.context.keep_calls()

    def reward(self) -> Composite:
        """The recipe's `rl_cai.rewards`. Raises ConfigError for terms that cannot be meant."""
        from solon.training.rewards.build import Sources, build_reward

        context = self.context
        return build_reward(
            context.recipe.rl_cai.rewards,
            Sources(
                context.policy,
                context.constitution,
                lambda: context.reward_model,
                lambda: self._opened(context.engine("judge")),
                self.ask,
                context.recipe.seed,
                self._principles,
            ),
        )

    def guards(self, prompts: Sequence[Prompt]) -> Guards:
        """The recipe's guards; every prompt but the red team's asks for nothing wrong."""
        from solon.training.guards import Guards

        context = self.context
        harmless = {prompt.text for prompt in prompts if prompt.kind != "red_team"}
        return Guards(
            context.recipe.rl_cai.guards,
            lambda answer: conduct(answer) in DECLINED,
            harmless.__contains__,
            self._gold(context.recipe.roles.gold),
            tell=context.progress.warn,
            demonstrations=demonstrated(context.recipe, context.constitution),
        )

    @property
    def _principles(self) -> int:
        """How many principles a judge is asked about for each answer."""
        asked = self.context.recipe.rl_cai.feedback.principles
        return len(self.context.constitution.for_phase("compare")) if asked == "all" else asked

    def _gold(self, role: PanelRole | None) -> Gold | None:
        if role is None:
            return None
        from solon.training.rewards.judge import JudgeTerm

        engine = self._opened(self.context.named_engine("gold", role, role.ask or "reward_model"))
        if role.ask == "score":
            term = JudgeTerm(engine, self.context.constitution, self.ask, self._principles, self.context.recipe.seed)
            return lambda prompts, answers, ended: term(prompts, answers, ended)["judge"]
        rewards = rewards_of(engine)

        async def score(prompts: Sequence[str], answers: Sequence[str], ended: Sequence[bool]) -> list[float]:
            asked = zip(prompts, answers, ended, strict=True)
            return list(await asyncio.gather(*(rewards((user(p),), answer, whole) for p, answer, whole in asked)))

        return lambda prompts, answers, ended: self.ask(score(prompts, answers, ended))

    def _opened(self, engine: MemoisedEngine) -> MemoisedEngine:
        self._engines.append(engine)
        return engine

    async def close(self) -> None:
        for engine in self._engines:
            await engine.close()
