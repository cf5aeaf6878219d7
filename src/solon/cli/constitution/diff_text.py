"""A difference of constitutions on the terminal: coloured where there is colour, else [-removed-] {+added+}."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

from solon.constitution.changes import PHASES, FieldChange, PrincipleChange, of_phase
from solon.constitution.diff import REWORDED, Difference
from solon.constitution.marks import Segment, marks
from solon.constitution.model import Exemplars, Phase
from solon.pipeline.impact import Impact

SHOWN = 8  # principles and moves listed for a run
KEPT = 12  # words shown on either side of a change; the middle of a longer unchanged stretch is left out
# Characters that turn the reading direction round, and so could hide what a text says.
TURNS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd")

Rows = Iterable[tuple[int, Text]]  # indent in columns, and what to print
Shares = dict[Phase, dict[str, tuple[float, float]]]


def print_difference(console: Console, d: Difference) -> None:
    """Header, a section for each kind of change that there is, and the summary; or "no difference"."""
    if not d:
        console.print("no difference")
        return
    old, new = (f"{law.name} {law.version}".translate(TURNS) for law in (d.old, d.new))
    console.print(Text.assemble((old, "bold"), " → ", (new, "bold")))
    colour = coloured(console)
    shares = {phase: d.shares(phase) for phase in PHASES}
    print_section(console, "added", _listed(d, "added", shares))
    print_section(console, "removed", _listed(d, "removed", shares))
    print_section(console, "renamed", _renamed(d, colour))
    print_section(console, "reworded", _reworded(d, colour))
    print_section(console, "reweighted", _reweighted(d, shares))
    print_section(console, "other changes", _others(d, shares, colour))
    print_section(console, "summary", _summary(d))


def print_section(console: Console, title: str, rows: Rows) -> None:
    """A blank line, the title and the rows; nothing if there is no row."""
    listed = list(rows)
    if listed:
        console.print()
        console.print(Text(title, "bold underline"))
    for indent, text in listed:
        for line in text.wrap(console, max(console.width - indent, 1)):
            line.rstrip()
            console.print(Text(" " * indent) + line, soft_wrap=True)


def impact_rows(found: Impact) -> Rows:
    """What a change touches in a run: chains, revisions and labels by principle, and the models trained on them."""
    r, labels = found.revisions, found.labels
    yield 2, Text(f"chains touched: {found.chains:,} of {found.chains_total:,}")
    yield 2, Text(f"revisions: {r.direct:,} of {r.total:,} by their principle, {r.through:,} that follow them")
    yield (
        2,
        Text(f"labels: {labels.direct:,} of {labels.total:,} by their principle, {labels.through:,} by their replies"),
    )
    for part, noun in ((r, "revisions"), (labels, "labels")):
        for name, count in part.reworded.most_common(SHOWN):
            yield 4, Text(f"{name}: reworded in {count:,} {noun}")
        for move, count in part.moved.most_common(SHOWN):
            yield 4, Text(f"{move}: {count:,} {noun} draw another")
        left = len(part.reworded) + len(part.moved) - min(SHOWN, len(part.reworded)) - min(SHOWN, len(part.moved))
        if left:
            yield 4, Text(f"and {left:,} more (--json lists them all)", "dim")
    yield 2, Text(f"models to train again: {', '.join(found.models) or 'none'}")


def coloured(console: Console) -> bool:
    """Whether colour can tell removed words from added ones."""
    return console.is_terminal and console.color_system is not None and not console.no_color


def marked(segments: Sequence[Segment], colour: bool) -> Text:
    """Marks in one text: red struck out and green, or in brackets as `git diff --word-diff` has them."""
    text = Text()
    for number, segment in enumerate(segments):
        if segment.kind == "kept":
            text.append(_shortened(segment.text, number == 0, number == len(segments) - 1))
            continue
        # A leading space stands outside, unless white space is all that is marked.
        lead = " " if segment.text.startswith(" ") and segment.text.strip() else ""
        shown = _visible(segment.text[len(lead) :])
        removed = segment.kind == "removed"
        text.append(lead)
        if colour:
            text.append(shown, "red strike" if removed else "green")
        else:
            text.append(f"[-{shown}-]" if removed else f"{{+{shown}+}}")
    return text


def _shortened(text: str, first: bool, last: bool) -> str:
    """An unchanged stretch without its middle; of the first one the end is kept, of the last one the start."""
    words = text.translate(TURNS).split(" ")
    before, after = (0 if first else KEPT), (0 if last else KEPT)
    if len(words) <= 2 * KEPT:
        return " ".join(words)
    return " ".join([*words[:before], "…", *words[len(words) - after :]])


def _visible(text: str) -> str:
    """`text` with what cannot be seen written out: such characters may be all that differs."""
    spelt = (c if c.isprintable() else "↵\n" if c == "\n" else f"<U+{ord(c):04X}>" for c in text)
    return "".join(spelt)


# --- sections --------------------------------------------------------------------------------------


def _listed(d: Difference, what: str, shares: Shares) -> Rows:
    """The principles added or removed, less the renamed ones."""
    law, ids = (d.new, d.added) if what == "added" else (d.old, d.removed)
    renamed = {id for r in d.renamed for id in (r.old, r.new)}
    side = 1 if what == "added" else 0
    sign, style = ("+", "green") if what == "added" else ("-", "red")
    for id in ids:
        if id not in renamed:
            p = law[id]
            drawn = ", ".join(f"{phase} {percent(shares[phase][id][side])}" for phase in p.phases)
            yield 2, Text.assemble((f"{sign} {id}", style), f"  {p.aim}, weight {p.weight:g}, drawn: {drawn}")
            yield 4, Text(p.text.translate(TURNS))


def _renamed(d: Difference, colour: bool) -> Rows:
    for r in d.renamed:
        yield 2, Text.assemble((r.old, "red"), " → ", (r.new, "green"))
        yield 4, Text(f"renamed from {r.old}: breaks provenance, records drawn under {r.old} will be redrawn")
        was, now = d.old[r.old], d.new[r.new]
        if was.text != now.text:
            yield 4, _labelled("text", marked(marks(was.text, now.text), colour))
        if was.weight != now.weight or was.aim != now.aim:
            yield 4, Text(f"{was.aim}, weight {was.weight:g} → {now.aim}, weight {now.weight:g}")


def _reworded(d: Difference, colour: bool) -> Rows:
    for change in d.with_field(*REWORDED):
        yield 2, Text(change.id, "bold")
        for f in change.fields:
            if f.field in REWORDED:
                yield 4, _text_change(f, colour)


def _reweighted(d: Difference, shares: Shares) -> Rows:
    for change in d.with_field("weight"):
        f = change.field("weight")
        if f:
            yield 2, Text.assemble((change.id, "bold"), f"  weight {f.old:g} → {f.new:g}")
            yield 4, Text(f"drawn: {_drawn(shares, change.id)}")


def _others(d: Difference, shares: Shares, colour: bool) -> Rows:
    for change in d.changed:
        rest = _rest(change)
        if rest:
            yield 2, Text(change.id, "bold")
        for f in rest:
            yield 4, _other(f, colour)
            if f.field == "phases" or (f.field == "aim" and f.draws):
                yield 4, Text(f"drawn: {_drawn(shares, change.id)}")
    if d.whole:
        yield 2, Text("the constitution", "bold")
    for f in d.whole:
        yield 4, _other(f, colour)


def _rest(change: PrincipleChange) -> list[FieldChange]:
    """What neither rewords nor reweights."""
    return [f for f in change.fields if f.field not in (*REWORDED, "weight")]


def _other(f: FieldChange, colour: bool) -> Text:
    if f.field in ("source", "description"):
        return _text_change(f, colour)
    if f.field == "exemplars":
        said = "; ".join(_demonstrations(f.old, f.new, phase) for phase in PHASES if phase in f.words)
    elif f.field == "priorities":
        said = f"{_priorities(f.old)} → {_priorities(f.new)}"
    elif f.field == "phases":
        said = f"{', '.join(f.old)} → {', '.join(f.new)}"
    else:
        said = f"{f.old} → {f.new}".translate(TURNS)
    return _labelled(f.field, Text(said), f)


def _text_change(f: FieldChange, colour: bool) -> Text:
    return _labelled(f.field, marked(f.marks or (), colour), f)


def _labelled(name: str, said: Text, f: FieldChange | None = None) -> Text:
    """The field's name, where it is heard, and what is different."""
    label = Text(name.replace("_", " "), "dim")
    if f:
        label.append(f" ({', '.join(p for p in PHASES if p in f.reaches) or 'reaches no model'})")
    return Text.assemble(label, ": ", said)


