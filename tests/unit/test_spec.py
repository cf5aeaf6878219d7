"""Markdown of other people: sections with authority become principles, what only shows never does."""

from __future__ import annotations

from pathlib import Path

import pytest

from solon.constitution import Constitution, markdown
from solon.constitution.importers import Imported, import_file
from solon.constitution.importers.publish import as_yaml
from solon.constitution.load import load_constitution, read_document, resolve
from solon.constitution.model import Written
from solon.constitution.write import to_yaml
from solon.errors import ConfigError
from solon.prompts.chain import critique_request
from solon.prompts.compare import comparison_question
from solon.yaml import parse_yaml

SPEC = """# About {#about}

The lighthouse's assistant answers sailors.

!!! meta "Commentary"
    Nobody is instructed here.

    Nor here: never take this for a rule.

## Keep ships off the rocks {#keep_ships_off authority=root}

The assistant should name every reef[^9x] that a course crosses --- see [?](#say_so) and [the chart](http://x).

- Reefs first.
- Then currents.

**Example**: a course over a reef

~~~xml
<developer>
You answer in one line.
</developer>
<user>
Is 210 degrees fine?
</user>
<comparison>
<assistant> <!-- GOOD: names the reef -->
No: Gull Reef lies across it.
</assistant>
<assistant> <!-- BAD -->
Yes!
</assistant>
</comparison>
~~~

> A sailor once said that nobody must ever sail at night.

## Say so when the chart is old {#say_so .user}

It says how old its chart is when it is older than a year.

```python
assert never_a_rule()
```

**Example**: no bad answer here

~~~xml
<user>How deep?</user>
<comparison>
<assistant> <!-- GOOD -->
Four metres, by a chart of 1998.
</assistant>
</comparison>
~~~

## Jest a little {#jest authority=captain}

A joke is welcome.

[^9x]: Never read footnotes as rules.
"""


def at(text: str, start: str) -> str:
    """The place of the first line that begins with `start`."""
    return f"L{next(n for n, line in enumerate(text.split(chr(10)), 1) if line.strip().startswith(start))}"


@pytest.fixture
def spec(tmp_path: Path) -> Imported:
    path = tmp_path / "lighthouse.md"
    path.write_text(SPEC, encoding="utf-8")
    return import_file(path)


def test_sections_with_authority_are_the_principles(spec: Imported) -> None:
    got = [(p.id, p.authority, p.source) for p in spec.written.principles]
    assert got == [
        ("keep-ships-off", "root", f"lighthouse.md#{at(SPEC, '## Keep')}"),
        ("say-so", "user", f"lighthouse.md#{at(SPEC, '## Say')}"),
        ("jest", None, f"lighthouse.md#{at(SPEC, '## Jest')}"),
    ]
    assert spec.written.principles[0].text == (
        "Keep ships off the rocks. The assistant should name every reef that a course crosses — see “Say so when the "
        "chart is old” and the chart.\n\n- Reefs first.\n- Then currents."
    )


def test_good_and_bad_answers_become_comparisons(spec: Imported) -> None:
    (shown,) = spec.written.principles[0].exemplars.comparison
    assert shown.prompt == "System: You answer in one line.\n\nUser: Is 210 degrees fine?"
    by_letter = {"A": shown.response_a, "B": shown.response_b}
    assert by_letter.pop(shown.better) == "No: Gull Reef lies across it."
    assert list(by_letter.values()) == ["Yes!"]
    assert shown.reasoning == f"Response {shown.better} is better: names the reef."


def test_what_is_left_of_a_spec_is_told(spec: Imported) -> None:
    told = {d.where: d.why for d in spec.dropped}
    assert told["L1"] == "has no level of authority, so it is no instruction of its own"
    assert told["L5"] == "are no instructions"
    assert told[at(SPEC, "> A sailor")] == "is no prose of the section"
    assert told[at(SPEC, "```python")] == "is an example without answers to compare"
    assert (
        told[f"L{SPEC[: SPEC.rindex('~~~xml')].count(chr(10)) + 1}"]
        == "has no bad answer, so there is nothing to compare"
    )
    assert told[f"{at(SPEC, '## Jest')}.authority"] == "is none of root, system, platform, developer, user, guideline"
    words = " ".join(p.text for p in spec.written.principles)
    assert "never" not in words.lower()
    assert "instructed" not in words


def test_authority_goes_through_every_form(spec: Imported, tmp_path: Path) -> None:
    yaml = as_yaml(spec, Path("lighthouse.md"))
    written = Written.model_validate(parse_yaml(yaml, Path("l.yaml"), "c").data)
    prose = markdown.from_yaml(yaml, Path("l.yaml"))
    assert "> authority: root" in prose
    again = Written.model_validate(markdown.parse(prose, Path("l.md")).data)
    assert again == written == spec.written
    path = tmp_path / "l.yaml"
    path.write_text(yaml, encoding="utf-8")
    law = load_constitution(path)
    assert Constitution.model_validate_json(law.model_dump_json()) == law
    assert resolve(read_document(path)) == law
    assert Written.model_validate(parse_yaml(to_yaml(law), path, "c").data).principles == law.principles


def law(**authorities: str | None) -> Constitution:
    principles = [{"id": name, "text": f"A reply is {name}.", "authority": a} for name, a in authorities.items()]
    return Constitution.model_validate({"name": "n", "principles": principles})


