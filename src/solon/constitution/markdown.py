"""The prose form of a constitution: a heading for each principle, prose under it. Lossless to and from YAML."""

from __future__ import annotations

from pathlib import Path

from solon.yaml import Parsed


def parse(text: str, path: Path) -> Parsed:
    raise NotImplementedError
