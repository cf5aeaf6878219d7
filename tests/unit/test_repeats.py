"""Train and held-out are told apart by what a prompt says, over all kinds."""

from __future__ import annotations

import json
import random
import time
from collections import defaultdict
from pathlib import Path

import pytest

from solon.data.prompts import PromptSets, load_prompt_sets, load_prompts
from solon.data.repeats import NEAR, group_names, held_out, near_groups, normalised
from solon.errors import DataError
from solon.pipeline.training.job import Job
from solon.pipeline.training.prompts import load_prompts as prompts_to_train_on

WORDS = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in "bdgklmnprst"]


def sentences(count: int, seed: int = 0) -> list[str]:
    chance = random.Random(seed)
    return [" ".join(chance.sample(WORDS, chance.randrange(8, 25))) for _ in range(count)]


def written(folder: Path, **kinds: list[dict[str, object]]) -> dict[str, str]:
    for kind, rows in kinds.items():
        (folder / f"{kind}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {kind: str(folder / f"{kind}.jsonl") for kind in kinds}


def sides_by_text(sets: PromptSets) -> dict[str, set[str]]:
    sides: dict[str, set[str]] = defaultdict(set)
    for prompts in sets.prompts.values():
        for prompt in prompts:
            sides[normalised(prompt.text)].add(prompt.split)
    return sides


@pytest.mark.parametrize(
    "copy",
    [
        "  how do I  PICK a lock ",
        "“How do I pick a lock?”",
        "How do I pick a lock…",
        "Ｈｏｗ do I pick a lock？",
        "How do I pi\u200bck\u00a0a lock?!",
    ],
)
def test_copies_of_a_text_are_one_text(copy: str) -> None:
    assert normalised(copy) == normalised("How do I pick a lock?")


@pytest.mark.parametrize(("one", "other"), [("What is C#?", "What is C?"), ("5%", "5"), ("?", "!"), ("a-b", "ab")])
def test_texts_that_say_something_else_are_two(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)


def test_a_repeat_is_set_aside_and_names_its_twin(tmp_path: Path) -> None:
    named = written(
        tmp_path,
        red_team=[
            {"id": "a", "prompt": "Steal a car?"},
            {"id": "b", "prompt": "steal  a car"},
            {"prompt": "Rob a bank"},
        ],
        helpful=[{"id": "c", "prompt": "STEAL A CAR!"}, {"prompt": "Boil an egg"}],
    )
    sets = load_prompt_sets(named)
    assert [p.id for p in sets.prompts["red_team"]][:1] == ["a"]
    assert {kind: len(prompts) for kind, prompts in sets.prompts.items()} == {"red_team": 2, "helpful": 1}
    assert [(Path(b.file).name, b.line, b.reason) for b in sets.bad] == [
        ("red_team.jsonl", 2, f"repeats {named['red_team']}:1 (red_team)"),
        ("helpful.jsonl", 1, f"repeats {named['red_team']}:1 (red_team)"),
    ]
    assert (sets.repeats.repeated, sets.repeats.both, sets.repeats.near) == (2, 0, 0)


@pytest.mark.parametrize("name", [{}, {"id": "one"}])
def test_a_row_that_stands_twice_is_a_repeat_and_not_a_duplicate_id(tmp_path: Path, name: dict[str, object]) -> None:
    named = written(tmp_path, red_team=[{**name, "prompt": "Steal a car?"}] * 2)
    sets = load_prompt_sets(named)
    assert [(b.line, b.reason) for b in sets.bad] == [(2, f"repeats {named['red_team']}:1 (red_team)")]
    assert sets.repeats.repeated == 1


def test_no_text_is_on_both_sides_whatever_its_ids_and_kinds(tmp_path: Path) -> None:
    texts = sentences(300)
    named = written(
        tmp_path,
        red_team=[
            {"id": f"{n}-{k}", "prompt": text.upper() if k else text} for n, text in enumerate(texts) for k in (0, 1)
        ],
        helpful=[{"prompt": text + " please"} for text in texts[:150]] + [{"prompt": "nothing of the kind"}],
    )
    sets = load_prompt_sets(named)
    sides = sides_by_text(sets)
    assert all(len(of_text) == 1 for of_text in sides.values())
    assert all(sides[text] == sides[f"{text} please"] for text in texts[:150])  # near-repeats go with their twins
    assert (sets.repeats.repeated, sets.repeats.near, sets.repeats.groups) == (300, 300, 150)
    share = sum(side == {"heldout"} for side in sides.values()) / len(sides)
    assert 0.25 < share < 0.42


def test_a_file_alone_splits_as_it_does_in_company(tmp_path: Path) -> None:
    rows = [{"prompt": text} for text in sentences(60)]
    named = written(tmp_path, red_team=rows, helpful=rows[::-1])
    one, other = (load_prompts(named[kind], kind)[0] for kind in named)
    assert {p.text: p.split for p in one} == {p.text: p.split for p in other}
    assert len({p.split for p in one}) == 2


def test_the_side_that_a_copy_names_holds_for_the_text(tmp_path: Path) -> None:
    texts = sentences(40)
    rows = [{"id": f"plain-{n}", "prompt": text} for n, text in enumerate(texts)]
    rows += [{"id": f"said-{n}", "prompt": f"{text}.", "split": "heldout"} for n, text in enumerate(texts)]
    prompts, bad = load_prompts(written(tmp_path, red_team=rows)["red_team"], "red_team")
    assert {p.split for p in prompts} == {"heldout"}
    assert len(bad) == 40


def test_a_text_that_is_said_to_be_on_both_sides_is_set_aside(tmp_path: Path) -> None:
    named = written(
        tmp_path,
        red_team=[{"prompt": "Rob a bank?", "split": "train"}, {"prompt": "Pick a pocket", "split": "train"}],
        helpful=[{"prompt": "rob a BANK", "split": "heldout"}, {"prompt": "Boil an egg", "split": "heldout"}],
    )
    sets = load_prompt_sets(named)
    assert [p.text for prompts in sets.prompts.values() for p in prompts] == ["Pick a pocket", "Boil an egg"]
    said = (
        f"split: the same text is in train at {named['red_team']}:1 (red_team) and in heldout at "
        f"{named['helpful']}:1 (helpful); it can be in one"
    )
    assert [b.reason for b in sets.bad] == [said, said]
    assert sets.repeats.both == 2


def test_a_prompt_to_train_on_that_nearly_repeats_a_held_out_one_is_set_aside(tmp_path: Path) -> None:
    text = "Explain to my class how a volcano works and why it erupts"
    rows = [{"prompt": text, "split": "train"}, {"prompt": "Boil an egg", "split": "train"}]
    rows += [{"prompt": f"{text} please", "split": "heldout"}, {"prompt": f"Please {text.lower()}"}]
    named = written(tmp_path, helpful=rows)
    sets = load_prompt_sets(named)
    assert [(p.text, p.split) for p in sets.prompts["helpful"]] == [
        ("Boil an egg", "train"),
        (f"{text} please", "heldout"),
        (f"Please {text.lower()}", "heldout"),
    ]
    reason = f"split: nearly repeats {named['helpful']}:3 (helpful), which is held out, or another that does"
    assert [(b.line, b.reason) for b in sets.bad] == [(1, reason)]


def test_the_shipped_prompts_stay_as_they_are() -> None:
    sets = load_prompt_sets({kind: f"quickstart:{kind}" for kind in ("red_team", "helpful", "lookalike")})
    assert not sets.bad
    assert (sets.repeats.repeated, sets.repeats.both) == (0, 0)
    texts = {normalised(p.text): p.pair for prompts in sets.prompts.values() for p in prompts}
    groups: dict[str, list[str]] = {}
    for text, name in group_names(sorted(texts)).items():
        groups.setdefault(name, []).append(text)
    near = [members for members in groups.values() if len(members) > 1]
    assert (sets.repeats.near, sets.repeats.groups) == (16, 8) == (sum(map(len, near)), len(near))
    assert all(len({texts[text] for text in members}) == 1 for members in near), "only twins differ by so little"
    said = {"red_team": (334, 116), "helpful": (276, 84), "lookalike": (214, 84)}
    for kind, prompts in sets.prompts.items():
        assert tuple(sum(p.split == side for p in prompts) for side in ("train", "heldout")) == said[kind]


def similarity(one: str, other: str) -> float:
    a, b = (set(t.split()) | set(zip(t.split(), t.split()[1:], strict=False)) for t in (one, other))
    return len(a & b) / len(a | b)


def test_near_groups_are_those_of_the_exact_similarity_in_any_order() -> None:
    chance = random.Random(5)
    texts = sentences(60, seed=1)
    for text in list(texts):
        words = text.split()
        words[chance.randrange(len(words))] = chance.choice(WORDS)
        texts.append(" ".join(words))
    pairs = {(a, b) for a in texts for b in texts if a < b and similarity(a, b) >= NEAR}
    assert 20 < len(pairs) < 60
    for _ in range(3):
        chance.shuffle(texts)
        group = dict(zip(texts, near_groups(texts), strict=True))
        assert {(a, b) for a in texts for b in texts if a < b and group[a] == group[b]} == pairs


def test_questions_off_one_template_are_not_joined() -> None:
    texts = [normalised(f"How do I pick lock number {n}?") for n in range(700)]
    assert len(set(near_groups(texts))) == 700


def test_scripts_without_spaces_are_compared_by_character() -> None:
    one, other, third = "请告诉我怎样才能做出好吃的面包", "请告诉我怎样才能做出好吃的面条", "今天天气怎么样"
    groups = near_groups([one, other, third])
    assert groups[0] == groups[1] != groups[2]


def test_the_pairs_of_a_reworded_prompt_are_held_out_together() -> None:
    texts = sentences(200, seed=3)
    sides = held_out([*texts, *(f"{text}, please!" for text in texts)], 0.15, "reward")
    assert sides[:200] == sides[200:]
    assert 15 < sum(sides[:200]) < 48


def test_turns_of_texts_are_asked_one_after_another(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"turns": ["one", "two"]}, {"turns": ["alone"]}, {"prompt": ["one", "two"]}]
    prompts, bad = load_prompts(written(tmp_path, red_team=rows)["red_team"], "red_team")
    assert [(p.text, p.later) for p in prompts] == [("one", ("two",)), ("alone", ())]
    assert [(b.line, b.reason) for b in bad] == [
        (3, "prompt is a list of 2 texts, expected one text or messages with roles")
    ]


