"""Answers that end while they are written are the whole ones, cut: whatever the text, the tokens and the company."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from solon.engines.local import decode, stopping
from solon.engines.local.decode import Job, LocalDecoder
from solon.engines.local.model import LocalModel
from solon.engines.local.sampling import pick
from solon.engines.local.stopping import Watch
from solon.engines.scripted import Rule, Script, ScriptedEngine
from solon.engines.transformers import TransformersEngine
from solon.memo import call_key
from solon.sentences import settled, stopped_after
from solon.types import Completion, GenerateRequest, Message, canonical, user
from tiny import write_tiny_llama

# What decides whether a sentence is over: ends, openings, abbreviations, numbers, starters, lines, other scripts.
PIECES = [
    *(". ", ".", "...", "! ", "?", "…", '." ', ".) ", "\n", "\r", "\u2028", "  ", " "),
    *("“", '"', "**", "_", "(", "- ", "2. ", "3", "§", "IV", "I", "Tommy", "T", "The", "he", "x" * 85, "foo bar"),
    *("Acme Inc", "e.g", "No", "p.m", "Dr", "A", "Art", "。", "！", "”", "。」", "।", "你好", "é", "🙂", "\ufffd"),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=24).map("".join)


def cut(text: str, count: int) -> Completion:
    return stopped_after(Completion(text, "length"), count)


@settings(max_examples=1500)
@given(TEXTS, TEXTS, st.integers(1, 3))
def test_what_is_settled_is_cut_alike_whatever_follows(begun: str, rest: str, count: int) -> None:
    if settled(begun, count):
        assert cut(begun + rest, count) == cut(begun, count)
        assert cut(begun, count).finish_reason == "stop"


@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [
        ("One. Two.", 2, False),
        ("One. Two. ", 2, False),  # "two" may come and not be a sentence
        ("One. Two. T", 2, False),
        ("One. Two. Then ", 2, True),
        ("Acme Inc. The", 1, False),  # "Theo works" may come
        ("Acme Inc. The ", 1, True),
        ("Acme Inc. Theo ", 1, False),  # that was not the end, and no other is there yet
        ("One.\nt", 1, True),  # a line of its own
        ("1. Apples\n2. P", 1, True),
        ("没有。好", 1, False),
        ("没有。好，", 1, True),
        ("One. " + "X" * 80, 1, True),
    ],
)
def test_a_sentence_is_over_once_a_word_of_the_next_is_known(text: str, count: int, expected: bool) -> None:
    assert settled(text, count) is expected


# --- tokens ------------------------------------------------------------------------------------------------

PARTS: list[str | bytes] = [
    *(*PIECES, "<|im", "_end|>", "<think>", "</think>", "<th", "<", " n't", " ."),
    *(b"\xe3\x80", b"\x82", b"\xf0", b"\n"),
]
Tokens = Callable[[str | bytes], list[int]]


def of_bytes(tokenizer: Any) -> Tokens:
    """One token per byte, as the tiny Llama has them."""
    letters = dict(zip(range(256), alphabet(), strict=True))
    return lambda part: tokenizer.convert_tokens_to_ids([letters[byte] for byte in raw(part)])


def alphabet() -> list[str]:
    """GPT-2's letter for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


def raw(part: str | bytes) -> bytes:
    return part if isinstance(part, bytes) else part.encode()


def with_fallback() -> PreTrainedTokenizerFast:
    """Llama 2's way: pieces with "▁" for a blank, and bytes for what is none, the line break among them."""
    whole = [part.replace(" ", "▁") for part in PARTS if isinstance(part, str) and "\n" not in part]
    names = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *dict.fromkeys(whole)]
    vocabulary = {name: n for n, name in enumerate(names)}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], byte_fallback=True, unk_token="<unk>"))
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>")


def by_pieces(tokenizer: Any) -> Tokens:
    known = tokenizer.get_vocab()

    def ids(part: str | bytes) -> list[int]:
        name = part.replace(" ", "▁") if isinstance(part, str) else ""
        return [known[name]] if name in known else [known[f"<0x{byte:02X}>"] for byte in raw(part)]

    return ids


