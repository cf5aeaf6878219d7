"""What a record asks: the conversation to be answered, whatever its columns are called, and a reply of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from solon.data.formats.checks import Record, RowProblem, check_text, kind
from solon.data.formats.messages import is_messages, messages
from solon.data.formats.rendered import turns_of_text
from solon.types import Message, assistant, system, user

# What files call the column that is answered, the most telling first.
FIELDS = (
    "prompt",
    "prompt_turns",
    "messages",
    "conversations",
    "conversation",
    "turns",
    "instruction",
    "orig_instruction",
    "question",
    "text",
    "query",
    "user_prompt",
    "dialogue",
    "post",
    "input",
)
_MOST = ("prompt", "text", "instruction", "question", "turns", "messages")  # those of FIELDS that messages name
SYSTEM = ("system", "system_prompt", "system_message")
LATER = "turns"  # a list of texts under it are turns of the user, asked one after another
INPUT = "input"  # Alpaca's second column: what the instruction is about
BETWEEN = "\n\n"  # stands between an instruction and its input
LENGTH = "instruction_length"  # characters of the prompt that are the instruction: the rest was its input
# What a question is about: a text follows it after an empty line.
ABOUT = (
    INPUT,
    "context",
    "document",
    "documents",
    "passage",
    "passages",
    "article",
    "paragraph",
    "background",
    "excerpt",
    "story",
    "email",
    "evidence",
    "knowledge",
    "abstract",
    "source_text",
    "source_document",
    "reference_text",
    "options",
    "choices",
)
EARLIER = ("context", "history", "chat_history", "conversation_history")  # lists of turns before the question
_TITLED = ("text", "post", "dialogue")  # a `title` beside these is their first line; elsewhere it names the row
# What an instruction is to be done with or answers, and what a question is asked of.
_ASKED_OF = {"instruction": ("question", "query", "text"), "question": ("text",), "query": ("text",)}
_ALSO_ASK = ("instruction", "question", "query", "user_prompt", "prompt")  # texts that would be asked themselves
TALKS = ("messages", "conversations", "conversation")
_LONG = 40  # characters: a text that long which stands in the prompt already is not said again
_EMPTY_LINES = re.compile(r"\A(?:[^\S\n]*\n)+")
_ONE_REPLY = ("response", "output", "completion", "answer", "reply")  # one text under it answers the prompt


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is answered, its last turn the user's; the user's turns that come `later`; the record's own `reply` (""
    without), in the column `replied`; and the columns that say these. Texts keep the indentation of their first line.
    """

    turns: tuple[Message, ...]
    later: tuple[str, ...] = ()
    reply: str = ""
    columns: frozenset[str] = frozenset()
    replied: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """The turns that a record's columns say, texts as they are; it may end with a reply. `own` are the columns."""

    turns: tuple[Message, ...]
    later: tuple[str, ...]
    own: tuple[str, ...]
    more: Record


def conversation_of(record: Record) -> Conversation:
    """What the first of FIELDS that the record has asks, with what other columns say of it (`opened`).

    A list that ends with a reply of the assistant is asked up to the user's last turn. Raises RowProblem where nothing
    is asked, or turns hold what text cannot.
    """
    name = next((name for name in FIELDS if may_ask(record.get(name))), None)
    if name is None:
        raise RowProblem(_nothing(record))
    found = opened(record, name, facts=True)
    turns, reply = found.turns, ""
    if turns[-1].role == "assistant" and len(turns) > 1:
        turns, reply = turns[:-1], turns[-1].content
    if turns[-1].role != "user" or not turns[-1].content.strip():
        said = "words of the user" if turns[-1].role == "user" else f"turn of the user but one of the {turns[-1].role}"
        raise RowProblem(f"{name} ends with no {said}")
    told = (*turns[:-1], user(trimmed(turns[-1].content)))
    for text in (*(turn.content for turn in told), *found.later, reply):
        check_text(text)
    return Conversation(told, found.later, reply, frozenset(found.own), _replied(name, found) if reply else "")


def _replied(name: str, found: Opened) -> str:
    return next((other for other in found.own if other != name and other in TALKS), name)


def opened(record: Record, name: str, *, facts: bool = False) -> Opened:
    """The turns under `name`, as prompts and pairs alike are read: after the system prompt and the earlier turns that
    other columns hold, and with what they say the question is about. With `facts` turns may say more than their text.

    Raises RowProblem where columns contradict each other, or say what has no place in the turns: nothing is left out.
    """
    turns, later = _turns(name, record[name], facts)
    turns, own = _agreed(record, name, turns)
    turns, taken, more = surrounded(record, name, turns, facts=facts)
    return Opened(turns, later, tuple(dict.fromkeys((name, *own, *taken))), more)


