"""The comparisons of a run: which texts are set side by side, and what each pair is about.

Three sources, on every kind of prompt:
  revision   a draft and its last revision
  policy     two answers of the SL-CAI policy
  contrast   an answer beside a refusal of the same prompt: of a harmless one the judge should prefer the answer, of a
             harmful one the refusal. Refusals are the run's own, borrowed from other prompts; the judge labels them
             like any other pair
A pair is compared under principles of one aim; where a prompt's kind names several, there is a pair for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from solon.data.preferences import draft_pairs
from solon.data.tables import batches
from solon.evaluation.refusal import declines
from solon.pipeline.aiming import compared_kinds
from solon.pipeline.context import Context
from solon.pipeline.recipe import Pairs
from solon.repeats import normalised
from solon.types import Comparison, Completion, Prompt, Turns, fraction, turns_of, user

# Of revisions, what makes pairs of them.
PAIR_COLUMNS = ["prompt_id", "prompt", "context", "before", "revision", "failure", "before_ended"]
ANSWER_COLUMNS = ["prompt_id", "prompt", "context", "sample", "answer", "failure", "ended"]
# What is compared, by the source of a pair; those that people compared come from files.
COMPARED = {
    "revision": "draft against revision",
    "policy": "two answers of the policy",
    "contrast": "an answer beside a refusal",
    "human": "compared by people",
}
Answered = tuple[Prompt, tuple[Completion, ...]]


class Said(NamedTuple):
    """A text of the run and whether it ended by itself."""

    text: str
    ended: bool | None


class Answer(NamedTuple):
    """A reply of the run and the conversation that it answers."""

    turns: Turns
    said: Said


def wanted(prompts: Mapping[str, Sequence[Prompt]], count: Pairs) -> list[Prompt]:
    """The first `count` prompts of each kind: of every kind, or by kind (none of one left out); None is all of them."""
    found: list[Prompt] = []
    for kind, those in prompts.items():
        most = count.get(kind, 0) if isinstance(count, dict) else count
        found += those[:most]
    return found


def training_prompts(context: Context) -> dict[str, list[Prompt]]:
    """The prompts to train on whose replies can be compared, by kind."""
    kinds = compared_kinds(context.constitution, context.recipe)
    return {kind: context.prompts_of(kind, "train") for kind in kinds}


def prompts_by_id(context: Context) -> dict[str, Prompt]:
    return {prompt.id: prompt for prompts in training_prompts(context).values() for prompt in prompts}


def policy_prompts(context: Context) -> list[Prompt]:
    """The prompts that get two answers of the SL-CAI policy."""
    return wanted(training_prompts(context), context.recipe.rl_cai.policy_pairs)


def contrast_prompts(context: Context) -> list[Prompt]:
    """The prompts whose answer is compared with a refusal."""
    return wanted(training_prompts(context), context.recipe.rl_cai.contrast_pairs)


def about(pair: Comparison, aims: Sequence[str]) -> Iterator[Comparison]:
    """The pair as one about each of `aims`; the first keeps its id."""
    for n, aim in enumerate(aims or ("",)):
        yield replace(pair, aim=aim, id=f"{pair.id}:{aim}" if n else pair.id)


# --- of drafts and revisions, and of two answers ---------------------------------------------------------


def revision_pairs(path: Path, prompts: Mapping[str, Prompt]) -> Iterator[Comparison]:
    """(draft, last revision) of every chain of a revisions file, a chain in memory at a time."""
    for name, rows in groupby(batches(path, PAIR_COLUMNS), key=itemgetter("prompt_id")):
        if name in prompts:
            yield from chain_pairs([*rows], prompts[name])


def chain_pairs(rows: Sequence[dict[str, Any]], prompt: Prompt) -> Iterator[Comparison]:
    """(draft, last revision) of one chain, about each aim of its prompt."""
    for pair in draft_pairs(rows):
        yield from about(pair, prompt.aims)


def policy_pairs(answered: Iterable[Answered]) -> Iterator[Comparison]:
    """The two answers to each prompt, of which both are replies; equal ones become labels of 0.5 and are counted."""
    for prompt, (a, b) in answered:
        if not (a.failure or b.failure):
            both = Said(a.text, a.ended), Said(b.text, b.ended)
            yield from about(_pair(prompt, prompt.turns, "policy", *both), prompt.aims)


def _pair(prompt: Prompt, turns: Turns, source: str, a: Said, b: Said) -> Comparison:
    """A pair of replies to `turns`, which are the prompt's with whatever was answered of those that come later."""
    name, context = f"{prompt.id}:{source}", turns[:-1]
    return Comparison(
        name, prompt.id, turns[-1].content, a.text, b.text, source, "", context, ended_a=a.ended, ended_b=b.ended
    )


