"""`solon train grpo PROMPTS`."""

from __future__ import annotations

from solon.cli.train import options as o


def grpo(
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
    """GRPO, through TRL: several answers to a prompt are compared with each other by their reward.

    Guards watch every step, end training when the reward is gamed, and keep the best weights.
    """
    from solon.cli.train.given import goal_of
    from solon.cli.train.go import Common, go
    from solon.settings import GrpoSettings

    common = Common(prompts, model, settings, out, seed, precision, limit, force, quiet)
    go("grpo", GrpoSettings, common, adapter=adapter, goal=goal_of(reward, terms, gold, guards))
