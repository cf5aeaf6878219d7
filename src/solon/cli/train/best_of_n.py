"""`solon train best-of-n PROMPTS`."""

from __future__ import annotations

from solon.cli.train import options as o


def best_of_n(
    prompts: o.Prompts,
    model: o.Model = None,
    adapter: o.Adapter = None,
    reward: o.Reward = None,
    terms: o.Terms = None,
    gold: o.Gold = None,
    guards: o.Guards = None,
    settings: o.Settings = None,
    limit: o.Limit = None,
    seed: o.Seed = 0,
    precision: o.Precision = "float32",
    out: o.Out = None,
    force: o.Force = False,
    quiet: o.Quiet = False,
) -> None:
    """Rejection sampling: of n answers to each prompt the one of highest reward is fine-tuned on."""
    from solon.cli.train.given import goal_of
    from solon.cli.train.go import Common, go
    from solon.settings import BestOfNSettings

    common = Common(prompts, model, settings, out, seed, precision, limit, force, quiet)
    go("best_of_n", BestOfNSettings, common, adapter=adapter, goal=goal_of(reward, terms, gold, guards))
