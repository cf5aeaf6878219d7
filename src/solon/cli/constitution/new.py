"""`solon constitution new`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Name = Annotated[str, typer.Argument(help="What the constitution is called.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="The file, .yaml or .md; by default from the name, as in house-rules.yaml."),
]
Prose = Annotated[bool, typer.Option("--markdown", help="The prose form, in a .md file.")]
Extends = Annotated[str | None, typer.Option("--extends", help="Start from one of the library, such as balanced.")]


def new(name: Name, out: Out = None, markdown: Prose = False, extends: Extends = None) -> None:
    """A short constitution to begin from: three principles of different aims, and comments that explain them."""
    import shlex

    from solon.constitution.markdown import from_yaml
    from solon.constitution.starter import starter
    from solon.errors import ConfigError
    from solon.files import write_atomic

    path = _path(name, out, markdown)
    if path.exists():
        raise ConfigError(f"new: {path} exists; give another name with -o")
    text = starter(name, extends)
    write_atomic(path, from_yaml(text, path) if path.suffix == ".md" else text)
    file = shlex.quote(str(path))
    print(f"{path} is written: open it and write it over. Then")
    print(f"  solon constitution lint {file}")
    print(f"  solon constitution try 'a prompt of yours' -c {file} --model MODEL")
    print(f"  solon plan quickstart {shlex.quote(f'constitution={path}')}")


def _path(name: str, out: Path | None, markdown: bool) -> Path:
    """Where to write: --out, or the name as a file name."""
    from solon.constitution.markdown.names import slug
    from solon.errors import ConfigError

    if out is None:
        if Path(name).suffix in (".yaml", ".yml", ".md"):
            raise ConfigError(f"new: {name} is a file; give the name first: solon constitution new NAME -o {name}")
        if not slug(name):
            raise ConfigError(f"new: no file name comes from {name!r}; give one with -o")
        return Path(f"{slug(name)[:60]}.{'md' if markdown else 'yaml'}")
    endings = (".md",) if markdown else (".yaml", ".yml", ".md")
    if out.suffix not in endings:
        raise ConfigError(f"new: -o {out}: must end in {' or '.join(endings)}")
    return out
