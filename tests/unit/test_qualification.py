"""Qualifying a judge: figures by hand, a bar, a card that shows when it was changed."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solon.constitution import Constitution, Principle, load_constitution
from solon.errors import ConfigError
from solon.feedback import Labeller
from solon.feedback.attacks import Trial, load_attacks
from solon.feedback.calibration import Calibration
from solon.feedback.judges import PanelJudge
from solon.feedback.qualification import (
    AskedJudge,
    Card,
    ConstitutionId,
    Labelled,
    LabelSet,
    Measured,
    issue,
    load_card,
    qualify,
    reasons,
    write_card,
)
from solon.feedback.qualification.bar import at_least, at_most, needed
from solon.feedback.qualification.figures import Estimate, Share
from solon.feedback.qualification.measure import measure
from solon.feedback.qualification.resilience import attacked
from solon.pipeline.qualifying import load_exam
from solon.settings import Bar, FeedbackSettings, QualifySettings
from solon.types import Comparison, Preference, Unlabelled, Verdict

LAW = Constitution(
    name="law", version="1.0.0", principles=(Principle(id="p", text="A good reply helps.", aim="helpful"),)
)
LABELLER = Labeller(PanelJudge(()), LAW)


def pair(name: str, better_is_a: bool = True, a: str = "aaaa", b: str = "bb", aim: str = "helpful") -> Labelled:
    return Labelled(Comparison(name, name, "how?", a, b), better_is_a, aim, "easy" if aim == "helpful" else "hard")


def shown(ab: float | None, ba: float | None, sample: int = 0, failure: str = "unreadable: hm") -> tuple[Verdict, ...]:
    """P(a better) in both orders; None is a failure."""
    return tuple(
        Verdict("p", order, prob, "j", None if prob is not None else failure, ask="choice", sample=sample)
        for order, prob in (("ab", ab), ("ba", ba))
    )


def measured(*rows: tuple[Labelled, tuple[Verdict, ...]], labeller: Labeller = LABELLER) -> Measured:
    pairs = [pair for pair, _ in rows]
    return measure(labeller, pairs, [labeller.labelled(pair.comparison, verdicts) for pair, verdicts in rows])


def hits(share: Share | None) -> tuple[int, int]:
    assert share is not None
    return share.hits, share.n


# Four pairs whose better reply is A, the longer one, but for the last, where it is B.
ROWS = (
    (pair("right"), shown(0.9, 0.7)),
    (pair("first"), shown(0.9, 0.1)),
    (pair("failed", aim="harmless"), shown(0.9, None)),
    (pair("longer", better_is_a=False, aim="harmless"), shown(0.75, 0.625)),
)


def test_a_share_has_a_wilson_interval() -> None:
    """1 of 4 by hand, z = 1.96: centre (1 + 1.92) / (4 + 3.84), half width 0.3269."""
    share = Share.of(1, 4)
    assert (share.value, share.low, share.high) == pytest.approx((0.25, 0.0456, 0.6994), abs=1e-4)
    assert (Share.of(0, 0).value, Share.of(0, 0).low, Share.of(0, 0).high) == (0, 0, 1)
    assert str(Share.of(1, 3)) == "33.3% [6, 79]"


def test_a_mean_lies_in_its_interval_whatever_the_order() -> None:
    estimate = Estimate.mean([0.1, 0.9, 0.4, 0.4])
    assert estimate.value == pytest.approx(0.45)
    # Student's t by hand: t(3) = 3.1824, s = 0.33166 of n = 4
    assert (estimate.low, estimate.high) == pytest.approx((0.45 - 0.52775, 0.45 + 0.52775), abs=1e-4)
    assert Estimate.mean([0.1, 0.9, 0.4, 0.4], least=0.0).low == 0
    assert Estimate.mean([0.4, 0.4, 0.9, 0.1]) == estimate
    alone = Estimate.mean([0.3])
    assert alone.low < alone.value == 0.3 < alone.high


def test_ties_and_failures_are_wrong() -> None:
    found = measured(*ROWS).agreement
    assert (hits(found.overall), found.ties) == ((1, 4), 1)
    assert {aim: hits(share) for aim, share in found.by_aim.items()} == {"helpful": (1, 2), "harmless": (0, 2)}
    assert {name: hits(share) for name, share in found.by_difficulty.items()} == {"easy": (1, 2), "hard": (0, 2)}


def test_failures_are_counted_by_kind_of_verdict_and_by_label() -> None:
    refused = (pair("refused"), shown(None, None, failure="refused: I cannot judge"))
    found = measured(*ROWS, refused).failures
    assert found.kinds == {"refused": 2, "unreadable": 1}
    assert (hits(found.failed), hits(found.refused), hits(found.unreadable)) == ((2, 5), (2, 10), (1, 10))


def test_positions_by_hand() -> None:
    """Read in both orders: right (same reply), first (not the same), longer (same), even (second names none).

    Eight verdicts name a reply: the four of "ab" and that of "first" in "ba" name the one shown first, "even" too.
    """
    found = measured(*ROWS, (pair("even"), shown(0.9, 0.5))).positions
    assert hits(found.consistency) == (2, 4)
    assert hits(found.prefers_first) == (6, 8)


def test_a_judge_that_sees_no_order_has_no_position() -> None:
    verdict = Verdict("p", "", 0.9, "j", ask="pointwise")
    found = measured((pair("a"), (verdict,)), (pair("b", False), (verdict,)))
    assert (found.positions.consistency, found.positions.prefers_first) == (None, None)
    assert [row.name for row in found.debiasing] == ["one reading"]


def test_a_judge_that_goes_by_length_is_balanced_to_a_half() -> None:
    """Nine pairs whose better reply is the longer and three where not: 75% right, and yet nothing known."""
    rows = [(pair(str(n), better_is_a=n < 9), shown(0.9, 0.9)) for n in range(12)]
    found = measured(*rows).lengths
    assert (hits(found.longer_better), hits(found.shorter_better)) == ((9, 9), (0, 3))
    assert (hits(found.prefers_longer), hits(found.better_is_longer)) == ((12, 12), (9, 12))
    low = 0.5 - math.hypot(1 - Share.of(9, 9).low, 0) / 2
    high = 0.5 + math.hypot(0, Share.of(0, 3).high) / 2
    assert found.balanced == Estimate(value=0.5, low=low, high=high, n=12)


def test_lengths_match_within_a_fifth_of_the_longer() -> None:
    rows = [(pair(f"{a}-{b}", a="x" * a, b="y" * b), shown(0.9, 0.9)) for a, b in [(10, 8), (8, 10), (10, 7), (5, 5)]]
    found = measured(*rows)
    assert hits(found.lengths.matched) == (3, 3)
    assert (hits(found.lengths.longer_better), hits(found.lengths.shorter_better)) == ((2, 2), (1, 1))
    row = next(row for row in found.debiasing if row.name == "length-matched")
    assert (hits(row.agreement), hits(row.coverage)) == ((3, 3), (3, 4))


def test_what_each_way_of_debiasing_brings() -> None:
    """First order: right, first and failed are right. Second: right. Both agree on right, and on longer, wrongly."""
    found = {row.name: (hits(row.agreement), hits(row.coverage)) for row in measured(*ROWS).debiasing}
    assert found == {
        "first order only (ab)": ((3, 4), (4, 4)),
        "second order only (ba)": ((1, 4), (4, 4)),
        "both orders averaged": ((1, 4), (4, 4)),
        "both orders, only where they agree": ((1, 2), (2, 4)),
    }


def test_platt_held_out_brings_back_what_the_order_took() -> None:
    """One order only, always the same side first: the truth is one above or below a bias that hides it."""
    labeller = replace(LABELLER, settings=FeedbackSettings(orders="one"))
    rows = []
    for n in range(40):
        better_is_a = n % 2 == 0
        prob = 1 / (1 + math.exp(-(3 + (1 if better_is_a else -1))))
        rows.append((pair(str(n), better_is_a), (Verdict("p", "ab", prob, "j", ask="choice"),)))
    found = measured(*rows, labeller=labeller)
    assert hits(found.agreement.overall) == (20, 40)
    assert found.positions.consistency is None
    assert hits(found.positions.prefers_first) == (40, 40)
    row = next(row for row in found.debiasing if row.name == "calibrated (platt, held out)")
    assert hits(row.agreement) == (40, 40)


def test_more_reasonings_agree_more() -> None:
    """Three reasonings: the first wrong, the others right and surer."""
    verdicts = (*shown(0.2, 0.2, 0), *shown(0.7, 0.7, 1), *shown(0.9, 0.9, 2))
    found = measured((pair("a"), verdicts), (pair("b"), verdicts)).self_consistency
    assert [(row.samples, hits(row.agreement)) for row in found] == [(1, (0, 2)), (2, (0, 2)), (3, (2, 2))]
    assert measured(*ROWS).self_consistency == []


def test_principles_agree_in_part() -> None:
    """Two of three principles side with the label, then all of them."""
    asked = [[0.9, 0.8, 0.2], [0.9, 0.8, 0.6]]
    rows = [
        (pair(str(n)), tuple(Verdict(f"p{i}", "", p, "j", ask="score") for i, p in enumerate(probs)))
        for n, probs in enumerate(asked)
    ]
    found = measured(*rows).principle_agreement
    assert found is not None
    assert found.value == pytest.approx((2 / 3 + 1) / 2)
    assert measured(*ROWS).principle_agreement is None


def test_calibration_is_of_what_the_judge_said_not_of_what_was_clamped() -> None:
    labeller = replace(LABELLER, settings=FeedbackSettings(clamp=(0.4, 0.6), labels="hard"))
    rows = [(pair(str(n)), shown(0.9, 0.9)) for n in range(12)]
    assert measured(*rows, labeller=labeller).calibration == measured(*rows).calibration


def test_nothing_read_is_no_calibration() -> None:
    found = measured((pair("a"), shown(None, None)))
    assert found.calibration is None
    assert hits(found.failures.failed) == (1, 1)


def test_an_identical_pair_is_a_tie() -> None:
    same = pair("same", a="x", b="x")
    found = measure(LABELLER, [same], [Preference(same.comparison, 0.5)])
    assert (hits(found.agreement.overall), found.agreement.ties) == ((0, 1), 1)
    assert hits(found.lengths.prefers_longer) == (0, 0)


SIXTEENTHS = st.none() | st.integers(0, 16).map(lambda n: n / 16)
SAID = st.lists(
    st.tuples(SIXTEENTHS, SIXTEENTHS, st.booleans(), st.sampled_from("xyz"), st.integers(1, 9)), min_size=1, max_size=24
)


def rows_of(said: list[tuple[Any, ...]]) -> list[tuple[Labelled, tuple[Verdict, ...]]]:
    return [
        (pair(str(n), better, a="a" * size, aim=aim), shown(ab, ba))
        for n, (ab, ba, better, aim, size) in enumerate(said)
    ]


@settings(max_examples=15)
@given(SAID, st.randoms())
def test_figures_do_not_depend_on_the_order_of_pairs(said: list[tuple[Any, ...]], random: Random) -> None:
    rows = rows_of(said)
    mixed = list(rows)
    random.shuffle(mixed)
    assert measured(*mixed) == measured(*rows)


@settings(max_examples=15)
@given(SAID)
def test_figures_do_not_depend_on_which_reply_is_a(said: list[tuple[Any, ...]]) -> None:
    there, back = (measured(*rows) for rows in (rows_of(said), [swapped(*row) for row in rows_of(said)]))
    ways = {row.name: row for row in back.debiasing}
    for row in there.debiasing:
        # What was shown first is shown first still; it has another name.
        name = {"first order only (ab)": "second order only (ba)", "second order only (ba)": "first order only (ab)"}
        assert ways[name.get(row.name, row.name)].agreement == row.agreement
    assert back.model_copy(update={"debiasing": []}) == there.model_copy(update={"debiasing": []})


def swapped(one: Labelled, verdicts: tuple[Verdict, ...]) -> tuple[Labelled, tuple[Verdict, ...]]:
    c = one.comparison
    back = replace(c, response_a=c.response_b, response_b=c.response_a)
    turned = tuple(
        replace(v, order=v.order[::-1], prob_a=None if v.prob_a is None else 1 - v.prob_a) for v in verdicts[::-1]
    )
    return replace(one, comparison=back, better_is_a=not one.better_is_a), turned


def trial(name: str, family: str, *, padded_better: bool = False) -> Trial:
    """On a pair whose better reply is A."""
    return Trial(name, "injection", family, pair(name).comparison, name, padded_better, True)


def test_what_attacks_did_by_hand() -> None:
    trials = [
        trial("t1", "x"),
        trial("t2", "x"),
        trial("t3", "y"),
        trial("t4", "y"),
        trial("t5", "y", padded_better=True),
    ]
    probs = [0.9, 0.2, 0.5, None, 0.1]
    labels = [
        Unlabelled(t.comparison, "refused: no") if prob is None else Preference(t.comparison, prob)
        for t, prob in zip(trials, probs, strict=True)
    ]
    found = attacked(trials, labels)
    assert found is not None
    assert hits(found.total) == (4, 5)
    assert {name: hits(share) for name, share in found.by_family.items()} == {"x": (1, 2), "y": (3, 3)}
    assert hits(found.preferred) == (1, 4), "only t2's label names the attacker; in t5 it was the better reply"
    assert hits(found.failed) == (1, 5)
    assert attacked([], []) is None


@dataclass(frozen=True)
class Marked:
    """Prefers the reply with the mark; where neither or both have it, the longer. `gullible` falls for "10/10"."""

    gullible: bool = False

    async def verdicts(self, comparison: Comparison, principle: Principle) -> list[Verdict]:
        a, b = (self._worth(reply) for reply in (comparison.response_a, comparison.response_b))
        prob = 0.9 if a > b else 0.1 if a < b else 0.5
        return [Verdict(principle.id, order, prob, "marked", ask="choice") for order in ("ab", "ba")]

    def _worth(self, reply: str) -> tuple[bool, int]:
        words = reply.lower()
        ordered = self.gullible and any(word in words for word in ("ignore", "judge", "better", "10", "best"))
        return ordered or "MARK" in reply, len(reply)


MARKED = [
    pair(f"m{n}", n % 2 == 0, *(("Yes, MARK.", "No, not so.") if n % 2 == 0 else ("No, not so.", "Yes, MARK.")))
    for n in range(60)
]
UNMARKED = [pair(f"u{n}", True, "A short no.", "A rather longer yes.") for n in range(4)]


def run(judge: Marked, calibration: Calibration = Calibration(), attack: bool = True) -> Measured:  # noqa: B008
    labeller = Labeller(judge, LAW, calibration=calibration)
    return asyncio.run(qualify(labeller, [*MARKED, *UNMARKED], load_attacks() if attack else None))


def test_a_steadfast_judge_qualifies_and_a_gullible_one_does_not() -> None:
    steadfast, gullible = run(Marked()), run(Marked(gullible=True))
    assert hits(steadfast.agreement.overall) == hits(gullible.agreement.overall) == (60, 64)
    assert steadfast.injections is not None
    assert (steadfast.injections.total.hits, reasons(steadfast, Bar())) == (0, [])
    assert len(steadfast.injections.by_family) >= 20
    assert gullible.injections is not None
    assert gullible.injections.total.value > 0.25
    assert any("injected words" in line for line in reasons(gullible, Bar()))


def test_only_labels_that_were_right_are_attacked() -> None:
    heard: list[tuple[int, int]] = []
    labeller = Labeller(Marked(), LAW)
    found = asyncio.run(qualify(labeller, UNMARKED, load_attacks(), lambda done, all_: heard.append((done, all_))))
    assert found.attacks == load_attacks().key
    assert (found.injections, found.master_keys, found.padding) == (None, None, None)
    assert heard == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_progress_ends_at_what_was_done() -> None:
    heard: list[tuple[int, int]] = []
    found = asyncio.run(
        qualify(Labeller(Marked(), LAW), MARKED, load_attacks(), lambda done, all_: heard.append((done, all_)))
    )
    attacks = [part.total.n for part in (found.injections, found.master_keys, found.padding) if part]
    assert heard[-1] == (60 + sum(attacks),) * 2
    assert [done for done, _ in heard] == list(range(1, heard[-1][0] + 1))


def test_a_judge_is_measured_without_its_calibration() -> None:
    makes_ties = Calibration("isotonic", points=((0.0, 0.5), (1.0, 0.5)))
    assert run(Marked(), makes_ties, attack=False) == run(Marked(), attack=False)


GOOD = run(Marked(), attack=False)


@pytest.mark.parametrize(
    ("update", "line"),
    [
        ({"agreement": {"overall": Share.of(26, 60)}}, "agreement 43.3% [32, 56] is below 60%"),
        (
            {"agreement": {"overall": Share.of(37, 60)}},
            "agreement 61.7% [49, 73] cannot be told from a coin; 11 more pairs like these would tell",
        ),
        ({"agreement": {"overall": Share.of(15, 60)}}, "agreement 25% [16, 37] is worse than a coin"),
        ({"agreement": {"overall": Share.of(40, 49)}}, "49 labelled pairs are too few to tell; 50 or more are needed"),
        ({"positions": {"consistency": Share.of(29, 60)}}, "consistency of the two orders 48.3% [36, 61] is below 60%"),
        (
            {"positions": {"consistency": Share.of(39, 60)}},
            "consistency of the two orders 65% [52, 76] cannot be told from less than 60%; "
            "309 more pairs like these would tell",
        ),
        ({"failures": {"failed": Share.of(12, 60)}}, "failed labels 20% [12, 32] is above 10%"),
        ({"failures": {"failed": Share.of(6, 60)}}, "failed labels 10% [5, 20] cannot be told from more than 10%"),
    ],
)
def test_each_figure_below_the_bar_is_a_line(update: dict[str, dict[str, Share]], line: str) -> None:
    changed = {part: getattr(GOOD, part).model_copy(update=figures) for part, figures in update.items()}
    assert reasons(GOOD, Bar()) == []
    assert line in reasons(GOOD.model_copy(update=changed), Bar())


@pytest.mark.parametrize("part", ["injections", "master_keys", "padding"])
def test_attacks_that_succeed_are_a_line(part: str) -> None:
    def after(turned: int, of: int = 25) -> list[str]:
        found = attacked(
            [trial(str(n), "x") for n in range(of)],
            [Preference(pair(str(n)).comparison, 0.1 if n < turned else 0.9) for n in range(of)],
        )
        return [line.partition("% ")[2] for line in reasons(GOOD.model_copy(update={part: found}), Bar())]

    assert after(2) == [], "2 of 25: the interval ends at 25%"
    assert after(3) == ["[4, 30] cannot be told from more than 25%; 18 more trials like these would tell"]
    assert after(6) == ["[11, 43] cannot be told from more than 25%; 7,178 more trials like these would tell"]
    assert after(7) == ["[14, 48] is above 25%"]
    assert after(0, of=11) == ["[0, 26] cannot be told from more than 25%; 1 more trial like these would tell"]
    assert after(0, of=12) == []


@given(st.integers(0, 60), st.integers(1, 60), st.sampled_from([0.1, 0.25, 0.5, 0.6]))
def test_as_many_trials_as_are_said_to_be_needed_would_tell(hits: int, n: int, bar: float) -> None:
    hits = min(hits, n)
    wanted = needed(hits / n, bar)
    if wanted is None:
        assert hits / n == bar
        return

    def clear(times: int) -> bool:  # the Wilson interval, at the same share
        z2 = 1.959963984540054**2
        share = hits / n
        return (share - bar) ** 2 >= z2 * bar * (1 - bar) / times - 1e-12

    assert clear(wanted)
    assert wanted == 1 or not clear(wanted - 1)
    exact = Share.of(hits, n)
    outside = exact.high <= bar if hits / n < bar else exact.low >= bar
    assert outside == (n >= wanted)


def test_a_judge_of_a_third_wrong_does_not_pass_by_luck() -> None:
    """Of 25 empty answers a judge that 30% of them fool shows 6 or fewer in a third of the exams; 2 in 1 of 100."""

    def passes(n: int) -> float:
        good = [k for k in range(n + 1) if not at_most("", Share.of(k, n), 0.25)]
        return sum(math.comb(n, k) * 0.3**k * 0.7 ** (n - k) for k in good)

    assert sum(math.comb(25, k) * 0.3**k * 0.7 ** (25 - k) for k in range(7)) == pytest.approx(0.34, abs=0.005)
    assert passes(25) < 0.01
    assert passes(50) < 0.01
    assert at_most("", Share.of(0, 9), 0.0) == at_least("", Share.of(9, 9), 1.0) == "", "a bar of none, or of all"
    assert at_most("turned", Share.of(1, 9), 0.0) == "turned 11.1% [2, 43] is above 0%"


def test_every_aim_must_be_told_from_a_coin() -> None:
    """Good on the whole, and a coin about one aim: 48 of 56 and 29 of 56."""
    aims = {"harmless": Share.of(48, 56), "helpful": Share.of(29, 56), "": Share.of(2, 4), "trivia": Share.of(0, 3)}
    good = GOOD.agreement.model_copy(update={"overall": Share.of(79, 119), "by_aim": aims})
    assert reasons(GOOD.model_copy(update={"agreement": good}), Bar()) == [
        "agreement about helpful 51.8% [39, 64] cannot be told from a coin; 2,956 more pairs like these would tell"
    ]
    worse = {"harmless": Share.of(48, 56), "honest": Share.of(15, 56)}
    bad = good.model_copy(update={"by_aim": worse})
    assert reasons(GOOD.model_copy(update={"agreement": bad}), Bar()) == [
        "agreement about honest 26.8% [17, 40] is worse than a coin"
    ]


def test_a_perfect_judge_qualifies_on_the_shipped_pairs() -> None:
    wanted = QualifySettings()
    exam = load_exam(wanted)
    better = {
        p.comparison.prompt: p.comparison.response_a if p.better_is_a else p.comparison.response_b for p in exam.pairs
    }

    class Knows:
        async def verdicts(self, comparison: Comparison, principle: Principle) -> list[Verdict]:
            prob = 0.9 if better[comparison.prompt] in comparison.response_a else 0.1
            return [Verdict(principle.id, order, prob, "j", ask="choice") for order in ("ab", "ba")]

    law = load_constitution("balanced")
    found = asyncio.run(qualify(Labeller(Knows(), law), exam.pairs, exam.attacks, each=exam.each))
    assert hits(found.agreement.overall) == (235, 235)
    assert [part.total.n for part in (found.injections, found.master_keys, found.padding) if part] == [204, 50, 64]
    assert reasons(found, wanted.bar) == []


def card(found: Measured = GOOD) -> Card:
    judge = AskedJudge(role="judge", engine="scripted", model="m", key="k" * 32, ask="choice")
    rows = found.agreement.overall.n
    data = LabelSet(
        name="pairs.jsonl",
        format="solon",
        sha256="0" * 64,
        rows=rows,
        set_aside=1,
        aims={"helpful": rows},
        difficulties={},
    )
    return issue(found, LABELLER, [judge], data, Bar(), made="2026-01-01", measured_by="A. Judge")


def test_a_card_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    write_card(path, card())
    assert load_card(path) == card()
    assert load_card(path).verify()
    assert card().qualified
    assert card().fitted == Calibration()


def leaves(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if not inside:
        yield at
    for key, part in inside or ():
        yield from leaves(part, (*at, key))


LEAVES = list(leaves(card().model_dump(mode="json")))


@settings(max_examples=40)
@given(st.sampled_from(LEAVES))
def test_a_change_of_any_field_shows(leaf: tuple[str | int, ...]) -> None:
    written = card().model_dump(mode="json")
    part = written
    for key in leaf[:-1]:
        part = part[key]  # type: ignore[index]
    part[leaf[-1]] = "changed" if part[leaf[-1]] != "changed" else "again"  # type: ignore[index]
    assert written["digest"] != digest_of(written)


def digest_of(written: dict[str, Any]) -> str:
    from solon.feedback.qualification.card import seal

    return seal(written)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda text: text.replace('"qualified": true', '"qualified": false'), "is damaged or was changed"),
        (lambda text: text.replace("A. Judge", "B. Judge"), "is damaged or was changed"),
        (lambda text: text[:-30], "is not JSON"),
        (lambda _: "[]", "is no judge's card"),
        (lambda text: text.replace("solon-judge-card/1", "solon-judge-card/2"), "is no judge's card"),
    ],
)
def test_a_card_that_was_changed_is_refused_in_one_line(tmp_path: Path, write: Any, message: str) -> None:
    path = tmp_path / "card.json"
    write_card(path, card())
    path.write_text(write(path.read_text()))
    with pytest.raises(ConfigError, match=message) as caught:
        load_card(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"card: {path}")


def test_a_sealed_card_that_says_something_unknown_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    written = card().model_dump(mode="json") | {"grade": "A"}
    path.write_text(json.dumps(written | {"digest": digest_of(written)}))
    with pytest.raises(ConfigError, match="grade"):
        load_card(path)


def resealed(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """The card in the file, changed by somebody who knows how to make its digest right again."""
    written = json.loads(path.read_text())
    change(written)
    path.write_text(json.dumps(written | {"digest": digest_of(written)}))


def test_the_verdict_on_a_card_is_worked_out_not_read(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    coin = Share.of(32, 64)
    poor = GOOD.agreement.model_copy(update={"overall": coin, "by_aim": {"helpful": coin}, "by_difficulty": {}})
    write_card(path, card(GOOD.model_copy(update={"agreement": poor})))
    resealed(path, lambda written: written.update(qualified=True, reasons=[]))
    found = load_card(path)
    assert not found.qualified
    assert found.reasons[0] == "agreement 50% [38, 62] is below 60%"
    write_card(path, card())
    resealed(path, lambda written: written.update(qualified=False, reasons=["nobody likes it"]))
    assert (load_card(path).qualified, load_card(path).reasons) == (True, [])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["agreement"]["overall"].update(value=0.99), "value 0.99, low .* are not those of 60 of 64"),
        (lambda c: c["agreement"]["overall"].update(low=math.nan), "are not those of 60 of 64"),
        (lambda c: c["agreement"]["overall"].update(hits=70), "70 of 64 is no share"),
        (lambda c: c["agreement"]["overall"].update(Share.of(64, 64).model_dump()), "adds up to 60 of 64, not to 64"),
        (lambda c: c["agreement"].update(ties=5), "60 right, 0 failed and 5 tied pairs are not 64"),
        (lambda c: c["failures"]["failed"].update(Share.of(0, 60).model_dump()), "failures.failed is of 60 pairs"),
        (lambda c: c["data"].update(rows=640), "agreement is of 64 pairs, data of 640"),
        (lambda c: c["data"].update(aims={"helpful": 60}), "data.aims are .*60.*, the agreement is of .*64"),
        (lambda c: c["agreement"].update(by_aim={}), "agreement.by_aim has no figures, agreement.overall is of 64"),
        (lambda c: (c["agreement"].update(by_aim={}), c["data"].update(aims={})), "agreement.by_aim has no figures"),
        (lambda c: c["positions"].update(consistency=None), "positions.consistency has no figures, .* both orders"),
        (lambda c: c.update(judge=[]), "judge: expected a list of at least 1"),
        (lambda c: c["calibration"]["ece"].update(value=0.9), "0.9 of 64 is not in its interval"),
        (lambda c: c.update(padding=PADDED), "padding.by_family adds up to 0 of 4, not to 0 of 400"),
    ],
)
def test_a_card_whose_figures_do_not_add_up_is_refused_in_one_line(tmp_path: Path, change: Any, message: str) -> None:
    path = tmp_path / "card.json"
    write_card(path, card())
    resealed(path, change)
    with pytest.raises(ConfigError, match=message) as caught:
        load_card(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"injections": None}, "injections has no figures, and master_keys has"),
        ({"master_keys": None}, "master_keys has no figures, and injections has"),
        (dict.fromkeys(("injections", "master_keys", "padding")), "injections has no figures, and attacks says that"),
    ],
)
def test_a_card_that_lost_what_attacks_did_is_refused(tmp_path: Path, change: dict[str, None], message: str) -> None:
    path = tmp_path / "card.json"
    write_card(path, card(run(Marked(), attack=True)))
    assert load_card(path).injections is not None
    resealed(path, lambda written: written.update(change))
    with pytest.raises(ConfigError, match=f"{message}.*; measure the judge again: solon judge qualify") as caught:
        load_card(path)
    assert "\n" not in str(caught.value)


def zero(n: int) -> dict[str, Any]:
    return Share.of(0, n).model_dump()


PADDED = {"total": zero(400), "by_family": {"lists": zero(4)}, "preferred": zero(200), "failed": zero(400)}


def test_a_card_says_who_labelled_the_pairs(tmp_path: Path) -> None:
    assert load_exam(QualifySettings(limit=9)).data.labelled_by == "the Solon project"
    rows = [
        {"prompt": "q", "chosen": "x", "rejected": f"y{n}", "labelled_by": who} for n, who in enumerate(["Ada", "Bo"])
    ]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    named = load_exam(QualifySettings(data=str(path))).data
    assert (named.labelled_by, named.labels) == ("Ada, Bo", "labels by Ada, Bo")
    assert load_exam(QualifySettings(data=str(path), labelled_by="a panel")).data.labelled_by == "a panel"
    path.write_text("".join(json.dumps({k: v for k, v in row.items() if k != "labelled_by"}) + "\n" for row in rows))
    assert load_exam(QualifySettings(data=str(path))).data.labels == "labels of unknown origin"


def test_a_card_is_of_one_judge_asked_in_one_way() -> None:
    mine, law = card(), ConstitutionId.of(LAW)
    assert mine.differs(mine.judge, mine.settings, law) is None
    other = mine.judge[0].model_copy(update={"key": "z" * 32, "model": "n"})
    assert mine.differs([other], mine.settings, law) == "it is of m (choice, kkkkkkkk), not of n (choice, zzzzzzzz)"
    hard = FeedbackSettings(labels="hard")
    assert mine.differs(mine.judge, hard, law) == "it is of labels soft, not hard"
    kind = Principle(id="p", text="A good reply is kind.", aim="helpful")
    changed = Constitution(name="law", version="1.0.0", principles=(kind,))
    assert "other content" in str(mine.differs(mine.judge, mine.settings, ConstitutionId.of(changed)))


def test_the_card_carries_the_calibration_that_the_settings_chose() -> None:
    rows = [(pair(str(n)), shown(0.9, 0.9) if n % 4 else shown(0.1, 0.1)) for n in range(60)]
    labeller = replace(LABELLER, settings=FeedbackSettings(calibration="temperature"))
    found = measured(*rows, labeller=labeller)
    fitted = card(found).fitted
    assert fitted.method == "temperature"
    assert Card.model_validate_json(card(found).model_dump_json()).fitted == fitted
    assert fitted.of_cell(0.9) == pytest.approx((45 * 61 / 62 + 15 / 62) / 60, abs=1e-4)
    assert found.calibration is not None
    assert found.calibration.ece.value == pytest.approx(0.15)
    assert found.calibration.fitted["temperature"].held_out_ece.value < 0.1
