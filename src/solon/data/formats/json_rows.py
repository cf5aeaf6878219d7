"""Records out of JSON: an object a line, the elements of a list, of one that an object holds, or objects in a row.

One value is decoded at a time. Lines pass through in little memory; a list and pretty-printed objects are read whole.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from solon.data.formats.base import Records
from solon.data.formats.checks import MAX_ROW, Record, RowProblem, kind
from solon.data.formats.unpacking import BOM, Torn, is_not_utf8
from solon.data.rows import BadRow

HOLDERS = ("examples", "data", "rows", "instances", "items", "prompts")  # what an object that is a file calls its rows
DEPTH = 100  # of lists and objects in each other; beyond it Python's own stack would set the limit
TOO_LONG = f"the row has more than {MAX_ROW:,} bytes, which is the limit"

_HOLDER = re.compile(rb'"(?:' + "|".join(HOLDERS).encode() + rb')"\s*:\s*\[\s*\{')
_SPACE = re.compile(r"\s*")


def _no_number(name: str) -> None:
    # pandas writes NaN where a number is missing. Infinity is no number in JSON and stands for nothing else.
    if name != "NaN":
        raise ValueError(f"{name} is no number in JSON")


def _object(pairs: list[tuple[str, Any]]) -> Record:
    """Raises RowProblem for a key that is there twice: which value is meant, nobody knows."""
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in made if names.count(name) > 1)
        raise RowProblem(f"the key '{twice[:80]}' is repeated in one object: keep one of its values")
    return made


def _not_json(error: ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return f"not JSON: lists and objects are nested more than {DEPTH} deep"
    return f"not JSON: {str(error)[:80]}"


DECODER = json.JSONDecoder(parse_constant=_no_number, object_pairs_hook=_object)
_LENIENT = json.JSONDecoder()  # to find where values end


def json_records(path: Path, handle: BinaryIO, head: bytes) -> Records:
    """As `records`, of UTF-8 text that begins with `head`."""
    if not is_whole(head):
        yield from _by_line(path, handle)
        return
    raw, torn = _all_of(handle)
    text = raw.removeprefix(BOM).decode("utf-8", "surrogateescape")
    found = list(_spans_of(text))
    if not any(isinstance(one, tuple) for one in found):
        yield from _by_line(path, io.BytesIO(raw))
        return
    for number, one in enumerate(found, 1):
        try:
            yield number, _element(text, one) if isinstance(one, tuple) else _refuse(one)
        except RowProblem as problem:
            yield BadRow(str(path), number, str(problem))
    if torn:
        yield BadRow(str(path), len(found) + 1, str(torn))


def _refuse(reason: str) -> NoReturn:
    raise RowProblem(reason)


def _all_of(handle: BinaryIO) -> tuple[bytes, Torn | None]:
    """What can be read, and why no more."""
    parts: list[bytes] = []
    try:
        while part := handle.read(1 << 16):
            parts.append(part)
    except Torn as error:
        return b"".join(parts), error
    return b"".join(parts), None


def is_whole(head: bytes) -> bool:
    """Whether the text is one value, or objects over several lines each, and not an object a line."""
    start = head.removeprefix(BOM).lstrip()
    if start[:1] == b"[":
        return not _has_objects_on_lines(start)
    if start[:1] != b"{":
        return False
    first, _, more = start.partition(b"\n")
    value = _decoded(first)
    if value is None:
        if _has_another(first):
            return True
        over_lines = more.lstrip()[:1] in (b'"', b"}") and not _has_objects_on_lines(more)
        return over_lines or bool(_HOLDER.search(start) and not more)
    return not more.strip() and any(isinstance(value.get(name), list) for name in HOLDERS)


def _has_another(line: bytes) -> bool:
    """Whether a second object follows the first on one line."""
    text = line.decode("utf-8", "replace")
    try:
        value, end = _LENIENT.raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and text[end:].lstrip()[:1] == "{"


def _has_objects_on_lines(text: bytes) -> bool:
    """Whether lines are objects by themselves, and not elements of a list with a comma behind each."""
    alone = several = 0
    for line in text.splitlines():
        if line.startswith(b"{") and (len(line) > 1):
            alone += _decoded(line) is not None
            several += line.rstrip().endswith(b",") and _decoded(line.rstrip()[:-1]) is not None
    return alone > several + (text.rstrip().endswith(b"]"))


def _decoded(line: bytes) -> Record | None:
    """The object on a line; None where there is none."""
    try:
        value = _LENIENT.decode(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


# --- lines ---------------------------------------------------------------------------------------


def _by_line(path: Path, handle: BinaryIO) -> Records:
    number = 0
    try:
        for number, line in enumerate(lines(handle), 1):
            try:
                if line.strip():
                    yield number, _record(line.removeprefix(BOM) if number == 1 else line)
            except RowProblem as problem:
                yield BadRow(str(path), number, str(problem))
    except Torn as error:
        yield BadRow(str(path), number + 1, str(error))


def lines(handle: BinaryIO) -> Iterator[bytes]:
    """Lines; what exceeds the limit of one is read over without keeping it."""
    while line := handle.readline(MAX_ROW + 2):
        rest = line
        while len(rest) > MAX_ROW and not rest.endswith(b"\n"):
            rest = handle.readline(MAX_ROW + 2)
        yield line


def text_of(line: bytes) -> str:
    """The text of a line. Raises RowProblem."""
    if len(line.rstrip(b"\r\n")) > MAX_ROW:
        raise RowProblem(TOO_LONG)
    if b"\x00" in line:
        raise RowProblem("holds a NUL byte")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RowProblem(f"not UTF-8 at byte {error.start}: save the file as UTF-8") from None


def _record(line: bytes) -> Record:
    """The object on a line."""
    try:
        value = DECODER.decode(text_of(line))
    except (ValueError, RecursionError) as error:
        raise RowProblem(_not_json(error)) from None
    if line.count(b"[") + line.count(b"{") > DEPTH:
        _check_depth(value)
    # Only an escape can smuggle half a character past the decoder.
    return _checked(value, b"\\u" in line)


def _checked(value: Any, escaped: bool) -> Record:
    """The value, if it is an object of whole characters."""
    if not isinstance(value, dict):
        raise RowProblem(f"expected an object, found {'null' if value is None else kind(value)}")
    if escaped:
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            raise RowProblem("holds a lone surrogate, half of a \\u pair, which no UTF-8 file can hold") from None
    return value


def _check_depth(value: Any, left: int = DEPTH) -> None:
    if left < 0:
        raise RowProblem(f"lists and objects are nested more than {DEPTH} deep")
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            _check_depth(inner, left - 1)


# --- one value, or several over lines ------------------------------------------------------------

_Span = tuple[int, int]  # where an element begins and ends in the text


def _element(text: str, span: _Span) -> Record:
    start, end = span
    size = end - start
    if size > MAX_ROW or (size > MAX_ROW // 4 and len(text[start:end].encode("utf-8", "surrogatepass")) > MAX_ROW):
        raise RowProblem(TOO_LONG)
    try:
        value, _ = DECODER.raw_decode(text, start)
    except (ValueError, RecursionError) as error:
        raise RowProblem(_not_json(error)) from None
    _check_depth(value)
    part = text[start:end]
    if is_not_utf8(part):
        raise RowProblem("not UTF-8: save the file as UTF-8")
    return _checked(value, "\\u" in part)


def _spans_of(text: str) -> Iterator[_Span | str]:
    """Where each row stands, or why one cannot be read; nothing where the text holds no rows of its own."""
    start = _past_space(text, 0)
    if text[start : start + 1] == "[":
        yield from _spans(text, start + 1, ",", "]")
    elif (held := _held_at(text, start)) is not None:
        yield from _spans(text, held + 1, ",", "]", closes=False)
    elif not _is_one_object_of_lists(text, start):
        yield from _spans(text, start, "", "")


def _held_at(text: str, start: int) -> int | None:
    """Where the list begins that an object holds as its rows: the one list of objects in it, if it has such a name."""
    found: list[tuple[str, int]] = []
    at = start + 1
    try:
        while text[(at := _past_space(text, at))] != "}":
            name, at = _LENIENT.raw_decode(text, at)
            at = _past_space(text, _past_space(text, at) + 1)  # past the colon
            begin = at
            if _is_rows(text, at):
                found.append((name, begin))
            _, at = _LENIENT.raw_decode(text, at)
            at = _past_space(text, at)
            at += text[at : at + 1] == ","
    except (ValueError, RecursionError, IndexError):
        pass  # torn: what was found before counts
    return found[0][1] if len(found) == 1 and found[0][0] in HOLDERS else None


def _is_rows(text: str, at: int) -> bool:
    return text[at : at + 1] == "[" and text.startswith("{", _past_space(text, at + 1))


def _is_one_object_of_lists(text: str, start: int) -> bool:
    """Whether the whole text is one object that holds several lists of rows: which is meant, it does not say."""
    try:
        value, end = _LENIENT.raw_decode(text, start)
    except (ValueError, RecursionError):
        return False
    lists = [rows for rows in value.values() if isinstance(rows, list) and rows and isinstance(rows[0], dict)]
    return len(lists) > 1 and not text[end:].strip()


def _spans(text: str, at: int, comma: str, close: str, closes: bool = True) -> Iterator[_Span | str]:
    """The elements from `at` on. After one that is broken it goes on with the next line that begins as that one did.

    Nothing where text follows the closing bracket: then the list was no file.
    """
    found: list[_Span | str] = []
    while (at := _past_space(text, at)) < len(text):
        if close and text[at] == close:
            if not (closes and text[at + 1 :].strip()):
                yield from found
            return
        try:
            _, end = _LENIENT.raw_decode(text, at)
            found.append((at, end))
            after = _past_space(text, end)
            if comma and text[after : after + 1] not in (comma, close, ""):
                raise json.JSONDecodeError(f"Expecting '{comma}'", text, after)
            at = after + (comma != "" and text[after : after + 1] == comma)
        except (ValueError, RecursionError) as error:
            found.append(_not_json(error))
            onward = _next_like(text, at)
            if onward is None:
                yield from found
                return
            at = onward
    if close and found:
        place = text.count("\n") + 1
        found.append(f"the list breaks off at line {place}: the file is cut off; write or fetch it again")
    yield from found


def _next_like(text: str, at: int) -> int | None:
    """Where the next line begins an object at the same indentation, or at none."""
    line = text.rfind("\n", 0, at) + 1
    indent = text[line:at] if not text[line:at].strip() else ""
    found = re.compile(rf"\n(?:{re.escape(indent)})?(?=\{{)").search(text, at)
    return found.end() if found else None


def _past_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
