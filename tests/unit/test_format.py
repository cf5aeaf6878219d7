"""The format: extends, priorities, phases, exemplars; and hostile files, each refused with file, line and fix."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from solon.constitution import Constitution, Principle, draw, load_constitution
from solon.constitution.assign import Redraw, shares
from solon.constitution.model import Aim
from solon.constitution.write import to_yaml
from solon.errors import ConfigError
from solon.yaml import dump_yaml, edited, parse_yaml

BASE = """\
# The house rules.
name: base
version: "1.2.0"
description: What we hold to.
principles:
  - {id: no-harm, text: A good reply harms nobody., aim: harmless, weight: 2}
  - {id: real-help, text: A good reply helps., aim: helpful}
  - {id: no-lies, text: A good reply is true., aim: honest, source: common sense}
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "base.yaml").write_text(BASE)
    return tmp_path


def law(folder: Path, text: str, name: str = "law.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def refused(path: Path) -> str:
    with pytest.raises(ConfigError) as stop:
        load_constitution(path)
    said = str(stop.value)
    assert "\n" not in said
    return said


# --- extends -----------------------------------------------------------------------------------------


def test_extends_inherits_changes_removes_and_adds(base: Path) -> None:
    child = load_constitution(
        law(
            base,
            'name: child\nversion: "2.0.0"\nextends: base.yaml\nremove: [no-lies]\n'
            "override:\n  no-harm: {weight: 5, source: us}\n"
            "principles:\n  - {id: brief, text: A good reply is brief.}\n",
        )
    )
    assert [p.id for p in child.principles] == ["no-harm", "real-help", "brief"]
    assert (child["no-harm"].weight, child["no-harm"].source) == (5, "us")
    assert child["no-harm"].text == "A good reply harms nobody."
    assert (child.name, child.version, child.description) == ("child", "2.0.0", "What we hold to.")


def test_extends_the_library_and_a_file_in_a_folder_below(base: Path) -> None:
    (base / "parts").mkdir()
    law(base / "parts", "name: part\nextends: balanced\nremove: [right-sized]\n", "part.yaml")
    child = load_constitution(law(base, "name: child\nextends: parts/part.yaml\n"))
    assert len(child.principles) == len(load_constitution("balanced").principles) - 1


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("name: x\nextends: law.yaml\n", 2, "goes in a circle: law.yaml → law.yaml"),
        ("name: x\nextends: ../../etc/passwd\n", 2, "leaves the folder of law.yaml"),
        ("name: x\nextends: /etc/passwd\n", 2, "leaves the folder of law.yaml"),
        ("name: x\nextends: balancd\n", 2, "did you mean 'balanced'?"),
        ("name: x\nextends: base.yaml\nremove:\n  - no-lie\n", 4, "did you mean 'no-lies'?"),
        ("name: x\nextends: base.yaml\noverride:\n  no-hram: {weight: 2}\n", 4, "did you mean 'no-harm'?"),
        ("name: x\nextends: base.yaml\noverride:\n  no-harm: {wieght: 2}\n", 4, "did you mean 'weight'?"),
        ("name: x\nextends: base.yaml\nprinciples:\n  - {id: no-harm, text: t}\n", 4, "change it under 'override:'"),
        ("name: x\nremove: [a]\n", 2, "name it under 'extends:'"),
        ("name: x\nextends: base.yaml\npriorities: {harmless: 1}\n", 3, "leave out the aim 'helpful'"),
        ("name: x\nextends: base.yaml\nremove: [no-harm, real-help, no-lies]\n", 1, "a list of at least 1"),
    ],
)
def test_what_extends_cannot_do(base: Path, text: str, line: int, said: str) -> None:
    message = refused(law(base, text))
    assert f"law.yaml:{line}: " in message
    assert said in message


