"""The recipe: one YAML file, few knobs, unknown keys refused. Importing it does not import torch."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from solon.errors import ConfigError
from solon.files import explain
from solon.settings import (
    Ask,
    BestOfNSettings,
    DpoSettings,
    FeedbackSettings,
    GrpoSettings,
    GuardSettings,
    KtoSettings,
    Method,
    PpoSettings,
    QualifySettings,
    RewardSettings,
    RewardTerm,
    SftSettings,
    TruncatedPairs,
    no_repair,
    unshown,
)
from solon.yaml import read_yaml

EngineName = Literal["transformers", "openai", "recorded", "scripted"]
RoleName = Literal["policy", "drafter", "reviser", "responder", "judge"]
ROLES: tuple[RoleName, ...] = get_args(RoleName)


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Role(Section):
    """Which engine plays a role, and with which model.

    `model` is a hub id, a local folder, a GGUF file or `package:NAME/FILE.gguf` (transformers), a model
    name (openai), the recorded role (recorded; by default the role itself) or a script file (scripted).
    """

    engine: EngineName = "transformers"
    model: str = ""
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    recording: str = "quickstart"
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    batch_size: int = Field(default=64, ge=1)
    concurrency: int = Field(default=8, ge=1)

    @model_validator(mode="after")
    def _complete(self) -> Role:
        if self.engine == "transformers" and not self.model:
            raise ValueError("engine transformers needs 'model': a hub id, a folder or a GGUF file")
        if self.engine == "openai" and not (self.model and self.base_url):
            raise ValueError("engine openai needs 'model' and 'base_url' (such as http://127.0.0.1:11434/v1)")
        return self

    @property
    def identity(self) -> dict[str, str]:
        """What its answers depend on. A server's address, batch and concurrency are not part of it."""
        recording = self.recording if self.engine == "recorded" else ""
        return {"engine": self.engine, "model": self.model, "recording": recording, "precision": self.precision}


