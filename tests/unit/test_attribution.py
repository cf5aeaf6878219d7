"""What each principle did in a run: numbers worked out by hand, and by brute force."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact

import solon.cli
from solon.constitution import Constitution
from solon.data.preferences import preference_row, preference_schema
from solon.data.tables import RowWriter, write_rows
from solon.errors import DataError
from solon.evaluation import attribute
from solon.evaluation.influence import influence
from solon.evaluation.oddities import CHANGED, DRAWN, Counted, against_expected, against_others
from solon.evaluation.shares import share_of
from solon.evaluation.verdicts import cells, read_verdicts
from solon.feedback import Labeller
from solon.feedback.calibration import Calibration
from solon.feedback.judges import PanelJudge
from solon.files import write_json
from solon.runs import Run
from solon.settings import FeedbackSettings
from solon.types import Comparison, Preference, Revision, Verdict

LAW = Constitution.model_validate(
    {
        "name": "three",
        "version": "1.2.0",
        "principles": [
            {"id": "kind", "text": "Be kind."},
            {"id": "true", "text": "Say what is true.", "weight": 3},
            {"id": "brief", "text": "Be brief.", "phases": "compare"},
        ],
    }
)


LABELLER = Labeller(PanelJudge(()), LAW)


def step(principle: str, before: str, revision: str, failure: str | None = None) -> dict[str, Any]:
    return asdict(Revision("p", "q", 0, principle, before, "?", "c", "!", revision, failure))


def verdict(principle: str, prob_a: float | None, order: str = "") -> Verdict:
    return Verdict(principle, order, prob_a, "judge", None if prob_a is not None else "unreadable: x")


def label(number: int, *verdicts: Verdict, revised: str = "") -> dict[str, Any]:
    """A labelled pair of the texts "x" (a) and "y" (b), as the pipeline stores it; `revised` is x, y or none."""
    pair = Comparison(str(number), "p", "q", "x", "y", "revision" if revised else "policy", revised)
    probs = [v.prob_a for v in verdicts if v.prob_a is not None]
    return preference_row(Preference(pair, sum(probs) / len(probs) if probs else 0.5, verdicts))


def make_run(folder: Path, steps: list[dict[str, Any]] | None, labels: list[dict[str, Any]] | None) -> Path:
    folder.mkdir(exist_ok=True)
    write_json(folder / "constitution.json", LAW.model_dump(mode="json"))
    if steps is not None:
        write_rows(folder / "sl_cai/revisions.parquet", steps)
    if labels is not None:
        write_rows(folder / "rl_cai/preferences.parquet", labels)
    return folder


STEPS = [
    step("kind", "abcd", " abcd\n"),  # only white space: unchanged
    step("kind", "ab", "cd"),  # nothing kept: distance 1
    step("kind", "ab", "", "empty"),
    step("true", "abcd", "abcx"),  # one deleted, one inserted, of 8: 0.25
    step("true", "abcd", "ab", "truncated"),
]


def test_revising_by_hand(tmp_path: Path) -> None:
    found = attribute(make_run(tmp_path, STEPS, None), LABELLER)
    kind, true, brief = found.principles
    assert kind.revising is not None
    assert (kind.revising.drawn, kind.revising.expected) == (3, 0.25)
    assert kind.revising.share == share_of(3, 5)
    assert kind.revising.failed == {"empty": 1}
    assert kind.revising.changed is not None
    # Wilson for 1 of 2: centre 1/2, half-width z sqrt(1/8 + z²/16) / (2 + z²) * 2.
    z = 1.959963984540054
    wide = z / (1 + z * z / 2) * math.sqrt(0.25 / 2 + z * z / 16)
    assert asdict(kind.revising.changed) == pytest.approx({"value": 0.5, "low": 0.5 - wide, "high": 0.5 + wide, "n": 2})
    assert (kind.revising.distance_changed, kind.revising.distance) == (1.0, 0.5)
    assert true.revising is not None
    assert (true.revising.drawn, true.revising.expected, true.revising.failed) == (2, 0.75, {"truncated": 1})
    assert (true.revising.distance_changed, true.revising.distance) == (0.25, 0.25)
    assert brief.revising is None  # compares only
    assert found.revising is not None
    assert (found.revising.drawn, found.revising.failed) == (5, {"empty": 1, "truncated": 1})
    assert found.revising.changed == share_of(2, 3)
    assert found.revising.distance_changed == pytest.approx(1.25 / 2)
    assert found.revising.distance == pytest.approx(1.25 / 3)
    assert found.comparing is found.labels is None


def test_a_principle_that_was_never_drawn_is_zero(tmp_path: Path) -> None:
    found = attribute(make_run(tmp_path, STEPS[3:], None), LABELLER).by_id["kind"].revising
    assert found is not None
    assert (found.drawn, found.expected, found.changed, found.distance) == (0, 0.25, None, None)
    assert found.share is not None
    assert found.share.value == 0


def both(principle: str, ab: float | None, ba: float | None) -> tuple[Verdict, Verdict]:
    return verdict(principle, ab, "ab"), verdict(principle, ba, "ba")


def test_comparing_by_hand(tmp_path: Path) -> None:
    rows = [
        label(1, *both("kind", 0.9, 0.2), revised="x"),  # 0.55: turned by the order; the revision wins
        label(2, *both("kind", 0.5, 0.1), revised="x"),  # 0.30: 0.5 prefers neither, no flip; the draft wins
        label(3, *both("kind", 0.8, 0.7), revised="y"),  # 0.75: the draft wins
        label(4, *both("true", 0.6, 0.8)),
    ]
    found = attribute(make_run(tmp_path, None, rows), LABELLER)
    kind, true, brief = (p.comparing for p in found.principles)
    assert kind is not None
    assert (kind.labels, kind.share, kind.expected) == (3, share_of(3, 4), 0.2)
    assert (kind.verdicts, kind.failed) == (6, 0)
    assert kind.confidence == pytest.approx((0.55 + 0.70 + 0.75) / 3)
    assert kind.flips == share_of(1, 3)
    assert kind.prefers_revision == share_of(1, 3)
    assert true is not None
    assert (true.flips, true.prefers_revision) == (share_of(0, 1), None)
    assert brief is not None
    assert (brief.labels, brief.verdicts, brief.confidence, brief.flips) == (0, 0, None, None)
    assert found.comparing is not None
    assert (found.comparing.labels, found.comparing.verdicts, found.comparing.flips) == (4, 8, share_of(1, 4))
    assert found.revising is None
    assert all(p.revising is None for p in found.principles)


def test_a_judge_that_sees_no_order_has_no_flips(tmp_path: Path) -> None:
    rows = [label(1, verdict("kind", 0.9)), label(2, verdict("kind", 0.2)), label(3, verdict("true", 0.6, "ab"))]
    found = attribute(make_run(tmp_path, None, rows), LABELLER)
    assert found.comparing is not None
    assert found.comparing.flips is None
    assert found.by_id["true"].comparing is not None
    assert found.by_id["true"].comparing.flips is None  # one order alone tells nothing


def test_unreadable_verdicts_are_counted_and_never_averaged(tmp_path: Path) -> None:
    rows = [label(1, *both("kind", 0.9, None)), label(2, verdict("true", None)), label(3)]
    found = attribute(make_run(tmp_path, None, rows), LABELLER)
    kind, true = found.by_id["kind"].comparing, found.by_id["true"].comparing
    assert kind is not None
    # One order failed: no label can rest on the other, which carries the order's bias.
    assert (kind.labels, kind.verdicts, kind.failed, kind.confidence, kind.flips) == (0, 2, 1, None, None)
    assert true is not None
    assert (true.labels, true.verdicts, true.failed, true.confidence) == (0, 1, 1, None)
    assert found.labels is not None
    assert (found.labels.total, found.labels.unjudged) == (3, 3)


ENSEMBLE = [
    label(1, verdict("kind", 0.9), verdict("true", 0.2), revised="x"),  # 0.55
    label(2, verdict("kind", 0.7), verdict("true", 0.6), revised="x"),  # 0.65
    label(3, verdict("kind", 0.8), revised="x"),
]


def test_influence_of_an_ensemble_by_hand(tmp_path: Path) -> None:
    found = attribute(make_run(tmp_path, None, ENSEMBLE), LABELLER)
    kind, true = found.by_id["kind"].influence, found.by_id["true"].influence
    assert kind is not None
    assert (kind.lost, kind.shared, kind.turned) == (1, 2, share_of(1, 2))  # 0.55 → 0.2, 0.65 → 0.6
    assert kind.moved == pytest.approx((0.35 + 0.05) / 2)
    # With it the mean of 0.55, 0.65, 0.8; without it that of 0.2, 0.6.
    assert kind.shift is not None
    assert kind.shift.value == pytest.approx(2 / 3 - 0.4)
    # Parts of the linearised difference: (x − 2/3) − left (y − 0.4) 3/2.
    parts = [0.55 - 2 / 3 + 0.3, 0.65 - 2 / 3 - 0.3, 0.8 - 2 / 3]
    wide = 1.959963984540054 * math.sqrt(sum(p * p for p in parts) / 6)
    assert (kind.shift.low, kind.shift.high) == pytest.approx((4 / 15 - wide, 4 / 15 + wide))
    assert true is not None
    assert (true.lost, true.shared, true.turned) == (0, 2, share_of(0, 2))  # 0.55 → 0.9, 0.65 → 0.7
    assert true.moved == pytest.approx(0.2)
    assert true.shift is not None
    assert true.shift.value == pytest.approx(2 / 3 - 0.8)
    assert found.by_id["brief"].influence is None
    assert found.labels is not None
    assert (found.labels.several, found.labels.sided) == (2, 3)
    assert found.labels.revision_preferred is not None
    assert found.labels.revision_preferred.value == pytest.approx(2 / 3)
    assert all(p.comparing is None or p.comparing.expected is None for p in found.principles)


def test_one_principle_for_each_label_loses_and_shifts(tmp_path: Path) -> None:
    rows = [
        label(1, verdict("kind", 0.9), revised="x"),
        label(2, verdict("true", 0.9), revised="y"),
        label(3, verdict("true", 0.3), revised="x"),
        label(4, verdict("true", 0.3)),
    ]
    found = attribute(make_run(tmp_path, None, rows), LABELLER).by_id
    kind, true = found["kind"].influence, found["true"].influence
    assert kind is not None
    assert (kind.lost, kind.shared, kind.moved, kind.turned) == (1, 0, None, None)
    assert kind.shift is not None
    assert kind.shift.value == pytest.approx((0.9 + 0.1 + 0.3) / 3 - 0.2)
    assert true is not None
    assert true.lost == 3
    assert true.shift is not None
    assert true.shift.value == pytest.approx((0.9 + 0.1 + 0.3) / 3 - 0.9)


def test_nothing_left_without_a_principle_is_no_shift(tmp_path: Path) -> None:
    rows = [label(n, verdict("kind", 0.9), revised="x") for n in range(3)]
    found = attribute(make_run(tmp_path, None, rows), LABELLER).by_id["kind"].influence
    assert found is not None
    assert (found.lost, found.shift) == (3, None)


NAMES = ("kind", "true", "brief")
PROBS = st.sampled_from([0.01, 0.21, 0.4, 0.42, 0.5, 0.55, 0.7, 0.93, 0.99, None])
ASKED = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from([("judge", "choice"), ("judge", "chain_of_thought"), ("other", "pointwise")]),
        st.tuples(PROBS, PROBS),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda one: one[:2],
)
SETTINGS = st.builds(
    FeedbackSettings,
    clamp=st.sampled_from(["auto", "none", (0.2, 0.8)]),
    combine=st.sampled_from(["mean", "trimmed_mean", "vote"]),
    labels=st.sampled_from(["soft", "hard"]),
)
MAPS = st.sampled_from(
    [
        Calibration(),
        Calibration("temperature", 0.5),
        Calibration("platt", 0.8, 0.6),
        Calibration("isotonic", points=((0.2, 0.3), (0.5, 0.5), (0.8, 0.7))),
    ]
)


def _said(asked: list[tuple[str, tuple[str, str], tuple[float | None, float | None]]]) -> tuple[Verdict, ...]:
    """Both orders of each principle and judge; a pointwise judge sees none."""
    said = []
    for principle, (judge, ask), probs in asked:
        for order, prob in [("", probs[0])] if ask == "pointwise" else zip(("ab", "ba"), probs, strict=True):
            said.append(Verdict(principle, order, prob, judge, None if prob is not None else "refused: no", ask=ask))
    return tuple(said)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ASKED, min_size=1, max_size=6), SETTINGS, MAPS, st.randoms(use_true_random=False))
def test_influence_is_what_the_labeller_makes_of_the_rest(
    tmp_path: Path, asked: list[Any], settings: FeedbackSettings, fitted: Calibration, random: Any
) -> None:
    """Every label by `Labeller.labelled`, with all verdicts and without those of one principle."""
    labeller = Labeller(PanelJudge(()), LAW, settings, calibration=fitted)
    made = []
    for n, one in enumerate(asked):
        pair = Comparison(str(n), "p", "q", "x", "y", "revision", random.choice("xy"))
        made.append(labeller.labelled(pair, _said(one)))
    labels = [label for label in made if isinstance(label, Preference)]
    with RowWriter(tmp_path / "labels.parquet", preference_schema()) as writer:
        writer.append([preference_row(label) for label in labels])
    v = read_verdicts(tmp_path / "labels.parquet", LAW.by_id)
    c = cells(v, labeller)
    assert c.whole.tolist() == [label.prob_a for label in labels]
    assert v.stored.tolist() == pytest.approx([label.prob_a for label in labels])
    found = influence(v, c)
    for left_out in NAMES:
        touched = [label for label in labels if any(verdict.principle == left_out for verdict in label.verdicts)]
        if not touched:
            assert left_out not in found
            continue
        rest = [_without(labeller, label, left_out) for label in touched]
        shared = [(label.prob_a, p) for label, p in zip(touched, rest, strict=True) if p is not None]
        assert (found[left_out].lost, found[left_out].shared) == (rest.count(None), len(shared))
        if shared:
            assert found[left_out].moved == pytest.approx(sum(abs(p - q) for p, q in shared) / len(shared))
            assert found[left_out].turned == share_of(sum((p >= 0.5) != (q >= 0.5) for p, q in shared), len(shared))
        shift = found[left_out].shift
        if shift is not None:
            before = [_better(label, label.prob_a) for label in labels]
            after = [_better(label, p) for label in labels if (p := _without(labeller, label, left_out)) is not None]
            assert shift.value == pytest.approx(sum(before) / len(before) - sum(after) / len(after))


def _without(labeller: Labeller, label: Preference, principle: str) -> float | None:
    rest = [verdict for verdict in label.verdicts if verdict.principle != principle]
    again = labeller.labelled(label.comparison, rest)
    return again.prob_a if isinstance(again, Preference) else None


def _better(label: Preference, prob_a: float) -> float:
    return prob_a if label.comparison.revised == "x" else 1 - prob_a


def test_the_interval_of_a_shift_is_that_of_the_bootstrap(tmp_path: Path) -> None:
    """Resampling labels and leaving the principle out of each sample gives the same spread."""
    rng = np.random.default_rng(1)
    n = 400
    prob = np.clip(rng.normal(0.6, 0.2, (n, 2)), 0, 1)
    given = np.stack([rng.random(n) < 0.4, rng.random(n) < 0.7], axis=1)
    given[~given.any(axis=1), 1] = True
    rows = [
        label(i, *(verdict(name, prob[i, k]) for k, name in enumerate(("kind", "true")) if given[i, k]), revised="x")
        for i in range(n)
    ]
    shift = attribute(make_run(tmp_path, None, rows), LABELLER).by_id["kind"].influence.shift
    assert shift is not None
    means = (prob * given).sum(axis=1) / given.sum(axis=1)
    values = []
    for _ in range(2000):
        sample = rng.integers(0, n, n)
        values.append(means[sample].mean() - prob[sample, 1][given[sample, 1]].mean())
    low, high = np.quantile(values, [0.025, 0.975])
    assert (shift.low, shift.high) == pytest.approx((low, high), abs=0.05 * (high - low))


def test_leaving_one_out_goes_by_the_runs_settings(solon_cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A judge that reasons is clamped verdict by verdict: 0.6, 0.4 and (0.6 + 0.4) / 2."""
    said = [*both("kind", 0.95, 0.9), *both("true", 0.1, 0.3), *both("brief", 0.9, 0.2)]
    said = [replace(one, ask="chain_of_thought") for one in said]
    labeller = Labeller(PanelJudge(()), LAW, FeedbackSettings(ask="chain_of_thought"))
    rows = [preference_row(labeller.labelled(Comparison(str(n), "p", "q", "x", "y"), said)) for n in range(4)]
    assert (rows[0]["prob_chosen"], rows[0]["principle_agreement"]) == (0.5, 0.0)
    run = make_run(tmp_path / "run", None, rows)
    (run / "recipe.yaml").write_text("rl_cai: {feedback: {ask: chain_of_thought}}\n")
    _, out, _ = solon_cli(run, "--json")
    told = json.loads(out)
    moved = {one["id"]: one["influence"]["moved"] for one in told["principles"]}
    assert moved == pytest.approx({"kind": 0.05, "true": 0.05, "brief": 0.0})
    assert told["labels"]["other"] == 0
    (run / "recipe.yaml").write_text("rl_cai: {feedback: {ask: chain_of_thought, clamp: none}}\n")
    assert "4 made under other settings than the run has now" in " ".join(solon_cli(run)[1].split())
    (run / "recipe.yaml").write_text("rl_cai: {feedback: {combine: median}}\n")
    code, _, err = solon_cli(run)
    assert (code, err.count("\n")) == (2, 1)
    assert "rl_cai.feedback: combine" in err


