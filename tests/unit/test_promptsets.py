"""Twins in prompt files, what a set of prompts holds, and whether style gives its kinds away."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from solon.data.prompts import PromptFile, load_prompt_files, load_prompt_sets
from solon.data.twins import Named, families
from solon.errors import DataError
from solon.pipeline.step import listed
from solon.promptsets.areas import Compared, area, scored
from solon.promptsets.figures import figures
from solon.promptsets.mood import first_word, mood
from solon.promptsets.probe import _States, probe
from solon.promptsets.telling import told_apart
from solon.types import Prompt

NOUNS = "apple boat chair door engine fence glass house island jacket kettle ladder mirror needle orchard".split()  # noqa: SIM905
Cli = Callable[..., tuple[int, str, str]]


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


# --- twins in files -----------------------------------------------------------------------------------


def test_twins_share_a_name_and_a_side() -> None:
    rows = [
        (Named(id="a"), "one"),
        (Named(id="x", twin_of="a", pair="P9"), "two"),
        (Named(id="y", pair="P9"), "three"),
        (Named(id="a2"), "four"),
        (Named(), "three"),
    ]
    assert families(rows) == ["a", "a", "a", "", "a"]


def test_equal_ids_of_two_files_are_no_twins_unless_a_row_names_them() -> None:
    assert families([(Named(id="1"), "one"), (Named(id="1"), "two")]) == ["", ""]
    assert families([(Named(id="1"), "one"), (Named(id="2", twin_of="1"), "two")]) == ["1", "1"]


def test_the_loader_keeps_twins_together_on_a_side_that_none_names(tmp_path: Path) -> None:
    harm = [{"id": f"h{n}", "prompt": f"{noun} {n} red"} for n, noun in enumerate(NOUNS * 4)]
    help_ = [{"prompt": f"blue {n} {noun} green", "twin_of": f"h{n}"} for n, noun in enumerate(NOUNS * 4)]
    sets = load_prompt_sets(
        {
            "red_team": str(written(tmp_path / "h.jsonl", harm)),
            "helpful": str(written(tmp_path / "s.jsonl", help_)),
        }
    )
    sides = {p.pair: p.split for p in sets.prompts["red_team"]}
    assert {p.pair: p.split for p in sets.prompts["helpful"]} == sides
    assert set(sides.values()) == {"train", "heldout"}
    assert set(sides) == {f"h{n}" for n in range(60)}


def test_a_twin_follows_the_side_that_its_source_names_and_keeps_its_own(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "prompt": "How do I break a lock?", "split": "heldout"},
        {"id": "b", "prompt": "How do I break an egg?", "twin_of": "a"},
        {"id": "c", "prompt": "Name a river in Peru.", "split": "train", "pair": "P"},
        {"id": "d", "prompt": "Name a poison for dad.", "split": "heldout", "pair": "P"},
    ]
    sets = load_prompt_sets({"helpful": str(written(tmp_path / "a.jsonl", rows))})
    assert [(p.id, p.pair, p.split) for p in sets.prompts["helpful"]] == [
        ("a", "a", "heldout"),
        ("b", "a", "heldout"),
        ("c", "P", "train"),
        ("d", "P", "heldout"),
    ]
    assert figures(sets).split_pairs == 1


def test_sides_without_twins_and_keys_of_steps_do_not_depend_on_pairs(tmp_path: Path) -> None:
    rows = [{"id": f"p{n}", "prompt": f"{noun} {n}"} for n, noun in enumerate(NOUNS)]
    paired = [{**row, "pair": row["id"]} for row in rows]
    one, other = (
        load_prompt_sets({"helpful": str(written(tmp_path / name, of))}).prompts["helpful"]
        for name, of in (("a.jsonl", rows), ("b.jsonl", paired))
    )
    assert listed(one) == listed(other)
    assert [p.pair for p in other] == [f"p{n}" for n in range(len(NOUNS))]


def test_rows_say_their_kind_and_a_file_can_be_read_in_part(tmp_path: Path) -> None:
    rows = [{"prompt": "One apple.", "kind": "helpful"}, {"prompt": "Two boats.", "kind": "red_team"}, {"prompt": "3"}]
    path = str(written(tmp_path / "mixed.jsonl", rows))
    assert {k: len(v) for k, v in load_prompt_files([PromptFile(path)]).prompts.items()} == {
        "helpful": 1,
        "red_team": 1,
        "mixed": 1,
    }
    only = load_prompt_files([PromptFile(path, "x", ("kind", "red_team"))])
    assert [p.text for p in only.prompts["x"]] == ["Two boats."]
    with pytest.raises(DataError, match=r"prompts\.x: .* has no usable row \(none whose kind is nothing\)"):
        load_prompt_files([PromptFile(path, "x", ("kind", "nothing"))])


# --- mood -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("How do I bake bread?", "question"),
        ("how do i bake bread", "question"),
        ("my oven is broken. whats the best way to bake", "question"),
        ("Is it legal? Keep it brief.", "imperative"),
        ("Please write a poem.", "imperative"),
        ("My aunt is ill, so tell me what to cook.", "imperative"),
        ("For my blog: list five rivers.", "imperative"),
        ("Don't tell me the end.", "imperative"),
        ("I want a poem about rivers.", "statement"),
        ("need a poem about rivers", "statement"),
        ("¿Dónde está?", "question"),
        ("", "statement"),
    ],
)
def test_a_mood_is_told_by_words(text: str, expected: str) -> None:
    assert mood(text) == expected


def test_a_first_word_has_no_case_and_no_marks() -> None:
    assert first_word('"What’s up?"') == "what's"
    assert first_word("123 ?") == ""


# --- areas ----------------------------------------------------------------------------------------------


def test_an_area_counts_pairs_and_half_of_ties() -> None:
    found = scored([3, 1], [2, 1], ["a", "b"], ["c", "d"])
    assert found.value == (1 + 1 + 0 + 0.5) / 4
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_a_perfect_area_is_not_certain() -> None:
    names = [f"g{n}" for n in range(20)]
    found = scored([1] * 20, [0] * 20, names, [f"h{n}" for n in range(20)])
    assert found.value == found.high == 1
    assert 0.8 < found.low < 0.9


def test_scores_are_compared_where_they_were_made_together() -> None:
    import numpy as np

    made = Compared.empty(2, 2)
    made.add([0], [0], np.array([1.0]), np.array([0.0]))
    made.add([1], [1], np.array([0.0]), np.array([1.0]))
    assert area(made, ["a", "b"], ["c", "d"]).value == 0.5
    with pytest.raises(ValueError, match="nothing to compare"):
        area(Compared.empty(1, 1), ["a"], ["b"])


def test_twins_drawn_together_give_the_narrower_interval_that_they_deserve() -> None:
    rng = random.Random(0)
    hard = [rng.gauss(0, 5) for _ in range(60)]
    names = [f"p{n}" for n in range(60)]
    one, other = [x + 0.5 for x in hard], hard
    together = scored(one, other, names, names)
    apart = scored(one, other, names, [f"q{n}" for n in range(60)])
    assert together.high - together.low < 0.5 * (apart.high - apart.low)


# --- the style check ------------------------------------------------------------------------------------


def prompts_of(kind: str, rng: random.Random, n: int, say: Callable[[str], str]) -> list[Prompt]:
    return [
        Prompt(f"{kind}{i}", say(" ".join(rng.choices(NOUNS, k=rng.randint(4, 12)))), kind, pair=f"p{i}")
        for i in range(n)
    ]


def alike(kind: str, seed: int) -> list[Prompt]:
    return prompts_of(kind, random.Random(seed), 80, lambda words: f"How do I {words}?")


@pytest.mark.parametrize(
    ("say", "by"),
    [
        (lambda words: f"How do I {words} and then some more of it and a little beyond that?", "words"),
        (lambda words: f"how do i {words}?", "small"),
        (lambda words: f"Where do I {words}?", "first word"),
        (lambda words: f"How do I {words}.", "ends in"),
    ],
)
def test_style_that_differs_is_found_and_named(say: Callable[[str], str], by: str) -> None:
    other = prompts_of("helpful", random.Random(2), 80, say)
    found = told_apart(("red_team", "helpful"), alike("red_team", 1), other)
    assert found.style.low > 0.9
    assert any(by in name for name, _ in found.telling)


def test_kinds_of_one_style_are_a_coin() -> None:
    kinds = [(alike("red_team", 10 * n), alike("helpful", 10 * n + 1)) for n in range(4)]
    found = [told_apart(("red_team", "helpful"), *two) for two in kinds]
    assert 0.4 < fmean(one.style.value for one in found) < 0.58
    assert 0.4 < fmean(one.length.value for one in found) < 0.6


def test_length_alone_says_which_kind_is_longer() -> None:
    other = prompts_of("helpful", random.Random(2), 80, lambda words: f"How do I {words} {words} {words}?")
    found = told_apart(("red_team", "helpful"), alike("red_team", 1), other)
    assert found.length.value < 0.1
    assert found.worst > 0.9


def test_too_few_prompts_say_nothing() -> None:
    with pytest.raises(DataError, match="style: helpful has 3 prompts, twins counted once; 10 are needed"):
        told_apart(("red_team", "helpful"), alike("red_team", 1), alike("helpful", 2)[:3])


# --- the probe ------------------------------------------------------------------------------------------


def test_a_probe_tells_what_states_tell_and_its_layer_is_chosen_without_the_others(tiny: Any) -> None:
    train = [
        Prompt(f"{kind}{n}", f"{word} {noun}", kind, pair=noun)
        for kind, word in (("red_team", "ZZZZ"), ("helpful", "aaaa"))
        for n, noun in enumerate(NOUNS)
    ]
    same = [Prompt(f"s{n}", f"ZZZZ {noun} now", "red_team") for n, noun in enumerate(NOUNS)]
    other = [Prompt(f"o{n}", f"aaaa {noun} now", "helpful") for n, noun in enumerate(NOUNS)]
    found = probe(tiny, train, {"red_team"}, [("theirs", same), ("plain", other)])
    assert found.best.held_out.value > 0.9
    (tried,) = found.best.tried
    assert (tried.harmful, tried.harmless) == ("theirs", "plain")
    assert tried.auc.value > 0.9
    swapped = probe(tiny, train, {"helpful"}, [("theirs", same), ("plain", other)])
    assert swapped.chosen == found.chosen
    assert swapped.best.tried[0].auc.value > 0.9
    with pytest.raises(DataError, match="--probe: 0 harmful prompts"):
        probe(tiny, train, {"nothing"}, [])


def test_states_do_not_depend_on_what_is_read_beside_them(tiny: Any) -> None:
    import numpy as np

    prompts = [Prompt(str(n), "word " * (n + 1), "helpful") for n in range(20)]
    together = _States(tiny, lambda: None).of(prompts)[1]
    alone = np.concatenate([_States(tiny, lambda: None).of([p])[1] for p in prompts])
    np.testing.assert_allclose(together, alone, atol=1e-5)


# --- the command ----------------------------------------------------------------------------------------


def files(tmp_path: Path, ending: str) -> list[str]:
    rng = random.Random(0)
    for kind, end in (("red_team", "?"), ("helpful", ending)):
        rows = [
            {
                "id": f"{kind}{n}",
                "prompt": f"How do {' '.join(rng.choices(NOUNS, k=6))}{end}",
                "pair": f"p{n}",
                "area": "x",
            }
            for n in range(40)
        ]
        written(tmp_path / f"{kind}.jsonl", rows)
    return [f"red_team={tmp_path / 'red_team.jsonl'}", str(tmp_path / "helpful.jsonl")]


def test_stats_says_what_there_is_and_the_exit_code_what_style_tells(solon_cli: Cli, tmp_path: Path) -> None:
    given = files(tmp_path, ".")
    code, out, _ = solon_cli("prompts", "stats", *given, "--max-auc", "0.6", "--json", tmp_path / "f.json")
    assert code == 1
    assert "red_team and helpful are told apart by style: AUC 1.00, above 0.60" in out
    assert "twins: 40 × red_team / helpful" in out
    facts = json.loads((tmp_path / "f.json").read_text())
    assert facts["harmful"] == ["red_team"]
    assert facts["style"][0]["style"]["value"] > 0.99
    assert [(k["kind"], k["n"], k["twins"]) for k in facts["kinds"]] == [("red_team", 40, 40), ("helpful", 40, 40)]
    assert solon_cli("prompts", "stats", *given)[0] == 0
    assert solon_cli("prompts", "stats", *files(tmp_path, "?"), "--max-auc", "0.7")[0] == 0


def test_stats_reads_a_recipe_and_probes_a_model(solon_cli: Cli, tmp_path: Path, tiny_folder: Path) -> None:
    code, out, _ = solon_cli("prompts", "stats", "--recipe", "quickstart")
    assert code == 0
    assert "all harmless" in out or "red_team / all" in out
    red, safe = files(tmp_path, ".")
    tried = ("--try", f"red_team={tmp_path / 'red_team.jsonl'}[area=x]", "--try", f"helpful={safe}")
    code, out, _ = solon_cli("prompts", "stats", red, safe, "--probe", tiny_folder, *tried, "--json", tmp_path / "p")
    assert code == 0, out
    found = json.loads((tmp_path / "p").read_text())["probe"]
    assert {one["harmful"] for layer in found["layers"] for one in layer["tried"]} == {"red_team[area=x]"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "stats: which prompts?"),
        (("a.jsonl", "--recipe", "quickstart"), "stats: which prompts?"),
        (("nosuch.jsonl",), "prompts.nosuch: cannot read nosuch.jsonl"),
        (("--recipe", "quickstart", "--try", "a=b"), "--try: there is no probe to try"),
        (("--recipe", "quickstart", "--probe", "m", "--try", "b"), "--try: 'b' is not KIND=FILE"),
        (
            ("--recipe", "quickstart", "--harmful", "x"),
            "--harmful: no kind 'x'; there are red_team, helpful",
        ),
    ],
)
def test_a_mistake_is_one_line(solon_cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    code, _, err = solon_cli("prompts", "stats", *arguments)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1
