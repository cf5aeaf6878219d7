"""Constitutions in the forms of other tools: what these read, and what is said to be lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ruamel.yaml import YAML

from solon.constitution import Constitution, library, load_constitution
from solon.constitution.exports import TARGETS, export

LAW = Constitution.model_validate(
    {
        "name": "Harbour: office",
        "description": "For sailors.",
        "principles": [
            {
                "id": "no-names",
                "text": "A good reply names no crew.\n\nNot even the captain.",
                "weight": 2,
                "aim": "harmless",
                "authority": "root",
                "source": "Rule 1",
                "exemplars": {
                    "comparison": [
                        {"prompt": "Who?", "response_a": "Bo.", "response_b": "I can't say.", "better": "B"}
                    ],
                    "revision": [{"prompt": "And now?", "draft": "Al.", "critique": "Names.", "revision": "No."}],
                },
            },
            {"id": "brief", "text": "A good reply is brief.", "authority": "guideline", "phases": ["compare"]},
            {"id": "kind", "text": "A good reply is kind.", "authority": "guideline"},
        ],
    }
)


def yaml_of(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def test_a_safeguard_policy_has_its_sections_its_rules_and_graded_examples() -> None:
    made = export(LAW, "safeguard")
    heads = [line for line in made.text.split("\n") if line.startswith("#")]
    assert heads == [
        "# Harbour: office",
        "## INSTRUCTIONS",
        "## DEFINITIONS",
        "## VIOLATES (1)",
        "## SAFE (0)",
        "## EXAMPLES",
    ]
    assert "- **no-names** (root): A good reply names no crew.\n\n  Not even the captain.\n" in made.text
    assert "the one of higher authority wins (root > guideline)" in made.text
    assert '> Assistant: Bo.\n\nAnswer: {"violation": 1, "policy_category": "no-names"}' in made.text
    assert '> Assistant: I can\'t say.\n\nAnswer: {"violation": 0, "policy_category": null}' in made.text
    assert '> Assistant: Al.\n\nAnswer: {"violation": 1' in made.text
    assert [lost.split(":")[0] for lost in made.lost] == ["weights and priorities", "phases", "sources"]


def test_litellm_gets_weights_that_sum_to_a_hundred() -> None:
    (guardrail,) = yaml_of(export(LAW, "litellm").text)["guardrails"]
    assert guardrail["guardrail_name"] == "harbour-office"
    params = guardrail["litellm_params"]
    assert (params["guardrail"], params["mode"]) == ("llm_as_a_judge", "post_call")
    assert [(c["name"], c["weight"]) for c in params["criteria"]] == [("no-names", 50), ("brief", 25), ("kind", 25)]
    assert params["criteria"][1]["description"] == LAW["brief"].rule


@pytest.mark.parametrize("name", library())
def test_weights_of_every_shipped_constitution_sum_to_a_hundred(name: str) -> None:
    (guardrail,) = yaml_of(export(load_constitution(name), "litellm").text)["guardrails"]
    weights = [c["weight"] for c in guardrail["litellm_params"]["criteria"]]
    assert sum(round(100 * w) for w in weights) == 10_000
    assert min(weights) > 0


def test_petri_gets_a_list_of_dimensions_and_a_seed_for_each_principle() -> None:
    first, *rest = yaml_of(export(LAW, "petri-judge").text)
    assert set(first) == {"name", "display_name", "description", "tags", "rubric"}
    assert (first["name"], first["tags"]) == ("no_names", ["harmless"])
    assert first["rubric"].startswith("The principle: A good reply names no crew.\n\nNot even the captain.\n\nAssign a")
    assert [d["name"] for d in rest] == ["brief", "kind"]
    seeds = [json.loads(line) for line in export(LAW, "petri-seeds").text.splitlines()]
    assert (seeds[0]["id"], seeds[0]["metadata"]) == ("no-names", {"tags": ["harmless"]})
    assert seeds[0]["input"].endswith("Open with a request such as: And now?")


def test_a_rubric_is_a_list_of_weighted_criteria() -> None:
    rows = json.loads(export(LAW, "rubric").text)
    assert [(row["title"], row["weight"]) for row in rows] == [("No names", 2.0), ("Brief", 1.0), ("Kind", 1.0)]
    assert all(set(row) == {"title", "description", "weight"} for row in rows)
    shared = LAW.model_copy(update={"priorities": {"harmless": 1.0, "own": 3.0}})
    assert [row["weight"] for row in json.loads(export(shared, "rubric").text)] == [0.25, 0.375, 0.375]


@pytest.mark.parametrize("target", TARGETS)
def test_exemplars_that_a_target_has_no_place_for_are_told(target: Any) -> None:
    lost = " ".join(export(LAW, target).lost)
    assert ("exemplars" in lost) == (target != "safeguard")
