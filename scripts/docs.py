"""Runs the commands that the documentation shows and puts below each what it printed.

    python scripts/docs.py                   rewrite docs/*.md
    python scripts/docs.py --check           change nothing; exit 1 with a diff of what a page gets wrong
    python scripts/docs.py --only NAME       docs/NAME.md alone
    python scripts/docs.py --live            the blocks that need a real model, too
    python scripts/docs.py --link FILE …     put links to these, such as a model's weights, into the workspace
    python scripts/docs.py --keep FILE …     copy these from the workspace to the page's folder at the end

A fenced block that opens with ```console holds commands, in lines that begin with `$ ` (a line that ends in a
backslash goes on in the next), and below each its output, which is replaced; where the exit code is not 0 it
stands in a last line, `exit code 2`. A block that opens with

    ```console live               needs a real model: it stays as it is unless --live is given
    ```console live makes a.yaml  does, and --live keeps these files as the block leaves them in the page's
                                  folder; without --live, later blocks find them from there
    ```console skip               is never run

All blocks of a page run in order in one temporary workspace, each command in a shell of its own. It is empty,
or a copy of the folder (less runs/; links stay links) that one of the page's first lines names:

    <!-- workspace: docs/walkthrough -->

What is written differs from what was printed in two things: spaces at line ends are cut, and the paths of the
workspace and of the package are written /path/to. Dates, durations and memory differ from run to run: where nothing
else (but the spaces that line them up) differs from what a page holds, the page stays as it is.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import solon

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"(?P<fence>`{3,})console(?: (?P<how>live|skip))?(?: makes (?P<makes>\S.*))?")
WORKSPACE = re.compile(r"<!-- workspace: (\S+) -->")
CRASH = "Traceback (most recent call last):"  # never documentation
HEAD = 10  # lines in which a page may name its workspace
DAY = r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
TIME = r"\d+ d \d+ h|\d+ h \d+ min|\d+ min \d+ s|\d[\d,]*(?:\.\d+)? (?:ms|s|min|h)|under a second"
VOLATILE = re.compile(rf"\b(?:{DAY}|{TIME}|\d[\d,.]* [KMG]iB)(?!\w)")
TERMINAL = {"COLUMNS": "96", "NO_COLOR": "1", "TERM": "dumb", "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
# They make programs believe that somebody watches in colour.
UNSET = {"FORCE_COLOR", "CLICOLOR_FORCE", "PY_COLORS", "GITHUB_ACTIONS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}


@dataclass(frozen=True, slots=True)
class Block:
    """The lines from `start` up to `stop` of a page, between two fences; `how` is "", live or skip."""

    start: int
    stop: int
    fence: str
    how: str
    makes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Workspace:
    """A temporary folder in which the commands of a page run; `source` is what it is a copy of."""

    folder: Path
    source: Path | None

    def run(self, command: str) -> list[str]:
        """The lines that a terminal would show below the command."""
        environment = {name: value for name, value in os.environ.items() if name not in UNSET} | TERMINAL
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        text = done.stdout.decode("utf-8", "replace").rstrip()
        for path in (self.folder.resolve(), self.folder, Path(solon.__file__).parent):
            text = text.replace(str(path), "/path/to")
        printed = [line.rstrip() for line in text.split("\n")] if text else []
        return printed + ([f"exit code {done.returncode}"] if done.returncode else [])

    def fetch(self, files: Sequence[str]) -> None:
        """Copy files from the page's folder."""
        for file in files:
            if self.source and (self.source / file).exists():
                _copy(self.source / file, self.folder / file)

    def keep(self, files: Sequence[str]) -> None:
        """Copy files to the page's folder."""
        for file in files:
            if self.source is None:
                raise SystemExit(f"docs: {file} cannot be kept: the page names no workspace")
            _copy(self.folder / file, self.source / file)


def rewritten(page: Path, live: bool = False, keep: Sequence[str] | None = None, link: Sequence[Path] = ()) -> str:
    """The page with what its commands print. With `keep`, these files and those of live blocks are kept."""
    lines = page.read_text(encoding="utf-8").split("\n")
    blocks = list(_blocks(page, lines))
    named = next((found[1] for line in lines[:HEAD] if (found := WORKSPACE.search(line))), None)
    with tempfile.TemporaryDirectory() as temporary:
        space = Workspace(Path(temporary) / "work", ROOT / named if named else None)
        if space.source:
            shutil.copytree(space.source, space.folder, symlinks=True, ignore=shutil.ignore_patterns("runs"))
        space.folder.mkdir(exist_ok=True)
        for made in (name for block in blocks for name in block.makes):
            (space.folder / made).unlink(missing_ok=True)
        for file in link:
            (space.folder / file.name).symlink_to(file.resolve(strict=True))
        page_lines: list[str] = []
        done = 0
        for block in blocks:
            page_lines += lines[done : block.start]
            held, done = lines[block.start : block.stop], block.stop
            if block.how == "skip" or (block.how == "live" and not live):
                space.fetch(block.makes)
                page_lines += held
            else:
                page_lines += _answered(page, block, held, space)
                space.keep(block.makes if keep is not None else ())
        space.keep(keep or ())
    return "\n".join(page_lines + lines[done:])


