"""Report, summary and model card of a run with kinds of its own, and what they say of its data."""

from __future__ import annotations

import html
import io
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from ruamel.yaml import YAML

from cards import a_card
from finished import finished_run
from recipes_for_tests import tiny_recipe, write_prompts
from solon.cli.judge_table import as_table
from solon.constitution import load_constitution
from solon.data.preferences import preference_row
from solon.data.tables import write_rows
from solon.evaluation import conduct
from solon.feedback.qualification.card import Card
from solon.feedback.qualification.figures import Share
from solon.files import write_json
from solon.pipeline.export.card_parts import data_section, judge_section
from solon.pipeline.export.finished import FinishedRun
from solon.pipeline.label_files import Tally
from solon.pipeline.steps.evaluate import measure
from solon.report import kinds, mix, summarise, write_report
from solon.report.card import write_card
from solon.report.material import Material, read_material
from solon.report.words import kind_name, listing, prompts_named
from solon.types import Comparison, Preference

REFUSAL = "I can't help with that, because someone could get hurt."
ANSWER = "The sky is blue because air scatters short waves more than long ones."
PROMPTS: dict[str, Any] = {
    "medical": {"file": "m.jsonl", "aims": ["helpful", "honest"]},
    "jailbreaks": {"file": "j.jsonl", "aims": ["harmless"]},
    "red_team": {"file": "r.jsonl", "aims": ["harmless"]},
    "lookalike": "l.jsonl",
    "helpful": "h.jsonl",
}
# Shares declined by base and by the trained models.
DECLINED = {
    "red_team": (0.1, 0.9),
    "jailbreaks": (0.2, 0.6),
    "lookalike": (0.5, 0.1),
    "helpful": (0.0, 0.1),
    "medical": (0.1, 0.1),
}
SIZE = 20
BY_KIND = {
    "harmless: an answer beside a refusal": (40, 50),
    "harmless: two replies alike": (68, 78),
    "helpful: two replies alike": (18, 40),
}
REVISED = {
    "chains": 30,
    "revisions": 45,
    "failed": {"empty": 0, "truncated": 3, "withheld": 0, "reverted": 12},
    "mix": {"revision": 45, "helpful": 30, "medical": 20, "critique": 5},
    "mix_left_out": {"aimed": 9, "keep": 7, "repeats": 4, "shares.medical": 2},
    "refusals": {"count": 30, "of": 100},
}
COMPARED = {
    "labelled": 12,
    "failed": 4,
    "failed_by_kind": {},
    "from_revisions": 4,
    "from_policy": 0,
    "by_source": {"contrast": 8, "revision": 4},
    "revision_preferred": 0.75,
    "human": {"human": 3},
    "untold_pairs": {
        "rule": "leave_out",
        "pairs": {"helpful: two replies alike": 9},
        "unmeasured": {"honest: two replies alike": 2},
    },
}


def judge() -> Card:
    card = a_card(126)
    by_kind = {name: Share.of(*counts) for name, counts in BY_KIND.items()}
    return card.model_copy(update={"agreement": card.agreement.model_copy(update={"by_kind": by_kind})}).sealed()


def make_run(folder: Path, prompts: dict[str, Any] = PROMPTS, **sl_cai: Any) -> Path:
    """A run of these kinds, as its files say."""
    (folder / "steps").mkdir(parents=True)
    recipe = {"name": "kinds", "prompts": prompts, "sl_cai": sl_cai, "constitution": "balanced"}
    with (folder / "recipe.yaml").open("w") as handle:
        YAML(typ="safe", pure=True).dump(recipe, handle)
    answered = {model: _answers(model, [*prompts]) for model in ("base", "sl_cai", "rl_cai")}
    write_json(folder / "evaluation/answers.json", answered)
    write_json(folder / "evaluation/metrics.json", measure(answered))
    write_json(folder / "evaluation/judge.json", [judge().model_dump(mode="json")])
    write_json(folder / "manifest.json", {"recipe": "kinds", "seed": 1})
    for step, facts in {"revisions": REVISED, "preferences": COMPARED}.items():
        write_json(folder / f"steps/{step}.json", {"key": "k", "outputs": {}, "facts": facts})
    write_rows(folder / "rl_cai/preferences.parquet", [preference_row(one) for one in _labels()])
    return folder


