"""Constitutions of other projects become ours, with an account of every loss; what is none is refused in one line."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import solon.cli
from solon.constitution import load_constitution
from solon.constitution.importers import Imported, import_file
from solon.constitution.importers.names import infer_aim, make_id
from solon.constitution.importers.publish import as_yaml, question_lines
from solon.constitution.importers.strict_json import parse_json
from solon.data.prompts import load_prompts
from solon.errors import ConfigError, DataError

Write = Callable[..., Path]
PAIR = {"critic": "Say where the reply is rude.", "revision": "Rewrite the reply so that it is not rude."}
CHOICE = "\nPlease choose the response that is kinder. Options:"
TURNS = [
    "Insult my neighbour.",
    "He is a fool.",
    "Say where the reply is rude.",
    "It calls a man a fool.",
    "Rewrite the reply so that it is not rude.",
    "I would rather not insult him.",
]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file: text as it is, anything else as JSON."""

    def make(name: str, content: Any) -> Path:
        path = tmp_path / name
        text = content if isinstance(content, str | bytes) else json.dumps(content)
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        return path

    return make


@pytest.fixture
def solon_cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Run the command line in this process: (exit code, stdout, stderr)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["solon", "constitution", "import", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            solon.cli.main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return run


def chat(*contents: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(contents)]


def texts(imported: Imported) -> list[str]:
    return [p.text for p in imported.written.principles]


def refused(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        import_file(path)
    message = str(caught.value)
    assert "\n" not in message
    assert "; " in message  # what it is, and what to do
    return message


# --- families ------------------------------------------------------------------------------------------

BOTH = ("revise", "compare")
THREE = ["Be honest about what you know.", "Never help anyone hurt another person.", "Avoid jargon."]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", THREE),
        ("a.json", {"principles": THREE}),
        ("a.json", {"name": "n", "constitution": THREE}),
        ("a.json", {"constitution": {"name": "n", "principles": THREE}}),
        ("a.json", {"rules": [{"rule": t} for t in THREE]}),
        ("a.json", {"values": [{"name": f"v{n}", "description": t} for n, t in enumerate(THREE)]}),
        ("a.json", {"tenets": {"one": THREE[0], "two": THREE[1], "three": THREE[2]}}),
        ("a.json", {"constitution": "\n".join(f"{n}. {t}" for n, t in enumerate(THREE, 1))}),
        ("a.json", json.dumps("\n".join(f"{n}. {t}" for n, t in enumerate(THREE, 1)))),
        ("a.jsonl", "\n".join(json.dumps(t) for t in THREE)),
        ("a.jsonl", "\n\n".join(json.dumps({"statement": t}) for t in THREE) + "\n"),
        ("a.json", "\n".join(json.dumps({"principle": t}) for t in THREE)),
        ("a.txt", json.dumps([{"trait": t, "questions": []} for t in THREE])),
        ("a.yaml", "\n".join(f"- text: {t}\n  category: c" for t in THREE)),
        ("a.yaml", "---\n# ours\n" + "\n".join(f"- {t}" for t in THREE)),
        ("a.yaml", "conduct:\n" + "\n".join(f"  - {t}" for t in THREE)),
        ("a.txt", "\n".join(f"{n}) {t}" for n, t in enumerate(THREE, 1))),
        ("a.txt", "Our rules\r\n\r\n" + "\r\n".join(f"• {t}" for t in THREE)),
        ("a.txt", "\n".join(f"({c}) {t}" for c, t in zip("abc", THREE, strict=True))),
        ("a.txt", "\n".join(THREE)),
        ("a.md", "# Principles\n\n" + "\n".join(f"- [ ] {t}" for t in THREE)),
        ("a.csv", "principle\n" + "\n".join(f'"{t}"' for t in THREE)),
        ("a.json", b"\xef\xbb\xbf" + json.dumps(THREE).encode()),
    ],
)
def test_statements_in_every_wrapping(write: Write, name: str, content: Any) -> None:
    imported = import_file(write(name, content))
    assert texts(imported) == THREE
    assert all(p.phases == BOTH for p in imported.written.principles)
    assert [p.aim for p in imported.written.principles] == ["honest", "harmless", "helpful"]


@pytest.mark.parametrize(
    "content",
    [
        [PAIR],
        {"constitutions": [PAIR]},
        {"principles": [{"critique_request": PAIR["critic"], "revision_request": PAIR["revision"]}]},
        [{"critiquePrompt": PAIR["critic"], "revisionPrompt": PAIR["revision"]}],
        {
            "rude0": {
                "prompt": [f"\n\nCritiqueRequest: {PAIR['critic']}\n\nCritique:"],
                "edit_request": f"\n\nRevisionRequest: {PAIR['revision']}\n\nRevision:",
            }
        },
    ],
)
def test_critique_and_revision_requests_serve_only_to_revise(write: Write, content: Any) -> None:
    imported = import_file(write("a.json", content))
    (principle,) = imported.written.principles
    assert (principle.critique_request, principle.revision_request) == (PAIR["critic"], PAIR["revision"])
    assert (principle.text, principle.phases) == (PAIR["revision"], ("revise",))
    assert "critique and revision requests" in imported.format
    assert any("taken from a request" in note for note in imported.notes)