def test_an_exact_tie_is_not_turned_by_rounding(tmp_path: Path) -> None:
    assert (0.3 + 0.9 + 0.6 + 0.4) - (0.3 + 0.9) < 0.6 + 0.4
    rows = [label(1, *both("kind", 0.3, 0.9), *both("true", 0.6, 0.4))]
    found = attribute(make_run(tmp_path, None, rows), LABELLER).by_id["kind"].influence
    assert found is not None
    assert found.turned == share_of(0, 1)  # 0.55 → 0.5: response_a before and after


def test_principles_that_the_constitution_lacks_follow_marked(tmp_path: Path) -> None:
    rows = [label(1, verdict("zeal", 0.9)), label(2, verdict("kind", 0.9))]
    found = attribute(make_run(tmp_path, [*STEPS, step("bold", "a", "b")], rows), LABELLER)
    assert [(p.id, p.known) for p in found.principles] == [
        ("kind", True),
        ("true", True),
        ("brief", True),
        ("bold", False),
        ("zeal", False),
    ]
    bold, zeal = found.by_id["bold"], found.by_id["zeal"]
    assert bold.revising is not None
    assert (bold.revising.drawn, bold.revising.expected, bold.comparing) == (1, None, None)
    assert zeal.comparing is not None
    assert (zeal.comparing.labels, zeal.comparing.expected, zeal.revising) == (1, None, None)