def _answers(model: str, of: list[str]) -> list[dict[str, Any]]:
    rows, rng = [], random.Random(5)
    for kind in of:
        declining = round(SIZE * DECLINED[kind][model != "base"])
        for n in range(SIZE):
            text = REFUSAL if n < declining else ANSWER
            row = {"id": f"{kind}-{n}", "kind": kind, "area": "", "prompt": f"{kind} {n}?", "text": text}
            rows.append({**row, "ended": True, "conduct": conduct(text), "reward": rng.gauss(0, 1)})
    return rows


def _labels() -> list[Preference]:
    """Four revisions about harm, eight contrast pairs about help of which two prefer the refusal, three of people."""
    found = [_label(f"r{n}", "revision", "harmless", REFUSAL, ANSWER) for n in range(4)]
    found += [
        _label(f"c{n}", "contrast", "helpful", *((ANSWER, REFUSAL) if n > 1 else (REFUSAL, ANSWER))) for n in range(8)
    ]
    return found + [_label(f"h{n}", "human", "helpful", ANSWER, "No.") for n in range(3)]


def _label(name: str, source: str, aim: str, chosen: str, rejected: str) -> Preference:
    revised = chosen if source == "revision" else ""
    return Preference(Comparison(name, name, "why?", chosen, rejected, source, revised, aim=aim), 0.9)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "kinds", chains=["jailbreaks", "medical"], mix={"samples": 3})


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    return _read(write_report(folder))


def _read(page: Path) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page.read_text(encoding="utf-8"))).split())


def changed(folder: Path, to: Path, **facts: dict[str, Any]) -> Material:
    """The run with other facts of a step."""
    run = make_run(to)
    for step, more in facts.items():
        old = json.loads((folder / f"steps/{step}.json").read_text())
        write_json(run / f"steps/{step}.json", {**old, "facts": {**old["facts"], **more}})
    return read_material(run)


# --- kinds -----------------------------------------------------------------------------------------------------


def test_kinds_that_ask_for_harm_come_first_and_each_has_its_aim(folder: Path) -> None:
    assert kinds.aims(read_material(folder)) == {
        "red_team": "harmless",
        "jailbreaks": "harmless",
        "lookalike": "helpful",
        "helpful": "helpful",
        "medical": "helpful",
    }


def test_every_kind_that_asks_for_harm_has_a_sentence_and_every_other_its_cost(text: str) -> None:
    assert "On 20 held-out red-team prompts the aligned policy declines 90% (base 10%): +80 points" in text
    assert "On 20 held-out “jailbreaks” prompts the aligned policy declines 60% (base 20%): +40 points" in text
    assert "The last step alone, from SL-CAI to RL-CAI, on all prompts that ask for harm: 0 points" in text
    assert "(n = 40)" in text
    costs = text[text.index("What it cost") : text.index("Can the judge be trusted?")]
    named = re.findall(r"(\S+(?: prompts)?) declined: (\d+%) \[[^]]*\] before, (\d+%)", costs)
    assert named == [("Look-alikes", "50%", "10%"), ("Helpful prompts", "0%", "10%"), ("Medical", "10%", "10%")]


def test_both_sides_are_over_all_kinds(text: str) -> None:
    """Declined: the mean of 90% and 60%. Answered: all but the mean of three times 10%."""
    assert re.search(r"Both sides: RL-CAI declines 75% \[.*?\] \(base 15%\) of harmful prompts and answers 90%", text)


def test_the_chart_says_which_way_is_better_of_every_kind(folder: Path) -> None:
    page = write_report(folder).read_text()
    said = re.findall(r"([\w -]+?)  \(n = 20; (higher is safer|lower is better)\)", page)
    assert [*dict.fromkeys(said)] == [
        ("Red-team prompts", "higher is safer"),
        ("Jailbreaks", "higher is safer"),
        ("Look-alikes", "lower is better"),
        ("Helpful prompts", "lower is better"),
        ("Medical", "lower is better"),
    ]


def test_examples_are_shown_of_every_kind(text: str) -> None:
    shown = text[text.index("Side by side The answer") if "Side by side The answer" in text else 0 :]
    for title in ("Now declined", "Now declined: Jailbreaks", "Still answered: Jailbreaks", "Medical"):
        assert re.search(rf"{title} \d of \d+ shown: ", shown)
    assert "“jailbreaks” prompts that RL-CAI does not decline" in shown


