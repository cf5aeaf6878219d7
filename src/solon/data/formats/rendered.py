"""Conversations that were written out as one text: HH transcripts, and the chat templates of models.

Such a text is parsed back into turns, or refused: as one turn of the user, its marks would be words of the user, and a
template would be put around a template. A text is one only where it begins with a turn's mark, or ends with the mark
after which the assistant speaks. Marks that are quoted inside other text stay what they are.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from solon.data.formats.checks import RowProblem
from solon.types import Message, Role, assistant, system, user

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "model": "assistant",
    "chatbot": "assistant",
    "bot": "assistant",
    "gpt": "assistant",
}
_TOOLS = ("tool", "ipython", "function", "observation", "environment")
_ROLE = "|".join((*_ROLES, *_TOOLS))


@dataclass(frozen=True, slots=True)
class _Template:
    """How a family of templates writes turns: `header` has the role as its group, `end` what closes a turn.

    `preamble`: what stands before the first turn is the system turn; else there must be nothing.
    """

    name: str
    header: re.Pattern[str]
    end: re.Pattern[str]
    preamble: bool = False


def _template(name: str, header: str, end: str, preamble: bool = False) -> _Template:
    return _Template(name, re.compile(header.replace("ROLE", f"({_ROLE})"), re.I), re.compile(end), preamble)


_TEMPLATES = (
    _template("ChatML", r"<\|im_start\|>[ ]?ROLE(?:\r?\n|<\|im_sep\|>|\Z)", r"<\|im_end\|>"),
    _template(
        "Llama 3", r"<\|start_header_id\|>ROLE<\|end_header_id\|>\n{0,2}", r"<\|(?:eot_id|eom_id|end_of_text)\|>"
    ),
    _template("Llama 4", r"<\|header_start\|>ROLE<\|header_end\|>\n{0,2}", r"<\|(?:eot|eom)\|>"),
    _template("Gemma", r"<start_of_turn>ROLE(?:\n|\Z)", r"<end_of_turn>"),
    _template("Gemma 4", r"<\|turn>ROLE(?:\n|\Z)", r"<turn\|>"),
    _template("Zephyr", r"<\|ROLE\|>(?:\n|\Z|(?=\S))", r"</s>|<\|end\|>|<\|endoftext\|>|<\|end_of_text\|>"),
    _template(
        "Command R",
        r"<\|START_OF_TURN_TOKEN\|><\|ROLE_TOKEN\|>(?:<\|START_RESPONSE\|>)?",
        r"<\|END_OF_TURN_TOKEN\|>",
    ),
    _template("Granite", r"<\|start_of_role\|>ROLE<\|end_of_role\|>", r"<\|end_of_text\|>"),
    _template("DeepSeek", r"<｜ROLE｜>", r"<｜end▁of▁sentence｜>", preamble=True),
)
# What a text may begin with before its first turn: it begins a document.
_BEGIN = re.compile(
    r"\A\s*(?:<s>|<bos>|<\|begin_of_text\|>|<\|startoftext\|>|<BOS_TOKEN>|\[gMASK\]|<sop>|<｜begin▁of▁sentence｜>)+"
)
_LLAMA_2 = re.compile(r"\A\s*(?:<s>\s*)?(?:\[SYSTEM_PROMPT\](.*?)\[/SYSTEM_PROMPT\]\s*)?\[INST\](?=.*\[/INST\])", re.S)
_SYS = re.compile(r"\A\s*<<SYS>>\n?(.*?)\n?<</SYS>>\s*", re.S)
_MISTRAL_TOOLS = re.compile(r"\[(?:AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]")
# What a turn of text cannot hold, written into its text: calls of tools, what they gave back, and places of images.
_CALLS = re.compile(
    r"<(tool_call|tool_response|tool_calls|function_call)>\s*[\[{<\w].*</\1>"
    r"|<tools>\s*[\[{].*</tools>"
    r"|\[(?:AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]\s*[\[{\w]",
    re.S,
)
_IMAGES = re.compile(
    r"\A\s*<(?:image|video|audio)>\s*\n|\n\s*<(?:image|video|audio)>\s*\Z|\A\s*<(?:image|video|audio)>\s*\Z"
    r"|<\|(?:image|video|audio|image_pad|video_pad|vision_start|image_1)\|>|<start_of_image>"
)
# Marks of templates that are not known: as the first word of a text whose later turns have one, too.
_FOREIGN = re.compile(
    r"\[\|\w+\|\]|<extra_id_\d+>|<reserved_\d+>|<\|?reserved_(?:special_)?token_\d+\|?>|\[(?:unused|UNUSED_TOKEN_)_?\d+\]"
    r"|<unused\d+>|<[|｜][^<>|｜\s]{2,40}[|｜]>"
)
_OPENCHAT = re.compile(r"\A\s*[\w ]{2,40}:.*<\|end_of_turn\|>", re.S)
_NO_THOUGHTS = re.compile(r"\s*(?:<think>\s*(?:</think>)?)?\s*")
# The marks that close a turn or a document: a reply that ends with one was cut out of a rendered text.
END = re.compile(
    r"\s*(?:<\|(?:im_end|eot_id|eom_id|eot|eom|end|endoftext|end_of_text|END_OF_TURN_TOKEN|return)\|>"
    r"|<end_of_turn>|<turn\|>|<eos>|</s>|<｜end▁of▁sentence｜>)\s*\Z"
)
_CONTROL = re.compile(r"<[|｜][^<>|｜\s]{2,40}[|｜]>")
_CONTROL_ENDS = re.compile(
    r"\A\s*<[|｜][^<>|｜\s]{2,40}[|｜]>[^ ].*<[|｜][^<>|｜\s]{2,40}[|｜]>[ \n]*\w{0,12}[:\n ]*\Z", re.S
)

# Plain words that mark turns.
SPEAKERS: dict[str, Role] = {"Human": "user", "Assistant": "assistant"}
MARKER = re.compile(r"\n\n(Human|Assistant):")
_OPEN = re.compile(r"\n\nAssistant:\s*\Z")
# A turn's mark, how a text ends that waits for the assistant, and whether a system prompt may stand before the turns.
_WORDS = (
    (re.compile(r"(?:\A|\n+)###[ ]?(Human|User|Assistant|System):[ ]?"), r"###[ ]?Assistant:", True),
    (re.compile(r"(?:\A|\s|</s>)(USER|ASSISTANT|SYSTEM):[ ]?"), r"ASSISTANT:", True),
    (re.compile(r"(?:\A|\n+)(User|Assistant|System):[ ]?"), r"\nAssistant:", False),
    (re.compile(r"(?:\A|\n+)<(human|bot)>:[ ]?"), r"<bot>:", False),
)
_ALPACA = re.compile(r"(.*?)\s*### Instruction:\n(.*?)(?:\n\n### Input:\n(.*?))?\n\n### Response:[ \n]*\Z", re.S)


def turns_of_text(text: str) -> tuple[Message, ...]:
    """The turns that a text tells, at least one; a plain text is one turn of the user.

    A last turn of the assistant without words, which only asks for an answer, is left out. Raises RowProblem for a text
    that is written out by a template that cannot be read, or that holds the calls of tools.
    """
    if (turns := _of_json(text)) is not None:
        return turns
    return tuple(checked_turn(turn) for turn in _told(text))


def checked_turn(turn: Message) -> Message:
    """The turn. Raises RowProblem where its text holds what it cannot: the calls of tools, places of images."""
    text = turn.content
    if "<" not in text and "[" not in text:
        return turn
    if _CALLS.search(text) and not _is_quoted(text):
        raise RowProblem(f"a turn of the {turn.role} holds calls or results of tools, which a turn of text cannot hold")
    if turn.role != "assistant" and (found := _IMAGES.search(text)):
        raise RowProblem(f"a turn of the {turn.role} holds the place of an image ({found[0].strip()}), and no text can")
    return turn


def _is_quoted(text: str) -> bool:
    """Whether the marks stand in code or in quotes, as where somebody asks about them."""
    found = _CALLS.search(text)
    return found is not None and (
        text.count("```", 0, found.start()) % 2 == 1 or text[: found.start()].endswith(("`", "'", '"'))
    )


def _of_json(text: str) -> tuple[Message, ...] | None:
    """The turns of a list of messages, or of the one text, that a cell holds as JSON; None of other texts."""
    start = text.lstrip()[:16]
    if not start.startswith("[") or not text.rstrip().endswith("]") or start[1:].lstrip()[:1] not in ("{", '"'):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if is_told(value):
        from solon.data.formats.messages import messages

        return messages(value, "a list of messages as JSON")
    if all(isinstance(one, str) for one in value) and len(value) == 1 and value[0].strip():
        return turns_of_text(value[0])
    return None


def is_told(value: object) -> bool:
    """Whether it is a list of messages, each with a role and a content (or ShareGPT's from and value)."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(turn, dict) and ({"role", "content"} <= turn.keys() or {"from", "value"} <= turn.keys())
            for turn in value
        )
    )