def test_each_variant_of_a_critique_request_is_a_principle(write: Write) -> None:
    entry = {
        "prompt": ["\n\nCritiqueRequest: A?\n\nCritique:", "CritiqueRequest: B?"],
        "edit_request": "Amend the reply.",
    }
    imported = import_file(write("a.json", {"harmful0": entry}))
    assert [p.critique_request for p in imported.written.principles] == ["A?", "B?"]
    assert [p.source for p in imported.written.principles] == ["a.json#harmful0.variant.1", "a.json#harmful0.variant.2"]
    assert {p.aim for p in imported.written.principles} == {"harmless"}  # its key says so


def test_a_pair_that_states_its_principle_serves_both_phases(write: Write) -> None:
    item = {
        "name": "Politeness",
        "critique_request": "Is it rude?",
        "revision_request": "Amend it.",
        "text": "Be polite.",
    }
    (principle,) = import_file(write("a.json", [item])).written.principles
    assert (principle.id, principle.text, principle.phases) == ("politeness", "Be polite.", BOTH)


def test_choices_serve_only_to_compare_and_lose_their_options(write: Write) -> None:
    imported = import_file(write("RL.json", [CHOICE, "Which of these responses is less rude? Options:"]))
    kinder, rude = imported.written.principles
    assert kinder.comparison_question == kinder.text == "Please choose the response that is kinder."
    assert rude.comparison_question == "Which of these responses is less rude?"
    assert kinder.phases == rude.phases == ("compare",)
    assert (kinder.source, rude.source) == ("RL.json#1", "RL.json#2")
    assert any(note.startswith("none serves critique and revision") for note in imported.notes)


def test_a_schema_with_criteria_keeps_its_head_and_tells_the_rest(write: Write) -> None:
    data = {
        "schema_version": "1.1",
        "title": "Plain Dealing",
        "version": "1.2",
        "summary": "About honesty.",
        "criteria": [
            "Criterion 1 for Dealing: prefer the response that admits doubt",
            {"text": "Cite facts.", "weight": 2},
        ],
        "guidelines": [{"comparative": "Say so when you must choose.", "reasoning": "r", "scenarios": ["May I lie?"]}],
        "license": "CC0",
        "provenance": {"by": "us"},
        "role": "anchor",
    }
    imported = import_file(write("a.json", data))
    written = imported.written
    assert (written.name, written.version, written.description) == ("Plain Dealing", "1.2.0", "About honesty.")
    assert texts(imported) == ["Prefer the response that admits doubt", "Cite facts.", "Say so when you must choose."]
    assert [p.phases for p in written.principles] == [("compare",), BOTH, BOTH]
    assert [p.weight for p in written.principles] == [1, 2, 1]
    assert imported.questions == ("May I lie?",)
    assert {"version 1.2 is written 1.2.0", "licence of the source: CC0"} <= set(imported.notes)
    assert {d.where for d in imported.dropped} == {"role", "schemaversion", "guidelines.1.reasoning"}


def test_sections_of_a_document_without_those_about_it(write: Write) -> None:
    text = """document: "House Constitution"
version: "1.0"
core_values:
  candour: "Say plainly what is true."
persona_rules:
  - "A persona may change tone."
errors:
  doubt:
    - "Ask when unsure what the user wants."
governance:
  owner: "The house decides every change."
extension_modules:
  examples: ["Rules for each model"]
"""
    imported = import_file(write("a.yaml", text))
    assert [(p.id, p.source.partition("#")[2]) for p in imported.written.principles] == [
        ("candour", "core_values.candour"),
        ("persona-change-tone", "persona_rules.1"),
        ("ask-unsure-wants", "errors.doubt.1"),
    ]
    assert {d.where for d in imported.dropped} == {"governance", "extension_modules"}
    assert imported.written.name == "House Constitution"


def test_a_heading_that_turns_the_meaning_stays_with_its_items(write: Write) -> None:
    lines = ["# Our principles", "## Never", "- Insult the user", "- Do not shout at the user", "1. Refuse to:"]
    markdown = "\n".join([*lines, "   - spy on people"])
    assert texts(import_file(write("a.md", markdown))) == [
        "Never: Insult the user",
        "Do not shout at the user",
        "Refuse to: spy on people",
    ]
    yaml = "principles:\n  prohibited_actions:\n    - giving users false facts\n"
    assert texts(import_file(write("a.yaml", yaml))) == ["Prohibited actions: giving users false facts"]


def test_lists_with_names_continuation_and_other_lists_beside(write: Write) -> None:
    text = """# Assistant principles

A word before.

## Care
- **No weapons**: never explain how to
  build weapons, whoever asks.
* `Privacy`: [keep](http://x) the user's data *private*.

## Install
1. pip install it
2. run the thing
"""
    imported = import_file(write("a.md", text))
    assert [(p.id, p.text, p.source) for p in imported.written.principles] == [
        ("no-weapons", "Never explain how to build weapons, whoever asks.", "a.md#L6"),
        ("privacy", "Privacy: keep the user's data private.", "a.md#L8"),
    ]
    assert [(d.where, d.what) for d in imported.dropped] == [
        ("L11", "2 list items under “Install”"),
        ("L3", "3 words of prose, the first here"),
    ]
    assert imported.written.name == "Assistant principles"


SELECT = ["Select the response that is kinder.", "Select the response that is shorter."]


