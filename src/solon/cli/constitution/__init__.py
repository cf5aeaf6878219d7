"""`solon constitution`: write, check, compare and try principles. One small file per verb."""

from __future__ import annotations

import typer

from solon.cli.constitution import (
    convert,
    diff,
    draft,
    export,
    import_,
    lint,
    new,
    relevance,
    schema,
    show,
    stats,
    try_,
)

app = typer.Typer(
    name="constitution",
    help="Write, check, compare and try constitutions.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("list")(show.list_)
app.command("show")(show.show)
app.command("try")(try_.try_)
app.command("relevance")(relevance.relevance)
app.command("diff")(diff.diff)
app.command("draft")(draft.draft)
app.command("stats")(stats.stats)
app.command("import")(import_.import_)
app.command("lint")(lint.lint)
app.command("convert")(convert.convert)
app.command("export")(export.export)
app.command("schema")(schema.schema)
app.command("new")(new.new)