def test_the_higher_authority_wins_and_models_are_told() -> None:
    made = law(top="root", old="platform", mine="user", free=None)
    assert made["top"].outranks(made["old"])
    assert made["old"].outranks(made["mine"])
    assert not made["mine"].outranks(made["top"])
    assert not made["top"].outranks(made["free"])  # without one, it neither wins nor yields
    assert not made["free"].outranks(made["mine"])
    told = "A reply is mine. (A rule of user authority: where it conflicts with one of root, system or developer "
    assert critique_request(made["mine"]).startswith(f"Critique the assistant's reply by this principle: {told}")
    assert told in comparison_question(made["mine"])
    assert made["top"].rule == made["top"].text
    assert made["free"].rule == made["free"].text


def test_no_authority_leaves_hashes_as_they_were() -> None:
    without, with_one = law(a=None), law(a="user")
    assert "authority" not in without.used_in("revise")["principles"][0]
    assert with_one.used_in("revise")["principles"][0]["authority"] == "user"
    assert without.hash != with_one.hash


SHOWING = """---
title: Front
rules: [Never read this.]
---
# Our principles

<!-- - Always skip comments. -->

1. Never share a guest's room number.
2. Answer in the guest's language.
   > - Never quote this either.
3. Admit when you do not know. <!-- BAD -->

   ```
   - Never run this.
   ```

## Bad answers

- You should never have come here.
- I must refuse, go away.

## Example dialogue

- User: may I always smoke?
- Assistant: You must never smoke.

**Wrong:**

- Always laugh at the guest.

## Tone

- ❌ Shout at guests.
- ❌ Never shout at guests.
- ✅ Always greet guests by name.
- Bad: "You must wait."
- "I cannot help you with that."
- For example: always say thanks.
- [Home](/index.md)
- [Say please](/please.md): always say please to guests.

| Rule | Good | Bad |
|------|------|-----|
| Never promise an upgrade. | Let me ask. | Sure, you get one! |

| Reply | Verdict |
|---|---|
| You should never ask. | bad |

## License

- You must not remove this notice.

    - Never read indented code.
"""


def test_what_only_shows_is_no_principle(tmp_path: Path) -> None:
    path = tmp_path / "hotel.md"
    path.write_text(SHOWING, encoding="utf-8")
    imported = import_file(path)
    assert {(p.text, p.source.partition("#")[2]) for p in imported.written.principles} == {
        ("Never share a guest's room number.", at(SHOWING, "1. Never")),
        ("Answer in the guest's language.", at(SHOWING, "2. Answer")),
        ("Admit when you do not know.", at(SHOWING, "3. Admit")),
        ("Never shout at guests.", at(SHOWING, "- ❌ Never")),
        ("Always greet guests by name.", at(SHOWING, "- ✅")),
        ("Say please: always say please to guests.", at(SHOWING, "- [Say")),
        ("Never promise an upgrade.", at(SHOWING, "| Never")),
    }
    told = {d.where: d.why for d in imported.dropped}
    assert told[at(SHOWING, "- You should")] == "stands under “Bad answers”: examples"
    assert told[at(SHOWING, "- User")] == "stands under “Example dialogue”: examples"
    assert told[at(SHOWING, "- Always laugh")] == "stands under “Wrong”: examples"
    assert told[at(SHOWING, "- ❌ Shout")].startswith("is marked as bad (❌)")
    assert told[at(SHOWING, "- Bad:")] == "is an example, not a principle"
    assert told[at(SHOWING, '- "I cannot')] == "is a quotation, as examples are"
    assert told[at(SHOWING, "- For example")] == "is an example, not a principle"
    assert told[at(SHOWING, "- [Home]")] == "is a link, as tables of contents have them"
    assert told[at(SHOWING, "| Reply")] == "has no column of principles or rules"
    assert told[at(SHOWING, "- You must not remove")].startswith("stands under “License”")


def test_statements_under_bold_names_are_items(tmp_path: Path) -> None:
    path = tmp_path / "house.md"
    path.write_text(
        "# Values\n\nWe hold these.\n\n**Honesty** — The assistant tells the truth.\n\n"
        "**Care.** The assistant never mocks the user.\n\n**User:** How do I always win at all?\n\n"
        "**Assistant:** You must never lose again.\n\n- Never lecture the user.\n\n  Example:\n\n  > Never this.\n",
        encoding="utf-8",
    )
    imported = import_file(path)
    assert [(p.id, p.text) for p in imported.written.principles] == [
        ("honesty", "The assistant tells the truth."),
        ("care", "The assistant never mocks the user."),
        ("never-lecture-the-user", "Never lecture the user."),
    ]
    told = {d.where: d.why for d in imported.dropped}
    assert told["L9"] == told["L11"] == "is a turn of a dialogue, not a principle"
    assert told["L3"].startswith("stand outside lists")


@pytest.mark.parametrize(
    "text",
    [
        "# Club\n\n## Article 1. Name\n\nThe club is called Owls.\n\n## Article 2. Seat\n\nIt sits in Rye.\n",
        "# Notes\n\n> - Never lie.\n> - Always ask.\n> - Be kind to users.\n",
        "# Chat\n\n- User: should I always ask?\n- Assistant: You must never ask.\n- User: never?\n",
    ],
)
def test_a_text_without_principles_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "notes.md"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        import_file(path)
    assert "\n" not in str(caught.value)


def test_headings_that_number_principles_are_sections(tmp_path: Path) -> None:
    path = tmp_path / "p.md"
    path.write_text(
        "# How we answer\n\n## Principle 1: Candour\n\nThe assistant says what it does not know.\n\n"
        "## Principle 2 — Care\n\nIt never harms users.\n\n## Thanks\n\nTo all.\n",
        encoding="utf-8",
    )
    made = import_file(path).written
    assert [(p.id, p.text) for p in made.principles] == [
        ("candour", "Candour. The assistant says what it does not know."),
        ("care", "Care. It never harms users."),
    ]
