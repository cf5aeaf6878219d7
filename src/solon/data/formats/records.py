"""Files as records, whatever they are packed in. The bytes say what it is, not the name.

json_rows.py     an object a line, a list, `{"data": […]}`, pretty-printed objects
text_rows.py     CSV and TSV, and a prompt a line
column_rows.py   Parquet, Arrow (file, stream, Feather)
unpacking.py     gzip, bzip2, xz and zstd around any of them; UTF-16; the line ends of old Macs
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from solon.data.formats.base import Numbered, Records
from solon.data.formats.checks import Record
from solon.data.formats.column_rows import arrow_rows, columns_in, parquet_rows
from solon.data.formats.json_rows import is_whole, json_records
from solon.data.formats.rendered import is_told
from solon.data.formats.text_rows import CSV, PLAIN, csv_records, plain_records, table_in
from solon.data.formats.unpacking import BOM, HEAD, Torn, as_text, head_of, is_recoded, packed_as, unpacked
from solon.data.rows import PACKED, BadRow
from solon.errors import ConfigError, DataError

# What is no file of rows, by its first bytes, and the way out.
FOREIGN = (
    (b"PK\x03\x04", "a zip archive or a spreadsheet: unpack it, or save the sheet as CSV"),
    (b"%PDF", "a PDF: save its rows as JSON lines or CSV"),
    (b"SQLite format 3", "an SQLite database: export the table as CSV"),
    (b"version https://git-lfs", "a Git LFS pointer and not the data: run git lfs pull"),
    (b"<!DOCTYPE", "a web page: download the raw file"),
    (b"<!doctype", "a web page: download the raw file"),
    (b"<html", "a web page: download the raw file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it"),
    (b"\x89HDF", "HDF5: save its rows as Parquet or JSON lines"),
    (b"\x80\x04", "a Python pickle, which is not opened: save the rows as JSON lines"),
)


def records(path: Path) -> Records:
    """Every row of a file as (number from 1, record), or a BadRow that says why it is none.

    The number is that of the line, of the element in a JSON list, or of the row in a table. A record's null may be
    absent, as it always is where the file is a table. Raises ConfigError for a file that cannot be opened and DataError
    for one that is broken as a whole, or nothing that holds rows.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise ConfigError(f"{path} is a pipe or a device, which can be read only once: save it as a file")
        with closing(unpacked(path)) as stream:
            head = head_of(stream)
        if columnar := columns_in(head, _inner(path)):
            rows = _columns(path, columnar)
        else:
            _check_rows(path, head)
            rows = _text(path, head)
        for item in rows:
            yield item if isinstance(item, BadRow) else _opened(path, *item)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from None


# Columns that hold lists of messages, by their name: where one is text, it is a list that was written as JSON.
_OF_MESSAGES = (
    "messages",
    "conversations",
    "conversation",
    "conversation_a",
    "conversation_b",
    "prompt_turns",
    "turns",
)
_BY_PLACE = ("prompt", "response_a", "response_b")  # the Arena's: lists of texts, one for each round
_BESIDE = ("tools", "functions", "images", "image", "videos", "video", "audio", "audios")


def _opened(path: Path, number: int, record: Record) -> Numbered | BadRow:
    """The record with the lists of messages that it has as JSON; a BadRow where tools or images belong to its turns."""
    for name in _BESIDE:
        if name in record and _is_beside(record[name]):
            what = "tools" if name in _BESIDE[:2] else "images or sounds"
            why = f"column '{name}' gives its turns {what}, which turns of text cannot hold: take the column out"
            return BadRow(str(path), number, f"{why} if the texts stand by themselves")
    texts = {name: said for name in _OF_MESSAGES if isinstance(said := record.get(name), str)}
    found = {name: told for name, said in texts.items() if is_told(told := _of_json(said))}
    sides = {name: _of_json(record.get(name)) for name in ("chosen", "rejected")}
    if all(map(is_told, sides.values())):
        found |= sides
    rounds = [_of_json(record.get(name)) for name in _BY_PLACE]
    if all(isinstance(said, list) and said and all(isinstance(one, str | None) for one in said) for said in rounds):
        return _in_rounds(path, number, record | found, rounds)
    return number, record | found if found else record


def _is_beside(value: object) -> bool:
    if isinstance(value, str):
        return bool(value.strip()) and value.strip() not in ("[]", "{}", "null", "None")
    return isinstance(value, list | dict | bytes) and bool(value)


