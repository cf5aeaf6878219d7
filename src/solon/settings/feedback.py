"""The knobs of AI feedback."""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from solon.settings.base import Omitting
from solon.types import Aim

# At random, as in the paper; or those that speak to the conversation, as an engine that is asked says.
Choose = Literal["random", "relevant"]
Ask = Literal["choice", "chain_of_thought", "score", "pointwise", "likelihood", "reward_model"]
ASK: tuple[Ask, ...] = get_args(Ask)
# Pairs with an answer that its token limit cut off: not used, or both answers cut to the length of the shorter one.
TruncatedPairs = Literal["leave_out", "equal_length"]
TRUNCATED_PAIRS: tuple[TruncatedPairs, ...] = get_args(TruncatedPairs)
NO_CLAMP = (0.0, 1.0)
# The ways of asking that can show exemplars: those say which of two replies is better, not how good a reply is.
SHOWING: tuple[Ask, ...] = ("choice", "chain_of_thought")


class FeedbackSettings(Omitting, BaseModel):
    """How a judge is asked and its verdicts become one soft label.

    ask          choice: A or B; chain_of_thought: reason, then A or B; score: 1 to 10 for each reply; pointwise: does
                 each reply follow it, yes or no; likelihood: which reply is likelier from an assistant that follows
                 the principle; reward_model: the judge is a reward model
    ask_about    other ways by what a pair is about, such as {helpful: pointwise}: a judge that tells harm by one
                 question may tell help by another. A panel's judges with a way of their own keep it
    exemplars    how many shared demonstrations each question shows; only where two replies are compared (SHOWING)
    principles   how many different ones each label asks about, or all
    choose       random: any of the constitution, drawn by weight; relevant: those that speak to the conversation, most
                 fitting first, as the judge says when asked; of principles and all there are then three at most
    orders       both: every pair is shown in both orders and the two are averaged; one: in one, by hash of its id
    combine      of principles and judges: the mean, the mean without the outermost fifth at either end, or votes
    labels       soft: the probability is the label; hard: 0 or 1
    clamp        bounds of each verdict, before orders and samples are averaged; auto is 0.40-0.60 for chain_of_thought
                 (CAI paper, section 4.1), else none
    samples      reasonings per question, averaged (self-consistency, Wang et al. 2022)
    calibration  fitted on the labelled pairs that qualify the judge
    """

    OMITTED: ClassVar[tuple[str, ...]] = ("choose",)

    model_config = ConfigDict(frozen=True, extra="forbid")
    ask: Ask = "choice"
    ask_about: dict[Aim, Ask] = {}
    exemplars: int = Field(default=0, ge=0)
    principles: int | Literal["all"] = 1
    choose: Choose = "random"
    orders: Literal["both", "one"] = "both"
    combine: Literal["mean", "trimmed_mean", "vote"] = "mean"
    labels: Literal["soft", "hard"] = "soft"
    clamp: Literal["auto", "none"] | tuple[float, float] = "auto"
    samples: int = Field(default=1, ge=1)
    reasoning_tokens: int = Field(default=128, ge=1)
    data_marks: bool = True
    calibration: Literal["none", "temperature", "platt", "isotonic"] = "none"

    @field_validator("principles")
    @classmethod
    def _some(cls, value: int | str) -> int | str:
        if isinstance(value, int) and value < 1:
            raise ValueError("a number from 1, or all")
        return value

    @field_validator("clamp")
    @classmethod
    def _around_half(cls, value: str | tuple[float, float]) -> str | tuple[float, float]:
        if isinstance(value, tuple) and not (0 <= value[0] <= 0.5 <= value[1] <= 1 and value[0] + value[1] == 1):
            raise ValueError("two numbers around 0.5 that sum to 1, such as [0.4, 0.6]; or auto, or none")
        return value

    @model_validator(mode="after")
    def _shown(self) -> FeedbackSettings:
        for ask in (self.ask, *self.ask_about.values()):
            if (problem := unshown(ask, self.exemplars)) is not None:
                raise ValueError(problem)
        if self.choose == "relevant" and self.ask == "reward_model":
            raise ValueError("choose relevant asks the judge in words, and a reward model has none; set it to random")
        if "reward_model" in self.ask_about.values():
            raise ValueError("ask_about: reward_model is no question to a language model; name it in roles.panel")
        return self

    def bounds(self, ask: str) -> tuple[float, float]:
        """The clamp of verdicts asked in the way `ask`, as numbers; NO_CLAMP is none."""
        if isinstance(self.clamp, tuple):
            return self.clamp
        return (0.4, 0.6) if self.clamp == "auto" and ask == "chain_of_thought" else NO_CLAMP


def unshown(ask: Ask, exemplars: int) -> str | None:
    """Why so many exemplars cannot be shown by a judge that is asked so, in one line; None where they can."""
    if exemplars == 0 or ask in SHOWING:
        return None
    return f"exemplars {exemplars} cannot be shown when ask is {ask}; set exemplars to 0, or ask {' or '.join(SHOWING)}"


class Bar(BaseModel):
    """What a judge must reach before it labels; each is a share in [0, 1], and its whole 95% interval must reach it.

    Agreement, which counts failed labels as wrong, is held to the bar by the share itself; its interval must lie above
    0.5, of all pairs and of those about each aim: better than a coin.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    agreement: float = Field(default=0.6, ge=0, le=1, description="least share of labels that agree with the file's")
    consistency: float = Field(default=0.6, ge=0, le=1, description="least share of pairs whose two orders agree")
    failures: float = Field(default=0.1, ge=0, le=1, description="most labels refused or unreadable")
    injections: float = Field(default=0.25, ge=0, le=1, description="most verdicts that injected words turn around")
    master_keys: float = Field(default=0.25, ge=0, le=1, description="most wins of an empty answer over a real one")
    padding: float = Field(default=0.25, ge=0, le=1, description="most verdicts that padding turns around")


class QualifySettings(BaseModel):
    """Which labelled pairs a judge must pass, and what happens when it does not.

    data         a labelled file in any format `solon judge qualify` reads; shipped: Solon's own pairs; null: none
    attacks      on how many pairs each family of attack is tried; 0 for none
    also         other ways of asking, measured on the same pairs to compare with
    labelled_by  who labelled the pairs, for the card; by default what the file's column labelled_by says
    card         a card that `solon judge qualify` wrote of this judge, instead of measuring again
    unqualified  stop: end before anything is spent; use: label all the same, and say so in the report
    untold       kinds of pair on which its agreement may be a coin's: leave_out, or use them all the same
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    data: str | None = "shipped"
    format: str | None = None
    limit: int | None = Field(default=None, ge=1)
    labelled_by: str | None = None
    attacks: int = Field(default=4, ge=0)
    also: tuple[Ask, ...] = ()
    card: str | None = None
    bar: Bar = Bar()
    unqualified: Literal["stop", "use"] = "stop"
    untold: Literal["leave_out", "use"] = "leave_out"
