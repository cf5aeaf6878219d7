"""The prose form: any constitution comes back from it unchanged, comments too, and mistakes name their line."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import solon.cli
from solon.constitution import Constitution, library, load_constitution
from solon.constitution.load import read_document
from solon.constitution.markdown import from_yaml, parse, to_markdown, to_yaml
from solon.constitution.markdown.comments import from_html, to_html
from solon.constitution.markdown.names import heading, identifier, slug
from solon.constitution.model import (
    ComparisonExemplar,
    Exemplars,
    Override,
    Principle,
    RevisionExemplar,
    Written,
)
from solon.constitution.write import to_yaml as plain_yaml
from solon.errors import ConfigError
from solon.yaml import decode, parse_yaml

FILE = Path("rules.md")
FRONT = '---\nname: x\nversion: "1.0.0"\n---\n\n'

# --- any constitution ------------------------------------------------------------------------------

# What Markdown, HTML and our own conventions could take for something else, in any order.
_TRAPS = """` `` ``` ~~~ ~~~py ```py \\ < <b> </b> <!-- --> & &amp; &#10; &nbsp ; # ## ### - -- --- === *** * + 1. 2. 3)
 > | [ ] [a]: **Draft:** **Better:** **No:** aim: source: > weight: _ ! é 😀 x word""".split()
_GAPS = ["\n", "\n\n", "\n\n\n", "\n    ", "\\\n", " ", "  ", "\t", "\xa0", "\u2028", "\ufeff", "\ufffe", "# ", "- ", "2. "]
_LONG = "some words that go on until the line is full and has to be folded - or not, 1. as it may be"
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

texts = (
    st.lists(st.sampled_from([*_TRAPS, *_GAPS, _LONG]) | st.text(max_size=3), max_size=12)
    .map(lambda parts: _CONTROL.sub("", "".join(parts)).strip())
    .filter(bool)
)
ids = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True) | st.sampled_from(["null", "a--b", "a-", "1", "no-lie"])
weights = st.floats(min_value=0, exclude_min=True, allow_infinity=False) | st.sampled_from([0.5, 1.0, 2.0])
aims = st.sampled_from(["harmless", "helpful", "honest", "own"])
phases = st.sampled_from([("revise",), ("compare",), ("revise", "compare"), ("compare", "revise"), ("revise", "revise")])
exemplars = st.builds(
    Exemplars,
    revision=st.lists(
        st.builds(
            RevisionExemplar,
            prompt=texts,
            draft=texts,
            critique=texts,
            revision=texts,
            critique_request=st.none() | texts,
            revision_request=st.none() | texts,
        ),
        max_size=2,
    ).map(tuple),
    comparison=st.lists(
        st.builds(
            ComparisonExemplar,
            prompt=texts,
            response_a=texts,
            response_b=texts,
            better=st.sampled_from(["A", "B"]),
            reasoning=st.just("") | texts,
            comparison_question=st.none() | texts,
        ),
        max_size=2,
    ).map(tuple),
)
said = {
    "critique_request": st.none() | texts,
    "revision_request": st.none() | texts,
    "comparison_question": st.none() | texts,
}
principles = st.builds(
    Principle,
    id=ids,
    text=texts,
    aim=aims,
    weight=weights,
    source=st.just("") | texts,
    phases=phases,
    exemplars=st.just(Exemplars()) | exemplars,
    **said,
)
lists = st.lists(principles, max_size=3, unique_by=lambda p: p.id).map(tuple)
overrides = st.dictionaries(ids, st.builds(Override, text=st.none() | texts, weight=st.none() | weights, **said), max_size=2)
head = {
    "name": texts,
    "version": st.sampled_from(["0.1.0", "1.10.0", "2.0.0-rc.1+b"]),
    "description": st.just("") | texts,
    "priorities": st.none() | st.dictionaries(aims, weights, min_size=1),
    "exemplars": st.none() | exemplars,
    "principles": lists,
}
written = st.builds(Written, **head) | st.builds(
    Written, extends=texts, remove=st.lists(ids, max_size=2).map(tuple), override=overrides, **head
)


def read(text: str) -> Written:
    """As a file would be read: through bytes, with every check of the loader."""
    return Written.model_validate(parse(decode(text.encode(), "f"), FILE).data)


@settings(max_examples=4000, deadline=None)
@given(written)
def test_any_constitution_comes_back_from_markdown(law: Written) -> None:
    assert read(to_markdown(law)) == law


@settings(max_examples=4000, deadline=None)
@given(written)
def test_any_constitution_comes_back_through_both_forms(law: Written) -> None:
    source = plain_yaml(law)
    same = Written.model_validate(parse_yaml(source, FILE, "f").data)
    text = from_yaml(source, FILE)
    assert read(text) == same
    assert Written.model_validate(parse_yaml(to_yaml(text, FILE), FILE, "f").data) == same
