"""Recorded drafts and answers belong to a policy: is it this run's?

A recording answers by content, so it would answer for any policy: a run with other weights, or with another SL-CAI
model, would learn from texts that its own policy never wrote, and nothing would say so. Reviser and judge need no
such check: they are models of their own, and what they were not asked they do not answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from solon.engines.fingerprints import local_fingerprint, server_fingerprint
from solon.engines.local.source import identify
from solon.engines.recorded import RecordedEngine, RecordedPolicy, Recording, load_recording, recording_path
from solon.errors import ConfigError
from solon.pipeline.context import Context
from solon.pipeline.recipe import Recipe, Role, RoleName, SlCai
from solon.pipeline.steps.revisions import Revisions
from solon.pipeline.steps.sft import Sft
from solon.types import Fingerprint, digest

# Changes of the SL-CAI model that no recorded reviser notices: they come after its revisions.
AFTER_REVISION = ("sl_cai.sft.", "sl_cai.rounds ", "sl_cai.helpful_share ", "sl_cai.critique_share ", "sl_cai.mix.")
WRITES: dict[RoleName, str] = {"drafter": "revisions", "responder": "preferences"}  # the policy's roles, by their step
READS: dict[RoleName, str] = {"reviser": "revisions", "judge": "preferences"}  # who reads drafts, by the step
SL_CAI = "+sl_cai"  # what the engine of an SL-CAI adapter adds to the name of its base


@dataclass(frozen=True, slots=True)
class RecordedRole:
    """A role whose recorded texts stand for the policy's.

    `of` names the policy that wrote them. `differs` lists in what it is another than this run's; empty where it is
    the same, None where the recording does not say all of it.
    """

    role: RoleName
    of: str
    differs: tuple[str, ...] | None
    base_differs: bool = False


def recorded_roles(context: Context, steps: Collection[str]) -> list[RecordedRole]:
    """The recorded roles of the policy that `steps` ask. Nothing is asked or loaded."""
    return [
        _compared(context, role, configured)
        for role, step in WRITES.items()
        if step in steps and (configured := _configured(context.recipe, role)) is not None
    ]


def check_origin(context: Context, steps: Collection[str]) -> tuple[list[RecordedRole], list[str]]:
    """The recorded roles of the policy, and a line of caution where they are of another and are used all the same,
    where the recording does not say what its SL-CAI model was made of, or where recorded models will be asked about
    drafts that they never met.

    Raises ConfigError where they are of another policy than the recipe's, unless roles.other_policy says to use them.
    """
    found = recorded_roles(context, steps)
    lines = list(_said(context, found))
    if lines and context.recipe.roles.other_policy == "stop":
        raise ConfigError(lines[0])
    used = [f"{line.partition('; leave')[0]}; they are used all the same (roles.other_policy)" for line in lines]
    return found, [*used, *_unknown(found), *_strange_drafts(context, steps)]


def _configured(recipe: Recipe, role: RoleName) -> Role | None:
    configured: Role | None = getattr(recipe.roles, role)
    asked = role != "responder" or recipe.rl_cai.asks_policy
    return configured if configured is not None and configured.engine == "recorded" and asked else None


# --- what the recording says ---------------------------------------------------------------------------


def _origin(recording: Recording, role: RoleName, engine: Fingerprint) -> RecordedPolicy:
    """The policy that wrote what `role` says; the base's weights are "" where the recording does not name them."""
    if recording.policy is not None:
        return recording.policy
    if role == "drafter":
        return RecordedPolicy(engine)
    name, drafter = engine.model.removesuffix(SL_CAI), recording.engines.get("drafter")
    known = drafter if drafter is not None and drafter.model == name else None
    return RecordedPolicy(known or Fingerprint(engine.engine, name, "", engine.precision))


