"""Judges: whatever the order, the same label; a verdict that failed is never a tie."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from solon.constitution import Constitution, Principle
from solon.constitution.model import Exemplars
from solon.engines.scripted import Rule, Script, ScriptedEngine
from solon.errors import ConfigError, PromptTooLong
from solon.feedback import Labeller, build_judge
from solon.feedback.columns import cells, means_by_order, order_consistency, principle_agreement
from solon.feedback.combine import Combine, combine
from solon.feedback.judge import Judge
from solon.feedback.judges import PanelJudge, RewardModelJudge
from solon.feedback.judges.score import distribution, expected, higher
from solon.feedback.orders import orders_of
from solon.prompts.compare import DECIDE
from solon.prompts.exemplars import load_exemplars
from solon.settings import ASK, Ask, FeedbackSettings
from solon.types import (
    Choice,
    ChooseRequest,
    Comparison,
    Completion,
    Fingerprint,
    GenerateRequest,
    Message,
    Preference,
    Unlabelled,
    Verdict,
    assistant,
    digest,
    fraction,
    user,
)

PAIR = Comparison("c1", "p1", "how?", "like this", "no, sorry")


def swapped(c: Comparison) -> Comparison:
    return replace(c, response_a=c.response_b, response_b=c.response_a)


async def noise(turns: tuple[Message, ...], reply: str, ended: bool) -> float:
    """A reward that depends on the words only, in [-4, 4)."""
    return 8 * fraction([turns[-1].content, reply]) - 4


def judge_of(ask: Ask, engine: ScriptedEngine, constitution: Constitution, **settings: object) -> Judge:
    if ask == "reward_model":
        return RewardModelJudge(noise, Fingerprint("reward", "noise"))
    return build_judge(FeedbackSettings.model_validate({"ask": ask, **settings}), engine, constitution)


def run(
    judge: Judge, constitution: Constitution, pair: Comparison = PAIR, **settings: object
) -> Preference | Unlabelled:
    return asyncio.run(Labeller(judge, constitution, FeedbackSettings.model_validate(settings)).label(pair))


def labelled(judge: Judge, constitution: Constitution, pair: Comparison = PAIR, **settings: object) -> Preference:
    result = run(judge, constitution, pair, **settings)
    assert isinstance(result, Preference)
    return result


def always_first(prob: float = 0.9) -> ScriptedEngine:
    return ScriptedEngine(Script(rules=(Rule(match="A or B", probs=(prob, 1 - prob)),)))


# Whatever is asked


@pytest.mark.parametrize("principles", [1, 2, "all"])
@pytest.mark.parametrize("ask", ASK)
def test_swapping_the_pair_gives_one_minus_p(ask: Ask, principles: object, constitution: Constitution) -> None:
    judge = judge_of(ask, ScriptedEngine(Script()), constitution)
    there, back = (
        labelled(judge, constitution, pair, ask=ask, principles=principles) for pair in (PAIR, swapped(PAIR))
    )
    assert there.prob_a == pytest.approx(1 - back.prob_a)
    assert there.chosen == back.chosen


@pytest.mark.parametrize("ask", ASK)
def test_a_verdict_says_who_was_asked_what(ask: Ask, constitution: Constitution) -> None:
    engine = ScriptedEngine(Script())
    verdicts = labelled(judge_of(ask, engine, constitution), constitution, principles="all", clamp="none").verdicts
    assert {verdict.principle for verdict in verdicts} == {"no-harm", "no-hate", "real-help"}
    assert {verdict.ask for verdict in verdicts} == {ask}
    assert {verdict.judge for verdict in verdicts} == (
        {Fingerprint("reward", "noise").key} if ask == "reward_model" else {engine.fingerprint.key}
    )
    sees_order = ask in ("choice", "chain_of_thought")
    assert sorted({verdict.order for verdict in verdicts}) == (["ab", "ba"] if sees_order else [""])


@pytest.mark.parametrize("ask", ASK)
def test_an_identical_pair_is_a_half_without_asking(ask: Ask, constitution: Constitution) -> None:
    same = replace(PAIR, response_b=PAIR.response_a)
    result = labelled(judge_of(ask, Failing("both are fine"), constitution), constitution, same)
    assert (result.prob_a, result.verdicts) == (0.5, ())


class Failing(ScriptedEngine):
    """Says something that is no choice, at every `every`-th question."""

    def __init__(self, said: str, every: int = 1) -> None:
        super().__init__(Script())
        self.said, self.every, self.asked = said, every, 0

    async def choose(self, request: ChooseRequest) -> Choice:
        self.asked += 1
        if self.asked % self.every:
            return await super().choose(request)
        return Choice((), 0, self.said)


ENGINE_ASKS = [ask for ask in ASK if ask != "reward_model"]


@pytest.mark.parametrize("ask", ENGINE_ASKS)
@pytest.mark.parametrize("every", [1, 2])
def test_a_failed_verdict_fails_the_label_of_one_principle(ask: Ask, every: int, constitution: Constitution) -> None:
    result = run(judge_of(ask, Failing("both are fine", every), constitution), constitution)
    assert isinstance(result, Unlabelled)
    assert result.failure == "unreadable: both are fine"
    failed = [verdict for verdict in result.verdicts if verdict.prob_a is None]
    assert {verdict.failure_kind for verdict in failed} == {"unreadable"}


@pytest.mark.parametrize("ask", ENGINE_ASKS)
def test_a_refusal_is_told_from_what_cannot_be_read(ask: Ask, constitution: Constitution) -> None:
    result = run(judge_of(ask, Failing("I'm sorry, but I can't judge that."), constitution), constitution)
    assert isinstance(result, Unlabelled)
    assert {verdict.failure_kind for verdict in result.verdicts} == {"refused"}


class TooLong(ScriptedEngine):
    """Whose context nothing fits."""

    async def choose(self, request: ChooseRequest) -> Choice:
        raise PromptTooLong("9000 tokens, context 8192")

    async def generate(self, request: GenerateRequest) -> Completion:
        raise PromptTooLong("9000 tokens, context 8192")


@pytest.mark.parametrize("ask", ENGINE_ASKS)
def test_a_pair_that_does_not_fit_is_a_failed_label_not_an_error(ask: Ask, constitution: Constitution) -> None:
    result = run(judge_of(ask, TooLong(Script()), constitution), constitution)
    assert isinstance(result, Unlabelled)
    assert result.failure == "too long: 9000 tokens, context 8192"


class Given(ScriptedEngine):
    """Answers with the same log-probabilities whatever it is asked."""

    logprobs: Sequence[float] = ()

    async def choose(self, request: ChooseRequest) -> Choice:
        return Choice(tuple(self.logprobs))


@pytest.mark.parametrize("logprobs", [[math.nan, -1.0], [math.inf, -1.0], [0.5, -1.0], [-1.0], [-1.0, -math.inf]])
@pytest.mark.parametrize("ask", ["choice", "pointwise"])
def test_probabilities_that_are_none_are_a_failure(ask: Ask, logprobs: list[float], constitution: Constitution) -> None:
    engine = Given(Script())
    engine.logprobs = logprobs
    result = run(judge_of(ask, engine, constitution), constitution)
    assert isinstance(result, Unlabelled)
    assert result.failure.startswith("invalid: ")


# Each way of asking


def test_a_judge_that_always_says_first_says_nothing(constitution: Constitution) -> None:
    result = labelled(judge_of("choice", always_first(), constitution), constitution)
    assert result.prob_a == pytest.approx(0.5)
    assert [(v.order, v.prob_a) for v in result.verdicts] == [("ab", pytest.approx(0.9)), ("ba", pytest.approx(0.1))]


def test_one_order_is_half_the_questions_and_either_side_comes_first_as_often(constitution: Constitution) -> None:
    judge = judge_of("choice", always_first(), constitution, orders="one")
    label = labelled(judge, constitution, orders="one")
    assert len(label.verdicts) == 1
    assert label.verdicts[0].order == orders_of(PAIR, "one")[0]
    first = [orders_of(replace(PAIR, id=str(n)), "one") for n in range(400)]
    assert 160 < first.count(("ab",)) < 240


def test_pointwise_is_the_difference_of_logits(constitution: Constitution) -> None:
    rules = (Rule(match="like this", probs=(0.8, 0.2)), Rule(match="no, sorry", probs=(0.3, 0.7)))
    label = labelled(judge_of("pointwise", ScriptedEngine(Script(rules=rules)), constitution), constitution)
    gap = math.log(0.8 / 0.2) - math.log(0.3 / 0.7)
    assert label.prob_a == pytest.approx(1 / (1 + math.exp(-gap)))


def test_score_compares_distributions(constitution: Constitution) -> None:
    """A scores 8 or 9, B always 8: higher half of the time and equal the other half."""
    a, b = [0.0] * 10, [0.0] * 10
    a[7], a[8], b[7] = 0.5, 0.5, 1.0
    rules = (Rule(match="like this", probs=tuple(a)), Rule(match="no, sorry", probs=tuple(b)))
    label = labelled(judge_of("score", ScriptedEngine(Script(rules=rules)), constitution), constitution)
    assert label.prob_a == pytest.approx(0.75)


def test_what_is_said_of_one_holds_what_is_said_of_ten() -> None:
    """ "10" is spelt "1", "0": of 0.5 given to "1", 0.3 goes on to "10"."""
    found = distribution([math.log(p) for p in (0.5, *[0.0625] * 8, 0.3)])
    assert found[0] == pytest.approx(0.2)
    assert sum(found) == pytest.approx(1)
    assert expected([0, 0, 0, 0, 0, 0, 0, 0.5, 0.5, 0]) == 8.5


@given(*[st.lists(st.floats(0.01, 1), min_size=10, max_size=10)] * 2)
def test_higher_is_one_minus_lower(a: list[float], b: list[float]) -> None:
    a, b = [x / sum(a) for x in a], [x / sum(b) for x in b]
    assert higher(a, b) == pytest.approx(1 - higher(b, a))


class Stanced(ScriptedEngine):
    """Log-probabilities of both replies by stance: 16 nats apart for one that follows, 4 for one that does not."""

    asked: list[str]

    async def choose(self, request: ChooseRequest) -> Choice:
        self.asked.append(digest(request.payload()))
        follows = "You follow this principle" in request.messages[0].content
        gap = -16.0 if follows else -4.0
        return Choice(tuple(-1.0 if choice == PAIR.response_a else gap - 1.0 for choice in request.choices))


def test_likelihood_is_what_the_principle_adds(constitution: Constitution) -> None:
    """(16 - 4) nats over a scale of 8; the swapped pair asks the very same two questions."""
    engine = Stanced(Script())
    engine.asked = []
    judge = judge_of("likelihood", engine, constitution)
    there, back = (labelled(judge, constitution, pair).prob_a for pair in (PAIR, swapped(PAIR)))
    assert there == pytest.approx(1 / (1 + math.exp(-1.5)))
    assert back == pytest.approx(1 - there)
    assert len(engine.asked) == 4
    assert len(set(engine.asked)) == 2


def test_a_reply_that_says_nothing_is_the_least_likely(constitution: Constitution) -> None:
    judge = judge_of("likelihood", ScriptedEngine(Script()), constitution)
    probs = [
        labelled(judge, constitution, replace(PAIR, response_a=a, response_b=b)).prob_a
        for a, b in [("yes", " \n"), ("", "yes"), ("", " ")]
    ]
    assert probs == [1.0, 0.0, 0.5]


def test_a_server_that_only_chats_cannot_be_asked_for_likelihoods(constitution: Constitution) -> None:
    engine = ScriptedEngine(Script())
    engine.fingerprint = Fingerprint("openai", "gpt")
    with pytest.raises(ConfigError, match="likelihood scores whole replies"):
        build_judge(FeedbackSettings(ask="likelihood"), engine, constitution)


def test_reasoning_is_kept_and_clamped(constitution: Constitution) -> None:
    rules = (
        Rule(match="Think step by step", reply="The first helps."),
        Rule(match="So which reply", probs=(0.9, 0.1)),
    )
    engine = ScriptedEngine(Script(rules=rules))
    judge = judge_of("chain_of_thought", engine, constitution, orders="one")
    label = labelled(judge, constitution, orders="one", ask="chain_of_thought")
    assert [verdict.reasoning for verdict in label.verdicts] == ["The first helps."]
    shown_first = label.verdicts[0].order == "ab"
    assert label.verdicts[0].prob_a == pytest.approx(0.9 if shown_first else 0.1), "the verdict itself is not clamped"
    assert label.prob_a == (0.6 if shown_first else 0.4)
    bare = labelled(judge, constitution, orders="one", ask="chain_of_thought", clamp="none")
    assert bare.prob_a == label.verdicts[0].prob_a


class Listening(ScriptedEngine):
    """Keeps the messages of every call."""

    def __init__(self) -> None:
        super().__init__(Script())
        self.heard: list[tuple[Message, ...]] = []

    async def generate(self, request: GenerateRequest) -> Completion:
        self.heard.append(request.messages)
        return await super().generate(request)

    async def choose(self, request: ChooseRequest) -> Choice:
        self.heard.append(request.messages)
        return await super().choose(request)


@pytest.mark.parametrize(("ask", "each"), [("choice", 2), ("chain_of_thought", 4)])
def test_exemplars_are_shown_by_every_way_that_compares(ask: Ask, each: int, constitution: Constitution) -> None:
    engine = Listening()
    labelled(judge_of(ask, engine, constitution, exemplars=3), constitution, ask=ask)
    assert len(engine.heard[0]) == 3 * each + 1
    first = engine.heard[0][:each]
    shipped = load_exemplars().comparison[0]
    assert shipped.response_a.split()[0] in first[0].content
    assert first[-1] == assistant(shipped.better)
    if ask == "chain_of_thought":
        assert first[1:3] == (assistant(shipped.reasoning), user(DECIDE))
    bare = Listening()
    labelled(judge_of(ask, bare, constitution), constitution, ask=ask)
    assert bare.heard[0] == (engine.heard[0][-1],), "without exemplars the question stands alone"


def test_a_reasoning_judge_shows_exemplars_with_a_reasoning(constitution: Constitution) -> None:
    shown = [{"prompt": "q", "response_a": "x", "response_b": "y", "better": "B"}]
    silent = constitution.model_copy(update={"exemplars": Exemplars.model_validate({"comparison": shown})})
    with pytest.raises(ConfigError, match="none of the constitution's comparison exemplars has a reasoning"):
        judge_of("chain_of_thought", Listening(), silent, exemplars=1)
    told = [*shown, {**shown[0], "reasoning": "y is kinder."}]
    spoken = constitution.model_copy(update={"exemplars": Exemplars.model_validate({"comparison": told})})
    engine = Listening()
    labelled(judge_of("chain_of_thought", engine, spoken, exemplars=1), spoken, ask="chain_of_thought")
    assert engine.heard[0][1] == assistant("y is kinder.")


@pytest.mark.parametrize("ask", ["score", "pointwise", "likelihood", "reward_model"])
def test_a_way_that_can_show_no_exemplar_refuses_them(ask: Ask) -> None:
    with pytest.raises(ValidationError, match=f"exemplars 2 cannot be shown when ask is {ask}; set exemplars to 0, or"):
        FeedbackSettings(ask=ask, exemplars=2)


def test_a_reasoning_that_refuses_is_a_failure(constitution: Constitution) -> None:
    rules = (Rule(match="Think step by step", reply="I'm sorry, but I can't compare these."),)
    result = run(judge_of("chain_of_thought", ScriptedEngine(Script(rules=rules)), constitution), constitution)
    assert isinstance(result, Unlabelled)
    assert {verdict.failure_kind for verdict in result.verdicts} == {"refused"}
    assert result.verdicts[0].reasoning == "I'm sorry, but I can't compare these."


def test_several_reasonings_are_averaged(constitution: Constitution) -> None:
    engine = ScriptedEngine(Script())
    judge = judge_of("chain_of_thought", engine, constitution, samples=3)
    label = labelled(judge, constitution, clamp="none")
    assert sorted((verdict.order, verdict.sample) for verdict in label.verdicts) == [
        (order, sample) for order in ("ab", "ba") for sample in range(3)
    ]
    assert len({verdict.reasoning for verdict in label.verdicts}) == 6
    assert label.prob_a == pytest.approx(sum(verdict.prob_a or 0 for verdict in label.verdicts) / 6)


def test_a_reward_model_is_bradley_terry(constitution: Constitution) -> None:
    async def reward(turns: tuple[Message, ...], reply: str, ended: bool) -> float:
        return {"like this": 2.0, "no, sorry": -1.0}[reply]

    label = labelled(RewardModelJudge(reward, Fingerprint("reward", "r")), constitution)
    assert label.prob_a == pytest.approx(1 / (1 + math.exp(-3)))


@pytest.mark.parametrize(
    ("reward", "failure"),
    [(math.nan, "invalid: rewards nan, nan"), (PromptTooLong("9 of 8 tokens"), "too long: 9 of 8 tokens")],
)
def test_a_reward_that_is_none_is_a_failure(
    reward: float | Exception, failure: str, constitution: Constitution
) -> None:
    async def broken(turns: tuple[Message, ...], reply: str, ended: bool) -> float:
        if isinstance(reward, Exception):
            raise reward
        return reward

    result = run(RewardModelJudge(broken, Fingerprint("reward", "r")), constitution)
    assert isinstance(result, Unlabelled)
    assert result.failure == failure


def test_a_panel_keeps_each_judges_verdicts_and_averages(constitution: Constitution) -> None:
    rules = [Rule(match="like this", probs=probs) for probs in ((0.8, 0.2), (0.5, 0.5))]
    engines = [
        ScriptedEngine(Script(name=f"judge{n}", rules=(rule, Rule(match="no, sorry", probs=(0.5, 0.5)))))
        for n, rule in enumerate(rules)
    ]
    panel = PanelJudge(tuple(judge_of("pointwise", engine, constitution) for engine in engines))
    label = labelled(panel, constitution)
    assert [verdict.judge for verdict in label.verdicts] == [engine.fingerprint.key for engine in engines]
    assert label.prob_a == pytest.approx((0.8 + 0.5) / 2)
    assert labelled(panel, constitution, combine="vote").prob_a == 0.75


# How verdicts become a label


@dataclass(frozen=True)
class Says:
    """A verdict per principle, by its id; None is a failure."""

    probs: dict[str, float | None]

    async def verdicts(self, comparison: Comparison, principle: Principle) -> list[Verdict]:
        prob = self.probs[principle.id]
        return [Verdict(principle.id, "", prob, "j", "refused: no" if prob is None else None, ask="score")]


def says(harm: float | None, hate: float | None, helps: float | None) -> Says:
    return Says({"no-harm": harm, "no-hate": hate, "real-help": helps})


@pytest.mark.parametrize(
    ("probs", "settings", "prob"),
    [
        ((0.9, 0.8, 0.1), {}, 0.6),
        ((0.9, 0.8, 0.1), {"combine": "vote"}, 2 / 3),
        ((0.9, 0.5, 0.1), {"combine": "vote"}, 0.5),
        ((0.9, 0.8, 0.1), {"labels": "hard"}, 1.0),
        ((0.2, 0.8, 0.1), {"labels": "hard"}, 0.0),
        ((0.25, 0.5, 0.75), {"labels": "hard"}, 0.5),
        ((0.9, 0.8, 0.1), {"clamp": (0.3, 0.7)}, (0.7 + 0.7 + 0.3) / 3),
        ((0.9, 0.8, 0.1), {"clamp": (0.3, 0.7), "labels": "hard"}, 1.0),
    ],
)
def test_principles_combine(
    probs: tuple[float, float, float], settings: dict[str, object], prob: float, constitution: Constitution
) -> None:
    assert labelled(says(*probs), constitution, principles="all", **settings).prob_a == pytest.approx(prob)


def test_a_principle_that_failed_is_left_out_not_averaged_in(constitution: Constitution) -> None:
    label = labelled(says(0.9, None, 0.7), constitution, principles="all")
    assert label.prob_a == pytest.approx(0.8)
    assert len(label.verdicts) == 3, "the failed verdict is kept"


@pytest.mark.parametrize("principles", [2, "all"])
def test_where_half_of_the_principles_failed_there_is_no_label(principles: object, constitution: Constitution) -> None:
    probs: dict[str, float | None] = dict.fromkeys(("no-harm", "no-hate", "real-help"))
    drawn = Labeller(Says({}), constitution, FeedbackSettings.model_validate({"principles": principles})).drawn(PAIR)
    probs[drawn[0].id] = 0.9
    result = run(Says(probs), constitution, principles=principles)
    assert isinstance(result, Unlabelled)
    assert result.failure == "refused: no"
    assert len(result.verdicts) == len(drawn)


@pytest.mark.parametrize(
    ("ask", "clamp", "probs", "prob"),
    [
        ("chain_of_thought", "auto", (0.99, 0.21), 0.5),  # two orders that contradict each other are no label
        ("chain_of_thought", "auto", (0.99, 0.99), 0.6),
        ("chain_of_thought", "auto", (0.99, 0.45), 0.525),
        ("chain_of_thought", "auto", (0.99, 0.9, 0.97, 0.02), 0.55),  # three samples of four
        ("chain_of_thought", "none", (0.99, 0.21), 0.6),
        ("choice", (0.3, 0.7), (0.99, 0.21), 0.5),
        ("choice", "auto", (0.99, 0.21), 0.6),
    ],
)
def test_every_verdict_is_clamped_before_orders_and_samples_are_averaged(
    ask: Ask, clamp: object, probs: tuple[float, ...], prob: float, constitution: Constitution
) -> None:
    half = len(probs) // 2
    verdicts = [
        Verdict("no-harm", order, p, "j", ask=ask, sample=n % half)
        for n, (order, p) in enumerate(zip(["ab"] * half + ["ba"] * half, probs, strict=True))
    ]
    settings = FeedbackSettings.model_validate({"ask": ask, "clamp": clamp})
    label = Labeller(Says({}), constitution, settings).labelled(PAIR, verdicts)
    assert isinstance(label, Preference)
    assert label.prob_a == pytest.approx(prob)
    assert label.parts == (label.prob_a,)


def test_half_a_cell_is_no_cell() -> None:
    """One order of a question would carry its bias into the label."""
    verdicts = [
        Verdict("p", "ab", 0.9, "j", ask="choice"),
        Verdict("p", "ba", None, "j", "unreadable: hm", ask="choice"),
        Verdict("q", "ab", 0.9, "j", ask="choice"),
        Verdict("q", "ba", 0.3, "j", ask="choice"),
    ]
    assert [(cell.principle, prob) for cell, prob in cells(verdicts).items()] == [("q", pytest.approx(0.6))]


def test_principles_are_drawn_by_the_pairs_id(constitution: Constitution) -> None:
    labeller = Labeller(Says({}), constitution, FeedbackSettings(principles=2))
    drawn = labeller.drawn(PAIR)
    assert len({principle.id for principle in drawn}) == 2
    assert [p.id for p in labeller.drawn(swapped(PAIR))] == [p.id for p in drawn]
    ids = {tuple(p.id for p in labeller.drawn(replace(PAIR, id=str(n)))) for n in range(40)}
    assert len(ids) > 1


# Combining and columns


def test_a_trimmed_mean_leaves_out_a_fifth_at_either_end() -> None:
    assert combine([0.0, 0.6, 0.7, 0.8, 1.0], "trimmed_mean") == pytest.approx(0.7)
    assert combine([0.0, 0.6, 1.0, 1.0], "trimmed_mean") == pytest.approx(0.65), "a fifth of four is nobody"
    with pytest.raises(ValueError, match="nothing to combine"):
        combine([], "mean")


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.sampled_from(["mean", "trimmed_mean", "vote"]))
def test_combining_keeps_the_symmetry(probs: list[float], how: Combine) -> None:
    # Below this 1 - p is 1, and the two sides are no longer mirror images.
    probs = [p if p == 0.5 else round(p, 6) for p in probs]
    assert combine([1 - p for p in probs], how) == pytest.approx(1 - combine(probs, how), abs=1e-9)
    assert 0 <= combine(probs, how) <= 1


def test_columns_by_hand() -> None:
    """p: both orders name A. q: they differ. r: seen in one order only. s: "ba" names none."""
    rows = {"p": (0.9, 0.6), "q": (0.9, 0.2), "r": (0.3, None), "s": (0.9, 0.5)}
    verdicts = [
        Verdict(name, order, prob, "j", None if prob is not None else "refused: no", ask="choice")
        for name, probs in rows.items()
        for order, prob in zip(("ab", "ba"), probs, strict=True)
    ]
    assert order_consistency(verdicts) == pytest.approx(1 / 3)
    assert means_by_order(verdicts) == pytest.approx(((0.9 + 0.9 + 0.3 + 0.9) / 4, (0.6 + 0.2 + 0.5) / 3))
    assert principle_agreement((0.75, 0.55, 0.7), 0.7) == 1.0
    assert principle_agreement((0.75, 0.45, 0.5, 0.2), 0.3) == 0.5
    assert (order_consistency([]), means_by_order([]), principle_agreement([], 0.7)) == (None, None, None)
