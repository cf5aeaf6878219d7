"""`solon train sft ROWS`."""

from __future__ import annotations

from solon.cli.train import options as o


def sft(
    rows: o.Rows,
    model: o.Model = None,
    adapter: o.Adapter = None,
    settings: o.Settings = None,
    format: o.Format = None,
    limit: o.Limit = None,
    seed: o.Seed = 0,
    precision: o.Precision = "float32",
    out: o.Out = None,
    force: o.Force = False,
    quiet: o.Quiet = False,
) -> None:
    """Fine-tune on replies: conversations, prompts with completions, or the chosen side of preferences.

    Only replies are learnt, never prompts. Run it again after any stop: it goes on where it was.
    """
    from solon.cli.train.go import Common, go

    common = Common(rows, model, settings, out, seed, precision, limit, force, quiet)
    go("sft", common, adapter=adapter, format=format)
