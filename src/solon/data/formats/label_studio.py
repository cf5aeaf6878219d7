"""Label Studio: exported tasks of pairwise comparison, {data: {prompt, answer1, answer2}, annotations: […]}.

What `data` calls prompt and replies is found as side-by-side files have it. P(A better) is the mean over annotators who
said something, a tie counting one half; a cancelled annotation says nothing. The annotations come along whole. Label
Studio's own CSV and JSON-MIN exports are flat: they are read as side-by-side.
"""

from __future__ import annotations

from typing import Any

from solon.data.formats.base import Format
from solon.data.formats.checks import Record, RowProblem, kind
from solon.data.formats.labels import better_of
from solon.data.formats.row import Row
from solon.data.formats.side_by_side import Columns, beside, columns_of, placed
from solon.data.formats.turns import asked, reply_of

DATA, ANNOTATIONS = "data", "annotations"
OURS = Columns("answer1", "answer2", prompts=("prompt",))
SELECTED = ("selected", "choices", "ranker")  # what the value of a result is called, by the kind of its tag
TASK = "task_"  # before columns of the task, where its data has one of that name


def _parse(record: Record) -> list[Row]:
    data = record.get(DATA)
    if not isinstance(data, dict):
        raise RowProblem(f"data is {kind(data)}, expected an object with a prompt and two replies")
    columns = columns_of(data)
    if columns is None:
        raise RowProblem("data holds no prompt with two replies side by side")
    found = asked(data, columns.prompts)
    texts = (reply_of(data.get(columns.a), columns.a), reply_of(data.get(columns.b), columns.b))
    outer = {name: value for name, value in record.items() if name != DATA}
    others = {f"{TASK}{name}" if name in data else name: value for name, value in outer.items()}
    said = _said(record.get(ANNOTATIONS), columns)
    prob = sum(said) / len(said) if said else None
    return [placed(data | found.more | others, (*found.own, columns.a, columns.b), found.turns, texts, prob)]


def _said(annotations: Any, columns: Columns) -> list[float]:
    """P(A better) of every annotation that says something."""
    if annotations is not None and not isinstance(annotations, list):
        raise RowProblem(f"annotations is {kind(annotations)}, expected a list")
    found = []
    for one in annotations or ():
        results = one.get("result") if isinstance(one, dict) and not one.get("was_cancelled") else None
        found += [p for result in results or () if (p := _of_result(result, columns)) is not None]
    return found


def _of_result(result: Any, columns: Columns) -> float | None:
    """What a result says of the two replies; None where it speaks of something else."""
    value = result.get("value") if isinstance(result, dict) else None
    name = next((name for name in SELECTED if isinstance(value, dict) and name in value), None)
    if name is None or not isinstance(value, dict):
        return None
    said = value[name]
    if isinstance(said, dict):
        said = said.get("rank")
    first = said[0] if isinstance(said, list) and said else said
    try:
        return better_of(first, f"annotations: {name}", columns.a, columns.b)
    except RowProblem:
        if result.get("type") == "pairwise":
            raise
        return None


def _render(row: Row) -> list[Record]:
    turns, given = row.comparison.turns, row.extra.get(ANNOTATIONS)
    columns = Columns("answer1", "answer2", ANNOTATIONS, prompts=("prompt",))
    extra = {name: value for name, value in row.extra.items() if name != ANNOTATIONS}
    prompt: Any = [turn.as_dict() for turn in turns]
    if row.prob_a is None:
        told: Any = []
    elif given and _agrees(given, row.prob_a):
        told = given
    else:
        told = [{"result": [_result(row.prob_a)]}]
    data = beside(Row(row.comparison, row.prob_a, extra), columns, told, prompt, (DATA,))
    data.pop(ANNOTATIONS, None)
    name = {"id": data.pop("id")} if "id" in data else {}
    return [name | {DATA: data, ANNOTATIONS: told}]


def _agrees(given: Any, prob: float) -> bool:
    said = _said(given, OURS) if isinstance(given, list) else []
    return bool(said) and abs(sum(said) / len(said) - prob) < 1e-9


def _result(prob: float) -> Record:
    """What the tag Pairwise gives; of a tie Label Studio has none, so that it is a choice."""
    about: Record = {"from_name": "comparison", "to_name": [OURS.a, OURS.b]}
    if prob == 0.5:
        return about | {"type": "choices", "value": {"choices": ["tie"]}}
    return about | {"type": "pairwise", "value": {"selected": "left" if prob > 0.5 else "right"}}


def _holds(record: Record) -> bool:
    data = record.get(DATA)
    return isinstance(data, dict) and columns_of(data) is not None


FORMAT = Format("label-studio", "data, annotations", _holds, _parse, _render)
