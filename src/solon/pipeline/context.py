"""What the steps share: recipe, data, memo, engines and the one copy of the weights, loaded when needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from solon.constitution import Constitution, load_constitution
from solon.data.prompts import PromptSets
from solon.data.rows import BadRow
from solon.engines import Engine, MemoisedEngine, Usage
from solon.errors import PromptUnfit, afterwards
from solon.memo import Memo
from solon.pipeline.places import Tell, prompts_of
from solon.pipeline.progress import Progress
from solon.pipeline.recipe import Recipe, Role, RoleName
from solon.pipeline.roles import build_judge_engine, judge_roles
from solon.runs import Finished, Run
from solon.settings import Ask, FeedbackSettings
from solon.types import Fingerprint, Prompt, fraction

if TYPE_CHECKING:
    from solon.engines.local.model import LocalModel
    from solon.engines.local.source import ModelSource
    from solon.training.checkpoints import Checkpoints
    from solon.training.reward import RewardModel

T = TypeVar("T")

# Adapter names, and the folders their weights are published in.
ADAPTERS = {"sl_cai": "sl_cai/model", "policy": "rl_cai/policy"}
REWARD_FOLDER = "rl_cai/reward_model"
ALONG = "rl_cai/along"  # the policy along its training, a folder for each step that is kept
AT = "@"  # between the name of a model and the step after which it is meant


def load_prompts(recipe: Recipe, folders: Sequence[Path] = (), tell: Tell = lambda _: None) -> PromptSets:
    """The prompts that a recipe uses, by kind, with the aims of their kind: of those to train on its share.

    Where a file of theirs is gone, the rows that one of the runs in `folders` kept of it, as `tell` hears.
    """
    return used_of(recipe, given_prompts(recipe, folders, tell))


def given_prompts(recipe: Recipe, folders: Sequence[Path] = (), tell: Tell = lambda _: None) -> PromptSets:
    """The rows of a recipe's prompt files, or those that a run kept of them: one in `folders`, or the recipe's own."""
    files = {name: kind.file for name, kind in recipe.prompts.items()}
    return prompts_of(files, [*folders, *([recipe.home] if recipe.home else [])], tell, recipe.drafted)


def used_of(recipe: Recipe, loaded: PromptSets) -> PromptSets:
    """What a recipe uses of the rows of its prompt files."""
    kinds = recipe.prompts
    used = {
        name: [
            replace(one, aims=kinds[name].aims)
            for p in prompts
            if _taken(p, kinds[name].share)
            for one in (every_reply(p) if kinds[name].drafts == "every" and p.split == "train" else [p])
        ]
        for name, prompts in loaded.prompts.items()
    }
    bare = [name for name in recipe.drafted if not any(prompt.draft for prompt in used[name])]
    none = [f"prompts.{name}.drafts: no row of {kinds[name].file} has a reply: drafts are sampled" for name in bare]
    return replace(loaded, prompts=used, notes=[*loaded.notes, *none])


def every_reply(prompt: Prompt) -> list[Prompt]:
    """The prompt, and before it a prompt for each earlier reply in its conversation: what was said up to there, with
    that reply as the draft."""
    turns = prompt.context
    earlier = [
        replace(
            prompt,
            id=f"{prompt.id}#{n}",
            text=turns[at - 1].content,
            context=turns[: at - 1],
            draft=turns[at].content,
            later=(),
        )
        for n, at in enumerate((at for at, turn in enumerate(turns) if turn.role == "assistant"), 1)
        if at and turns[at - 1].role == "user"
    ]
    return [*earlier, prompt]


def _taken(prompt: Prompt, share: float) -> bool:
    """Whether a prompt is among the `share` of its kind that is used, as its twins are; of those held out all are."""
    return share >= 1 or prompt.split != "train" or fraction(["share", prompt.pair or prompt.text]) < share


def adapter_folder(adapter: str) -> str:
    """Where the weights of an adapter are: sl_cai, policy, or policy@STEP, as the policy was after that step."""
    name, _, step = adapter.partition(AT)
    return f"{ALONG}/{step}" if step else ADAPTERS[name]


def reward_adapter(aim: str | None) -> str:
    """The name of the adapter of the reward model of an aim, or of the one on all pairs."""
    return f"reward_model_{aim}" if aim else "reward_model"


class Context:
    """One run of one recipe. What `siblings`, other run folders, have finished is taken from them.

    Given `constitution` or `prompts`, the recipe's own are not read.
    """

    def __init__(
        self,
        recipe: Recipe,
        run: Run,
        progress: Progress,
        memo: Memo | None = None,
        siblings: Sequence[Path] = (),
        *,
        constitution: Constitution | None = None,
        prompts: PromptSets | None = None,
    ) -> None:
        self.siblings = siblings
        self.recipe, self.run, self.progress = recipe, run, progress
        self.constitution: Constitution = constitution or load_constitution(recipe.constitution)
        self.memo = memo if memo is not None else Memo(run.folder / "memo.sqlite")
        self.usage = Usage()
        self.fingerprints: dict[str, Fingerprint] = {}
        self.finished: dict[str, Finished] = {}
        self.quarantine: list[BadRow] = []
        self.making = ("", "")  # the step that is being made, and its key
        self.reward_models: dict[str | None, RewardModel] = {}  # those in memory, by aim; None: of all pairs
        self._models: dict[tuple[str, str], LocalModel] = {}
        self.prompts = self._load_prompts(prompts)

    def path(self, name: str) -> Path:
        return self.run.folder / name

    def _load_prompts(self, given: PromptSets | None) -> dict[str, list[Prompt]]:
        folders = [self.run.folder, *self.siblings]
        loaded = (
            load_prompts(self.recipe, folders, self.progress.warn) if given is None else used_of(self.recipe, given)
        )
        self.quarantine += loaded.bad
        self.repeats, self.lines, self.notes = loaded.repeats, loaded.lines, loaded.notes
        return loaded.prompts

    def set_aside(self, prompt: Prompt, reason: str) -> None:
        """Quarantine a prompt that cannot be asked; several steps may meet it, it is listed once."""
        name = self.place_of(prompt)
        if all(row.file != name for row in self.quarantine):
            self.quarantine.append(BadRow(name, 0, reason))

    def place_of(self, prompt: Prompt) -> str:
        """Where a prompt comes from: its file and id."""
        kind = self.recipe.prompts.get(prompt.kind)
        return f"{kind.file if kind else prompt.kind}#{prompt.id}"

    def fits(self, prompt: Prompt, room: int) -> bool:
        """Whether prompt and `room` more tokens fit the policy's context; if not, it is set aside."""
        try:
            self.policy.encode_chat(prompt.turns, room)
        except PromptUnfit as error:
            self.set_aside(prompt, str(error))
            return False
        return True

    @contextmanager
    def training(self, label: str) -> Iterator[Callable[[int, int, Mapping[str, float]], None]]:
        """A progress bar for a trainer: call it with step, total and the newest numbers."""
        from solon.training.guards.line import progress_line

        with self.progress.bar(label, 1) as bar:
            yield lambda step, total, numbers: bar.to(step, total, progress_line(numbers))

    @property
    def checkpoints(self) -> Checkpoints:
        """Those of the step that is being made; they go when it is finished."""
        from solon.training.checkpoints import Checkpoints

        name, key = self.making
        return Checkpoints(self.path(f"checkpoints/{name}"), key)

    def prompts_of(self, kind: str, split: str) -> list[Prompt]:
        return [p for p in self.prompts.get(kind, []) if p.split == split]

    def all_prompts(self, split: str) -> list[Prompt]:
        """The prompts of every kind, in the recipe's order."""
        return [p for kind in self.prompts for p in self.prompts_of(kind, split)]

    @property
    def chained(self) -> list[Prompt]:
        """The prompts to train on whose drafts are criticised and revised."""
        return [p for kind in self.recipe.chain_kinds for p in self.prompts_of(kind, "train")]

    @property
    def answered(self) -> list[Prompt]:
        """The prompts to train on that are answered as they are: those that ask for no harm."""
        return [p for p in self.all_prompts("train") if not p.harmful]

    def ask(self, work: Coroutine[Any, Any, T]) -> T:
        """Run coroutines that ask engines, then commit what they stored, however they ended."""
        with afterwards(self.keep_calls):
            return asyncio.run(work)

    def keep_calls(self) -> None:
        """Commit the calls that were stored, and what they took."""
        self.usage.note_in(self.memo, self.fingerprints)
        self.memo.flush()

    def adopted(self, step: str, key: str) -> Finished | None:
        """A finished step with this key, taken over from the first sibling that has it."""
        found = (self.run.adopt(step, key, folder) for folder in self.siblings)
        return next((record for record in found if record is not None), None)

    # --- engines ---------------------------------------------------------------------------------

    def role(self, name: RoleName) -> Role:
        """The role as configured; roles left out are the policy's."""
        configured: Role | None = getattr(self.recipe.roles, name)
        return configured or self.recipe.roles.policy

    def engine(self, name: RoleName) -> MemoisedEngine:
        """The engine of a role, behind the memo."""
        if name == "responder" and self.recipe.roles.responder is None:
            return self.adapted("sl_cai", "responder")
        return self._memoised(self._build(name, self.role(name)), name)

    def judge_identities(self) -> dict[str, Any]:
        """What the judges' answers depend on, for the key of a step."""
        panel = [{**role.identity, "ask": role.ask} for role in self.recipe.roles.panel]
        return {"roles.judge": self.role("judge").identity, **({"roles.panel": panel} if panel else {})}

    def judges(self, settings: FeedbackSettings) -> list[tuple[Ask, MemoisedEngine]]:
        """The engines of the judge and its panel, each with the way it is asked."""
        named = judge_roles(self.recipe, settings)
        return [(ask, self.named_engine(name, role, ask)) for name, role, ask in named]

    def named_engine(self, name: str, role: Role, ask: Ask) -> MemoisedEngine:
        """The engine of a judge that the recipe's other roles do not name, asked in the way `ask`."""
        return self._memoised(self._build(name, role, ask), name)

    def adapted(self, adapter: str | None, role: str) -> MemoisedEngine:
        """The policy's base with a finished adapter (None: the base alone), behind the memo."""
        from solon.engines.transformers import TransformersEngine
        from solon.training.adapters import adapter_hash

        self.require(adapter)
        weights = adapter_hash(self.path(adapter_folder(adapter))) if adapter else ""
        batch = self.recipe.roles.policy.batch_size
        return self._memoised(TransformersEngine(self.policy, adapter, weights, batch), role)

    def _memoised(self, engine: Engine, role: str) -> MemoisedEngine:
        self.fingerprints[role] = engine.fingerprint
        return MemoisedEngine(engine, self.memo, role, self.usage)

    def _build(self, name: str, role: Role, ask: Ask | None = None) -> Engine:
        if role.engine == "transformers" and ask != "reward_model":
            from solon.engines.transformers import TransformersEngine

            return TransformersEngine(self._local(role), max_batch=role.batch_size)
        return build_judge_engine(role, name, ask)

    # --- weights ---------------------------------------------------------------------------------

    def _local(self, role: Role) -> LocalModel:
        """One copy of the weights per model and precision, loaded at first use."""
        from solon.engines.local.model import LocalModel

        key = (role.model, role.precision)
        if key not in self._models:
            self._models[key] = LocalModel.load(role.model, role.precision)
        return self._models[key]

    def use_base(self, model: str) -> None:
        """Take the policy's base from where it lies now; `require` refuses another one."""
        self.recipe = self.recipe.with_policy(model)

    @property
    def policy(self) -> LocalModel:
        return self._local(self.recipe.roles.policy)

    @cached_property
    def _policy_source(self) -> ModelSource:
        """The policy's files, without loading them."""
        from solon.engines.local.source import resolve

        return resolve(self.recipe.roles.policy.model, self.recipe.roles.policy.precision)

    @property
    def policy_name(self) -> str:
        """The policy's name as its engine gives it."""
        return self._policy_source.name

    @property
    def policy_weights(self) -> str:
        """SHA-256 of the policy's weights, and of the tokenizer, template and generation config beside them."""
        return self._policy_source.identity

    def require(self, adapter: str | None) -> None:
        """Have a finished adapter in memory."""
        from solon.training.adapters import load_adapter
        from solon.training.base import refuse_other_base

        if adapter is not None and adapter not in self.policy.adapters:
            folder = self.path(adapter_folder(adapter))
            refuse_other_base(folder, None, self.policy.source)
            load_adapter(self.policy, adapter, folder)

    def reward_model_of(self, aim: str | None = None) -> RewardModel:
        """The finished reward model of an aim; of None, the one on all pairs."""
        from solon.training.reward import RewardModel

        if aim not in self.reward_models:
            folder = self.path(REWARD_FOLDER) / (aim or "")
            self.reward_models[aim] = RewardModel.load(self.policy, reward_adapter(aim), folder)
        return self.reward_models[aim]

    @property
    def reward_aims(self) -> tuple[str, ...]:
        """The aims that have a reward model of their own."""
        return tuple(sorted(self.finished["reward_model"].facts["aims"]))

    def close(self) -> None:
        if damaged := self.memo.damaged:
            self.progress.warn(f"{self.memo.path}: {damaged} stored answers were damaged, and were asked again")
        self.memo.close()
