"""Counting AI labels."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from solon.constitution import Constitution
from solon.constitution.diff import compare
from solon.data.preferences import comparison_of, draft_pairs
from solon.data.tables import batches
from solon.pipeline.impact import Look
from solon.pipeline.plan.chains import Chains, stored_chains
from solon.pipeline.plan.context import PlanContext
from solon.pipeline.plan.counting import CountingEngine, TextUnknown, some
from solon.pipeline.plan.judging import Judging
from solon.pipeline.steps.preferences import AIM, PAIR_COLUMNS, policy_pairs
from solon.revision import draft
from solon.runs import Finished
from solon.types import digest

DRAWN = ["id", "prompt_id", "source", "aim", "verdicts.list.element.principle"]
TEXTS = ["id", "prompt_id", "source", "aim", "prompt", "chosen", "rejected", "chosen_is_a"]
# Changes that leave most stored labels as they are; of those of policy answers the last three do not.
REUSABLE = {"constitution", "after revisions", "after judge", "prompts", "after sft", "roles.responder"}
SAME_ANSWERS = {"constitution", "after revisions", "after judge"}


async def count_preferences(
    context: PlanContext, old: Finished | None, changed: set[str], chains: Chains | None
) -> tuple[int, int]:
    """Count the labels, and the answers they compare; returns the most labels there can be, and how many pairs are
    known to be left out because an answer was cut off.

    `chains` is what counting the revisions found; None where they are unchanged.
    """
    counter = Judging(context, context.recipe.rl_cai.feedback)
    reusable = old is not None and changed <= REUSABLE and _of_these_chains(context, old) and counter.remembered()
    law = context.made_under(old, "compare") if old is not None and reusable else None
    labelled: set[str] = set()
    if law is not None:
        labelled = await _reuse(context, counter, chains, law, changed)
    failed = old.facts.get("failed") if old else 0  # which leave no row
    if law is None or failed:
        await _afresh(context, counter, chains, labelled)
    if chains:
        with counter.standing_for(chains.factor):
            for rows in chains.known.values():
                for comparison in draft_pairs(rows, AIM):
                    await counter.admitted(comparison)
            for prompt in context.prompts_of("red_team", "train"):
                if prompt.id in chains.unknown:
                    await counter.unknown(prompt)
    await _policy_pairs(context, counter, labelled)
    return counter.labels, counter.left_out


def _of_these_chains(context: PlanContext, old: Finished) -> bool:
    """Whether the labels are of the chains that lie here: not where a run stopped between the two."""
    chains = context.here("revisions")
    return chains is not None and old.inputs.get("after revisions") == digest(chains.outputs)


async def _reuse(
    context: PlanContext, counter: Judging, chains: Chains | None, law: Constitution, changed: set[str]
) -> set[str]:
    """Labels made under `law`: stored, unless a principle of theirs changed. Returns the ids dealt with."""
    recipe = context.recipe
    difference = compare(law, context.constitution)
    feedback = recipe.rl_cai.feedback
    look = Look(difference, "compare", recipe.seed, feedback.exemplars, feedback.principles)
    context.looked_at.add("compare")
    responder = _unchanged_responder(context, changed)
    stays = _staying(context, chains, changed, responder is not None)
    path, dealt, again = context.path("rl_cai/preferences.parquet"), set(), []
    for row in batches(path, DRAWN):
        asked = [v["principle"] for v in row["verdicts"]]
        changes = look.changes(
            context.touched.labels, tuple(dict.fromkeys(asked)), row["id"], "compare", row.get("aim") or ""
        )
        if not stays(row):
            continue
        dealt.add(row["id"])
        if row["source"] == "policy" and responder:
            responder.calls.stored += 2
        if changes:
            again.append(row["id"])
        elif asked:
            await counter.keep()
        else:
            counter.labels += 1
    looked_at, factor = some(again)
    with counter.standing_for(factor):
        for row in batches(path, TEXTS, only=("id", looked_at)) if looked_at else ():
            await counter.known(comparison_of(row))
    return dealt


def _unchanged_responder(context: PlanContext, changed: set[str]) -> CountingEngine | None:
    """The responder where all that it answered stays as it is."""
    if context.recipe.rl_cai.policy_pairs == 0 or not changed <= SAME_ANSWERS:
        return None  # none is asked, and there may be none
    engine = context.counting("responder")
    return engine if engine.remembered() else None


def _staying(
    context: PlanContext, chains: Chains | None, changed: set[str], answers: bool
) -> Callable[[dict[str, Any]], bool]:
    """Whether the replies of a stored label are those that a run would compare; `answers`: the policy's are."""
    prompts = context.prompts_of("red_team", "train")
    known = {p.id for p in prompts}
    same = known if "prompts" not in changed else _same_texts(context, {p.id: p.text for p in prompts})
    answered = {p.id for p in prompts[: context.recipe.rl_cai.policy_pairs]} if answers else set()

    def stays(row: dict[str, Any]) -> bool:
        if row["source"] == "policy":
            return row["prompt_id"] in answered
        return row["prompt_id"] in same and not (chains and chains.touched(row["prompt_id"]))

    return stays


def _same_texts(context: PlanContext, texts: dict[str, str]) -> set[str]:
    """The prompts whose text is the one that was labelled."""
    rows = batches(context.path("rl_cai/preferences.parquet"), ["prompt_id", "prompt.list.element.content"])
    return {r["prompt_id"] for r in rows if texts.get(r["prompt_id"]) == r["prompt"][-1]["content"]}


async def _afresh(context: PlanContext, counter: Judging, chains: Chains | None, done: set[str]) -> None:
    """Every (draft, revision) pair that stays as it is, less those labelled in `done`, looked up."""
    path = context.path("sl_cai/revisions.parquet")
    if not path.is_file() or (chains and not chains.kept):
        return
    prompts = [p.id for p in context.prompts_of("red_team", "train") if f"{p.id}:revision" not in done]
    looked_at, factor = some([name for name in prompts if not (chains and chains.touched(name))])
    with counter.standing_for(factor):
        for _, rows in stored_chains(path, PAIR_COLUMNS, looked_at) if looked_at else ():
            for comparison in draft_pairs(rows, AIM):
                await counter.admitted(comparison)


async def _policy_pairs(context: PlanContext, counter: Judging, done: set[str]) -> None:
    """Two answers of the responder to each prompt, less those labelled in `done`, and their label."""
    recipe = context.recipe
    s = recipe.rl_cai.answers
    prompts = context.prompts_of("red_team", "train")[: recipe.rl_cai.policy_pairs]
    prompts = [p for p in prompts if f"{p.id}:policy" not in done]
    if not prompts:
        return
    engine = context.counting("responder")
    untrained = engine.doubtful
    looked_at, factor = some(prompts)
    with counter.standing_for(factor, engine.calls):
        for prompt in looked_at:
            engine.doubtful = untrained or context.doubtful(prompt)
            answers = []
            for index in (0, 1):
                with suppress(TextUnknown):
                    answers.append(await draft(engine, prompt, **s.model_dump(), seed=recipe.seed, index=index))
            if len(answers) == 2:
                for comparison in policy_pairs([(prompt, tuple(answers))]):
                    await counter.admitted(comparison)
            else:
                await counter.unknown(prompt)