def test_circles_of_two_and_links_out_of_the_folder(base: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    law(base, "name: a\nextends: b.yaml\n", "a.yaml")
    law(base, "name: b\nextends: a.yaml\n", "b.yaml")
    assert "a.yaml → b.yaml → a.yaml" in refused(base / "a.yaml")
    outside = tmp_path_factory.mktemp("outside") / "secret.yaml"
    outside.write_text(BASE)
    (base / "link.yaml").symlink_to(outside)
    assert "leaves the folder" in refused(law(base, "name: x\nextends: link.yaml\n"))


def test_a_long_chain_of_extends_ends(base: Path) -> None:
    for n in range(20):
        law(base, f"name: c{n}\nextends: {'base.yaml' if n == 0 else f'c{n - 1}.yaml'}\n", f"c{n}.yaml")
    assert len(load_constitution(base / "c5.yaml").principles) == 3
    assert "more than 10" in refused(base / "c19.yaml")


# --- draws ---------------------------------------------------------------------------------------------


def made(weights: dict[str, tuple[Aim, float]], priorities: dict[Aim, float] | None = None) -> Constitution:
    listed = tuple(Principle(id=i, text=f"Text of {i}.", aim=a, weight=w) for i, (a, w) in weights.items())
    return Constitution(name="x", principles=listed, priorities=priorities)


def test_priorities_give_each_aim_its_share_whatever_its_principles() -> None:
    few = {"h1": ("harmless", 1.0), "p1": ("helpful", 1.0), "p2": ("helpful", 3.0)}
    law = made(few, {"harmless": 70, "helpful": 30})  # type: ignore[arg-type]
    assert shares(law, "revise") == pytest.approx({"h1": 0.7, "p1": 0.075, "p2": 0.225})
    drawn = Counter(draw(law, "revise", seed=0, record=str(n), step=0)[0].id for n in range(6000))
    for name, share in shares(law, "revise").items():
        assert drawn[name] / 6000 == pytest.approx(share, abs=0.02)


def test_with_priorities_a_new_principle_takes_draws_from_its_own_aim_only() -> None:
    few = {"h1": ("harmless", 1.0), "h2": ("harmless", 1.0), "p1": ("helpful", 1.0)}
    before = made(few, {"harmless": 1, "helpful": 1})  # type: ignore[arg-type]
    after = made({**few, "h3": ("harmless", 1.0)}, {"harmless": 1, "helpful": 1})  # type: ignore[arg-type]
    for n in range(300):
        old, new = (draw(c, "compare", seed=1, record=str(n), step="s")[0] for c in (before, after))
        assert old == new or (old.aim == "harmless" and new.id == "h3")


@given(st.integers(0, 2**32), st.integers(1, 6))
def test_several_draws_are_different_and_begin_with_the_single_one(seed: int, count: int) -> None:
    law = made({f"p{n}": ("helpful" if n % 2 else "harmless", 1.0 + n) for n in range(5)})
    many = draw(law, "compare", seed=seed, record="r", step=0, count=count)
    assert len({p.id for p in many}) == min(count, 5)
    assert many[0] == draw(law, "compare", seed=seed, record="r", step=0)[0]


weights = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from([0.5, 1.0, 2.0]), min_size=1)


@given(weights, weights, st.integers(0, 1000), st.booleans())
def test_redrawing_from_the_old_winner_equals_drawing_afresh(
    old: dict[str, float], new: dict[str, float], seed: int, prioritised: bool
) -> None:
    share: dict[Aim, float] | None = {"helpful": 2, "harmless": 1} if prioritised else None
    aim = lambda name: "helpful" if name < "d" else "harmless"  # noqa: E731
    before = made({n: (aim(n), w) for n, w in old.items()})  # type: ignore[misc]
    after = made({n: (aim(n), w) for n, w in new.items()}, share)  # type: ignore[misc]
    redraw = Redraw(before, after, "revise")
    for record in map(str, range(20)):
        winner = draw(before, "revise", seed=seed, record=record, step=0)[0].id
        fresh = draw(after, "revise", seed=seed, record=record, step=0)[0]
        assert redraw(winner, seed=seed, record=record, step=0) == fresh


# --- hostile files ---------------------------------------------------------------------------------------

