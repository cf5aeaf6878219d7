"""Calibration: maps keep the symmetry of a comparison, and are fitted to what people said."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solon.constitution import Constitution, Principle
from solon.feedback import Labeller
from solon.feedback.calibration import Calibration, logistic, logit
from solon.feedback.judges import PanelJudge
from solon.feedback.qualification.fitting import SLOPES, Fitting, fit
from solon.feedback.qualification.labelled import Judged, Labelled
from solon.feedback.qualification.relabelling import METHODS, cross_validated, relabelled
from solon.feedback.qualification.reliability import _ece, bins, brier, ece
from solon.settings import FeedbackSettings
from solon.types import Comparison, Preference, Verdict, fraction

LAW = Constitution(
    name="law", version="1.0.0", principles=(Principle(id="p", text="A good reply helps.", aim="helpful"),)
)
LABELLER = Labeller(PanelJudge(()), LAW)
SURE = st.floats(min_value=0, max_value=1)


def pair(name: str, better_is_a: bool = True) -> Labelled:
    return Labelled(Comparison(name, name, "how?", f"{name} yes", f"{name} no"), better_is_a)


def shown(ab: float | None, ba: float | None) -> tuple[Verdict, ...]:
    """P(a better) in both orders."""
    return Verdict("p", "ab", ab, "j", ask="choice"), Verdict("p", "ba", ba, "j", ask="choice")


def said(name: str, better_is_a: bool, *verdicts: Verdict) -> Judged:
    one = pair(name, better_is_a)
    return Judged(one, LABELLER.labelled(one.comparison, verdicts))


def sided(name: str, right: bool, prob: float, better_is_a: bool = True) -> Judged:
    """A pair judged without an order: `prob` is that of the reply that the judge names."""
    prob_a = prob if right == better_is_a else 1 - prob
    return said(name, better_is_a, Verdict("p", "", prob_a, "j", ask="pointwise"))


def turned(verdict: Verdict) -> Verdict:
    """The same verdict after A and B changed their names."""
    return replace(
        verdict,
        order=verdict.order[::-1],
        prob_a=None if verdict.prob_a is None else 1 - verdict.prob_a,
    )


def swapped(one: Judged) -> Judged:
    c = one.pair.comparison
    back = replace(c, response_a=c.response_b, response_b=c.response_a)
    verdicts = [turned(verdict) for verdict in one.label.verdicts]
    return Judged(Labelled(back, not one.pair.better_is_a), LABELLER.labelled(back, verdicts))


@given(ab=SURE, ba=SURE, slope=st.floats(*SLOPES), bias=st.floats(-20, 20), ys=st.lists(SURE, max_size=4))
@pytest.mark.parametrize("method", METHODS)
def test_every_map_keeps_the_symmetry(
    method: Fitting, ab: float, ba: float, slope: float, bias: float, ys: list[float]
) -> None:
    rising = sorted(0.5 + y / 2 for y in ys)
    upper = [(0.5 + (n + 1) / 10, y) for n, y in enumerate(rising)] or [(0.5, 0.5)]
    points = (*((1 - x, 1 - y) for x, y in reversed(upper)), *upper)
    labeller = replace(LABELLER, calibration=Calibration(method, slope, bias, points))
    one = said("c", True, *shown(ab, ba))
    there, back = relabelled(labeller, [one, swapped(one)])
    assert there.prob_a is not None
    assert back.prob_a == pytest.approx(1 - there.prob_a, abs=1e-9)
    assert 0 <= there.prob_a <= 1


def test_platt_takes_out_what_the_place_adds() -> None:
    """A judge whose logit is the truth plus 2 for whichever reply it saw first."""
    truth, bias = logit(0.7), 2.0
    verdicts = shown(logistic(truth + bias), logistic(truth - bias))
    labeller = replace(LABELLER, calibration=Calibration("platt", 1.0, -bias))
    assert labeller.labelled(pair("c").comparison, verdicts).prob_a == pytest.approx(0.7)  # type: ignore[union-attr]


def test_a_judge_that_was_fitted_is_found_again() -> None:
    """Verdicts made with slope 2 and a bias of 1 on either order: platt's fit turns both back."""
    found = []
    for n in range(400):
        true = 0.5 + 0.4 * fraction(["size", n])
        better_is_a = fraction(["truth", n]) < true
        z = logit(true)
        found.append(said(str(n), better_is_a, *shown(logistic(2 * z + 1), logistic(2 * z - 1))))
    calibration = fit("platt", found)
    assert calibration.slope == pytest.approx(0.5, abs=0.1)
    assert calibration.bias == pytest.approx(-calibration.slope, abs=0.02)