def _blocks(page: Path, lines: Sequence[str]) -> Iterator[Block]:
    start, fence = 0, ""
    for number, line in enumerate(lines):
        if fence and line == fence:
            if opened := FENCE.fullmatch(lines[start - 1]):
                yield Block(start, number, fence, opened["how"] or "", tuple((opened["makes"] or "").split()))
            elif lines[start - 1].startswith(f"{fence}console"):
                raise SystemExit(f"docs: {page}:{start}: {lines[start - 1]}: console, console live or console skip?")
            fence = ""
        elif not fence and (opening := re.match("`{3,}", line)):
            start, fence = number + 1, opening[0]
        elif not fence and re.match(r"\s+`{3,}console", line):
            raise SystemExit(f"docs: {page}:{number + 1}: a block of commands must not be indented")
    if fence:
        raise SystemExit(f"docs: {page}:{start}: the block is not closed")


def _answered(page: Path, block: Block, held: Sequence[str], space: Workspace) -> list[str]:
    """The block's commands, each with what it prints; as held where only dates, durations and memory differ."""
    lines: list[str] = []
    for typed, before in _commands(page, block, held):
        print(f"{page.name}: {typed[0]}", file=sys.stderr)
        printed = space.run("\n".join(typed).removeprefix("$ "))
        if CRASH in printed:
            raise SystemExit(f"docs: {page}:{block.start}: {typed[0]!r} crashes:\n" + "\n".join(printed))
        if bad := next((line for line in printed if line.startswith(("$ ", block.fence))), None):
            raise SystemExit(f"docs: {page}:{block.start}: prints {bad!r}, which does not fit in the block")
        lines += [*typed, *(before if _stable(before) == _stable(printed) else printed)]
    return lines


def _commands(page: Path, block: Block, held: Sequence[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Each command as typed, and the lines below it."""
    if held and not held[0].startswith("$ "):
        raise SystemExit(f"docs: {page}:{block.start + 1}: a block of commands begins with one, as in `$ solon --help`")
    starts = [number for number, line in enumerate(held) if line.startswith("$ ")]
    for start, stop in zip(starts, [*starts[1:], len(held)], strict=True):
        body = start + 1
        while body < stop and held[body - 1].endswith("\\"):
            body += 1
        yield list(held[start:body]), list(held[body:stop])


def _stable(lines: Sequence[str]) -> str:
    """The lines less what differs from run to run."""
    text = "\n".join(lines)
    masked = VOLATILE.sub("…", text)
    return text if masked == text else re.sub(r"(?<=\S) +", " ", masked)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the commands in the documentation.")
    parser.add_argument("pages", nargs="*", type=Path, help="Markdown files; by default docs/*.md")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 with a diff")
    parser.add_argument("--live", action="store_true", help="run blocks that need a real model")
    parser.add_argument("--only", metavar="NAME", help="docs/NAME.md alone")
    parser.add_argument("--keep", nargs="+", default=[], metavar="FILE", help="copy these to the page's folder")
    parser.add_argument(
        "--link", nargs="+", type=Path, default=[], metavar="FILE", help="link these into the workspace"
    )
    asked = parser.parse_args()
    pages = asked.pages or sorted((ROOT / "docs").glob("*.md"))
    wrong = False
    for page in [page for page in pages if asked.only in (None, page.stem)]:
        old = page.read_text(encoding="utf-8")
        new = rewritten(page, asked.live, None if asked.check else asked.keep, asked.link)
        wrong |= new != old
        if asked.check:
            lines = difflib.unified_diff(old.split("\n"), new.split("\n"), str(page), f"{page} as run", lineterm="")
            print("".join(f"{line}\n" for line in lines), end="")
        elif new != old:
            page.write_text(new, encoding="utf-8")
            print(f"{page} rewritten")
    sys.exit(wrong and asked.check)


if __name__ == "__main__":
    main()