@pytest.fixture(scope="module")
def writers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[LocalModel, Tokens]]:
    """Models, by how their tokenizers make text of tokens, and what makes tokens of a text or of bytes."""
    names = ("bytes", "tidied", "fallback")
    folders = {name: write_tiny_llama(tmp_path_factory.mktemp(name) / "llama") for name in names}
    found = {name: LocalModel.load(str(folder)) for name, folder in folders.items()}
    found["fallback"].tokenizer = with_fallback()
    for flag in ("", "_for_bpe_even_though_it_will_corrupt_output"):
        setattr(found["tidied"].tokenizer, f"clean_up_tokenization_spaces{flag}", True)
    makers = {"bytes": of_bytes, "tidied": of_bytes, "fallback": by_pieces}
    return {name: (local, makers[name](local.tokenizer)) for name, local in found.items()}


def first_over(watch: Watch, ids: list[int]) -> int | None:
    """After how many of its tokens the row is over."""
    return next((n for n in range(1, len(ids) + 1) if watch.over(ids[:n])), None)


def reply(local: LocalModel, ids: list[int], count: int) -> Completion:
    text, thoughts = local.decode_answer(ids)
    return stopped_after(Completion(text, "length", reasoning=thoughts or None), count)


@settings(max_examples=600)
@given(
    st.sampled_from(["bytes", "tidied", "fallback"]),
    st.sampled_from(["", "<think>", "<think>Well. So. Or.\n\nNo.</think>"]),
    st.lists(st.sampled_from(PARTS), max_size=30),
    st.integers(1, 3),
    st.integers(1, 4),
)
def test_a_row_that_is_over_reads_as_it_would_in_full(
    writers: dict[str, Any], how: str, thought: str, parts: list[str | bytes], count: int, every: int
) -> None:
    local, tokens = writers[how]
    ids = [token for part in (thought, *parts) for token in tokens(part)]
    with patch.object(stopping, "EVERY", every):
        end = first_over(Watch(local, count), ids)
    if end is not None:
        assert reply(local, ids[:end], count) == reply(local, ids, count)


@pytest.mark.parametrize(
    ("how", "begun", "rest", "before", "after"),
    [
        ("tidied", ["Acme Inc. We", " n"], ["'t go"], "Acme Inc. We n", "Acme Inc. Wen't go"),
        ("fallback", ["2. ", "foo bar", b"\n", b"-"], [b"\xf0"], "2. foo bar\n-", "2. foo bar\ufffd\ufffd\ufffd"),
        ("bytes", ["<think></think>Acme Inc. The<|im"], ["_end|>odore"], "Acme Inc. The<|im", "Acme Inc. Theodore"),
        ("bytes", ["Acme Inc. The", b"\xc3"], [b"\xa9 "], "Acme Inc. The\ufffd", "Acme Inc. Theé"),
    ],
)
def test_an_end_that_other_tokens_change_is_not_looked_at(
    writers: dict[str, Any], how: str, begun: list[str | bytes], rest: list[str | bytes], before: str, after: str
) -> None:
    """`before` is settled by itself, and nothing that a longer row, which reads `after`, begins with."""
    local, tokens = writers[how]
    first = [token for part in begun for token in tokens(part)]
    whole = [*first, *(token for part in rest for token in tokens(part))]
    assert [local.decode_text(first), local.decode_text(whole)] == [before, after]
    assert settled(before, 1)
    assert reply(local, first, 1).text != reply(local, whole, 1).text
    with patch.object(stopping, "EVERY", 1):
        assert first_over(Watch(local, 1), first) is None


@pytest.mark.parametrize("how", ["bytes", "tidied", "fallback"])
@pytest.mark.parametrize("thought", ["", "<think>", "<think>Well. So. Or.\n\nNo.</think>"])
def test_a_row_is_over_soon_after_its_sentences(writers: dict[str, Any], how: str, thought: str) -> None:
    """All but one that never stops thinking, which has said nothing yet."""
    local, tokens = writers[how]
    said = ["The", " ", "foo bar", ". ", "Tommy", " ", "foo bar", ". ", "The", " ", "Dr", "foo bar", "\n"] * 4
    ids = [token for part in (thought, *said) for token in tokens(part)]
    end = first_over(Watch(local, 2), ids)
    if thought == "<think>":
        assert end is None
        return
    needed = len([token for part in (thought, *said[:10]) for token in tokens(part)])
    assert end is not None
    assert needed - 3 <= end <= needed + stopping.EVERY + stopping.TIDIED