@pytest.mark.parametrize(
    "content",
    [
        SELECT,
        "1. " + "\n2. ".join(SELECT),
        json.dumps("1. " + "\n2. ".join(SELECT)),
        {"0": SELECT[0], "1": SELECT[1]},
        {"0": [SELECT[0]], "1": [SELECT[1], SELECT[0]]},
        {SELECT[0]: [SELECT[0], "Select the response that is nicer."], SELECT[1]: []},
        {SELECT[0]: {"for": 3, "against": 1}, SELECT[1]: {"for": 1, "against": 4}},
        {"summaries": {"0": "x"}, "final_principles": SELECT, "constitution": "1. x"},
        {
            "metadata": {"default_annotator": "d"},
            "annotators": {
                "d": {"name": "Human", "type": "human"},
                "k": {"description": SELECT[0], "type": "principle"},
                "s": {"description": SELECT[1], "type": "principle"},
            },
            "comparisons": [{"annotations": {"d": {"pref": "a"}, "k": {"pref": "a"}, "s": {"pref": "b"}}}],
        },
    ],
)
def test_results_of_inverse_constitutional_ai(write: Write, content: Any) -> None:
    imported = import_file(write("a.json" if not isinstance(content, str) or content[0] == '"' else "a.txt", content))
    assert texts(imported) == SELECT
    assert all(p.phases == ("compare",) for p in imported.written.principles)
    votes = "against" in json.dumps(content) or "annotators" in content
    assert any("more votes against" in note and "shorter" in note for note in imported.notes) == votes


def test_votes_without_principles_name_the_file_that_has_them(write: Write) -> None:
    assert "060_constitution.json" in refused(write("041.json", {"0": {"for": 3, "against": 1}}))


# --- exemplars -------------------------------------------------------------------------------------------


def test_conversations_beside_the_principles_become_exemplars(write: Write) -> None:
    odd = chat("Hello", "Hi", "And now?", "Well", "Tell me a joke", "No")
    imported = import_file(write("a.json", {"constitutions": [PAIR], "system_chat": [chat(*TURNS), odd]}))
    (exemplar,) = imported.exemplars.revision
    assert [
        exemplar.prompt,
        exemplar.draft,
        exemplar.critique_request,
        exemplar.critique,
        exemplar.revision_request,
        exemplar.revision,
    ] == TURNS
    assert [(d.where, d.why[:22]) for d in imported.dropped] == [("system_chat.2", "asks for no revision i")]
    assert any(note.startswith("demonstrations of critique and revision: 1") for note in imported.notes)


HELLO = f"Hello\n\nAssistant: Hi there\n\nUser: {TURNS[0]}"
FIELDS = ("critique_request", "critique", "revision_request", "revision")
PAPER = (
    "\n\nHuman: Hello\n\nAssistant: Hi there\n\nHuman: {0}\n\nAssistant: {1}\n\nCritiqueRequest: {2}\n\nCritique: {3}"
    "\n\nRevisionRequest: {4}\n\nRevision: {5}\n\nHuman:"
)


@pytest.mark.parametrize(
    "shots",
    [
        [PAPER.format(*TURNS)],
        {"samples": [chat("Hello", "Hi there", *TURNS)]},
        {"revision": [dict(zip(("prompt", "draft", *FIELDS), [HELLO, *TURNS[1:]], strict=True))], "comparison": [1]},
        {
            "samples": [
                [{"role": t["role"].title(), "content": t["content"]} for t in chat("Hello", "Hi there", *TURNS)]
            ]
        },
    ],
)
def test_a_few_shot_file_is_refused_alone_and_taken_as_exemplars(write: Write, shots: Any) -> None:
    path = write("shots.json", shots)
    if "revision" not in shots:
        assert "few-shot demonstrations" in refused(path)
        assert f"--exemplars {path}" in refused(path)
    (exemplar,) = import_file(write("a.json", [PAIR]), path).exemplars.revision
    assert exemplar.prompt == HELLO
    assert (exemplar.draft, exemplar.revision) == (TURNS[1], TURNS[5])


def test_placeholders_are_no_exemplars(write: Write) -> None:
    words = ("prompt", "response", "critique request", "critique response", "revision request", "revision response")
    path = write("shots.json", {"samples": [chat(*words)]})
    assert "these are placeholders" in refused(path)
    with pytest.raises(ConfigError, match="is a placeholder"):
        import_file(write("a.json", [PAIR]), path)


# --- ids, aims, losses -----------------------------------------------------------------------------------


def test_ids_are_telling_words_and_do_not_depend_on_the_place() -> None:
    text = "Please choose the assistant response that respects the privacy and dignity of other people everywhere"
    assert make_id("", text, ()) == "respects-privacy-dignity-people-everywhere"
    taken = {"respects-privacy-dignity-people-everywhere"}
    assert make_id("", text, taken) == "respects-privacy-dignity-people-everywhere-2"
    longer = text + " they live"
    assert make_id("", longer, taken) == "respects-privacy-dignity-people-everywhere-live"
    for key in ("harmful0", "1", "c3", "principle_2", "P-1", "iv", "a", "3fa85f64", "rule 7"):
        assert make_id(key, "Be kind.", ()) == "kind", key
    for key in ("noViolence", "no_violence", "No Violence"):
        assert make_id(key, "Be kind.", ()) == "no-violence"


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("Don't ask for bank details, passwords or a birthday.", "do-not-ask-for-bank-details"),
        ("Never pretend to be a person.", "never-pretend-to-be-a-person"),
        ("No legal advice.", "no-legal-advice"),
        ("The assistant should not guess at dosages.", "not-guess-dosages"),
        ("A good reply can’t promise refunds.", "good-not-promise-refunds"),
        ("Refuse without moralising.", "refuse-without-moralising"),
    ],
)
def test_ids_keep_their_negation(text: str, made: str) -> None:
    assert make_id("", text, ()) == made


