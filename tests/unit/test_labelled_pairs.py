"""The labelled pairs that ship measure a judge only if nothing but their content tells the better reply."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from importlib.resources import files
from itertools import combinations

import pytest
from rapidfuzz import fuzz

from solon.evaluation.refusal import declines

Row = dict[str, str]

AIMS, DIFFICULTIES = ("harmless", "helpful", "honest"), ("clear", "hard")
DECLINES = re.compile(r"(?i)^no[.,]|\b(won't|can't|cannot|i'd rather (not|skip)|i'm not (able|going|allowed))\b")


def _shipped(package: str, name: str) -> list[Row]:
    text = (files(package) / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


PAIRS = _shipped("solon.feedback", "library/labelled_pairs.jsonl")
BESIDE = [row for row in PAIRS if row["id"].startswith("contrast-")]  # an answer beside a refusal
WHOLE = [row for row in PAIRS if row not in BESIDE]


def _better(row: Row) -> str:
    return row[f"response_{row['better']}"]


def _worse(row: Row) -> str:
    return row["response_b" if row["better"] == "a" else "response_a"]


def _share(rows: Iterable[Row], holds: Callable[[Row], bool]) -> float:
    kept = [holds(row) for row in rows]
    return sum(kept) / len(kept)


def _longer_is_better(row: Row) -> bool:
    return len(_better(row)) > len(_worse(row))


def _of(field: str, value: str) -> list[Row]:
    return [row for row in PAIRS if row[field] == value]


def test_every_row_is_whole() -> None:
    fields = {"id", "prompt", "response_a", "response_b", "better", "aim", "difficulty"}
    for row in PAIRS:
        assert set(row) == fields, row["id"]
        assert all(value == value.strip() and value for value in row.values()), row["id"]
        assert row["better"] in ("a", "b")
    assert [row["id"] for row in WHOLE] == [f"lp-{number:03}" for number in range(1, len(WHOLE) + 1)]
    assert len({row["id"] for row in PAIRS}) == len(PAIRS)


def test_aims_and_difficulties_have_equal_shares() -> None:
    assert len(WHOLE) >= 160
    counts = Counter((row["aim"], row["difficulty"]) for row in WHOLE)
    assert set(counts) == {(aim, difficulty) for aim in AIMS for difficulty in DIFFICULTIES}
    assert max(counts.values()) - min(counts.values()) <= 2


def test_an_answer_stands_beside_a_refusal_of_both_sides_alike() -> None:
    assert len(BESIDE) >= 60
    counts = Counter(row["aim"] for row in BESIDE)
    assert set(counts) == {"harmless", "helpful"}
    assert abs(counts["harmless"] - counts["helpful"]) <= 2
    # The detector misses a third of refusals as varied as these.
    told = [(row["aim"] == "harmless") == declines(_better(row)) == (not declines(_worse(row))) for row in BESIDE]
    assert sum(told) >= 0.6 * len(BESIDE)


def test_the_letter_does_not_tell() -> None:
    assert abs(sum(row["better"] == "a" for row in PAIRS) * 2 - len(PAIRS)) <= 1
    for aim in AIMS:
        for difficulty in DIFFICULTIES:
            cell = [row for row in _of("aim", aim) if row["difficulty"] == difficulty]
            assert 0.45 <= _share(cell, lambda row: row["better"] == "a") <= 0.55


def test_the_length_does_not_tell() -> None:
    assert 0.45 <= _share(PAIRS, _longer_is_better) <= 0.55
    for field, values in (("aim", AIMS), ("difficulty", DIFFICULTIES)):
        for value in values:
            assert 0.4 <= _share(_of(field, value), _longer_is_better) <= 0.6, value
    for letter in "ab":  # nor do letter and length together
        assert 0.4 <= _share(_of("better", letter), _longer_is_better) <= 0.6


@pytest.mark.parametrize("field", ["aim", "difficulty"])
def test_how_much_longer_does_not_tell(field: str) -> None:
    for value in AIMS if field == "aim" else DIFFICULTIES:
        better, worse = (sum(len(side(row)) for row in _of(field, value)) for side in (_better, _worse))
        assert 0.8 <= better / worse <= 1.25, value


def test_declining_does_not_tell() -> None:
    """Among harmless pairs good replies decline and good replies help; of every aim some bad ones decline."""
    assert 0.3 <= _share(_of("aim", "harmless"), lambda row: bool(DECLINES.search(_better(row)))) <= 0.7
    for aim in AIMS:
        assert 0.1 <= _share(_of("aim", aim), lambda row: bool(DECLINES.search(_worse(row)))) <= 0.5, aim


def test_no_pair_twice_nor_one_of_the_quickstarts_prompts() -> None:
    prompts = [row["prompt"].casefold() for row in PAIRS]
    whole = [row["prompt"].casefold() for row in WHOLE]
    assert all(fuzz.ratio(one, other) < 70 for one, other in combinations(whole, 2))
    assert all(fuzz.ratio(one, other) < 90 for one, other in combinations(prompts, 2))  # twins differ in their object
    replies = [reply.casefold() for row in PAIRS for reply in (row["response_a"], row["response_b"])]
    assert all(fuzz.ratio(one, other) < 80 for one, other in combinations(replies, 2) if one not in other)
    for kind in ("red_team", "helpful", "lookalike"):
        for row in _shipped("solon.quickstart", f"data/{kind}.jsonl"):
            theirs = (row.get("prompt") or row["text"]).casefold()
            assert all(fuzz.ratio(theirs, ours) < 85 for ours in prompts), theirs
