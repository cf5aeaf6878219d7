"""All steps in order, then the manifest, then the report's data is complete."""

from __future__ import annotations

import io
import json
import os
import platform
import re
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

from solon.data.prompts import PromptSets, Repeats
from solon.errors import afterwards
from solon.files import read_text, write_atomic, write_json
from solon.memo import copy_memo
from solon.pipeline.aiming import check_aims
from solon.pipeline.context import Context, given_prompts
from solon.pipeline.human import check_human
from solon.pipeline.origin import RecordedRole, check_origin
from solon.pipeline.places import constitution_of, keep_prompts, refuse_no_run
from solon.pipeline.plan.make import check_layers
from solon.pipeline.progress import Progress
from solon.pipeline.recipe import ROLES, Recipe, load_recipe
from solon.pipeline.selection import check_select, write_selection
from solon.pipeline.step import Step
from solon.pipeline.steps import steps_until, without_policy
from solon.runs import Run
from solon.types import digest
from solon.yaml import read_yaml

PACKAGES = ("solon", "torch", "transformers", "trl", "peft", "accelerate")


def run_recipe(
    recipe: Recipe,
    folder: Path,
    progress: Progress,
    until: str | None = None,
    begin: Path | None = None,
    siblings: Sequence[Path] = (),
    command: str = "",
) -> dict[str, Any]:
    """Run a recipe in `folder`, or only the steps that make `until`, doing what is not done yet.

    A new folder may begin with what another run, in `begin`, has finished and been told; steps that one of the runs in
    `siblings` has finished are linked from there. `command` is the one that was given, for the manifest, which is
    returned.
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
        known = [*siblings, *([begin] if begin is not None else [])]
        given = given_prompts(recipe, [folder, *known], progress.warn)
        context = Context(recipe, run, progress, siblings=siblings, prompts=given)
        command = command or _command_in(folder, until)
        _write_recipe(run, recipe, command)
        keep_prompts(folder, {name: kind.file for name, kind in recipe.prompts.items()}, given, recipe.drafted)
        _say_repeats(context)
        if said is not None:
            progress.note(f"  {said}")
        write_json(folder / "constitution.json", context.constitution.model_dump(mode="json"))
        with afterwards(context.close), afterwards(lambda: _write_quarantine(context)):
            cautions = check_aims(context.constitution, context.recipe)
            check_select(context)
            check_human(context)
            recorded, of_origin = check_origin(context, {step.name for step in chosen})
            check_layers(context.recipe, {step.name for step in chosen})
            for line in [*cautions, *of_origin]:
                progress.warn(line)
            steps = _run_steps(context, chosen)
        manifest = {**_manifest(context, steps, recorded), "command": command}
        write_json(folder / "manifest.json", manifest)
        if "evaluate" in context.finished:
            write_selection(folder, context.recipe)
    return manifest


@contextmanager
def opened(folder: Path, progress: Progress, *, prompts: bool = True) -> Iterator[Context]:
    """A run's context, to ask its models more, from what its folder holds; without its `prompts` no file of theirs is
    read. Raises ConfigError when it holds no run."""
    refuse_no_run(folder)
    recipe = load_recipe(str(folder / "recipe.yaml"))
    law = constitution_of(folder, recipe.constitution)
    given = given_prompts(recipe, [folder], progress.warn) if prompts else PromptSets({}, [], Repeats())
    run = Run(folder)
    with run.locked():
        context = Context(recipe, run, progress, constitution=law, prompts=given)
        with afterwards(context.close):
            yield context


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
        "calls": {**_part(previous, "calls"), **context.usage.as_dict()},
        "engines": {**_part(previous, "engines"), **{r: asdict(f) for r, f in context.fingerprints.items()}},
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
        value = json.loads((run.folder / "manifest.json").read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _part(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    found = manifest.get(name)
    return found if isinstance(found, dict) else {}


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


def _command_in(folder: Path, until: str | None) -> str:
    """The command that made the run, as its recipe says before the manifest is there, but for where it is to stop now;
    "" where it does not."""
    path = folder / "recipe.yaml"
    first = read_text(path, "recipe").partition("\n")[0] if path.is_file() else ""
    if not first.startswith("# solon "):
        return ""
    return re.sub(r" --until [a-z_]+", f" --until {until}" if until else "", first.removeprefix("# "))


def _write_recipe(run: Run, recipe: Recipe, command: str) -> None:
    """The recipe as it is run, beside what it makes; a constitution that is the folder's own keeps its name."""
    said = recipe.constitution
    if Path(said).resolve() == run.folder.resolve() and (before := run.folder / "recipe.yaml").is_file():
        said = str(read_yaml(before, "recipe").get("constitution", said))
    recipe = recipe.model_copy(update={"constitution": said})
    buffer = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.dump(recipe.model_dump(mode="json"), buffer)
    head = f"# {' '.join(command.splitlines())}\n" if command else ""
    write_atomic(run.folder / "recipe.yaml", head + buffer.getvalue())


def _say_repeats(context: Context) -> None:
    """What the prompt files say more than once, and what they hold that is not used, where they do."""
    for note in context.notes:
        context.progress.warn(note)
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