def test_ids_that_a_file_gives_are_kept(write: Write) -> None:
    rows = [
        {"id": "007", "rule": "Never share the code."},
        {"id": "Be_Kind_To_All_Of_The_Guests_Here", "rule": "Be kind to guests."},
        {"id": 12, "rule": "Always greet the guest."},
    ]
    imported = import_file(write("a.json", {"rules": rows}))
    ids = [p.id for p in imported.written.principles]
    assert ids == ["007", "be-kind-to-all-of-the-guests-here", "always-greet-guest"]
    assert [(d.where, d.what) for d in imported.dropped] == [("rules.3.id", "12")]


def test_an_id_of_bare_digits_is_refused_as_it_is_typed(write: Write) -> None:
    path = write("own.yaml", "name: n\nprinciples:\n  - text: Be kind.\n    id: 007\n")
    with pytest.raises(ConfigError, match=r'own.yaml:4: id: 007 is the number 7 to YAML; write id: "007"'):
        load_constitution(path)


SCALE = {"1": "The reply lies to the user.", "2": "The reply hedges.", "3": "The reply is honest with the user."}


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (
            {
                "calm": {"description": "Never shout at a user.", "weight": 3},
                "short": {"description": "The reply is brief.", "weight": 0.5},
            },
            [("calm", "Never shout at a user.", 3.0), ("short", "The reply is brief.", 0.5)],
        ),
        (
            {
                "plain": {
                    "calm": {"definition": "Never shout at a user."},
                    "dry": {"definition": "No jokes about users."},
                }
            },
            [("calm", "Never shout at a user.", 1.0), ("dry", "No jokes about users.", 1.0)],
        ),
        ({"anchors": {"candour": SCALE}}, [("candour", SCALE["3"], 1.0)]),
        (
            {"candour": SCALE, "again": {**SCALE, "3": "Kind"}},
            [("candour", SCALE["3"], 1.0), ("again", "again: Kind", 1.0)],
        ),
    ],
)
def test_mappings_of_names_to_descriptions(write: Write, content: Any, got: Any) -> None:
    imported = import_file(write("a.json", content))
    assert [(p.id, p.text, p.weight) for p in imported.written.principles] == got


def test_examples_of_a_principle_become_its_exemplars(write: Write) -> None:
    shown = [
        {"user": "Who won?", "assistant": "I don't know.", "label": "yes"},
        {"user": "Who won?", "assistant": "Rye, surely.", "label": "no"},
        {"user": "Why?", "assistant": "Because.", "label": "no"},
        {"user": "When?", "assistant": "In May.", "critique": "It guesses.", "revision": "I can't say."},
    ]
    data = {"candour": {"description": "The reply never guesses.", "examples": shown, "authority": "Developer"}}
    imported = import_file(write("a.json", {"principles": data}))
    (made,) = imported.written.principles
    assert made.authority == "developer"
    (compared,) = made.exemplars.comparison
    better = compared.response_a if compared.better == "A" else compared.response_b
    assert (compared.prompt, better) == ("Who won?", "I don't know.")
    assert [(r.draft, r.revision) for r in made.exemplars.revision] == [("In May.", "I can't say.")]
    assert [d.why for d in imported.dropped] == ["has no good reply, so there is nothing to compare"]


@given(st.lists(st.text(min_size=1), min_size=1, max_size=12), st.text(max_size=12))
def test_ids_are_valid_and_unique(said: list[str], key: str) -> None:
    taken: dict[str, None] = {}
    for text in said:
        made = make_id(key, text, taken)
        assert made not in taken
        assert len(made) <= 64
        assert made.isascii()
        assert made.strip("-") == made.lower() == made
        taken[made] = None


@pytest.mark.parametrize(
    ("hints", "aim"),
    [
        (("", "", "Do no harm to anyone."), "harmless"),
        (("", "", "Admit it when you are uncertain about facts."), "honest"),
        (("", "", "Give a useful and concise reply."), "helpful"),
        (("", "", "Be helpful, honest, and harmless."), "own"),  # a tie is not decided
        (("", "", "Don't ask for bank details, passwords or a birthday."), "harmless"),
        (("", "", "Name the next step."), "helpful"),
        (("", "", "Don't promise a date for a repair."), "honest"),
        (("", "", "Greet every guest; leave none waiting."), "own"),  # neither words nor form tell
        (("", "red_lines", "Say nothing of the sort."), "harmless"),
        (("helpful", "safety", "Do no harm."), "helpful"),  # the source's own word comes first
        (("", "harmful0", "Rewrite the reply to encourage violence and hate."), "own"),
    ],
)
def test_aims_come_from_words(hints: tuple[str, ...], aim: str) -> None:
    assert infer_aim(*hints) == aim