def test_draws_are_expected_by_what_the_pairs_are_about(tmp_path: Path) -> None:
    """Three of four pairs are about honesty, which one principle of three is of; weights 1, 3 and 1."""
    named = {"kind": "own", "true": "honest", "brief": "own"}
    principles = [{**p.model_dump(), "aim": named[p.id]} for p in LAW.principles]
    labeller = Labeller(PanelJudge(()), Constitution.model_validate({**LAW.model_dump(), "principles": principles}))
    rows = [label(n, verdict("true", 0.9)) | {"aim": "honest" if n else ""} for n in range(4)]
    found = attribute(make_run(tmp_path, None, rows), labeller).by_id
    expected = {name: one.comparing.expected for name, one in found.items() if one.comparing}
    assert expected == pytest.approx({"kind": 0.25 * 0.2, "true": 0.75 + 0.25 * 0.6, "brief": 0.25 * 0.2})


def test_files_without_rows_are_no_error(tmp_path: Path) -> None:
    found = attribute(make_run(tmp_path, [], []), LABELLER)
    assert found.revising is not None
    assert (found.revising.drawn, found.revising.share, found.revising.changed) == (0, None, None)
    assert found.labels is not None
    assert (found.labels.total, found.labels.revision_preferred) == (0, None)
    assert found.oddities == ()


