"""What a constitution is: named principles with aims, weights, sources, phases and demonstrations.

`Written` is a file as its author wrote it, which may extend another; `Constitution` is what comes out when
that is resolved, and all that the rest of Solon knows.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from solon.types import Aim as Aim
from solon.types import digest

Phase = Literal["revise", "compare"]
Authority = Literal["root", "system", "platform", "developer", "user", "guideline"]
# As the OpenAI Model Spec orders them; its first versions say platform for what is now root and system.
RANKS: dict[Authority, int] = {"root": 4, "system": 3, "platform": 3, "developer": 2, "user": 1, "guideline": 0}
ID_PATTERN = r"^[a-z0-9][a-z0-9-]*$"
# Semantic Versioning 2.0.0, with pre-release and build.
VERSION_PATTERN = r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$"

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def _clean(value: str) -> str:
    if value and not value.strip():
        raise ValueError("is only white space")
    if bad := _CONTROL.search(value):
        raise ValueError(f"holds the control character U+{ord(bad.group()):04X}; delete it")
    return value.strip()


def _phases(value: Any) -> Any:
    """`both`, `revise` or `compare` alone may be written for a list."""
    return (
        {"both": ("revise", "compare"), "revise": ("revise",), "compare": ("compare",)}.get(value, value)
        if isinstance(value, str)
        else value
    )


def _some_phase(value: tuple[Phase, ...]) -> tuple[Phase, ...]:
    if not value:
        raise ValueError("names no phase; use revise, compare or both")
    return value


Text = Annotated[str, AfterValidator(_clean)]
Said = Annotated[str, Field(min_length=1), AfterValidator(_clean)]
Id = Annotated[
    str,
    Field(
        pattern=ID_PATTERN,
        max_length=64,
        description="Lower-case words joined by hyphens; never reused for another principle.",
    ),
]
Version = Annotated[
    str, Field(pattern=VERSION_PATTERN, max_length=64, description='A quoted semantic version, such as "1.0.0".')
]
Weight = Annotated[float, Field(gt=0, allow_inf_nan=False, description="How often it is drawn, against the others.")]
Phases = Annotated[
    tuple[Phase, ...],
    BeforeValidator(_phases, json_schema_input_type=Literal["both", "revise", "compare"] | list[Phase]),
    AfterValidator(_some_phase),
]


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RevisionExemplar(Frozen):
    """A demonstration of draft → critique → revision.

    The requests default to those of the principle that holds the exemplar.
    """

    prompt: Said
    draft: Said
    critique: Said
    revision: Said
    critique_request: Said | None = None
    revision_request: Said | None = None


class ComparisonExemplar(Frozen):
    """A demonstration of a verdict: which of two responses is better, and why."""

    prompt: Said
    response_a: Said
    response_b: Said
    better: Literal["A", "B"]
    reasoning: Text = ""
    comparison_question: Said | None = None


class Exemplars(Frozen):
    """Demonstrations, written by people."""

    revision: tuple[RevisionExemplar, ...] = ()
    comparison: tuple[ComparisonExemplar, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.revision or self.comparison)


class Principle(Frozen):
    """One principle. Requests left out are derived from `text` by the templates in `solon.prompts`.

    `exemplars` are shown only when this principle is drawn, after the ones that every call shares. Of two principles
    that conflict, the one of higher `authority` wins; without one, a principle neither wins nor yields.
    """

    id: Id
    text: Said
    aim: Aim = "own"
    weight: Weight = 1.0
    authority: Authority | None = None
    source: Text = ""
    phases: Phases = ("revise", "compare")
    critique_request: Said | None = None
    revision_request: Said | None = None
    comparison_question: Said | None = None
    exemplars: Exemplars = Exemplars()

    def outranks(self, other: Principle) -> bool:
        """Whether this one wins where the two conflict: both have an authority, and this one's is higher."""
        if self.authority is None or other.authority is None:
            return False
        return RANKS[self.authority] > RANKS[other.authority]

    @property
    def rule(self) -> str:
        """The text as models read it: with what it yields to, where it has an authority that something outranks."""
        if self.authority is None or self.authority == "root":
            return self.text
        above = [level for level, rank in RANKS.items() if rank > RANKS[self.authority] and level != "platform"]
        levels = " or ".join([", ".join(above[:-1]), above[-1]] if len(above) > 1 else above)
        yields = f"where it conflicts with one of {levels} authority, that one wins"
        return f"{self.text} (A rule of {self.authority} authority: {yields}.)"


class Override(Frozen):
    """Changes to a principle of the extended constitution; fields left out stay."""

    text: Said | None = None
    aim: Aim | None = None
    weight: Weight | None = None
    authority: Authority | None = None
    source: Text | None = None
    phases: Phases | None = None
    critique_request: Said | None = None
    revision_request: Said | None = None
    comparison_question: Said | None = None
    exemplars: Exemplars | None = None


