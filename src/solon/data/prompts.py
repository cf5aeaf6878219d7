"""Prompt files, in any container that files of pairs come in; a bad row is quarantined, never guessed at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from solon.data.formats.beside import replies_in, texts_in
from solon.data.formats.checks import Record, RowProblem, identity
from solon.data.formats.conversation import Conversation, conversation_of, own_reply
from solon.data.formats.records import records
from solon.data.repeats import conversation_key, group_names, near_key
from solon.data.rows import BadRow, data_path
from solon.data.twins import Named, components, families
from solon.errors import ConfigError, DataError
from solon.types import Prompt, digest, fraction

MAX_CHARS = 100_000
HELD_OUT = 1 / 3  # of the texts whose rows name no side
# How files name the side of a row.
SIDES = {"train": "train", "heldout": "heldout", "test": "heldout", "validation": "heldout"}
_SAID = ("id", "split")  # columns that a prompt's own fields say: they do not ride along


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A file of prompts and their kind ("": each row's own `kind`, or else the file's name).

    With `only` (field, value) the rows with another value there are passed over. With `drafts` the reply that a row has
    becomes the prompt's draft; without, replies are not used, which is said.
    """

    name: str
    kind: str = ""
    only: tuple[str, str] | None = None
    drafts: bool = False

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"prompts.{self.kind or data_path(self.name).stem}"


@dataclass(frozen=True, slots=True)
class Repeats:
    """What was found twice among some prompts: numbers of rows.

    repeated   rows set aside because an earlier one says the same
    both       rows set aside because train and held-out would share them: a text that is said to be in both, or one to
               train on that nearly repeats a held-out one
    near       prompts kept that nearly repeat others; `groups` of them, each on one side of the split
    """

    repeated: int = 0
    both: int = 0
    near: int = 0
    groups: int = 0


@dataclass(frozen=True, slots=True)
class PromptSets:
    """The prompts of several files by kind, the rows that were set aside, and what was found twice.

    `lines` has the line of each prompt that is kept, by its kind and id, and `extras` its other columns, where they
    were asked for. `notes` are what a user has to know of files that were read: replies in them that are not used.
    """

    prompts: dict[str, list[Prompt]]
    bad: list[BadRow]
    repeats: Repeats
    lines: dict[tuple[str, str], int] = field(default_factory=dict)
    extras: dict[tuple[str, str], Record] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PromptRow:
    """A usable row: where it stands, what it says in short (`near`: without system turns), its side where it names one
    ("" else), what it says of its twins, and the name that it shares with them, once that is known. `kind` is what the
    row itself says, `replies` the columns with replies that are not used, `texts` those with other texts, `extra` the
    other columns if they are kept.
    """

    prompt: Prompt
    file: str
    line: int
    key: str
    near: str
    side: str
    twins: Named
    kind: str = ""
    replies: tuple[str, ...] = ()
    extra: Record = field(default_factory=dict)
    pair: str = ""
    texts: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.file}:{self.line} ({self.prompt.kind})"


def load_prompts(name: str, kind: str, area: str = "area") -> tuple[list[Prompt], list[BadRow]]:
    """The prompts of a file, and the rows that were set aside: `load_prompt_sets` of one kind."""
    sets = load_prompt_sets({kind: name}, area)
    return sets.prompts[kind], sets.bad


def load_prompt_sets(named: Mapping[str, str], area: str = "area", drafted: Collection[str] = ()) -> PromptSets:
    """`load_prompt_files` of one file for each kind; of those `drafted` with the replies of their rows as drafts."""
    return load_prompt_files([PromptFile(name, kind, drafts=kind in drafted) for kind, name in named.items()], area)


