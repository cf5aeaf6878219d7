"""A file's bytes: unpacked where they are packed, as UTF-8 and with line feeds where they are text."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

BOM = codecs.BOM_UTF8
_ESCAPED = re.compile("[\udc80-\udcff]")
HEAD = 1 << 20  # bytes that tell what a file holds: a first row of the greatest length is among them
CHUNK = 1 << 13  # what is unpacked at once; where an archive is torn, no more than that is lost before the tear

_PACKED = (
    (re.compile(rb"\x1f\x8b\x08"), "gzip"),
    (re.compile(rb"BZh[1-9]1AY&SY"), "bzip2"),
    (re.compile(rb"\xfd7zXZ\x00"), "xz"),
    (re.compile(rb"\x28\xb5\x2f\xfd"), "zstd"),
)
_ENCODED = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Torn(Exception):
    """Packed or encoded data that breaks off or makes no sense. The message is the reason."""


class _Through(io.RawIOBase):
    """A stream whose bytes went through `step`, called with each piece and, at the end, with b"" and True."""

    def __init__(self, read: Callable[[int], bytes], step: Callable[[bytes, bool], bytes], close: Any) -> None:
        self._read, self._step, self._close = read, step, close
        self._left = b""
        self._over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left and not self._over:
            piece = self._read(CHUNK)
            self._over = not piece
            self._left = self._step(piece, self._over)
        part, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        if not self.closed:
            self._close.close()
        super().close()


def packed_as(first: bytes) -> str:
    """gzip, bzip2, xz or zstd, by the first bytes; "" of what is not packed."""
    return next((name for magic, name in _PACKED if magic.match(first)), "")


def unpacked(path: Path) -> BinaryIO:
    """The file's bytes, unpacked; reading raises Torn where they cannot be. The caller closes it."""
    handle = path.open("rb")
    name = packed_as(handle.read(10))
    handle.seek(0)
    if not name:
        return handle
    stream = _stream(name, handle)
    fails = (EOFError, OSError, ValueError, zlib.error, lzma.LZMAError)

    def read(size: int) -> bytes:
        try:
            return bytes(stream.read1(size) if hasattr(stream, "read1") else stream.read(size))
        except fails as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise Torn(f"the {name} data breaks off here ({reason}): fetch or pack the file again") from None

    return cast(BinaryIO, io.BufferedReader(_Through(read, lambda piece, _: piece, handle), 1 << 16))


def _stream(name: str, handle: BinaryIO) -> Any:
    if name == "zstd":
        import pyarrow as pa

        return pa.CompressedInputStream(pa.PythonFile(handle, mode="r"), "zstd")
    opened: dict[str, Callable[[BinaryIO], Any]] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
    return opened[name](handle)


def is_not_utf8(text: str) -> bool:
    """Whether a text that was decoded with "surrogateescape" holds bytes that are no UTF-8."""
    return not text.isascii() and _ESCAPED.search(text) is not None


def head_of(stream: BinaryIO, size: int = HEAD) -> bytes:
    """The first bytes: fewer where there are no more, or the rest cannot be read."""
    pieces, left = [], size
    with suppress(Torn):
        while left and (piece := stream.read(min(CHUNK, left))):
            pieces.append(piece)
            left -= len(piece)
    return b"".join(pieces)


def encoding_of(head: bytes) -> str:
    """utf-16 or utf-32 where the first bytes say so; "" else."""
    for mark, name in _ENCODED:
        # What has the mark of UTF-16 and no NUL near it is not UTF-16: braces, quotes and letters have one each.
        if head.startswith(mark) and b"\x00" in head[len(mark) : len(mark) + 4]:
            return name
    odd, even = head[1:16:2], head[0:16:2]
    if len(head) >= 16 and odd == bytes(8) and b"\x00" not in even:
        return "utf-16-le"
    return "utf-16-be" if len(head) >= 16 and even == bytes(8) and b"\x00" not in odd else ""


def is_recoded(head: bytes) -> bool:
    """Whether a text that begins so is not UTF-8 with line feeds."""
    return bool(encoding_of(head)) or _is_old_mac(head)


def _is_old_mac(head: bytes) -> bool:
    return b"\r" in head and b"\n" not in head


def as_text(stream: BinaryIO, head: bytes) -> BinaryIO:
    """The stream as UTF-8 with line feeds, whatever it begins with: UTF-16, or the carriage returns of old Macs."""
    name = encoding_of(head)
    steps: list[Callable[[bytes, bool], bytes]] = []
    if name:
        steps.append(_decoding(name))
        head = head[: len(head) // 4 * 4].decode(name, "replace").encode("utf-8", "replace")
    if _is_old_mac(head):
        steps.append(lambda piece, _: piece.replace(b"\r", b"\n"))
    for step in steps:
        stream = cast(BinaryIO, io.BufferedReader(_Through(stream.read, step, stream), 1 << 16))
    return stream


def _decoding(name: str) -> Callable[[bytes, bool], bytes]:
    decoder = codecs.getincrementaldecoder(name)()

    def step(piece: bytes, over: bool) -> bytes:
        try:
            return decoder.decode(piece, over).encode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise Torn(f"not {name.upper()} ({error.reason}): save the file as UTF-8") from None

    return step
