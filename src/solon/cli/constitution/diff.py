"""`solon constitution diff`: what changed between two constitutions, and what it can reach."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from solon.cli.constitution.show import Reference

if TYPE_CHECKING:
    from solon.constitution import Constitution, Principle
    from solon.constitution.changes import FieldChange
    from solon.constitution.diff import Difference
    from solon.pipeline.impact import Impact


def diff(
    a: Reference,
    b: Reference,
    run: Annotated[
        Path | None,
        typer.Option("--run", help="A run made under A: what of it the change touches. A run as A does too."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 1 if they differ.")] = False,
) -> None:
    """What changed from A to B, by principle: what it reaches, how many draws move, which version is due."""
    import json

    from solon.constitution import load_constitution
    from solon.constitution.diff import compare

    difference = compare(load_constitution(a), load_constitution(b))
    touched = _impact(a, run, difference)
    if as_json:
        also = {"run": touched.as_dict()} if touched else {}
        print(json.dumps({**as_data(difference), **also}, indent=1, ensure_ascii=False))
    else:
        from rich.console import Console

        from solon.cli.constitution.diff_text import impact_rows, print_difference, print_section

        console = Console(highlight=False)
        print_difference(console, difference)
        if touched and difference:
            print_section(console, f"in {run or a}", impact_rows(touched))
    if exit_code and difference:
        raise typer.Exit(1)


def _impact(a: str, run: Path | None, difference: Difference) -> Impact | None:
    """What the change touches in the run that is named, or that A is. Raises ConfigError for a run of another."""
    from solon.constitution import load_constitution
    from solon.errors import ConfigError
    from solon.pipeline.impact import impact

    folder = run or (Path(a) if (Path(a) / "recipe.yaml").is_file() else None)
    if folder is None:
        return None
    made_under = load_constitution(folder.resolve())  # a folder may be named as one of the library
    if made_under.hash != difference.old.hash:
        raise ConfigError(
            f"--run: {folder} was made under another constitution than {a} ({made_under.name} {made_under.version}); "
            f"compare with the run itself: solon constitution diff {folder} B"
        )
    return impact(folder, difference)


def as_data(d: Difference) -> dict[str, Any]:
    """The difference as plain data for `--json`. Keys are only ever added to it.

    differ        whether anything is different
    old, new      name, version, and hash of the content
    added         principles: id, text, aim, weight, phases, and shares: by phase, how likely it is drawn
    removed       the same, of those left out
    renamed       pairs in both of these: old and new id, likeness of the texts in percent
    changed       principles: id; fields; shares: by phase, how likely it is drawn [before, after]
                  a field: field, old, new, reaches (phases), marks: [kept | removed | added, text] of a text or null
    constitution  fields of the constitution itself, in the same form
    phases        by phase: reaches (a model or a draw), reworded and claims (ids), moved: the share of first draws
                  that go to another principle, touched: of those and of draws that meet a reworded principle
    run           with a run: chains and chains_total; revisions and labels, each with total, direct (their own
                  principle changed) and through (a text they depend on does), and reworded and moved: how many
                  by principle; models: folders of those that would be trained again
    version       old, new, change (none, patch, minor, major), why, due, enough (null: the names differ)
    """
    from solon.constitution.changes import PHASES

    advice = d.advice()
    shares = {phase: d.shares(phase) for phase in PHASES}

    def drawn(id: str) -> dict[str, tuple[float, float]]:
        return {phase: by_id[id] for phase, by_id in shares.items() if id in by_id}

    return {
        "differ": bool(d),
        "old": _named(d.old),
        "new": _named(d.new),
        "added": [_principle(d.new[id], {phase: now for phase, (_, now) in drawn(id).items()}) for id in d.added],
        "removed": [_principle(d.old[id], {phase: was for phase, (was, _) in drawn(id).items()}) for id in d.removed],
        "renamed": [{"old": r.old, "new": r.new, "likeness": round(r.likeness, 2)} for r in d.renamed],
        "changed": [{"id": c.id, "fields": [_field(f) for f in c.fields], "shares": drawn(c.id)} for c in d.changed],
        "constitution": [_field(f) for f in d.whole],
        "phases": {
            phase: {
                "reaches": d.reaches(phase),
                "reworded": sorted(d.reworded(phase)),
                "claims": sorted(d.claims(phase)),
                "moved": d.moved(phase),
                "touched": d.touched(phase),
            }
            for phase in PHASES
        },
        "version": {
            "old": advice.old,
            "new": advice.new,
            "change": advice.level,
            "why": advice.why,
            "due": advice.due,
            "enough": advice.enough,
        },
    }


def _named(law: Constitution) -> dict[str, str]:
    return {"name": law.name, "version": law.version, "hash": law.hash}


def _principle(p: Principle, shares: dict[str, float]) -> dict[str, Any]:
    return {**p.model_dump(mode="json", include={"id", "text", "aim", "weight", "phases"}), "shares": shares}


def _field(change: FieldChange) -> dict[str, Any]:
    from pydantic_core import to_jsonable_python

    return {
        "field": change.field,
        "old": to_jsonable_python(change.old),
        "new": to_jsonable_python(change.new),
        "reaches": sorted(change.reaches, reverse=True),
        "marks": [[s.kind, s.text] for s in change.marks] if change.marks is not None else None,
    }