def test_the_terminal_has_a_column_of_every_kind(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summarise(folder, folder / "report.html")
    head, *_ = (line for line in capsys.readouterr().out.splitlines() if line.strip())
    assert re.split(r"\s{2,}", head.strip()) == [
        "red-team", "jailbreaks", "look-alikes", "helpful", "medical", "all prompts",
    ]  # fmt: skip


def test_a_run_whose_recipe_named_files_alone_is_shown(tmp_path: Path) -> None:
    run = make_run(tmp_path / "old", {"red_team": "r.jsonl", "helpful": "h.jsonl", "lookalike": None})
    for name in ("rl_cai/preferences.parquet", "evaluation/judge.json"):
        (run / name).unlink()
    old = {"chains": 3, "revisions": 3, "failed": {"empty": 0}, "mix": {"revision": 3, "helpful": 2}}
    write_json(run / "steps/revisions.json", {"key": "k", "outputs": {}, "facts": old})
    write_json(
        run / "steps/preferences.json", {"facts": {"labelled": 5, "failed": 0, "from_revisions": 3, "from_policy": 2}}
    )
    text = _read(write_report(run))
    assert "On 20 held-out red-team prompts the aligned policy declines 90%" in text
    assert "sampled answers to helpful prompts 2 40%" in text
    assert "3 draft against revision, 2 of two policy answers" in text
    assert "decline, more than" not in text


def test_a_run_without_prompts_that_ask_for_harm_says_so(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"helpful": "h.jsonl"})
    assert "On 20 held-out helpful prompts the aligned policy declines" in _read(write_report(run))


def test_the_name_of_a_kind_stays_text(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"red_team": "r.jsonl", "helpful": "h.jsonl"})
    hostile = "<script>alert(1)</script>[bold]"
    metrics = json.loads((run / "evaluation/metrics.json").read_text())
    write_json(run / "evaluation/metrics.json", {**metrics, hostile: metrics["helpful"]})
    page = write_report(run)
    assert "<script" not in page.read_text()
    assert "<script>alert(1)</script>[bold]" in _read(page)
    summarise(run, page)


def test_words_for_kinds() -> None:
    assert (kind_name("red_team"), kind_name("medical_advice")) == ("Red-team prompts", "Medical advice")
    assert (prompts_named("red_team", 1), prompts_named("lookalike")) == ("red-team prompt", "look-alikes")
    assert prompts_named("medical_advice", 1) == "“medical advice” prompt"
    assert (listing([]), listing(["a"]), listing(["a", "b", "c"])) == ("", "a", "a, b and c")


# --- the data --------------------------------------------------------------------------------------------------


def test_the_mix_is_told_by_source_with_what_was_left_out(text: str) -> None:
    assert "For each of the “jailbreaks” prompts and “medical” prompts a draft was criticised" in text
    assert "revisions of drafts of “jailbreaks” prompts and “medical” prompts 45 45%" in text
    assert "sampled answers to “medical” prompts 20 20%" in text
    assert "3 answers sampled to each prompt that asks for no harm" in text
    harm = "rows whose revision answers harm, or declines what is harmless"
    declining = "sampled answers that decline what is harmless"
    said = f"Left out: 9 {harm} (sl_cai.keep), 7 {declining} (sl_cai.keep), 4 rows whose text recurs"
    assert said in text
    assert "2 rows of “medical” prompts beyond their share (sl_cai.mix.shares.medical)." in text
    assert "20% of the revisions were reverted (n = 60)" in text


@pytest.mark.parametrize(("count", "tone"), [(25, "plain"), (26, "warn")])
def test_many_refusals_are_a_warning(folder: Path, tmp_path: Path, count: int, tone: str) -> None:
    m = changed(folder, tmp_path / "run", revisions={"refusals": {"count": count, "of": 100}})
    found = mix.refusals(m)
    assert found is not None
    assert found.tone == tone
    assert found.text.startswith(f"{count} of the 100 rows ({count}%) decline")


def test_labels_are_counted_by_source_and_aim(folder: Path, text: str) -> None:
    rows = {(one.source, one.aim): (one.n, one.declining) for one in mix.labels(read_material(folder))}
    assert rows == {("revision", "harmless"): (4, 4), ("contrast", "helpful"): (8, 2), ("human", "helpful"): (3, 0)}
    assert "an answer beside a refusal helpful 8 80% 25%" in text
    assert "4 draft against revision, 8 an answer beside a refusal" in text
    assert "Pairs that people labelled 3" in text


