"""`solon train dpo PAIRS`."""

from __future__ import annotations

from solon.cli.train import options as o


def dpo(
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
    """DPO on labelled pairs; a soft label (prob_chosen) is the target of its pair.

    The reference is --adapter, else the bare model; it is read once, before training.
    """
    from solon.cli.train.go import Common, go
    from solon.settings import DpoSettings

    common = Common(pairs, model, settings, out, seed, precision, limit, force, quiet)
    go("dpo", DpoSettings, common, adapter=adapter, format=format)
