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
_TRAPS = [
    *("`", "``", "```", "~~~", "~~~py", "```py", "\\", "<", "<b>", "</b>", "<!--", "-->", "&", "&amp;", "&#10;"),
    *(
        "&nbsp",
        ";",
        "#",
        "##",
        "###",
        "-",
        "--",
        "---",
        "===",
        "***",
        "*",
        "+",
        "1.",
        "2.",
        "3)",
        ">",
        "|",
        "[",
        "]",
        "[a]:",
    ),
    *("**Draft:**", "**Better:**", "**No:**", "aim:", "source:", "> weight:", "_", "!", "é", "😀", "x", "word"),
]
_GAPS = [
    "\n",
    "\n\n",
    "\n\n\n",
    "\n    ",
    "\\\n",
    " ",
    "  ",
    "\t",
    "\xa0",
    "\u2028",
    "\ufeff",
    "\ufffe",
    "# ",
    "- ",
    "2. ",
]
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
phases = st.sampled_from(
    [("revise",), ("compare",), ("revise", "compare"), ("compare", "revise"), ("revise", "revise")]
)
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
overrides = st.dictionaries(
    ids, st.builds(Override, text=st.none() | texts, weight=st.none() | weights, **said), max_size=2
)
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


@settings(max_examples=300, deadline=None)
@given(written)
def test_any_constitution_comes_back_from_markdown(law: Written) -> None:
    assert read(to_markdown(law)) == law


@settings(max_examples=100, deadline=None)
@given(written)
def test_any_constitution_comes_back_through_both_forms(law: Written) -> None:
    source = plain_yaml(law)
    same = Written.model_validate(parse_yaml(source, FILE, "f").data)
    text = from_yaml(source, FILE)
    assert read(text) == same
    assert Written.model_validate(parse_yaml(to_yaml(text, FILE), FILE, "f").data) == same


@settings(max_examples=100, deadline=None)
@given(written)
def test_readers_on_github_see_the_headings_that_are_meant_and_all_of_the_text(law: Written) -> None:
    markdown_it = pytest.importorskip("markdown_it")
    tokens = markdown_it.MarkdownIt("commonmark").parse(to_markdown(law).split("\n---\n", 1)[1])
    meant = []
    for p in law.principles:
        asked = (p.critique_request, p.revision_request, p.comparison_question)
        sections = sum(request is not None for request in asked)
        meant += ["h2"] + ["h3"] * (sections + len(p.exemplars.revision) + len(p.exemplars.comparison))
    assert [token.tag for token in tokens if token.type == "heading_open"] == meant
    inline = {child.type for token in tokens for child in token.children or ()}
    assert not {"hr", "html_block", "html_inline"} & (inline | {token.type for token in tokens})


# --- what people type -------------------------------------------------------------------------------


def principle(markdown: str) -> dict[str, object]:
    """The data of the only principle, from what stands under its heading."""
    return parse(f"{FRONT}## A\n\n{markdown}\n", FILE).data["principles"][0]


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("one\ntwo", "one two"),
        ("one\n  two\n\n\nthree", "one two\n\nthree"),
        ("one\\\ntwo", "one\ntwo"),
        ("one  \ntwo", "one\ntwo"),
        ("do:\n- this\n  and this\n- that", "do:\n- this and this\n- that"),
        ("1. this\n2. that", "1. this\n2. that"),
        ("in the year\n1984. Then", "in the year 1984. Then"),
        ("say:\n```py\nx  = 1\n\n# y\n```\nand stop", "say:\n```py\nx  = 1\n\n# y\n```\nand stop"),
        (r"\# no heading, \*no\* emphasis, C:\dir", "# no heading, *no* emphasis, C:\\dir"),
        ("*emphasis* and [a link](x.md) stay", "*emphasis* and [a link](x.md) stay"),
        ("R&amp;D&nbsp;&#38; &nosuch; `&amp; <b>`", "R&D\xa0& &nosuch; `&amp; <b>`"),
        ("#hashtag is no heading", "#hashtag is no heading"),
    ],
)
def test_prose_is_read_as_github_shows_it(typed: str, text: str) -> None:
    assert principle(typed)["text"] == text


@pytest.mark.parametrize("text", ["`\n [a]:", "one\n   [b]: c\n\n  [d]:e", "x\n [f] :"])
def test_an_indented_line_like_a_link_definition_comes_back(text: str) -> None:
    law = {"name": "n", "version": "1.0.0", "principles": [{"id": "a", "text": text}]}
    assert parse(to_markdown(Constitution.model_validate(law)), FILE).data["principles"][0]["text"] == text


