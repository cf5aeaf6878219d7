"""A file labelled: every call through the memo, results as they come, the manifest last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from solon.constitution import Constitution
from solon.data.candidates import Candidates
from solon.data.formats import Row
from solon.data.rows import BadRow, data_path
from solon.data.truncation import CUT_OFF, Truncation
from solon.engines import MemoisedEngine
from solon.errors import DataError
from solon.feedback import Labeller
from solon.feedback.calibration import Calibration
from solon.feedback.qualification import Card
from solon.files import sha256_file, write_json
from solon.flow import hand_over
from solon.pipeline.label_files import UNLABELLED
from solon.pipeline.labelling import labeller
from solon.pipeline.labels.answering import Responder
from solon.pipeline.labels.counts import Counts
from solon.pipeline.labels.files import OUTPUTS, QUARANTINE, Result, files_in
from solon.pipeline.labels.source import Item, Source
from solon.pipeline.progress import Bar
from solon.settings import Ask, FeedbackSettings, TruncatedPairs

MANIFEST = "labels.json"
SHOWN_EVERY = 64  # labels between two moves of the progress bar, which cost more than a label of a fast judge

Labelled = tuple[Row | BadRow, Result | None]


@dataclass(frozen=True, slots=True)
class LabelJob:
    """What is labelled, and how: `file` as `open_source` read it, up to `limit` rows of it.

    `truncated_pairs` is what is done with pairs of which an answer was cut off by its token limit.
    """

    file: str
    limit: int | None
    constitution: Constitution
    settings: FeedbackSettings
    seed: int
    card: Card | None = None
    truncated_pairs: TruncatedPairs = "leave_out"


async def label_file(
    job: LabelJob,
    source: Source,
    engines: Sequence[tuple[Ask, MemoisedEngine]],
    responder: Responder | None,
    folder: Path,
    bar: Bar,
) -> dict[str, Any]:
    """Label every pair of `source` into the files of `folder`; returns the manifest.

    The same job gives the same files, byte for byte, however often it was stopped. Raises DataError where no pair
    could be labelled; the files say why.
    """
    calibration = job.card.fitted if job.card else Calibration()
    labels = labeller(engines, job.constitution, job.settings, job.seed, calibration)
    counts, done, rule = Counts(), 0, Truncation(job.truncated_pairs)
    hashed = sha256_file(data_path(job.file))
    with files_in(folder) as write:

        def take(_: Item, labelled: Labelled) -> None:
            nonlocal done
            counts.take(*labelled, write(*labelled))
            done += 1
            if done % SHOWN_EVERY == 0:
                bar.to(done)

        await hand_over(source.items, lambda item: _labelled(item, labels, responder, rule), take)
        bar.to(done)
        (folder / MANIFEST).unlink(missing_ok=True)  # it is of the files that are about to be replaced
    manifest = _manifest(job, source, hashed, engines, responder, counts, rule, folder)
    if labels.chooser is not None:
        manifest["chosen"] = labels.chooser.facts()
    write_json(folder / MANIFEST, manifest)
    if not counts.tally.labelled:
        more = "; --truncated-pairs equal_length compares cut-off answers" if CUT_OFF in counts.tally.kinds else ""
        where = folder / (UNLABELLED if counts.tally.kinds else QUARANTINE)
        raise DataError(f"{job.file}: nothing could be labelled: {_why(counts)}; see {where}{more}")
    return manifest


async def _labelled(item: Item, labels: Labeller, responder: Responder | None, rule: Truncation) -> Labelled:
    if isinstance(item, Candidates):
        assert responder is not None, "bare prompts come with a responder"
        item = await responder.pair(item)
    if isinstance(item, BadRow):
        return item, None
    admitted = rule.admit(item.comparison)
    return item, rule.left_out(item.comparison) if admitted is None else await labels.label(admitted)


def _why(counts: Counts) -> str:
    if counts.tally.kinds:
        return counts.tally.said()
    return f"all rows were set aside; the first: {counts.first_bad}"


def _manifest(
    job: LabelJob,
    source: Source,
    hashed: str,
    engines: Sequence[tuple[Ask, MemoisedEngine]],
    responder: Responder | None,
    counts: Counts,
    rule: Truncation,
    folder: Path,
) -> dict[str, Any]:
    """What made the labels and what they come to. Nothing that depends on when or how often it ran."""
    law, card = job.constitution, job.card
    judges = [{**asdict(e.fingerprint), "key": e.fingerprint.key, "role": e.role, "ask": ask} for ask, e in engines]
    return {
        "format": "solon-labels/1",
        "input": {"file": job.file, "format": source.format, "sha256": hashed, "limit": job.limit},
        "constitution": {"name": law.name, "version": law.version, "hash": law.hash},
        "judge": judges,
        "responder": responder.as_dict() if responder else None,
        "settings": job.settings.model_dump(mode="json"),
        "seed": job.seed,
        "card": card.named if card else None,
        "calibration": card.fitted.as_dict() if card else None,
        **counts.as_dict(),
        "truncated_pairs": rule.facts(),
        "outputs": {name: sha256_file(folder / name) for name in OUTPUTS},
    }
