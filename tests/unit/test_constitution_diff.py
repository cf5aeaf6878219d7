"""What changed between two constitutions, what it can reach, and how the command line says so."""

from __future__ import annotations

import io
import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

import solon.cli
from solon.cli.constitution.diff_text import marked, print_difference
from solon.constitution import Constitution, Phase, Principle, draw
from solon.constitution.diff import Difference, compare
from solon.constitution.marks import Segment, marks, tokens
from solon.constitution.model import Aim, ComparisonExemplar, Exemplars, RevisionExemplar
from solon.constitution.versions import advise, due, precedence
from solon.constitution.write import to_yaml
from solon.prompts.chain import critique_request, demonstrations, revision_request
from solon.prompts.compare import comparison_question, contrast, letter_demonstrations

PHASES: tuple[Phase, ...] = get_args(Phase)
AIMS: tuple[Aim, ...] = get_args(Aim)
SHOWN = RevisionExemplar(prompt="p", draft="d", critique="c", revision="r")
JUDGED = ComparisonExemplar(prompt="p", response_a="a", response_b="b", better="A")


def law(*principles: Principle, **fields: Any) -> Constitution:
    return Constitution(**{"name": "law", "version": "1.0.0", **fields, "principles": principles})


def principle(id: str, **fields: Any) -> Principle:
    return Principle(**{"id": id, "text": f"A good reply minds {id} and its neighbours.", **fields})


A, B, C = principle("apple"), principle("bread"), principle("clock", aim="helpful")


def change(p: Principle, **fields: Any) -> Principle:
    return Principle.model_validate({**p.model_dump(), **fields})


# --- marks -----------------------------------------------------------------------------------------

PROSE = st.lists(st.sampled_from(["a", "the ", "reply", ", ", ".", "\n", "  ", "don't ", "日本", "é", "—", "न्", "\t"]))
TEXTS = st.one_of(PROSE.map("".join), st.text(max_size=40))


@given(TEXTS)
def test_tokens_join_to_the_text(text: str) -> None:
    assert "".join(tokens(text)) == text


@given(TEXTS, TEXTS)
def test_marks_join_to_both_texts(old: str, new: str) -> None:
    found = marks(old, new)
    assert "".join(s.text for s in found if s.kind != "added") == old
    assert "".join(s.text for s in found if s.kind != "removed") == new
    assert all(s.text for s in found)
    assert all(one.kind != other.kind for one, other in pairwise(found))


@given(TEXTS)
def test_a_text_kept_is_one_segment(text: str) -> None:
    assert marks(text, text) == ((Segment("kept", text),) if text else ())


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("It never helps anyone.", "It seldom helps anyone.", "It [-never-] {+seldom+} helps anyone."),
        ("It helps or hurts.", "It helps.", "It helps [-or hurts-]."),
        ("red, green", "blue, brown", "[-red, green-]{+blue, brown+}"),  # a comma alone keeps nothing together
        ("a b", "a  b", "a [-b-] {+ b+}"),
        ("state-of-the-art", "state-of-the-mind", "[-state-of-the-art-]{+state-of-the-mind+}"),
        ("日本語", "日本人", "日本[-語-]{+人+}"),
        ("hide", "hi\u200bde", "[-hide-]{+hi<U+200B>de+}"),  # what cannot be seen is spelt out
    ],
)
def test_marks_in_plain_text(old: str, new: str, shown: str) -> None:
    assert marked(marks(old, new), colour=False).plain == shown


def test_the_middle_of_a_long_unchanged_stretch_is_left_out() -> None:
    words = " ".join(f"w{n}" for n in range(100))
    plain = marked(marks(f"{words} old", f"{words} new"), colour=False).plain
    assert plain.startswith("… w88")
    assert plain.endswith("w99 [-old-] {+new+}")


def test_marks_of_long_texts_are_still_words() -> None:
    words = [f"w{n % 90} and" for n in range(400)]
    edited = [*words[:200], "surprise", *words[200:]]
    assert [s.text for s in marks(" ".join(words), " ".join(edited)) if s.kind != "kept"] == [" surprise"]