OK = "name: x\nprinciples:\n- {id: a, text: t}\n"
HOSTILE: dict[str, tuple[bytes, str]] = {
    "duplicate keys": (b"name: x\nname: y\n", ":2: found duplicate key"),
    "unknown key": (b"name: x\nprinciples:\n- id: a\n  txet: t\n", ":4: unknown key 'principles.0.txet'"),
    "alias bomb": (
        b"a: &a [x, x]\n" + b"".join(b"k%d: &k%d [*a, *a]\n" % (n, n) for n in range(30)),
        ":2: YAML aliases are not allowed",
    ),
    "deep flow nesting": (b"name: " + b"[" * 100_000, ":1: nested deeper than 50"),
    "deep mapping nesting": (b"name: " + b"{a: " * 100_000, ":1: nested deeper than 50"),
    "deep block nesting": (b"\n".join(b" " * n + b"a:" for n in range(900)), ":51: nested deeper than 50"),
    "10 MB": (b"name: x\n# " + b"x" * 10_000_000, ":1: has 10,000,010 bytes, the limit is 500,000"),
    "python tag": (b"name: !!python/object/apply:os.system [ls]\n", ":1: the YAML tag"),
    "own tag": (b"name: !secret x\n", ":1: the YAML tag"),
    "UTF-16": ("name: x\n".encode("utf-16"), ":1: is UTF-16; save it as UTF-8"),
    "byte order mark": (b"\xef\xbb\xbf" + OK.encode(), ":1: starts with a byte order mark"),
    "Latin-1": ("name: x\ndescription: caf\xe9\n".encode("latin-1"), ":2: is not UTF-8"),
    "tabs": (b"name: x\nprinciples:\n\t- id: a\n", ":3: found character '\\t'"),
    "NUL": (b"name: x\ndescription: a\x00b\n", ":2: holds the control character U+0000"),
    "escape in text": (b'name: x\nprinciples:\n- {id: a, text: "\\e[31m"}\n', ":3: principles.0.text: holds"),
    "half a character": (b'name: x\nprinciples:\n- {id: a, text: "\\ud800"}\n', ":3: principles.0.text"),
    "version as number": (b"name: x\nversion: 1.10 # ours\n", ':2: version: 1.10 is the number 1.1 to'),
    "version of two parts": (b'name: x\nversion: "1.0"\n', ":2: version"),
    "date as id": (b"name: x\nprinciples:\n- {id: 2026-01-01, text: t}\n", ":3: principles.0.id"),
    "impossible date": (b"name: x\nversion: 2026-99-99\n", ":2: "),
    "a list": (b"- a\n", ":1: expected a mapping of keys, found a list"),
    "empty": (b"", ":1: expected a mapping of keys, found nothing"),
    "two documents": (b"name: x\n---\nname: y\n", ":2: "),
    "torn": (b"name: [x\n", ":2: "),
    "infinite weight": (b"name: x\nprinciples:\n- {id: a, text: t, weight: .inf}\n", ":3: principles.0.weight"),
    "huge number": (b"name: x\nprinciples:\n- {id: a, text: t, weight: " + b"9" * 5000 + b"}\n", ":3: "),
    "wrong phase": (b"name: x\nprinciples:\n- {id: a, text: t, phases: [revize]}\n", "'revise' or 'compare'"),
    "merge key": (b"name: x\n<<: {version: '1.0.0'}\n", "merge keys (<<) are not allowed"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_are_refused_with_file_line_and_fix(tmp_path: Path, what: str) -> None:
    raw, said = HOSTILE[what]
    path = tmp_path / "bad.yaml"
    path.write_bytes(raw)
    message = refused(path)
    assert message.startswith(f"constitution: {path}:")
    assert said in message
    assert len(message) < 600


def test_hostile_files_take_little_memory(tmp_path: Path) -> None:
    """All of them in one process: under 200 MB at its highest."""
    for what, (raw, _) in HOSTILE.items():
        (tmp_path / f"{what}.yaml").write_bytes(raw)
    code = (
        "import pathlib, re\n"
        "from solon.constitution import load_constitution\n"
        "from solon.errors import ConfigError\n"
        "refused = 0\n"
        f"for path in pathlib.Path({str(tmp_path)!r}).iterdir():\n"
        "    try: load_constitution(path)\n"
        "    except ConfigError: refused += 1\n"
        # Not getrusage: a child inherits the high-water mark of the test process.
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "print(refused, int(re.search(r'VmHWM:\\s*(\\d+)', status).group(1)) // 1024)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    refused_count, megabytes = map(int, out.split())
    assert refused_count == len(HOSTILE)
    assert megabytes < 200


@given(st.binary(max_size=300))
@example(b"? a\n: b\n")
@example(b"name: x\nprinciples:\n- {id: a, text: t}\n? [a, b]\n: c\n")
@example(b"name: x\nprinciples: {a: b}\n")
@example(b"%YAML 1.1\n---\nname: x\n")
@settings(max_examples=300)
def test_any_bytes_load_or_are_refused_in_one_line(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_bytes(raw)
    try:
        load_constitution(path)
    except ConfigError as error:
        said = str(error)
    else:
        return
    assert "\n" not in said


nodes = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["name", "version", "extends", "remove", "override", "principles", "id", "text", "phases", "weight", "aim",
         "priorities", "exemplars", "revision", "x"]), inner, max_size=5),
    max_leaves=15,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["name", "version", "extends", "override", "principles", "priorities"]), nodes))
