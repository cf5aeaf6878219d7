"""`solon data`: preference files from one format to another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from solon.data.formats import Written

app = typer.Typer(
    name="data",
    help="Files of pairs and replies: TRL, HH, ShareGPT, Alpaca, OpenAI, KTO and others, one from another.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def data() -> None:
    """Files of pairs and replies: TRL, HH, ShareGPT, Alpaca, OpenAI, KTO and others, one from another."""


@app.command()
def convert(
    source: Annotated[str, typer.Argument(metavar="IN", help="Any file of pairs, or hub:OWNER/NAME (docs/data.md).")],
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="Ends in .jsonl, .jsonl.gz, .json (a list) or .parquet.")
    ],
    to: Annotated[
        str,
        typer.Option("--to", help="trl, hh, kto, sharegpt, alpaca-pairs, openai-preference, nectar … (docs/forms.md)."),
    ],
    format_: Annotated[
        str | None, typer.Option("--from", "--format", help="IN's format; else its columns tell it.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that exists.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Write a file of pairs or single replies in another format; texts, labels and extra columns stay as they are.

    Rows that are broken, or that the format cannot hold, are set aside and counted; the first one is named.
    """
    import json

    from solon.data.formats import convert
    from solon.data.rows import data_path
    from solon.errors import ConfigError

    if target.exists() and not force:
        raise ConfigError(f"convert: {target} exists; give another name, or --force to write over it")
    done = convert(data_path(source), target, to, format_)
    print(json.dumps(_as_dict(done), ensure_ascii=False) if json_ else f"{target}: {_line(done, to)}")


def _line(done: Written, to: str) -> str:
    rows = f"{done.rows:,} {'row' if done.rows == 1 else 'rows'} as {to}"
    changed = "".join(f"; {what}: {', '.join(names)}" for what, names in done.changed.items())
    if done.first is None:
        return f"{rows}; none set aside{changed}"
    first = done.first
    return f"{rows}; {done.aside:,} set aside (first: {first.file}:{first.line}: {first.reason}){changed}"


def _as_dict(done: Written) -> dict[str, object]:
    first = done.first
    shown = {"file": first.file, "line": first.line, "reason": first.reason} if first else None
    return {"rows": done.rows, "set_aside": done.aside, "first": shown, "changed": dict(done.changed)}
