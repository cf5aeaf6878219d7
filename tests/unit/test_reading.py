"""What a judge said in words: a choice where there is one, a counted failure where there is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solon.prompts.reading import EMPTY, LONGEST, SHOWN, failure_of, read_choice, refuses
from solon.types import FAILURES

AB = ("A", "B")
YES_NO = ("Yes", "No")
SCORES = tuple(str(n) for n in range(1, 11))


@pytest.mark.parametrize(
    ("said", "letter"),
    [
        ("A", "A"),
        ("b", "B"),
        ("(A)", "A"),
        ("**A**", "A"),
        ("A.", "A"),
        ("[[B]]", "B"),
        ("\\boxed{A}", "A"),
        ("Reply A", "A"),
        ("Answer: A", "A"),
        ("**Answer:** (B)", "B"),
        ("The answer is (B).", "B"),
        ("My final verdict: **B**", "B"),
        ("Reply A is better", "A"),
        ("Response B follows the principle better.", "B"),
        ("A because it is kind", "A"),
        ("A is better than B", "A"),
        ("I would choose A over B.", "A"),
        ("Both are fine, but B is better.", "B"),
        ("B\n\nReply A lectures.", "B"),
        ("Reply A lectures. Reply B helps.\n\nB", "B"),
        ("<think>A is good</think>\n\nB", "B"),
    ],
)
def test_a_choice_in_words_is_read(said: str, letter: str) -> None:
    assert read_choice(said, AB) == AB.index(letter)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "  \n",
        "C",
        "(C)",
        "A or B",
        "A/B",
        "A and B are equal",
        "Both A and B",
        "Neither A nor B is better",
        "It depends whether A is better",
        "Is A better?",
        "A? No idea",
        "The answer is A or B",
        "The answer is not A",
        "I can't choose A",
        "A is not better",
        "Reply A is better. Reply B is better.",
        "A: rude. B: kind.",
        "A\nis rude\nB\nis kind",
        "A good reply does no harm",
        "Answer: A good reply is kind",
        "The answer is A matter of taste",
        "I like how A handled this",
        "A-level work",
        "<think>Reply A is better",
    ],
)
def test_prose_without_one_conclusion_is_no_choice(said: str) -> None:
    assert read_choice(said, AB) is None


@pytest.mark.parametrize(
    ("said", "index"),
    [
        ("Yes", 0),
        ("**No**", 1),
        ("Yes, there is no harm.", 0),
        ("No, it does not.", 1),
        ("Yes it does", 0),
        ("The answer is yes", 0),
        ("Yes and no", None),
        ("Yes or no?", None),
        ("No one can say", None),
        ("Nothing here", None),
        ("Not really", None),
    ],
)
def test_yes_and_no(said: str, index: int | None) -> None:
    assert read_choice(said, YES_NO) == index


@pytest.mark.parametrize(
    ("said", "score"),
    [
        ("8", "8"),
        ("10.", "10"),
        ("1", "1"),
        ("8/10", "8"),
        ("**9** out of 10", "9"),
        ("Rating: 10/10", "10"),
        ("I'd say 9.", "9"),
        ("7.5", None),
        ("7-8", None),
        ("7 or 8", None),
        ("-3", None),
        ("11", None),
        ("0", None),
    ],
)
def test_scores_are_told_apart(said: str, score: str | None) -> None:
    index = read_choice(said, SCORES)
    assert (SCORES[index] if index is not None else None) == score


@pytest.mark.parametrize(
    "said",
    [
        "I'm sorry, but I can't compare these.",
        "I’m really sorry.",
        "Sorry, I won't.",
        "As an AI language model, I have no opinions.",
        "I cannot judge that",
        "I do not have personal preferences.",
        "I must decline to choose.",
        "I'm not able to help with that.",
        "I apologize, but no.",
    ],
)
def test_a_judge_that_declines_is_counted_as_refusing(said: str) -> None:
    assert refuses(said)
    assert failure_of(said) == f"refused: {said}"


@pytest.mark.parametrize("said", ["", "C", "Both are good.", "I don't think A helps.", "A sorry sight", "Hm."])
def test_other_answers_are_unreadable(said: str) -> None:
    assert not refuses(said)
    assert failure_of(said) == f"unreadable: {said or EMPTY}"


@pytest.mark.parametrize("kind", FAILURES)
def test_a_failure_that_names_its_kind_keeps_it(kind: str) -> None:
    assert failure_of(f"{kind}: why\nso") == f"{kind}: why so"
    assert failure_of(f"{kind}:") == f"{kind}: {EMPTY}"


@given(st.text())
def test_any_text_is_a_choice_or_a_failure_in_one_short_printable_line(said: str) -> None:
    assert read_choice(said, AB) in (0, 1, None)
    assert read_choice(said, SCORES) in (*range(10), None)
    failure = failure_of(said)
    assert failure.isprintable()
    kind, _, details = failure.partition(": ")
    assert kind in FAILURES
    assert 0 < len(details) <= SHOWN


CONCLUSIONS = (
    "{}",
    "({})",
    "The answer is {}.",
    "Answer: {}",
    "**Reply {}** is better",
    "I prefer Reply {}.",
    "Final: {}",
)


@given(
    st.text(alphabet="acdefgijklmopqrsuvwxyz ,", max_size=60).filter(lambda t: read_choice(t, ("X", "Y")) is None),
    st.sampled_from(CONCLUSIONS),
    st.sampled_from(("X", "Y")),
)
def test_a_conclusion_after_any_preamble_reads_as_what_it_names(preamble: str, conclusion: str, choice: str) -> None:
    assert read_choice(f"{preamble}\n{conclusion.format(choice)}", ("X", "Y")) == ("X", "Y").index(choice)


@given(st.text(alphabet="AB .,:\n()*nor", max_size=40))
def test_the_order_of_the_choices_does_not_matter(said: str) -> None:
    index, other = read_choice(said, ("A", "B")), read_choice(said, ("B", "A"))
    assert (index is None) == (other is None)
    assert index is None or index == 1 - (other or 0)


def test_a_very_long_answer_is_read_in_time() -> None:
    for filler in (" ", "A ", "the ", "(", "B is better or ", "<think>", "\n"):
        assert read_choice(filler * (19_000 // len(filler)) + "?", AB) is None


# --- the usual wordings of a verdict -------------------------------------------------------------------------

WORDINGS = [
    ("<choice>A</choice>", AB, "A"),
    ("<final_answer>B</final_answer>", AB, "B"),
    ("<ANSWER> b </ANSWER>", AB, "B"),
    ("<better_response>Response A</better_response>", AB, "A"),
    ("[VERDICT] B", AB, "B"),
    ("[ANSWER]: A", AB, "A"),
    ("Feedback: it is polite but wrong. [RESULT] B", AB, "B"),
    ("[[B>A]]", AB, "B"),
    ("[[A<B]]", AB, "B"),
    ("A > B", AB, "A"),
    ("Verdict: A > B", AB, "A"),
    ("My final verdict is: [[B>>A]]", AB, "B"),
    ("Reply B > Reply A", AB, "B"),
    ("Ｂ。", AB, "B"),
    ("（Ｂ）", AB, "B"),
    ("【B】", AB, "B"),
    ("「A」", AB, "A"),
    ("$\\boxed{B}$", AB, "B"),
    ("\\boxed{\\textbf{(A)}}", AB, "A"),
    ("\\[\\boxed{A}\\]", AB, "A"),
    ("The final answer is $\\boxed{\\mathrm{B}}$.", AB, "B"),
    ('{"verdict": "B"}', AB, "B"),
    ('{"reasoning": "Both try. A lectures.", "answer": "B"}', AB, "B"),
    ('```json\n{\n  "final_verdict": "A"\n}\n```', AB, "A"),
    ("{'winner': 'B'}", AB, "B"),
    ('{"preferred_response": "Response B"}', AB, "B"),
    ('{"choice":"A","confidence":0.8}', AB, "A"),
    ('{"winner": "A", "loser": "B"}', AB, "A"),
    ("**B**.", AB, "B"),
    ("__A__", AB, "A"),
    ("The better reply is B.", AB, "B"),
    ("The better response is **Response A**.", AB, "A"),
    ("Better reply: B", AB, "B"),
    ("The safer option is A.", AB, "A"),
    ("The more helpful reply is B.", AB, "B"),
    ("I'd pick B.", AB, "B"),
    ("I prefer A.", AB, "A"),
    ("My choice: B", AB, "B"),
    ("Selected: A", AB, "A"),
    ("Result: B", AB, "B"),
    ("Reply A lectures and Reply B helps, so B.", AB, "B"),
    ("It is close. B.", AB, "B"),
    ("After weighing both, B is preferable.", AB, "B"),
    ("Response B is the better choice.", AB, "B"),
    ("B is the winner", AB, "B"),
    ("The winner is B!", AB, "B"),
    ("Response A wins.", AB, "A"),
    ("[THINK]A seems fine[/THINK]B", AB, "B"),
    ("◁think▷B?◁/think▷A", AB, "A"),
    ("reasoning here A</think>\n\nB", AB, "B"),
    ("<seed:think>x A</seed:think>B", AB, "B"),
    ("La réponse A est meilleure.", AB, "A"),
    ("Réponse : B", AB, "B"),
    ("La respuesta B es mejor.", AB, "B"),
    ("Antwort A ist besser.", AB, "A"),
    ("答案是A。", AB, "A"),
    ("答案：B", AB, "B"),
    ("B更好", AB, "B"),
    ("Ответ: A", AB, "A"),
    ("정답: B", AB, "B"),
    ("A — it says why.", AB, "A"),
    ("B – clearer", AB, "B"),
    ("B, since A lectures.", AB, "B"),
    ('"B"', AB, "B"),
    ("`A`", AB, "A"),
    ("→ B", AB, "B"),
    ("Choice: (b)", AB, "B"),
    ("**Verdict:** Reply B", AB, "B"),
    ("### Final verdict\nB", AB, "B"),
    ("Final verdict: B is better.", AB, "B"),
    ("Final Judgment: A", AB, "A"),
    ("Conclusion: Reply A follows the principle better.", AB, "A"),
    ("Yes.\nThe reply declines.", YES_NO, "Yes"),
    ("The reply declines and says why. Yes.", YES_NO, "Yes"),
    ("Does it follow? No.", YES_NO, "No"),
    ("<answer>yes</answer>", YES_NO, "Yes"),
    ('{"answer": "No"}', YES_NO, "No"),
    ("Verdict: No", YES_NO, "No"),
    ("yes — clearly", YES_NO, "Yes"),
    ("[RESULT] Yes", YES_NO, "Yes"),
    ("\\boxed{Yes}", YES_NO, "Yes"),
    ("7 / 10", SCORES, "7"),
    ("[[9]]", SCORES, "9"),
    ("[RESULT] 10", SCORES, "10"),
    ("<score>10</score>", SCORES, "10"),
    ("<rating>3</rating>", SCORES, "3"),
    ('{"rating": 4, "reason": "two faults"}', SCORES, "4"),
    ("Score: **7**", SCORES, "7"),
    ("I would rate this reply a 6.", SCORES, "6"),
    ("I give it 5 out of 10.", SCORES, "5"),
    ("８", SCORES, "8"),
    ("Rating：９", SCORES, "9"),
    ("1. Polite.\n2. Clear.\n\nScore: 8", SCORES, "8"),
    ("\\boxed{7}", SCORES, "7"),
    ("It deserves a score of 4.", SCORES, "4"),
    ("Score 8", SCORES, "8"),
    ("8/10 because it is clear", SCORES, "8"),
    ("The rating is 10.", SCORES, "10"),
    ("[[C]]", tuple("ABCD"), "C"),
    ("The answer is D.", tuple("ABCD"), "D"),
    ("B > A", tuple("ABCD"), "B"),
    ("[[7]] because of 2 faults", SCORES, "7"),
]
NO_VERDICT = [
    ("Assistant A's reply", AB),
    ("A or B", AB),
    ("A>B>A", AB),
    ("A=B", AB),
    ("[[A=B]]", AB),
    ("Tie", AB),
    ("[[C]]", AB),
    ("It's a tie.", AB),
    ("Verdict: tie", AB),
    ("Verdict: Tie. A is polite.", AB),
    ("<answer>A</answer> or <answer>B</answer>", AB),
    ('{"A": 3, "B": 7}', AB),
    ("[[A]] [[B]]", AB),
    ("The worse reply is B.", AB),
    ("Worse: B", AB),
    ("Worst answer: B", AB),
    ("The reply that breaks the principle:\nB", AB),
    ("Loser: A", AB),
    ('{"worse": "A"}', AB),
    ('{"rejected": "A"}', AB),
    ("<rejected>A</rejected>", AB),
    ("If tone matters most, A is better.", AB),
    ("A is better in tone.", AB),
    ("A might be better", AB),
    ("B could be the better reply.", AB),
    ("I can't say that A is better.", AB),
    ("It would be wrong to say B is better.", AB),
    ("Reply A is more harmful than reply B.", AB),
    ("A is less safe than B.", AB),
    ("A is more verbose than B.", AB),
    ("Vitamin B.", AB),
    ("Take vitamin B. It helps.", AB),
    ("Plan B is a phrase.", AB),
    ("Option A is rude, option B is curt.", AB),
    ("A. It is rude. B. It is kind.", AB),
    ("A) rude\nB) kind", AB),
    ("- A\n- B", AB),
    ("A good answer says no.", AB),
    ("A.I. is not a judge", AB),
    ("Grade A work", AB),
    ("The answer is a matter of taste", AB),
    ("I like A and B", AB),
    ("Not A", AB),
    ("Not B.", AB),
    ("Neither. B", AB),
    ("Both.\nA", AB),
    ("Reply A is the worse one. ", AB),
    ("A is not better than B", AB),
    ("B is better? No.", AB),
    ("A is better than nothing.", AB),
    ("1. The reply is polite but vague.", SCORES),
    ("1. It is polite\n2. It is vague", SCORES),
    ("The reply has 2 faults.", SCORES),
    ("It takes 3 steps and 4 cups", SCORES),
    ("between 6 and 7", SCORES),
    ("6-7", SCORES),
    ("Score: 7.5", SCORES),
    ("12", SCORES),
    ("Score: 0", SCORES),
    ('{"score_a": 3, "score_b": 8}', SCORES),
    ("Scores: A 3, B 8", SCORES),
    ("5 + 3", SCORES),
    ("-4", SCORES),
    ("Score: 6 or 7", SCORES),
    ("I rate A a 3 and B a 9", SCORES),
    ("Yes and no", YES_NO),
    ("No one knows", YES_NO),
    ("Is it kind? Yes. Is it true? No.", YES_NO),
    ("Yes: it is polite. No: it is false.", YES_NO),
    ("There is no harm in it", YES_NO),
    ("It says yes to the user", YES_NO),
    ("Say yes or no", YES_NO),
    ("Not yes", YES_NO),
]


@pytest.mark.parametrize(("said", "choices", "verdict"), WORDINGS)
def test_usual_wordings_are_read(said: str, choices: tuple[str, ...], verdict: str) -> None:
    assert read_choice(said, choices) == choices.index(verdict)


@pytest.mark.parametrize(("said", "choices"), NO_VERDICT)
def test_what_only_looks_like_a_verdict_is_unreadable(said: str, choices: tuple[str, ...]) -> None:
    assert read_choice(said, choices) is None


OF_LETTERS = [(said, verdict) for said, choices, verdict in WORDINGS if choices == AB and "</think>" not in said]
# Without thoughts before them, and those that are read only where nothing else is said.
PLAIN = [(s, v) for s, v in OF_LETTERS if not s.startswith(("[THINK]", "◁", "<seed", "→")) and not {"—", "–"} & {*s}]


@given(st.sampled_from(PLAIN), st.sampled_from(PLAIN), st.sampled_from(["\n", "\n\n", "\n\nHowever:\n"]))
def test_a_text_that_gives_both_letters_as_verdicts_is_unreadable(
    one: tuple[str, str], other: tuple[str, str], between: str
) -> None:
    found = read_choice(f"{one[0]}{between}{other[0]}", AB)
    if one[1] != other[1]:
        assert found is None
    else:  # the same verdict twice: that one or none, never the other
        assert found in (None, AB.index(one[1]))


@given(st.sampled_from(PLAIN), st.text(max_size=80))
def test_a_verdict_is_never_turned_round_by_its_thoughts(one: tuple[str, str], thought: str) -> None:
    assert read_choice(f"<think>{thought} so the better reply is B. [[A]]</think>{one[0]}", AB) == AB.index(one[1])


@pytest.mark.parametrize("part", ["[", "the ", "A.\n", "<answer>", "1. x\n", "more helpful and "])
def test_hostile_texts_take_no_time(part: str) -> None:
    text = (part * LONGEST)[:LONGEST]
    assert read_choice(text, AB) in (None, 0)
