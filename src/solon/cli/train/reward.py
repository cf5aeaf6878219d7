"""`solon train reward PAIRS`."""

from __future__ import annotations

from solon.cli.train import options as o

HELD_OUT = 0.15


def reward(
    pairs: o.Pairs,
    model: o.Base = None,
    settings: o.Settings = None,
    held_out: o.HeldOut = HELD_OUT,
    format: o.Format = None,
    truncated_pairs: o.Truncated = "leave_out",
    limit: o.Limit = None,
    seed: o.Seed = 0,
    precision: o.Precision = "float32",
    out: o.Out = None,
    force: o.Force = False,
    quiet: o.Quiet = False,
) -> None:
    """Train a reward model on labelled pairs; soft labels (prob_chosen) are learnt as they are.

    Measured on held-out prompts: accuracy, calibration, what length has to do with it.
    """
    from solon.cli.train.go import Common, go

    common = Common(pairs, model, settings, out, seed, precision, limit, force, quiet)
    go("reward", common, format=format, held_out=held_out, truncated_pairs=truncated_pairs)
