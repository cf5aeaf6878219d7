"""What an engine's calls cost, measured on calls it has made: in this run, or in one beside it."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from solon.errors import SolonError
from solon.memo import Cost, Memo
from solon.types import Fingerprint

TOKENS_PER_CHARACTER = 0.25  # of English text, where nothing was measured


class Rates:
    """Looks first in the run's own memo, then in those of the runs beside it, newest first."""

    def __init__(self, folder: Path, memo: Memo) -> None:
        self._memo, self._folder = memo, folder
        beside = {p.parent: _changed(p) for p in folder.parent.glob("*/memo.sqlite") if p.parent != folder}
        self._beside = sorted(beside, key=lambda p: beside[p], reverse=True)
        self._known: dict[tuple[str, str], Cost | None] = {}

    def cost(self, fingerprint: Fingerprint, role: str) -> Cost | None:
        """The summed cost of the engine's live calls in `role`, or None when it was never asked."""
        key = (fingerprint.key, role)
        if key not in self._known:
            self._known[key] = self._memo.cost(fingerprint, role) or self._from_beside(fingerprint, role)
        return self._known[key]

    def _from_beside(self, fingerprint: Fingerprint, role: str) -> Cost | None:
        for folder in self._beside:
            # A broken memo next door is not this plan's business.
            with (
                contextlib.suppress(SolonError),
                contextlib.closing(Memo(folder / "memo.sqlite", read_only=True)) as memo,
            ):
                if found := memo.cost(fingerprint, role):
                    return found
        return None

    def training(self, step: str, weights: str) -> dict[str, Any] | None:
        """The facts of the last time `step` ran on the same base weights, here or beside; None when never."""
        for folder in (self._folder, *self._beside):
            try:
                record = json.loads((folder / "steps" / f"{step}.json").read_text(encoding="utf-8"))
                facts: dict[str, Any] = record["facts"]
                if facts.get("weights") == weights and float(facts["seconds"]) >= 0:
                    return facts
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                continue
        return None


def _changed(memo: Path) -> float:
    """When a memo changed, in seconds; 0 when it has just gone."""
    try:
        return memo.stat().st_mtime
    except OSError:
        return 0.0