def test_temperature_by_hand() -> None:
    """Always 0.9 sure, right 3 times in 4: the slope turns 0.9 into the mean target, (3 * 5/6 + 1/6) / 4 = 2/3."""
    found = [sided(str(n), n > 0, 0.9) for n in range(4)]
    assert fit("temperature", found).of_cell(0.9) == pytest.approx(2 / 3, abs=1e-5)
    assert fit("temperature", found).slope == pytest.approx(math.log(2) / math.log(9), abs=1e-5)


def test_platt_without_orders_is_temperature() -> None:
    found = [sided(str(n), n % 3 > 0, 0.6 + n / 30, n % 2 == 0) for n in range(10)]
    platt, temperature = fit("platt", found), fit("temperature", found)
    assert platt.bias == 0
    assert platt.slope == pytest.approx(temperature.slope, abs=1e-3)


def test_isotonic_by_hand() -> None:
    """0.6: 1 of 2 right; 0.8: 0 of 1; 0.9: 3 of 3. Six labels, so the targets are 7/8 and 1/8.

    The first three pool: (1 + 1 + 7) / 8 / 3 = 3/8, below a half and so a half, at (0.6 + 0.6 + 0.8) / 3 = 2/3.
    """
    found = [sided(str(n), right, p) for n, (p, right) in enumerate([(0.6, 1), (0.6, 0), (0.8, 0), *[(0.9, 1)] * 3])]
    points = fit("isotonic", found).points
    assert [x for x, _ in points] == pytest.approx([0.1, 1 / 3, 2 / 3, 0.9])
    assert [y for _, y in points] == pytest.approx([1 / 8, 1 / 2, 1 / 2, 7 / 8])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "found",
    [
        [],
        [sided("one", True, 0.8)],
        [sided(str(n), True, 1.0) for n in range(12)],
        [sided(str(n), False, 1.0) for n in range(12)],
        [sided(str(n), n % 2 == 0, 0.5) for n in range(12)],
        [said(str(n), n % 2 == 0, *shown(1.0, 0.0)) for n in range(12)],
        [said(str(n), True, *shown(None, None)) for n in range(12)],
    ],
    ids=["nothing", "one pair", "always right", "always wrong", "never sure", "always the first", "always failed"],
)
def test_whatever_the_judge_says_the_fit_is_a_map(method: Fitting, found: list[Judged]) -> None:
    calibration = fit(method, found)
    assert SLOPES[0] <= calibration.slope <= SLOPES[1] + 1e-9
    assert math.isfinite(calibration.bias)
    labeller = replace(LABELLER, calibration=calibration)
    label = labeller.labelled(pair("new").comparison, shown(0.9, 0.7))
    assert isinstance(label, Preference)
    assert 0.5 <= label.prob_a < 1, "no map turns a judge round, or makes it certain"


# Sixteenths: 1 - p is exact, so whatever is the same in theory is the same to the last bit.
SIXTEENTHS = st.integers(0, 16).map(lambda n: n / 16)


@settings(max_examples=25)
@given(st.lists(st.tuples(SIXTEENTHS, SIXTEENTHS, st.booleans()), min_size=2, max_size=30), st.randoms())
@pytest.mark.parametrize("method", METHODS)
def test_a_fit_depends_neither_on_which_reply_is_a_nor_on_the_order_of_pairs(
    method: Fitting, rows: list[tuple[float, float, bool]], random: Random
) -> None:
    found = [said(str(n), better, *shown(ab, ba)) for n, (ab, ba, better) in enumerate(rows)]
    other = [swapped(one) for one in found]
    random.shuffle(other)
    assert fit(method, other) == fit(method, found)


def test_no_pair_is_mapped_by_a_fit_that_saw_its_prompt() -> None:
    """People change their mind about one pair: the maps of all other folds change, that of its own does not."""
    found = [sided(str(n), n % 3 > 0, 0.9) for n in range(40)]
    last = Judged(replace(found[39].pair, better_is_a=not found[39].pair.better_is_a), found[39].label)
    before, after = (cross_validated(LABELLER, rows)["temperature"] for rows in (found, [*found[:39], last]))
    fold = {str(n): int(5 * fraction(["fold", str(n)])) for n in range(40)}
    unmoved = {
        there.pair.comparison.id for there, here in zip(before, after, strict=True) if there.prob_a == here.prob_a
    }
    assert unmoved == {name for name in fold if fold[name] == fold["39"]}
    assert len(set(fold.values())) == 5


def test_pairs_of_one_prompt_are_held_out_together() -> None:
    """Twenty pairs on one prompt and nothing else: no map may be fitted to any of them, so none changes a label."""
    found = [sided(str(n), n % 2 == 0, 0.9) for n in range(20)]
    one_prompt = [
        Judged(replace(one.pair, comparison=replace(one.pair.comparison, prompt_id="p")), one.label) for one in found
    ]
    for labels in cross_validated(LABELLER, one_prompt).values():
        assert {round(one.prob_a or 0.0, 9) for one in labels} == {0.9, 0.1}