def _compared(context: Context, role: RoleName, configured: Role) -> RecordedRole:
    recording = load_recording(recording_path(configured.recording))
    engine = RecordedEngine(recording, configured.model or role).fingerprint
    origin, own = _origin(recording, role, engine), _policy_engine(context)
    if not _same_base(origin.base, own):
        return RecordedRole(role, _named(origin.base), (f"roles.policy {_named(own)}",), base_differs=True)
    if role == "drafter":
        return RecordedRole(role, _named(origin.base), ())
    differs = None if origin.sl_cai is None else tuple(_differences(origin.sl_cai, sl_cai_inputs(context)))
    return RecordedRole(role, f"the SL-CAI model of {_named(origin.base)}", differs)


def _policy_engine(context: Context) -> Fingerprint:
    return _engine_of(context, "drafter", context.recipe.roles.policy)


def _same_base(theirs: Fingerprint, own: Fingerprint) -> bool:
    """By the weights; by the name where one side's are not known, as those of a hub id that is not fetched yet."""
    if theirs.engine != own.engine or theirs.precision != own.precision:
        return False
    known = len(theirs.weights) == len(own.weights) == 64
    return theirs.weights == own.weights if known else theirs.model == own.model


def _named(engine: Fingerprint) -> str:
    """ "SmolLM2.gguf (weights b179c9523d0e, float32)"."""
    known = f"weights {engine.weights[:12]}" if len(engine.weights) == 64 else "weights not known"
    return f"{engine.model or engine.engine} ({', '.join(part for part in (known, engine.precision) if part)})"


# --- what makes the SL-CAI model ------------------------------------------------------------------------


def recorded_policy(context: Context) -> RecordedPolicy:
    """What a recording of this run's drafts and answers says of their policy."""
    return RecordedPolicy(_policy_engine(context), sl_cai_inputs(context))


def sl_cai_inputs(context: Context) -> dict[str, Any]:
    """What the SL-CAI adapter is made of besides the base, as plain data.

    The rows that it learns follow from prompts, constitution, settings and the two models that write, so no file of
    the run is needed, and two machines agree although their adapters may differ in the last bit.
    """
    recipe = context.recipe
    written = Revisions().inputs(context)
    return {
        "steps": {"revisions": Revisions.version, "sft": Sft.version},
        "seed": recipe.seed,
        "sl_cai": recipe.sl_cai.model_dump(mode="json"),
        **{name: digest(written[name]) for name in ("constitution", "prompts", "exemplars")},
        **{f"roles.{role}": _writer(context, role) for role in ("drafter", "reviser")},
    }


def _writer(context: Context, role: RoleName) -> list[str]:
    """Names a model by its weights, by its name where it has none here."""
    engine = _engine_of(context, role, context.role(role))
    return [engine.engine, engine.weights or engine.model, engine.precision]


def _engine_of(context: Context, name: RoleName, role: Role) -> Fingerprint:
    if role.engine == "recorded":
        return RecordedEngine(load_recording(recording_path(role.recording)), role.model or name).fingerprint
    if role.engine != "transformers":
        return server_fingerprint(role.model) if role.engine == "openai" else Fingerprint(role.engine, role.model)
    if role.model == context.recipe.roles.policy.model:
        return local_fingerprint(context.policy_name, context.policy_weights, role.precision)
    found = identify(role.model)
    return local_fingerprint(found.name if found else role.model, found.identity if found else "", role.precision)


def _differences(theirs: dict[str, Any], own: dict[str, Any]) -> Iterator[str]:
    """What differs, by the name of the knob and with both values where it is one."""
    for name in {**theirs, **own}:
        if name == "sl_cai":
            yield from _other_settings(theirs.get(name, {}), own[name])
        elif theirs.get(name) != own.get(name):
            plain = name == "seed"
            yield f"{name} {theirs.get(name)}, here {own.get(name)}" if plain else f"another {_WORDS.get(name, name)}"


_WORDS = {"steps": "version of the steps revisions and sft", "prompts": "set of training prompts"}