class Price(Section):
    """What a model costs, in the currency you think in, per million tokens."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)


class PanelRole(Role):
    """A further judge, asked like the first unless `ask` says otherwise."""

    ask: Ask | None = None


class Roles(Section):
    """Who does what. Roles left out are played by the policy (`responder`: the SL-CAI policy).

    `panel` names further judges: every label combines what all of them say. `gold` is a judge or reward model that
    nothing is trained on: it watches the policy while it learns from another. `other_policy` says what becomes of
    recorded drafts and answers that another policy than the run's wrote: stop before anything is spent, or use them.
    """

    policy: Role
    drafter: Role | None = None
    reviser: Role | None = None
    responder: Role | None = None
    judge: Role | None = None
    panel: tuple[PanelRole, ...] = ()
    gold: PanelRole | None = None
    other_policy: Literal["stop", "use"] = "stop"

    @model_validator(mode="after")
    def _gold_scores(self) -> Roles:
        if self.gold is not None and self.gold.ask not in (None, "reward_model", "score"):
            raise ValueError(f"gold scores answers one by one: its ask is reward_model or score, not {self.gold.ask}")
        return self


class Prompts(Section):
    """Prompt files: paths, or `quickstart:NAME`."""

    red_team: str
    helpful: str | None = None
    lookalike: str | None = None


class Sampling(Section):
    """How to sample answers. One is over after `stop_after` sentences (None: where the model ends it)."""

    max_tokens: int = Field(default=256, ge=1)
    temperature: float = Field(default=1.0, ge=0)
    stop_after: int | None = Field(default=None, ge=1)


class RevisionSection(Section):
    """The critique-and-revision chain: paper's 4 rounds at temperature 1.

    `sentences` is the most that a revision is asked for (None, as in the paper: nothing is said about length).
    """

    max_tokens: int = Field(default=256, ge=1)
    temperature: float = Field(default=1.0, ge=0)
    rounds: int = Field(default=4, ge=1)
    exemplars: int = Field(default=6, ge=0)
    critique_tokens: int = Field(default=160, ge=1)
    sentences: int | None = Field(default=None, ge=1)


class SlCai(Section):
    """The supervised phase.

    rounds          which revisions of a chain are learnt from: all of them, as the paper does, or the last
    helpful_share   most of the mix that may be helpful answers; 1 takes them all (the paper's is 0.27)
    critique_share  of the chains also teach critique and revision themselves
    """

    draft: Sampling = Sampling()
    revision: RevisionSection = RevisionSection()
    helpful: Sampling = Sampling()
    rounds: Literal["all", "last"] = "all"
    helpful_share: float = Field(default=1.0, ge=0, le=1)
    critique_share: float = Field(default=0.25, ge=0, le=1)
    sft: SftSettings = SftSettings()


class RlCai(Section):
    """The RL phase. `policy_pairs` prompts (None: all) get two answers of the SL-CAI policy.

    `feedback` says how the judge labels, `qualify` what it must show before it may. `method` says how the policy
    learns; the section of that name holds its knobs, `rewards` what it is rewarded for, `guards` what ends it early.
    `truncated_pairs`: pairs with an answer cut off by its token limit are left out, or (equal_length) both answers are
    cut to the length of the shorter one before the judge sees them.
    `seed` is of the policy's training and sampling alone (None: the recipe's), to tell luck from effect.
    """

    method: Method = "ppo"
    seed: int | None = Field(default=None, ge=0)
    feedback: FeedbackSettings = FeedbackSettings()
    qualify: QualifySettings = QualifySettings()
    answers: Sampling = Sampling()
    policy_pairs: int | None = Field(default=None, ge=0)
    truncated_pairs: TruncatedPairs = "leave_out"
    reward_model: RewardSettings = RewardSettings()
    rewards: tuple[RewardTerm, ...] = Field(default=(RewardTerm(),), min_length=1)
    ppo: PpoSettings = PpoSettings()
    dpo: DpoSettings = DpoSettings()
    kto: KtoSettings = KtoSettings()
    grpo: GrpoSettings = GrpoSettings()
    rloo: GrpoSettings = GrpoSettings()
    best_of_n: BestOfNSettings = BestOfNSettings()
    guards: GuardSettings = GuardSettings()

    @model_validator(mode="after")
    def _fitted_on_something(self) -> RlCai:
        if self.feedback.calibration != "none" and self.qualify.data is None and self.qualify.card is None:
            method = self.feedback.calibration
            raise ValueError(f"feedback.calibration {method} is fitted on labelled pairs; name some in qualify.data")
        return self

    @model_validator(mode="after")
    def _can_be_repaired(self) -> RlCai:
        if why := no_repair(self.guards, self.method, getattr(self, self.method)):
            raise ValueError(f"guards: {why}")
        return self


class Evaluate(Section):
    """Greedy answers on held-out prompts, each over after `stop_after` sentences (None: where the model ends it)."""

    max_tokens: int = Field(default=128, ge=1)
    stop_after: int | None = Field(default=None, ge=1)


class Recipe(Section):
    """Everything a run depends on."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)
    seed: int = Field(default=0, ge=0)
    constitution: str = "balanced"
    prompts: Prompts
    roles: Roles
    sl_cai: SlCai = SlCai()
    rl_cai: RlCai = RlCai()
    evaluate: Evaluate = Evaluate()
    prices: dict[str, Price] = Field(default={}, description="By model name; solon plan counts with them.")

    @model_validator(mode="after")
    def _panel_shows_exemplars(self) -> Recipe:
        for n, role in enumerate(self.roles.panel):
            if role.ask and (problem := unshown(role.ask, self.rl_cai.feedback.exemplars)) is not None:
                raise ValueError(f"roles.panel.{n}: rl_cai.feedback.{problem}")
        return self


def recipe_path(name: str) -> Path:
    """A shipped recipe by name ("quickstart") or a path."""
    shipped = Path(str(files("solon") / "recipes" / f"{name}.yaml"))
    return shipped if shipped.exists() else Path(name)


def load_recipe(name: str, overrides: tuple[str, ...] = ()) -> Recipe:
    """The recipe in a file with `key.path=value` overrides applied. Raises ConfigError in one line."""
    path = recipe_path(name)
    data = read_yaml(path, "recipe")
    for override in overrides:
        apply_override(data, override)
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"recipe: {path}: {explain(error, _known_keys(Recipe))}") from None


def apply_override(data: dict[str, Any], override: str, what: str = "override") -> None:
    """Set one `key.path=value` in `data`, the value read as YAML. Raises ConfigError, naming `what` it is."""
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"{what}: '{override}' is not key=value (such as rl_cai.method=ppo)")
    try:
        value = YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        value = text
    *parents, last = key.split(".")
    for parent in parents:
        node = data.setdefault(parent, {})
        if not isinstance(node, dict):
            raise ConfigError(f"{what}: '{override}': {parent} is a value, not a section")
        data = node
    data[last] = value


def _known_keys(model: type[BaseModel]) -> set[str]:
    """Every key name of the recipe, for "did you mean"."""
    keys: set[str] = set()
    for name, field in model.model_fields.items():
        keys.add(name)
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                keys |= _known_keys(kind)
    return keys
