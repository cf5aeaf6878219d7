"""`solon train kto PAIRS`."""

from __future__ import annotations

from solon.cli.train import options as o


def kto(
    pairs: o.Pairs,
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
    """KTO, through TRL, on pairs or on a good and a bad reply to each prompt (prompt, completion, label).

    A soft label counts as the side that it takes; one of 0.5 takes none.
    """
    from solon.cli.train.go import Common, go
    from solon.settings import KtoSettings

    common = Common(pairs, model, settings, out, seed, precision, limit, force, quiet)
    go("kto", KtoSettings, common, adapter=adapter, format=format)