def test_fields_sections_and_exemplars() -> None:
    got = principle(
        "Be kind.\n\n> Aim: helpful\n> weight: 2.5\\\n> source: the hand-\n> book\\: a long title, 3\n"
        "> phases: compare, revise\n\n"
        "### critique request\nWho is hurt?\n\n### Comparison exemplar\n**Prompt:** hi\n"
        "**Response A:**\n\n- a\n- b\n\nc\n**Response B:** no\n**Better:** A\n"
    )
    exemplar = {"prompt": "hi", "response_a": "- a\n- b\n\nc", "response_b": "no", "better": "A"}
    assert got == {
        "id": "a",
        "text": "Be kind.",
        "aim": "helpful",
        "weight": 2.5,
        "source": "the hand- book: a long title, 3",
        "phases": ["compare", "revise"],
        "critique_request": "Who is hurt?",
        "exemplars": {"comparison": [exemplar]},
    }


def test_lines_are_those_of_the_file() -> None:
    text = (
        "---\nname: x\nextends: balanced\nremove:\n  - a\n---\nWhat it\nis for.\n\n<!-- c -->\n## One\nText.\n\n"
        "> aim: own\n> weight: 2\n\n### Critique request\n\nWhy?\n\n### Revision exemplar\n"
        "**Prompt:** p\n**Draft:** d\n"
    )
    parsed = parse(text, FILE)
    lines = {
        ("name",): 2,
        ("remove", 0): 5,
        ("description",): 7,
        ("principles", 0): 11,
        ("principles", 0, "id"): 11,
        ("principles", 0, "text"): 12,
        ("principles", 0, "aim"): 14,
        ("principles", 0, "weight"): 15,
        ("principles", 0, "critique_request"): 19,
        ("principles", 0, "exemplars", "revision", 0): 21,
        ("principles", 0, "exemplars", "revision", 0, "draft"): 23,
        ("principles", 0, "exemplars", "revision", 0, "revision"): 21,
    }
    assert {loc: parsed.line(loc) for loc in lines} == lines


@given(ids)
def test_every_id_has_a_heading_that_gives_it_back(name: str) -> None:
    assert identifier(heading(name)) == name


def test_headings_read_well_where_they_can() -> None:
    assert heading("no-help-to-hurt") == "No help to hurt"
    assert (heading("a--b"), heading("a-")) == ("`a--b`", "`a-`")
    assert slug("Don’t lie, André & Co.") == "dont-lie-andre-co"


# --- mistakes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("## A\n", 1, "no front matter"),
        ("---\nname: x\n", 1, "never closed"),
        ("---\nname: x\nname: y\n---\n", 3, "duplicate key"),
        ("---\nname: !!python/name:os\n---\n", 2, "YAML tag"),
        ("---\nname: x\ndescription: d\n---\n", 3, "write it as prose"),
        ("---\nname: x\nprinciples: []\n---\n", 3, "## Heading"),
        (FRONT + "# Title\n", 6, "the name stands in the front matter"),
        (FRONT + "## One\n\n## Two\n\nt\n", 6, "has no text"),
        (FRONT + "## One two\n\nt\n\n## one-two\n\nu\n", 10, "gives the id 'one-two', as does the heading on line 6"),
        (FRONT + "## 。\n\nt\n", 6, "gives no id"),
        (FRONT + "### Critique request\n\nt\n", 6, "belongs to a principle"),
        (FRONT + "## A\nt\n### Critik request\nu\n", 8, "did you mean 'Critique request'?"),
        (FRONT + "## A\nt\n### Critique request\n## B\nt\n", 8, "nothing under it"),
        (FRONT + "## A\nt\n### Revision request\nx\n### Revision request\ny\n", 10, "a second"),
        (FRONT + "## A\nt\n#### Deep\n", 8, "its sections are '###'"),
        (FRONT + "## A\none\ntwo <b>\n", 8, "HTML is not read: <b>"),
        (FRONT + "## A\nt\n\n<div>\n", 9, "HTML is not read"),
        (FRONT + "## A\nt\n\n```\n## B\n", 9, "never closed"),
        (FRONT + "## A\nt\n<!-- c\n", 8, "never closed"),
        (FRONT + "## A\nt\n\n<!-- c --> more\n", 9, "text follows the comment"),
        (FRONT + "## A\nt\n---\n", 8, "is no prose"),
        (FRONT + "## A\nt\n\n[a]: unseen\n", 9, "no reader sees"),
        (FRONT + "## A\nt\n- a\n- ```\n", 9, "a code fence in a list item"),
        (FRONT + "## A\nt\n\n> aim: own\n> sorce: s\n", 10, "did you mean 'source'?"),
        (FRONT + "## A\nt\n\n> aim: own\n\n> aim: own\n", 11, "a second 'aim'"),
        (FRONT + "## A\nt\n\n> quoted\n", 9, "in text write \\>"),
        (FRONT + "## A\nt\n\n> aim: own\ngoes on\n", 10, "begin it with > too"),
        (FRONT + "> quoted\n", 6, "in text write \\>"),
        (FRONT + "## A\nt\n### Revision exemplar\nx\n", 9, "begin with **Prompt:**"),
        (FRONT + "## A\nt\n### Revision exemplar\n**Prompt:** x\n**Draught:** y\n", 10, "did you mean 'Draft'?"),
        (FRONT + "## A\nt\n### Revision exemplar\n**Prompt:**\n**Draft:** y\n", 9, "'Prompt' has no text"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(text: str, line: int, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(text, FILE)
    assert str(error.value).startswith(f"constitution: rules.md:{line}: ")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (FRONT + "## A\nt\n\n> weight: heavy\n", 9, "principles.0.weight"),
        (FRONT + "## A\nt\n\n> aim: fun\n", 9, "'harmless', 'helpful', 'honest' or 'own'"),
        (FRONT + "## A\nt\n### Revision exemplar\n**Prompt:** x\n", 8, "exemplars.revision.0.draft: is missing"),
        (FRONT + "## A\nt\n\n## `A B`\nu\n", 9, "principles.1.id"),
        ("---\nname: x\nversion: 1.10\n---\n", 3, 'write version: "1.10.0"'),
    ],
)
def test_what_validation_refuses_has_its_markdown_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    (tmp_path / "rules.md").write_text(text)
    with pytest.raises(ConfigError, match=f"rules.md:{line}: ") as error:
        load_constitution(tmp_path / "rules.md")
    assert said in str(error.value)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from([*_TRAPS, *_GAPS, "## A", "### Revision exemplar", "> aim: own"]) | st.just("\n"), max_size=30
    )
)
def test_any_text_is_read_or_refused(parts: list[str]) -> None:
    try:
        data = parse(FRONT + "".join(parts), FILE).data
    except ConfigError as error:
        said = str(error)
    else:
        said = "constitution: rules.md:1: " * all(principle["text"] for principle in data.get("principles", ()))
    assert re.match(r"constitution: rules\.md:\d+: ", said)


