"""Conversations as token ids, by the model's own chat template.

Three things are easy to get wrong here, and each has cost someone a training:

- What is learnt must be what the template renders. The prompt as it is asked (with the template's opening for an
  answer) and the whole conversation may differ: TinyLlama's template asks "<|assistant|>" and answers
  "<|assistant|>\\n…", thinking templates open a thought. So the whole turn is rendered, and the completion is what
  comes after the prompt.
- The end of a turn is the template's, "<|im_end|>" say, also where the tokenizer's eos is "<|endoftext|>".
- Text is never a control token. Control tokens in a text are masked while the template is rendered and encoded, then
  encoded as the letters they are: nothing is inserted that a model would learn.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jinja2.exceptions import TemplateError
from tokenizers import Tokenizer

from solon.errors import TemplateRefuses
from solon.prompts.thoughts import opened_by, split
from solon.types import Message, assistant, user

# For base models without a chat template: the plain dialogue of the paper. Only the last turn ends with eos, so that an
# ending is learnt and demonstrations stay one document.
PLAIN_TEMPLATE = (
    "{% for m in messages %}{{ {'user': 'Human: ', 'assistant': 'Assistant: ', 'system': ''}[m.role] }}"
    "{{ m.content }}{{ eos_token if loop.last and m.role == 'assistant' }}{{ '\n\n' }}{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
ANSWER = "solon7f3a9answer"  # stands for an answer, to see what the template puts around one
_MARKUP = re.compile(r"^(?:<.*>|\[.*\]|\{.*\}|◁.*▷|<.*|.*[|｜]>)$", re.S)
# Tags that tokenizers add for the sake of web pages (Gemma's do): ordinary text, no control.
_HTML = re.compile(
    r"^</?(?:a|b|blockquote|body|br|caption|code|div|em|h[1-6]|head|hr|html|i|img|li|ol|p|pre|s|span|strong|sub|sup"
    r"|table|tbody|td|tfoot|th|thead|tr|u|ul)>$"
)
_PRIVATE = (0xF0000, 0x100000)  # two planes of code points that mean nothing: masks come from one that a text lacks
_BORDER = re.compile(r"^.*[\s>\]|▷]", re.S)  # up to where a prompt may be cut without cutting a mark


@dataclass(frozen=True, slots=True)
class Opening:
    """What comes before and after an answer to a conversation, rendered and masked.

    `prompt` is what the model is asked with and `lead` what the template puts between that and the answer's own words;
    `tail` is all that follows the answer.
    """

    prompt: str
    lead: str
    tail: str


class Chat:
    """The conversations of one tokenizer. `name` is the model's, for messages."""

    def __init__(self, tokenizer: Any, name: str) -> None:
        self.tokenizer, self.name = tokenizer, name
        self.plain = not tokenizer.chat_template
        if self.plain:
            wants_bos = bool(tokenizer.bos_token) and tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id]
            tokenizer.chat_template = ("{{ bos_token }}" if wants_bos else "") + PLAIN_TEMPLATE

    # --- what the template does ------------------------------------------------------------------

    @cached_property
    def end_of_turn(self) -> int | None:
        """The control token that ends an assistant's turn; None where the template has none."""
        found = self._end_in(self._probe.tail)
        return int(self.tokenizer.convert_tokens_to_ids(found[0])) if found else None

    @cached_property
    def opened_thought(self) -> str:
        """The mark with which the template opens a thought for the model, "" where it opens none."""
        return opened_by(self._render((user("hi"),), True))

    @cached_property
    def remark(self) -> str | None:
        """What whoever trains on this template should know, in one line."""
        asked = self._render((user("hi"),), True)
        if self._probe.prompt == asked:
            return None
        return (
            f"the chat template of {self.name} asks with {asked[-40:]!r}, but an answer stands after "
            f"{(self._probe.prompt + self._probe.lead)[-40:]!r} in it: answers are learnt as they stand"
        )

    @cached_property
    def _probe(self) -> Opening:
        return self._opening((user("hi"),))

    # --- token ids -------------------------------------------------------------------------------

    def prompt(self, turns: Sequence[Message]) -> list[int]:
        """Token ids up to where the assistant's next words begin. Raises TemplateRefuses."""
        plane = self._plane(turns)
        return self._ids(self._render([self._masked(turn, plane) for turn in turns], True), plane)

    def completion(self, turns: Sequence[Message], reply: str, ended: bool = True) -> tuple[list[int], list[int]]:
        """Token ids of prompt and reply as the template has them; of one that `ended`, with the end of its turn.

        Raises TemplateRefuses.
        """
        (found,) = self.completions(turns, [(reply, ended)])
        return found

    def completions(
        self, turns: Sequence[Message], replies: Sequence[tuple[str, bool]]
    ) -> list[tuple[list[int], list[int]]]:
        """`completion` of several replies to one conversation."""
        plane = self._plane([*turns, *(assistant(reply) for reply, _ in replies)])
        masked = [self._masked(turn, plane) for turn in turns]
        opening = self._opening(masked)
        prompt, found = self._ids(opening.prompt, plane), []
        for reply, ended in replies:
            words = self._rendered_answer(masked, self._masked(assistant(reply), plane), opening)
            found.append((prompt, self._after(prompt, opening, words, ended, plane)))
        return found

    def choices(self, turns: Sequence[Message], choices: Sequence[str]) -> tuple[list[int], list[list[int]]]:
        """Token ids up to the assistant's words, and of each of `choices` as those words. Raises TemplateRefuses."""
        plane = self._plane([*turns, *map(assistant, choices)])
        opening = self._opening([self._masked(turn, plane) for turn in turns])
        # A blank before a word is part of the word's token.
        kept = opening.lead.rstrip(" ")
        close = Opening(opening.prompt + kept, opening.lead[len(kept) :], opening.tail)
        prompt = self._ids(close.prompt, plane)
        masked = [self._masked(assistant(choice), plane, keep_thoughts=True).content for choice in choices]
        return prompt, [self._after(prompt, close, words, False, plane) for words in masked]

    def conversation(self, turns: Sequence[Message]) -> list[int]:
        """Token ids of a whole conversation, all that the template puts after it included. Raises TemplateRefuses."""
        plane = self._plane(turns)
        return self._ids(self._render([self._masked(turn, plane) for turn in turns], False), plane)

    def text(self, text: str) -> list[int]:
        """Token ids of text by itself, no control tokens added or recognised."""
        plane = self._plane([assistant(text)])
        return self._ids(self._masked(assistant(text), plane, keep_thoughts=True).content, plane)

    # --- rendering -------------------------------------------------------------------------------

    def _render(self, turns: Sequence[Message], opens: bool) -> str:
        messages = [turn.as_dict() for turn in turns]
        try:
            text: str = self.tokenizer.apply_chat_template(messages, add_generation_prompt=opens, tokenize=False)
        except (TemplateError, TypeError, KeyError, ValueError, IndexError, AttributeError) as error:
            why = " ".join(str(error).split())[:200] or type(error).__name__
            roles = ", ".join(turn.role for turn in turns)
            raise TemplateRefuses(
                f"the chat template of {self.name} refuses the conversation ({roles}): {why}"
            ) from None
        return text

    def _opening(self, turns: Sequence[Message]) -> Opening:
        """Around an answer to masked turns. What is asked and the whole conversation agree up to `prompt`."""
        asked = self._render(turns, True)
        before, found, tail = self._render([*turns, assistant(ANSWER)], False).rpartition(ANSWER)
        if not found:
            raise TemplateRefuses(
                f"the chat template of {self.name} does not show what the assistant says; give its folder a "
                "chat_template.jinja that renders the content of assistant turns, or take another model"
            )
        if before.startswith(asked):
            return Opening(asked, before[len(asked) :], tail)
        same = next((i for i, (a, b) in enumerate(zip(asked, before, strict=False)) if a != b), len(before))
        border = _BORDER.match(before[:same])
        shared = border[0] if border and same < len(before) else before[:same]
        return Opening(shared, before[len(shared) :], tail)

    def _rendered_answer(self, turns: Sequence[Message], reply: Message, opening: Opening) -> str:
        """The answer's words as the template has them, trimmed where it trims."""
        whole, before = self._render([*turns, reply], False), opening.prompt + opening.lead
        if whole.startswith(before) and whole.endswith(opening.tail) and len(whole) >= len(before) + len(opening.tail):
            return whole[len(before) : len(whole) - len(opening.tail)]
        return reply.content

    def _after(self, prompt: list[int], opening: Opening, words: str, ended: bool, plane: int) -> list[int]:
        """Token ids of lead, words and, if `ended`, the end of the turn, as they are after `prompt`."""
        end = self._end_in(opening.tail) if ended else None
        text = opening.lead + words + (opening.tail[: end.end()] if end else "")
        whole = self._ids(opening.prompt + text, plane)
        # Where the tokenizer draws prompt and answer together into one token, the model is asked without that token.
        ids = whole[len(prompt) :] if whole[: len(prompt)] == prompt else self._ids(text, plane, first=False)
        if ended and end is None and self.tokenizer.eos_token_id is not None:
            ids = [*ids, int(self.tokenizer.eos_token_id)]
        return ids

    def _end_in(self, tail: str) -> re.Match[str] | None:
        return self._controls.search(tail) if self._controls else None

    # --- text that spells control tokens ---------------------------------------------------------

    @cached_property
    def control_texts(self) -> tuple[str, ...]:
        """The added tokens that are no ordinary text: special ones, and marks that were added without saying so."""
        added = self.tokenizer.added_tokens_decoder.values()
        return tuple(
            sorted(
                {
                    token.content
                    for token in added
                    if token.content.strip()
                    and (token.special or (_MARKUP.match(token.content) and not _HTML.match(token.content)))
                },
                key=lambda text: (-len(text), text),
            )
        )

    @cached_property
    def _controls(self) -> re.Pattern[str] | None:
        texts = self.control_texts
        return re.compile("|".join(map(re.escape, texts))) if texts else None

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {text: number for number, text in enumerate(self.control_texts)}

    def _plane(self, turns: Sequence[Message]) -> int:
        """The first code point of the masks: of a plane that no text uses."""
        free = (p for p in _PRIVATE if not any(p <= ord(c) <= p + 0xFFFD for t in turns for c in _rare(t.content)))
        return next(free, _PRIVATE[0])

    def _masked(self, turn: Message, plane: int, keep_thoughts: bool = False) -> Message:
        """The turn with a private code point for each control token in it, an assistant's without its thoughts."""
        content = turn.content
        if turn.role == "assistant" and not keep_thoughts and content.lstrip().startswith(("<", "[", "◁")):
            answer, found = split(content)
            content = answer if found else content
        if self._controls is None or not self._controls.search(content):
            return turn if content is turn.content else Message(turn.role, content)
        return Message(turn.role, self._controls.sub(lambda m: chr(plane + self._numbers[m[0]]), content))

    def _unmasked(self, text: str, plane: int) -> str:
        texts = self.control_texts
        return "".join(texts[ord(c) - plane] if plane <= ord(c) < plane + len(texts) else c for c in text)

    def _ids(self, text: str, plane: int, first: bool = True) -> list[int]:
        """Token ids of rendered text; masks become the letters they stand for."""
        masked = any(plane <= ord(c) < plane + len(self.control_texts) for c in _rare(text))
        if not masked and (first or not self._fast or self._end_in(text)):
            return list(self.tokenizer.encode(text, add_special_tokens=False))
        return [token for part in self._parts(text, plane, first) for token in part]

    @property
    def _fast(self) -> bool:
        return getattr(self.tokenizer, "backend_tokenizer", None) is not None

    def _parts(self, text: str, plane: int, first: bool) -> Iterator[list[int]]:
        """The template's control tokens, and between them text in which nothing is one."""
        at = 0
        for mark in [*(self._controls.finditer(text) if self._controls else ()), None]:
            ordinary = self._unmasked(text[at : mark.start() if mark else len(text)], plane)
            if ordinary:
                yield self._spelt(ordinary, first and at == 0)
            if mark:
                yield [int(self.tokenizer.convert_tokens_to_ids(mark[0]))]
                at = mark.end()

    def _spelt(self, text: str, first: bool) -> list[int]:
        if self._fast:
            ids = list(self._spelling(first).encode(text, add_special_tokens=False).ids)
        else:
            ids = list(self.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True))
        controls = {int(self.tokenizer.convert_tokens_to_ids(control)) for control in self.control_texts}
        # A letter that the tokenizer does not know is unknown, here as in any text.
        if self.tokenizer.unk_token_id != self.tokenizer.eos_token_id:
            controls.discard(self.tokenizer.unk_token_id)
        if controls & set(ids):
            raise TemplateRefuses(f"the tokenizer of {self.name} cannot spell out a control token: {text[:60]!r}")
        return ids

    def _spelling(self, first: bool) -> Tokenizer:
        """The tokenizer without its control tokens; not `first`: without the blank some put before a text."""
        if first not in self._spellings:
            self._spellings[first] = _without_controls(self.tokenizer.backend_tokenizer, self.control_texts, first)
        return self._spellings[first]

    @cached_property
    def _spellings(self) -> dict[bool, Tokenizer]:
        return {}


