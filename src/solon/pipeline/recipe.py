"""The recipe: one YAML file, few knobs, unknown keys refused. Importing it does not import torch."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from solon.constitution.model import Aim
from solon.data.aims import AIMS
from solon.engines.address import check_address
from solon.errors import ConfigError
from solon.files import explain
from solon.pipeline.places import Tell, home_of, place
from solon.settings import (
    OFFLINE,
    Ask,
    BestOfNSettings,
    Choose,
    Constraint,
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
    Select,
    SftSettings,
    TruncatedPairs,
    metric_names,
    no_constraint,
    no_repair,
    unmet_terms,
    unshown,
)
from solon.settings.base import Omitting
from solon.settings.servers import TimeLimits
from solon.yaml import read_yaml

EngineName = Literal["transformers", "openai", "recorded", "scripted"]
RoleName = Literal["policy", "drafter", "reviser", "responder", "judge"]
ROLES: tuple[RoleName, ...] = get_args(RoleName)


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


MAX_SEED = 2**32 - 1  # the most that the trainers' libraries take


class Role(Section):
    """Which engine plays a role, and with which model.

    `model` is a hub id, a local folder, a GGUF file or `package:NAME/FILE.gguf` (transformers), a model
    name (openai), the recorded role (recorded; by default the role itself) or a script file (scripted).
    `base_url` may name variables of the environment, as in http://${USER}:${PASSWORD}@host/v1; `time_limits` are those
    of a server's calls.
    """

    engine: EngineName = "transformers"
    model: str = ""
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    recording: str = "quickstart"
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    batch_size: int = Field(default=64, ge=1)
    concurrency: int = Field(default=8, ge=1)
    time_limits: TimeLimits = TimeLimits()

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                check_address(value)
            except ConfigError as error:
                raise ValueError(str(error).removeprefix("base_url: ")) from None
        return value

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


class Kind(Section):
    """One kind of prompt.

    file    a path, or `quickstart:NAME`
    aims    what replies to such prompts are criticised and compared by: principles of these aims. The first says which
            way they pull: prompts of a kind that is led by harmless ask for harm, and to the others an answer is right
    share   how many of its training prompts are used, chosen by hash
    """

    file: str
    aims: tuple[Aim, ...] = Field(min_length=1)
    share: float = Field(default=1.0, gt=0, le=1)

    @field_validator("aims")
    @classmethod
    def _each_once(cls, value: tuple[Aim, ...]) -> tuple[Aim, ...]:
        if len(set(value)) < len(value):
            raise ValueError(f"names an aim twice: {', '.join(value)}")
        return value


class Sampling(Section):
    """How to sample answers. One is over after `stop_after` sentences (None: where the model ends it)."""

    max_tokens: int = Field(default=256, ge=1)
    temperature: float = Field(default=1.0, ge=0)
    stop_after: int | None = Field(default=None, ge=1)


class RevisionSection(Omitting, Section):
    """The critique-and-revision chain: paper's 4 rounds at temperature 1.

    `sentences` is the most that a revision is asked for (None, as in the paper: nothing is said about length).
    `choose`: every round draws its principle at random, as in the paper, or (relevant) rounds go by the principles that
    speak to the prompt, as the reviser says when asked once, in turn.
    """

    OMITTED: ClassVar[tuple[str, ...]] = ("choose",)

    max_tokens: int = Field(default=256, ge=1)
    temperature: float = Field(default=1.0, ge=0)
    rounds: int = Field(default=4, ge=1)
    exemplars: int = Field(default=6, ge=0)
    critique_tokens: int = Field(default=160, ge=1)
    sentences: int | None = Field(default=None, ge=1)
    choose: Choose = "random"


class Mix(Section):
    """What the mix of SL-CAI is made of; each limit leaves rows out by hash of their prompt, and counts them.

    samples   answers sampled to each prompt that does not ask for harm (the paper's are 2, section 3.2)
    repeats   how many rows may have the same text, word for word: weak revisers repeat a refusal; null: any number
    shares    most of the mix that rows of a kind may be, by kind
    refusals  most of the mix that may decline (Safety-Tuned LLaMAs, Bianchi et al. 2024, needs a few in a hundred);
              null: any share
    """

    samples: int = Field(default=1, ge=1)
    repeats: int | None = Field(default=None, ge=1)
    shares: dict[str, Annotated[float, Field(gt=0, lt=1)]] = {}
    refusals: float | None = Field(default=None, gt=0, lt=1)


class SlCai(Section):
    """The supervised phase.

    chains          kinds of prompts whose drafts are criticised and revised; null: those that ask for harm, as in the
                    paper. Round by round a chain draws principles of the kind's aims, in turn
    rounds          which revisions of a chain are learnt from: all of them, as the paper does, or the last
    keep            all revisions, as the paper does; or better: one is reverted where it moved away from the kind's
                    first aim, by declining what is harmless or by answering what is harmful and was declined; or
                    aimed: besides, what moved nowhere is not learnt, an answer to harm that is still one
    helpful_share   most of the mix that may be helpful answers; 1 takes them all (the paper's is 0.27)
    critique_share  of the chains also teach critique and revision themselves
    mix             shares by kind, samples and the cap on repeated refusals
    """

    draft: Sampling = Sampling()
    revision: RevisionSection = RevisionSection()
    helpful: Sampling = Sampling()
    chains: tuple[str, ...] | None = Field(default=None, min_length=1)
    keep: Literal["all", "better", "aimed"] = "all"
    rounds: Literal["all", "last"] = "all"
    helpful_share: float = Field(default=1.0, ge=0, le=1)
    critique_share: float = Field(default=0.25, ge=0, le=1)
    mix: Mix = Mix()
    sft: SftSettings = SftSettings()


# How many prompts of each kind: of every kind, or by kind; None is all of them.
Pairs = Annotated[int, Field(ge=0)] | dict[str, Annotated[int, Field(ge=0)] | None] | None


class HumanPairs(Section):
    """A file of pairs that people compared, in any format `solon data convert` reads, as the paper mixes human labels
    of helpfulness with AI labels of harmlessness (section 4.1).

    aim      what they are about
    weight   of each of its pairs in the loss, beside 1 of the judge's
    limit    use only so many
    """

    file: str
    aim: Aim
    format: str | None = None
    weight: float = Field(default=1.0, gt=0)
    limit: int | None = Field(default=None, ge=1)


class RlCai(Omitting, Section):
    """The RL phase.

    policy_pairs    prompts of each kind that get two answers of the SL-CAI policy: a number, or one by kind (null: all)
    contrast_pairs  prompts of each kind whose answer is compared with a refusal, likewise
    human           preferences that people gave, beside those of the judge

    `feedback` says how the judge labels, `qualify` what it must show before it may. `method` says how the policy
    learns; the section of that name holds its knobs, `rewards` what it is rewarded for, `constraint` what must not
    grow with it, `guards` what ends it early.
    `truncated_pairs`: pairs with an answer cut off by its token limit are left out, or (equal_length) both answers are
    cut to the length of the shorter one before the judge sees them.
    `seed` is of the policy's training and sampling alone (None: the recipe's), to tell luck from effect.
    `checkpoints` of the policy are kept along its training, evenly over its steps, and evaluated beside the last: a
    rule (select) picks among them, too.
    """

    OMITTED: ClassVar[tuple[str, ...]] = ("constraint", "checkpoints")

    method: Method = "ppo"
    seed: int | None = Field(default=None, ge=0, le=MAX_SEED)
    checkpoints: int = Field(default=0, ge=0, le=64)
    feedback: FeedbackSettings = FeedbackSettings()
    qualify: QualifySettings = QualifySettings()
    answers: Sampling = Sampling()
    policy_pairs: Pairs = None
    contrast_pairs: Pairs = 0
    human: tuple[HumanPairs, ...] = ()
    truncated_pairs: TruncatedPairs = "leave_out"
    reward_model: RewardSettings = RewardSettings()
    rewards: tuple[RewardTerm, ...] = Field(default=(RewardTerm(),), min_length=1)
    constraint: Constraint | None = None
    ppo: PpoSettings = PpoSettings()
    dpo: DpoSettings = DpoSettings()
    kto: KtoSettings = KtoSettings()
    grpo: GrpoSettings = GrpoSettings()
    rloo: GrpoSettings = GrpoSettings()
    best_of_n: BestOfNSettings = BestOfNSettings()
    guards: GuardSettings = GuardSettings()

    @property
    def asks_policy(self) -> bool:
        """Whether any prompt gets two answers of the SL-CAI policy."""
        counts = self.policy_pairs.values() if isinstance(self.policy_pairs, dict) else (self.policy_pairs,)
        return any(count != 0 for count in counts)

    @model_validator(mode="after")
    def _fitted_on_something(self) -> RlCai:
        if self.feedback.calibration != "none" and self.qualify.data is None and self.qualify.card is None:
            method = self.feedback.calibration
            raise ValueError(f"feedback.calibration {method} is fitted on labelled pairs; name some in qualify.data")
        return self

    @model_validator(mode="after")
    def _learns_by_steps(self) -> RlCai:
        if self.checkpoints and self.method == "best_of_n":
            raise ValueError("checkpoints: best_of_n samples first and then fine-tunes; keep 0 of them")
        return self

    @model_validator(mode="after")
    def _can_be_repaired(self) -> RlCai:
        if why := no_repair(self.guards, self.method, getattr(self, self.method)):
            raise ValueError(f"guards: {why}")
        return self

    @model_validator(mode="after")
    def _rewards_fit(self) -> RlCai:
        if why := no_constraint(self.constraint, self.method):
            raise ValueError(f"constraint: {why}")
        if self.method not in OFFLINE and (why := unmet_terms(self.rewards, self.reward_model.per)):
            raise ValueError(why)
        return self


class Evaluate(Section):
    """Greedy answers on held-out prompts, each over after `stop_after` sentences (None: where the model ends it).

    `prompts` is how many of each kind are answered, chosen by hash (None: all that are held out).
    """

    prompts: int | None = Field(default=None, ge=1)
    max_tokens: int = Field(default=128, ge=1)
    stop_after: int | None = Field(default=None, ge=1)

    def asked(self) -> dict[str, Any]:
        """How each prompt is asked."""
        return self.model_dump(exclude={"prompts"})


class Recipe(Section):
    """Everything a run depends on."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)
    seed: int = Field(default=0, ge=0, le=MAX_SEED)
    constitution: str = "balanced"
    prompts: dict[str, Kind] = Field(min_length=1)
    roles: Roles
    sl_cai: SlCai = SlCai()
    rl_cai: RlCai = RlCai()
    evaluate: Evaluate = Evaluate()
    select: Select | None = Field(default=None, description="Which checkpoint is the model.")
    prices: dict[str, Price] = Field(default={}, description="By model name; solon plan counts with them.")
    _home: Path | None = PrivateAttr(default=None)

    @property
    def home(self) -> Path | None:
        """The run in whose folder the recipe was found; None of one that was written by hand."""
        return self._home

    def with_policy(self, model: str) -> Recipe:
        """The recipe with the policy's base taken from `model`, where its weights lie now."""
        policy = self.roles.policy.model_copy(update={"model": model})
        return self.model_copy(update={"roles": self.roles.model_copy(update={"policy": policy})})

    @property
    def harm_kinds(self) -> tuple[str, ...]:
        """Kinds whose prompts ask for harm: to decline them is right."""
        return self.kinds_about("harmless")

    @property
    def aims(self) -> dict[str, tuple[Aim, ...]]:
        """The aims of every kind of prompts, in the recipe's order."""
        return {name: kind.aims for name, kind in self.prompts.items()}

    def kinds_about(self, aim: str) -> tuple[str, ...]:
        """The kinds of prompts that are led by an aim."""
        return tuple(name for name, kind in self.prompts.items() if kind.aims[0] == aim)

    @property
    def chain_kinds(self) -> tuple[str, ...]:
        """Kinds whose drafts are criticised and revised."""
        return self.sl_cai.chains or self.harm_kinds

    @field_validator("prompts", mode="before")
    @classmethod
    def _kinds(cls, value: Any) -> Any:
        """A file alone is a kind whose name says its aims: red_team, helpful or lookalike.

        Those come first, then others by name: in whatever order a file has them, a run is the same.
        """
        if not isinstance(value, dict):
            return value
        known = [*AIMS, *sorted(str(kind) for kind in value if kind not in AIMS)]
        kinds = {str(kind): given for kind, given in value.items() if given is not None}
        return {kind: _kind(kind, kinds[kind]) for kind in known if kind in kinds}

    @model_validator(mode="after")
    def _harm_and_help(self) -> Recipe:
        if not self.harm_kinds:
            raise ValueError(
                f"prompts: none of {', '.join(self.prompts)} is led by the aim harmless; name a kind whose prompts ask "
                "for harm, such as red_team: my-red-team.jsonl"
            )
        return self

    @model_validator(mode="after")
    def _known_kinds(self) -> Recipe:
        """Settings by kind name kinds that there are."""
        rl = self.rl_cai
        named: dict[str, Iterable[str]] = {"sl_cai.chains": self.sl_cai.chains or ()}
        named |= {"rl_cai.policy_pairs": rl.policy_pairs} if isinstance(rl.policy_pairs, dict) else {}
        named |= {"rl_cai.contrast_pairs": rl.contrast_pairs} if isinstance(rl.contrast_pairs, dict) else {}
        named |= {"sl_cai.mix.shares": self.sl_cai.mix.shares}
        for setting, kinds in named.items():
            for kind in kinds:
                if kind not in self.prompts:
                    raise ValueError(
                        f"{setting}: '{kind}' is no kind of prompts; choose from {', '.join(self.prompts)}"
                    )
        return self

    @model_validator(mode="after")
    def _constraint_holds_some(self) -> Recipe:
        constraint = self.rl_cai.constraint
        if constraint is not None and not self.kinds_about(constraint.held):
            raise ValueError(
                f"rl_cai.constraint: no kind of prompts has the aim {constraint.held}, so nothing would be held to "
                f"{constraint.cost} at most {constraint.at_most:g}; give prompts of one, or leave the constraint out"
            )
        return self

    @model_validator(mode="after")
    def _panel_shows_exemplars(self) -> Recipe:
        for n, role in enumerate(self.roles.panel):
            if role.ask and (problem := unshown(role.ask, self.rl_cai.feedback.exemplars)) is not None:
                raise ValueError(f"roles.panel.{n}: rl_cai.feedback.{problem}")
        return self

    @model_validator(mode="after")
    def _select_names_metrics(self) -> Recipe:
        if self.select is not None:
            self.select.check(metric_names(aims_in(self)))
        return self


def aims_in(recipe: Recipe) -> dict[str, str]:
    """The leading aim of every kind of prompts, in the recipe's order."""
    return {name: aims[0] for name, aims in recipe.aims.items()}


def _kind(name: str, given: Any) -> Any:
    """A kind as its section, its aims filled in where the name says them. Raises ValueError for a name or a kind
    without aims."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", str(name)):
        raise ValueError(f"'{name}' is no name of a kind: small letters, digits and _, beginning with a letter")
    section = {"file": given} if isinstance(given, str) else given
    if not isinstance(section, dict) or "aims" in section:
        return section
    if name not in AIMS:
        raise ValueError(
            f"{name} has no aims: say what replies to such prompts are compared by, such as "
            f"{name}: {{file: {section.get('file', 'prompts.jsonl')}, aims: [helpful]}}"
        )
    return {**section, "aims": (AIMS[name],)}


def recipe_path(name: str) -> Path:
    """A shipped recipe by name ("quickstart"), a run's own by its folder, or a path."""
    shipped = Path(str(files("solon") / "recipes" / f"{name}.yaml"))
    if shipped.exists():
        return shipped
    own = Path(name) / "recipe.yaml"
    return own if own.is_file() else Path(name)


def load_recipe(name: str, overrides: tuple[str, ...] = (), tell: Tell = lambda _: None) -> Recipe:
    """The recipe in a file or a run's folder, with `key.path=value` overrides applied; what it names by a relative path
    is looked for beside it first, then in the current directory, which `tell` hears. Raises ConfigError in one line."""
    path = recipe_path(name)
    if path.is_dir():
        raise ConfigError(f"recipe: {path} holds no run (no recipe.yaml); give a recipe's file, or the folder of a run")
    data = read_yaml(path, "recipe")
    place(data, path, tell)
    for override in overrides:
        apply_override(data, override)
    try:
        made = Recipe.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"recipe: {path}: {explain(error, _known_keys(Recipe))}") from None
    made._home = home_of(path)
    return made


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
