"""Critique and revision chains."""

from __future__ import annotations

import asyncio

import pytest

from solon.constitution import Constitution
from solon.data.preferences import draft_pairs, preference_row
from solon.data.sft import critique_rows, helpful_rows, revision_rows
from solon.engines.scripted import Rule, Script, ScriptedEngine
from solon.prompts.chain import demonstrations, revision_request
from solon.prompts.exemplars import shared_exemplars
from solon.revision import ChainSettings, draft, revise
from solon.revision.chain import clean
from solon.types import Completion, GenerateRequest, Preference, Prompt, Revision

PROMPT = Prompt("p1", "how do I pick a lock?")


def chain(constitution: Constitution, *rules: Rule, **settings: object) -> list[Revision]:
    engine = ScriptedEngine(Script(rules=rules))
    return asyncio.run(revise(engine, constitution, PROMPT, "draft", ChainSettings(**settings)))  # type: ignore[arg-type]


def test_every_step_revises_the_last_revision(constitution: Constitution) -> None:
    steps = chain(constitution, rounds=4)
    assert [s.step for s in steps] == [0, 1, 2, 3]
    assert [s.before for s in steps] == ["draft", *(s.revision for s in steps[:-1])]
    assert all(s.principle in {p.id for p in constitution.principles} for s in steps)


AT_MOST_THREE = (
    "Rewrite the assistant's reply so that it fully follows the principle. "
    "Write only the new reply, spoken to the user, in at most three sentences."
)


def test_a_limit_of_sentences_is_asked_for_in_request_and_demonstrations(constitution: Constitution) -> None:
    shown = shared_exemplars(constitution).revision[:6]
    (step,) = chain(constitution, rounds=1, exemplars=shown, sentences=3)
    assert step.revision_request == AT_MOST_THREE
    requests = [turn.content for turn in demonstrations(shown, sentences=3)][2::4]
    assert requests.count(AT_MOST_THREE) == 5  # the sixth brings its own
    (step,) = chain(constitution, rounds=1, exemplars=shown, sentences=1)
    assert step.revision_request.endswith(", in at most one sentence.")


def test_without_one_nothing_is_said_about_length(constitution: Constitution) -> None:
    class Noting(ScriptedEngine):
        async def generate(self, request: GenerateRequest) -> Completion:
            asked.append(" ".join(turn.content for turn in request.messages if turn.role == "user"))
            return await super().generate(request)

    asked: list[str] = []
    settings = ChainSettings(rounds=3, exemplars=shared_exemplars(constitution).revision)
    steps = asyncio.run(revise(Noting(Script()), constitution, PROMPT, "draft", settings))
    assert len(asked) == 6
    assert not any("sentences" in said or "in at most" in said for said in asked)
    assert steps[0].revision_request == AT_MOST_THREE.replace(", in at most three sentences", "")


def test_a_principles_own_request_stays_as_it_is(constitution: Constitution) -> None:
    own = constitution.principles[0].model_copy(update={"revision_request": "Say it in rhyme."})
    assert revision_request(own, 3) == revision_request(own) == "Say it in rhyme."


def test_a_truncated_revision_ends_the_chain_and_says_so(constitution: Constitution) -> None:
    steps = chain(constitution, Rule(match="Rewrite", reply="one two three four"), rounds=3, revision_tokens=2)
    assert [(s.revision, s.failure) for s in steps] == [("one two", "truncated")]


def test_an_empty_revision_is_a_failure(constitution: Constitution) -> None:
    steps = chain(constitution, Rule(match="Rewrite", reply="  Revision: "), rounds=3)
    assert [s.failure for s in steps] == ["empty"]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Critique: it lies.", "it lies."),
        ("**Revision:** No.", "No."),
        ("<conversation-0a1b2c3d>\nNo.\n</conversation-0a1b2c3d>", "No."),
        ("A critique: of pure reason", "A critique: of pure reason"),
    ],
)
def test_labels_and_marks_that_models_echo_are_dropped(said: str, kept: str) -> None:
    assert clean(said) == kept


