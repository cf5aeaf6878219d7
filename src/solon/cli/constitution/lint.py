"""`solon constitution lint`."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from solon.cli.engine import BaseUrl, Precision

if TYPE_CHECKING:
    from solon.constitution.lint import Finding
    from solon.constitution.load import Document

Files = Annotated[
    list[str] | None, typer.Argument(help="Names from the library, YAML or Markdown files.", metavar="FILES...")
]
Format = Annotated[
    Literal["text", "json", "sarif"], typer.Option("--format", "-f", help="SARIF is what editors and CI read.")
]
FailOn = Annotated[
    Literal["error", "warning", "note"], typer.Option("--fail-on", help="The least level that makes the exit code 1.")
]
Fix = Annotated[bool, typer.Option("--fix", help="Mend what needs no person: encodings, hidden characters, spaces.")]
JudgeModel = Annotated[
    str | None,
    typer.Option("--model", help="A judge to look for conflicts: hub id, folder, GGUF file or server's model."),
]
Rules = Annotated[bool, typer.Option("--rules", help="List the rules and stop.")]


def lint(
    files: Files = None,
    format: Format = "text",
    fail_on: FailOn = "error",
    fix: Fix = False,
    rules: Rules = False,
    model: JudgeModel = None,
    base_url: BaseUrl = None,
    precision: Precision = "float32",
    store: Annotated[Path, typer.Option("--store", help="Where the judge's answers are kept.")] = Path("runs/lint"),
) -> None:
    """What to mend in constitutions: doubles, vague wording, imbalance, broken templates, ids, hidden characters.

    With --model a judge is asked about every pair of principles too: those that pull against each other are
    reported as CONFLICT, with a request that shows it. A judge that cannot tell our control pairs apart is not
    believed, and the summary says so.

    A comment `# lint: ignore SOL203` on the line, or the line above, silences a rule there. Exit code 1 when
    something at or above --fail-on is found, 2 for wrong usage. `--format json` prints
    {"findings": [{code, name, level, message, file, line, principles, related, fixable, silenced}],
    "fixed": [{file, what}], "summary": {files, errors, warnings, notes, silenced}}.
    """
    from solon.cli.constitution import lint_output as output
    from solon.constitution.lint import RULES, at_least, lint_file
    from solon.constitution.lint.fix import mend

    if rules:
        output.rules(RULES)
        return
    paths = _paths(files or [])
    fixed = {path: mend(path) for path in _own(paths)} if fix else {}
    linted = [lint_file(path) for path in paths]
    findings = list(dict.fromkeys(finding for one in linted for finding in one.findings))
    if model is not None:
        findings += _conflicts([one.document for one in linted if one.document], model, base_url, precision, store)
    getattr(output, format)(findings, len(paths), fixed)
    if any(at_least(finding.level, fail_on) and not finding.silenced for finding in findings):
        raise typer.Exit(1)


def _conflicts(
    documents: list[Document], model: str, base_url: str | None, precision: str, store: Path
) -> list[Finding]:
    """What a judge finds in each file that loads; what it says of itself goes to stderr."""
    import asyncio
    import sys

    from solon.authoring.conflicts import ConflictReport, conflicts, findings
    from solon.cli.engine import asked
    from solon.constitution.load import resolve
    from solon.errors import ConfigError

    found: list[Finding] = []
    with asked(model, base_url, precision, store, "judge") as engine:

        async def ask() -> list[tuple[Document, ConflictReport]]:
            reports = []
            for document in documents:
                with contextlib.suppress(ConfigError):  # is a finding already
                    reports.append((document, await conflicts(engine, resolve(document))))
            await engine.close()
            return reports

        for document, report in asyncio.run(ask()):
            print(f"{document.path}: {report.says()}", file=sys.stderr)
            found += findings(document, report)
    return found


def _paths(files: list[str]) -> list[Path]:
    """The files that are meant, each once. Raises ConfigError for none, or one that is not there."""
    from solon.constitution import library
    from solon.constitution.load import read_document
    from solon.errors import ConfigError

    if not files:
        raise ConfigError("lint: names no file; give one or more, such as balanced or mine.yaml, or --rules")
    shipped = library()
    paths = [shipped.get(file, Path(file)) for file in files]
    for file, path in zip(files, paths, strict=True):
        if not path.is_file():
            read_document(file)  # says what is wrong with the name
    return list(dict.fromkeys(paths))


def _own(paths: list[Path]) -> list[Path]:
    """The paths, if all may be rewritten. Raises ConfigError for a constitution of the library."""
    from solon.constitution import library
    from solon.errors import ConfigError

    shipped = {path.resolve(): name for name, path in library().items()}
    for path in paths:
        if name := shipped.get(path.resolve()):
            copy = f"solon constitution show {name} --format yaml > {name}.yaml"
            raise ConfigError(f"lint: --fix: '{name}' is shipped with Solon; make a copy of your own: {copy}")
    return [path.resolve() for path in paths]