def _other_settings(theirs: dict[str, Any], own: dict[str, Any]) -> Iterator[str]:
    # A knob that is newer than the recording stood where its default puts it.
    before, now = dict(_flat(_filled(theirs))), dict(_flat(own))
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            yield f"sl_cai.{name} {before.get(name)}, here {now.get(name)}"


def _filled(settings: dict[str, Any]) -> dict[str, Any]:
    try:
        return SlCai.model_validate(settings).model_dump(mode="json")
    except ValidationError:  # a knob that is no more
        return settings


def _flat(settings: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value.model_dump() if isinstance(value, BaseModel) else value


# --- what is said --------------------------------------------------------------------------------------


def _said(context: Context, found: list[RecordedRole]) -> Iterator[str]:
    strangers = [one for one in found if one.base_differs]
    if strangers:
        roles = [one.role for one in strangers]
        texts = " and ".join("drafts" if role == "drafter" else "answers" for role in roles)
        yield (
            f"{', '.join(f'roles.{role}' for role in roles)}: the recorded {texts} are of "
            f"{strangers[0].of.removeprefix('the SL-CAI model of ')}, not of {strangers[0].differs[0]}; "  # type: ignore[index]
            f"leave {'these roles' if len(roles) > 1 else 'this role'} out to ask your own policy: "
            f"{_without(context, roles, ('reviser', 'judge'))}"
        )
    for one in found:
        if one.differs and not one.base_differs:
            revised = all(what.startswith(AFTER_REVISION) for what in one.differs)
            attached: tuple[RoleName, ...] = ("judge",) if revised else ("reviser", "judge")
            yield (
                f"roles.{one.role}: the recorded answers are of {one.of}, made with {_some(one.differs)}; leave this "
                f"role out to ask the SL-CAI model that this run makes: {_without(context, [one.role], attached)}"
            )


def _unknown(found: list[RecordedRole]) -> Iterator[str]:
    for one in found:
        if one.differs is None:
            yield (
                f"roles.{one.role}: the recorded answers are of {one.of}, and the recording does not say what that was "
                "made of: changes of sl_cai.sft and of its rows do not reach them"
            )


def _strange_drafts(context: Context, steps: Collection[str]) -> Iterator[str]:
    """That recorded models which read drafts know those of another model only, where the run's drafts are its own."""
    drafter = context.role("drafter")
    if drafter.engine == "recorded" or "revisions" not in steps:
        return
    own = _engine_of(context, "drafter", drafter)
    strange: dict[str, list[RoleName]] = {}
    for name, step in READS.items():
        role = context.role(name)
        known = _drafts_known(role) if step in steps and role.engine == "recorded" else None
        if known is not None and not _same_base(known, own):
            strange.setdefault(_named(known), []).append(name)
    for theirs, names in strange.items():
        attached = " ".join(f"roles.{name}.engine=openai" for name in names)
        yield (
            f"{', '.join(f'roles.{name}' for name in names)}: the recording answers about drafts of {theirs} only, and "
            f"this run's are of {_named(own)}: the run would stop there; attach a live model ({attached} …)"
        )


def _drafts_known(role: Role) -> Fingerprint | None:
    """Who wrote the drafts that a recording's models were asked about; None where it does not say."""
    recording = load_recording(recording_path(role.recording))
    return recording.policy.base if recording.policy is not None else recording.engines.get("drafter")


def _some(differs: tuple[str, ...]) -> str:
    more = len(differs) - 3
    return ", ".join(differs[:3]) + (f" and {more} more" if more > 0 else "")


def _without(context: Context, roles: list[RoleName], asked: tuple[RoleName, ...]) -> str:
    """The overrides that leave the roles out, and what to attach of the `asked`: recorded ones know no other texts."""
    named = {name: getattr(context.recipe.roles, name) for name in asked}
    recorded = [f"roles.{name}" for name, role in named.items() if role is not None and role.engine == "recorded"]
    attach = f", and attach a live {' and '.join(recorded)}" if recorded else ""
    return f"{' '.join(f'roles.{role}=null' for role in roles)}{attach}; or roles.other_policy=use"