def surrounded(
    record: Record, name: str, turns: tuple[Message, ...], *, facts: bool = False
) -> tuple[tuple[Message, ...], tuple[str, ...], Record]:
    """The turns that `name` holds, with or without a reply, with what other columns put before them and into them; the
    columns that do, and columns to add. Raises RowProblem."""
    columns: list[str] = []
    _check_agreement(record, name, turns)
    turns, more = _about(record, name, turns, columns)
    return (*_before(record, name, turns, columns, facts), *turns), tuple(columns), more


def claimed(extra: Record, turns: tuple[Message, ...]) -> tuple[str, ...]:
    """The columns that would be read as a part of `turns`, were they written beside them."""
    held = turns[0].role == "system"
    names = [name for name in SYSTEM if not held and isinstance(extra.get(name), str) and extra[name]]
    return (*names, *(name for name in dict.fromkeys((*ABOUT, *EARLIER)) if _says(extra.get(name))))


def trimmed(text: str) -> str:
    """A text without empty lines around it and spaces at its end. In a text of several lines the indentation of the
    first says something: it may be code."""
    told = _EMPTY_LINES.sub("", text).rstrip()
    return told if "\n" in told else told.strip()


def own_reply(record: Record, found: Conversation) -> str:
    """The one reply that a record has to its prompt, in its conversation or beside it; "" without."""
    if found.reply:
        return found.reply
    beside = (record.get(name) for name in _ONE_REPLY)
    return next((text for text in beside if isinstance(text, str) and text.strip()), "")


def may_ask(value: Any) -> bool:
    """Whether a value can be what is asked: a text that says something, or turns."""
    if isinstance(value, str):
        return bool(value.strip())
    if isinstance(value, dict):
        return is_messages(value.get("messages"))
    return isinstance(value, list) and bool(value)


def _nothing(record: Record) -> str:
    found = next((name for name in FIELDS if record.get(name) not in (None, "", [])), None)
    wrong = f"; {found} is {kind(record[found])}" if found and not isinstance(record[found], str) else ""
    return f"no prompt text (looked for {', '.join(_MOST)} and others{wrong})"


def _says(value: Any) -> bool:
    """Whether it is a text with words, or a list with entries."""
    return bool(value.strip()) if isinstance(value, str) else isinstance(value, list) and bool(value)


def _turns(name: str, value: Any, facts: bool) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    """The turns under a column, and those that come later."""
    if isinstance(value, dict):
        return messages(value.get("messages", [value]), name, facts=facts), ()
    if isinstance(value, str):
        return tuple(Message(turn.role, turn.content) for turn in turns_of_text(value)), ()
    if value and all(isinstance(turn, str) for turn in value):
        if name != LATER and len(value) > 1:
            raise RowProblem(f"{name} is a list of {len(value)} texts, expected one text or messages with roles")
        if not all(turn.strip() for turn in value):
            raise RowProblem(f"{name} holds an empty turn")
        return (user(value[0]),), tuple(map(trimmed, value[1:]))
    return messages(value, name, facts=facts), ()


def _agreed(record: Record, name: str, turns: tuple[Message, ...]) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    """The turns, where other columns that would be asked say no other thing; a conversation of which they are the last
    question instead of them."""
    for other in TALKS:
        if other != name and is_messages(record.get(other)):
            turns, used = _within(name, turns, other, messages(record[other], other, facts=True))
            if used:
                return turns, (other,)
    return turns, ()


def _check_agreement(record: Record, name: str, turns: tuple[Message, ...]) -> None:
    """That no other column would be asked another question. Raises RowProblem."""
    said = "\n".join(turn.content for turn in turns)
    for other in _ALSO_ASK:
        value = record.get(other)
        if other == name or not isinstance(value, str) or not value.strip() or value.strip() in said:
            continue
        if other in _ASKED_OF.get(name, ()):
            continue  # joined
        if name not in TALKS and len(turns) == 1 and turns[0].content.strip() in value:
            continue  # the same question in more words, as a template writes it out
        raise RowProblem(f"{name} and {other} both hold a question, and not the same: keep one of them")


def _within(
    name: str, turns: tuple[Message, ...], other: str, talk: tuple[Message, ...]
) -> tuple[tuple[Message, ...], bool]:
    """The turns of `name` as a part of a conversation under `other`, and whether that says more."""
    asked = [turn.content.strip() for turn in talk if turn.role == "user"]
    mine = [turn.content.strip() for turn in turns if turn.role == "user"]
    if mine and len(mine) == 1 and asked[-1:] == mine:
        return talk, True
    if mine and asked[: len(mine)] == mine:
        opening = tuple(turn for turn in talk[:1] if turn.role == "system" and turns[0].role != "system")
        return (*opening, *turns), False
    if mine and mine[-len(asked) :] == asked:
        return turns, False
    raise RowProblem(f"{name} and {other} both hold a question, and not the same: keep one of them")


