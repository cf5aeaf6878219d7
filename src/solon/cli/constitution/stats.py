"""`solon constitution stats`: what each principle did in a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from solon.constitution import Constitution
    from solon.evaluation import Attribution, PrincipleStats

Sort = Literal["drawn", "changed", "flip", "influence", "labels"]


def stats(
    run: Annotated[Path, typer.Argument(help="A run's folder, finished or not.")],
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    sort: Annotated[
        Sort | None, typer.Option("--sort", help="Most first; by default in the constitution's order.")
    ] = None,
) -> None:
    """What each principle did in a run: draws, changes to the text, verdicts, influence on the labels.

    Reads the stored revisions and verdicts; asks no model, writes nothing, and needs no lock. Labels are those that
    the run's own settings make of the verdicts: clamped, combined and calibrated as rl_cai.feedback says.

    --json prints one object. Shares are in [0, 1]; a rate is {value, low, high, n} with its 95% interval, or
    null of nothing. "run" and "constitution" {name, version} say what was read; "revising", "comparing" and
    "labels" are over all principles, null where the run has no such file yet; "principles" is a list of
    {id, known, revising, comparing, influence}, in the order that --sort asks for:
    revising {drawn, share, expected, failed {reason: count}, changed, distance_changed, distance};
    comparing {labels, share, expected, verdicts, failed, confidence, flips, prefers_revision};
    influence {lost, shared, moved, turned, shift}; "oddities" is a list of
    {principle, what, share, others, n, p, text}. The classes in solon.evaluation say what each number is.
    """
    from solon.constitution import load_constitution
    from solon.errors import ConfigError
    from solon.evaluation import attribute
    from solon.pipeline.stored_labels import labeller_in

    if not run.is_dir():
        raise ConfigError(f"stats: no such folder: {run}; name a run's folder, as in runs/NAME")
    law = load_constitution(run)
    found = attribute(run, labeller_in(run, law))
    principles = _sorted(found, sort)
    if json:
        _print_json(run, law, found, principles)
    else:
        from solon.cli.constitution.stats_table import print_stats

        print_stats(f"{law.name} {law.version} in {run}", found, principles)


def _sorted(found: Attribution, sort: Sort | None) -> list[PrincipleStats]:
    """Most first, principles without the number last; of influence the size counts, then the labels lost."""

    def key(p: PrincipleStats) -> tuple[bool, Any]:
        r, c, i = p.revising, p.comparing, p.influence
        size = (abs(i.shift.value) if i.shift else -1.0, i.moved or 0.0, i.lost) if i else None
        values: dict[Sort | None, Any] = {
            "drawn": r.drawn if r else None,
            "changed": r.changed.value if r and r.changed else None,
            "flip": c.flips.value if c and c.flips else None,
            "labels": c.labels if c else None,
            "influence": size,
        }
        value = values[sort]
        return value is not None, value if value is not None else 0

    return list(found.principles) if sort is None else sorted(found.principles, key=key, reverse=True)


def _print_json(run: Path, law: Constitution, found: Attribution, principles: list[PrincipleStats]) -> None:
    import json
    from dataclasses import asdict

    said = {
        "run": str(run),
        "constitution": {"name": law.name, "version": law.version},
        **asdict(found),
        "principles": [asdict(p) for p in principles],
    }
    print(json.dumps(said, indent=1, ensure_ascii=False))
