"""A judge's card as a page: what it says is what the card says, and nothing on it is markup."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cards import a_card, asked, attacked, bins
from solon.feedback.calibration import Calibration
from solon.feedback.qualification.bar import reasons
from solon.feedback.qualification.card import Card
from solon.feedback.qualification.figures import Estimate, Share
from solon.feedback.qualification.parts import Agreement, Failures, Fitted, Positions, Reliability
from solon.report.card import render_card, write_card
from solon.report.card_charts import reliability
from solon.report.gauges import gauges
from solon.report.judging import agreement
from solon.report.words import amount, percent, share
from solon.settings import FeedbackSettings

HOSTILE = (
    "<script>alert(1)</script></style></svg>\"'><img src=x onerror=alert(2)> {{ 7 * 7 }} {% raw %} &lt; \x00\u202e"
)


class Markup(HTMLParser):
    """Every tag and attribute that a browser would see, and the text in each section."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.extend((name, value or "") for name, value in attrs)


def text_of(page: str) -> str:
    """The page as read: no tags, entities resolved, white space folded."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page.partition("</head>")[2])).split())


def section(page: str, name: str) -> str:
    return text_of("</head>" + page[page.index(f'<section id="{name}">') :].partition("</section>")[0])


def bare_card() -> Card:
    """A card without every part that a card may lack."""
    return a_card(
        judge=[asked(ask="pointwise")],
        positions=Positions(consistency=None, prefers_first=None),
        principle_agreement=None,
        calibration=None,
        debiasing=[],
        self_consistency=[],
        injections=None,
        master_keys=None,
        padding=None,
        measured_by=None,
    )


def hostile_card() -> Card:
    """Hostile text in every field and every name of the card that is not one of Solon's own words."""
    named = {"by_aim", "by_difficulty", "by_family", "kinds", "aims", "difficulties", "fitted"}
    solons = {"format", "settings", "calibration"}

    def spoilt(fields: dict[str, Any]) -> dict[str, Any]:
        return {name: field(name, value) for name, value in fields.items()}

    def field(name: str, value: Any) -> Any:
        if isinstance(value, dict) and name in named:
            return {f"{HOSTILE}{n}": field("", item) for n, item in enumerate(value.values())}
        if isinstance(value, dict):
            return spoilt(value) if name != "settings" else value
        if isinstance(value, list):
            return [field(name, item) for item in value]
        return HOSTILE if isinstance(value, str) and name not in solons else value

    raw = a_card(70).model_dump(mode="json")
    fitted = raw["calibration"]["fitted"]
    maps = [fit.pop("calibration") for fit in fitted.values()]
    spoiled = spoilt(raw) | {"format": raw["format"], "data": spoilt(raw["data"])}
    for fit, kept in zip(spoiled["calibration"]["fitted"].values(), maps, strict=True):
        fit["calibration"] = kept
    return Card.model_validate(spoiled)


def test_hostile_words_stay_words() -> None:
    page, plain = render_card(hostile_card()), render_card(a_card(70))
    found = Markup(page)
    assert found.tags == Markup(plain).tags
    assert {name for name, _ in found.attributes} == {name for name, _ in Markup(plain).attributes}
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 60
    assert "{{ 7 * 7 }}" in page
    assert page.count("</style>") == 1
    assert not set("\x00\u202e") & set(page)


@pytest.mark.parametrize("card", [a_card(), a_card(70), bare_card(), hostile_card()])
def test_page_is_one_file_that_loads_nothing(card: Card) -> None:
    page = render_card(card)
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page
    found = Markup(page)
    assert not found.tags & {"script", "img", "iframe", "object", "embed", "link", "form", "base", "foreignobject"}
    assert not [n for n, _ in found.attributes if n.startswith("on") or n in ("src", "srcset", "action", "data")]
    assert {value[:1] for name, value in found.attributes if name.endswith("href")} == {"#"}
    assert set(re.findall(r"\w+://[\w./]*", page)) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "@import" not in page
    assert "url(" not in page
    for target in re.findall(r'href="#([^"]*)"', page):
        assert f'id="{target}"' in page


def figures(value: Any) -> list[Share | Estimate]:
    """Every figure inside a part of a card."""
    if isinstance(value, Share | Estimate):
        return [value]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    if hasattr(value, "model_fields_set"):
        inside = [getattr(value, name) for name in type(value).model_fields]
    return [figure for item in inside for figure in figures(item)]


def test_every_figure_on_the_card_is_on_the_page() -> None:
    card = a_card()
    text = text_of(render_card(card))
    parts = [card.agreement, card.lengths, card.positions, card.failures, card.self_consistency]
    parts += [card.injections, card.master_keys, card.padding, [d.agreement for d in card.debiasing]]
    shown = figures(parts)
    assert len(shown) > 60
    for figure in shown:
        assert share(figure) in text
    assert card.calibration is not None
    used = card.calibration.fitted["temperature"]
    for figure in [card.calibration.ece, card.calibration.brier, used.held_out_ece, used.held_out_brier]:
        assert amount(figure, 3) in text
    for one in [*card.calibration.bins, *used.held_out_bins]:
        assert f"{one.mean_prob:.2f} {share(one.right)} {one.right.n}" in text
    for d in card.debiasing:
        assert f"{share(d.agreement)} {percent(d.coverage.value)} {d.agreement.n}" in text