Priorities = Annotated[
    dict[Aim, Annotated[float, Field(gt=0, allow_inf_nan=False)]],
    Field(min_length=1, description="The share of draws each aim gets, against the others."),
]


class Written(Frozen):
    """A constitution file as written."""

    name: Said
    version: Version = "0.1.0"
    description: Text = ""
    extends: Said | None = Field(
        default=None, description="A constitution of the library, or a file beside or below this one."
    )
    remove: tuple[Id, ...] = Field(default=(), description="Principles of the extended constitution to leave out.")
    override: dict[Id, Override] = Field(default={}, description="Changes to principles of the extended constitution.")
    priorities: Priorities | None = None
    exemplars: Exemplars | None = Field(
        default=None, description="Demonstrations for every principle, instead of the shipped ones."
    )
    principles: tuple[Principle, ...] = ()

    @model_validator(mode="after")
    def _extends_what_it_changes(self) -> Written:
        if self.extends is None and (self.remove or self.override):
            raise ValueError("remove and override change another constitution; name it under 'extends:'")
        return self


class Constitution(Frozen):
    """Principles a model is to follow. `priorities` give each aim its share of the draws, in any unit."""

    name: Said
    version: Version = "0.1.0"
    description: Text = ""
    priorities: Priorities | None = None
    exemplars: Exemplars | None = None
    principles: tuple[Principle, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _whole(self) -> Constitution:
        seen: set[str] = set()
        for principle in self.principles:
            if principle.id in seen:
                raise ValueError(f"two principles have the id '{principle.id}'; ids must be unique")
            seen.add(principle.id)
        if self.priorities is not None:
            for aim in sorted({p.aim for p in self.principles} - set(self.priorities)):
                raise ValueError(f"priorities leave out the aim '{aim}', which principles have; give it a share")
        return self

    def for_phase(self, phase: Phase) -> tuple[Principle, ...]:
        """The principles usable in `phase`, in file order."""
        return self._by_phase[phase]

    @cached_property
    def _by_phase(self) -> dict[Phase, tuple[Principle, ...]]:
        return {phase: tuple(p for p in self.principles if phase in p.phases) for phase in get_args(Phase)}

    def about(self, aim: str) -> Constitution:
        """The constitution with none but its principles of `aim`; all of it where there are none."""
        return self._by_aim.get(aim, self)

    def drawn_from(self, aim: str, phase: Phase) -> Constitution:
        """What a record about `aim` draws from in `phase`: the principles of that aim, or all where none has it."""
        law = self.about(aim)
        return law if law.for_phase(phase) else self

    @cached_property
    def _by_aim(self) -> dict[str, Constitution]:
        # Not model_copy, which would take along what the constitution has worked out for all its principles.
        fields = {name: getattr(self, name) for name in Constitution.model_fields} | {"priorities": None}
        return {
            aim: Constitution.model_validate(
                {**fields, "principles": tuple(p for p in self.principles if p.aim == aim)}
            )
            for aim in {p.aim for p in self.principles}
        }

    @cached_property
    def by_id(self) -> dict[str, Principle]:
        return {p.id: p for p in self.principles}

    def __getitem__(self, principle_id: str) -> Principle:
        return self.by_id[principle_id]

    @property
    def hash(self) -> str:
        """SHA-256 of the content (not of the file: comments do not count)."""
        data = self.model_dump(mode="json")
        for principle in data["principles"]:
            _forget_no_authority(principle)
        return digest(data)

    def used_in(self, phase: Phase) -> dict[str, Any]:
        """What a stage depends on: all that can reach a model's eyes or a draw in `phase`, and nothing else."""
        other = {"revise": {"comparison_question"}, "compare": {"critique_request", "revision_request"}}[phase]
        kept = {"revise": "revision", "compare": "comparison"}[phase]
        shared = self.exemplars.model_dump(mode="json")[kept] or None if self.exemplars else None
        principles = []
        for p in sorted(self.for_phase(phase), key=lambda p: p.id):  # their order matters to nothing
            row = p.model_dump(mode="json", exclude={"source", "phases", "exemplars", *other})
            _forget_no_authority(row)
            if phase == "revise" and self.priorities is None:
                del row["aim"]  # only draws by priority and the judge's stances look at it
            principles.append({**row, "exemplars": p.exemplars.model_dump(mode="json")[kept]})
        return {"priorities": self.priorities, "exemplars": shared, "principles": principles}


def _forget_no_authority(principle: dict[str, Any]) -> None:
    """Principles without one hash as they did before there were any: what was stored for them stays theirs."""
    if principle["authority"] is None:
        del principle["authority"]