# --- compare ---------------------------------------------------------------------------------------


def test_nothing_changed() -> None:
    found = compare(law(A, B, C), law(C, A, B))
    assert not found
    assert not any(found.reaches(phase) or found.moved(phase) or found.touched(phase) for phase in PHASES)
    assert found.advice().enough


def test_phases_in_another_order_are_no_change() -> None:
    assert not compare(law(A), law(change(A, phases=("compare", "revise"))))


def test_added_and_removed() -> None:
    other = principle("zebra", text="Something else altogether, in words of its own.")
    found = compare(law(A, B), law(other, A))
    assert (found.added, found.removed, found.changed, found.renamed) == (("zebra",), ("bread",), (), ())


def test_every_field_is_compared() -> None:
    values: dict[str, Any] = {
        "text": "T",
        "aim": "honest",
        "weight": 2.5,
        "authority": "user",
        "source": "S",
        "phases": ("revise",),
        "critique_request": "Q",
        "revision_request": "R",
        "comparison_question": "W",
        "exemplars": Exemplars(revision=(SHOWN,)),
    }
    assert {"id", *values} == set(Principle.model_fields)
    (changed,) = compare(law(A, B), law(change(A, **values), B)).changed
    assert {f.field: f.new for f in changed.fields} == values
    assert all(f.old == getattr(A, f.field) for f in changed.fields)


def test_only_texts_have_marks() -> None:
    (changed,) = compare(law(A, B), law(change(A, text="Be kind.", critique_request="Why?", weight=2), B)).changed
    by_name = {f.field: f.marks for f in changed.fields}
    assert by_name["weight"] is None
    assert by_name["critique_request"] == (Segment("added", "Why?"),)
    assert by_name["text"] is not None


def test_a_principle_under_another_id_looks_renamed() -> None:
    near = change(A, id="apricot", text=A.text.replace("neighbours", "neighbors"))
    (found,) = compare(law(A, B), law(B, near)).renamed
    assert (found.old, found.new) == ("apple", "apricot")
    assert 90 <= found.likeness < 100


def test_a_principle_is_renamed_once_and_to_the_likest() -> None:
    same, near = change(A, id="x"), change(A, id="w", text=A.text + " Do.")
    found = compare(law(A), law(near, same))
    assert [(r.old, r.new, r.likeness) for r in found.renamed] == [("apple", "x", 100.0)]
    assert set(found.added) == {"w", "x"}


@pytest.mark.parametrize(
    ("fields", "field", "reach"),
    [
        ({"name": "other"}, "name", set()),
        ({"version": "2.0.0"}, "version", set()),
        ({"description": "d"}, "description", set()),
        ({"priorities": {"own": 1, "helpful": 2}}, "priorities", {"revise", "compare"}),
        (
            {"exemplars": Exemplars(revision=(SHOWN,))},
            "exemplars",
            {"revise"},
        ),  # the shipped ones stay for compare
    ],
)
def test_changes_to_the_constitution_itself(fields: dict[str, Any], field: str, reach: set[str]) -> None:
    found = compare(law(A, C), law(A, C, **fields))
    assert [(f.field, set(f.reaches)) for f in found.whole] == [(field, reach)]
    assert {phase for phase in PHASES if found.reaches(phase)} == reach


def test_shared_exemplars_reach_the_phase_they_are_for_and_only_what_is_shown() -> None:
    one, two = SHOWN, SHOWN.model_copy(update={"draft": "other"})
    found = compare(
        law(A, C, exemplars=Exemplars(revision=(one,), comparison=(JUDGED,))),
        law(A, C, exemplars=Exemplars(revision=(one, two), comparison=(JUDGED,))),
    )
    assert found.reworded("revise") == {"apple", "clock"}
    assert found.reworded("revise", shown=2) == {"apple", "clock"}
    assert not found.reworded("revise", shown=1)
    assert not found.reworded("compare")
    assert found.touched("revise") == 1
    assert found.touched("revise", shown=0) == 0


