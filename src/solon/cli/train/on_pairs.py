"""`solon train dpo|kto PAIRS`: the ways that learn from labels."""

from __future__ import annotations

from collections.abc import Callable

from solon.cli.train import options as o


def on_pairs(verb: str, said: str) -> Callable[..., None]:
    """The command of the way `verb` of rl_cai.method; `said` is its help."""

    def train(
        pairs: o.Pairs,
        model: o.Model = None,
        adapter: o.Adapter = None,
        settings: o.Settings = None,
        held_out: o.HeldOut = 0.0,
        format: o.Format = None,
        truncated_pairs: o.Truncated = "leave_out",
        limit: o.Limit = None,
        seed: o.Seed = 0,
        precision: o.Precision = "float32",
        out: o.Out = None,
        force: o.Force = False,
        quiet: o.Quiet = False,
    ) -> None:
        from solon.cli.train.go import Common, go

        common = Common(pairs, model, settings, out, seed, precision, limit, force, quiet)
        go(verb, common, adapter=adapter, format=format, held_out=held_out, truncated_pairs=truncated_pairs)

    train.__doc__ = said
    return train