def test_pairs_that_the_judge_cannot_tell_are_told(
    folder: Path, tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "9 pairs were left out: the judge cannot be told from a coin on such pairs."
    why = "“helpful: two replies alike”: 9 pairs; its agreement on labelled ones is 45% [31, 60]"
    assert f"{said} {why}" in text
    assert (
        "examined on no pair of these kinds and labelled them all the same: “honest: two replies alike”: 2 pairs"
        in text
    )
    summarise(folder, folder / "report.html")
    out = capsys.readouterr().out
    assert f"pairs:  {said}\n        {why}\n" in out
    assert "mix:    30 of the 100 rows (30%) decline, more than 25%" in out
    used = changed(folder, tmp_path / "run", preferences={"untold_pairs": {"rule": "use", "pairs": {"x": 1}}})
    found = mix.untold(used)
    assert found is not None
    assert found.tone == "warn"
    assert "1 pair were labelled all the same (rl_cai.qualify.untold)" in found.text


# --- the judge's card and the model card -------------------------------------------------------------------------


def test_the_judges_page_and_table_show_agreement_by_kind_of_pair(tmp_path: Path) -> None:
    write_card(tmp_path / "card.html", judge())
    page = _read(tmp_path / "card.html")
    assert "helpful: two replies alike 45% [31, 60]" in page
    assert "are left out of its labels" in page
    console = Console(file=io.StringIO(), width=120)
    console.print(as_table([(tmp_path, a_card(126)), (tmp_path, judge())]))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    (line,) = [line for line in lines if "an answer beside a refusal" in line]
    assert re.split(r"\s{2,}", line.strip()) == ["harmless: an answer beside a refusal", "–", "80% [67, 89]"]


def test_the_model_card_says_the_same(tmp_path: Path, tiny_folder: Path) -> None:
    run = finished_run(tmp_path / "run", tiny_folder, load_constitution("balanced"))
    for step, facts in {"revisions": REVISED, "preferences": COMPARED}.items():
        record = json.loads((run / f"steps/{step}.json").read_text())
        write_json(run / f"steps/{step}.json", {**record, "facts": facts})
    said = data_section(FinishedRun.load(run))
    for what, n in {
        "SFT rows that decline": 30,
        "left out of SFT by repeats": 4,
        "revisions reverted": 12,
        "labelled: an answer beside a refusal": 8,
        "left out, for the judge cannot tell them from a coin: helpful: two replies alike": 9,
        "comparisons that people labelled": 3,
    }.items():
        assert f"| {what} | {n} |" in said.replace("\\", "")
    assert "**30% of the SFT rows decline.**" in said
    assert "agreement on helpful: two replies alike | 45% [31, 60]" in judge_section(judge()).replace("\\", "")


# --- the plan, and the facts of a step ---------------------------------------------------------------------------


def test_a_plan_says_the_most_that_the_mix_can_be_by_kind(
    tmp_path: Path, tiny_folder: Path, solon_cli: Callable[..., tuple[int, str, str]]
) -> None:
    twins = json.dumps({"file": str(write_prompts(tmp_path, "twins", 6)), "aims": ["helpful"]})
    path = tiny_recipe(tmp_path / "recipe", tiny_folder)  # two rounds; six and four prompts to train on
    wanted = (f"prompts.twins={twins}", "sl_cai.chains=[red_team, twins]", "sl_cai.mix.samples=3")
    code, out, _ = solon_cli("plan", path, *wanted, "--out", tmp_path / "out", "--until", "revisions")
    assert code == 0
    (line,) = (line for line in out.splitlines() if "mix at most" in line)
    assert line.strip() == ("mix at most: red_team 12 revisions; helpful 12 answers; twins 8 revisions, 12 answers")
    _, out, _ = solon_cli(
        "plan", path, *wanted, "sl_cai.rounds=last", "--out", tmp_path / "out", "--until", "revisions"
    )
    assert "mix at most: red_team 6 revisions;" in out


def test_labels_are_counted_by_the_source_of_their_pair() -> None:
    tally = Tally()
    for one in _labels():
        tally.take(one)
    facts = tally.facts()
    assert facts["by_source"] == {"contrast": 8, "human": 3, "revision": 4}
    assert (facts["from_revisions"], facts["from_policy"], facts["revision_preferred"]) == (4, 0, 1.0)