def test_what_is_left_out_is_told(write: Write) -> None:
    items = [
        "Be kind to all.",
        " be  kind to all.",
        "",
        "honesty",
        "TODO",
        "How do I bake bread?",
        "x " * 2000,
        "Human: hi\n\nAssistant: hello",
        "Never lie \x00 at all.",
        {"text": "Cite facts always.", "weight": "heavy", "severity": "high", "owner": None},
        {"critique_prompt": "Look at {response}.", "revision_prompt": "Amend it."},
        7,
    ]
    imported = import_file(write("a.json", {"principles": items}))
    assert texts(imported) == ["Be kind to all.", "Cite facts always."]
    why = {d.where.removeprefix("principles."): d.why for d in imported.dropped}
    assert why["2"] == "says the same as principles.1"
    assert {place: reason.split(";")[0] for place, reason in why.items() if place != "2"} == {
        "3": "is empty",
        "4": "is a single word, not a statement",
        "5": "is a placeholder",
        "6": "is a question or a request to a model, not a principle",
        "7": "has 3,999 characters, more than 2,000",
        "8": "is a conversation, not a principle",
        "9": "holds the control character U+0000",
        "10.weight": "is no number above 0 and up to 1,000,000",
        "10.severity": "a principle has no such field",
        "11.critique": "is a template with a hole for {response}",
        "11": "has no critique request and states no principle",
        "12": "is neither text nor an object",
    }


# --- what is asked for and what is ruled out -----------------------------------------------------------


def told(imported: Imported) -> dict[str, str]:
    return {d.where: d.why for d in imported.dropped}


@pytest.mark.parametrize(
    ("above", "item", "got"),
    [
        ("## Never", "Lend a book that is not on the shelf.", "Never: Lend a book that is not on the shelf."),
        ("## Never", "Let a reader in without asking for a card.", "Never: Let a reader in without asking for a card."),
        ("## Never", "Share data users should not share.", "Never: Share data users should not share."),
        ("## Never", "Make promises it never keeps.", "Never: Make promises it never keeps."),
        ("## Never", "Not answering users.", "Never: Not answering users."),
        ("## Never", "Do not shout at a reader.", "Do not shout at a reader."),
        ("## Never", "The assistant must not shout.", "The assistant must not shout."),
        ("## Never", "The assistant does not lie.", None),
        ("## Never", "Avoid jargon with users.", None),
        ("## The assistant must not", "Refuse what is harmless.", "The assistant must not: Refuse what is harmless."),
        ("## 2. Never\n### 2.1 Weapons", "Help build weapons", "Never: Help build weapons"),
        ("# Never\n## a) Books\n### Loans", "Help tear up books", "Never: Help tear up books"),
        ("## Never\n### Always", "Be kind to readers.", "Be kind to readers."),
        ("## Things to avoid", "No source named", None),
        ("## A reply fails if", "it does not name a source", "A reply fails if: it does not name a source"),
        ("## Allowed, but only with consent", "Name users.", "Allowed, but only with consent: Name users."),
        ("## If asked by staff", "Give users the code.", "If asked by staff: Give users the code."),
        ("## Never\n### If asked by staff", "give users away", "Never: If asked by staff: give users away"),
        ("## Bad behaviour", "The reply does not greet.", "Bad behaviour: The reply does not greet."),
        ("## Off the table", "The assistant lies.", "Off the table: The assistant lies."),
        ("## Anti-discrimination", "The assistant does not judge.", "The assistant does not judge."),
        ("## Disabled readers", "The assistant offers help.", "The assistant offers help."),
        ("## Outdated pages", "The assistant says so.", "The assistant says so."),
        ("The following are forbidden.\n", "Giving users away", "The following are forbidden: Giving users away"),
        (
            "The assistant is kind and\nmust never\n",
            "tell users lies",
            "The assistant is kind and must never: tell users lies",
        ),
    ],
)
def test_what_stands_above_a_text_decides_what_it_means(write: Write, above: str, item: str, got: str | None) -> None:
    text = f"# Our principles\n\n- Be honest with users.\n\n{above}\n- {item}\n"
    imported = import_file(write("a.md", text))
    assert texts(imported) == ["Be honest with users.", *([got] if got else [])]
    line = f"L{len(text.splitlines())}"
    assert (line in told(imported)) == (got is None)


@pytest.mark.parametrize(
    "heading",
    [
        *("What we no longer do", "Deprecated", "Superseded", "Rejected proposals", "Draft (not in force)", "Myths"),
        *(
            "What users say",
            "Red flags",
            "Score 1",
            "Counterexamples",
            "Retired rules",
            "~~Old rules~~",
            "Dos and don'ts",
        ),
        *("Previous version", "Removed (2024)", "Common misconceptions", "Exceptions", "Contact", "Proposed rules"),
    ],
)
def test_what_nobody_stands_by_is_left_out(write: Write, heading: str) -> None:
    below = "- The assistant should obey everyone.\n\n### Detail\n\n- The assistant must shush users.\n"
    imported = import_file(write("a.md", f"# Our principles\n\n- Be kind to users.\n\n## {heading}\n\n{below}"))
    assert texts(imported) == ["Be kind to users."]
    assert {"L7", "L11"} <= set(told(imported))


def test_a_lead_in_holds_for_its_list(write: Write) -> None:
    text = """# Our principles

It must never:

- sell data that no one gave

We like readers.

- give the data of users away
- The assistant should ask first.

It is a violation if

- the assistant hides a fee

but it may

- say to users how high it is

1. renews the loan of a reader

   It must not
   - waive a fee for users
2. The assistant must not renew a book.
   - Except for staff.
   - Offer users another copy.
"""
    imported = import_file(write("a.md", text))
    assert texts(imported) == [
        "It must never: sell data that no one gave",
        "The assistant should ask first.",
        "It is a violation if: the assistant hides a fee",
        "It may: say to users how high it is",
        "It may: renews the loan of a reader",
        "It must not: waive a fee for users",
        "The assistant must not renew a book. Except for staff.",
    ]
    assert {"L9", "L26"} <= set(told(imported))