def test_only_new_tokens_are_decoded_until_there_may_be_enough_sentences(
    writers: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    local, tokens = writers["bytes"]
    decoded: list[int] = []
    tokenizer, real = local.tokenizer, local.tokenizer.decode

    def counting(ids: list[int], **how: Any) -> str:
        decoded.append(len(ids))
        return str(real(ids, **how))

    monkeypatch.setattr(tokenizer, "decode", counting)
    ids, watch = tokens("word " * 60 + ". One"), Watch(local, 2)
    assert first_over(watch, ids) is None
    assert sum(decoded) <= len(ids)
    decoded.clear()
    assert first_over(Watch(local, 4), tokens("<think>" + "So. " * 40)) is None  # each decoded once or twice
    assert sum(size > stopping.EVERY for size in decoded) <= 2 * 40 / 4


# --- batches -----------------------------------------------------------------------------------------------


@pytest.fixture
def prose(monkeypatch: pytest.MonkeyPatch, tiny: LocalModel) -> LocalModel:
    """The tiny Llama with few tokens to pick from, so that what it says has sentences, and ends now and then."""
    letters = of_bytes(tiny.tokenizer)(b"..  \n!TheacrI2" + "。".encode())
    table = torch.tensor([*letters, *letters, *letters, tiny.tokenizer.eos_token_id])

    def few(*asked: Any) -> Tensor:
        return table[pick(*asked) % len(table)]

    monkeypatch.setattr(decode, "pick", few)
    return tiny


def answers(local: LocalModel, requests: list[GenerateRequest], *, max_batch: int = 64) -> tuple[list[Completion], int]:
    """The answers, and how many token positions were computed for them."""

    async def ask() -> list[Completion]:
        return list(await asyncio.gather(*(engine.generate(request) for request in requests)))

    engine = TransformersEngine(local, max_batch=max_batch)
    return asyncio.run(ask()), engine.work.computed


@pytest.mark.parametrize("max_batch", [64, 1])
def test_answers_are_the_whole_ones_cut(prose: LocalModel, max_batch: int) -> None:
    counts = [1, 2, 3, None]
    asked = [
        GenerateRequest((user(f"say {n % 5}"),), 60, 0.0 if n % 7 == 0 else 1.0, 1.0, n, 0, counts[n % 4])
        for n in range(40)
    ]
    stopped, spent = answers(prose, asked, max_batch=max_batch)
    whole, all_of_it = answers(prose, [replace(request, stop_after=None) for request in asked])
    for request, mine, full in zip(asked, stopped, whole, strict=True):
        expected = stopped_after(full, request.stop_after)
        assert replace(mine, completion_tokens=0) == replace(expected, completion_tokens=0)
        assert mine.completion_tokens <= full.completion_tokens
    early = [m.completion_tokens < w.completion_tokens for m, w in zip(stopped, whole, strict=True)]
    assert 10 < sum(early) < 40
    assert max_batch == 1 or spent < all_of_it


def test_rows_that_are_over_leave_the_batch(prose: LocalModel) -> None:
    jobs = [Job(prose.encode_chat((user("say it"),)), 60, seed=n, stop_after=1) for n in range(8)]
    decoder, whole = LocalDecoder(prose), LocalDecoder(prose)
    written = decoder.write(jobs)
    full = whole.write([replace(job, stop_after=None) for job in jobs])
    for mine, theirs in zip(written, full, strict=True):
        assert mine.ids == theirs.ids[: len(mine.ids)]
        assert len(mine.logprobs) == len(mine.ids)
    assert sum(len(w.ids) for w in written) < sum(len(w.ids) for w in full) / 2
    assert decoder.work.computed < whole.work.computed / 2


# --- requests ----------------------------------------------------------------------------------------------


def test_where_an_answer_ends_is_part_of_the_key_and_not_of_the_noise() -> None:
    whole = GenerateRequest((Message("user", 'say "it"'),), seed=3)
    short = replace(whole, stop_after=2)
    assert "stop_after" not in whole.payload()
    assert short.payload() == {**whole.payload(), "stop_after": 2}
    assert short.canonical() == canonical(short.payload())
    fingerprint = ScriptedEngine(Script()).fingerprint
    assert len({call_key(fingerprint, r) for r in (whole, short, replace(whole, stop_after=3))}) == 3
    assert short.noise_seed() == whole.noise_seed()


def test_a_script_says_the_same_and_stops() -> None:
    rule = Rule(match="rambling", reply="One here. Two there. And so on")
    engine = ScriptedEngine(Script(rules=(rule,)))
    for text in ("rambling", "something else"):
        whole = GenerateRequest((user(text),))
        full = asyncio.run(engine.generate(whole))
        assert asyncio.run(engine.generate(replace(whole, stop_after=1))) == stopped_after(full, 1)
    assert full.text.count(".") == 1
