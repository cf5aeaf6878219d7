"""Findings as text for people, JSON for programs, and SARIF 2.1.0 for editors and CI."""

from __future__ import annotations

import json as json_
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from solon.constitution.lint import LEVELS, RULES, Finding, Rule

Fixed = Mapping[Path, Sequence[str]]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}


def text(findings: Sequence[Finding], files: int, fixed: Fixed) -> None:
    """`file:line: level CODE name: message`, file by file, and a line of counts."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, emoji=False, soft_wrap=True)
    for path, done in fixed.items():
        for what in done:
            console.print(Text.assemble(f"{shown(path)}: ", ("fixed", "green"), f": {what}"))
    for f in findings:
        if not f.silenced:
            level = (f.level, STYLES[f.level])
            console.print(
                Text.assemble(
                    (f"{shown(f.path)}:{f.line}", "bold"), ": ", level, f" {f.code} {f.rule.name}: {f.message}"
                )
            )
    console.print(Text(_summary(findings, files)))


def json(findings: Sequence[Finding], files: int, fixed: Fixed) -> None:
    """All of it as one object; silenced findings are marked."""
    counts = _counts(findings)
    print_json(
        {
            "findings": [_as_dict(f) for f in findings],
            "fixed": [{"file": shown(path), "what": list(done)} for path, done in fixed.items() if done],
            "summary": {"files": files} | counts | {"silenced": sum(f.silenced for f in findings)},
        }
    )


def sarif(findings: Sequence[Finding], files: int, fixed: Fixed) -> None:
    """One run; silenced findings are suppressed results, rules found but not of this linter are listed, too."""
    from importlib.metadata import version

    rules = list(dict.fromkeys([*RULES, *(f.rule for f in findings)]))
    driver = {"name": "solon", "version": version("solon"), "rules": [_sarif_rule(rule) for rule in rules]}
    results = [_result(f, rules.index(f.rule)) for f in findings]
    print_json({"$schema": SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]})


def rules(listed: Iterable[Rule]) -> None:
    """Code, level, name and help of every rule."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        "code", "name", "level", "what is wrong and how to mend it", box=None, header_style="bold", pad_edge=False
    )
    for rule in listed:
        fixable = " (--fix)" if rule.fixable else ""
        table.add_row(rule.code, rule.name, Text(rule.level, STYLES[rule.level]), Text(rule.help + fixable))
    Console(highlight=False, emoji=False).print(table)


def shown(path: Path) -> str:
    """The path from here, or all of it if it is elsewhere."""
    whole = path.resolve()
    here = Path.cwd()
    return whole.relative_to(here).as_posix() if whole.is_relative_to(here) else str(whole)


def print_json(value: object) -> None:
    print(json_.dumps(value, indent=1, ensure_ascii=False))


def _counts(findings: Sequence[Finding]) -> dict[str, int]:
    counted = Counter(f.level for f in findings if not f.silenced)
    return {f"{level}s": counted[level] for level in LEVELS}


def _summary(findings: Sequence[Finding], files: int) -> str:
    parts = [f"{count} {name if count != 1 else name[:-1]}" for name, count in _counts(findings).items()]
    silenced = sum(f.silenced for f in findings)
    more = [f"{silenced} silenced"] if silenced else []
    if fixable := sum(f.fixable and not f.silenced for f in findings):
        more.append(f"{fixable} can be mended by --fix")
    return ", ".join(parts) + f" in {files} file{'s' * (files != 1)}" + (f" ({'; '.join(more)})" if more else "")


def _as_dict(f: Finding) -> dict[str, Any]:
    return {
        "code": f.code,
        "name": f.rule.name,
        "level": f.level,
        "message": f.message,
        "file": shown(f.path),
        "line": f.line,
        "principles": list(f.principles),
        "related": [{"file": shown(p.path), "line": p.line, "message": p.message} for p in f.related],
        "fixable": f.fixable,
        "silenced": f.silenced,
    }


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.help.split(". ")[0].rstrip(".") + "."},
        "help": {"text": rule.help},
        "defaultConfiguration": {"level": rule.level},
    }


def _result(f: Finding, index: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": f.code,
        "ruleIndex": index,
        "level": f.level,
        "message": {"text": f.message},
        "locations": [_location(f.path, f.line)],
    }
    if f.related:
        result["relatedLocations"] = [
            {"id": number, **_location(p.path, p.line), "message": {"text": p.message}}
            for number, p in enumerate(f.related, 1)
        ]
    if f.silenced:
        result["suppressions"] = [{"kind": "inSource"}]
    return result


def _location(path: Path, line: int) -> dict[str, Any]:
    whole = path.resolve()
    inside = whole.is_relative_to(Path.cwd())
    uri = quote(shown(path)) if inside else whole.as_uri()
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}}