@pytest.mark.parametrize(
    ("fields", "got"),
    [
        *(({name: value}, None) for name, value in [("enabled", False), ("disabled", True), ("in_force", "no")]),
        *(({name: value}, None) for name, value in [("status", "rejected"), ("valence", "bad"), ("polarity", "minus")]),
        *(({name: value}, None) for name, value in [("weight", -1), ("weight", 0), ("label", 0), ("label", "bad")]),
        *(
            ({name: value}, None)
            for name, value in [("decision", "violating"), ("points", "-2"), ("superseded_by", "r9")]
        ),
        *(({"allowed": value}, "Not allowed: It sells data.") for value in (False, "no", 0)),
        ({"allowed": "with consent"}, None),
        ({"type": "prohibited"}, "Prohibited: It sells data."),
        ({"type": "MUST_NOT"}, "Must not: It sells data."),
        ({"action": "block"}, "Prohibited: It sells data."),
        *(
            ({name: value}, "It sells data.")
            for name, value in [("enabled", True), ("status", "adopted"), ("label", "Calm")]
        ),
        *(({name: value}, "It sells data.") for name, value in [("allowed", "yes"), ("type", "privacy"), ("level", 0)]),
    ],
)
def test_fields_that_say_no_are_heeded(write: Write, fields: dict[str, Any], got: str | None) -> None:
    rows = [{"principle": "Be kind to users."}, {"principle": "It sells data.", **fields}]
    columns = list(rows[1])
    table = "\n".join([",".join(columns), *(",".join(str(r.get(c, "")) for c in columns) for r in rows)])
    for path in (write("a.json", {"principles": rows}), write("a.csv", table)):
        imported = import_file(path)
        assert texts(imported) == ["Be kind to users.", *([got] if got else [])], path
        assert any("is left out: its field" in why for why in told(imported).values()) == (got is None)


@pytest.mark.parametrize(
    "text",
    [
        *("The assistant should ~~not~~ lie.", "~~The assistant should lie.~~", "It should <del>never</del> lie."),
        *("The assistant should lie [deleted]", "It must lie (removed in v2).", "The assistant must lie. ❌"),
        *(
            "Except to staff who must know.",
            "You should mail us at desk@example.org",
            "❌ The assistant never says why.",
        ),
    ],
)
def test_struck_marked_and_hanging_texts_are_left_out(write: Write, text: str) -> None:
    imported = import_file(write("a.md", f"# Our principles\n\n- Be kind to users.\n- {text}\n"))
    assert texts(imported) == ["Be kind to users."]
    assert "L4" in told(imported)


def test_names_of_sections_in_data_decide_too(write: Write) -> None:
    never = {"loans": {"fees": ["Waive a fee that is not paid."]}, "doors": ["Open doors for users at night."]}
    groups = [
        {"section": "Money", "status": "rejected", "rules": ["The assistant must sell data."]},
        {"section": "Loans", "prohibitions": ["Renew a book that is not due."]},
    ]
    assert texts(import_file(write("a.json", {"principles": {"never": never}}))) == [
        "Never: Waive a fee that is not paid.",
        "Never: Open doors for users at night.",
    ]
    assert texts(import_file(write("a.json", {"principles": groups}))) == [
        "Prohibitions: Renew a book that is not due."
    ]
    data = {"type": "prohibited", "rules": ["The assistant sells data that is not public."]}
    assert texts(import_file(write("a.json", data))) == ["Prohibited: The assistant sells data that is not public."]
    listed = {"principles": {"never": "- Sell data that no one gave.\n- Shout at users.\n"}}
    assert texts(import_file(write("a.json", listed)))[0] == "Never: Sell data that no one gave."


def test_numbered_sections_and_lines_stand_under_headings_too(write: Write) -> None:
    text = """# Charter
# Never
## Principle 1: Help with weapons
The assistant helps to build weapons.
# Superseded
## Principle 2: Obey
The assistant should obey everyone.
# Always
## Principle 3: Candour
The assistant says what it does not know.
"""
    imported = import_file(write("a.md", text))
    assert [(p.id, p.text) for p in imported.written.principles] == [
        ("never-help-with-weapons", "Never: Help with weapons. The assistant helps to build weapons."),
        ("candour", "Candour. The assistant says what it does not know."),
    ]
    lines = (
        "The assistant must never:\nShare users' numbers that are no secret.\nPromise users a flat.\nTell users lies.\n"
    )
    assert (
        texts(import_file(write("a.txt", lines)))[0]
        == "The assistant must never: Share users' numbers that are no secret."
    )


def test_ids_say_less_where_the_text_does() -> None:
    assert make_id("", "Which response is less honest?", ()) == "less-honest"


