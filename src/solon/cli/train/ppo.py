"""`solon train ppo PROMPTS`."""

from __future__ import annotations

from solon.cli.train import options as o


def ppo(
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
    """PPO: the policy answers prompts and learns from a reward, tied to its start by a KL penalty.

    Guards watch every step, end training when the reward is gamed, and keep the best weights.
    """
    from solon.cli.train.given import goal_of
    from solon.cli.train.go import Common, go
    from solon.settings import PpoSettings

    common = Common(prompts, model, settings, out, seed, precision, limit, force, quiet)
    go("ppo", PpoSettings, common, adapter=adapter, goal=goal_of(reward, terms, gold, guards))
