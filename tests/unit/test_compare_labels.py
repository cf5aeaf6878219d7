"""Two label sets side by side: matched by content, counted by hand, whichever reply is called A."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solon.feedback.comparing import EXCERPT, Comparing, Label, compare_labels, label_of
from solon.types import Comparison, user


def pair(n: int, **more: Any) -> Comparison:
    return Comparison(f"p{n}", f"q{n}", f"What of {n}?", f"one {n}", f"other {n}", **more)


def swapped(c: Comparison) -> Comparison:
    return replace(c, response_a=c.response_b, response_b=c.response_a)


def labels(*probs: float | None, **more: str) -> list[Label]:
    return [label_of(pair(n), prob, **more) for n, prob in enumerate(probs)]


def test_agreement_is_counted_by_hand() -> None:
    found = compare_labels(labels(0.9, 0.8, 0.3, 0.5, 0.6), labels(0.7, 0.1, 0.2, 0.5, 0.5))
    # The second pair falls on the other side, the fifth on none.
    assert (found.agreement.hits, found.agreement.n) == (3, 5)
    assert found.agreement.low < 0.6 < found.agreement.high
    assert [pair.a.id for pair in found.apart] == ["p1", "p4"]  # the largest gap first
    assert found.apart[0].gap == pytest.approx(0.7)


def test_alpha_is_krippendorffs() -> None:
    """Two raters, ten units, 15 and 5 of the values, one disagreement: 1 - 19 · 2 / (2 · 15 · 5)."""
    a, b = [1.0] * 7 + [0.0] * 3, [1.0] * 8 + [0.0] * 2
    found = compare_labels(oriented(a), oriented(b))
    assert found.alpha is not None
    assert found.alpha.value == pytest.approx(1 - 19 * 2 / (2 * 15 * 5))
    assert found.alpha.low < found.alpha.value <= found.alpha.high
    assert found.alpha_prob is not None
    assert found.alpha_prob.value == pytest.approx(found.alpha.value)  # of two values, distance says nothing more
    assert found.correlation == pytest.approx(0.7638, abs=1e-4)


def oriented(probs: list[float]) -> list[Label]:
    """Labels of which `probs` are P(first better), which is how raters see them."""
    made = [label_of(pair(n), 1.0) for n in range(len(probs))]
    return [replace(label, prob=prob) for label, prob in zip(made, probs, strict=True)]


def test_distance_counts_for_probabilities_and_not_for_sides() -> None:
    sure = compare_labels(oriented([0.9, 0.1, 0.9, 0.1]), oriented([0.95, 0.05, 0.9, 0.1]))
    unsure = compare_labels(oriented([0.9, 0.1, 0.9, 0.1]), oriented([0.55, 0.45, 0.6, 0.4]))
    assert sure.alpha is not None
    assert unsure.alpha is not None
    assert sure.alpha.value == unsure.alpha.value == 1
    assert sure.alpha_prob is not None
    assert unsure.alpha_prob is not None
    assert sure.alpha_prob.value > 0.98 > 0.6 > unsure.alpha_prob.value


def test_where_nothing_varies_there_is_no_alpha() -> None:
    found = compare_labels(oriented([1.0, 1.0]), oriented([1.0, 1.0]))
    assert (found.alpha, found.alpha_prob, found.correlation) == (None, None, None)
    assert found.agreement.value == 1


EXACT = st.integers(0, 16).map(lambda n: n / 16)  # 1 - p is exact


@settings(max_examples=20)
@given(st.lists(st.tuples(EXACT, EXACT, st.booleans()), min_size=1, max_size=8))
def test_it_does_not_matter_which_reply_is_called_a(rows: list[tuple[float, float, bool]]) -> None:
    a = [label_of(pair(n), p) for n, (p, _, _) in enumerate(rows)]
    b = [label_of(pair(n), q) for n, (_, q, _) in enumerate(rows)]
    turned = [label_of(swapped(pair(n)), 1 - q) if turn else b[n] for n, (_, q, turn) in enumerate(rows)]
    assert turned == b
    assert compare_labels(a, turned) == compare_labels(a, b)


def test_comparing_is_the_same_from_either_side() -> None:
    a, b = labels(0.9, 0.8, 0.3), labels(0.7, 0.1, 0.6, 0.2)
    there, back = compare_labels(a, b), compare_labels(b, a)
    assert there.agreement == back.agreement
    assert there.alpha == back.alpha
    assert (there.only_a, there.only_b) == (back.only_b, back.only_a) == (0, 1)


def test_pairs_are_matched_by_content_not_by_id() -> None:
    c = pair(1, context=(user("before"),))
    found = compare_labels(
        [label_of(pair(0), 0.9), label_of(c, 0.9)],
        [label_of(replace(pair(0), id="other name"), 0.9), label_of(pair(1), 0.9), label_of(pair(2), 0.1)],
    )
    assert [(one.a.id, one.b.id) for one in found.both] == [("p0", "other name")]
    assert (found.only_a, found.only_b) == (1, 2)  # another conversation is another pair


def test_equal_contents_are_matched_by_id_and_then_in_order() -> None:
    def named(*names: str) -> list[Label]:
        return [label_of(replace(pair(0), id=name), n / 10) for n, name in enumerate(names)]

    found = compare_labels(named("x", "y", "z"), named("z", "w", "x", "v", "u"))
    assert {(one.a.id, one.b.id) for one in found.both} == {("x", "x"), ("z", "z"), ("y", "w")}
    assert (found.only_a, found.only_b) == (0, 2)


def test_equal_replies_and_missing_labels_are_left_out_and_counted() -> None:
    equal = replace(pair(9), response_b=pair(9).response_a)
    a = [*labels(0.9, None, 0.2), label_of(equal, 0.5)]
    found = compare_labels(a, [*labels(0.8, 0.9, None), label_of(equal, 0.5)])
    assert (len(found.both), found.identical, found.unlabelled) == (1, 1, 2)
    assert found.agreement.n == 1


def test_groups_are_by_what_either_set_says() -> None:
    a = [label_of(pair(n, source="web"), 0.9, principle="kind" if n else "true", aim="harmless") for n in range(3)]
    b = [label_of(pair(n), 0.9 if n else 0.1, principle="kind") for n in range(3)]
    found = compare_labels(a, b)
    assert {name: (share.hits, share.n) for name, share in found.by("source").items()} == {"web": (2, 3)}
    assert {name: (share.hits, share.n) for name, share in found.by("principle").items()} == {
        "kind": (2, 2),
        "true / kind": (0, 1),
    }
    assert list(found.by("aim")) == ["harmless"]
    assert compare_labels(labels(0.9), labels(0.9)).by("principle") == {}


def test_texts_are_kept_as_excerpts() -> None:
    long = replace(pair(0), prompt="p" * 9999, response_a="a" * 9999)
    label = label_of(long, 0.9)
    assert max(map(len, (label.prompt, label.first, label.second))) == EXCERPT


def test_as_dict_is_json_and_shows_the_largest_gaps() -> None:
    found = compare_labels(labels(0.9, 0.6, 0.7), labels(0.1, 0.4, 0.1))
    plain = json.loads(json.dumps(found.as_dict(shown=2)))
    assert [row["id"] for row in plain["apart"]] == ["p0", "p2"]
    assert plain["agreement"]["n"] == 3
    assert isinstance(found, Comparing)


# --- the command ---------------------------------------------------------------------------------------------

Solon = Callable[..., tuple[int, str, str]]


def write(path: Path, wrong: set[int], count: int = 8, **more: Any) -> Path:
    """`count` pairs, of which `wrong` ones prefer the rash reply; HTML and markup in them."""
    rows = []
    for n in range(count):
        good, rash = f"Gently [bold]{n}[/]", f"<b>Rashly</b> {n}"
        chosen, rejected = (rash, good) if n in wrong else (good, rash)
        rows.append({"prompt": f"Case {n}?", "chosen": chosen, "rejected": rejected, **more})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_files_of_any_format_are_compared(tmp_path: Path, solon_cli: Solon) -> None:
    a = write(tmp_path / "a.jsonl", {0}, category="[red]tone[/]")
    solon_cli("data", "convert", write(tmp_path / "b.jsonl", {0, 1, 2}), tmp_path / "b.parquet", "--to", "hh")
    out = tmp_path / "apart.jsonl"
    code, said, err = solon_cli("label", "compare", a, tmp_path / "b.parquet", "--out", out)
    assert code == 0, err
    assert "75% [" in said
    assert "[red]tone[/]" in said
    assert "2 disagreements" in said
    apart = [json.loads(line) for line in out.read_text().splitlines()]
    assert {row["prompt"] for row in apart} == {"Case 1?", "Case 2?"}
    assert all(row["gap"] == 1 and not row["agree"] for row in apart)
    code, said, _ = solon_cli("label", "compare", a, tmp_path / "b.parquet", "--json")
    assert json.loads(said)["agreement"]["hits"] == 6


def test_folders_of_labels_are_compared_with_the_file_that_was_labelled(tmp_path: Path, solon_cli: Solon) -> None:
    (tmp_path / "wise.yaml").write_text(
        'name: wise\nrules: [{match: "(?s)<reply-a.*Gently.*<reply-b", probs: [0.9, 0.1]}, '
        '{match: "Gently", probs: [0.1, 0.9]}]\n'
    )
    file = write(tmp_path / "pairs.jsonl", {3}, category="tone")
    code, _, err = solon_cli("label", file, "--model", f"script:{tmp_path / 'wise.yaml'}", "--out", tmp_path / "out")
    assert code == 0, err
    (tmp_path / "run").mkdir()
    (tmp_path / "out").rename(tmp_path / "run/rl_cai")
    code, said, err = solon_cli("label", "compare", tmp_path / "run", file, "--json")
    assert code == 0, err
    found = json.loads(said)
    assert (found["pairs"], found["agreement"]["hits"]) == (8, 7)
    assert list(found["by"]["aim"]) == ["tone"]
    assert found["by"]["principle"]
    assert found["apart"][0]["prompt"] == "Case 3?"


def test_sets_that_share_nothing_and_folders_without_labels_are_one_line(tmp_path: Path, solon_cli: Solon) -> None:
    a = write(tmp_path / "a.jsonl", set())
    (tmp_path / "b.jsonl").write_text('{"prompt": "x", "chosen": "y", "rejected": "z"}\n')
    for other, said in ((tmp_path / "b.jsonl", "share no pair"), (tmp_path, "holds no preferences.parquet")):
        code, _, err = solon_cli("label", "compare", a, other)
        assert code == 2
        assert said in err
        assert err.count("\n") == 1