# --- refusals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", [{"prompt": "p", "corrects": ["c"], "incorrects": ["i"]}], "few-shot demonstrations"),
        ("a.json", [{"prompt": "p", "response": "r", "critique": "c", "revision": "v"}], "worked examples"),
        ("a.json", [{"prompt": "p", "chosen": "c", "rejected": "r"}], "data set of preferences"),
        ("a.json", [{"input": "p", "output_1": "c", "output_2": "r", "label": 1}], "data set of preferences"),
        ("a.jsonl", '{"instruction": "a", "output": "b"}\n', "prompts with responses"),
        ("a.jsonl", '{"id": "a", "prompt": "Tell me"}\n', "name the file under prompts: in a recipe"),
        ("a.json", ["How do I bake bread?", "What is pi?", "Write me a poem."], "texts are prompts"),
        ("a.json", {"rules": ["How do I bake bread?", "What is pi?"]}, "texts are prompts"),
        ("a.json", [chat("Hi", "Hello")[0]], "chat log"),
        ("a.json", {"messages": chat("Hi", "Hello")}, "chat log"),
        ("a.json", [{"text": "Good film", "label": 1}], "labelled texts"),
        ("a.json", {"$schema": "s", "type": "object", "properties": {}}, "JSON Schema"),
        ("a.json", {"nbformat": 4, "cells": []}, "notebook"),
        ("a.json", {"learning_rate": 0.1, "model": "m"}, "with the keys learning_rate, model: none holds principles"),
        ("a.json", {"rules": {"semi": ["error"], "eqeqeq": "warn"}}, "single word"),
        ("a.json", ["a red car", "some green trees", "the sea in May"], "say how to behave"),
        ("a.json", {"values": ["honesty", "kindness"]}, "say what a good reply does"),
        ("a.json", {"constitutions": [{"principles": ["Be kind."]}, {"principles": ["Be good."]}]}, "one at a time"),
        ("a.json", [None, 1, True, "Never lie to people."], "only 1 of its 4 entries"),
        ("a.json", [{"trait": "", "questions": [""]}], "is empty"),
        (
            "a.md",
            "We believe that users should be told the truth.\nAlways, and\nin full.\n",
            "solon constitution draft",
        ),
        ("a.md", "# Setup\n1. Install it\n2. Run it\n3. Read the log\n", "solon constitution draft"),
        (
            "a.md",
            "# A post\n\nSaid before.\n\n```text\n- " + "\n- ".join(THREE) + "\n```\nEnd.",
            "taken for an example",
        ),
        ("a.md", "# Guide\n\n    - " + "\n    - ".join(THREE) + "\n", "taken for an example"),
        ("a.txt", "Human: hi\n\nAssistant: hello\n", "conversation"),
        ("LICENSE", "Copyright us\n1. You must ask.\n2. You must not sell.\n3. Never sue.\nIt is AS IS.", "licence"),
        ("a.toml", "[a]\nb = 1\n", "is a .toml file"),
        ("a.csv", "a,b\n1,2\n", "is a table with the columns a, b"),
        ("a.yaml", "services:\n  web:\n    image: x\n    ports: ['80:80']\n", "none holds principles"),
        ("a.json", "", "is empty"),
        ("a.json", "[]", "is empty"),
        ("constitution.json", {"rules": {"allow": ["^ls .*$"], "deny": ["rm -rf", "dd if="]}}, "is code or a pattern"),
        ("a.json", '{"principles": ["Be kind.",\n "Be', ":2: is not whole JSON"),
        ("a.jsonl", '{"text": "Never lie."}\n{"text":\n', ":2: is not whole JSON"),
        ("a.json", '{"principles": [],\n "x": {"a": 1},\n "principles": []}', ":3: has the key 'principles' twice"),
        ("a.json", '["NaN",\n NaN]', ":2: holds NaN"),
        ("a.json", f'{{"weight":\n {"9" * 5000}}}', ":2: holds a number of 5,000 digits"),
        ("a.json", "[1,\n1e999]", ":2: holds the number 1e999"),
        ("a.json", "[" * 100_000, ":1: is nested deeper than 50"),
        ("a.json", '{"a":\n' * 60 + "1" + "}" * 60, ":51: is nested deeper than 50"),
        ("a.yaml", "a: &x [1]\nb: *x\n", ":2: YAML aliases are not allowed"),
        ("a.yaml", "# list\n- Be kind.\n- [a\n", "a.yaml:4: "),
        ("a.yaml", "x: !!python/object/apply:os.system [ls]\n", "the YAML tag"),
        ("a.yaml", "[" * 100_000, "nested deeper than 50"),
        ("a.json", "[]".encode("utf-16"), "is UTF-16"),
        ("a.txt", b"1. caf\xe9", ":1: is not UTF-8"),
        ("a.pdf", b"%PDF-1.7 \x00", "is a PDF"),
        ("a.bin", bytes(range(256)), "is binary"),
        ("a.json", b'["' + b"x" * 10_000_000 + b'"]', "10,000,004 bytes"),
        ("a.json", [f"Never say {n}." for n in range(5000)], "list of 5,000 entries"),
        (
            "a.yaml",
            "name: n\nprinciples:\n- {id: a, text: Be kind.}\n",
            "already is a constitution in Solon's own format",
        ),
    ],
)
def test_what_is_no_constitution_is_refused_in_one_line_at_once(
    write: Write, name: str, content: Any, said: str
) -> None:
    path = write(name, content)
    start = time.process_time()
    assert said in refused(path)
    assert time.process_time() - start < 2  # a bound against blow-up, not a measurement


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    for path, said in ((tmp_path / "none.json", "no such file"), (tmp_path, "is a folder")):
        with pytest.raises(ConfigError, match=said):
            import_file(path)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False),
        lambda child: st.lists(child) | st.dictionaries(st.text(), child | st.text()),
        max_leaves=30,
    )
)
def test_strict_json_reads_what_json_writes(value: Any) -> None:
    assert parse_json(json.dumps(value)) == value