def load_prompt_files(given: Sequence[PromptFile], area: str = "area", *, extras: bool = False) -> PromptSets:
    """The prompts of files by kind, told apart by what they say over all kinds together.

    A row says a conversation (solon.data.formats.conversation), and optionally `id`, `area` (or the field named by
    `area`), `split` ("train", or "heldout", "test", "validation"), `pair` (a name that twins share) and `twin_of` (the
    `id` of its twin). Files are of any kind that solon.data.formats.records reads. A null is as if the field were not
    there. With `extras` other columns are kept.
    - Of rows with the same normalised text the first is kept, at the side that any of them names.
    - Rows that name no side: that of a twin that names one; else about every third text is held out, by hash of the
      text, twins together.
    - Near-repeats of each other (solon.data.repeats) are on the same side.
    - A text that rows name both sides for is set aside, as is one to train on that nearly repeats a held-out one.

    Raises ConfigError when a file cannot be read and DataError when one has no usable row.
    """
    bad: list[BadRow] = []
    files = [str(data_path(one.name)) for one in given]
    rows: list[PromptRow] = []
    for one in given:
        for row in read_prompts(one, area, extras=extras):
            (bad if isinstance(row, BadRow) else rows).append(row)  # type: ignore[arg-type]
    unequal, repeated, disputed = _without_repeats(rows)
    pairs = families([(row.twins, row.key) for row in rows])
    sides, crossing, near, groups = _sides([(n, replace(row, pair=pairs[n])) for n, row in unequal])
    aside = {**repeated, **disputed, **crossing}
    bad += [BadRow(row.file, row.line, aside[n]) for n, row in enumerate(rows) if n in aside]
    bad.sort(key=lambda one: (files.index(one.file), one.line))
    prompts: dict[str, list[Prompt]] = {one.kind: [] for one in given if one.kind}
    kept = [(row, pairs[n]) for n, row in enumerate(rows) if n not in aside]
    for row, pair in kept:
        prompts.setdefault(row.prompt.kind, []).append(replace(row.prompt, split=sides[row.key], pair=pair))
    used = {row.file for row, _ in kept}
    for one, path in zip(given, files, strict=True):
        if path not in used or (one.kind and not prompts[one.kind]):
            raise DataError(_unusable(one, path, bad))
    lines = {(row.prompt.kind, row.prompt.id): row.line for row, _ in kept}
    others = {(row.prompt.kind, row.prompt.id): row.extra for row, _ in kept} if extras else {}
    found = Repeats(len(repeated), len(disputed) + len(crossing), near, groups)
    return PromptSets(prompts, bad, found, lines, others, _notes([row for row, _ in kept]))


def _notes(rows: Sequence[PromptRow]) -> list[str]:
    """By file, the replies and other texts that its rows have and that nobody uses."""
    said = {
        "replies": "prompts are answered anew; the file's own replies or labels under {} are not used",
        "texts": "texts under {} are no part of the prompts: give them as context where they are",
    }
    notes: list[str] = []
    for kind, note in said.items():
        columns: dict[str, Counter[str]] = {}
        for row in rows:
            columns.setdefault(row.file, Counter()).update(getattr(row, kind))
        notes += [
            f"{file}: {note.format(', '.join(sorted(found)))} (up to {max(found.values()):,} rows)"
            for file, found in columns.items()
            if found
        ]
    return notes


def _unusable(one: PromptFile, path: str, bad: Sequence[BadRow]) -> str:
    """Why a file gave no prompt, in one line."""
    first = next((row for row in bad if row.file == path), None)
    none = f" (none whose {one.only[0]} is {one.only[1]})" if one.only else " (the file is empty)"
    return f"{one.label}: {path} has no usable row{f'; line {first.line}: {first.reason}' if first else none}"


def read_prompts(one: PromptFile, area: str = "area", *, extras: bool = False) -> Iterator[PromptRow | BadRow]:
    """The rows of a file that hold a prompt, and the others, in their order: what every verb reads prompts with."""
    path = data_path(one.name)
    texts: dict[str, str] = {}
    for found in _records(one, path):
        if isinstance(found, BadRow):
            yield found
            continue
        number, row = found
        if one.only and str(row.get(one.only[0])) != one.only[1]:
            continue
        try:
            said = conversation_of(row)
            prompt = _prompt(row, said, one.kind or _kind(row) or path.stem, area)
            key = conversation_key(prompt.turns, prompt.later)
            if texts.setdefault(prompt.id, key) != key:
                raise RowProblem(f"duplicate id '{prompt.id[:80]}'")
        except RowProblem as problem:
            yield BadRow(str(path), number, str(problem))
            continue
        yield PromptRow(
            replace(prompt, draft=own_reply(row, said)) if one.drafts else prompt,
            str(path),
            number,
            key,
            near_key(prompt.turns, prompt.later) if prompt.context or prompt.later else key,
            prompt.split,
            Named.of(row),
            _kind(row),
            () if one.drafts else tuple(name for name in replies_in(row, said) if name != area),
            {name: value for name, value in row.items() if name not in (*said.columns, *_SAID)} if extras else {},
            texts=tuple(name for name in texts_in(row, said) if name != area),
        )


def _records(one: PromptFile, path: Path) -> Iterator[tuple[int, dict[str, Any]] | BadRow]:
    """What the file holds, whatever it is packed in. Raises ConfigError, naming the file's setting."""
    try:
        yield from records(path)
    except ConfigError as error:
        raise ConfigError(f"{one.label}: {error}") from None
    except DataError as error:
        raise DataError(f"{one.label}: {error}") from None


