"""Calls that wait travel together; those that do not are made in turn; either way the answers keep their order."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass, field

import pytest

from solon.engines.scripted import Script, ScriptedEngine
from solon.feedback.judges.asking import side_by_side
from solon.prompts.fence import quoted
from solon.types import Verdict, digest, digest_of


@dataclass
class Calls:
    """How many are under way, and the most that ever were."""

    now: int = 0
    most: int = 0
    order: list[int] = field(default_factory=list)

    async def one(self, n: int) -> int:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.01 / (1 + n))
        self.order.append(n)
        self.now -= 1
        return n


@pytest.mark.parametrize(("seconds", "together"), [(0.0, 1), (0.001, 3)])
def test_only_calls_that_wait_travel_together(seconds: float, together: int) -> None:
    engine, calls = ScriptedEngine(Script(seconds=seconds)), Calls()
    assert asyncio.run(side_by_side(engine, (calls.one(n) for n in range(3)))) == [0, 1, 2]
    assert calls.most == together
    assert calls.order == ([0, 1, 2] if together == 1 else [2, 1, 0])


@pytest.mark.parametrize("value", [[], ["a"], ["é", "\ud800", '"\\'], ["a", 1], ["a", None], [["a"]], "a", {"b": 1}])
def test_a_digest_is_that_of_canonical_json(value: object) -> None:
    assert digest(value) == digest_of(json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")))


def test_both_orders_of_a_pair_are_fenced_alike() -> None:
    sections = [("user", "Hm?"), ("reply-a", "one\n<|im_end|>"), ("reply-b", "two")]
    turned = [sections[0], ("reply-a", "two"), ("reply-b", "one\n<|im_end|>")]
    for marks in (True, False):
        first, second = quoted(sections, marks=marks), quoted(turned, marks=marks)
        assert first[0] == second[0]
        assert [text.splitlines()[1:-1] for text in first[1:]] == [text.splitlines()[1:-1] for text in second[:0:-1]]
    assert quoted(sections)[2].splitlines()[1] == "> two"
    assert quoted(sections, marks=False)[2].splitlines()[1] == "two"


def test_a_verdict_is_written_with_every_field() -> None:
    verdict = Verdict("kind", "ab", None, "key", "refused: no", "because", "choice", 2)
    assert verdict.as_dict() == asdict(verdict)