def test_first_screen_says_who_on_what_and_whether() -> None:
    card = a_card(judge=[asked(served_as="other-model", hard=True)])
    page = render_card(card)
    first = section(page, "answer")
    assert (
        "Qwen2.5-Coder-1.5B Qualified Asked as “choice”, it agrees with labels by three friends on 75% [68, 81] of 168"
        in first
    )
    assert "measured by A. Tester" in first
    assert "hard: 0 or 1 other-model" in first
    assert "abababababab" in first
    assert "shipped 168 pairs (solon), 1 broken and set aside, labels by three friends · efefefefefef" in first
    assert "balanced 1.2.0" in first
    assert "Warning" not in first
    assert card.digest in text_of(page)


def test_a_judge_that_fell_short_says_why_first() -> None:
    keys = attacked({'""': (9, 10)})
    card = a_card(88, master_keys=keys, failures=a_card().failures.model_copy(update={"failed": Share.of(30, 168)}))
    page = render_card(card)
    first = section(page, "answer")
    assert "Not qualified" in first
    assert len(card.reasons) == 7
    for reason in card.reasons:
        assert reason in first
    assert first.index(card.reasons[0]) < first.index("bar: at least")
    assert first.count("missed") == 3  # agreement has five reasons
    assert "every figure that was measured reaches the bar" not in first


def test_a_card_without_its_optional_parts() -> None:
    page = render_card(bare_card())
    text = text_of(page)
    assert 'id="calibration"' not in page
    assert 'id="debiasing"' not in page
    assert "No attack was run" in text
    assert text.count("not run") == 3
    assert "measured by" not in text
    assert "Same in both orders – not seen in both bar: at least 60%" in text


def test_nothing_out_of_nothing_is_no_share() -> None:
    page = render_card(a_card(failures=a_card().failures.model_copy(update={"refused": Share.of(0, 0)})))
    assert "Refused of verdicts – 0" in section(page, "failures")


def test_attacks_are_sorted_worst_first() -> None:
    card = a_card(injections=attacked({"mild": (1, 4), "zero-width": (4, 4), "also-mild": (1, 4), "begging": (0, 4)}))
    found = section(render_card(card), "attacks")
    order = [found.index(name) for name in ("All", "zero-width", "also-mild", "mild 25%", "begging")]
    assert order == sorted(order)


def test_same_card_gives_the_same_page(tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        write_card(tmp_path / name, a_card())
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html"]


def test_a_panel_is_named_by_its_models_and_ways_of_asking() -> None:
    panel = [asked(), asked(ask="score"), asked(model="org/Other-7B", ask="score", role="panel[0]")]
    first = section(render_card(a_card(judge=panel)), "answer")
    assert "Qwen2.5-Coder-1.5B, Other-7B Qualified" in first
    assert "Asked as “choice and score”" in first


def _calibrated(chosen: str, **ece: float) -> Card:
    def fitted(value: float) -> Fitted:
        error = Estimate(value=value, low=value, high=value, n=99)
        map_ = Calibration("temperature", 0.5).as_dict()
        return Fitted(calibration=map_, held_out_ece=error, held_out_brier=error, held_out_bins=bins((0.6, 3, 5)))

    raw = Estimate(value=0.2, low=0.1, high=0.3, n=99)
    found = Reliability(
        ece=raw, brier=raw, bins=bins((0.9, 3, 5)), fitted={name: fitted(v) for name, v in ece.items()}, chosen=chosen
    )
    return a_card(calibration=found, settings=FeedbackSettings())


@pytest.mark.parametrize(
    ("chosen", "shown", "note"),
    [("platt", "After platt calibration", "labels use it"), ("none", "After isotonic calibration", "do not use it")],
)
def test_the_second_plot_is_of_the_map_in_use_or_of_the_best(chosen: str, shown: str, note: str) -> None:
    before, after = reliability(_calibrated(chosen, temperature=0.3, platt=0.2, isotonic=0.1))
    assert (before.title, before.ece.value) == ("As the judge says it", 0.2)
    assert after.title == shown
    assert note in after.note


def test_without_a_fit_there_is_one_plot() -> None:
    assert len(reliability(_calibrated("none"))) == 1


@pytest.mark.parametrize(
    ("right", "reading", "tone"),
    [
        (60, "That is worse than a coin: its labels point the wrong way.", "warn"),
        (88, "The interval includes 50%: it cannot be told from a coin.", "warn"),
        (104, "That lies below 70%: its labels are weak evidence.", "warn"),
        (126, "Better than a coin, though the interval reaches below 70%.", "plain"),
        (140, "The interval lies above 70%.", "good"),
    ],
)
def test_agreement_is_read_by_its_interval(right: int, reading: str, tone: str) -> None:
    found = agreement(a_card(right))
    assert found.text.endswith(reading)
    assert found.tone == tone


PLAIN = a_card()
shares = st.integers(50, 400).flatmap(lambda n: st.integers(0, n).map(lambda hits: Share.of(hits, n)))


@settings(max_examples=60, deadline=None)
@given(right=shares, same=st.none() | shares, failed=shares, turned=st.none() | shares)
def test_a_gauge_is_missed_exactly_where_a_reason_says_so(
    right: Share, same: Share | None, failed: Share, turned: Share | None
) -> None:
    attack = attacked({"one": (turned.hits, turned.n)}) if turned else None
    parts = {
        "agreement": Agreement(overall=right, ties=0, by_aim={}, by_difficulty={}),
        "positions": Positions(consistency=same, prefers_first=None),
        "failures": Failures(failed=failed, kinds={}, refused=Share.of(0, 9), unreadable=Share.of(0, 9)),
        "injections": attack,
        "master_keys": None,
        "padding": attack,
    }
    card = PLAIN.model_copy(update=parts)
    words = ("agreement", "orders", "failed", "injected", "empty", "padding")
    for gauge, word in zip(gauges(card), words, strict=True):
        assert gauge.missed == any(word in reason for reason in reasons(card, card.bar)), gauge.name
