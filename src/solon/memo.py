"""Every model call, stored by content in one SQLite file.

The key is the hash of (engine fingerprint, request payload). Resume, deduplication, incremental
rebuilds and recordings are all this one table. Writes are committed in batches by a timer, so kill -9
loses at most the calls of the last `COMMIT_SECONDS`; WAL keeps the file sound. Every answer carries a hash that is
checked when it is read: one that was damaged is asked again, and counted.
"""

from __future__ import annotations

import json
import math
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

from solon.errors import DataError, StorageError
from solon.types import Answer, Choice, ChooseRequest, Completion, Fingerprint, Message, Request, digest, digest_of

COMMIT_SECONDS = 0.25
COMMIT_ROWS = 4096
LOCK_SECONDS = 5  # as long as sqlite3 waits for the other locks
SHARED_CHARS = 200  # messages this long are stored once, however many calls hold them
REMEMBERED = 4096  # shared messages known to be stored
PAGE_BYTES = 16384
LOG_PAGES = 4096  # 64 MiB of log before it is worked into the file: pages of the index change over and over
CACHE_KIB = 32768

# Rows lie in the order they came and only the index of keys is in theirs: keys are hashes, so rows kept in the
# order of their keys would dirty a page of their own for every call.
_TABLES = {
    "engines": "key text primary key, fingerprint text not null",
    "calls": "key text primary key, engine text not null, role text not null, "
    "request text not null, answer text not null, seconds real not null, hash text",
    "texts": "key text primary key, text text not null",
    "costs": "engine text not null, role text not null, calls integer not null, characters integer not null, "
    "prompt_tokens integer not null, completion_tokens integer not null, seconds real not null, "
    "primary key (engine, role)",
    "served": "engine text primary key, name text not null",
}
_SCHEMA = "".join(f"create table if not exists {name} ({columns});\n" for name, columns in _TABLES.items())


def _log_ahead(db: sqlite3.Connection) -> None:
    """Switch WAL on. Where two processes open a new file at once SQLite does not wait for the other, so we do."""
    for _ in range(LOCK_SECONDS * 20):
        try:
            db.execute("pragma journal_mode=wal")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
        time.sleep(0.05)
    db.execute("pragma journal_mode=wal")


def _has_hashes(db: sqlite3.Connection) -> bool:
    return any(name == "hash" for _, name, *_ in db.execute("pragma table_info(calls)"))


def _add_hashes(db: sqlite3.Connection) -> None:
    """Give a file that an older version wrote the column that holds the hashes of its next answers."""
    if not _has_hashes(db):
        try:
            db.execute("alter table calls add column hash text")
        except sqlite3.OperationalError as error:
            if "duplicate" not in str(error):  # another process did
                raise


def call_key(fingerprint: Fingerprint, request: Request) -> str:
    """The content address of one call."""
    return digest_of(f'["{fingerprint.key}",{request.canonical()}]')


def pack(answer: Answer) -> str:
    if isinstance(answer, Choice) and answer.unreadable is None and all(map(math.isfinite, answer.logprobs)):
        # By hand, for labels come by the thousand in a second: a finite float's repr is JSON.
        logprobs = ", ".join([repr(float(x)) for x in answer.logprobs])
        return f'{{"kind": "choice", "logprobs": [{logprobs}], "prompt_tokens": {answer.prompt_tokens}}}'
    kind = "completion" if isinstance(answer, Completion) else "choice"
    fields = {name: getattr(answer, name) for name in answer.__dataclass_fields__}
    return _json({"kind": kind, **{k: v for k, v in fields.items() if v is not None}})


_readable = json.JSONEncoder(ensure_ascii=False).encode


def _json(value: dict[str, Any]) -> str:
    """Readable where it can be: halves of surrogate pairs, which servers send, are no text to SQLite."""
    text = _readable(value)
    return text if _storable(text) else json.dumps(value)


def _storable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _hash(key: str, answer: str) -> str:
    """Of an answer in its place: one that was moved to another call is as wrong as a changed one."""
    return digest_of(key + answer)[:16]


