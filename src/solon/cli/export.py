"""`solon export`: what a finished run made, for others to use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from solon.cli.engine import BaseAt


def export(
    run: Annotated[
        Path, typer.Argument(help="The folder of a run, such as runs/quickstart, of a front, or of solon train.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The folder to write; it must not exist yet.")],
    what: Annotated[
        str | None,
        typer.Option(
            "--what", help="policy, policy@STEP, sl_cai or reward_model; by default the picked one, else the policy."
        ),
    ] = None,
    model: BaseAt = None,
    merged: Annotated[bool, typer.Option("--merged", help="Merge the adapter into its base: needs no PEFT.")] = False,
    to: Annotated[str | None, typer.Option("--to", help="openrlhf or verl: data, settings and commands.")] = None,
    push: Annotated[str | None, typer.Option("--push", metavar="OWNER/NAME", help="Upload it to the hub.")] = None,
    private: Annotated[bool, typer.Option("--private", help="The repository is made private.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier export.")] = False,
) -> None:
    """Write a trained model with its card as a folder that opens without Solon; or the work for another trainer."""
    from solon.errors import ConfigError
    from solon.pipeline.export.hub import checked_repository, token
    from solon.pipeline.export.hub import push as upload
    from solon.pipeline.trained import refuse_training, training_in

    if to is not None:
        refuse_training(run, f"--to {to}")
        if push or private or merged or what not in (None, "policy"):
            raise ConfigError("--to: takes neither --what, --merged, --push nor --private; leave them out")
        from solon.pipeline.export.launchers.write import export_launcher

        print(f"{export_launcher(run, to, out, force=force)}: data, models and commands for {to}; read its README.md")
        return
    if private and not push:
        raise ConfigError("--private: nothing is pushed; add --push OWNER/NAME or leave it out")
    key = token() if push and checked_repository(push) else ""  # before the work, not after it
    from solon.pipeline.export.model import export_model, export_training, model_to_export

    if training_in(run) is not None:
        if what is not None:
            raise ConfigError(f"--what: {run} holds one model; leave it out")
        folder, said = export_training(run, out, merged=merged, force=force, base_at=model), "the trained model"
    else:
        named = model_to_export(run, what)
        folder = export_model(named.folder, out, named.model, merged=merged, force=force, base_at=model)
        said = f"{named.model}, picked by the rule" if named.by else named.model
    print(f"{folder}: {said}, {'merged' if merged else 'a LoRA adapter'}, with its model card")
    if push:
        print(upload(folder, push, key, private=private))