def _told(text: str) -> tuple[Message, ...]:
    if is_transcript(text):
        return _speaking(_transcript(text))
    body = _BEGIN.sub("", text)
    if found := _LLAMA_2.match(text):
        return _speaking(_llama_2(text, found))
    for template in _TEMPLATES:
        if _is_of(template, body):
            return _speaking(_parsed(template, body))
    if (turns := _of_words(text)) is not None:
        return _speaking(turns)
    if re.match(r"\s*(?:<s>)?\s*\[(?:AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]", text):
        raise RowProblem("a Mistral prompt with tools, whose calls a turn of text cannot hold")
    if mark := _foreign(body):
        raise RowProblem(_UNKNOWN.format(mark=mark))
    if (body != text and not text.lstrip().startswith("<s>")) or _CONTROL_ENDS.match(text):
        mark = (_CONTROL.search(text) or _BEGIN.match(text) or [text[:20]])[0]
        raise RowProblem(_UNKNOWN.format(mark=mark.strip()[:40]))
    return (user(text),)


_UNKNOWN = "the text is written out by a chat template that is not known ({mark}): give its turns as messages"


def _foreign(text: str) -> str:
    """The mark of an unknown template with which a text begins, and of whose kind another follows; "" without."""
    first = _FOREIGN.match(text.lstrip())
    if first is None:
        return "<|end_of_turn|>" if _OPENCHAT.match(text) else ""
    rest = text.lstrip()[first.end() :]
    # A mark after which a sentence goes on is what that sentence speaks of.
    if rest[:1] == " " and re.match(r" (?:and|or|is|are|in|means|does|as|at|to|,)\b", rest):
        return ""
    return first[0][:40] if _FOREIGN.search(rest) and rest.strip() else ""


