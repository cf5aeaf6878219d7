"""`solon serve`: a constitution in front of a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from solon.cli.engine import BaseAt

if TYPE_CHECKING:
    import socket

    from solon.serve import ServeSettings, Source

KEY_ENV = "SOLON_API_KEY"


def serve(
    run: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="The folder of a run, a front or solon train.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; beyond this machine only with a key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    api_key_env: Annotated[str, typer.Option(help="Environment variable that holds the key callers need.")] = KEY_ENV,
    constitution: Annotated[str | None, typer.Option(help="Name or file, instead of RUN's.")] = None,
    upstream: Annotated[
        str | None, typer.Option(help="OpenAI-compatible server to ask instead of RUN's model.")
    ] = None,
    upstream_model: Annotated[str | None, typer.Option(help="The model to ask there.")] = None,
    what: Annotated[
        str | None,
        typer.Option("--what", help="policy, policy@STEP, sl_cai or base; by default the picked one, else the policy."),
    ] = None,
    base: BaseAt = None,
    rounds: Annotated[int, typer.Option(min=1, help="Revisions per answer.")] = 1,
    trail: Annotated[
        bool, typer.Option("--trail", help="Let callers see drafts, critiques and revisions (solon.trail).")
    ] = False,
    on_failure: Annotated[
        Literal["refuse", "error"],
        typer.Option(help="Where no revision could be made: a refusal, or an error (502). The draft is never sent."),
    ] = "refuse",
) -> None:
    """Serve an OpenAI-compatible API that critiques and revises every answer before it is sent."""
    import os
    from dataclasses import replace

    from solon.errors import ConfigError

    try:
        from solon.serve import bind
    except ModuleNotFoundError as error:
        raise ConfigError(f"serve: {error.name} is not installed; pip install 'solon[serve]'") from None

    key = os.environ.get(api_key_env, "").strip() or None
    # First what fails fast; loading weights takes a while.
    with bind(host, port, has_key=key is not None, key_env=api_key_env) as listener:
        source = _source(run, constitution, upstream, upstream_model, what, base)
        settings = replace(
            source.settings, rounds=rounds, api_key=key, local_only=key is None, trail=trail, on_failure=on_failure
        )
        _listen(source, settings, listener, api_key_env)


def _source(
    run: Path | None,
    constitution: str | None,
    upstream: str | None,
    model: str | None,
    what: str | None,
    base: str | None,
) -> Source:
    """What the options name. Raises ConfigError for combinations that name nothing, or two things."""
    from solon.errors import ConfigError
    from solon.pipeline.trained import training_in
    from solon.serve.source import Upstream, from_run, from_training, from_upstream

    if (upstream is None) != (model is None):
        raise ConfigError("serve: --upstream and --upstream-model go together")
    if what is not None and (run is None or upstream is not None):
        raise ConfigError("serve: --what names a model of RUN; give RUN, without --upstream")
    server = Upstream(upstream, model) if upstream and model else None
    if base is not None and (run is None or upstream is not None):
        raise ConfigError("serve: --model says where the base of RUN's model lies; give RUN, without --upstream")
    if run is not None and server is None and training_in(run) is not None:
        return from_training(run, constitution, what, base)
    if run is not None:
        return from_run(run, server, what, constitution, base)
    if constitution is None or server is None:
        raise ConfigError("serve: give RUN, or --constitution with --upstream and --upstream-model")
    return from_upstream(constitution, server)


def _listen(source: Source, settings: ServeSettings, listener: socket.socket, key_env: str) -> None:
    """Answer on `listener` until interrupted."""
    import contextlib

    from solon.serve import create_app
    from solon.serve.listening import server_for

    server = server_for(create_app(source.engine, source.constitution, settings))
    listener.listen(server.config.backlog)
    if source.warning:
        typer.echo(f"warning: {source.warning}", err=True)
    typer.echo(_greeting(source, settings, listener, key_env))
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])


def _greeting(source: Source, settings: ServeSettings, listener: socket.socket, key_env: str) -> str:
    """Where the server listens, and how to ask it from a shell and from Python."""
    address, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(address, f"[{address}]" if ":" in address else address)  # noqa: S104
    url, law = f"http://{host}:{port}/v1", source.constitution
    header = f' -H "Authorization: Bearer ${key_env}"' if settings.api_key else ""
    key = f"os.environ['{key_env}']" if settings.api_key else "'none'"
    body = '{"messages": [{"role": "user", "content": "Hello"}]}'
    said = f"  it is {source.model}\n" if source.model else ""
    return (
        f"solon: {settings.model} under {law.name} {law.version} listens on {url} (ctrl-c stops it)\n"
        f"{said}"
        f"  curl {url}/chat/completions -H 'Content-Type: application/json'{header} -d '{body}'\n"
        f"  openai.OpenAI(base_url='{url}', api_key={key}).chat.completions.create("
        f"model='{settings.model}', messages=[{{'role': 'user', 'content': 'Hello'}}])"
    )
