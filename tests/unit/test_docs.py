"""The documentation says what the product does: its commands are run, its options exist, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

import solon.cli
from solon.constitution import library, load_constitution
from solon.pipeline.recipe import load_recipe
from solon.prompts.chain import CRITIQUE, REVISION

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "docs.py"
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", *DOCS]
FAKED_CLOCK = """
import datetime
class Faked(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2028, 2, 29, 12, tzinfo=tz)
datetime.datetime = Faked
"""
APP: Any = typer.main.get_command(solon.cli.app)
SHOWN = re.compile(r"(?<![\w./:'\"-])solon [a-z<-]")  # a command, not a file or a sentence


def names(path: Path) -> str:
    return path.name


# --- what the commands print ----------------------------------------------------------------------------


@pytest.mark.parametrize("page", [page for page in DOCS if "```console" in page.read_text()], ids=names)
def test_the_output_shown_is_what_the_commands_print(page: Path) -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--check", page], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\npython scripts/docs.py --only {page.stem} rewrites it"


def docs(page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, page, *options], capture_output=True, text=True, check=False)


def written(folder: Path, *lines: str) -> Path:
    page = folder / "page.md"
    page.write_text("\n".join(lines) + "\n")
    return page


def test_commands_share_a_workspace_and_show_errors_and_exit_codes(tmp_path: Path) -> None:
    page = written(
        tmp_path,
        *("Words.", "```console", "$ echo one > a; pwd", "old", "$ cat a \\", "    b; exit 3", "```", "More."),
        *("```console", "$ ls", "```", "```console skip", "$ rm a", "kept", "```", "```yaml", "$ ls", "```"),
    )
    assert docs(page).returncode == 0
    assert page.read_text().split("\n") == [
        *("Words.", "```console", "$ echo one > a; pwd", "/path/to", "$ cat a \\", "    b; exit 3"),
        *("one", "cat: b: No such file or directory", "exit code 3", "```", "More."),
        *("```console", "$ ls", "a", "```", "```console skip", "$ rm a", "kept", "```", "```yaml", "$ ls", "```", ""),
    ]


def test_a_time_that_differs_is_no_difference_and_another_word_is(tmp_path: Path) -> None:
    page = written(tmp_path, "```console", "$ echo '3 in   0.25 s, 7 MiB'", "3 in 12 s, 212 MiB", "```")
    before = page.read_text()
    assert docs(page, "--check").returncode == 0
    assert docs(page).returncode == 0
    assert page.read_text() == before
    page.write_text(before.replace("3 in 12", "4 in 12"))
    checked = docs(page, "--check")
    assert checked.returncode == 1
    assert "-4 in 12 s, 212 MiB\n+3 in   0.25 s, 7 MiB\n" in checked.stdout


@pytest.mark.parametrize(
    ("held", "printed"),
    [
        ("made 2026-11-23, not signed", "made 2031-02-07, not signed"),
        ("at 2026-11-23T10:00:00Z", "at 2027-01-01 23:59:01.25+02:00"),
        ("260 in 3.2 s", "260 in 840 ms"),
        ("1 of 3, under a second", "1 of 3, 2 min 10 s"),
        ("9 calls in 59 min", "9 calls in 1 h 4 min"),
    ],
)
def test_neither_day_nor_speed_is_compared(tmp_path: Path, held: str, printed: str) -> None:
    page = written(tmp_path, "```console", f"$ echo '{printed}; 7 pairs'", f"{held}; 7 pairs", "```")
    assert docs(page, "--check").returncode == 0
    page.write_text(page.read_text().replace(f"{held}; 7", f"{held}; 8"))
    assert docs(page, "--check").returncode == 1


def test_a_page_holds_on_another_day(tmp_path: Path) -> None:
    """The command runs under a clock set to 29 February 2028, and prints that date where the page has another."""
    (tmp_path / "sitecustomize.py").write_text(FAKED_CLOCK)
    today = f"PYTHONPATH={tmp_path} python -c 'from datetime import *; print(datetime.now(UTC).date().isoformat())'"
    page = written(
        tmp_path, "```console", f"$ {today} | tee seen", "2026-11-23", "$ grep -c 2028-02-29 seen", "1", "```"
    )
    checked = docs(page, "--check")
    assert checked.returncode == 0, checked.stdout


def test_a_live_block_runs_only_when_asked(tmp_path: Path) -> None:
    page = written(tmp_path, "```console live", "$ echo asked", "```", "```console", "$ echo plain", "```")
    assert docs(page).returncode == 0
    assert page.read_text() == "```console live\n$ echo asked\n```\n```console\n$ echo plain\nplain\n```\n"
    assert docs(page, "--live").returncode == 0
    assert "$ echo asked\nasked\n" in page.read_text()


def test_what_a_live_block_made_is_there_only_after_it(tmp_path: Path) -> None:
    space = tmp_path / "space"
    space.mkdir()
    (space / "made.txt").write_text("by a model, last time\n")
    page = written(
        tmp_path,
        f"<!-- workspace: {space} -->",
        *("```console", "$ ls", "```", "```console live makes made.txt", "$ echo now > made.txt", "```"),
        *("```console", "$ cat made.txt", "$ rm made.txt", "```"),
    )
    assert docs(page).returncode == 0
    assert "```console\n$ ls\n```" in page.read_text()
    assert "$ cat made.txt\nby a model, last time\n" in page.read_text()
    assert docs(page, "--live", "--check").returncode == 1
    assert (space / "made.txt").read_text() == "by a model, last time\n"
    assert docs(page, "--live").returncode == 0
    assert "$ cat made.txt\nnow\n" in page.read_text()
    assert (space / "made.txt").read_text() == "now\n"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("```console", "ls", "```"), "begins with one"),
        (("```console", "$ ls"), "not closed"),
        (("```console once", "$ ls", "```"), "console, console live or console skip?"),
        (("- a list", "  ```console", "  $ ls", "  ```"), "must not be indented"),
        (("```console", "$ echo '$ ls'", "```"), "does not fit"),
        (("```console", "$ python -c 1/0", "```"), "crashes"),
    ],
)
def test_what_cannot_be_shown_is_refused(tmp_path: Path, lines: tuple[str, ...], said: str) -> None:
    page = written(tmp_path, *lines)
    done = docs(page)
    assert done.returncode == 1
    assert said in done.stderr
    assert page.read_text() == "\n".join(lines) + "\n"


# --- what is said about the commands ----------------------------------------------------------------------


def code(page: Path) -> Iterator[str]:
    """Code spans, and lines of fenced blocks; of blocks of commands, the commands."""
    fence = kind = ""
    typed = ""
    for line in page.read_text(encoding="utf-8").split("\n"):
        if fence:
            if line == fence:
                fence = ""
            elif not kind.startswith("console"):
                yield line
            elif typed or line.startswith("$ "):
                typed += line.removeprefix("$ ").removesuffix("\\")
                if not line.endswith("\\"):
                    yield typed
                    typed = ""
        elif opening := re.match(r"(`{3,})(.*)", line):
            fence, kind = opening.groups()
        else:
            yield from re.findall(r"`([^`]+)`", line)


def mentioned(text: str) -> Iterator[list[str]]:
    """The words after each `solon` in `text`, up to the end of that command."""
    for found in SHOWN.finditer(text):
        rest = text[found.start() :].removeprefix("solon ")
        lexer = shlex.shlex(rest, posix=True, punctuation_chars="|;&<>()")
        lexer.whitespace_split = True
        words = []
        for word in lexer:
            if set(word) <= set("|;&<>()"):
                break
            words.append(word)
        yield words


def unknown(words: list[str]) -> str:
    """The first verb or option in a command that the command line has not; "" when it has all."""
    command = APP
    for word in words:
        if word.startswith("-") and word != "-":
            known = {name for p in command.params for name in (*p.opts, *p.secondary_opts)} | {"--help"}
            if word.split("=")[0] not in known:
                return f"{' '.join(words)}: {command.name} has no {word}"
        elif hasattr(command, "commands"):
            if word not in command.commands and hasattr(command, "unnamed"):
                command = command.commands[command.unnamed]
                continue
            if word not in command.commands:
                return f"{' '.join(words)}: {command.name} has no verb {word}"
            command = command.commands[word]
    return ""


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_every_verb_and_option_that_is_mentioned_exists(page: Path) -> None:
    wrong = [said for text in code(page) for words in mentioned(text) if (said := unknown(words))]
    assert not wrong


def options(command: Any) -> set[str]:
    own = {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
    return own.union(*(options(c) for c in getattr(command, "commands", {}).values()))


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_every_option_that_stands_alone_is_one_of_some_verb(page: Path) -> None:
    alone = {text.split()[0] for text in code(page) if re.match(r"--[a-z]", text)}
    assert alone <= options(APP) | {"--help"}


def test_a_verb_or_option_that_is_not_there_is_found() -> None:
    assert (
        unknown(["constitution", "lint", "a.yaml", "--mend"]) == "constitution lint a.yaml --mend: lint has no --mend"
    )
    assert unknown(["constitution", "sing"])
    assert not unknown(["constitution", "lint", "a.yaml", "--fix", "--format=json"])
    assert list(mentioned("solon run a.yaml --out b | solon serve")) == [["run", "a.yaml", "--out", "b"], ["serve"]]
    assert not list(mentioned("cp src/solon/recipes x; solon: a message; pip install 'solon[train]'"))


# --- links and tables ---------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives to a page's headings."""
    text = re.sub(r"^(`{3,}).*?^\1$", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    heads = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"^(`{3,}).*?^\1$", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name) if name else page
        assert file.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(file), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_a_table_of_the_library_is_the_library(page: Path) -> None:
    """A table whose first column is called constitution lists all of them, with their versions and sizes."""
    for head, body in re.findall(r"^(\| constitution \|.*)\n\|[-| ]+\n((?:\|.*\n?)+)", page.read_text(), re.M):
        columns = [cell.strip() for cell in head.strip("|").split("|")]
        rows = [[cell.strip(" `") for cell in row.strip("|").split("|")] for row in body.strip().split("\n")]
        assert [row[0] for row in rows] == list(library())
        for row in rows:
            law, said = load_constitution(row[0]), dict(zip(columns, row, strict=True))
            assert said.get("version", law.version) == law.version
            assert said.get("principles", str(len(law.principles))) == str(len(law.principles))


