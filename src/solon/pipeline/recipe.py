"""The recipe: one YAML file, few knobs, unknown keys refused. Importing it does not import torch."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin

from pydantic import BaseModel, Field, PrivateAttr, ValidationError, field_validator, model_validator
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
from solon.settings.base import Omitting, Settings
from solon.settings.servers import TimeLimits
from solon.yaml import read_yaml

EngineName = Literal["transformers", "openai", "recorded", "scripted"]
RoleName = Literal["policy", "drafter", "reviser", "responder", "judge"]
ROLES: tuple[RoleName, ...] = get_args(RoleName)


MAX_SEED = 2**32 - 1  # the most that the trainers' libraries take


class Role(Settings):
    """Which engine plays a role, and with which model."""

    engine: EngineName = "transformers"
    """transformers: weights in this process; openai: any OpenAI-compatible server (Ollama, vLLM, llama.cpp, a hosted
    API); recorded: a recording of calls; scripted: fixed rules, for tests."""
    model: str = ""
    """A hub id, a local folder, a GGUF file or package:NAME/FILE.gguf (transformers), the name of the model on the
    server (openai), the recorded role (recorded; by default the role itself) or a script file (scripted)."""
    base_url: str | None = None
    """Of openai: where the server is, such as http://127.0.0.1:11434/v1. It may name variables of the environment, as
    in http://${USER}:${PASSWORD}@host/v1, and holds no password itself."""
    api_key_env: str = "OPENAI_API_KEY"
    """Of openai: the environment variable that holds the key, never the key itself; servers of one's own need none."""
    recording: str = "quickstart"
    """Of recorded: the recording's name or file."""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """Of transformers: the type of the weights. CPUs are quickest in float32, GPUs in bfloat16."""
    batch_size: int = Field(default=64, ge=1)
    """Of transformers: most requests that are answered together."""
    concurrency: int = Field(default=8, ge=1)
    """Of openai: most requests under way at once."""
    time_limits: TimeLimits = TimeLimits()
    """Of openai: how long a call may take."""

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None:
            check_address(value)
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


class Price(Settings):
    """What a model costs, in the currency you think in."""

    input: float = Field(ge=0)
    """Per million tokens that it reads."""
    output: float = Field(ge=0)
    """Per million tokens that it writes."""


class PanelRole(Role):
    """A further judge."""

    ask: Ask | None = None
    """How it is asked; null: as the first judge is."""


class Roles(Settings):
    """Who does what. Roles left out are played by the policy."""

    policy: Role
    """The model that is trained. Its weights are loaded when a step trains it or asks it."""
    drafter: Role | None = None
    """Who drafts the answers that are criticised and samples helpful ones; null: the policy."""
    reviser: Role | None = None
    """Who criticises and revises; null: the policy."""
    responder: Role | None = None
    """Whose answers are compared in policy pairs; null: the SL-CAI policy."""
    judge: Role | None = None
    """Who says which of two replies is better; null: the policy."""
    panel: tuple[PanelRole, ...] = ()
    """Further judges: every label combines what all of them say."""
    gold: PanelRole | None = None
    """A judge or reward model that nothing is trained on: it watches the policy while it learns from another. Its ask
    is reward_model or score."""
    other_policy: Literal["stop", "use"] = "stop"
    """What becomes of recorded drafts and answers that another policy than the run's wrote: stop before anything is
    spent, or use them."""

    @model_validator(mode="after")
    def _gold_scores(self) -> Roles:
        if self.gold is not None and self.gold.ask not in (None, "reward_model", "score"):
            raise ValueError(f"gold scores answers one by one: its ask is reward_model or score, not {self.gold.ask}")
        return self


