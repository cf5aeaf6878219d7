"""How well the judge agrees with people, in every way of asking that the recipe names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from solon.data.pairs import LabelledPair, load_labelled_pairs
from solon.feedback import Agreement, build_judge, label, measure_agreement
from solon.files import write_json
from solon.flow import gather_window
from solon.pipeline.context import Context
from solon.pipeline.step import Step
from solon.types import Preference


class JudgeCard(Step):
    name = "judge"
    title = "judge agreement with human labels"

    def inputs(self, context: Context) -> Any:
        recipe = context.recipe
        return [
            context.constitution.hash,
            [p.key for p in self._pairs(context)],
            context.role("judge").model_dump(),
            self._asks(context),
            recipe.rl_cai.exemplars,
            recipe.seed,
        ]

    def _asks(self, context: Context) -> list[str]:
        """The way used for labels first, then the others."""
        return list(dict.fromkeys((context.recipe.rl_cai.ask, *context.recipe.evaluate.ask)))

    def _pairs(self, context: Context) -> list[LabelledPair]:
        name = context.recipe.evaluate.labelled_pairs
        return load_labelled_pairs(name) if name else []

    def make(self, context: Context) -> tuple[list[Path], dict[str, Any]]:
        pairs = self._pairs(context)
        cards = [context.ask(self._measure(context, ask, pairs)).as_dict() for ask in self._asks(context) if pairs]
        path = context.path("evaluation/judge.json")
        write_json(path, cards)
        return [path], {"cards": cards}

    async def _measure(self, context: Context, ask: Any, pairs: list[LabelledPair]) -> Agreement:
        engine = context.engine("judge")
        judge = build_judge(ask, engine, context.constitution, context.recipe.rl_cai.exemplars)

        async def one(pair: LabelledPair) -> Preference | None:
            result = await label(judge, context.constitution, pair.comparison, context.recipe.seed)
            return result if isinstance(result, Preference) else None

        try:
            with context.progress.bar(f"judge on labelled pairs ({ask})", len(pairs)) as bar:
                labels = await gather_window(pairs, one, done=bar.step)
        finally:
            await engine.close()
        return measure_agreement(engine.fingerprint.model, ask, labels, [p.better_is_a for p in pairs])