@settings(max_examples=300)
def test_any_structure_loads_or_is_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: dict[str, object]
) -> None:
    path = tmp_path_factory.getbasetemp() / "structure.yaml"
    path.write_text(dump_yaml(data), "utf-8", "surrogatepass")
    try:
        load_constitution(path)
    except ConfigError as error:
        said = str(error)
    else:
        return
    assert "\n" not in said
    assert "structure.yaml" in said


# --- writing -----------------------------------------------------------------------------------------------


@given(st.text(max_size=400))
def test_any_text_that_a_principle_may_hold_survives_yaml(text: str) -> None:
    try:
        law = Constitution(name="x", principles=(Principle(id="a", text=text),))
    except ValueError:
        return
    written = to_yaml(law, "a header")
    assert Constitution.model_validate(parse_yaml(written, Path("x"), "t").data) == law


def test_an_edit_keeps_comments_order_and_quoting() -> None:
    text = BASE + "  # the last word\n  - id: last  # end\n    text: >-\n      A good reply\n      ends.\n"
    changed = edited(text, {("principles", 1, "weight"): 3.0, ("version",): "1.3.0"})
    assert changed == text.replace(
        "A good reply helps., aim: helpful", "A good reply helps., aim: helpful, weight: 3.0"
    ).replace("1.2.0", "1.3.0")


def test_requests_of_one_phase_are_no_business_of_the_other() -> None:
    plain = Principle(id="a", text="t")
    law = Constitution(name="x", principles=(plain,))
    asked = law.model_copy(update={"principles": (plain.model_copy(update={"comparison_question": "Q?"}),)})
    assert law.used_in("revise") == asked.used_in("revise")
    assert law.used_in("compare") != asked.used_in("compare")
    sourced = law.model_copy(update={"description": "d", "version": "9.0.0"})
    assert (law.used_in("revise"), law.used_in("compare")) == (sourced.used_in("revise"), sourced.used_in("compare"))


# --- names and files at the edge ------------------------------------------------------------------------


def test_an_id_used_twice_is_refused_at_its_second_line(base: Path) -> None:
    path = law(base, "name: x\nprinciples:\n  - {id: a, text: t}\n  - {id: b, text: t}\n  - {id: a, text: t}\n")
    assert refused(path) == f"constitution: {path}:5: two principles have the id 'a'; ids must be unique"


@pytest.mark.parametrize("size", [300, 5000])
def test_names_too_long_for_a_file_name_no_file(base: Path, size: int) -> None:
    name = "x" * size
    assert "no such file" in refused(Path(name))
    assert "no such file" in refused(Path(f"{name}.md"))
    assert "extends: no such file" in refused(law(base, f"name: x\nextends: {name}\n"))


def test_a_file_without_end_is_refused() -> None:
    """A device says that it holds nothing."""
    assert "the limit is 500,000" in refused(Path("/dev/zero"))


@pytest.mark.parametrize("content", [b"[]", b"\xff", b"{", b"[" * 100_000, b'{"name": "x"}'])
def test_a_damaged_constitution_of_a_run_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "constitution.json").write_bytes(content)
    assert f"{tmp_path}/constitution.json: cannot be read" in refused(tmp_path)