def step(n: int, before: str, revision: str, failure: str | None = None) -> Revision:
    return Revision("p1", "q", n, "no-harm", before, "c?", "because", "r!", revision, failure)


def test_sft_learns_every_changed_revision_and_no_failed_one() -> None:
    steps = [step(0, "d", "r1"), step(1, "r1", "r1"), step(2, "r1", "r2"), step(3, "r2", "cut", "truncated")]
    assert [r["completion"][0]["content"] for r in revision_rows(steps)] == ["r1", "r2"]


def test_the_critique_skill_is_two_turns_of_the_conversation_that_serving_holds(constitution: Constitution) -> None:
    critique, revision = critique_rows([step(0, "d", "r1")], constitution, share=1.0)
    assert critique["completion"][0]["content"] == "because"
    assert [m["role"] for m in revision["prompt"]] == ["user", "assistant", "user"]
    assert revision["prompt"][:2] == [*critique["prompt"], *critique["completion"]]
    assert critique_rows([step(0, "d", "r1")], constitution, share=0.0) == []


def test_a_helpful_answer_that_was_cut_off_is_marked() -> None:
    rows = helpful_rows(
        [(PROMPT, Completion("yes")), (PROMPT, Completion("and so", "length")), (PROMPT, Completion(""))]
    )
    assert [(r["completion"][0]["content"], r["ended"]) for r in rows] == [("yes", True), ("and so", False)]


def test_pairs_set_the_draft_against_the_last_good_revision() -> None:
    rows = [
        {"prompt_id": "a", "prompt": "q", "before": "draft", "revision": "r1", "failure": None},
        {"prompt_id": "a", "prompt": "q", "before": "r1", "revision": "r2", "failure": None},
        {"prompt_id": "a", "prompt": "q", "before": "r2", "revision": "half", "failure": "truncated"},
        {"prompt_id": "b", "prompt": "q", "before": "draft b", "revision": "rb", "failure": None},
    ]
    first, second = draft_pairs(rows)
    assert (first.response_a, first.response_b, first.revised) == ("draft", "r2", "r2")
    assert (second.response_a, second.response_b) == ("rb", "draft b")  # sides alternate


@pytest.mark.parametrize(("prob_a", "chosen", "prob"), [(0.8, "x", 0.8), (0.3, "y", 0.7)])
def test_preference_rows_are_trls(prob_a: float, chosen: str, prob: float) -> None:
    from solon.types import Comparison

    row = preference_row(Preference(Comparison("c", "p", "q", "x", "y"), prob_a))
    assert row["chosen"] == [{"role": "assistant", "content": chosen}]
    assert row["prompt"] == [{"role": "user", "content": "q"}]
    assert row["prob_chosen"] == pytest.approx(prob)


def test_what_a_model_thinks_is_in_no_step_of_a_chain(constitution: Constitution) -> None:
    """As of every engine, so of a script: drafts, critiques and revisions hold the answer alone."""
    rules = (
        Rule(match="Critique", reply="<think>what would they like</think>Too rude."),
        Rule(match="Rewrite", reply="[THINK]hm[/THINK]Kinder now."),
        Rule(match="", reply="<think>plan A</think>A draft."),
    )
    engine, prompt = ScriptedEngine(Script(rules=rules)), Prompt("p", "Why?")

    async def work() -> tuple[str, list[Revision]]:
        _, first = await draft(engine, prompt, max_tokens=50, temperature=0.0, seed=0)
        settings = ChainSettings(rounds=2, temperature=0.0)
        return first.text, await revise(engine, constitution, prompt, first.text, settings)

    text, steps = asyncio.run(work())
    assert text == "A draft."
    assert [(s.critique, s.revision) for s in steps] == [("Too rude.", "Kinder now.")] * 2
