"""`solon recipe`: the shipped recipes to begin with, what a recipe may say, and its JSON Schema."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    name="recipe", help="Recipes: one to begin with, every key, a schema for editors.", no_args_is_help=True
)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="The name of a shipped recipe (self, quickstart), or a file.")] = "self",
) -> None:
    """Print a recipe as it is written: solon recipe show self > mine.yaml."""
    from solon.files import read_text
    from solon.pipeline.recipe import recipe_path

    print(read_text(recipe_path(name), "recipe"), end="")


@app.command("keys")
def keys(
    path: Annotated[str, typer.Argument(help="A section or key alone, such as rl_cai.ppo.")] = "",
) -> None:
    """Every key of a recipe with its values, default and meaning, in Markdown; docs/recipe.md has them all."""
    from solon.pipeline.reference import keys_at

    print(keys_at(path), end="")


@app.command("schema")
def schema() -> None:
    """The JSON Schema of a recipe, for editors: hover help, completion, mistakes as you type.

    It is JSON Schema draft 2020-12; its $id changes when a recipe that was valid no longer is.
    """
    from solon.pipeline.reference import to_json

    print(to_json(), end="")
