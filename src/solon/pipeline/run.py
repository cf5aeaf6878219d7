"""All steps in order, then the manifest, then the report's data is complete."""

from __future__ import annotations

import io
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from solon.errors import ConfigError
from solon.files import write_atomic, write_json
from solon.memo import copy_memo
from solon.pipeline.aiming import check_aims
from solon.pipeline.context import Context
from solon.pipeline.human import check_human
from solon.pipeline.origin import RecordedRole, check_origin
from solon.pipeline.plan.make import check_layers
from solon.pipeline.progress import Progress
from solon.pipeline.recipe import ROLES, Recipe, load_recipe
from solon.pipeline.selection import check_select, write_selection
from solon.pipeline.step import Step
from solon.pipeline.steps import steps_until, without_policy
from solon.runs import Run
from solon.types import digest

PACKAGES = ("solon", "torch", "transformers", "trl", "peft", "accelerate")


def run_recipe(
    recipe: Recipe,
    folder: Path,
    progress: Progress,
    until: str | None = None,
    begin: Path | None = None,
    siblings: Sequence[Path] = (),
) -> dict[str, Any]:
    """Run a recipe in `folder`, or only the steps that make `until`, doing what is not done yet.

    A new folder may begin with what another run, in `begin`, has finished and been told; steps that one of the runs in
    `siblings` has finished are linked from there. Returns the manifest.
    Raises RunLocked when another process works there; every SolonError of the steps passes through, and
    what was finished or stored before it stays.
    """
    recipe, said = without_policy(recipe, folder, until)
    chosen = steps_until(recipe, until)
    run = Run(folder)
    with run.locked():
        if begin is not None and not run.begun:
            run.take_over(begin)
            copy_memo(begin / "memo.sqlite", folder / "memo.sqlite")
        _write_recipe(run, recipe)
        context = Context(recipe, run, progress, siblings=siblings)
        _say_repeats(context)
        if said is not None:
            progress.note(f"  {said}")
        write_json(folder / "constitution.json", context.constitution.model_dump(mode="json"))
        try:
            cautions = check_aims(context.constitution, context.recipe)
            check_select(context)
            check_human(context)
            recorded, of_origin = check_origin(context, {step.name for step in chosen})
            check_layers(context.recipe, {step.name for step in chosen})
            for line in [*cautions, *of_origin]:
                progress.warn(line)
            steps = _run_steps(context, chosen)
        finally:
            _write_quarantine(context)
            context.close()
        manifest = _manifest(context, steps, recorded)
        write_json(folder / "manifest.json", manifest)
        if "evaluate" in context.finished:
            write_selection(folder, context.recipe)
    return manifest


@contextmanager
def opened(folder: Path, progress: Progress) -> Iterator[Context]:
    """A finished run's context, to ask its models more. Raises ConfigError when the folder holds no finished run."""
    if not (folder / "manifest.json").exists():
        raise ConfigError(f"run: {folder} holds no finished run (no manifest.json); finish it with solon run")
    run = Run(folder)
    with run.locked():
        context = Context(load_recipe(str(folder / "recipe.yaml")), run, progress)
        try:
            yield context
        finally:
            context.close()


def _run_steps(context: Context, steps: Sequence[Step]) -> list[dict[str, Any]]:
    done: list[dict[str, Any]] = []
    for number, step in enumerate(steps, 1):
        started = time.monotonic()
        context.progress.headline(f"[{number}/{len(steps)}] {step.title}")
        record, fresh = step.run(context)
        context.finished[step.name] = record
        seconds = time.monotonic() - started
        context.progress.note(f"  unchanged ({seconds:.1f} s)" if fresh else f"  done in {seconds:.1f} s")
        cost = record.facts["seconds"]  # of making it, whichever run did
        done.append({"step": step.name, "title": step.title, "unchanged": fresh, "seconds": cost})
    return done


def _manifest(context: Context, steps: list[dict[str, Any]], recorded: list[RecordedRole]) -> dict[str, Any]:
    """What made what: hashes, seeds, versions, engines, calls, time and memory."""
    roles: dict[str, Any] = {name: context.role(name).model_dump() for name in ROLES}
    roles["panel"] = [role.model_dump() for role in context.recipe.roles.panel]
    previous = _previous(context.run)
    return {
        "recipe": context.recipe.name,
        "recipe_hash": digest(context.recipe.model_dump(mode="json")),
        "seed": context.recipe.seed,
        "constitution": {
            "name": context.constitution.name,
            "version": context.constitution.version,
            "hash": context.constitution.hash,
        },
        "roles": roles,
        # Roles that were not asked again keep the account of the run that asked them.
        "calls": {**previous.get("calls", {}), **context.usage.as_dict()},
        "engines": {**previous.get("engines", {}), **{r: asdict(f) for r, f in context.fingerprints.items()}},
        # Whose the recorded drafts and answers are; those of roles that this command did not ask were told before.
        "recorded": {
            **{role: said for role, said in previous.get("recorded", {}).items() if _is_recorded(context.recipe, role)},
            **{one.role: asdict(one) for one in recorded},
        },
        "steps": steps,
        "outputs": {name: record.outputs for name, record in context.finished.items()},
        "quarantined": len(context.quarantine),
        "repeats": asdict(context.repeats),
        "versions": {name: _version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "machine": {
            "cpus": _cpus(),
            "peak_memory_mb": max(_peak_memory_mb(), previous.get("machine", {}).get("peak_memory_mb", 0)),
        },
    }


def _is_recorded(recipe: Recipe, role: str) -> bool:
    return getattr(getattr(recipe.roles, role, None), "engine", "") == "recorded"


def _previous(run: Run) -> dict[str, Any]:
    try:
        value: dict[str, Any] = json.loads((run.folder / "manifest.json").read_text())
        return value
    except (OSError, ValueError):
        return {}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _peak_memory_mb() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform != "darwin" else peak // 1024**2


def _write_recipe(run: Run, recipe: Recipe) -> None:
    buffer = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.dump(recipe.model_dump(mode="json"), buffer)
    write_atomic(run.folder / "recipe.yaml", buffer.getvalue())


def _say_repeats(context: Context) -> None:
    """What the prompt files say more than once, where they do."""
    found = context.repeats
    if found.repeated or found.both or found.near:
        context.progress.note(
            f"  prompts: {found.repeated} repeats and {found.both} rows that train and held-out would share set aside, "
            f"{found.near} near-repeats in {found.groups} groups, each on one side of the split"
        )


def _write_quarantine(context: Context) -> None:
    rows = [json.dumps({"file": b.file, "line": b.line, "reason": b.reason}) for b in context.quarantine]
    write_atomic(context.path("quarantine.jsonl"), "".join(row + "\n" for row in rows))
    if rows:
        first = context.quarantine[0]
        context.progress.warn(
            f"{len(rows)} rows set aside in {context.path('quarantine.jsonl')}; "
            f"first: {first.file}:{first.line}: {first.reason}"
        )
