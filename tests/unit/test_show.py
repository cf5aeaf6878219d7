"""`solon constitution list` and `show`, and what a person does with a new file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import solon.cli
from solon.constitution import library, load_constitution


@pytest.fixture
def constitution_cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Run `solon constitution …` in this process: (exit code, stdout, stderr)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["solon", "constitution", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            solon.cli.main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return run


def test_list_names_every_shipped_one_with_its_principles(constitution_cli) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = constitution_cli("list")
    assert code == 0
    for name in library():
        law = load_constitution(name)
        assert f"{name} {law.version}  {len(law.principles)} principles: " in out
    assert all(line == line.rstrip() for line in out.splitlines())


def test_show_resolves_what_is_extended_and_says_what_is_drawn(constitution_cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    law = tmp_path / "law.yaml"
    law.write_text(
        "name: mine\nextends: balanced\nremove: [right-sized]\n"
        "override: {no-lecture: {weight: 5}}\nprinciples:\n  - {id: brief, text: A good reply is short., weight: 2}\n"
    )
    code, out, _ = constitution_cli("show", law)
    assert code == 0
    assert "mine 0.1.0  24 principles" in out
    assert "right-sized" not in out
    assert "no-lecture  helpful, weight 5; drawn: revise " in out
    assert "brief  own, weight 2; drawn: revise 4." in out
    assert "critique request: Critique the assistant's reply by this principle: A good reply is short." not in out
    assert "A good reply is short. Say briefly" in " ".join(constitution_cli("show", law, "--requests")[1].split())


@pytest.mark.parametrize("form", ["yaml", "markdown", "json"])
def test_every_form_of_show_loads_back(constitution_cli, tmp_path: Path, form: str) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = constitution_cli("show", "customer-support", "--format", form)
    assert code == 0
    resolved = load_constitution("customer-support")
    if form == "json":
        assert type(resolved).model_validate(json.loads(out)) == resolved
    else:
        path = tmp_path / f"law.{'yaml' if form == 'yaml' else 'md'}"
        path.write_text(out)
        assert load_constitution(path) == resolved


def test_a_wrong_name_is_one_line(constitution_cli) -> None:  # type: ignore[no-untyped-def]
    code, out, err = constitution_cli("show", "balancd")
    assert (code, out) == (2, "")
    assert "did you mean 'balanced'?" in err
    assert "Traceback" not in err
