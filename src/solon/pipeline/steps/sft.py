"""The SL-CAI model: an adapter fine-tuned on the mix."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from solon.data.sft import said_in
from solon.data.tables import read_rows
from solon.pipeline.context import ADAPTERS, Context
from solon.pipeline.demonstrated import demonstrated
from solon.pipeline.recipe import Recipe
from solon.pipeline.step import Step
from solon.repeats import copied, most_repeated


class Sft(Step):
    name = "sft"
    title = "supervised fine-tuning (SL-CAI)"
    needs_weights = True
    version = 2

    def after(self, recipe: Recipe) -> tuple[str, ...]:
        return ("revisions",)

    def inputs(self, context: Context) -> dict[str, Any]:
        recipe = context.recipe
        return {
            "roles.policy": context.policy_weights,
            "sl_cai.sft": recipe.sl_cai.sft.model_dump(),
            "seed": recipe.seed,
        }

    def make(self, context: Context) -> tuple[list[Path], dict[str, Any]]:
        from solon.training.adapters import save_adapter
        from solon.training.sft import train_sft

        rows = read_rows(context.path("sl_cai/sft.parquet"))
        local = context.policy
        with context.training("SFT steps") as tick, tempfile.TemporaryDirectory() as scratch:
            history = train_sft(
                local,
                "sl_cai",
                rows,
                context.recipe.sl_cai.sft,
                seed=context.recipe.seed,
                scratch=Path(scratch),
                tick=tick,
                checkpoints=context.checkpoints,
            )
        with context.run.building(ADAPTERS["sl_cai"]) as folder:
            save_adapter(local, "sl_cai", folder)
        return [context.path(ADAPTERS["sl_cai"])], {
            "size": len(rows),
            "left_out": history[0].get("left_out", 0),
            "copied": sum(copied(said_in(rows), demonstrated(context.recipe, context.constitution))),
            "most_repeated": most_repeated(said_in(rows)).facts(),
            "loss": history,
        }