def test_the_requests_quoted_are_those_that_are_made() -> None:
    page = (ROOT / "docs" / "constitutions.md").read_text(encoding="utf-8")
    quoted = [" ".join(q.replace("\n> ", " ").split()) for q in re.findall(r"^> (.+(?:\n> .+)*)", page, re.M)]
    assert CRITIQUE.replace("{text}", "*text*") in quoted
    assert REVISION in quoted


def test_the_recipe_of_both_sides_is_one(tmp_path: Path) -> None:
    """The page's recipe loads as it stands, and with the kinds of the page's first snippet."""
    page = (ROOT / "docs" / "both-sides.md").read_text(encoding="utf-8")
    kinds, whole = re.findall(r"^```yaml\n(.*?)^```", page, re.M | re.S)
    (tmp_path / "recipe.yaml").write_text(whole)
    recipe = load_recipe(str(tmp_path / "recipe.yaml"))
    assert recipe.harm_kinds == ("red_team",)
    assert recipe.chain_kinds == ("red_team", "lookalike")
    assert recipe.rl_cai.constraint is not None
    assert (recipe.rl_cai.constraint.held, recipe.sl_cai.mix.samples) == ("helpful", 2)
    assert [one.aim for one in recipe.rl_cai.human] == ["helpful"]
    (tmp_path / "kinds.yaml").write_text(whole.replace(whole[whole.index("prompts:") : whole.index("roles:")], kinds))
    snippet = load_recipe(str(tmp_path / "kinds.yaml"))
    assert snippet.prompts["medical"].aims == ("helpful", "honest")
    assert snippet.prompts["lookalike"].share == 0.5
