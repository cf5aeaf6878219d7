"""The runs of a front, one after another, and what all of them show together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from solon.errors import ConfigError, DataError, EngineError, StorageError, UpstreamDown
from solon.evaluation.picking import pick
from solon.evaluation.points import on_common_prompts
from solon.files import write_json
from solon.memo import Memo, copy_memo
from solon.pipeline.context import Context
from solon.pipeline.front.cost import costs
from solon.pipeline.front.grid import Variant
from solon.pipeline.front.points import Checkpoint, checkpoints
from solon.pipeline.progress import Progress
from solon.pipeline.recipe import Recipe, aims_in
from solon.pipeline.run import run_recipe
from solon.pipeline.selection import FRONT, SELECTED, described, figures, measured_metrics
from solon.pipeline.step import listed
from solon.pipeline.steps.evaluate import evaluated
from solon.runs import Run, held
from solon.types import digest

RUNS = "runs"
MEMO = "memo.sqlite"
# What is about a variant's settings or data; the next one may still run. A full disk or a server that is down is not.
ITS_OWN = (ConfigError, DataError, EngineError)


def run_front(
    variants: Sequence[Variant],
    folder: Path,
    progress: Progress,
    begin: Path | None = None,
    done: Callable[[Path], object] = lambda _: None,
    command: str = "",
) -> dict[str, Any]:
    """Run every variant under `folder`/runs, then write what they show to front.json and selected.json; returns it.

    Each run links the steps that another of them, or the run in `begin`, has finished with the same key, and asks the
    memo that all share. Killed anywhere, the same call goes on: what is finished or told is not done again. A variant
    that cannot run is recorded with its reason and the others go on. `done` gets every finished run's folder. `command`
    is the one that was given, for the runs' manifests.

    Raises ConfigError where variants are not measured on the same prompts, or none of them could run.
    """
    _create(folder)
    with held(folder):
        _begin(folder, begin)
        check_comparable(variants, progress)
        failed = _run_all(variants, folder, progress, begin, done, command)
        finished = [variant for variant in variants if variant.name not in failed]
        if not finished:
            raise ConfigError(f"front: no variant could run; first: {next(iter(failed.values()))}")
        found = _found(variants, finished, failed, folder)
        _publish(folder, found)
    return found


def _create(folder: Path) -> None:
    try:
        (folder / RUNS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"front: {folder}: {error.strerror}; choose another with --out") from None


def _begin(folder: Path, begin: Path | None) -> None:
    """The memo that all variants share, with what the run in `begin` was told."""
    if begin is not None and not (begin / "steps").is_dir():
        raise ConfigError(f"--from: {begin} holds no run (no steps folder); name one that solon run made")
    if begin is not None and not (folder / MEMO).exists():
        copy_memo(begin / MEMO, folder / MEMO)
    Memo(folder / MEMO).close()


def check_comparable(variants: Sequence[Variant], progress: Progress) -> None:
    """Raises ConfigError where variants are measured on different prompts, or by different settings."""
    sections = {digest(variant.recipe.model_dump(mode="json", include={"prompts"})) for variant in variants}
    if len(sections) == 1:
        return
    first, *others = variants
    wanted = _heldout(first.recipe, progress)
    for other in others:
        if _heldout(other.recipe, progress) != wanted:
            key = next((key for key in other.values if key.startswith("prompts")), "prompts")
            raise ConfigError(
                f"--over {key}: {first.name} and {other.name} hold out different prompts, so their checkpoints cannot "
                "be compared; keep the rows with split: heldout the same in all files"
            )


def _heldout(recipe: Recipe, progress: Progress) -> list[list[str]]:
    nowhere = Path("none")
    context = Context(recipe, Run(nowhere, read_only=True), progress, Memo(nowhere / MEMO, read_only=True))
    try:
        return listed(evaluated(context))
    finally:
        context.close()


def _run_all(
    variants: Sequence[Variant],
    folder: Path,
    progress: Progress,
    begin: Path | None,
    done: Callable[[Path], object],
    command: str,
) -> dict[str, str]:
    """Run them in order; returns why those that could not run did not, by name."""
    failed = {}
    for number, variant in enumerate(variants, 1):
        progress.headline(f"variant {number}/{len(variants)}: {variant.name}")
        run = folder / RUNS / variant.name
        siblings = [one for one in sorted((folder / RUNS).iterdir()) if one != run and (one / "steps").is_dir()]
        _share_memo(run, folder)
        try:
            known = [*siblings, *([begin] if begin else [])]
            run_recipe(variant.recipe, run, progress, siblings=known, command=command)
        except UpstreamDown:
            raise
        except ITS_OWN as error:
            failed[variant.name] = str(error)
            progress.warn(f"{variant.name}: {error}")
        else:
            done(run)
    return failed


def _share_memo(run: Path, folder: Path) -> None:
    """Let the run's memo be the front's. SQLite keeps its log beside the file that a link names."""
    run.mkdir(parents=True, exist_ok=True)
    memo = run / MEMO
    if not memo.exists():
        memo.unlink(missing_ok=True)
        memo.symlink_to(Path("..") / ".." / MEMO)


def _found(
    variants: Sequence[Variant], finished: Sequence[Variant], failed: dict[str, str], folder: Path
) -> dict[str, Any]:
    """What all runs show, as plain data."""
    known = checkpoints(folder / RUNS, finished)
    points = on_common_prompts([one.point for one in known])
    labels = {one.name: one.label for one in known}
    recipe = finished[0].recipe
    metrics = measured_metrics(aims_in(recipe), points)
    found = pick(points, metrics, recipe.select) if recipe.select else None
    asked = max(len(one.point.answers) for one in known)
    return {
        "recipe": recipe.name,
        "prompts": {"measured": len(points[0].answers), "left_out": asked - len(points[0].answers)},
        "kinds": {kind: len(points[0].hits(kind)) for kind in points[0].kinds},
        "axes": _axes(variants),
        "runs": [_run(variant, failed.get(variant.name), folder) for variant in variants],
        "points": [
            {**figure, **_whose(one)}
            for one, figure in zip(known, figures(points, metrics, found, labels), strict=True)
        ],
        "select": described(recipe.select, found, labels) if recipe.select and found else None,
        "cost": costs([folder / RUNS / variant.name for variant in finished], _stored(folder)),
    }


def _axes(variants: Sequence[Variant]) -> dict[str, list[str]]:
    return {key: list(dict.fromkeys(v.values[key] for v in variants)) for key in variants[0].values}


def _run(variant: Variant, failure: str | None, folder: Path) -> dict[str, Any]:
    return {
        "name": variant.name,
        "folder": f"{RUNS}/{variant.name}",
        "values": variant.values,
        "recipe_hash": digest(variant.recipe.model_dump(mode="json")),
        "failure": failure,
        "refusals_preferred": {} if failure else _refusals_preferred(folder / RUNS / variant.name),
    }


def _refusals_preferred(run: Path) -> dict[str, list[int]]:
    """Of the pairs of a run in which one reply declines, in how many the judge prefers it, by what the prompts are."""
    record = Run(run, read_only=True).finished("preferences")
    return dict(record.facts.get("refusals_preferred") or {}) if record else {}


def _whose(one: Checkpoint) -> dict[str, Any]:
    return {"model": one.model, "run": f"{RUNS}/{one.run}", "runs": list(one.runs), "checkpoint": one.weights}


def _stored(folder: Path) -> int:
    memo = Memo(folder / MEMO, read_only=True)
    try:
        return len(memo)
    finally:
        memo.close()


def _publish(folder: Path, found: dict[str, Any]) -> None:
    """front.json, and which checkpoint of which run is the model; without a rule none is."""
    write_json(folder / FRONT, found)
    if found["select"] is None:
        (folder / SELECTED).unlink(missing_ok=True)
        return
    picked = next((point for point in found["points"] if point["picked"]), None)
    whose = {key: picked[key] for key in ("run", "model", "checkpoint")} if picked else {"model": None}
    write_json(folder / SELECTED, {**found["select"], **whose, "points": found["points"]})