class Kind(Settings):
    """One kind of prompt."""

    file: str
    """A file of prompts, from the folder where the command runs, or `quickstart:NAME`; see docs/data.md for what is
    read. Rows may name their side with `split` (train, heldout, test or validation); of those that do not, about a
    third is held out for evaluation, by hash of the text, near-repeats together."""
    aims: tuple[Aim, ...] = Field(min_length=1)
    """What replies to such prompts are criticised and compared by: principles of these aims. The first says which way
    they pull: prompts of a kind that is led by harmless ask for harm, and to the others an answer is right. May be left
    out of red_team (harmless), helpful and lookalike (helpful)."""
    share: float = Field(default=1.0, gt=0, le=1)
    """How many of its training prompts are used, chosen by hash."""
    drafts: Literal["sampled", "file", "every"] = "sampled"
    """What is criticised and revised: sampled, a draft of the drafter's; file, the reply that a row of the file has to
    its prompt (a sampled one where it has none); every, besides each earlier reply of its conversation, too."""

    @field_validator("aims")
    @classmethod
    def _each_once(cls, value: tuple[Aim, ...]) -> tuple[Aim, ...]:
        if len(set(value)) < len(value):
            raise ValueError(f"names an aim twice: {', '.join(value)}")
        return value


class Sampling(Settings):
    """How to sample answers."""

    max_tokens: int = Field(default=256, ge=1)
    """Most tokens of an answer; one that is cut off is marked, and pairs with it are left out (truncated_pairs)."""
    temperature: float = Field(default=1.0, ge=0)
    """Of sampling; 0: the likeliest token each time."""
    stop_after: int | None = Field(default=None, ge=1)
    """An answer is over after so many sentences; null: where the model ends it."""


class RevisionSection(Omitting, Settings):
    """The critique-and-revision chain."""

    OMITTED: ClassVar[tuple[str, ...]] = ("choose",)

    max_tokens: int = Field(default=256, ge=1)
    """Most tokens of a revision."""
    temperature: float = Field(default=1.0, ge=0)
    """Of sampling critiques and revisions."""
    rounds: int = Field(default=4, ge=1)
    """Critiques and revisions of each draft, each by a principle of its own; the paper's are 4. Two calls a round."""
    exemplars: int = Field(default=6, ge=0)
    """How many demonstrations precede each request."""
    critique_tokens: int = Field(default=160, ge=1)
    """Most tokens of a critique."""
    sentences: int | None = Field(default=None, ge=1)
    """The most that a revision is asked for; null, as in the paper: nothing is said about length."""
    choose: Choose = "random"
    """random: every round draws its principle, as in the paper; relevant: rounds go by the principles that speak to the
    prompt, as the reviser says when asked once, in turn."""


class Mix(Settings):
    """What SL-CAI learns from; each limit leaves rows out by hash of their prompt, and counts them."""

    samples: int = Field(default=1, ge=1)
    """Answers sampled to each prompt that does not ask for harm (the paper's are 2, section 3.2)."""
    repeats: int | None = Field(default=None, ge=1)
    """How many rows may have the same text, word for word: weak revisers repeat a refusal; null: any number."""
    shares: dict[str, Annotated[float, Field(gt=0, lt=1)]] = Field(default={})
    """Most of the mix that rows of a kind may be, by kind, such as {red_team: 0.3}."""
    refusals: float | None = Field(default=None, gt=0, lt=1)
    """Most of the mix that may decline (Safety-Tuned LLaMAs, Bianchi et al. 2024, needs a few in a hundred); null: any
    share."""


class SlCai(Settings):
    """The supervised phase."""

    draft: Sampling = Sampling()
    """How drafts are sampled."""
    revision: RevisionSection = RevisionSection()
    """How they are criticised and revised."""
    helpful: Sampling = Sampling()
    """How answers to prompts that do not ask for harm are sampled."""
    chains: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Kinds of prompts whose drafts are criticised and revised; null: those that ask for harm, as in the paper, and
    where no kind does, all. Round by round a chain draws principles of the kind's aims, in turn."""
    keep: Literal["all", "better", "aimed"] = "all"
    """all revisions, as the paper does; better: one is reverted where it moved away from the kind's first aim, by
    declining what is harmless or by answering what is harmful and was declined; aimed: besides, what moved nowhere is
    not learnt, such as an answer to harm that is still one."""
    rounds: Literal["all", "last"] = "all"
    """Which revisions of a chain are learnt from: all of them, as the paper does, or the last."""
    helpful_share: float = Field(default=1.0, ge=0, le=1)
    """Most of the mix that may be sampled helpful answers; 1 takes them all (the paper's is 0.27)."""
    critique_share: float = Field(default=0.25, ge=0, le=1)
    """Share of the chains that teach critique and revision themselves, too: what `solon serve` asks of the model."""
    mix: Mix = Mix()
    """Shares by kind, samples and the caps on repeats and refusals."""
    sft: SftSettings = SftSettings()
    """How the mix is learnt."""