def _rare(text: str) -> Iterator[str]:
    """The characters of `text` beyond the basic planes; nothing of most texts, at the speed of `max`."""
    if text and max(text) >= "\U000f0000":
        yield from (c for c in text if c >= "\U000f0000")


def _without_controls(backend: Tokenizer, controls: Sequence[str], first: bool) -> Tokenizer:
    """The tokenizer with its control tokens under names that no text has: without them, others would get their ids."""
    rules = json.loads(backend.to_str())
    names = {control: f"\U0010fffd{number}\U0010fffd" for number, control in enumerate(controls)}
    for token in rules["added_tokens"]:
        token["content"] = names.get(token["content"], token["content"])
    model = rules["model"]
    if isinstance(model["vocab"], dict):
        model["vocab"] = {names.get(piece, piece): number for piece, number in model["vocab"].items()}
    else:  # Unigram: pieces with their scores
        model["vocab"] = [[names.get(piece, piece), score] for piece, score in model["vocab"]]
    if model.get("unk_token") in names:
        model["unk_token"] = names[model["unk_token"]]
    if not first:
        _without_leading_blank(rules)
    return Tokenizer.from_str(json.dumps(rules))


def _without_leading_blank(rules: dict[str, Any]) -> None:
    for part in ("normalizer", "pre_tokenizer"):
        group = rules.get(part) or {}
        for one in [group, *group.get("normalizers", ()), *group.get("pretokenizers", ())]:
            if one.get("type") == "Metaspace":
                one["prepend_scheme"] = "never"
            elif one.get("type") == "Prepend":
                one["prepend"] = ""
            elif one.get("type") == "ByteLevel":
                one["add_prefix_space"] = False