# --- an answer beside a refusal ---------------------------------------------------------------------------


def contrast_pairs(
    prompts: Sequence[Prompt], answers: Mapping[str, Answer], refusals: Sequence[str]
) -> list[Comparison]:
    """An answer beside one of `refusals` for each prompt that has an answer; which one, and which side, by hash."""
    pairs: list[Comparison] = []
    for prompt in prompts:
        found = answers.get(prompt.id)
        if found is None or not refusals:
            continue
        refusal = Said(refusals[int(fraction(["refusal", prompt.id]) * len(refusals))], True)
        sides = [found.said, refusal]
        a, b = sides if fraction(["answer is a", prompt.id]) < 0.5 else reversed(sides)
        pairs += about(_pair(prompt, found.turns, "contrast", a, b), prompt.aims)
    return pairs


def contrasting(context: Context) -> list[Comparison]:
    """The contrast pairs of a run, from the texts that its revisions left."""
    prompts = contrast_prompts(context)
    if not prompts:
        return []
    chains = list(batches(context.path("sl_cai/revisions.parquet"), [*PAIR_COLUMNS, "step"]))
    answers = answers_of(batches(context.path("sl_cai/answers.parquet"), ANSWER_COLUMNS), chains)
    return contrast_pairs(prompts, answers, refusals_of(chains))


def answers_of(sampled: Iterable[Mapping[str, Any]], chains: Iterable[Mapping[str, Any]]) -> dict[str, Answer]:
    """An answer, which does not decline, to each prompt by its id: the first that was sampled, or the draft.

    Of a chain that ends with a refusal of what its draft answered, the pair of the two is there already.
    """
    answers: dict[str, Answer] = {}
    closed = {row["prompt_id"] for row in chains if row["failure"] is None and declines(row["revision"])}
    for row in chains:
        if row["step"] == 0 and row["prompt_id"] not in closed and not declines(row["before"]):
            answers[row["prompt_id"]] = Answer(stored_turns(row), Said(row["before"], row["before_ended"]))
    for row in sampled:
        if row["sample"] == 0 and row["failure"] is None and not declines(row["answer"]):
            answers[row["prompt_id"]] = Answer(stored_turns(row), Said(row["answer"], row["ended"]))
    return answers


def stored_turns(row: Mapping[str, Any]) -> Turns:
    """The conversation that a stored reply answers."""
    return (*turns_of(row.get("context") or ()), user(row["prompt"]))


def refusals_of(chains: Iterable[Mapping[str, Any]]) -> list[str]:
    """The different refusals among the revisions, those that name nothing of their prompt: they suit any other.

    Where every one does, all of them.
    """
    found = {normalised(row["revision"]): row for row in chains if row["failure"] is None and declines(row["revision"])}
    suiting = [row["revision"] for row in found.values() if not _names(row["revision"], row["prompt"])]
    return suiting or [row["revision"] for row in found.values()]


def _names(text: str, prompt: str) -> bool:
    """Whether they share a word of more than four letters."""
    words, asked = (set(normalised(one).replace("'", " ").split()) for one in (text, prompt))
    return any(len(word.strip('.,;:!?"')) > 4 for word in words & asked)
