"""What the policy of a run is rewarded for, and what watches it: the recipe's reward terms, guards and gold."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from solon.engines import MemoisedEngine
from solon.errors import ConfigError, afterwards
from solon.evaluation import declines
from solon.pipeline.context import Context
from solon.pipeline.demonstrated import demonstrated
from solon.pipeline.recipe import PanelRole, Recipe
from solon.pipeline.rewards import rewards_of
from solon.pipeline.step import principles_of
from solon.settings import Constraint
from solon.types import Prompt, Turns

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
    if rl.constraint is not None:
        kinds = context.recipe.kinds_about(rl.constraint.held)
        named["rl_cai.constraint"] = {**rl.constraint.model_dump(), "kinds": kinds}
    if any(term.source in JUDGED for term in rl.rewards) or (gold is not None and gold.ask == "score"):
        named["constitution"] = principles_of(context, "compare")
        named["aims"] = context.recipe.aims
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
        with afterwards(self.context.keep_calls):
            return self._runner.run(work)

    def reward(self, prompts: Sequence[Prompt]) -> Composite:
        """The recipe's `rl_cai.rewards` of answers to `prompts`, held to its `rl_cai.constraint`.

        Raises ConfigError for terms that cannot be meant, and where the constraint holds none of the prompts.
        """
        from solon.training.rewards.build import Sources, build_reward

        context, rl = self.context, self.context.recipe.rl_cai
        if rl.constraint is not None:
            _holds_some(context.recipe, rl.constraint, prompts)
        sources = Sources(
            context.policy,
            context.constitution,
            context.reward_model_of,
            lambda: self._opened(context.engine("judge")),
            self.ask,
            context.recipe.seed,
            self._principles,
            rl.reward_model.per == "aim",
            _about(prompts),
            declines,
        )
        return build_reward(rl.rewards, sources, rl.constraint)

    def guards(self, prompts: Sequence[Prompt]) -> Guards:
        """The recipe's guards; prompts of kinds that are not led by the aim harmless ask for nothing wrong."""
        from solon.training.guards import Guards

        context = self.context
        harmless = {prompt.turns for prompt in prompts if not prompt.harmful}
        return Guards(
            context.recipe.rl_cai.guards,
            declines,
            harmless.__contains__,
            self._gold(context.recipe.roles.gold, prompts),
            tell=context.progress.warn,
            demonstrations=demonstrated(context.recipe, context.constitution),
        )

    @property
    def _principles(self) -> int:
        """How many principles a judge is asked about for each answer."""
        asked = self.context.recipe.rl_cai.feedback.principles
        return len(self.context.constitution.for_phase("compare")) if asked == "all" else asked

    def _gold(self, role: PanelRole | None, asked: Sequence[Prompt]) -> Gold | None:
        if role is None:
            return None
        from solon.training.rewards.judge import JudgeTerm

        engine = self._opened(self.context.named_engine("gold", role, role.ask or "reward_model"))
        if role.ask == "score":
            law, seed = self.context.constitution, self.context.recipe.seed
            term = JudgeTerm(engine, law, self.ask, self._principles, seed, _about(asked))
            return lambda prompts, answers, ended: term(prompts, answers, ended)["judge"]
        rewards = rewards_of(engine)

        async def score(prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool]) -> list[float]:
            asked = zip(prompts, answers, ended, strict=True)
            return list(await asyncio.gather(*(rewards(p, answer, whole) for p, answer, whole in asked)))

        return lambda prompts, answers, ended: self.ask(score(prompts, answers, ended))

    def _opened(self, engine: MemoisedEngine) -> MemoisedEngine:
        self._engines.append(engine)
        return engine

    async def close(self) -> None:
        for engine in self._engines:
            await engine.close()


def _about(prompts: Sequence[Prompt]) -> Callable[[Turns], str]:
    """The leading aim of each of these prompts; "" of any other."""
    aims = {prompt.turns: prompt.aims[0] for prompt in prompts if prompt.aims}
    return lambda prompt: aims.get(prompt, "")


def _holds_some(recipe: Recipe, constraint: Constraint, prompts: Sequence[Prompt]) -> None:
    """Raises ConfigError where no prompt that is trained on is held to the constraint."""
    if not any(prompt.aims[:1] == (constraint.held,) for prompt in prompts):
        raise ConfigError(
            f"rl_cai.constraint: none of the {len(prompts)} prompts that are trained on has the aim {constraint.held} "
            f"(kinds: {', '.join(recipe.kinds_about(constraint.held))}); give some, or leave the constraint out"
        )