def is_plain(text: str) -> bool:
    """Whether a text is read as one turn of the user, as it is."""
    try:
        return turns_of_text(text) == (user(text),)
    except RowProblem:
        return False


def is_transcript(text: str) -> bool:
    """Whether a text is an HH transcript: it begins with a turn, or ends where the assistant is to speak."""
    start = "\n\n" + text.lstrip()
    if "\n\nHuman:" not in start:
        return False
    begins = start.startswith("\n\nHuman:") and ("\n\nAssistant:" in start or text.startswith("\n\nHuman:"))
    return begins or _OPEN.search(text) is not None


def _transcript(text: str) -> list[Message]:
    before, *parts = MARKER.split("\n\n" + text.lstrip("\n"))
    turns = [system(before.strip())] if before.strip() else []
    for speaker, said in zip(parts[::2], parts[1::2], strict=True):
        turns.append(Message(SPEAKERS[speaker], said.removeprefix(" ")))
    return turns


def _is_of(template: _Template, body: str) -> bool:
    """Whether a text begins with a turn of the template, or ends where its assistant is to speak."""
    if template.header.match(body.lstrip()):
        return True
    *_, last = [None, *template.header.finditer(body)]
    return last is not None and _is_assistant(last[1]) and not _NO_THOUGHTS.sub("", body[last.end() :])


def _is_assistant(role: str) -> bool:
    return _ROLES.get(role.lower()) == "assistant"


def _parsed(template: _Template, body: str) -> list[Message]:
    before, *parts = template.header.split(body)
    turns: list[Message] = []
    if before.strip():
        if not template.preamble:
            raise RowProblem(
                f"text stands before the first turn of a {template.name} prompt: give its turns as messages"
            )
        turns.append(system(before.strip()))
    several = list(zip(parts[::2], parts[1::2], strict=True))
    for n, (name, said) in enumerate(several, 1):
        if name.lower() in _TOOLS:
            raise RowProblem(f"turn {n} of a {template.name} prompt is a tool's, which a turn of text cannot hold")
        closed = template.end.split(said, maxsplit=1)
        if template.end.search("".join(closed[1:])) or (len(closed) > 1 and closed[1].strip()):
            raise RowProblem(f"turn {n} of a {template.name} prompt goes on after its end: give its turns as messages")
        # The line feeds around a turn's words are the template's; an indentation is not.
        turns.append(Message(_ROLES[name.lower()], closed[0].strip("\n")))
    return turns