def test_no_exemplars_and_an_empty_list_are_the_same() -> None:
    assert not compare(law(A), law(A, exemplars=Exemplars()))


# --- what a change reaches -------------------------------------------------------------------------

OWN = {"critique_request": "own"}
SPLIT = {"priorities": {"own": 1.0, "helpful": 1.0, "honest": 2.0}}
BOTH = {"revise", "compare"}


@pytest.mark.parametrize(
    ("before", "after", "whole", "reworded", "redrawn"),
    [
        ({}, {"text": "t"}, {}, BOTH, set()),
        (OWN, {**OWN, "text": "t"}, {}, {"compare"}, set()),  # its own critique request stands in for the text
        (OWN, {"text": "t"}, {}, BOTH, set()),
        ({"phases": "revise"}, {"phases": "revise", "text": "t"}, {}, {"revise"}, set()),
        ({}, {"critique_request": "q"}, {}, {"revise"}, set()),
        ({}, {"revision_request": "q"}, {}, {"revise"}, set()),
        ({"phases": "compare"}, {"phases": "compare", "revision_request": "q"}, {}, set(), set()),
        ({}, {"comparison_question": "q"}, {}, {"compare"}, set()),
        ({}, {"exemplars": Exemplars(revision=(SHOWN,))}, {}, {"revise"}, set()),
        ({}, {"exemplars": Exemplars(comparison=(JUDGED,))}, {}, {"compare"}, set()),
        ({}, {"source": "s"}, {}, set(), set()),
        ({}, {"weight": 2}, {}, set(), BOTH),
        ({"phases": "compare"}, {"phases": "compare", "weight": 2}, {}, set(), {"compare"}),
        ({}, {"phases": "revise"}, {}, set(), {"compare"}),
        ({}, {"aim": "honest"}, {}, {"compare"}, set()),
        ({}, {"aim": "honest"}, SPLIT, {"compare"}, BOTH),
    ],
)
def test_what_a_changed_field_reaches(
    before: dict[str, Any], after: dict[str, Any], whole: dict[str, Any], reworded: set[str], redrawn: set[str]
) -> None:
    others = (principle("bread"), C)
    found = compare(
        law(principle("apple", **before), *others, **whole), law(principle("apple", **after), *others, **whole)
    )
    assert {phase for phase in PHASES if found.reworded(phase)} == reworded
    assert {phase for phase in PHASES if found.redrawn(phase)} == redrawn
    assert {phase for phase in PHASES if found.reaches(phase)} == reworded | redrawn
    assert {phase for f in found.changed[0].fields for phase in f.reaches} == reworded | redrawn
    for phase in PHASES:
        assert found.reworded(phase) == ({"apple"} if phase in reworded else set())
        assert ("apple" in found.claims(phase)) == (phase in redrawn)


def test_weights_count_against_each_other_only() -> None:
    doubled = [change(p, weight=2 * p.weight) for p in (A, B, C)]
    found = compare(law(A, B, C), law(*doubled))
    assert found
    assert len(found.with_field("weight")) == 3
    assert not any(found.redrawn(phase) or found.claims(phase) for phase in PHASES)
    assert not compare(law(A, C, **SPLIT), law(A, C, priorities={"own": 2, "helpful": 2})).redrawn("revise")


def test_priorities_over_a_single_aim_draw_as_none_do() -> None:
    assert not compare(law(A, B), law(A, B, priorities={"own": 3})).redrawn("revise")


@st.composite
def principles(draw_: st.DrawFn) -> list[Principle]:
    text = st.sampled_from(["t", "u", None])
    ids = draw_(st.lists(st.sampled_from("abcdef"), unique=True, min_size=1))
    return [
        Principle(
            id=id,
            text=draw_(st.sampled_from([f"Text of {id * 9}.", "Quite another."])),
            aim=draw_(st.sampled_from(AIMS)),
            weight=draw_(st.sampled_from([0.5, 1.0, 3.0])),
            phases=draw_(st.sampled_from(["both", "both", "revise", "compare"])),
            critique_request=draw_(text),
            revision_request=draw_(text),
            comparison_question=draw_(text),
            exemplars=draw_(st.sampled_from([Exemplars(), Exemplars(revision=(SHOWN,))])),
        )
        for id in ids
    ]