def _kind(row: Record) -> str:
    """The kind that a row says it is of; "" of one that does not."""
    said = row.get("kind")
    return said if isinstance(said, str) else ""


def _without_repeats(rows: Sequence[PromptRow]) -> tuple[list[tuple[int, PromptRow]], dict[int, str], dict[int, str]]:
    """Rows that say different things, with their numbers; and why the others are set aside, by number: because they
    repeat an earlier one, or because rows with that text name both sides."""
    by_text: dict[str, list[int]] = {}
    for n, row in enumerate(rows):
        by_text.setdefault(row.key, []).append(n)
    kept: list[tuple[int, PromptRow]] = []
    repeated: dict[int, str] = {}
    disputed: dict[int, str] = {}
    for numbers in by_text.values():
        named = {side: row for row in map(rows.__getitem__, reversed(numbers)) if (side := row.side)}
        first = rows[numbers[0]]
        if len(named) > 1:
            places = f"in train at {named['train']} and in heldout at {named['heldout']}"
            disputed |= dict.fromkeys(numbers, f"split: the same text is {places}; it can be in one")
            continue
        repeated |= dict.fromkeys(numbers[1:], f"repeats {first}")
        kept.append((numbers[0], replace(first, side=next(iter(named), ""))))
    return kept, repeated, disputed


def _sides(rows: Sequence[tuple[int, PromptRow]]) -> tuple[dict[str, str], dict[int, str], int, int]:
    """The side of each text; the rows that must go, by number with the reason; how many near-repeats are kept, in how
    many groups."""
    names = group_names(sorted({row.near for _, row in rows}))
    groups: dict[str, list[tuple[int, PromptRow]]] = {}
    for n, row in rows:
        groups.setdefault(names[row.near], []).append((n, row))
    drawn = _drawn(groups)
    sides: dict[str, str] = {}
    crossing: dict[int, str] = {}
    near = several = 0
    for name, members in groups.items():
        named = {row.side for _, row in members if row.side}
        side = "heldout" if "heldout" in named else next(iter(named), "") or drawn[name]
        if len(named) > 1:
            twin = next(row for _, row in members if row.side == side)
            going = [n for n, row in members if row.side == "train"]
            crossing |= dict.fromkeys(going, f"split: nearly repeats {twin}, which is held out, or another that does")
            members = [(n, row) for n, row in members if n not in crossing]
        sides |= {row.key: side for _, row in members}
        if len(members) > 1:
            near, several = near + len(members), several + 1
    return sides, crossing, near, several


def _drawn(groups: Mapping[str, Sequence[tuple[int, PromptRow]]]) -> dict[str, str]:
    """The side of each group of near-repeats whose rows name none: one for all groups that twins join, which a row
    among them names (held out, where rows name both), else by hash of the first of their names."""
    links = [[("group", name), *(("pair", row.pair) for _, row in rows if row.pair)] for name, rows in groups.items()]
    joined = components(links)
    members: dict[str, list[str]] = {}
    for name in groups:
        members.setdefault(joined["group", name], []).append(name)
    sides: dict[str, str] = {}
    for names in members.values():
        said = {row.side for name in names for _, row in groups[name]} - {""}
        side = "heldout" if "heldout" in said else next(iter(said), "") or _side_of(min(names))
        sides |= dict.fromkeys(names, side)
    return sides


def _side_of(name: str) -> str:
    return "heldout" if fraction(["split", name]) < HELD_OUT else "train"


def _prompt(row: Record, said: Conversation, kind: str, area: str) -> Prompt:
    """The row's prompt. Raises RowProblem."""
    size = sum(len(text) for text in (*(turn.content for turn in said.turns), *said.later))
    if size > MAX_CHARS:
        raise RowProblem(f"the prompt has {size:,} characters, the limit is {MAX_CHARS:,}")
    named = "" if row.get("id") == "" else identity(row, "id").strip()
    if not named.isprintable():
        raise RowProblem("id holds a control character")
    side = row.get("split")
    if side is not None and (not isinstance(side, str) or side not in SIDES):
        raise RowProblem(f"split is '{side}', expected one of {', '.join(SIDES)}")
    *before, last = said.turns
    content: Any = last.content
    if before or said.later:
        content = [[turn.as_dict() for turn in said.turns], list(said.later)]
    return Prompt(
        id=named or f"{kind}-{digest(content)[:12]}",
        text=last.content,
        kind=kind,
        area=str(row.get(area) or ""),
        split=SIDES[side] if side else "",
        context=tuple(before),
        later=said.later,
    )


def split(prompts: Sequence[Prompt], which: str) -> list[Prompt]:
    return [p for p in prompts if p.split == which]