# --- comments ----------------------------------------------------------------------------------------

COMMENTED = """\
# above all

# about the name
name: x # beside the name
# about the description
description: "One # no comment"
extends: balanced
# below extends

principles:
  # above a
  # and more --> of it
  - id: a
    text: >  # beside the text
      # no comment
      of a
    # weight: 2
  # above b
  - {id: b, text: 'it''s # b'}  # beside b
# at the end
"""


def test_comments_go_to_their_places_and_back() -> None:
    text = from_yaml(COMMENTED, FILE)
    assert "# above all\n\n# about the name\nname: x # beside the name\n" in text
    assert "extends: balanced\n# below extends\n---" in text
    assert "<!-- about the description -->\n\nOne # no comment\n" in text
    assert "<!--\nabove a\nand more --\\> of it\n-->\n\n<!-- beside the text -->\n\n<!-- weight: 2 -->\n## A\n" in text
    assert "\\# no comment of a\n" in text
    assert "<!-- above b -->\n\n<!-- beside b -->\n## B\n\nit's # b\n" in text
    assert text.endswith("<!-- at the end -->\n")
    back = to_yaml(text, FILE)
    assert back.startswith("# above all\n\n# about the name\nname: x # beside the name\nextends: balanced\n# below")
    assert "  # above a\n  # and more --> of it\n\n  # beside the text\n" in back
    assert back.endswith("\n# at the end\n")
    assert from_yaml(back, FILE) == text


remark = st.text("ab-<>!\\#&:'\" é", max_size=12).map(str.strip)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 6), remark), max_size=6))
def test_no_comment_is_lost_wherever_it_stands(marks: list[tuple[int, int, str]]) -> None:
    rows = ["name: x", "extends: y", "remove:", "  - q", "principles:"]
    rows += ["  - id: a", "    text: t", "  - id: b", "    text: u"]
    for place, indent, said in sorted(marks, key=lambda mark: -mark[0]):
        rows.insert(place, f"{' ' * indent}# <{said}")
    source = "\n".join(rows) + "\n"
    text = from_yaml(source, FILE)
    back = to_yaml(text, FILE)
    expected = sorted(f"# <{said}" for _, _, said in marks)
    assert sorted(row.strip() for row in back.split("\n") if "# <" in row) == expected
    assert from_yaml(back, FILE) == text
    assert parse_yaml(back, FILE, "f").data == parse_yaml(source, FILE, "f").data


@given(st.text("-<>!\\ a\n", max_size=30))
def test_no_comment_ends_early(block: str) -> None:
    block = "\n".join(row.rstrip() for row in block.split("\n"))
    made = to_html(block)
    assert made.index("-->") == len(made) - 3
    assert from_html(made.split("\n")) == block


