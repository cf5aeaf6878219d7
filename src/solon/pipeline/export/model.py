"""`solon export`: one model of a finished run as a folder that opens without Solon."""

from __future__ import annotations

import shutil
from pathlib import Path

from solon.errors import ConfigError
from solon.files import write_atomic
from solon.pipeline.export.base import Base, base_of
from solon.pipeline.export.card import model_card, training_card
from solon.pipeline.export.finished import FinishedRun, checked
from solon.pipeline.export.publish import exported, refuse_taken
from solon.pipeline.recipe import Role
from solon.pipeline.selection import Named, the_model
from solon.pipeline.trained import Trained


def model_to_export(folder: Path, what: str | None) -> Named:
    """The run and the model that `what` names; by default the one that the recipe's rule picked, else the policy.

    Raises ConfigError where the base was picked, which no training changed.
    """
    if what is not None:
        checked(what)
    named = the_model(folder, what)
    if named.model == "base":
        raise ConfigError(
            "select: the base is picked, which nothing here trained, so there is nothing to export; "
            "name a model with --what sl_cai or --what policy, or change the rule"
        )
    return named


def export_model(
    run_folder: Path,
    out: Path,
    what: str = "policy",
    *,
    merged: bool = False,
    force: bool = False,
    base_at: str | None = None,
) -> Path:
    """Write a model of the run to `out`: the adapter, or `merged` into its base, with tokenizer, template and card.

    `base_at` is where the base's weights lie now. Returns `out`. Raises ConfigError for a model that is unknown or not
    finished or a folder that is taken, ModelError where the base is gone, StorageError when the disk refuses.
    """
    kind, run = checked(what), FinishedRun.load(run_folder, base_at)
    refuse_taken(out, force=force)
    adapter, base = run.model(what), base_of(run.recipe.roles.policy)
    made_of = {"run": run.recipe.name, "model": what, "merged": merged, "base": base.name, "base_weights": base.weights}
    with exported(out, made_of, force=force) as folder:
        if merged:
            _write_merged(run.recipe.roles.policy, adapter, folder, rewards=kind == "reward_model")
        else:
            _write_adapter(adapter, base, folder)
        write_atomic(folder / "README.md", model_card(run_folder, what, merged=merged, base_at=base_at))
        _write_licence(base, folder)
    return out


def export_training(
    training: Path, out: Path, *, merged: bool = False, force: bool = False, base_at: str | None = None
) -> Path:
    """Write what solon train made in the folder `training` to `out`, as `export_model` does. Raises what it does."""
    trained = Trained.load(training)
    refuse_taken(out, force=force)
    role = trained.role(base_at)
    base = base_of(role)
    made_of = {"training": trained.verb, "merged": merged, "base": base.name, "base_weights": base.weights}
    with exported(out, made_of, force=force) as folder:
        if merged:
            _write_merged(role, trained.adapter, folder, rewards=trained.rewards)
        else:
            _write_adapter(trained.adapter, base, folder)
        write_atomic(folder / "README.md", training_card(trained, base, merged=merged))
        _write_licence(base, folder)
    return out


def _write_adapter(adapter: Path, base: Base, folder: Path) -> None:
    from solon.pipeline.export.weights import write_adapter

    write_adapter(adapter, base, folder)


def _write_merged(role: Role, adapter: Path, folder: Path, *, rewards: bool) -> None:
    from solon.engines.local.model import LocalModel
    from solon.pipeline.export.weights import write_merged, write_merged_reward
    from solon.training.base import refuse_other_base

    local = LocalModel.load(role.model, role.precision, "cpu")
    refuse_other_base(adapter, None, local.source)
    write = write_merged_reward if rewards else write_merged
    write(local, adapter, folder)


def _write_licence(base: Base, folder: Path) -> None:
    """The base's licence: its text where its folder has it, else what is known of it."""
    if base.licence_file is not None:
        shutil.copyfile(base.licence_file, folder / "LICENSE")
        return
    known = (
        f"The base model {base.name} says that its licence is: {base.licence}."
        if base.licence
        else (f"The licence of the base model {base.name} is not known here. Look it up before you share this model.")
    )
    write_atomic(folder / "LICENSE", f"{known}\nWhat was trained on top of it is bound by it too.\n")