def laws() -> st.SearchStrategy[Constitution]:
    priorities = st.none() | st.fixed_dictionaries({aim: st.sampled_from([0.3, 1.0, 4.0]) for aim in AIMS})
    return st.builds(lambda listed, shares: law(*listed, priorities=shares), principles(), priorities)


@st.composite
def edits(draw_: st.DrawFn) -> tuple[Constitution, Constitution]:
    """A constitution and one like it: some principles are left out, others taken from a third."""
    old, other = draw_(laws()), draw_(laws())
    pool = {p.id: p for p in other.principles}
    listed = [draw_(st.sampled_from([p, p, pool.get(p.id, p)])) for p in old.principles]
    kept = [p for n, p in enumerate(listed) if n == 0 or draw_(st.integers(0, 3))]
    return old, law(*kept, priorities=draw_(st.sampled_from([old, other])).priorities)


def rendered(p: Principle, phase: Phase) -> list[Any]:
    if phase == "revise":
        return [critique_request(p), revision_request(p), demonstrations(p.exemplars.revision, p)]
    return [p.text, comparison_question(p), contrast(p), letter_demonstrations(p.exemplars.comparison, p)]


@given(edits())
def test_whatever_is_not_named_stays_as_it_was(pair: tuple[Constitution, Constitution]) -> None:
    old, new = pair
    found = compare(old, new)
    for phase in PHASES:
        both = {p.id for p in old.for_phase(phase)} & {p.id for p in new.for_phase(phase)}
        assert found.reworded(phase) <= both
        for id in both - found.reworded(phase):
            assert rendered(old[id], phase) == rendered(new[id], phase)
        assert bool(found.claims(phase)) == found.redrawn(phase)
        for record in range(12) if both else ():
            count = 1 if found.redrawn(phase) else 2
            was, now = (draw(side, phase, seed=0, record=str(record), step=0, count=count) for side in pair)
            if [p.id for p in was] != [p.id for p in now]:
                assert found.redrawn(phase)
                assert {was[0].id, now[0].id} & found.claims(phase)


@given(edits())
def test_a_phase_that_is_used_alike_is_not_reached(pair: tuple[Constitution, Constitution]) -> None:
    """`used_in` names all that a step depends on, so it must differ wherever something reaches the phase."""
    found = compare(*pair)
    for phase in PHASES:
        old, new = (side.used_in(phase) for side in pair)
        for used in (old, new):
            used["principles"].sort(key=lambda row: row["id"])
        if old == new:
            assert not found.reaches(phase)


@given(edits())
def test_the_other_way_round(pair: tuple[Constitution, Constitution]) -> None:
    there, back = compare(*pair), compare(*reversed(pair))
    assert set(there.added) == set(back.removed)
    assert set(there.removed) == set(back.added)
    assert {(r.old, r.new) for r in there.renamed} == {(r.new, r.old) for r in back.renamed}
    assert {c.id: {f.field: (f.old, f.new, f.reaches) for f in c.fields} for c in there.changed} == {
        c.id: {f.field: (f.new, f.old, f.reaches) for f in c.fields} for c in back.changed
    }
    for phase in PHASES:
        assert there.reworded(phase) == back.reworded(phase)
        assert there.claims(phase) == back.claims(phase)
        assert there.moved(phase) == pytest.approx(back.moved(phase), abs=1e-12)
        assert there.touched(phase) == pytest.approx(back.touched(phase), abs=1e-12)
        assert {id: (b, a) for id, (a, b) in there.shares(phase).items()} == back.shares(phase)


# --- how many draws move ---------------------------------------------------------------------------


