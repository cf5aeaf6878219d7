"""The limits of the SFT mix."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from solon.data.mix import Limits, mixed
from solon.data.sft import row
from solon.evaluation.refusal import declines
from solon.types import user

NO = "I can't help with that."


def rows() -> list[dict[str, Any]]:
    refusals = [row((user("bad"),), NO, "revision", f"r{n}") for n in range(20)]
    refusals += [row((user("bad"),), f"I won't help with plan {n}.", "revision", f"s{n}") for n in range(20)]
    answers = [row((user("good"),), f"Answer {n}.", "helpful", f"h{n}") for n in range(40)]
    return [*refusals, *answers]


KINDS = {f"{letter}{n}": kind for letter, kind in (("r", "bad"), ("s", "bad"), ("h", "good")) for n in range(40)}


def test_without_limits_nothing_goes() -> None:
    found = mixed(rows(), Limits(), KINDS, declines)
    assert found.rows == rows()
    assert found.left_out == {}


def test_a_text_recurs_as_often_as_it_may() -> None:
    found = mixed(rows(), Limits(repeats=3), KINDS, declines)
    texts = Counter(one["completion"][0]["content"] for one in found.rows)
    assert texts[NO] == 3
    assert found.left_out == {"repeats": 17}
    assert [one["prompt_id"] for one in found.rows if one["prompt_id"][0] != "r"] == [
        one["prompt_id"] for one in rows() if one["prompt_id"][0] != "r"
    ]


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_refusals_are_at_most_a_share_of_the_mix(share: float) -> None:
    found = mixed(rows(), Limits(refusals=share), KINDS, declines)
    refusals = sum(declines(one["completion"][0]["content"]) for one in found.rows)
    assert refusals == int(40 * share / (1 - share) + 1e-9)
    assert len(found.rows) - refusals == 40
    # A stricter limit keeps some of the same rows.
    stricter = mixed(rows(), Limits(refusals=share / 2), KINDS, declines)
    assert {one["prompt_id"] for one in stricter.rows} <= {one["prompt_id"] for one in found.rows}


def test_a_kind_is_at_most_its_share_of_the_mix() -> None:
    found = mixed(rows(), Limits(shares={"good": 0.2}), KINDS, declines)
    assert Counter(KINDS[one["prompt_id"]] for one in found.rows) == {"bad": 40, "good": 10}
    assert found.left_out == {"shares.good": 30}
