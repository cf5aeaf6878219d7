"""Writes the table of docs/forms.md from what round trips give: every form × read, written, loss.

    python scripts/forms.py            rewrite the table
    python scripts/forms.py --check    change nothing; exit 1 where the page is not what the round trips give

Each form that is written gets rows that need one thing more than a plain pair (or reply) each; they are written, read
back and compared. Each form that is only read gets a record, and every text in it is looked for in what was read.
"""

from __future__ import annotations

import argparse
import datetime
import decimal
import json
import math
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from solon.data.formats import Reply, Row, load_pairs
from solon.data.formats.base import Format
from solon.data.formats.known import FORMATS
from solon.data.formats.read import ReplyFile
from solon.data.formats.write import write_rows
from solon.data.rows import BadRow
from solon.data.tables import read_rows
from solon.errors import DataError
from solon.types import Comparison, assistant, system, user

PAGE = Path(__file__).resolve().parents[1] / "docs" / "forms.md"
BEGIN, END = "<!-- made by scripts/forms.py -->", "<!-- end -->"

TALK = (user("Hi"), assistant("Hello"))
PLAIN = Comparison("one", "ask", "Is it raining?", "Look outside.", "No.", "file")
PAIRS = {
    "a plain pair": Row(PLAIN, 1.0),
    "turns before the prompt": Row(replace(PLAIN, context=TALK), 0.0),
    "a system prompt": Row(replace(PLAIN, context=(system("Be kind."),)), 0.0),
    "ties": Row(PLAIN, 0.5),
    "soft labels": Row(PLAIN, 0.25),
    "pairs without a label": Row(PLAIN, None),
    "which reply was cut off": Row(replace(PLAIN, ended_a=True, ended_b=False), 1.0),
    "which reply is a revision": Row(replace(PLAIN, revised="No."), 1.0),
    "other columns": Row(PLAIN, 1.0, {"topic": "weather", "n": [1, None, {"x": 0.5}], "empty": {}}),
}
ANSWER = Reply(TALK[:1], "Hello")
REPLIES = {
    "a plain reply": ANSWER,
    "turns before the prompt": replace(ANSWER, turns=(*TALK, user("Bye"))),
    "a system prompt": replace(ANSWER, turns=(system("Be kind."), *TALK[:1])),
    "which reply was cut off": replace(ANSWER, ended=False, extra={"ended": False}),
    "turns after the last reply": replace(ANSWER, after=(user("Bye"),)),
    "other columns": replace(ANSWER, extra={"topic": "weather", "n": [1, None, {"x": 0.5}], "empty": {}}),
}
# Records of the forms that are only read; "text …" is what each must give.
RECORDS: dict[str, dict[str, Any]] = {
    "ultrafeedback-raw": {
        "instruction": "text 1",
        "completions": [{"response": f"text {n}", "overall_score": n, "model": f"text m{n}"} for n in (2, 3, 4)],
    },
    "responses": {"prompt": "text 1", "responses": ["text 2", "text 3", "text 4"], "ratings": [1, 2, 5]},
    "llmbar": {"input": "text 1", "output_1": "text 2", "output_2": "text 3", "label": 1},
    "hhh-eval": {"input": "text 1", "target_scores": {"text 2": 1, "text 3": 0}},
    "shp": {"history": "text 1", "human_ref_A": "text 2", "human_ref_B": "text 3", "labels": 1},
    "chatbot-arena": {
        f"conversation_{place}": [{"role": "user", "content": "text 1"}, {"role": "assistant", "content": f"text {n}"}]
        for place, n in (("a", 2), ("b", 3))
    }
    | {"winner": "tie", "model_a": "text 4"},
    "preferred": {"question": "text 1", "preferred": "text 2", "other": "text 3", "judge": "text 4"},
    "side-by-side": {
        "prompt": "text 1",
        "answer1": "text 2",
        "answer2": "text 3",
        "comparison": "left",
        "by": "text 4",
    },
}
NOW = datetime.datetime(2024, 5, 6, 7, 8, tzinfo=datetime.UTC)
COLUMNS: dict[str, Sequence[Any]] = {
    "dates and times": (NOW,),
    "decimals": (decimal.Decimal("1.10"),),
    "bytes": (b"\x00\xff",),
    "NaN": (math.nan,),
    "infinite numbers": (math.inf,),
    "null": (None, "text"),
    "objects without a field": ({},),
    "objects of different fields": ({"x": 1}, {"y": 2}),
    "lists, empty ones too": ([], [1, 2]),
    "several types in one column": (1, "one"),
}