def _about(
    record: Record, name: str, turns: tuple[Message, ...], columns: list[str]
) -> tuple[tuple[Message, ...], Record]:
    """The turns, their one question with what it is about: Alpaca's `input`, a `context`, a document."""
    parts: dict[str, str] = {}
    title = record.get("title")
    place = [n for n, turn in enumerate(turns) if turn.role == "user"]
    for about in (*_ASKED_OF.get(name, ()), *ABOUT):
        given = record.get(about)
        if about == name or (about in EARLIER and isinstance(given, list)) or _is_of_another(about, given):
            continue
        if given is not None and not isinstance(given, str):
            raise RowProblem(f"{about} is {kind(given)}, expected text: what the prompt is about")
        held = bool(given) and _is_held(record, name, given or "", turns)
        if about == "text" and given and turns[-1].content.strip() in given:
            continue  # an instruction with its answer, written out for a trainer
        if (about == INPUT and about in record) or (given and given.strip()):
            columns.append(about)
        if given and given.strip() and not (held and (name, about) != ("instruction", INPUT)):
            parts[about] = given
    titled = name in _TITLED and isinstance(title, str) and title.strip() and title.strip() not in turns[0].content
    if not parts and not titled:
        return turns, {}
    if len(place) != 1:
        said = ", ".join([*parts, *(["title"] if titled else [])])
        raise RowProblem(f"{said} beside the {len(place)} turns of the user in {name}: put it into its own")
    text = turns[place[0]].content
    more = {LENGTH: len(text)} if name == "instruction" and parts else {}
    if titled:
        columns.append("title")
        more = {}
        text = f"{title}{BETWEEN}{text}"
    asked = user(BETWEEN.join([text, *parts.values()]))
    return (*turns[: place[0]], asked, *turns[place[0] + 1 :]), more


def _is_held(record: Record, name: str, given: str, turns: tuple[Message, ...]) -> bool:
    """Whether the turns say it already: at length, or with the instruction that it belongs to, as a template does."""
    said = "\n".join(turn.content for turn in turns)
    others = [record[other] for other in _ALSO_ASK if other != name and isinstance(record.get(other), str)]
    written_out = any(other.strip() and other.strip() in said for other in others)
    return given.strip() in said and (len(given) >= _LONG or written_out)


def _is_of_another(about: str, given: Any) -> bool:
    """Whether a column holds something that is not what a question is about: a reply's choices, an object of inputs."""
    return (about == "choices" and is_messages(given)) or (about in (INPUT, "document") and isinstance(given, dict))


def _before(
    record: Record, name: str, turns: tuple[Message, ...], columns: list[str], facts: bool
) -> tuple[Message, ...]:
    """The turns that other columns put before: a system prompt, and the earlier ones of `context` or `history`."""
    found: dict[str, tuple[Message, ...]] = {}
    for column in EARLIER:
        value = record.get(column)
        if column != name and _says(value) and (column != "context" or isinstance(value, list)):
            columns.append(column)
            found[column] = _earlier(value, column, facts)
    if len(set(found.values())) > 1:
        raise RowProblem(f"{' and '.join(found)} hold different turns before the prompt: keep one of them")
    earlier = next(iter(found.values()), ())
    said = {column: record[column] for column in SYSTEM if record.get(column) not in (None, "")}
    for column, value in said.items():
        if not isinstance(value, str):
            raise RowProblem(f"{column} is {kind(value)}, expected text: the system prompt")
    texts = {value.strip() for value in said.values()}
    if len(texts) > 1:
        raise RowProblem(f"{' and '.join(said)} hold different system prompts: keep one of them")
    if not said:
        return earlier
    columns += said
    own = next((turn.content for turn in (*earlier, *turns) if turn.role == "system"), None)
    if own is not None and own.strip() not in texts:
        raise RowProblem(f"{next(iter(said))} says another thing than the system turn of the conversation: keep one")
    opening = next(iter(said.values()))
    return earlier if own is not None or not opening.strip() else (system(opening), *earlier)


def _earlier(value: Any, column: str, facts: bool) -> tuple[Message, ...]:
    """The turns of a column that come before the question; a text has to tell them, the last one a reply."""
    if isinstance(value, str):
        turns = turns_of_text(value)
        if len(turns) < 2 or turns[-1].role != "assistant":
            raise RowProblem(f"{column} is text and tells no turns: give the turns before the prompt as messages")
        return turns
    return _history(value, column, facts) if column != "context" else messages(value, column, facts=facts)


def _history(value: list[Any], name: str, facts: bool) -> tuple[Message, ...]:
    """Alpaca's earlier turns, pairs of what was asked and answered, or messages."""
    if is_messages(value):
        return messages(value, name, facts=facts)
    if not all(isinstance(pair, list) and len(pair) == 2 and all(isinstance(t, str) for t in pair) for pair in value):
        raise RowProblem(f"{name} is no list of pairs of texts, what was asked and what was answered")
    return tuple(turn for asked, answered in value for turn in (user(asked), assistant(answered)))