def unpack(text: str) -> Answer:
    row: dict[str, Any] = json.loads(text)
    kind = row.pop("kind")
    if row.get("logprobs") is not None:
        row["logprobs"] = tuple(row["logprobs"])
    return Completion(**row) if kind == "completion" else Choice(**row)


@dataclass(frozen=True, slots=True)
class Cost:
    """What live calls took: their number, characters and tokens read, tokens written, wall-clock seconds."""

    calls: int
    characters: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Call:
    """One stored call, as exported to a recording."""

    key: str
    engine: str
    role: str
    request: dict[str, Any]
    answer: dict[str, Any]


class Memo:
    """A content-addressed store of model calls. One process writes; any thread may call.

    `damaged` counts the stored answers that were not what was stored, and so were none. Raises StorageError when the
    file cannot be written, or is not there any more, and DataError when it is not a memo.
    """

    def __init__(self, path: Path | str, *, read_only: bool = False) -> None:
        self.path = Path(path)
        self._read_only = read_only
        self._looked = 0.0  # when `get` last looked at the file as it is
        self._lock = threading.Lock()
        self._pending: dict[str, tuple[str, str, str, str, str, float, str]] = {}  # rows by key
        self._engines: dict[str, str] = {}  # to be written with the pending calls
        self._stored_engines: set[str] = set()  # those written, or to be
        self._texts: dict[str, str] = {}  # to be written with the pending calls
        self._stored_texts: dict[str, str] = {}  # message → key, some of those written
        self._timer: threading.Timer | None = None
        self._failed: Exception | None = None  # of the timer's last commit: nothing more is bought before one works
        self.damaged = 0
        with self._translated():
            self._db = self._opened(read_only)
            self._columns = f"cast(answer as blob), {'hash' if _has_hashes(self._db) else 'null'}"
        self._file = self._inode()

    def _opened(self, read_only: bool) -> sqlite3.Connection:
        if read_only and self.path.exists():
            return self._readable()
        db = sqlite3.connect(":memory:" if read_only else self.path, check_same_thread=False)
        try:
            db.execute(f"pragma page_size={PAGE_BYTES}")  # of a new file
            _log_ahead(db)
            db.execute("pragma synchronous=normal")
            db.execute(f"pragma cache_size=-{CACHE_KIB}")
            db.execute(f"pragma wal_autocheckpoint={LOG_PAGES}")
            db.executescript(_SCHEMA)
            _add_hashes(db)
        except sqlite3.Error:
            db.close()
            raise
        return db

    def _readable(self) -> sqlite3.Connection:
        """The file as it is, tables that an older version did not write being empty.

        Opened for writing where that can be, though nothing is written: a reader alone leaves the files of the
        log behind. In a folder that cannot be written nobody writes the file either.
        """
        address = self.path.resolve().as_uri()
        try:
            db = sqlite3.connect(f"{address}?mode=rw", uri=True, check_same_thread=False)
            try:
                db.execute("select 1 from sqlite_master").fetchone()
            except sqlite3.Error:
                db.close()
                raise
        except sqlite3.OperationalError as error:
            if "open" not in str(error) and "readonly" not in str(error):
                raise
            db = sqlite3.connect(f"{address}?mode=ro&immutable=1", uri=True, check_same_thread=False)
        try:
            there = {name for (name,) in db.execute("select name from sqlite_master where type = 'table'")}
            for name, columns in _TABLES.items():
                if name not in there:
                    db.execute(f"create temp table {name} ({columns})")
            db.execute("pragma query_only=1")
        except sqlite3.Error:
            db.close()
            raise
        return db

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise self._explained(error) from error

    def _explained(self, error: sqlite3.DatabaseError) -> StorageError | DataError:
        if isinstance(error, sqlite3.OperationalError):
            return StorageError(f"{self.path}: cannot use the memo ({error}); free space or fix permissions")
        return DataError(f"{self.path}: not a memo ({error}); move it away to start afresh")

    def get(self, key: str) -> Answer | None:
        """The stored answer, or None. Raises DataError for one of another shape."""
        with self._lock:
            pending = self._pending.get(key)
            if pending:
                return unpack(pending[4])
            try:
                self._go_on()
                self._look()
                row = self._db.execute(f"select {self._columns} from calls where key = ?", (key,)).fetchone()  # noqa: S608
            except sqlite3.DatabaseError as error:
                raise self._explained(error) from error
            return self._answer(key, *row) if row else None

    def _answer(self, key: str, stored: bytes, hashed: str | None) -> Answer | None:
        """What was stored, or None where it is not that any more; older files have no hashes, and are believed."""
        try:
            text = stored.decode()
        except UnicodeDecodeError:
            text = None
        if text is None or (hashed is not None and hashed != _hash(key, text)):
            self.damaged += 1
            return None
        try:
            return unpack(text)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise DataError(
                f"{self.path}: a stored answer is of a shape that this version does not know; move the file away to "
                "ask everything anew, or go on with the version that wrote it"
            ) from None

    def _go_on(self) -> None:
        """Try again what the timer could not write, before anything more is asked and could not be kept."""
        if self._failed is not None:
            self._commit()

    def _look(self) -> None:
        """Keep one view of the file for COMMIT_SECONDS: taking one costs more than reading a row of it."""
        now = time.monotonic()
        if not self._read_only and (now > self._looked + COMMIT_SECONDS or not self._db.in_transaction):
            self._current().execute("begin")
            self._looked = now

    def _current(self) -> sqlite3.Connection:
        """The database as it is now, ready to be read or written."""
        self._db.commit()
        return self._db

    def put(
        self,
        fingerprint: Fingerprint,
        request: Request,
        answer: Answer,
        seconds: float,
        role: str = "",
        key: str | None = None,
    ) -> None:
        """Store one answer and who asked first; it is on disk after at most COMMIT_SECONDS, or at `flush`.

        `key` is the call's, where the caller has it: hashing a long request takes longer than storing it.
        """
        key, engine = key or call_key(fingerprint, request), fingerprint.key
        with self._lock:
            if engine not in self._stored_engines:
                self._engines[engine] = json.dumps(asdict(fingerprint))
                self._stored_engines.add(engine)
            packed = pack(answer)
            self._pending[key] = (key, engine, role, self._stored(request), packed, seconds, _hash(key, packed))
            if self._failed is not None or len(self._pending) >= COMMIT_ROWS:
                with self._translated():
                    self._commit()
            elif self._timer is None:
                self._timer = threading.Timer(COMMIT_SECONDS, self._commit_late)
                self._timer.daemon = True
                self._timer.start()

    def _stored(self, request: Request) -> str:
        """The request with long messages replaced by the key of their text: demonstrations recur in every call.

        The question that a `choose` ends with does not: it is asked once.
        """
        shared = len(request.messages) - isinstance(request, ChooseRequest)
        messages = [self._interned(m) if n < shared else m.canonical() for n, m in enumerate(request.messages)]
        text = request.canonical(f"[{','.join(messages)}]")
        return text if _storable(text) else json.dumps(json.loads(text))

    def _interned(self, message: Message) -> str:
        content = message.content
        if len(content) < SHARED_CHARS or not _storable(content):
            return message.canonical()
        key = self._stored_texts.get(content)
        if key is None:
            key = digest(content)[:32]
            self._texts[key] = content
            if len(self._stored_texts) >= REMEMBERED:
                self._stored_texts.clear()
            self._stored_texts[content] = key
        return f'{{"role":"{message.role}","text":"{key}"}}'

    def served(self, fingerprint: Fingerprint, name: str) -> str:
        """What the server called the engine's model when it first answered, which is `name` if it is asked now."""
        with self._lock, self._translated():
            db = self._current()
            db.execute("insert or ignore into served values (?, ?)", (fingerprint.key, name))
            db.commit()
            found: str = db.execute("select name from served where engine = ?", (fingerprint.key,)).fetchone()[0]
            return found

    def _inode(self) -> tuple[int, int] | None:
        """What the path names: None where there is nothing."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def note_cost(self, fingerprint: Fingerprint, role: str, cost: Cost) -> None:
        """Add to what an engine's live calls have cost in a role."""
        sums = ", ".join(f"{name} = {name} + excluded.{name}" for name in Cost.__dataclass_fields__)
        with self._lock, self._translated():
            self._current().execute(
                f"insert into costs values (?, ?, ?, ?, ?, ?, ?) on conflict do update set {sums}",  # noqa: S608
                (fingerprint.key, role, *astuple(cost)),
            )
            self._db.commit()

    def cost(self, fingerprint: Fingerprint, role: str) -> Cost | None:
        """What the engine's live calls in `role` have cost so far; None when there were none."""
        with self._lock, self._translated():
            row = (
                self._current()
                .execute(
                    "select calls, characters, prompt_tokens, completion_tokens, seconds from costs "
                    "where engine = ? and role = ?",
                    (fingerprint.key, role),
                )
                .fetchone()
            )
        return Cost(*row) if row else None

    def knows(self, fingerprint: Fingerprint) -> bool:
        """Whether any answer of this engine is stored."""
        with self._lock, self._translated():
            found = self._current().execute("select 1 from engines where key = ?", (fingerprint.key,)).fetchone()
            return found is not None

    def _commit_late(self) -> None:
        with self._lock:
            # A failure here (a full disk) is raised by the next get, put or flush, which try again.
            with suppress(sqlite3.Error, StorageError):
                self._commit()
            self._timer = None

    def _commit(self) -> None:
        try:
            self._write()
        except (sqlite3.Error, StorageError) as error:
            self._failed = error
            raise
        self._failed = None

    def _write(self) -> None:
        if self._inode() != self._file:
            raise StorageError(
                f"{self.path}: the file was moved or deleted while it was in use; put the folder back, or run again "
                "to start afresh"
            )
        db = self._current()
        try:
            db.executemany("insert or ignore into engines values (?, ?)", list(self._engines.items()))
            db.executemany("insert or ignore into texts values (?, ?)", list(self._texts.items()))
            db.executemany("insert or replace into calls values (?, ?, ?, ?, ?, ?, ?)", list(self._pending.values()))
            db.commit()
        except sqlite3.Error:
            db.rollback()
            raise
        for written in (self._pending, self._texts, self._engines):
            written.clear()

    def flush(self) -> None:
        """Commit what is pending."""
        with self._lock, self._translated():
            self._commit()

    def close(self) -> None:
        if self._pending:
            self.flush()
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._db.close()

    def __len__(self) -> int:
        with self._lock:
            stored: int = self._current().execute("select count(*) from calls").fetchone()[0]
            return stored + len(self._pending)

    def calls(self) -> Iterator[Call]:
        """Stored calls in key order, their messages in full; damaged ones are left out and counted."""
        self.flush()
        rows = self._db.execute(f"select key, engine, role, request, {self._columns} from calls order by key")  # noqa: S608
        for key, engine, role, request, answer, hashed in rows:
            if self._answer(key, answer, hashed) is not None:
                yield Call(key, engine, role, self._in_full(json.loads(request)), json.loads(answer))

    def _in_full(self, payload: dict[str, Any]) -> dict[str, Any]:
        return {**payload, "messages": [self._message(m) for m in payload["messages"]]}

    def _message(self, message: dict[str, str]) -> dict[str, str]:
        if "text" not in message:
            return {"role": message["role"], "content": message["content"]}
        found = self._db.execute("select text from texts where key = ?", (message["text"],)).fetchone()
        if found is None:
            raise DataError(f"{self.path}: not a whole memo (a text of a call is missing)")
        return {"role": message["role"], "content": found[0]}


def copy_memo(source: Path, target: Path) -> None:
    """Copy a memo while others may read it; nothing happens where there is none. Raises StorageError and DataError."""
    if not source.is_file():
        return
    Memo(source, read_only=True).close()  # it is one, or says why not
    here, there = sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True), sqlite3.connect(target)
    try:
        here.backup(there)
    except sqlite3.Error as error:
        raise StorageError(f"memo {target}: {error}; free space or choose another folder") from None
    finally:
        here.close()
        there.close()
