"""Datasets of the Hugging Face hub, by id, through `datasets`: `hub:OWNER/NAME[@REVISION][:CONFIG/SPLIT]`.

    hub:Anthropic/hh-rlhf                          its train split
    hub:Anthropic/hh-rlhf:test                     another split
    hub:openai/gsm8k@e53f048:main/test             a revision, a configuration and a split

A split is written once as Parquet beside Solon's other cached files and then read as every file is, so that it has
lines, a content hash and the same rows for every verb. Where no revision is named, the newest is asked for each time.
`hub:` before the path of a folder reads a dataset that lies there.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from solon.engines.local.source import cache_folder
from solon.errors import ConfigError, DataError, StorageError

SYNTAX = "hub:OWNER/NAME[@REVISION][:[CONFIG/]SPLIT]"
_NAME = re.compile(r"hub:(?P<id>[^@:]+)(?:@(?P<revision>[^@:]+))?(?::(?:(?P<config>[^@:]+)/)?(?P<split>[^@:/]+))?")


@cache
def fetched(name: str) -> Path:
    """The Parquet file of a split. Raises ConfigError for a name that says none and without the extra `train`, and
    DataError for a dataset that is not there or cannot be fetched, each in one line with the way out.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise ConfigError(f"'{name}' names no dataset: write {SYNTAX}")
    try:
        import datasets
    except ImportError:
        raise ConfigError(f"{name}: datasets of the hub need the extra train: pip install 'solon[train]'") from None
    rows = _loaded(datasets, name, found["id"], found["revision"], found["config"], found["split"])
    return _written(rows, name, found)


def _loaded(datasets: Any, name: str, dataset: str, revision: str | None, config: str | None, split: str | None) -> Any:
    """The split of a dataset. Code that comes with a dataset is not run: `datasets` does not know how any more."""
    try:
        with _quiet():
            splits = datasets.load_dataset(dataset, config, revision=revision)
    except Exception as error:  # whatever the library, the network or the files raise
        raise DataError(f"{name}: {_reason(error, dataset, revision)}") from None
    wanted = split or ("train" if "train" in splits else next(iter(splits), ""))
    if wanted not in splits or (split is None and len(splits) > 1 and "train" not in splits):
        shown = ", ".join(map(str, splits))
        asked = f"has no split '{split}'" if split else "has several splits and none called train"
        raise DataError(f"{name}: {dataset} {asked}; it has {shown}: write {name.partition(':')[0]}:{dataset}:SPLIT")
    return splits[wanted]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the libraries' words on each try, which come before the one line that says what to do, and without bars
    where nobody sees them move."""
    import datasets

    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    loggers = [logging.getLogger(name) for name in ("huggingface_hub", "datasets", "fsspec")]
    levels = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)


def _reason(error: Exception, dataset: str, revision: str | None) -> str:
    """What went wrong, and the way out."""
    told = " ".join((str(error).strip() or type(error).__name__).split())
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "Config name is missing" in told or "BuilderConfig" in told:
        return f"{told[:300]}; name one: hub:{dataset}:CONFIG/SPLIT"
    if kinds & {"ConnectionError", "OfflineModeIsEnabled", "LocalEntryNotFoundError", "ConnectTimeout", "Timeout"}:
        return f"the hub cannot be reached ({told[:120]}): check the network, or download the file and name it instead"
    if kinds & {"DatasetNotFoundError", "RepositoryNotFoundError", "RevisionNotFoundError"}:
        at = f" at revision {revision}" if revision else ""
        return (
            f"the hub has no dataset {dataset}{at} that you may read: check the id (OWNER/NAME), or for a gated one "
            "accept its terms and set HF_TOKEN"
        )
    if kinds & {"FileNotFoundError"}:
        return f"no such dataset or folder ({told[:120]}): check the id (OWNER/NAME) or the path"
    return f"cannot be loaded: {type(error).__name__}: {told[:200]}"


def _written(rows: Any, name: str, found: re.Match[str]) -> Path:
    """The split as Parquet, published whole under a name that tells it from its other states."""
    state = str(getattr(rows, "_fingerprint", "") or "")[:16] or "rows"
    parts = (found["id"].strip("/").replace("/", "--"), found["revision"], found["config"], found["split"], state)
    safe = ".".join(re.sub(r"[^\w.-]+", "-", part) for part in parts if part)
    target = cache_folder() / "hub" / f"{safe[-200:].lstrip('.')}.parquet"
    if target.is_file():
        return target
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _quiet():
            rows.to_parquet(str(beside))
        with beside.open("rb") as handle:
            os.fsync(handle.fileno())
        beside.replace(target)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StorageError(f"{name}: cannot write {target}: {error.strerror or error}; set SOLON_CACHE") from None
    except Exception as error:  # of Arrow's, and of decoders of images or audio
        beside.unlink(missing_ok=True)
        raise DataError(f"{name}: its rows cannot be written as Parquet: {str(error).splitlines()[0][:200]}") from None
    return target