def test_a_line_end_of_another_script_cannot_break_out_of_a_comment() -> None:
    text = f"{FRONT}<!-- a\u2028extends: balanced -->\n## A\n\nt\n"
    assert "extends" not in parse_yaml(to_yaml(text, FILE), FILE, "f").data


def test_braces_at_the_top_level_keep_their_comments_at_the_top() -> None:
    text = from_yaml("{name: x, # one\n principles: [{id: a, text: t}]}\n# two\n", FILE)
    assert text.startswith("---\n# one\n\n# two\nname: x\n")
    assert parse_yaml(to_yaml(text, FILE), FILE, "f").data["principles"] == [{"id": "a", "text": "t"}]


@pytest.mark.parametrize("name", library())
def test_the_library_in_markdown_is_the_same_law(name: str, tmp_path: Path) -> None:
    path = library()[name]
    text = from_yaml(path.read_text(), path)
    (tmp_path / "law.md").write_text(text)
    assert load_constitution(tmp_path / "law.md") == load_constitution(name)
    again = to_yaml(text, path)
    assert from_yaml(again, path) == text
    assert re.findall("(?m)^ *#.*", again) == re.findall("(?m)^ *#.*", path.read_text())


def test_a_resolved_constitution_comes_back_too() -> None:
    law = load_constitution("balanced")
    assert Constitution.model_validate(parse(to_markdown(law), FILE).data) == law


# --- the command line ------------------------------------------------------------------------------


@pytest.fixture
def solon_cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Run `solon constitution` in this process: (exit code, stdout, stderr)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["solon", "constitution", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            solon.cli.main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return run


def test_convert_goes_by_the_endings_and_overwrites_nothing(solon_cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    source, prose = tmp_path / "law.yaml", tmp_path / "law.md"
    source.write_text(COMMENTED)
    assert solon_cli("convert", source, "-o", prose) == (0, "", "")
    assert prose.read_text() == from_yaml(COMMENTED, source)
    assert read_document(prose).written == read_document(source).written
    assert solon_cli("convert", prose)[1] == to_yaml(prose.read_text(), prose)
    for arguments, said in (
        ((source, "-o", prose), "exists"),
        ((prose, "-o", tmp_path / "other.md"), "is Markdown already"),
        ((prose, "-o", tmp_path / "law.txt"), "must end in"),
    ):
        code, out, err = solon_cli("convert", *arguments)
        assert (code, out) == (2, "")
        assert said in err
    assert solon_cli("convert", "balanced", "-o", prose, "--force")[0] == 0
    assert prose.read_text().startswith("---\n# balanced:")


def test_convert_says_when_what_is_extended_stays_behind(solon_cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "base.yaml").write_text("name: b\nprinciples: [{id: a, text: t}]\n")
    (tmp_path / "law.yaml").write_text("name: x\nextends: base.yaml\n")
    code, _, err = solon_cli("convert", tmp_path / "law.yaml", "-o", tmp_path / "far/law.md")
    assert code == 0
    assert "extends base.yaml, which is not beside it" in err


@pytest.mark.parametrize("extends", [None, *library()])
@pytest.mark.parametrize("ending", ["yaml", "md"])
def test_a_new_constitution_loads(solon_cli, tmp_path: Path, extends: str | None, ending: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / f"mine.{ending}"
    more = ("--extends", extends) if extends else ()
    code, out, _ = solon_cli("new", "Ours: 1", "-o", path, *more)
    assert code == 0
    assert f"solon constitution lint {path}" in out
    law = load_constitution(path)
    assert law.name == "Ours: 1"
    assert {p.aim for p in law.principles[-3:]} == {"harmless", "helpful", "honest"}
    assert len(law.principles) == 3 + (len(load_constitution(extends).principles) if extends else 0)
    before = path.read_text()
    assert solon_cli("new", "Ours", "-o", path)[0] == 2
    assert path.read_text() == before


def test_a_new_constitution_is_named_after_its_name(solon_cli, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    assert solon_cli("new", "House Rules", "--markdown")[0] == 0
    assert (tmp_path / "house-rules.md").exists()
    for arguments, said in (
        (("rules.yaml",), "solon constitution new NAME -o rules.yaml"),
        (("x", "--extends", "balansed"), "did you mean 'balanced'?"),
        (("规则",), "give one with -o"),
        (("x", "-o", "x.txt"), "must end in"),
        ((" ", "-o", "x.yaml"), "white space"),
    ):
        code, _, err = solon_cli("new", *arguments)
        assert code == 2
        assert said in err
    assert [path.name for path in tmp_path.iterdir()] == ["house-rules.md"]