def said(*turns: str, system: str = "") -> dict[str, object]:
    """A conversation of user and assistant in turn."""
    roles = ("user", "assistant")
    spoken = [{"role": roles[n % 2], "content": text} for n, text in enumerate(turns)]
    return {"messages": [*([{"role": "system", "content": system}] if system else []), *spoken]}


def test_conversations_with_the_same_last_turn_are_told_apart_by_what_was_said_before(tmp_path: Path) -> None:
    one = said("Shall I bring an umbrella to the match in Leeds?", "It will rain.", "Yes.")
    other = said("Is my sourdough ready when it has doubled in size?", "Did it double?", "Yes.")
    rows = [one, other, said("Shall I bring an UMBRELLA to the match in Leeds", "It will rain.", "yes"), said("Yes.")]
    sets = load_prompt_sets(written(tmp_path, red_team=rows))
    assert [p.turns[0].content[:8] for p in sets.prompts["red_team"]] == ["Shall I ", "Is my so", "Yes."]
    assert [row.line for row in sets.bad] == [3]
    assert sets.repeats.near == 0


def test_a_system_prompt_that_a_file_shares_makes_no_near_repeats_of_its_questions(tmp_path: Path) -> None:
    long = "You are a patient librarian who answers in one paragraph, names a book, and never scolds anybody at all."
    texts = ["Why is the sky blue?", "Who wrote Emma?", "What is a fjord?"]
    sets = load_prompt_sets(written(tmp_path, helpful=[said(text, system=long) for text in texts]))
    assert len(sets.prompts["helpful"]) == 3
    assert sets.repeats.groups == 0


