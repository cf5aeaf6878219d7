"""`solon train ppo|grpo|rloo|best-of-n PROMPTS`: the ways that learn from their own answers, and a reward."""

from __future__ import annotations

from collections.abc import Callable

from solon.cli.train import options as o


def on_prompts(verb: str, said: str) -> Callable[..., None]:
    """The command of the way `verb` of rl_cai.method; `said` is its help."""

    def train(
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
        from solon.cli.train.given import goal_of
        from solon.cli.train.go import Common, go

        common = Common(prompts, model, settings, out, seed, precision, limit, force, quiet)
        go(verb, common, adapter=adapter, goal=goal_of(reward, terms, gold, guards))

    train.__doc__ = said
    return train