def counted(found: Difference, phase: Phase, records: int) -> tuple[float, float]:
    """The shares of records whose draw moves, and that are touched, by drawing."""
    moved = touched = 0
    reworded = found.reworded(phase)
    for record in range(records):
        was, now = (draw(s, phase, seed=7, record=str(record), step=0)[0].id for s in (found.old, found.new))
        moved += was != now
        touched += was != now or was in reworded
    return moved / records, touched / records


def test_adding_weight_w_to_w_total_moves_its_share() -> None:
    found = compare(law(A, B), law(A, B, principle("heavy", weight=3)))
    assert found.moved("revise") == pytest.approx(3 / 5)
    assert found.touched("revise") == pytest.approx(3 / 5)


def test_a_heavier_principle_takes_what_its_share_grows_by() -> None:
    found = compare(law(A, B), law(change(A, weight=3), B))
    assert found.moved("compare") == pytest.approx(3 / 4 - 1 / 2)


def test_a_reworded_principle_touches_the_records_it_keeps() -> None:
    found = compare(law(A, B), law(change(A, text="t"), B, principle("heavy", weight=2)))
    assert found.moved("revise") == pytest.approx(1 / 2)
    assert found.touched("revise") == pytest.approx(1 / 2 + 1 / 4)


def test_a_renamed_principle_moves_the_draws_it_loses_and_wins() -> None:
    # Of three equal clocks, the draw stays where the one that both have rings first.
    assert compare(law(A, B), law(change(A, id="apricot"), B)).moved("revise") == pytest.approx(2 / 3)


def test_a_phase_that_empties_moves_all_of_its_draws() -> None:
    assert compare(law(A), law(change(A, phases="revise"))).moved("compare") == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (law(A, B, C), law(change(A, weight=4), change(B, weight=0.5), principle("dough"))),
        (law(A, B, C), law(A, B, C, priorities={"own": 1, "helpful": 3})),
        (law(A, B, C, **SPLIT), law(change(A, text="t"), B, C, priorities={"own": 3, "helpful": 1})),
        # A principle that changes its aim, among three aims: the integral over a clock's time.
        (law(A, B, C, principle("d", aim="honest"), **SPLIT), law(change(A, aim="honest"), B, C, **SPLIT)),
        (law(A, C, **SPLIT), law(change(A, aim="honest"), C, **SPLIT)),
    ],
)
def test_the_share_that_moves_is_what_draws_show(old: Constitution, new: Constitution) -> None:
    found = compare(old, new)
    moved, touched = counted(found, "compare", 4000)
    for expected, seen in ((found.moved("compare"), moved), (found.touched("compare"), touched)):
        error = (expected * (1 - expected) / 4000) ** 0.5
        assert 0.02 < expected < 0.98
        assert abs(seen - expected) < 4 * error


@settings(max_examples=25)
@given(edits())
def test_the_share_that_moves_is_what_draws_show_whatever_the_edit(pair: tuple[Constitution, Constitution]) -> None:
    if all(side.for_phase("revise") for side in pair):
        found = compare(*pair)
        seen, _ = counted(found, "revise", 250)
        assert abs(seen - found.moved("revise")) < 5 * (0.25 / 250) ** 0.5


# --- version advice --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ([A, B], "1 principle removed, so 2.0.0 is due"),
        ([A, B, change(C, id="watch")], "1 principle renamed, so 2.0.0 is due"),
        ([A, change(B, aim="honest"), C], "1 principle given another aim, so 2.0.0 is due"),
        ([change(A, text="t"), change(B, text="u"), C], "2 principles reworded, so 1.1.0 is due"),
        ([A, B, C, principle("zebra", text="All new.", weight=2)], "1 principle added, so 1.1.0 is due"),
        ([change(A, weight=2), change(B, text="u"), C], "1 principle reworded, 1 reweighted, so 1.1.0 is due"),
        ([change(A, phases="revise"), B, C], "1 principle given other phases, so 1.1.0 is due"),
        ([change(A, source="s"), B, C], "1 principle given another source, so 1.0.1 is due"),
    ],
)
def test_the_version_that_is_due(after: list[Principle], said: str) -> None:
    advice = compare(law(A, B, C), law(*after)).advice()
    assert str(advice) == f"version 1.0.0 → 1.0.0: {said}"
    assert advice.enough is False
    assert compare(law(A, B, C), law(*after, version=advice.due)).advice().enough


