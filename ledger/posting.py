"""The only writer of the books and of the outcomes of steps. Many queued settlements share one commit.

Safe to run twice: the key of a settlement is unique for ever, and the same content again is a no-op. One writer
thread a process; processes take turns by SQLite's write lock or the locked head row on PostgreSQL. A settlement
that is refused leaves no trace and may come again. One that the database itself refuses loses only itself: the
batch is rolled back and written again, each in its own savepoint.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from queue import SimpleQueue
from types import TracebackType

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from domain import instants
from ledger.batch import Posted, write
from ledger.errors import LedgerError, ReadOnly, Rejected, Unavailable, WriterClosed
from ledger.settlements import Settlement

__all__ = ["Posted", "Writer"]

LOG = logging.getLogger(__name__)

BAD_VALUES = (DBAPIError, ValueError, OverflowError)
"""What a driver raises for a row it cannot take: text that is no Unicode, a number of more than 64 bits."""

NOT_WRITABLE = ("25006", "42501")
"""PostgreSQL's states for a read-only transaction and for a right that the role does not have."""

_Queued = tuple[Settlement, "Future[Posted]"]


class Writer:
    """Posts settlements, queued from any thread (`submit`) or all at once (`post`)."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime], batch: int = 256) -> None:
        self._engine, self._clock, self._batch = engine, clock, batch
        self._queue: SimpleQueue[_Queued | None] = SimpleQueue()
        self._posting = threading.Lock()
        self._submitting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def start(self) -> "Writer":
        """Start the writer thread; once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
            self._thread.start()
        return self

    def close(self) -> None:
        """Write what is queued, then stop. Settlements submitted later are refused."""
        with self._submitting:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        if self._thread is not None:
            self._thread.join()

    def __enter__(self) -> "Writer":
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def submit(self, settlement: Settlement) -> "Future[Posted]":
        """Queue a settlement. The future gives Posted once it is on disk, or raises its LedgerError."""
        future: Future[Posted] = Future()
        with self._submitting:
            if self._closed or self._thread is None:
                raise WriterClosed(f"{settlement.key} was not booked: the writer is not running.")
            self._queue.put((settlement, future))
        return future

    def post(self, settlements: Sequence[Settlement]) -> list[Posted | LedgerError]:
        """Post all in one transaction; the answers in the same order, an error for those not written.

        Where the database is busy, full or gone, every answer is Unavailable and nothing was written.
        """
        if not settlements:
            return []
        try:
            with self._posting:
                return self._write_together(settlements, instants.to_text(self._clock()))
        except DBAPIError as error:
            return [_whole_failure(error)] * len(settlements)

    def _write_together(self, settlements: Sequence[Settlement], now: str) -> list[Posted | LedgerError]:
        # No savepoint round the batch: SQLite would copy every page that it touches. A refusal is rare, and then
        # the transaction starts again, one savepoint a settlement.
        try:
            with self._engine.begin() as connection:
                return write(connection, settlements, now)
        except BAD_VALUES as error:
            if _concerns_all(error):
                raise
            with self._engine.begin() as connection:
                return [_write_one(connection, settlement, now) for settlement in settlements]

    def _run(self) -> None:
        ended = False
        while not ended:
            waiting = [self._queue.get()]
            # Nobody else takes from the queue, so what is there cannot go away before the next get.
            while len(waiting) < self._batch and not self._queue.empty():
                waiting.append(self._queue.get())
            ended = waiting[-1] is None
            self._answer([queued for queued in waiting if queued and queued[1].set_running_or_notify_cancel()])

    def _answer(self, queued: list[_Queued]) -> None:
        try:
            results = self.post([settlement for settlement, _ in queued])
        except BaseException as error:
            # Nobody may wait for ever because of a mistake of ours; each caller sees it.
            LOG.exception("the ledger's writer failed on %d settlements; nothing of them was written", len(queued))
            for _, future in queued:
                future.set_exception(error)
            return
        for (_, future), result in zip(queued, results, strict=True):
            if isinstance(result, LedgerError):
                future.set_exception(result)
            else:
                future.set_result(result)


def _write_one(connection: Connection, settlement: Settlement, now: str) -> Posted | LedgerError:
    try:
        with connection.begin_nested():
            return write(connection, [settlement], now)[0]
    except BAD_VALUES as error:
        if _concerns_all(error):
            raise
        return Rejected(f"{settlement.key}: the database refused it ({_first_line(error)}). Nothing of it was written.")


def _concerns_all(error: Exception) -> bool:
    """True where no settlement could be written, whatever it says: a busy or full database, missing rights."""
    return isinstance(error, OperationalError) or _sqlstate(error) in NOT_WRITABLE


def _sqlstate(error: Exception) -> str:
    return str(getattr(getattr(error, "orig", None), "sqlstate", "") or "")


def _whole_failure(error: DBAPIError) -> LedgerError:
    said = _first_line(error)
    if "readonly" in said or _sqlstate(error) in NOT_WRITABLE:
        return ReadOnly(f"The ledger cannot be written ({said}). Nothing was booked. Check the rights of the database.")
    return Unavailable(f"The ledger cannot be written now ({said}). Nothing was booked; try again.")


def _first_line(error: Exception) -> str:
    """What the database said, without the values of the rows."""
    if isinstance(error, DBAPIError):
        return (str(error.orig).splitlines() or ["no reason given"])[0]
    return f"{type(error).__name__}: a value that it cannot hold"