def table(folder: Path) -> str:
    """The page's tables, in Markdown."""
    lines = ["| form | a row | read | written | loss |", "|---|---|---|---|---|"]
    for format in FORMATS.values():
        if ":" not in format.name:
            cells = (f"`{format.name}`", _columns(format), _read(format), _written(format), _loss(format, folder))
            lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| a column of | JSON lines | Parquet |", "|---|---|---|"]
    for name, values in COLUMNS.items():
        kept = [_container(values, folder / f"f{ending}") for ending in (".jsonl", ".parquet")]
        lines.append(f"| {name} | {' | '.join(kept)} |")
    return "\n".join(lines)


def _columns(format: Format) -> str:
    shapes = []
    for shape in format.columns.split("; "):
        columns, _, kind = shape.partition(" as ")
        said = ", ".join(f"`{name}`" for name in columns.split(", "))
        shapes.append(f"{said} as {kind}" if kind else said)
    return "; or ".join(shapes)


def _read(format: Format) -> str:
    if format.parse is None:
        return "single replies" if format.reply else "as prompts"
    return "pairs, single replies" if format.reply else "pairs"


def _written(format: Format) -> str:
    if format.distinct:
        return "prompts"
    if format.render or format.together:
        return "pairs, single replies" if format.render_reply else "pairs"
    return "single replies" if format.render_reply else "no"


def _loss(format: Format, folder: Path) -> str:
    if format.distinct:
        return format.loss
    if format.name in RECORDS:
        return _not_read(format, folder)
    lost = []
    if format.parse:
        lost += [name for name, row in PAIRS.items() if not _comes_back(row, format, folder)]
    if format.render_reply:
        given = (
            REPLIES if format.parse is None else {n: replace(r, good=True) for n, r in REPLIES.items() if not r.after}
        )
        lost += [name for name, reply in given.items() if not _comes_back(reply, format, folder)]
    return ", ".join(dict.fromkeys(lost)) or "none"


def _comes_back(row: Row | Reply, format: Format, folder: Path) -> bool:
    """Whether the row is the same when it was written and read again; it is not where it was set aside."""
    path = folder / "round.jsonl"
    try:
        write_rows(path, [row], format, format.name)
        if isinstance(row, Row):
            (back,), bad = load_pairs(path, format.name)
            extra = {name: back.extra.get(name) for name in row.extra}
            same = (back.comparison, back.prob_a, extra) == (row.comparison, row.prob_a, row.extra)
            return same and not bad
        return list(ReplyFile(path, format)) == [row]
    except DataError:
        return False


def _not_read(format: Format, folder: Path) -> str:
    """The texts of the record that the rows do not hold."""
    path = folder / "read.jsonl"
    path.write_text(json.dumps(RECORDS[format.name]) + "\n")
    rows, bad = load_pairs(path)
    assert not bad, format.name
    found = repr([(row.comparison, row.extra) for row in rows])
    missing = [column for column, value in RECORDS[format.name].items() if any(t not in found for t in _texts(value))]
    return ", ".join(f"`{column}` in part" for column in missing) or "none"


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if value.startswith("text") else []
    if isinstance(value, dict):
        return [text for pair in value.items() for one in pair for text in _texts(one)]
    return [text for one in value for text in _texts(one)] if isinstance(value, list) else []


def _container(values: Sequence[Any], path: Path) -> str:
    """What becomes of a column with these values."""
    rows: list[Row | Reply | BadRow] = [
        Row(replace(PLAIN, id=str(n)), 1.0, {"x": value}) for n, value in enumerate(values)
    ]
    try:
        done = write_rows(path, rows, FORMATS["trl"], "trl")
    except DataError:
        return "refused, naming the column"
    if done.changed:
        return ", ".join(_short(what) for what in done.changed)
    read = read_rows(path) if path.suffix == ".parquet" else map(json.loads, path.read_text().splitlines())
    back = [row.get("x") for row in read]
    return "kept" if repr(back) == repr(list(values)) else "fields that an object lacks are null"


def _short(what: str) -> str:
    return "null, said" if "null" in what else "text, said"


def page() -> str:
    """The page as it should be."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    with tempfile.TemporaryDirectory() as folder:
        return f"{before}{BEGIN}\n{table(Path(folder))}\n{END}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    made = page()
    if parser.parse_args().check:
        return int(made != PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