@pytest.mark.parametrize(
    ("fields", "level"),
    [
        ({"priorities": {"own": 1, "helpful": 5}}, "major"),
        ({"exemplars": Exemplars(revision=(SHOWN,))}, "minor"),
        ({"description": "d"}, "patch"),
        ({"version": "1.0.7"}, "none"),
    ],
)
def test_changes_to_the_constitution_itself_are_due_too(fields: dict[str, Any], level: str) -> None:
    assert compare(law(A, C), law(A, C, **fields)).advice().level == level


def test_constitutions_of_different_names_do_not_follow_each_other() -> None:
    advice = compare(law(A, B), law(A, name="other", version="0.1.0")).advice()
    assert advice.enough is None
    assert "the names differ" in str(advice)


@pytest.mark.parametrize(
    ("old", "new", "level", "lowest", "enough"),
    [
        ("1.2.3", "1.3.0", "minor", "1.3.0", True),
        ("1.2.3", "1.2.4", "minor", "1.3.0", False),
        ("1.2.3", "2.0.0", "minor", "1.3.0", True),
        ("1.2.3", "1.3.0", "major", "2.0.0", False),
        ("1.9.9", "1.10.0", "minor", "1.10.0", True),
        ("1.2.3", "1.3.0-rc.1", "minor", "1.3.0", True),  # leads to the release that is due
        ("1.2.3", "1.2.4-rc.1", "minor", "1.3.0", False),
        ("1.3.0-rc.1", "1.3.0-rc.2", "major", "1.3.0-rc.2", True),  # nothing was promised yet
        ("1.3.0-rc.1", "1.3.0", "major", "1.3.0-rc.2", True),
        ("1.3.0-rc.1", "1.3.0-rc.1", "minor", "1.3.0-rc.2", False),
        ("1.3.0-beta", "1.3.0-alpha", "patch", "1.3.0-beta.1", False),
        ("1.3.0", "1.3.0+build.2", "patch", "1.3.1", False),  # builds of one version are equal
        ("0.1.0", "0.1.1", "minor", "0.1.1", True),
        ("0.1.0", "0.1.1", "major", "0.2.0", False),
        ("1.1.0", "1.0.0", "none", "1.1.0", False),
        ("1.1.0", "1.1.0", "none", "1.1.0", True),
    ],
)
def test_versions(old: str, new: str, level: Any, lowest: str, enough: bool) -> None:
    assert due(old, level) == lowest
    assert advise(old, new, level, "why").enough is enough


def test_versions_sort_as_semantic_versioning_says() -> None:
    ordered = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11"]
    ordered += ["1.0.0-rc.1", "1.0.0", "2.0.0", "2.1.0", "2.1.1"]
    keys = [precedence(version) for version in ordered]
    assert all(one < other for one, other in pairwise(keys))


def test_a_version_that_goes_back_is_said() -> None:
    assert "goes back, so 1.2.0 is due" in str(advise("1.1.0", "1.0.0", "minor", "why"))


# --- the command line ------------------------------------------------------------------------------

BEFORE = law(
    principle("apple", text="A good reply never helps anyone to hurt."),
    principle("bread", source="old source"),
    principle("clock", aim="helpful"),
    principle("doves", text="A good reply is brief."),
)
AFTER = law(
    principle("apple", text="A good reply seldom helps anyone to hurt [bold]."),
    principle("bread", source="another source", weight=2),
    principle("watch", text=principle("clock").text, aim="helpful"),
    principle("eagle", text="Rhymes are welcome here."),
)