def _demonstrations(old: Exemplars | None, new: Exemplars | None, phase: Phase) -> str:
    """ "revise 2 → 3 (1 added)"; None means the shipped ones."""
    if old is None or new is None:
        sizes = [str(len(of_phase(e, phase))) if e else "the shipped ones" for e in (old, new)]
        return f"{phase} {sizes[0]} → {sizes[1]}"
    was, now = ({e.prompt: e for e in of_phase(side, phase)} for side in (old, new))
    counts = {
        "added": len(now.keys() - was.keys()),
        "removed": len(was.keys() - now.keys()),
        "edited": sum(was[key] != now[key] for key in was.keys() & now.keys()),
    }
    said = ", ".join(f"{n} {what}" for what, n in counts.items() if n) or "in another order"
    return f"{phase} {len(of_phase(old, phase))} → {len(of_phase(new, phase))} ({said})"


def _priorities(priorities: dict[str, float] | None) -> str:
    return ", ".join(f"{aim} {weight:g}" for aim, weight in priorities.items()) if priorities else "none"


def _summary(d: Difference) -> Rows:
    renamed = len(d.renamed)
    counts = {
        "added": len(d.added) - renamed,
        "removed": len(d.removed) - renamed,
        "renamed": renamed,
        "reworded": len(d.with_field(*REWORDED)),
        "reweighted": len(d.with_field("weight")),
        "changed otherwise": sum(bool(_rest(change)) for change in d.changed),
    }
    if any(counts.values()):
        yield 2, Text("principles: " + ", ".join(f"{n} {what}" for what, n in counts.items() if n))
    yield 2, Text("draws that move: " + ", ".join(f"{phase} {percent(d.moved(phase))}" for phase in PHASES))
    touched = ", ".join(f"{phase} {percent(d.touched(phase))}" for phase in PHASES)
    yield 2, Text(f"draws that move or meet a reworded principle: {touched}")
    advice = d.advice()
    yield 2, Text(str(advice).translate(TURNS), "yellow" if advice.enough is False else "")


def _drawn(shares: Shares, id: str) -> str:
    """ "revise 8.6% → 9.1%, compare 0% → 4.0%"."""
    both = {phase: by_id[id] for phase, by_id in shares.items() if id in by_id}
    return ", ".join(f"{phase} {percent(was)} → {percent(now)}" for phase, (was, now) in both.items())


def percent(share: float) -> str:
    """ "12.3%", "0%", "<0.1%"."""
    return "0%" if not share else "<0.1%" if share < 0.0005 else f"{share:.1%}"