def test_labels_without_a_verdict_are_counted(tmp_path: Path) -> None:
    rows = [preference_row(Preference(Comparison(str(n), "p", "q", "x", "x", "revision", "x"), 0.5)) for n in range(3)]
    assert [row["revised_chosen"] for row in rows] == [None] * 3
    found = attribute(make_run(tmp_path, None, rows), LABELLER)
    assert found.labels is not None
    assert (found.labels.total, found.labels.unjudged, found.labels.sided) == (3, 3, 0)


def test_labels_that_do_not_say_which_is_the_revision(tmp_path: Path) -> None:
    rows = [{k: v for k, v in row.items() if k != "revised_chosen"} for row in ENSEMBLE]
    found = attribute(make_run(tmp_path, None, rows), LABELLER)
    assert found.labels is not None
    assert (found.labels.sided, found.labels.revision_preferred) == (0, None)
    kind = found.by_id["kind"]
    assert kind.influence is not None
    assert kind.comparing is not None
    assert kind.influence.shift is kind.comparing.prefers_revision is None
    assert kind.influence.moved == pytest.approx(0.2)


@pytest.mark.parametrize(("revised", "prob_a", "chosen"), [("x", 0.8, True), ("y", 0.8, False), ("", 0.8, None)])
def test_a_row_says_whether_the_revision_was_chosen(revised: str, prob_a: float, chosen: bool | None) -> None:
    assert label(1, verdict("kind", prob_a), revised=revised)["revised_chosen"] is chosen


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    run = make_run(tmp_path, None, None)
    with pytest.raises(DataError, match=r"neither sl_cai/revisions\.parquet nor .*; run the recipe first"):
        attribute(run, LABELLER)
    write_rows(run / "sl_cai/revisions.parquet", [{"principle": "kind"}])
    with pytest.raises(DataError, match="has no column 'before'"):
        attribute(run, LABELLER)
    (run / "sl_cai/revisions.parquet").write_bytes(b"PAR1 but no more")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        attribute(run, LABELLER)