# How many prompts of each kind: of every kind, or by kind; None is all of them.
Pairs = Annotated[int, Field(ge=0)] | dict[str, Annotated[int, Field(ge=0)] | None] | None


class HumanPairs(Settings):
    """A file of pairs that people compared, as the paper mixes human labels of helpfulness with AI labels of
    harmlessness (section 4.1)."""

    file: str
    """In any format that `solon data convert` reads."""
    aim: Aim
    """What they are about."""
    format: str | None = None
    """Of the file, where it should not be recognised by itself."""
    weight: float = Field(default=1.0, gt=0)
    """Of each of its pairs in the loss, beside 1 of the judge's."""
    limit: int | None = Field(default=None, ge=1)
    """Use only so many; null: all."""


class RlCai(Omitting, Settings):
    """The RL phase: labels, reward model, policy."""

    OMITTED: ClassVar[tuple[str, ...]] = ("constraint", "checkpoints")

    method: Method = "ppo"
    """How the policy learns; the section of that name holds its knobs. dpo and kto learn from the labels themselves and
    need no reward."""
    seed: int | None = Field(default=None, ge=0, le=MAX_SEED)
    """Of the policy's training and sampling alone, to tell luck from effect; null: the recipe's."""
    checkpoints: int = Field(default=0, ge=0, le=64)
    """How many of the policy are kept along its training, evenly over its steps, and evaluated beside the last: a rule
    (select) picks among them, too."""
    feedback: FeedbackSettings = FeedbackSettings()
    """How the judge labels."""
    qualify: QualifySettings = QualifySettings()
    """What the judge must show before it may."""
    answers: Sampling = Sampling()
    """How the two answers of a policy pair are sampled."""
    policy_pairs: Pairs = None
    """Prompts of each kind that get two answers of the responder, which are compared: a number, or one by kind (null:
    all). By default all; none where a run that stops before its policy is trained has no policy here to answer."""
    contrast_pairs: Pairs = 0
    """Prompts of each kind whose answer is compared with a refusal, a number, or one by kind (null: all)."""
    human: tuple[HumanPairs, ...] = ()
    """Preferences that people gave, beside those of the judge."""
    truncated_pairs: TruncatedPairs = "leave_out"
    """Pairs with an answer that its token limit cut off: leave them out; or, equal_length, cut both answers to the
    length of the shorter one before the judge sees them."""
    reward_model: RewardSettings = RewardSettings()
    """The model that scores answers: how it is trained, and what it must reach."""
    rewards: tuple[RewardTerm, ...] = Field(default=(RewardTerm(),), min_length=1)
    """What the policy is rewarded for: a weighted sum of terms."""
    constraint: Constraint | None = None
    """What must not grow with the reward, such as the share of harmless prompts declined; ppo, grpo and rloo only."""
    ppo: PpoSettings = PpoSettings()
    """Knobs of method ppo."""
    dpo: DpoSettings = DpoSettings()
    """Knobs of method dpo."""
    kto: KtoSettings = KtoSettings()
    """Knobs of method kto."""
    grpo: GrpoSettings = GrpoSettings()
    """Knobs of method grpo."""
    rloo: GrpoSettings = GrpoSettings()
    """Knobs of method rloo."""
    best_of_n: BestOfNSettings = BestOfNSettings()
    """Knobs of method best_of_n."""
    guards: GuardSettings = GuardSettings()
    """What ends training of the policy early."""

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


