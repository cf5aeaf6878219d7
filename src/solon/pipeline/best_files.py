"""Best-of-n picks on disk as they come, and what they come to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from solon.data.preferences import preference_row, preference_schema
from solon.data.publishing import published
from solon.data.rows import BadRow
from solon.data.sft import row
from solon.data.tables import RowWriter
from solon.feedback.best_of_n import Ranked, effect
from solon.files import sha256_file, write_atomic, write_json
from solon.pipeline.best import Picked
from solon.types import Preference

BEST = "best.jsonl"
PAIRS = "pairs.parquet"
RESPONSES = "responses.jsonl"
SUMMARY = "best.json"
QUARANTINE = "quarantine.jsonl"


@contextmanager
def best_files(folder: Path) -> Iterator[Callable[[Picked], None]]:
    """A function that writes what came of one prompt to the files of `folder`, which appear when the block ends well.

    BEST has the picks as TRL's prompt and completion, PAIRS the best against the worst as a labelled preference, and
    RESPONSES every prompt with all its answers and their scores: one that failed says why, and the file can be given
    back to be ranked by another judge.
    """
    with (
        published(folder / BEST) as best,
        RowWriter(folder / PAIRS, preference_schema()) as pairs,
        published(folder / RESPONSES) as responses,
    ):

        def take(picked: Picked) -> None:
            responses.write(_line(_responses_row(picked)))
            if picked.failure is None:
                best.write(_line(_best_row(picked)))
                label = best_against_worst(picked)
                pairs.append([preference_row(label)] if label else [])

        yield take


def best_against_worst(picked: Picked) -> Preference | None:
    """Their own label, which the round robin may contradict; None where it failed or all answers are equal."""
    assert picked.ranking is not None
    label = picked.ranking.between(picked.ranking.best, picked.ranking.worst)
    if not isinstance(label, Preference):
        return None
    ends, pair = {answer.text: answer.ended for answer in picked.answers}, label.comparison
    return replace(label, comparison=replace(pair, ended_a=ends[pair.response_a], ended_b=ends[pair.response_b]))


def _best_row(picked: Picked) -> dict[str, Any]:
    best = picked.best
    columns = row(picked.asked.turns, best.text, "best_of_n", picked.asked.id, not best.truncated)
    return _with_others({**columns, "score": picked.score, "n": len(picked.answers)}, picked)


def _responses_row(picked: Picked) -> dict[str, Any]:
    ranking, gold = picked.ranking, picked.gold
    own = {
        "id": picked.asked.id,
        "prompt": [turn.as_dict() for turn in picked.asked.turns],
        "responses": [answer.text for answer in picked.answers],
        "ended": [answer.ended for answer in picked.answers],
        "scores": ranking.scores if ranking else None,
        "gold_scores": gold.scores if gold else None,
        "failure": picked.failure,
    }
    return _with_others(own, picked)


def _with_others(own: dict[str, Any], picked: Picked) -> dict[str, Any]:
    """A row with the columns of the prompt's own file that are not called as one of ours."""
    return own | {name: value for name, value in picked.asked.extra.items() if name not in own}


def _line(record: dict[str, Any]) -> bytes:
    """Readable where it can be: halves of surrogate pairs, which a prompt's id may hold, are no UTF-8."""
    try:
        return json.dumps(record, ensure_ascii=False, default=str).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(record, default=str).encode() + b"\n"


def write_summary(folder: Path, facts: dict[str, Any], tally: BestTally, bad: Sequence[BadRow]) -> dict[str, Any]:
    """Write QUARANTINE, the rows of the file that were set aside, and last SUMMARY, which vouches for the others.

    It depends on the answers and the settings only, so that a run that was resumed writes the same.
    """
    write_atomic(folder / QUARANTINE, b"".join(_line(asdict(one)) for one in bad))
    files = {name: sha256_file(folder / name) for name in (BEST, PAIRS, RESPONSES, QUARANTINE)}
    rows = [one.model_dump() for one in effect(tally.ranked)]
    summary = {"format": "solon-best/1", **facts, "counts": tally.facts(), "effect": rows, "files": files}
    write_json(folder / SUMMARY, summary)
    return summary


@dataclass(slots=True)
class BestTally:
    """What the picks come to. `first` is the first failure of a prompt, in full."""

    prompts: int = 0
    answers: int = 0
    left_out: int = 0
    cut_off: int = 0
    labels: int = 0
    ranked: list[Ranked] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    pair_kinds: Counter[str] = field(default_factory=Counter)
    pairs: Counter[str] = field(default_factory=Counter)
    first: str = ""

    def take(self, picked: Picked) -> None:
        self.prompts += 1
        self.answers += len(picked.answers)
        self.left_out += picked.left_out
        self.cut_off += picked.cut_off
        if picked.ranking is not None:
            self.labels += len(picked.ranking.labels)
            self.pair_kinds.update(label.failure.partition(":")[0] for label in picked.ranking.failed)
        if picked.failure is not None:
            self.first = self.first or picked.failure
            self.kinds[picked.failure.partition(":")[0]] += 1
            return
        self.ranked.append(picked.ranked())
        self.pairs[_pair_of(picked)] += 1

    def facts(self) -> dict[str, Any]:
        """Counts. Of the prompts with a pick, `alike` have only equal answers and `unread` no label of best against
        worst; in `against` that label prefers the worst, and the pair says so.
        """
        return {
            "prompts": self.prompts,
            "picked": len(self.ranked),
            "failed_by_kind": dict(sorted(self.kinds.items())),
            "answers": self.answers,
            "answers_left_out": self.left_out,
            "answers_cut_off": self.cut_off,
            "labels": self.labels,
            "labels_failed_by_kind": dict(sorted(self.pair_kinds.items())),
            "best_against_worst": {name: self.pairs[name] for name in ("for", "against", "alike", "unread")},
        }


def _pair_of(picked: Picked) -> str:
    """What the label of best against worst says."""
    assert picked.ranking is not None
    if picked.ranking.best == picked.ranking.worst:
        return "alike"
    label = best_against_worst(picked)
    if label is None:
        return "unread"
    return "for" if label.prob_chosen == 0.5 or label.chosen == picked.ranking.best else "against"