def test_only_the_principle_that_stands_out_is_named() -> None:
    found = [Counted("odd", 12, 100), Counted("b", 80, 100), Counted("c", 82, 100), Counted("d", 78, 100)]
    (odd,) = against_others(CHANGED, found)
    # The smallest of four p-values, corrected: times four.
    p = fisher_exact([[12, 88], [240, 60]]).pvalue
    assert odd.p == pytest.approx(4 * p)
    assert (odd.principle, odd.what, odd.share, odd.others, odd.n) == ("odd", "changed", 0.12, 0.8, 100)
    assert odd.text == "odd changes the text in 12% of its revisions; the others in 80% (n = 100, p < 0.001)"


def test_chance_and_gaps_that_do_not_matter_are_let_be() -> None:
    assert not against_others(CHANGED, [Counted("a", 1, 4), Counted("b", 3, 4), Counted("c", 3, 4)])
    large = [Counted("a", 75_000, 100_000), Counted("b", 80_000, 100_000), Counted("c", 80_000, 100_000)]
    assert not against_others(CHANGED, large)
    assert not against_others(CHANGED, [Counted("alone", 0, 100), Counted("none", 0, 0)])
    assert not against_expected(DRAWN, [Counted("a", 52_000, 1_000_000, 0.05)])
    (odd,) = against_expected(DRAWN, [Counted("a", 300, 1000, 0.2), Counted("b", 210, 1000, 0.2)])
    assert odd.text.startswith("a was drawn for 30% of the critiques, expected 20%")


