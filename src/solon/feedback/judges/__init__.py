"""The ways of asking a judge, one small file each.

choice.py            which reply is better, A or B         pointwise.py     does this reply follow it, Yes or No
chain_of_thought.py  reason first, then A or B             score.py         how well does it, from 1 to 10
likelihood.py        which reply is more likely from       reward_model.py  which reply a reward model prefers
                     an assistant that follows it          panel.py         several judges
aimed.py         another way about some aims
"""

from __future__ import annotations

from solon.constitution import Constitution
from solon.engines import Engine
from solon.errors import ConfigError
from solon.feedback.judge import Judge
from solon.feedback.judges.aimed import AimedJudge
from solon.feedback.judges.chain_of_thought import ChainOfThoughtJudge
from solon.feedback.judges.choice import ChoiceJudge
from solon.feedback.judges.likelihood import LikelihoodJudge
from solon.feedback.judges.panel import PanelJudge
from solon.feedback.judges.pointwise import PointwiseJudge
from solon.feedback.judges.reward_model import RewardModelJudge
from solon.feedback.judges.score import ScoreJudge
from solon.prompts.compare import letter_demonstrations, reasoned_demonstrations
from solon.prompts.exemplars import shared_exemplars
from solon.settings import Ask, FeedbackSettings

__all__ = ["PanelJudge", "RewardModelJudge", "build_judge"]


def build_judge(settings: FeedbackSettings, engine: Engine, constitution: Constitution, seed: int = 0) -> Judge:
    """The judge that asks `engine` as `settings` say. Raises ConfigError where the engine cannot be asked so."""
    if settings.ask_about:

        def asked(ask: Ask) -> Judge:
            way = settings.model_copy(update={"ask": ask, "ask_about": {}})
            return build_judge(way, engine, constitution, seed)

        return AimedJudge(asked(settings.ask), {aim: asked(ask) for aim, ask in settings.ask_about.items()})
    marks, orders, shown = settings.data_marks, settings.orders, shared_exemplars(constitution).comparison
    if settings.ask == "choice":
        return ChoiceJudge(engine, letter_demonstrations(shown[: settings.exemplars], marks=marks), orders, marks)
    if settings.ask == "chain_of_thought":
        reasoned = [exemplar for exemplar in shown if exemplar.reasoning][: settings.exemplars]
        if settings.exemplars and not reasoned:
            raise ConfigError(
                f"exemplars {settings.exemplars}: none of the constitution's comparison exemplars has a reasoning, "
                "which chain_of_thought shows; write one, or set exemplars to 0"
            )
        return ChainOfThoughtJudge(
            engine,
            orders,
            marks,
            settings.samples,
            settings.reasoning_tokens,
            seed=seed,
            demonstrations=reasoned_demonstrations(reasoned, marks=marks),
        )
    if settings.ask == "score":
        return ScoreJudge(engine, marks)
    if settings.ask == "pointwise":
        return PointwiseJudge(engine, marks)
    if settings.ask == "likelihood":
        if engine.fingerprint.engine == "openai":
            raise ConfigError(
                "ask likelihood scores whole replies, which an OpenAI-compatible server cannot; "
                "ask choice, chain_of_thought, score or pointwise, or load the judge's weights (engine transformers)"
            )
        return LikelihoodJudge(engine)
    raise ConfigError("ask reward_model needs a reward model: name its folder, see docs/feedback.md")