def _llama_2(text: str, found: re.Match[str]) -> list[Message]:
    if _MISTRAL_TOOLS.search(text):
        raise RowProblem("a Mistral prompt with tools, whose calls a turn of text cannot hold")
    turns = [system(found[1].strip())] if found[1] else []
    for n, part in enumerate(re.split(r"\[INST\]", text[found.end() :])):
        asked, closed, answer = part.partition("[/INST]")
        if not closed:
            raise RowProblem(f"turn {2 * n + 1} of a Llama 2 or Mistral prompt is not closed by [/INST]")
        if n == 0 and (told := _SYS.match(asked)):
            turns.append(system(told[1].strip("\n")))
            asked = asked[told.end() :]
        turns.append(user(asked.strip(" ")))
        answer = re.sub(r"\s*(?:</s>)?\s*(?:<s>)?\s*\Z", "", answer)
        turns += [assistant(answer.removeprefix(" "))] if answer.strip() else []
    return turns


def _of_words(text: str) -> list[Message] | None:
    """The turns of a text that ends with plain words after which the assistant speaks; None of any other."""
    if ":" not in text:  # every such word has one, and most prompts have none
        return None
    if "### Response:" in text and (found := _ALPACA.fullmatch(text)):
        before, asked, about = found.groups()
        turns = [system(before.strip())] if before.strip() else []
        return [*turns, user(f"{asked.strip()}\n\n{about.strip()}" if about and about.strip() else asked.strip())]
    for mark, end, preamble in _WORDS:
        if re.search(rf"{end}\s*\Z", text):
            before, *parts = mark.split(text)
            roles = [_ROLES[name.lower()] for name in parts[::2]]
            if "user" not in roles or (before.strip() and not preamble):
                continue
            said = [Message(role, part.strip()) for role, part in zip(roles, parts[1::2], strict=True)]
            said = [Message(turn.role, END.sub("", turn.content)) for turn in said]
            return [*([system(before.strip())] if before.strip() else []), *said]
    return _taking_turns(text)


def _taking_turns(text: str) -> list[Message] | None:
    """The turns of a text that begins with the user's word, and in which both speak by turns up to the user's last."""
    for mark, _, preamble in (*_WORDS[:1], *_WORDS[2:]):
        before, *parts = mark.split(text)
        roles = [_ROLES[name.lower()] for name in parts[::2]]
        talk = roles[1:] if roles[:1] == ["system"] else roles
        if (before.strip() and not preamble) or len(talk) < 3 or len(talk) % 2 == 0:
            continue
        if any(role != ("assistant" if n % 2 else "user") for n, role in enumerate(talk)):
            continue
        said = [Message(role, END.sub("", part.strip())) for role, part in zip(roles, parts[1::2], strict=True)]
        if all(turn.content for turn in said):
            return [*([system(before.strip())] if before.strip() else []), *said]
    return None


def _speaking(turns: list[Message]) -> tuple[Message, ...]:
    """The turns without a last one that only asks the assistant to speak. Raises RowProblem where none is left."""
    if turns and turns[-1].role == "assistant" and not _NO_THOUGHTS.sub("", turns[-1].content):
        turns = turns[:-1]
    if not turns:
        raise RowProblem("the text has marks of turns and no words in them")
    return tuple(turns)


def whole_of(prompt: object, before: tuple[Message, ...], reply: str) -> tuple[Message, ...]:
    """The turns of a prompt and a reply in one text, which may be the whole transcript that the prompt begins. One
    space after a transcript's "Assistant:" is the transcript's.
    """
    if reply.lstrip("\n").startswith("Human:") and is_transcript(reply):
        told = turns_of_text(reply)
        if told[: len(before)] == before and told[-1].role == "assistant":
            return told
    of_transcript = isinstance(prompt, str) and is_transcript(prompt)
    return (*before, assistant(reply.removeprefix(" ") if of_transcript else reply))


def plain_replies(one: str, other: str) -> tuple[str, str]:
    """Two replies without the mark that a template closes a turn with.

    It is taken off where both end with the same, or where it follows a word directly: after a space it may be what the
    reply speaks of.
    """
    first, second = _mark_of(one), _mark_of(other)
    if not first and not second:
        return one, other
    alike = first == second
    return _without(one, first, alike), _without(other, second, alike)


def _mark_of(reply: str) -> str:
    found = END.search(reply) if reply.rstrip().endswith(">") else None
    return found.group().strip() if found else ""


def _without(reply: str, mark: str, surely: bool) -> str:
    return END.sub("", reply) if mark and (surely or _is_attached(reply, mark)) else reply


def _is_attached(reply: str, mark: str) -> bool:
    before = reply.rstrip().removesuffix(mark)
    if mark == "</s>" and re.search(r"<s[> ]", before):  # struck out text in HTML
        return False
    return bool(before.strip()) and (not before[-1].isspace() or before[-1] == "\n") and before[-1] not in "\"'`“‘«("
