"""Counting AI labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from solon.constitution import Constitution
from solon.constitution.diff import compare
from solon.data.preferences import comparison_of
from solon.data.tables import batches
from solon.pipeline.impact import Look
from solon.pipeline.pairing import (
    PAIR_COLUMNS,
    about,
    chain_pairs,
    contrast_prompts,
    contrasting,
    policy_pairs,
    policy_prompts,
    prompts_by_id,
)
from solon.pipeline.plan.chains import Chains, stored_chains
from solon.pipeline.plan.context import PlanContext
from solon.pipeline.plan.counting import CountingEngine, TextUnknown, drafted, some
from solon.pipeline.plan.judging import Judging
from solon.pipeline.plan.untold import Untold
from solon.runs import Finished
from solon.types import Comparison, Prompt, digest, turns_of

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
    counter.untold = Untold.of(context)
    prompts = prompts_by_id(context)
    drawn = context.recipe.rl_cai.feedback.choose == "random"  # else every question holds all principles
    reusable = (
        old is not None and drawn and changed <= REUSABLE and _of_these_chains(context, old) and counter.remembered()
    )
    law = context.made_under(old, "compare") if old is not None and reusable else None
    labelled: set[str] = set()
    if law is not None:
        labelled = await _reuse(context, counter, chains, law, changed)
    if law is None or (old and _without_row(old)):
        await _afresh(context, counter, chains, labelled)
    if chains:
        with counter.standing_for(chains.factor):
            for name, rows in chains.known.items():
                for comparison in chain_pairs(rows, prompts[name]) if name in prompts else ():
                    await counter.admitted(comparison)
            for prompt in context.chained:
                if prompt.id in chains.unknown and prompt.id in prompts:
                    await counter.unknown(prompt)
    await _policy_pairs(context, counter, labelled)
    await _contrasts(context, counter, labelled)
    return counter.labels, counter.left_out


def _of_these_chains(context: PlanContext, old: Finished) -> bool:
    """Whether the labels are of the chains that lie here: not where a run stopped between the two."""
    chains = context.here("revisions")
    return chains is not None and old.inputs.get("after revisions") == digest(chains.outputs)


def _without_row(old: Finished) -> bool:
    """Whether there were pairs without a label: those are asked about again, or now."""
    return bool(old.facts.get("failed") or old.facts.get("untold_pairs", {}).get("pairs"))


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
        if row["id"] == f"{row['prompt_id']}:policy" and responder:  # the first of those about its aims
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
            await counter.told(comparison_of(row))
    return dealt


def _unchanged_responder(context: PlanContext, changed: set[str]) -> CountingEngine | None:
    """The responder where all that it answered stays as it is."""
    if not context.recipe.rl_cai.asks_policy or not changed <= SAME_ANSWERS:
        return None  # none is asked, and there may be none
    engine = context.counting("responder")
    return engine if engine.remembered() else None


def _staying(
    context: PlanContext, chains: Chains | None, changed: set[str], answers: bool
) -> Callable[[dict[str, Any]], bool]:
    """Whether the replies of a stored label are those that a run would compare; `answers`: the policy's are."""
    prompts = prompts_by_id(context)
    same = set(prompts) if "prompts" not in changed else _same_prompts(context, prompts)
    answered = {p.id for p in policy_prompts(context)} if answers else set()
    contrasted = {p.id for p in contrast_prompts(context)}

    def stays(row: dict[str, Any]) -> bool:
        if row["source"] == "policy":
            return row["prompt_id"] in answered
        if row["source"] == "contrast":
            return row["prompt_id"] in contrasted and chains is None
        return row["prompt_id"] in same and not (chains and chains.touched(row["prompt_id"]))

    return stays


def _same_prompts(context: PlanContext, prompts: Mapping[str, Prompt]) -> set[str]:
    """The prompts whose conversation is the one that was labelled."""
    rows = batches(context.path("rl_cai/preferences.parquet"), ["prompt_id", "prompt"])
    known = ((prompts.get(r["prompt_id"]), r) for r in rows)
    return {p.id for p, r in known if p is not None and p.is_asked_in(turns_of(r["prompt"]))}


async def _afresh(context: PlanContext, counter: Judging, chains: Chains | None, done: set[str]) -> None:
    """Every (draft, revision) pair that stays as it is, less those labelled in `done`, looked up."""
    path = context.path("sl_cai/revisions.parquet")
    if not path.is_file() or (chains and not chains.kept):
        return
    prompts = prompts_by_id(context)
    names = [p.id for p in context.chained if p.id in prompts and not _all_in(done, p, "revision")]
    looked_at, factor = some([name for name in names if not (chains and chains.touched(name))])
    with counter.standing_for(factor):
        for name, rows in stored_chains(path, PAIR_COLUMNS, looked_at) if looked_at else ():
            for comparison in chain_pairs(rows, prompts[name]):
                if comparison.id not in done:
                    await counter.admitted(comparison)


def _all_in(done: set[str], prompt: Prompt, source: str) -> bool:
    """Whether the pairs from `source` of a prompt, one about each of its aims, are all dealt with."""
    first = Comparison(f"{prompt.id}:{source}", prompt.id, "", "", "")
    return all(pair.id in done for pair in about(first, prompt.aims))


async def _policy_pairs(context: PlanContext, counter: Judging, done: set[str]) -> None:
    """Two answers of the responder to each prompt, less those labelled in `done`, and their label."""
    recipe = context.recipe
    s = recipe.rl_cai.answers
    prompts = [p for p in policy_prompts(context) if not _all_in(done, p, "policy")]
    if not prompts:
        return
    engine = context.counting("responder")
    untrained = engine.doubtful
    looked_at, factor = some(prompts)
    with counter.standing_for(factor, engine.calls):
        for prompt in looked_at:
            engine.doubtful = untrained or context.doubtful(prompt)
            answers, asked = [], prompt
            for index in (0, 1):
                with suppress(TextUnknown):
                    asked, answer = await drafted(engine, asked, **s.model_dump(), seed=recipe.seed, index=index)
                    answers.append(answer)
            if len(answers) == 2:
                for comparison in policy_pairs([(asked, tuple(answers))]):
                    if comparison.id not in done:
                        await counter.admitted(comparison)
            else:
                await counter.unknown(prompt)


async def _contrasts(context: PlanContext, counter: Judging, done: set[str]) -> None:
    """An answer beside a refusal, less those labelled in `done`: looked up where the chains that they are made of lie
    here as they will be, and else the most there can be."""
    prompts = contrast_prompts(context)
    if not prompts:
        return
    if "revisions" not in context.stale and context.here("revisions") is not None:
        for comparison in contrasting(context):
            if comparison.id not in done:
                await counter.admitted(comparison)
        return
    for prompt in prompts:
        await counter.unknown(prompt)
