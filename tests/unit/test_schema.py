"""The published JSON Schema: up to date, true of what ships, and of use to an editor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from solon.constitution import library
from solon.constitution.schema import schema, to_json
from solon.constitution.starter import starter
from solon.yaml import parse_yaml, read_yaml

PUBLISHED = Path(__file__).parents[2] / "docs" / "constitution.schema.json"
ONE = "principles: [{id: a, text: t}]"


def errors(data: Any) -> list[str]:
    """What a JSON Schema validator says, empty when the data is valid."""
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator
    validator.check_schema(schema())
    return [error.message for error in validator(schema()).iter_errors(data)]


def test_the_published_file_is_current() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == to_json(), (
        "solon constitution schema > docs/constitution.schema.json"
    )


@pytest.mark.parametrize("name", library())
def test_what_ships_is_valid(name: str) -> None:
    assert errors(read_yaml(library()[name], name)) == []


def test_what_new_writes_is_valid() -> None:
    for extends in (None, "balanced"):
        assert errors(parse_yaml(starter("x", extends), Path("f"), "f").data) == []


@pytest.mark.parametrize(
    "text",
    [
        f"name: x\n{ONE}",
        'name: x\nversion: "1.0.0-rc.1"\nextends: balanced',
        "name: x\nextends: balanced\nremove: [a]\noverride: {b: {weight: 2}, c: {phases: both}}",
        f"name: x\npriorities: {{helpful: 1, own: 0.5}}\n{ONE}",
        "name: x\nprinciples: [{id: a, text: t, phases: revise}, {id: b, text: t, phases: [compare]}]",
    ],
)
def test_valid(text: str) -> None:
    assert errors(parse_yaml(text, Path("f"), "f").data) == []


@pytest.mark.parametrize(
    "text",
    [
        "name: x",
        "name: x\nprinciples: []",
        ONE,
        f"name: x\nnaem: y\n{ONE}",
        f"name: x\nversion: 1.10\n{ONE}",
        f'name: x\nversion: "1.0"\n{ONE}',
        f"name: x\nremove: [b]\n{ONE}",
        "name: x\nextends: balanced\noverride: {'No Help': {weight: 2}}",
        "name: x\nextends: balanced\noverride: {a: {id: b}}",
        f"name: x\npriorities: {{fun: 1}}\n{ONE}",
        f"name: x\npriorities: {{}}\n{ONE}",
        "name: x\nprinciples: [{id: a}]",
        "name: x\nprinciples: [{text: t}]",
        "name: x\nprinciples: [{id: a, text: ''}]",
        "name: x\nprinciples: [{id: Not An Id, text: t}]",
        "name: x\nprinciples: [{id: a, text: t, wieght: 2}]",
        "name: x\nprinciples: [{id: a, text: t, weight: 0}]",
        "name: x\nprinciples: [{id: a, text: t, weight: heavy}]",
        "name: x\nprinciples: [{id: a, text: t, aim: safe}]",
        "name: x\nprinciples: [{id: a, text: t, phases: []}]",
        "name: x\nprinciples: [{id: a, text: t, phases: revision}]",
        "name: x\nprinciples: [{id: a, text: t, exemplars: {comparison: [{prompt: p, response_a: a}]}}]",
        "name: x\nprinciples: [just a text]",
    ],
)
def test_typical_mistakes_are_not_valid(text: str) -> None:
    assert errors(parse_yaml(text, Path("f"), "f").data)


def test_an_editor_has_help_for_every_key() -> None:
    whole = schema()
    assert (whole["$schema"], whole["$id"]) == (
        "https://json-schema.org/draft/2020-12/schema",
        "urn:solon:constitution:1",
    )
    for part in (whole, *whole["$defs"].values()):
        assert part["additionalProperties"] is False
        assert part["description"]
        for key, value in part["properties"].items():
            assert len(value["description"].split()) >= 3, key
            assert value["title"].replace(" ", "_").lower() == key
