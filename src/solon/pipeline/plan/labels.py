"""Counting AI labels and the judge's card."""

from __future__ import annotations

from typing import Any

from solon.constitution.assign import Redraw
from solon.constitution.diff import compare
from solon.data.pairs import load_labelled_pairs
from solon.data.preferences import comparison_of, draft_pairs
from solon.data.tables import batches
from solon.feedback import Judge, build_judge, label
from solon.feedback.judges import Ask
from solon.pipeline.plan.chains import Chains, stored_chains
from solon.pipeline.plan.context import PlanContext
from solon.pipeline.plan.counting import SAMPLE, CountingEngine, Size, TextUnknown, mean_size
from solon.pipeline.steps.judge import JudgeCard
from solon.runs import Finished
from solon.types import Comparison, GenerateRequest, Prompt, user

COLUMNS = ["id", "prompt_id", "source", "prompt", "chosen", "rejected", "chosen_is_a", "verdicts"]
REUSABLE = {"constitution", "after revisions", "prompts"}
PAIR_COLUMNS = ["prompt_id", "prompt", "before", "revision", "failure"]
GUESS = 400  # characters of a reply that is not made yet


async def count_card(context: PlanContext, step: JudgeCard) -> int:
    """Count the judge on the labelled pairs; returns how many pairs there are."""
    name = context.recipe.evaluate.labelled_pairs
    pairs = load_labelled_pairs(name) if name else []
    for ask in step.asks(context):
        counter = _Labels(context, ask)
        for pair in pairs:
            await counter.known(pair.comparison)
    return len(pairs)


async def count_preferences(
    context: PlanContext, old: Finished | None, changed: set[str], chains: Chains | None
) -> int:
    """Count the labels, and the answers they compare; returns the most labels there can be.

    `chains` is what counting the revisions found; None where they are unchanged.
    """
    counter = _Labels(context, context.recipe.rl_cai.ask)
    if old is not None and changed <= REUSABLE and context.previous is not None:
        await _reuse(context, counter, chains)
    else:
        await _afresh(context, counter, chains)
    if chains:
        for rows in chains.known:
            for comparison in draft_pairs([_row(r) for r in rows]):
                await counter.known(comparison)
        for prompt in context.prompts_of("red_team", "train"):
            if prompt.id in chains.unknown:
                await counter.unknown(prompt)
    await _policy_pairs(context, counter)
    return counter.labels


def _row(revision: Any) -> dict[str, Any]:
    return {name: getattr(revision, name) for name in PAIR_COLUMNS}


async def _reuse(context: PlanContext, counter: _Labels, chains: Chains | None) -> None:
    """Labels of (draft, revision) pairs from the last run: stored, unless a principle of theirs changed."""
    assert context.previous is not None
    difference = compare(context.previous, context.constitution)
    reworded, redrawn = difference.reworded("compare", context.recipe.rl_cai.exemplars), difference.redrawn("compare")
    redraw, seed = Redraw(context.previous, context.constitution, "compare"), context.recipe.seed
    known = {r[0].prompt_id for r in chains.known if r} if chains else set()
    prompts = {p.id: p.text for p in context.prompts_of("red_team", "train")}
    for row in batches(context.path("rl_cai/preferences.parquet"), COLUMNS):
        if row["source"] != "revision" or row["prompt_id"] in known or (chains and row["prompt_id"] in chains.unknown):
            continue
        if prompts.get(row["prompt_id"]) != row["prompt"][0]["content"]:
            continue
        names = [v["principle"] for v in row["verdicts"]]
        moved = (
            redrawn
            and names
            and (
                context.recipe.rl_cai.principles > 1
                or redraw(names[0], seed=seed, record=row["id"], step="compare").id != names[0]
            )
        )
        if moved or reworded.intersection(names):
            await counter.known(comparison_of(row))
        else:
            counter.keep(len(names) * counter.calls_per_verdict)


async def _afresh(context: PlanContext, counter: _Labels, chains: Chains | None) -> None:
    """Every (draft, revision) pair that stays as it is, looked up."""
    path = context.path("sl_cai/revisions.parquet")
    if not path.is_file() or (chains and not chains.kept):
        return
    touched = chains.unknown | {r[0].prompt_id for r in chains.known if r} if chains else set()
    wanted = {p.id for p in context.prompts_of("red_team", "train")} - touched
    for prompt_id, rows in stored_chains(path, PAIR_COLUMNS):
        if prompt_id in wanted:
            for comparison in draft_pairs(rows):
                await counter.known(comparison)


async def _policy_pairs(context: PlanContext, counter: _Labels) -> None:
    """Two answers of the responder to each prompt, and their label."""
    recipe = context.recipe
    s = recipe.rl_cai.answers
    prompts = context.prompts_of("red_team", "train")[: recipe.rl_cai.policy_pairs]
    if not prompts:
        return
    engine = context.counting("responder")
    for prompt in prompts:
        texts = []
        for index in (0, 1):
            try:
                request = GenerateRequest((user(prompt.text),), s.max_tokens, s.temperature, 1.0, recipe.seed, index)
                texts.append((await engine.generate(request)).text)
            except TextUnknown:
                continue
        if len(texts) == 2:
            await counter.known(Comparison(f"{prompt.id}:policy", prompt.id, prompt.text, texts[0], texts[1], "policy"))
        else:
            await counter.unknown(prompt)


class _Labels:
    """Runs the real judge against an engine that only counts."""

    def __init__(self, context: PlanContext, ask: Ask) -> None:
        self.context, self.labels = context, 0
        self.engine: CountingEngine = context.counting("judge")
        self.judge: Judge = build_judge(ask, self.engine, context.constitution, context.recipe.rl_cai.exemplars)
        self.calls_per_verdict = 1 if ask == "choice" else 2
        self._sizes: list[Size] = []
        self._sampled = 0
        self._per_label = 0

    def keep(self, calls: int) -> None:
        self.engine.calls.stored += calls
        self.labels += 1

    async def known(self, comparison: Comparison) -> None:
        """A pair whose two replies are there."""
        self.labels += 1
        await self._label(comparison)

    async def unknown(self, prompt: Prompt) -> None:
        """A pair whose replies are not made yet: an upper bound, since equal replies are not asked about."""
        self.labels += 1
        if self._sampled < SAMPLE:
            self._sampled += 1
            with self.engine.imagining() as sizes:
                await self._label(Comparison(prompt.id, prompt.id, prompt.text, "x" * GUESS, "y" * GUESS))
            self._sizes += sizes
            self._per_label = len(sizes)
        self.engine.follow(self._per_label, mean_size(self._sizes))

    async def _label(self, comparison: Comparison) -> None:
        recipe = self.context.recipe
        await label(self.judge, self.context.constitution, comparison, recipe.seed, recipe.rl_cai.principles)