class Evaluate(Settings):
    """Greedy answers on held-out prompts."""

    prompts: int | None = Field(default=None, ge=1)
    """How many of each kind are answered, chosen by hash; null: all that are held out."""
    max_tokens: int = Field(default=128, ge=1)
    """Most tokens of an answer."""
    stop_after: int | None = Field(default=None, ge=1)
    """An answer is over after so many sentences; null: where the model ends it."""

    def asked(self) -> dict[str, Any]:
        """How each prompt is asked."""
        return self.model_dump(exclude={"prompts"})


class Recipe(Settings):
    """Everything a run depends on."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)
    """What the run is called: its folder is runs/NAME. Letters, digits, point, _ and -, beginning with a letter or
    digit, 80 at most."""
    seed: int = Field(default=0, ge=0, le=MAX_SEED)
    """Of all that is drawn: the same recipe and seed give the same data."""
    constitution: str = "balanced"
    """A shipped constitution by its name, or a file."""
    prompts: dict[str, Kind] = Field(min_length=1)
    """The prompts by kind, under names of your own. A file alone will do for red_team, helpful and lookalike, whose
    names say their aims; null leaves a kind out."""
    roles: Roles
    """Which model does what."""
    sl_cai: SlCai = SlCai()
    """The supervised phase: drafts, critiques, revisions, fine-tuning."""
    rl_cai: RlCai = RlCai()
    """The RL phase: AI labels, reward model, policy."""
    evaluate: Evaluate = Evaluate()
    """Base, SL-CAI and RL-CAI on held-out prompts."""
    select: Select | None = None
    """The rule that says which checkpoint is the model; null: the last."""
    prices: dict[str, Price] = Field(default={})
    """What models cost, by their name: `solon plan` counts with it."""
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
    def drafted(self) -> tuple[str, ...]:
        """The kinds whose files bring drafts of their own."""
        return tuple(name for name, kind in self.prompts.items() if kind.drafts != "sampled")

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
        """Kinds whose drafts are criticised and revised; where none asks for harm, that is every kind."""
        return self.sl_cai.chains or self.harm_kinds or tuple(self.prompts)

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
    def _drafts_are_revised(self) -> Recipe:
        for name in self.drafted:
            if name not in self.chain_kinds:
                raise ValueError(
                    f"prompts.{name}.drafts: {self.prompts[name].drafts}, but drafts of {name} are not revised: only "
                    f"those of {', '.join(self.chain_kinds)} are; name {name} in sl_cai.chains, or leave drafts out"
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
    if not isinstance(section, dict) or section.get("aims") is not None:
        return section
    if name not in AIMS:
        raise ValueError(
            f"{name} has no aims: say what replies to such prompts are compared by ({', '.join(get_args(Aim))}), such "
            f"as {name}: {{file: {section.get('file', 'prompts.jsonl')}, aims: [helpful]}}"
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
        raise ConfigError(f"recipe: {path}: {_explained(error)}") from None
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


def sections_in(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """The sections of a recipe by path, "" the top; `*` stands for a name of one's own or a place in a list."""
    found: dict[str, type[BaseModel]] = {"": model}
    for name, field in model.model_fields.items():
        for inner, several in sections_of(field.annotation):
            at = f"{name}.*" if several else name
            found |= {f"{at}.{path}".rstrip("."): section for path, section in sections_in(inner).items()}
    return found


def sections_of(kind: Any) -> list[tuple[type[BaseModel], bool]]:
    """The models in a field's type, each with whether there may be several."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [(kind, False)]
    several = get_origin(kind) in (dict, tuple)
    return [(model, several or more) for part in get_args(kind) for model, more in sections_of(part)]


def _explained(error: ValidationError) -> str:
    sections = sections_in(Recipe)
    known = [f"{path}.{key}".lstrip(".") for path, section in sections.items() for key in section.model_fields]
    return explain(error, known, {s.__name__: list(s.model_fields) for s in sections.values()})
