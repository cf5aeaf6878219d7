"""Counting AI labels and the judge's card."""

from __future__ import annotations

from solon.constitution import Constitution
from solon.constitution.assign import Redraw
from solon.constitution.diff import compare
from solon.data.pairs import load_labelled_pairs
from solon.data.preferences import comparison_of, draft_pairs
from solon.data.tables import batches
from solon.feedback import Judge, build_judge, label
from solon.feedback.judges import Ask
from solon.pipeline.plan.chains import PAIR_COLUMNS, Chains, stored_chains
from solon.pipeline.plan.context import PlanContext
from solon.pipeline.plan.counting import SAMPLE, CountingEngine, Size, TextUnknown, mean_size
from solon.pipeline.steps.judge import JudgeCard
from solon.runs import Finished
from solon.types import Comparison, GenerateRequest, Prompt, digest, user

COLUMNS = ["id", "prompt_id", "source", "prompt", "chosen", "rejected", "chosen_is_a", "verdicts"]
# Changes that leave most stored labels of (draft, revision) pairs as they are.
REUSABLE = {"constitution", "after revisions", "after sft", "prompts", "roles.responder"}
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
    if (
        old is not None
        and changed <= REUSABLE
        and _of_these_chains(context, old)
        and (law := context.made_under(old, "compare"))
    ):
        labelled = await _reuse(context, counter, chains, law)
        if old.facts.get("failed"):  # which leave no row
            await _afresh(context, counter, chains, labelled)
    else:
        await _afresh(context, counter, chains, set())
    if chains:
        for rows in chains.known.values():
            for comparison in draft_pairs(rows):
                await counter.known(comparison)
        for prompt in context.prompts_of("red_team", "train"):
            if prompt.id in chains.unknown:
                await counter.unknown(prompt)
    await _policy_pairs(context, counter)
    return counter.labels


def _of_these_chains(context: PlanContext, old: Finished) -> bool:
    """Whether the labels are of the chains that lie here: not where a run stopped between the two."""
    chains = context.here("revisions")
    return chains is not None and old.inputs.get("after revisions") == digest(chains.outputs)


async def _reuse(context: PlanContext, counter: _Labels, chains: Chains | None, law: Constitution) -> set[str]:
    """Labels of (draft, revision) pairs made under `law`: stored, unless a principle of theirs changed.

    Returns the prompts dealt with.
    """
    difference = compare(law, context.constitution)
    reworded, redrawn = difference.reworded("compare", context.recipe.rl_cai.exemplars), difference.redrawn("compare")
    redraw, seed = Redraw(law, context.constitution, "compare"), context.recipe.seed
    labelled: set[str] = set()
    prompts = {p.id: p.text for p in context.prompts_of("red_team", "train")}
    for row in batches(context.path("rl_cai/preferences.parquet"), COLUMNS):
        if row["source"] != "revision" or (chains and chains.touched(row["prompt_id"])):
            continue
        if prompts.get(row["prompt_id"]) != row["prompt"][0]["content"]:
            continue
        labelled.add(row["prompt_id"])
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
    return labelled


async def _afresh(context: PlanContext, counter: _Labels, chains: Chains | None, done: set[str]) -> None:
    """Every (draft, revision) pair that stays as it is, less those of prompts in `done`, looked up."""
    path = context.path("sl_cai/revisions.parquet")
    if not path.is_file() or (chains and not chains.kept):
        return
    wanted = {p.id for p in context.prompts_of("red_team", "train")} - done
    for prompt_id, rows in stored_chains(path, PAIR_COLUMNS):
        if prompt_id in wanted and not (chains and chains.touched(prompt_id)):
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
    untrained = engine.doubtful
    for prompt in prompts:
        engine.doubtful = untrained or context.doubtful(prompt)
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
