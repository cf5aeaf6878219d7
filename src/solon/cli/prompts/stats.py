"""`solon prompts stats`: what sets of prompts hold, and whether style gives their kinds away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from solon.cli.engine import Precision

if TYPE_CHECKING:
    from solon.data.prompts import PromptFile, PromptSets
    from solon.promptsets.probe import Probed
    from solon.promptsets.telling import Told


def stats(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KIND=]FILE...", help="Prompt files; [FIELD=VALUE] behind one picks its rows."),
    ] = None,
    recipe: Annotated[str | None, typer.Option("--recipe", help="The prompts of a recipe instead.")] = None,
    harmful: Annotated[
        list[str] | None, typer.Option("--harmful", help="Kinds that ask for harm; else those aimed at harmlessness.")
    ] = None,
    max_auc: Annotated[
        float | None,
        typer.Option("--max-auc", min=0.5, max=1.0, help="Exit with 1 where style tells two kinds apart better."),
    ] = None,
    probe: Annotated[
        str | None,
        typer.Option("--probe", help="A model whose states a linear probe reads: hub id, folder, GGUF file."),
    ] = None,
    tried: Annotated[
        list[str] | None,
        typer.Option("--try", metavar="KIND=FILE", help="Prompts to try the probe on; up to 300 of each."),
    ] = None,
    precision: Precision = "float32",
    json_: Annotated[Path | None, typer.Option("--json", metavar="OUT", help="Write all figures there.")] = None,
) -> None:
    """Counts, lengths, moods, repeats and twins by kind; a style check; with --probe what a model's states tell.

    The style check fits a logistic regression on lengths, first word, mood, punctuation and casing, and tries it on
    held-out prompts: how well are two kinds told apart by those alone? An AUC of 0.5 is a coin. The kind of a row is
    KIND, or what its field "kind" says, or the file's name.
    """
    from rich.console import Console

    from solon.cli.prompts.given import harmful_kinds, of_recipe, prompt_file
    from solon.cli.prompts.stats_table import print_figures, print_probed, print_told
    from solon.data.prompts import load_prompt_files
    from solon.errors import ConfigError
    from solon.files import write_json
    from solon.promptsets.figures import figures

    if (recipe is None) == (not files):
        raise ConfigError("stats: which prompts? Give files (FILE or KIND=FILE), or --recipe NAME, one of the two")
    if tried and probe is None:
        raise ConfigError("--try: there is no probe to try; give --probe MODEL, such as the recipe's policy")
    named = of_recipe(recipe) if recipe is not None else [prompt_file(text, "FILE") for text in files or ()]
    others = [prompt_file(text, "--try", kind_needed=True) for text in tried or ()]
    sets = load_prompt_files(named)
    harm = harmful_kinds(harmful, sets.prompts)
    console = Console(highlight=False)
    found = figures(sets)
    print_figures(console, found)
    told = _told(sets, harm)
    print_told(console, told)
    facts: dict[str, Any] = {**found.facts(), "harmful": sorted(harm), "style": [one.facts() for one in told]}
    if probe is not None:
        probed = _probed(probe, precision, sets, harm, others)
        print_probed(console, probed)
        facts["probe"] = probed.facts()
    if json_:
        write_json(json_, facts)
    over = [one for one in told if max_auc is not None and one.worst > max_auc]
    for one in over:
        text = f"{one.first} and {one.second} are told apart by style: AUC {one.worst:.2f}, above {max_auc:.2f}"
        console.print(text, markup=False, soft_wrap=True)
    raise typer.Exit(1 if over else 0)


def _told(sets: PromptSets, harmful: set[str]) -> list[Told]:
    from solon.promptsets.check import style_check

    return style_check(sets.prompts, harmful)


def _probed(model: str, precision: str, sets: PromptSets, harmful: set[str], others: list[PromptFile]) -> Probed:
    """The probe, fitted and tried."""
    from solon.data.prompts import load_prompt_files, split
    from solon.data.rows import data_path
    from solon.engines.local.model import LocalModel
    from solon.pipeline.progress import Progress
    from solon.promptsets.probe import at_most, probe

    prompts = [p for of_kind in sets.prompts.values() for p in split(of_kind, "train")]
    read = []
    for one in others:
        label = data_path(one.name).stem + (f"[{one.only[0]}={one.only[1]}]" if one.only else "")
        read.append((label, at_most(load_prompt_files([one]).prompts[one.kind])))
    total = len(prompts) + sum(len(some) for _, some in read)
    with Progress(quiet=False).bar("prompts read by the model", total) as bar:
        return probe(LocalModel.load(model, precision), prompts, harmful, read, bar.step)
