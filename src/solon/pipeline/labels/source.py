"""What the file to be labelled holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice
from pathlib import Path

from solon.data.candidates import Candidates, load_candidates
from solon.data.formats import Row, read_pairs, recognise
from solon.data.formats.beside import unread
from solon.data.formats.known import told_by_columns
from solon.data.formats.read import unknown
from solon.data.formats.records import about, records
from solon.data.rows import BadRow, data_path
from solon.errors import DataError
from solon.types import Comparison

PROMPTS = "prompts"  # the format of files without pairs
LOOKED_AT = 20
# Columns of which each says that the file is meant to hold pairs: one that is broken is not answered anew.
OF_PAIRS = {"chosen", "rejected", "completion", "completions", "response_a", "response_b", "label"}
Item = Row | Candidates | BadRow


@dataclass(frozen=True, slots=True)
class Source:
    """A file's pairs, bare prompts (Candidates) and bad rows, in its order; `total` of them, 0 where nobody counted.

    `bare` says that there are prompts without responses, for which a model is needed that answers.
    """

    format: str
    items: Iterator[Item]
    total: int
    bare: bool = False


def open_source(name: str, format: str | None, limit: int | None) -> Source:
    """The first `limit` rows of a preference file in any known format, or of a prompt file with or without responses.

    Raises ConfigError where the file cannot be read, DataError where it holds neither.
    """
    path = data_path(name)
    told = PROMPTS if format == PROMPTS else _told(path, format)
    if told != PROMPTS:
        total = min(about(path), limit) if limit else about(path)
        return Source(told, islice(read_pairs(path, told), limit), total)
    found, bad = load_candidates(name)
    found = found[:limit]
    items = [*bad, *(item for one in found for item in _pairs(one))]
    return Source(PROMPTS, iter(items), len(items), any(not one.responses for one in found))


def _told(path: Path, format: str | None) -> str:
    """The format's name. Raises DataError where the file holds replies, but none that can be compared."""
    if format is not None:
        return format
    try:
        return recognise(path).name
    except DataError:
        rows = (item[1] for item in records(path) if not isinstance(item, BadRow))
        if (late := told_by_columns(rows)) is not None:
            return late.name
        return _prompts(path)


def _prompts(path: Path) -> str:
    """PROMPTS. Raises DataError where replies or labels stand beside the prompts, in any row of the file."""
    first = [item[1] for item in islice(records(path), LOOKED_AT) if not isinstance(item, BadRow)]
    found = unread(path)
    alone = told_by_columns(first, replies=True)
    if found and alone is not None:
        raise DataError(
            f"{path}: {alone.name} ({alone.columns}) holds one reply to each prompt, under {found}: nothing to compare "
            "it with; put a second one beside it (chosen and rejected, or responses), or say --format prompts to have "
            "the prompts answered anew"
        )
    if found:
        raise DataError(
            f"{path}: beside the prompt stand {found}: replies or labels, but {unknown(first[0])}; rename them, make "
            "them a list of texts under responses, or say --format prompts to have the prompts answered anew"
        )
    if not first or any(OF_PAIRS & set(record) for record in first):
        recognise(path)
    return PROMPTS


def _pairs(one: Candidates) -> list[Item]:
    """Every two of the responses; the prompt itself where there are none."""
    if not one.responses:
        return [one]
    pairs: list[Item] = []
    for (n, a), (m, b) in combinations(enumerate(one.responses, 1), 2):
        ended = (one.ended_at(n - 1), one.ended_at(m - 1))
        pairs.append(Row(compared(one, f"{one.id}:{n}-{m}", a, b, "responses", ended), extra=one.extra))
    return pairs


def compared(
    one: Candidates, name: str, a: str, b: str, source: str, ended: tuple[bool | None, bool | None]
) -> Comparison:
    """Two responses to a conversation; `ended` says whether each ended by itself, None where that is not known."""
    said = one.turns[-1].content
    return Comparison(name, one.id, said, a, b, source, context=one.turns[:-1], ended_a=ended[0], ended_b=ended[1])
