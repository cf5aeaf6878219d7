"""A run's context for counting: nothing is written, loaded, fetched or asked."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from solon.constitution import Constitution, Phase, load_constitution
from solon.engines.fingerprints import local_fingerprint, server_fingerprint
from solon.engines.local.source import identify
from solon.engines.recorded import RecordedEngine, Recording, load_recording, recording_path
from solon.engines.scripted import ScriptedEngine
from solon.errors import ConfigError, SolonError
from solon.files import sha256_file
from solon.memo import Memo
from solon.pipeline.along import model_of
from solon.pipeline.context import Context, adapter_folder
from solon.pipeline.impact import Impact
from solon.pipeline.plan.counting import CountingEngine
from solon.pipeline.plan.model import Calls
from solon.pipeline.plan.rates import Rates
from solon.pipeline.progress import Progress
from solon.pipeline.recipe import Recipe, Role, RoleName
from solon.pipeline.rewards import reward_fingerprint
from solon.pipeline.roles import judge_roles
from solon.runs import Finished, Run
from solon.settings import Ask, FeedbackSettings
from solon.types import Fingerprint, Prompt, digest

ABSENT = "not here"  # weights that were not fetched or not trained yet


class PlanContext(Context):
    """`calls` collects what the step under way would ask, by role; `take_calls` hands it over."""

    def __init__(self, recipe: Recipe, folder: Path) -> None:
        memo = Memo(folder / "memo.sqlite", read_only=True)
        try:
            super().__init__(recipe, Run(folder, read_only=True), Progress(quiet=True), memo)
        except SolonError:
            memo.close()
            raise
        self.rates = Rates(folder, memo)
        self.calls: dict[str, Calls] = {}
        self.asked: dict[str, Fingerprint] = {}
        self.models: dict[str, str] = {}  # of roles that are played by weights in this process, by role
        self._models_here: dict[str, tuple[str, str]] = {}
        self.touched, self.looked_at = Impact(), set[Phase]()  # by the change of the constitution, in which phases
        self._counted: set[int] = set()
        self._records: dict[str, Finished | None] = {}
        self.stale: set[str] = set()  # steps that will run, whose files are therefore not what they will be

    def take_calls(self) -> dict[str, Calls]:
        taken, self.calls = {role: c for role, c in self.calls.items() if c.open or c.stored}, {}
        return taken

    @cached_property
    def previous(self) -> Constitution | None:
        """The constitution that the folder's last run used; None before the first."""
        folder = self.run.folder.resolve()  # whole, or a folder `balanced` would mean the one of the library
        try:
            return load_constitution(folder) if (folder / "constitution.json").is_file() else None
        except ConfigError:
            return None

    def made_under(self, old: Finished, phase: Phase) -> Constitution | None:
        """The constitution a finished step was made under; None where a later run, stopped half-way, left its own."""
        law = self.previous
        return law if law and old.inputs.get("constitution") == digest(law.used_in(phase)) else None

    def here(self, step: str) -> Finished | None:
        """The record of a step whose files lie here whole, stale or not; read once, for it hashes the files."""
        if step not in self._records:
            self._records[step] = self.run.finished(step)
        return self._records[step]

    def doubtful(self, prompt: Prompt) -> bool:
        """Whether the prompt was set aside the last time: it may be so again, at any of its calls."""
        return self.place_of(prompt) in self._aside

    @cached_property
    def _aside(self) -> set[str]:
        records = [record for step in ("revisions", "preferences", "evaluate") if (record := self.here(step))]
        return {row["file"] for record in records for row in record.facts.get("set_aside", [])}

    def counting(self, name: RoleName) -> CountingEngine:
        """The counting stand-in for a role's engine."""
        if name == "responder" and self.recipe.roles.responder is None:
            return self.counting_adapter("sl_cai", "responder")
        return self._counting_role(name, self.role(name))

    def counting_judges(self, settings: FeedbackSettings) -> list[tuple[Ask, CountingEngine]]:
        """The stand-ins for the judge and its panel, each with the way it is asked. They go on at unknown texts."""
        named = judge_roles(self.recipe, settings)
        found = [(ask, self._counting_role(name, role, ask)) for name, role, ask in named]
        for _, engine in found:
            engine.goes_on = True
        return found

    def _counting_role(self, name: str, role: Role, ask: Ask | None = None) -> CountingEngine:
        if role.engine == "transformers" and ask != "reward_model":
            self.models[name] = role.model
        recording = load_recording(recording_path(role.recording)) if role.engine == "recorded" else None
        return self._counting(self._fingerprint(name, role, ask), name, recording)

    def counting_adapter(self, adapter: str | None, role: str) -> CountingEngine:
        """The stand-in for the policy's base with one of its adapters, trained or not."""
        made_by = {"sl_cai": "sft", "policy": "policy"}
        path = self.path(adapter_folder(adapter)) / "adapter_model.safetensors" if adapter else None
        there = path is not None and path.is_file()
        stale = adapter is not None and made_by[model_of(adapter)[0]] in self.stale
        weights = sha256_file(path) if path and there and not stale else ABSENT
        name, base = self._base
        precision = self.recipe.roles.policy.precision
        self.models[role] = self.recipe.roles.policy.model
        # One that is trained again may come out as it was, and then its answers are stored.
        return self._counting(
            local_fingerprint(name, base, precision, adapter, weights), role, doubtful=there and stale
        )

    def _counting(
        self, fingerprint: Fingerprint, role: str, recording: Recording | None = None, doubtful: bool = False
    ) -> CountingEngine:
        calls = self.calls.setdefault(role, Calls(model=fingerprint.model))
        self.asked[role] = fingerprint
        return CountingEngine(fingerprint, self.memo, self.rates, role, calls, self._counted, recording, doubtful)

    def _fingerprint(self, name: str, role: Role, ask: Ask | None) -> Fingerprint:
        if ask == "reward_model" and role.engine != "recorded":
            absent = Fingerprint("reward_model", role.model, ABSENT, role.precision)
            return reward_fingerprint(role) or absent
        if role.engine == "recorded":
            return RecordedEngine(load_recording(recording_path(role.recording)), role.model or name).fingerprint
        if role.engine == "scripted":
            return ScriptedEngine.load(Path(role.model) if role.model else None).fingerprint
        if role.engine == "openai":
            return server_fingerprint(role.model)
        shown, weights = self._base if role.model == self.recipe.roles.policy.model else self._identified(role.model)
        return local_fingerprint(shown, weights, role.precision)

    @cached_property
    def _base(self) -> tuple[str, str]:
        return self._identified(self.recipe.roles.policy.model)

    def _identified(self, model: str) -> tuple[str, str]:
        """Name and identity of a model as it lies here; hashed once, for weights are long."""
        if model not in self._models_here:
            source = identify(model)
            self._models_here[model] = (source.name, source.identity) if source else (model, ABSENT)
        return self._models_here[model]

    @property
    def policy_name(self) -> str:
        return self._base[0]

    @property
    def policy_weights(self) -> str:
        return self._base[1] if self.recipe.roles.policy.engine == "transformers" else ""
