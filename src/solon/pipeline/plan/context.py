"""A run's context for counting: nothing is written, loaded, fetched or asked."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from solon.constitution import Constitution, load_constitution
from solon.engines.fingerprints import local_fingerprint, server_fingerprint
from solon.engines.local.source import identify
from solon.engines.recorded import RecordedEngine, load_recording, recording_path
from solon.engines.scripted import ScriptedEngine
from solon.errors import ConfigError
from solon.files import sha256_file
from solon.memo import Memo
from solon.pipeline.context import ADAPTERS, Context
from solon.pipeline.plan.counting import CountingEngine
from solon.pipeline.plan.model import Calls
from solon.pipeline.plan.rates import Rates
from solon.pipeline.progress import Progress
from solon.pipeline.recipe import Recipe, Role, RoleName
from solon.runs import Run
from solon.types import Fingerprint

ABSENT = "not here"  # weights that were not fetched or not trained yet


class PlanContext(Context):
    """`calls` collects what the step under way would ask, by role; `take_calls` hands it over."""

    def __init__(self, recipe: Recipe, folder: Path) -> None:
        memo = Memo(folder / "memo.sqlite", read_only=True)
        super().__init__(recipe, Run(folder, read_only=True), Progress(quiet=True), memo)
        self.rates = Rates(folder, memo)
        self.calls: dict[str, Calls] = {}
        self.asked: dict[str, Fingerprint] = {}
        self.stale: set[str] = set()  # steps that will run, whose files are therefore not what they will be

    def take_calls(self) -> dict[str, Calls]:
        taken, self.calls = {role: c for role, c in self.calls.items() if c.open or c.stored}, {}
        return taken

    @cached_property
    def previous(self) -> Constitution | None:
        """The constitution that the folder's last run used; None before the first."""
        try:
            return load_constitution(self.run.folder) if (self.run.folder / "constitution.json").is_file() else None
        except ConfigError:
            return None

    def counting(self, name: RoleName) -> CountingEngine:
        """The counting stand-in for a role's engine."""
        if name == "responder" and self.recipe.roles.responder is None:
            return self.counting_adapter("sl_cai", "responder")
        role = self.role(name)
        recorded = role.engine == "recorded"
        return self._counting(
            self._fingerprint(name, role), name, load_recording(recording_path(role.recording)) if recorded else None
        )

    def counting_adapter(self, adapter: str | None, role: str) -> CountingEngine:
        """The stand-in for the policy's base with one of its adapters, trained or not."""
        made_by = {"sl_cai": "sft", "policy": "policy"}
        path = self.path(ADAPTERS[adapter]) / "adapter_model.safetensors" if adapter else None
        here = adapter is not None and made_by[adapter] not in self.stale and path is not None and path.is_file()
        weights = sha256_file(path) if here and path else ABSENT
        name, base = self._base
        precision = self.recipe.roles.policy.precision
        return self._counting(local_fingerprint(name, base, precision, adapter, weights), role)

    def _counting(self, fingerprint: Fingerprint, role: str, recording: object = None) -> CountingEngine:
        calls = self.calls.setdefault(role, Calls(model=fingerprint.model))
        self.asked[role] = fingerprint
        return CountingEngine(fingerprint, self.memo, self.rates, role, calls, recording)  # type: ignore[arg-type]

    def _fingerprint(self, name: RoleName, role: Role) -> Fingerprint:
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

    @staticmethod
    def _identified(model: str) -> tuple[str, str]:
        """Name and weights of a model as it lies here."""
        source = identify(model)
        return (source.name, source.weights) if source else (model, ABSENT)

    @cached_property
    def policy_weights(self) -> str:
        return self._base[1] if self.recipe.roles.policy.engine == "transformers" else ""