def test_too_few_labels_are_not_cross_validated() -> None:
    assert cross_validated(LABELLER, [sided(str(n), True, 0.8) for n in range(9)]) == {}
    assert set(cross_validated(LABELLER, [sided(str(n), True, 0.8) for n in range(10)])) == set(METHODS)


def test_fitting_uses_each_cell_of_a_panel() -> None:
    """Two judges on each pair, one 0.9 sure and right, one 0.9 sure and wrong: nothing to be sure of."""
    verdicts = [Verdict("p", "", 0.9, "good", ask="pointwise"), Verdict("p", "", 0.1, "bad", ask="pointwise")]
    found = [said(str(n), True, *verdicts) for n in range(20)]
    assert fit("temperature", found).slope == pytest.approx(SLOPES[0], abs=1e-3)


def test_ece_and_brier_by_hand() -> None:
    """0.9 right, 0.9 wrong: gap |1.8 - 1|; 0.7 right: gap 0.3; 0.5: none. Over four: (0.8 + 0.3) / 4."""
    found = [sided("a", True, 0.9), sided("b", False, 0.9, False), sided("c", True, 0.7), sided("d", True, 0.5)]
    assert ece(found).value == pytest.approx(1.1 / 4)
    assert brier(found).value == pytest.approx((0.01 + 0.81 + 0.09 + 0.25) / 4)
    held = [(b.low, b.high, b.mean_prob, b.right.hits, b.right.n) for b in bins(found)]
    assert held == [(0.7, 0.8, pytest.approx(0.7), 1, 1), (0.9, 1.0, pytest.approx(0.9), 1, 2)]


def test_what_is_sure_is_in_the_last_bin() -> None:
    assert [(b.low, b.right.n) for b in bins([sided("a", True, 1.0), sided("b", False, 0.6)])] == [(0.6, 1), (0.9, 1)]


def test_the_error_and_its_interval_are_of_the_same_bins() -> None:
    """On an edge: 0.9 right and 1.0 wrong share a bin, where their gaps of -0.1 and 1 make one of 0.9."""
    found = [sided("a", True, 0.9), sided("b", False, 1.0)]
    assert ece(found).value == pytest.approx(0.45)
    confidence = np.array([max(one.prob_a or 0, 1 - (one.prob_a or 0)) for one in found])
    right = np.array([0.5 if one.names_a is None else float(one.right) for one in found])
    assert float(_ece(confidence, right)) == pytest.approx(ece(found).value)


def test_calibrated_probabilities_have_no_calibration_error() -> None:
    """Ten bins' worth of labels, each exactly as often right as it says."""
    found = [
        sided(f"{prob}-{n}", n < round(prob * 20), prob, n % 2 == 0)
        for prob in (0.55, 0.65, 0.75, 0.85, 0.95)
        for n in range(20)
    ]
    assert ece(found).value == pytest.approx(0, abs=1e-12)
    assert 0 <= ece(found).low <= ece(found).value < ece(found).high < 0.2


def test_an_overconfident_judge_is_mended_on_pairs_it_has_not_seen() -> None:
    """True probabilities, logits doubled: ECE falls when either map is fitted to other prompts."""
    found = []
    for n in range(600):
        true = 0.5 + 0.45 * fraction(["size", n])
        found.append(sided(str(n), fraction(["truth", n]) < true, logistic(3 * logit(true)), n % 2 == 0))
    raw = ece(found).value
    for method, unseen in cross_validated(LABELLER, found).items():
        assert ece(unseen).value < raw / 2, method


def test_the_clamp_comes_after_the_map() -> None:
    labeller = Labeller(
        PanelJudge(()), LAW, FeedbackSettings(clamp=(0.4, 0.6)), calibration=Calibration("temperature", slope=0.1)
    )
    label = labeller.labelled(pair("c").comparison, [Verdict("p", "", 0.9, "j", ask="pointwise")])
    assert label.prob_a == pytest.approx(logistic(0.1 * math.log(9)))  # type: ignore[union-attr]


def test_a_map_of_means_maps_each_verdict_where_a_clamp_follows() -> None:
    """logistic(0.5 logit 0.9) = 0.75 is clamped to 0.6, logistic(0.5 logit 0.2) = 1/3 to 0.4."""
    fitted = Calibration("temperature", slope=0.5)
    verdicts = [Verdict("p", "ab", 0.9, "j", ask="choice"), Verdict("p", "ba", 0.2, "j", ask="choice")]
    clamped = Labeller(PanelJudge(()), LAW, FeedbackSettings(clamp=(0.4, 0.6)), calibration=fitted)
    assert clamped.labelled(pair("c").comparison, verdicts).prob_a == 0.5  # type: ignore[union-attr]
    bare = Labeller(PanelJudge(()), LAW, FeedbackSettings(), calibration=fitted)
    assert bare.labelled(pair("c").comparison, verdicts).prob_a == pytest.approx(logistic(0.5 * logit(0.55)))  # type: ignore[union-attr]