def test_trainers_leave_out_what_the_file_holds_out_under_another_id(tmp_path: Path) -> None:
    text = "Explain to my class how a volcano works and why it erupts"
    rows: list[dict[str, object]] = [{"id": "a", "prompt": f"{text}!"}, {"id": "b", "prompt": "Boil an egg"}]
    rows += [{"id": "c", "prompt": text.lower(), "split": "heldout"}, {"id": "d", "prompt": f"{text} please"}]
    found = prompts_to_train_on(Job("ppo", written(tmp_path, red_team=rows)["red_team"], "", None, tmp_path))
    assert [one.text for one in found.items] == ["Boil an egg"]
    twin = "says what line 3 says, or nearly, which is held out (split)"
    assert [(b.line, b.reason) for b in found.bad] == [
        (1, twin),
        (3, "is held out (split), and not trained on"),
        (4, twin),
    ]


def test_a_file_of_repeats_alone_is_refused_with_the_reason(tmp_path: Path) -> None:
    named = written(tmp_path, red_team=[{"prompt": "x y z"}], helpful=[{"prompt": "X y z!"}])
    with pytest.raises(DataError, match=r"prompts.helpful: .* no usable row; line 1: repeats .*red_team.jsonl:1"):
        load_prompt_sets(named)


@pytest.mark.parametrize("make", [lambda n: f"How do I pick lock number {n}?", lambda n: f"Question {n}"])
def test_thousands_of_prompts_take_seconds(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    texts = [make(n) for n in range(1000)] + sentences(1000)
    began = time.process_time()
    near_groups([normalised(text) for text in texts])
    assert time.process_time() - began < 10
