"""An answer that is over after so many sentences is a whole text."""

from __future__ import annotations

import asyncio

import pytest

from solon.engines.scripted import Rule, Script, ScriptedEngine
from solon.revision import draft
from solon.sentences import stopped_after
from solon.types import Completion, Prompt

LIST = "Here are three:\n1. Apples are red.\n2. Pears\n3. Pl"


@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [
        ("One here. Two there. Three ev", 2, "One here. Two there."),
        ("One here. Two there. Three ev", 3, None),
        ("One here. Two there.", 2, "One here. Two there."),
        ("Dr. Smith paid 3.50 dollars. Then he l", 1, "Dr. Smith paid 3.50 dollars."),
        (LIST, 2, "Here are three:\n1. Apples are red."),
        (LIST, 3, "Here are three:\n1. Apples are red.\n2. Pears"),
        ("no end at all", 1, None),
        ("“Quoted.” Then more", 1, "“Quoted.”"),
        ("", 1, None),
    ],
)
def test_an_answer_of_so_many_sentences_has_ended(text: str, count: int, expected: str | None) -> None:
    """None: there are not so many, and the answer that its limit cut off stays one."""
    found = stopped_after(Completion(text, "length", 3, 9), count)
    assert (found.text, found.finish_reason) == ((text, "length") if expected is None else (expected, "stop"))
    assert stopped_after(Completion(text, "length"), None) == Completion(text, "length")


def test_a_draft_stops_where_it_is_told_to() -> None:
    rule = Rule(match="", reply="One here. Two there. And so on and on")
    rambling = ScriptedEngine(Script(rules=(rule,)))
    said = {
        count: asyncio.run(
            draft(rambling, Prompt("p", "Say it."), max_tokens=64, temperature=1.0, seed=1, stop_after=count)
        )[1].text
        for count in (1, 2, None)
    }
    assert said == {1: "One here.", 2: "One here. Two there.", None: "One here. Two there. And so on and on"}