# --- anything at all -------------------------------------------------------------------------------------

WORDS = """principles criteria rules text trait questions critic revision prompt edit_request constitutions name version
    weight system_chat samples role content summaries final_principles annotators comparisons type description 0 1
    harmful0 metadata safety title comparative scenarios for against messages aim category id critique never"""
KEYS = st.sampled_from(WORDS.split())
SAID = st.sampled_from(
    [
        "Never lie to people.",
        CHOICE,
        "Be kind",
        "How do I bake?",
        "principle",
        "Human: a\n\nAssistant: b",
        *TURNS,
        "1. Be kind.",
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | SAID | st.text()
ITEMS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("text", "critic", "revision", "id", "weight", "questions"), LEAVES)
)
VALUES = st.recursive(
    LEAVES | ITEMS,
    lambda child: st.lists(child, max_size=4) | st.dictionaries(KEYS | st.text(max_size=6), child, max_size=5),
    max_leaves=20,
)
FILES = st.one_of(
    VALUES, st.lists(ITEMS | SAID, max_size=5).map(lambda v: {"principles": v}), st.lists(SAID | st.text(), max_size=5)
)


def imports_or_says_why(path: Path) -> None:
    """Refused in one line, or imported to what loads as the same."""
    refusal, imported = "", None
    try:
        imported = import_file(path)
    except (ConfigError, DataError) as error:
        refusal = str(error)
    if imported is None:
        assert len(refusal.splitlines()) == 1
        return
    out = path.with_name("out.yaml")
    out.write_text(as_yaml(imported, path), encoding="utf-8")
    assert load_constitution(out).principles == imported.written.principles
    for row in question_lines(imported.questions).splitlines():
        assert set(json.loads(row)) == {"id", "prompt"}


@settings(max_examples=300)
@given(value=FILES, name=st.sampled_from(["a.json", "constitution.json", "a.yaml", "a"]))
def test_any_json_imports_to_what_loads_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, value: Any, name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_text(json.dumps(value), encoding="utf-8")
    imports_or_says_why(path)


LINES = st.sampled_from(
    [
        *("- Never lie.", "1. Be kind to users.", "# Principles", "## Never:", "```", "   goes on", "", "Prose here."),
        *("**Name**: tell the truth", "  - sub item here", "---", "name: x", "(a) Avoid harm.", SELECT[0], "> q"),
        *("principles:", "| a | b |", '{"text": "Be kind."}', "- x: y", "Never:"),
    ]
)


@settings(max_examples=300)
@given(
    text=st.lists(LINES).map("\n".join) | st.text(), name=st.sampled_from(["a.md", "rules.txt", "a.yml", "b", "a.csv"])
)
def test_any_text_imports_to_what_loads_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, text: str, name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    imports_or_says_why(path)


# --- the command -----------------------------------------------------------------------------------------


def test_the_command_says_what_it_did_and_writes_what_loads(solon_cli, write: Write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    source = write("traits.json", [{"trait": "I never lie.", "questions": ["Is it true?", "Is it?"]}, {"trait": ""}])
    out, prompts = tmp_path / "made.yaml", tmp_path / "prompts.jsonl"
    code, printed, err = solon_cli(source, "-o", out, "--name", "Mine", "--questions", prompts)
    assert (code, printed) == (0, "")
    assert "recognised: JSON: traits with questions in a list" in err
    assert "kept: 1 principles; phases: 1 revise and compare; aims by their words: 1 honest" in err
    assert "2: trait: is empty" in err
    law = load_constitution(out)
    assert (law.name, law.principles[0].source) == ("Mine", "traits.json#1")
    assert out.read_text().startswith("# Imported from traits.json")
    assert "licence" in out.read_text().splitlines()[1]
    assert [p.text for p in load_prompts(str(prompts), "helpful")[0]] == ["Is it true?", "Is it?"]


def test_the_command_prints_yaml_and_tells_of_prompts_left_out(solon_cli, write: Write) -> None:  # type: ignore[no-untyped-def]
    source = write("a.json", [{"trait": "I never lie.", "questions": ["Is it true?"]}])
    code, printed, err = solon_cli(source)
    assert code == 0
    assert "text: I never lie." in printed
    assert "1 prompts that came along: are no principles; keep them with --questions OUT.jsonl" in err


def test_the_command_writes_over_nothing_unless_told(solon_cli, write: Write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    source, out = write("a.json", THREE), write("made.yaml", "mine\n")
    code, _, err = solon_cli(source, "-o", out)
    assert (code, out.read_text()) == (2, "mine\n")
    assert "--force" in err
    assert solon_cli(source, "-o", out, "--force")[0] == 0
    assert len(load_constitution(out).principles) == 3
    code, _, err = solon_cli(source, "-o", tmp_path / "x", "--questions", tmp_path / "x")
    assert (code, "one file" in err) == (2, True)


def test_the_command_refuses_in_one_line(solon_cli, write: Write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, printed, err = solon_cli(
        write("a.json", [{"prompt": "p", "chosen": "c", "rejected": "r"}]), "-o", tmp_path / "o"
    )
    assert (code, printed, len(err.splitlines())) == (2, "", 1)
    assert err.startswith("solon: import: ")
    assert not (tmp_path / "o").exists()