@pytest.fixture
def diff_cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):  # type: ignore[no-untyped-def]
    """`solon constitution diff` of two constitutions, in this process: (exit code, stdout, stderr)."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(old: Constitution | str, new: Constitution | str, *options: str) -> tuple[int, str, str]:
        refs = []
        for name, given_ in (("a", old), ("b", new)):
            ref = tmp_path / f"{name}.yaml"
            if isinstance(given_, Constitution):
                ref.write_text(to_yaml(given_), encoding="utf-8")
            refs.append(str(ref) if isinstance(given_, Constitution) else given_)
        monkeypatch.setattr(sys, "argv", ["solon", "constitution", "diff", *refs, *options])
        with pytest.raises(SystemExit) as stop:
            solon.cli.main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return run


def test_the_whole_output_without_colour(diff_cli) -> None:  # type: ignore[no-untyped-def]
    code, out, err = diff_cli(BEFORE, AFTER)
    assert (code, err) == (0, "")
    assert out == (
        "law 1.0.0 → law 1.0.0\n"
        "\nadded\n"
        "  + eagle  own, weight 1, drawn: revise 20.0%, compare 20.0%\n"
        "    Rhymes are welcome here.\n"
        "\nremoved\n"
        "  - doves  own, weight 1, drawn: revise 25.0%, compare 25.0%\n"
        "    A good reply is brief.\n"
        "\nrenamed\n"
        "  clock → watch\n"
        "    renamed from clock: breaks provenance, records drawn under clock will be redrawn\n"
        "\nreworded\n"
        "  apple\n"
        "    text (revise, compare): A good reply [-never-] {+seldom+} helps anyone to hurt {+[bold]+}.\n"
        "\nreweighted\n"
        "  bread  weight 1 → 2\n"
        "    drawn: revise 25.0% → 40.0%, compare 25.0% → 40.0%\n"
        "\nother changes\n"
        "  bread\n"
        "    source (reaches no model): [-old-]{+another+} source\n"
        "\nsummary\n"
        "  principles: 1 added, 1 removed, 1 renamed, 1 reworded, 1 reweighted, 1 changed otherwise\n"
        "  draws that move: revise 65.7%, compare 65.7%\n"
        "  draws that move or meet a reworded principle: revise 80.0%, compare 80.0%\n"
        "  version 1.0.0 → 1.0.0: 1 principle removed, 1 renamed, so 2.0.0 is due\n"
    )


def test_no_difference(diff_cli) -> None:  # type: ignore[no-untyped-def]
    assert diff_cli(BEFORE, law(*reversed(BEFORE.principles)), "--exit-code") == (0, "no difference\n", "")


def test_exit_codes(diff_cli) -> None:  # type: ignore[no-untyped-def]
    assert diff_cli(BEFORE, AFTER)[0] == 0
    assert diff_cli(BEFORE, AFTER, "--exit-code")[0] == 1
    assert diff_cli(BEFORE, AFTER, "--exit-code", "--json")[0] == 1
    code, _, err = diff_cli(BEFORE, "none.yaml", "--exit-code")
    assert code == 2
    assert "no such file: none.yaml" in err


def test_json_holds_everything(diff_cli) -> None:  # type: ignore[no-untyped-def]
    data = json.loads(diff_cli(BEFORE, AFTER, "--json")[1])
    assert set(data) == {
        *("differ", "old", "new", "added", "removed", "renamed", "changed", "constitution", "phases", "version")
    }
    assert data["differ"] is True
    assert data["new"] == {"name": "law", "version": "1.0.0", "hash": AFTER.hash}
    assert [p["id"] for p in data["added"]] == ["watch", "eagle"]
    assert data["removed"][1]["shares"] == {"revise": 0.25, "compare": 0.25}
    assert data["renamed"] == [{"old": "clock", "new": "watch", "likeness": 100.0}]
    apple, bread = data["changed"]
    assert apple["fields"][0]["reaches"] == ["revise", "compare"]
    assert ["added", " seldom"] in apple["fields"][0]["marks"]
    assert bread["shares"]["revise"] == [0.25, 0.4]
    assert {f["field"]: f["marks"] for f in bread["fields"]}["weight"] is None
    assert data["phases"]["revise"]["reworded"] == ["apple"]
    assert data["phases"]["revise"]["claims"] == ["bread", "clock", "doves", "eagle", "watch"]
    assert data["phases"]["compare"]["moved"] == pytest.approx(1 - 1 / 7 - 1 / 5)  # apple and bread stay
    assert data["version"]["due"] == "2.0.0"
    assert data["version"]["enough"] is False


def test_json_of_exemplars_and_priorities(diff_cli) -> None:  # type: ignore[no-untyped-def]
    richer = law(
        change(A, exemplars=Exemplars(revision=(SHOWN,)), phases="revise"), C, priorities={"own": 1, "helpful": 2}
    )
    data = json.loads(diff_cli(law(A, C), richer, "--json")[1])
    fields = {f["field"]: f for f in data["changed"][0]["fields"]}
    assert fields["exemplars"]["new"]["revision"][0]["draft"] == "d"
    assert fields["phases"]["reaches"] == ["compare"]
    assert data["constitution"][0]["new"] == {"own": 1, "helpful": 2}


def test_json_without_a_difference(diff_cli) -> None:  # type: ignore[no-untyped-def]
    data = json.loads(diff_cli(BEFORE, BEFORE, "--json")[1])
    assert data["differ"] is False
    assert data["phases"]["revise"] == {"reaches": False, "reworded": [], "claims": [], "moved": 0, "touched": 0}


def printed(found: Difference, **options: Any) -> str:
    console = Console(file=io.StringIO(), highlight=False, **options)
    print_difference(console, found)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_colour_strikes_out_what_is_removed() -> None:
    shown = printed(compare(BEFORE, AFTER), force_terminal=True, color_system="standard", no_color=False, width=200)
    assert "\x1b[9;31mnever\x1b[0m \x1b[32mseldom\x1b[0m" in shown
    assert "[-" not in shown
    assert "[bold]" in shown


@pytest.mark.parametrize("options", [{"no_color": True}, {"color_system": None}])
def test_a_terminal_without_colour_has_brackets(options: dict[str, Any]) -> None:
    assert "[-never-] {+seldom+}" in printed(compare(BEFORE, AFTER), force_terminal=True, width=200, **options)


def test_a_narrow_terminal_wraps_under_its_indent() -> None:
    lines = printed(compare(BEFORE, AFTER), width=30).splitlines()
    assert max(map(len, lines)) <= 30
    start = next(n for n, line in enumerate(lines) if line.startswith("    text"))
    assert lines[start + 1].startswith("    ")


def test_exemplars_and_phases_are_said_in_words() -> None:
    other = change(A, phases="revise", aim="honest", exemplars=Exemplars(revision=(SHOWN,)))
    shared = Exemplars(revision=(SHOWN.model_copy(update={"draft": "e"}),), comparison=(JUDGED,))
    shown = printed(
        compare(
            law(A, C, exemplars=Exemplars(revision=(SHOWN,), comparison=(JUDGED,))),
            law(other, C, exemplars=shared, priorities={"honest": 2, "helpful": 1}),
        ),
        width=200,
    )
    assert "phases (compare): revise, compare → revise" in shown
    assert "drawn: revise 50.0% → 66.7%, compare 50.0% → 0%" in shown
    assert "exemplars (revise): revise 0 → 1 (1 added)" in shown
    assert "exemplars (revise): revise 1 → 1 (1 edited)" in shown
    assert "priorities (revise): none → honest 2, helpful 1" in shown


def test_text_that_turns_the_reading_direction_is_not_printed_raw() -> None:
    for text in ("fine \u202egnp.exe", "other \u202egnp.exe"):
        assert "\u202e" not in printed(compare(law(A), law(A, principle("z", text=text), name="\u202eevil")))
    assert "\u202e" not in printed(compare(law(A), law(change(A, text="\u202e" + A.text))))


def test_the_run_of_a_folder_can_be_compared(diff_cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "constitution.json").write_text(BEFORE.model_dump_json())
    assert diff_cli(str(folder), BEFORE, "--exit-code")[:2] == (0, "no difference\n")
