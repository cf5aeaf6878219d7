"""SOL3xx: what gets drawn. Shares are probabilities of a draw, by phase, as `assign.shares` gives them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from solon.constitution.assign import shares
from solon.constitution.lint.finding import Finding, Rule
from solon.constitution.lint.target import Target
from solon.constitution.model import Aim, Constitution, Phase
from solon.yaml import Loc

FEW = 3
LOPSIDED = 0.85
OFTEN = 0.40
RARELY = 0.005

EMPTY_PHASE = Rule(
    "SOL301", "empty-phase", "warning",
    "No principle has this phase, so a step that needs it cannot run: sl_cai draws from revise, rl_cai from compare. "
    "Give principles phases: both.",
)  # fmt: skip
THIN_PHASE = Rule(
    "SOL302", "thin-phase", "warning",
    f"Fewer than {FEW} principles share a phase. Few principles make revisions and labels uniform, and one unlucky "
    "wording weighs a lot. Add some, or give others this phase.",
)  # fmt: skip
LOPSIDED_AIM = Rule(
    "SOL303", "lopsided", "warning",
    f"One aim takes more than {LOPSIDED:.0%} of a phase's draws. All harmlessness teaches a model to refuse, all "
    "helpfulness to comply. Add principles of other aims, change weights, or set priorities.",
)  # fmt: skip
NO_HELP = Rule(
    "SOL304", "no-help", "warning",
    "A phase draws harmless principles and never a helpful one. What is trained on it learns that refusing is always "
    "safe. Add a helpful principle to the phase.",
)  # fmt: skip
MISSING_AIM = Rule(
    "SOL305", "missing-aim", "note",
    "No principle has this aim: harmless, helpful and honest together keep a model in balance.",
)  # fmt: skip
NO_AIMS = Rule(
    "SOL306", "no-aims", "note",
    "Every principle has the aim 'own', so the balance of aims cannot be checked or set by priorities. Say which "
    "are harmless, helpful or honest.",
)  # fmt: skip
DRAWN_OFTEN = Rule(
    "SOL307", "drawn-often", "warning",
    f"One principle takes more than {OFTEN:.0%} of a phase's draws. Lower its weight, or raise the others'.",
)  # fmt: skip
DRAWN_RARELY = Rule(
    "SOL308", "drawn-rarely", "warning",
    f"A principle is drawn for fewer than 1 record in {1 / RARELY:.0f}, too few to have an effect or to measure one. "
    "Raise its weight, or remove it.",
)  # fmt: skip
NO_EXEMPLARS = Rule(
    "SOL309", "no-exemplars", "note",
    "Neither the constitution nor any principle brings demonstrations, so the shipped ones are shown. Exemplars from "
    "your own field teach a small model more.",
)  # fmt: skip
SOME_AUTHORITY = Rule(
    "SOL310", "some-authority", "note",
    "Some principles have an authority and others have none. One without neither wins nor yields where two conflict. "
    "Give all of them one, or none.",
)  # fmt: skip
RULES = (
    EMPTY_PHASE, THIN_PHASE, LOPSIDED_AIM, NO_HELP, MISSING_AIM, NO_AIMS, DRAWN_OFTEN, DRAWN_RARELY, NO_EXEMPLARS,
    SOME_AUTHORITY,
)  # fmt: skip


def check(target: Target) -> Iterator[Finding]:
    law = target.constitution
    if law is None:
        return
    for rule, message in _of_whole(law):
        yield target.found(rule, _place(target), message)
    for rule, verb, drawn in (
        (DRAWN_OFTEN, "lower its weight", _often(law)),
        (DRAWN_RARELY, "raise its weight", _rarely(law)),
    ):
        for name, said in drawn.items():
            loc = target.place(name)
            told = f"'{name}' is drawn for {' and '.join(said)}; {verb}"
            yield target.found(rule, (*loc, "weight"), told, about=(name,))


def _place(target: Target) -> Loc:
    """Where the mix of principles is decided."""
    written = target.document.written
    return ("priorities",) if written.priorities else ("principles",) if written.principles else ("extends",)


def _of_whole(law: Constitution) -> Iterator[tuple[Rule, str]]:
    aims = {p.aim for p in law.principles}
    lacking = set[Aim]()
    if law.for_phase("revise") == law.for_phase("compare"):
        yield from _of_phase(law, "revise", "revise and compare", lacking)
    else:
        for phase in get_args(Phase):
            yield from _of_phase(law, phase, phase, lacking)
    if aims == {"own"}:
        yield NO_AIMS, "all principles have the aim 'own'; say which are harmless, helpful or honest"
    else:
        for aim in ("harmless", "helpful", "honest"):
            if aim not in aims | lacking:
                yield MISSING_AIM, f"no principle has the aim '{aim}'; add one, or leave it on purpose"
    many = len(law.principles)
    if many * RARELY > 1:
        yield (
            DRAWN_RARELY,
            f"{many:,} principles share the draws, fewer than 1 record in {1 / RARELY:.0f} each; merge some",
        )
    if not law.exemplars and not any(p.exemplars for p in law.principles):
        yield NO_EXEMPLARS, "has no exemplars, so the shipped ones are shown; add some from your own field"
    without = [p.id for p in law.principles if p.authority is None]
    if 0 < len(without) < many:
        told = f"{len(without)} of {many} principles have no authority, such as '{without[0]}'"
        yield SOME_AUTHORITY, f"{told}; give all of them one, or none"


def _of_phase(law: Constitution, phase: Phase, label: str, lacking: set[Aim]) -> Iterator[tuple[Rule, str]]:
    count = len(law.for_phase(phase))
    if count == 0:
        step = {"revise": "sl_cai", "compare": "rl_cai"}[phase]
        yield EMPTY_PHASE, f"{label}: no principle has this phase, so {step} cannot run; set phases: both on some"
        return
    if count < FEW:
        said = "principle to draw" if count == 1 else "principles to draw"
        yield THIN_PHASE, f"{label}: only {count} {said}; add some, at least {FEW} in all"
    of_aim: dict[Aim, float] = {}
    for name, share in shares(law, phase).items():
        aim = law[name].aim
        of_aim[aim] = of_aim.get(aim, 0.0) + share
    if "harmless" in of_aim and "helpful" not in of_aim:
        lacking.add("helpful")
        share = of_aim["harmless"]
        yield (
            NO_HELP,
            f"{label}: harmless principles are drawn {share:.0%} of the time and never a helpful one; add one",
        )
        return
    for aim, share in of_aim.items():
        if share > LOPSIDED and aim != "own":
            yield LOPSIDED_AIM, f"{label}: {aim} principles are drawn {share:.0%} of the time; raise others' weight"


def _often(law: Constitution) -> dict[str, list[str]]:
    """What is said of each principle that is drawn too often. Where few share a phase, that is what is wrong."""
    said: dict[str, list[str]] = {}
    for phase in get_args(Phase):
        drawn = shares(law, phase)
        for name, share in drawn.items():
            if share > OFTEN and len(drawn) >= FEW:
                said.setdefault(name, []).append(f"{share:.0%} of {phase}")
    return said


def _rarely(law: Constitution) -> dict[str, list[str]]:
    """What is said of each that is drawn too rarely, against what would be its equal share, too."""
    said: dict[str, list[str]] = {}
    for phase in get_args(Phase):
        drawn = shares(law, phase)
        for name, share in drawn.items():
            if share < min(RARELY, 0.5 / len(drawn)):
                said.setdefault(name, []).append(f"{share:.2%} of {phase}")
    return said