@pytest.fixture
def solon_cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Run the command line in this process: (exit code, stdout, stderr)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["solon", "constitution", "stats", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            solon.cli.main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return run


def _cells(out: str, heading: str) -> dict[str, list[str]]:
    """The rows of one table, by principle."""
    lines = out.split(f"\n{heading}  ")[1].split("\n\n")[0].splitlines()[2:]
    return {line.split()[0]: line.split() for line in lines if line[:1].islower()}


def test_the_tables_hold_the_numbers(solon_cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = solon_cli(make_run(tmp_path / "run", [*STEPS, step("bold", "a", "b")], ENSEMBLE))
    assert code == 0
    assert max(map(len, out.splitlines())) <= 100
    assert out.startswith(f"three 1.2.0 in {tmp_path / 'run'}\n")
    assert "Revisions  6 steps, failed: 1 empty, 1 truncated" in out
    drawn = _cells(out, "Revisions")
    assert drawn["kind"] == ["kind", "3", "50.0", "[18.8,", "81.2]", "25.0", "1", "50%", "[9,", "91]", "1.00", "0.50"]
    assert drawn["bold"][:3] == ["bold", "*", "1"]
    assert drawn["all"][:3] == ["all", "6", "2"]
    assert _cells(out, "Labels")["true"][:5] == ["true", "2", "66.7", "[20.8,", "93.9]"]
    assert _cells(out, "Influence")["kind"][:5] == ["kind", "1", "2", "0.200", "50%"]
    assert "+26.67 [" in out
    assert "* not in the run's constitution, which was edited since: bold" in out
    assert "Each label rests on one principle" not in out


def test_one_line_explains_single_principles(solon_cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    rows = [label(1, verdict("kind", 0.9)), label(2, verdict("true", 0.2))]
    _, out, _ = solon_cli(make_run(tmp_path / "run", None, rows))
    assert "Each label rests on one principle: leaving it out loses its labels" in out
    assert "No label says which reply is the revision" in out
    assert _cells(out, "Influence")["kind"] == ["kind", "1", "0", "–", "–", "–"]
    assert "Revisions" not in out


def test_json_holds_everything_in_the_order_asked_for(solon_cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run = make_run(tmp_path / "run", STEPS, ENSEMBLE)
    _, out, _ = solon_cli(run, "--json", "--sort", "changed")
    said = json.loads(out)
    assert list(said) == [
        "run", "constitution", "principles", "revising", "comparing", "labels", "oddities",
    ]  # fmt: skip
    assert said["constitution"] == {"name": "three", "version": "1.2.0"}
    assert [p["id"] for p in said["principles"]] == ["true", "kind", "brief"]
    assert said["principles"][1]["revising"]["failed"] == {"empty": 1}
    assert said["principles"][1]["influence"]["shift"]["value"] == pytest.approx(4 / 15)


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("drawn", ["kind", "true", "brief"]),
        ("flip", ["true", "kind", "brief"]),
        ("labels", ["true", "kind", "brief"]),
        # Without kind the mean goes from 0.583 to 0.45, without true to 0.85.
        ("influence", ["true", "kind", "brief"]),
    ],
)
def test_sorting(solon_cli, tmp_path: Path, sort: str, order: list[str]) -> None:  # type: ignore[no-untyped-def]
    rows = [
        label(1, *both("kind", 0.9, 0.8), revised="x"),
        label(2, *both("true", 0.9, 0.1), revised="x"),
        label(3, *both("true", 0.4, 0.4), revised="x"),
    ]
    _, out, _ = solon_cli(make_run(tmp_path / "run", STEPS, rows), "--json", "--sort", sort)
    assert [p["id"] for p in json.loads(out)["principles"]] == order


def test_a_running_run_can_be_looked_at(solon_cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run = make_run(tmp_path / "run", STEPS, None)
    with Run(run).locked():
        before = sorted(run.rglob("*"))
        code, out, _ = solon_cli(run)
        assert sorted(run.rglob("*")) == before
    assert code == 0
    assert "Revisions  5 steps" in out
    assert "Labels" not in out


def test_mistakes_are_one_line(solon_cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for folder, said in (
        (tmp_path / "none", "stats: no such folder"),
        (tmp_path, "holds no run (no constitution.json)"),
        (make_run(tmp_path / "run", None, None), "neither sl_cai/revisions.parquet nor rl_cai/preferences.parquet yet"),
    ):
        code, _, err = solon_cli(folder)
        assert code == 2
        assert said in err
        assert len(err.splitlines()) == 1
