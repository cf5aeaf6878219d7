"""Every model call, stored by content in one SQLite file.

The key is the hash of (engine fingerprint, request payload). Resume, deduplication, incremental
rebuilds and recordings are all this one table. Writes are committed in batches by a timer, so kill -9
loses at most the calls of the last `COMMIT_SECONDS`; WAL keeps the file sound.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from solon.errors import DataError, StorageError
from solon.types import Answer, Choice, Completion, Fingerprint, Request, digest

COMMIT_SECONDS = 0.25
COMMIT_ROWS = 256

_SCHEMA = """
create table if not exists engines (key text primary key, fingerprint text not null);
create table if not exists calls (
  key text primary key, engine text not null, role text not null,
  request text not null, answer text not null, seconds real not null
) without rowid;
create table if not exists costs (
  engine text not null, role text not null, calls integer not null, prompt_tokens integer not null,
  completion_tokens integer not null, seconds real not null, primary key (engine, role)
) without rowid;
"""


def call_key(fingerprint: Fingerprint, request: Request) -> str:
    """The content address of one call."""
    return digest([fingerprint.key, request.payload()])


def pack(answer: Answer) -> str:
    kind = "completion" if isinstance(answer, Completion) else "choice"
    fields = {k: v for k, v in asdict(answer).items() if v is not None}
    return json.dumps({"kind": kind, **fields}, ensure_ascii=False)


def unpack(text: str) -> Answer:
    row: dict[str, Any] = json.loads(text)
    kind = row.pop("kind")
    if row.get("logprobs") is not None:
        row["logprobs"] = tuple(row["logprobs"])
    return Completion(**row) if kind == "completion" else Choice(**row)


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

    Raises StorageError when the file cannot be written and DataError when it is not a memo.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._pending: dict[str, tuple[str, str, str, str, float]] = {}
        self._timer: threading.Timer | None = None
        with self._translated():
            self._db = sqlite3.connect(self.path, check_same_thread=False)
            self._db.execute("pragma journal_mode=wal")
            self._db.execute("pragma synchronous=normal")
            self._db.executescript(_SCHEMA)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise StorageError(
                f"{self.path}: cannot write the memo ({error}); free space or fix permissions"
            ) from error
        except sqlite3.DatabaseError as error:
            raise DataError(f"{self.path}: not a memo ({error}); move it away to start afresh") from error

    def get(self, key: str) -> Answer | None:
        """The stored answer, or None."""
        with self._lock, self._translated():
            if key in self._pending:
                return unpack(self._pending[key][3])
            row = self._db.execute("select answer from calls where key = ?", (key,)).fetchone()
        return unpack(row[0]) if row else None

    def put(self, fingerprint: Fingerprint, request: Request, answer: Answer, seconds: float, role: str = "") -> None:
        """Store one answer and who asked first; it is on disk after at most COMMIT_SECONDS, or at `flush`."""
        key = call_key(fingerprint, request)
        text = json.dumps(request.payload(), ensure_ascii=False)
        with self._lock, self._translated():
            self._db.execute(
                "insert or ignore into engines values (?, ?)", (fingerprint.key, json.dumps(asdict(fingerprint)))
            )
            self._pending[key] = (fingerprint.key, role, text, pack(answer), seconds)
            if len(self._pending) >= COMMIT_ROWS:
                self._commit()
            elif self._timer is None:
                self._timer = threading.Timer(COMMIT_SECONDS, self._commit_late)
                self._timer.daemon = True
                self._timer.start()

    def note_cost(
        self,
        fingerprint: Fingerprint,
        role: str,
        calls: int,
        prompt_tokens: int,
        completion_tokens: int,
        seconds: float,
    ) -> None:
        """Add to what an engine's live calls have cost in a role; `seconds` is wall-clock time."""
        with self._lock, self._translated():
            self._db.execute(
                "insert into costs values (?, ?, ?, ?, ?, ?) on conflict do update set calls = calls + excluded.calls, "
                "prompt_tokens = prompt_tokens + excluded.prompt_tokens, "
                "completion_tokens = completion_tokens + excluded.completion_tokens, "
                "seconds = seconds + excluded.seconds",
                (fingerprint.key, role, calls, prompt_tokens, completion_tokens, seconds),
            )
            self._db.commit()

    def _commit_late(self) -> None:
        with self._lock:
            # A failure here (a full disk) is raised by the next put or flush, which try again.
            with suppress(sqlite3.Error):
                self._commit()
            self._timer = None

    def _commit(self) -> None:
        rows = [(key, *rest) for key, rest in self._pending.items()]
        self._db.executemany("insert or replace into calls values (?, ?, ?, ?, ?, ?)", rows)
        self._db.commit()
        self._pending.clear()

    def flush(self) -> None:
        """Commit what is pending."""
        with self._lock, self._translated():
            self._commit()

    def close(self) -> None:
        self.flush()
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._db.close()

    def __len__(self) -> int:
        with self._lock:
            stored: int = self._db.execute("select count(*) from calls").fetchone()[0]
            return stored + len(self._pending)

    def calls(self) -> Iterator[Call]:
        """Stored calls in key order."""
        self.flush()
        rows = self._db.execute("select key, engine, role, request, answer from calls order by key")
        for key, engine, role, request, answer in rows:
            yield Call(key, engine, role, json.loads(request), json.loads(answer))