def _of_json(value: object) -> Any:
    """The list that a text is as JSON, or the value itself."""
    if not isinstance(value, str) or not value.lstrip().startswith("["):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _in_rounds(path: Path, number: int, record: Record, rounds: list[list[str | None]]) -> Numbered | BadRow:
    """The record of the Arena's lists: texts where there is one round, else two conversations."""
    if len({len(said) for said in rounds}) > 1 or any(one is None for said in rounds for one in said):
        return BadRow(str(path), number, "prompt, response_a and response_b are not lists of as many texts each")
    if len(rounds[0]) == 1:
        return number, record | {name: said[0] for name, said in zip(_BY_PLACE, rounds, strict=True)}
    others = {name: value for name, value in record.items() if name not in _BY_PLACE}
    for place, replies in zip("ab", rounds[1:], strict=True):
        said = zip(rounds[0], replies, strict=True)
        turns = [
            {"role": role, "content": text}
            for pair in said
            for role, text in zip(("user", "assistant"), pair, strict=True)
        ]
        others[f"conversation_{place}"] = turns
    return number, others


def kind_of(path: Path) -> str:
    """What the file holds: "parquet", "arrow", "text" or, where it cannot be looked into, ""."""
    try:
        with closing(unpacked(path)) as stream:
            head = head_of(stream, 64)
    except OSError:
        return ""
    return (columns_in(head, _inner(path)) or "text").partition(" ")[0]


def about(path: Path) -> int:
    """About how many rows there are, for a progress bar: counted where that is quick, else 0."""
    try:
        with path.open("rb") as handle:
            if packed_as(handle.read(10)):
                return 0
            held = kind_of(path)
            if held == "parquet":
                import pyarrow.parquet as pq

                return int(pq.read_metadata(path).num_rows)
            handle.seek(0)
            head = handle.read(HEAD)
            start = head.removeprefix(BOM).lstrip()
            if held != "text" or is_recoded(head) or start[:1] != b"{" or is_whole(head):
                return 0
            handle.seek(0)
            return 1 + sum(block.count(b"\n{") for block in iter(lambda: handle.read(1 << 20), b""))
    except (OSError, ValueError):  # Arrow's errors are ValueErrors; the reader says what is wrong
        return 0


@contextmanager
def _plain(path: Path) -> Iterator[Path | BinaryIO]:
    """The file where it is not packed, else what is in it on the disk: tables are read from their end."""
    with path.open("rb") as handle:
        if not packed_as(handle.read(10)):
            yield path
            return
    with closing(unpacked(path)) as stream, tempfile.TemporaryFile() as copy:
        try:
            while piece := stream.read(1 << 20):
                copy.write(piece)
        except Torn as error:
            raise DataError(f"{path}: {error}") from None
        copy.seek(0)
        yield cast(BinaryIO, copy)


def _columns(path: Path, columnar: str) -> Records:
    with _plain(path) as source:
        yield from parquet_rows(path, source) if columnar == "parquet" else arrow_rows(path, source, columnar)


def _text(path: Path, head: bytes) -> Records:
    with closing(as_text(unpacked(path), head)) as stream:
        if is_recoded(head):
            with closing(as_text(unpacked(path), head)) as again:
                head = head_of(again)
        told = table_in(head, _inner(path))
        if told == PLAIN:
            yield from plain_records(path, stream)
        elif told:
            yield from csv_records(path, stream, told.removeprefix(CSV))
        else:
            yield from json_records(path, stream, head)


def _inner(path: Path) -> str:
    """The ending of the name without that of the archive, in small letters: .txt of prompts.TXT.gz."""
    inner = path.with_suffix("") if path.suffix.lower() in PACKED else path
    return inner.suffix.lower()


def _check_rows(path: Path, head: bytes) -> None:
    """Raises DataError for what cannot hold rows, with the way out."""
    start = head.removeprefix(BOM).lstrip()
    told = next((why for magic, why in FOREIGN if start.startswith(magic)), None)
    if told is None and head[257:262] == b"ustar":
        told = "a tar archive: unpack it"
    if told is None and (again := packed_as(head)):
        told = f"packed twice, with {again} inside: unpack it once"
    if told:
        raise DataError(f"{path}: this is {told}")
