"""What a front cost, against what its runs would have cost one by one: in steps, calls and seconds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def costs(runs: Sequence[Path], stored: int) -> dict[str, dict[str, float]]:
    """Steps, calls and seconds: `alone` sums the runs, each by itself, `made` what was done, equal steps once.

    `stored` calls are in the front's memo: variants whose steps differ still share answers to equal questions, so no
    more were made. `runs_worth` is made / (alone / runs): how many single runs the front cost.
    """
    records = [record for run in runs for record in _records(run)]
    once = {(name, record.get("key")): record for name, record in records}
    alone = {"steps": float(len(records)), **_sums([record for _, record in records])}
    made = {"steps": float(len(once)), **_sums(list(once.values()))}
    made["calls"] = min(made["calls"], stored)
    return {
        what: {
            "alone": alone[what],
            "made": made[what],
            "runs_worth": made[what] / (alone[what] / len(runs)) if alone[what] else 0.0,
        }
        for what in alone
    }


def _records(run: Path) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for path in sorted((run / "steps").glob("*.json")):
        try:
            found.append((path.stem, dict(json.loads(path.read_text()))))
        except (OSError, ValueError):
            continue
    return found


def _sums(records: Sequence[dict[str, Any]]) -> dict[str, float]:
    facts = [record.get("facts") or {} for record in records]
    return {what: float(sum(fact.get(what) or 0 for fact in facts)) for what in ("calls", "seconds")}
