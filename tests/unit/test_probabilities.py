"""From log-probabilities by token to probabilities of choices, by hand and for anything a server may send."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solon.engines.answers import Said
from solon.engines.chosen import ABSENT, read_chosen
from solon.engines.probabilities import after_thinking, choice_mass
from solon.prompts.reading import failure_of

AB = ("A", "B")
SCORES = tuple(str(n) for n in range(1, 11))


def listing(said: str, probs: dict[str, float]) -> dict[str, Any]:
    """A position at which `said` was said, with the probabilities of the tokens listed."""
    top = [{"token": token, "logprob": math.log(prob)} for token, prob in probs.items()]
    return {"token": said, "logprob": math.log(probs[said]), "top_logprobs": top}


def test_every_spelling_of_a_choice_counts_and_what_is_no_choice_does_not() -> None:
    mass = choice_mass(
        [listing("A", {"A": 0.3, " A": 0.1, "(A": 0.05, "a)": 0.05, "**B": 0.2, "And": 0.1, "C": 0.1})], AB
    )
    assert mass.found == pytest.approx((0.5, 0.2))


def test_white_space_before_the_choice_is_walked_through() -> None:
    first = listing("\n", {"\n": 0.5, "A": 0.1, "B": 0.2, "C": 0.2})
    second = listing("(", {"(": 0.8, "B": 0.2})
    third = listing("A", {"A": 0.75, "B": 0.25})
    mass = choice_mass([first, second, third], AB)
    assert mass.found == pytest.approx((0.1 + 0.5 * 0.8 * 0.75, 0.2 + 0.5 * (0.2 + 0.8 * 0.25)))


@pytest.mark.parametrize(
    "thoughts",
    [
        ["<think>", "\n\n", "</think>", "\n\n"],
        ["<th", "ink>", "Hm A", "</", "think", ">"],
        ["[THINK]", "A or B?", "[/THINK]"],
        ["<|channel|>", "analysis", "<|message|>", "A?", "<|end|>", "<|channel|>", "final", "<|message|>"],
    ],
)
def test_thoughts_are_passed_over(thoughts: list[str]) -> None:
    before = [listing(token, {token: 1.0}) for token in thoughts]
    positions = after_thinking([*before, listing("B", {"A": 0.25, "B": 0.75})])
    assert choice_mass(positions, AB).found == pytest.approx((0.25, 0.75))


def test_ten_in_two_tokens_is_told_from_one() -> None:
    first = listing("1", {"1": 0.6, "9": 0.3, "8": 0.1})
    second = listing("0", {"0": 0.9, "": 0.05, "<|im_end|>": 0.02, ".": 0.01, "5": 0.02})
    found = dict(zip(SCORES, choice_mass([first, second], SCORES).found, strict=True))
    assert found["10"] == pytest.approx(0.6 * 0.9)
    assert found["1"] == pytest.approx(0.6 * (0.05 + 0.02 + 0.01))
    assert (found["9"], found["8"]) == pytest.approx((0.3, 0.1))


def test_ten_in_one_token_leaves_one_to_itself() -> None:
    found = choice_mass([listing("10", {"10": 0.5, "1": 0.2, "9": 0.3})], SCORES).found
    assert (found[9], found[0], found[8]) == pytest.approx((0.5, 0.2, 0.3))


def test_one_where_the_answer_ends_is_one() -> None:
    assert choice_mass([listing("1", {"1": 0.6, "9": 0.4})], SCORES).found[0] == pytest.approx(0.6)


def test_one_off_the_way_may_be_ten_and_is_left_out() -> None:
    mass = choice_mass([listing("9", {"9": 0.7, "1": 0.3})], SCORES)
    assert (mass.found[0], mass.found[9]) == (0.0, 0.0)
    assert mass.found[8] == pytest.approx(0.7)


def test_choices_of_several_tokens_are_told_apart_where_they_differ() -> None:
    first, second = listing("Reply", {"Reply": 0.9, "I": 0.1}), listing(" B", {" A": 0.2, " B": 0.7, " C": 0.1})
    assert choice_mass([first, second], ("Reply A", "Reply B")).found == pytest.approx((0.18, 0.63))


def test_a_choice_that_is_not_listed_has_at_most_the_least_that_is() -> None:
    mass = choice_mass([listing("A", {"A": 0.5, "The": 0.3, "I": 0.02})], AB)
    assert mass.each == pytest.approx((0.5, 0.02))
    whole = choice_mass([listing("A", {"A": 0.95, "The": 0.045})], AB)
    assert whole.each == pytest.approx((0.95, 0.005))


def chosen(text: str, *positions: Any) -> Any:
    return read_chosen(Said(text, prompt_tokens=7, positions=positions), AB)


def test_a_sliver_on_the_choices_is_no_verdict() -> None:
    sliver = listing("Hm", {"Hm": 0.991, "A": 0.008, "B": 0.001})
    answer = chosen("Hm, hard.", sliver)
    assert (answer.logprobs, answer.unreadable, answer.prompt_tokens) == ((), "Hm, hard.", 7)
    assert chosen("Hm", listing("Hm", {"Hm": 0.9, "A": 0.08, "B": 0.02})).probs == pytest.approx((0.8, 0.2))


def test_where_the_words_name_the_choice_its_place_has_the_probabilities() -> None:
    words = [listing(t, {t: 1.0}) for t in ("The", " answer", " is")]
    assert chosen("The answer is B", *words, listing(" B", {" A": 0.3, " B": 0.7})).probs == pytest.approx((0.3, 0.7))
    # Named at two places: which of them is the verdict's, the tokens do not say.
    twice = [listing(t, {t: 1.0}) for t in ("Not", " A", ":", " answer", ":", " B")]
    assert chosen("Not A: answer: B", *twice).probs == pytest.approx((ABSENT, 1 - ABSENT))


GOOD = {
    "token": "A",
    "logprob": -0.1,
    "top_logprobs": [{"token": "A", "logprob": -0.1}, {"token": "B", "logprob": -2.5}],
}


@pytest.mark.parametrize(
    ("broken", "details"),
    [
        ({**GOOD, "logprob": math.nan}, "position 1 has the logprob nan"),
        ({**GOOD, "logprob": math.inf}, "the logprob inf"),
        ({**GOOD, "logprob": "-0.1"}, "which is no number"),
        ({**GOOD, "logprob": True}, "which is no number"),
        ({**GOOD, "logprob": None}, "the logprob None"),
        ({"token": "A", "top_logprobs": GOOD["top_logprobs"]}, "the logprob None"),
        ({**GOOD, "top_logprobs": []}, "no top_logprobs"),
        ({**GOOD, "top_logprobs": None}, "no top_logprobs"),
        ({**GOOD, "top_logprobs": {"A": -0.1}}, "no top_logprobs"),
        ({**GOOD, "top_logprobs": [{"token": "A", "logprob": 0.2}]}, r"top_logprobs\[0\] has the logprob 0.2"),
        ({**GOOD, "top_logprobs": [*GOOD["top_logprobs"], {"token": "C"}]}, r"top_logprobs\[2\]"),
        ({**GOOD, "top_logprobs": [{"logprob": -1.0}]}, "has no token"),
        ({**GOOD, "top_logprobs": [{"token": t, "logprob": 0.0} for t in "AB"]}, "sum to 2"),
        ({"logprob": -0.1}, "position 1 has no token"),
        ("A", "position 1 has no token"),
        (None, "position 1 has no token"),
    ],
)
def test_invalid_log_probabilities_are_a_counted_failure(broken: Any, details: str) -> None:
    with pytest.raises(ValueError, match=details):
        choice_mass([broken], AB)
    answer = chosen("A", broken)
    assert answer.logprobs == ()
    assert failure_of(answer.unreadable).startswith("invalid: ")


@pytest.mark.parametrize("impossible", [-math.inf, -9999.0, -3.4e38, -(10**400)])
def test_an_impossible_token_has_no_probability(impossible: float) -> None:
    never = {"token": "A", "logprob": impossible}
    answer = chosen("A", {**GOOD, "top_logprobs": [*GOOD["top_logprobs"], {**never, "token": "C"}]})
    assert answer.probs == chosen("A", GOOD).probs


def test_what_only_looks_invalid_is_read() -> None:
    rounded = {
        "token": "A",
        "logprob": 5e-4,
        "top_logprobs": [{"token": "A", "logprob": 5e-4}, {"token": "B", "logprob": -math.inf}],
    }
    assert chosen("A", rounded).probs == pytest.approx((1.0, 0.0), abs=1e-5)
    # The token said stands twice in the list of some servers, or not at all.
    twice = {**GOOD, "top_logprobs": [GOOD["top_logprobs"][0], *GOOD["top_logprobs"]]}
    assert chosen("A", twice).probs == chosen("A", GOOD).probs
    unlisted = {**GOOD, "top_logprobs": GOOD["top_logprobs"][1:]}
    assert chosen("A", unlisted).probs == pytest.approx(chosen("A", GOOD).probs)


number = st.floats() | st.floats(max_value=0, min_value=-30) | st.none() | st.text(max_size=3)
token = st.sampled_from(("A", "B", " A", "(", "\n", "1", "0", "10", "", "The")) | st.text(max_size=3)
listed = st.lists(st.fixed_dictionaries({"token": token, "logprob": number}), max_size=5)
anything = st.none() | st.fixed_dictionaries({"token": token, "logprob": number, "top_logprobs": listed | st.none()})


@given(st.lists(anything, max_size=5), st.text(max_size=5), st.sampled_from((AB, SCORES, ("Yes", "No"))))
def test_whatever_a_server_sends_is_probabilities_or_a_failure(
    sent: list[Any], text: str, choices: tuple[str, ...]
) -> None:
    answer = read_chosen(Said(text, positions=tuple(sent)), choices)
    if answer.unreadable is None:
        assert all(logprob < 0 for logprob in answer.logprobs)
        assert sum(answer.probs) == pytest.approx(1.0)
    else:
        assert answer.logprobs == ()


weights = st.dictionaries(st.sampled_from(("A", " A", "B", "B.", "(", "\n", "So")), st.floats(0.01, 1), min_size=2)


@given(st.lists(weights, min_size=1, max_size=4), st.data())
def test_the_mass_is_a_probability_and_keeps_with_its_choice(tops: list[dict[str, float]], data: st.DataObject) -> None:
    positions = []
    for top in tops:
        total = sum(top.values())
        positions.append(listing(data.draw(st.sampled_from(sorted(top))), {t: w / total for t, w in top.items()}))
    mass, turned = choice_mass(positions, AB), choice_mass(positions, AB[::-1])
    assert mass.found == turned.found[::-1]
    assert 0 <= mass.total <= 1 + 1e-9
