"""Group commit: one thread writes whatever has come meanwhile in one transaction, and only then is it answered.

A commit waits for the disk; fifty deliveries that share one wait no longer than a single one. What was answered is on
disk. What could not be written in time is refused, and may all the same be written later: the sender tries again, and
meets its own event.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from store import db, inbox
from store.inbox import Heard

AT_ONCE: Final = 200
"""Deliveries in one transaction at most, so that others get the database in between."""
MOST_WAITING: Final = 2_000
PATIENCE_SECONDS: Final = 4.0
"""Shorter than the 5 seconds after which the most impatient sender hangs up."""

log = logging.getLogger(__name__)


class NotKept(Exception):
    """The database did not take the delivery, or not in time. The sender has to try again."""


class _Item(NamedTuple):
    heard: Heard
    answer: "asyncio.Future[bool]"
    loop: asyncio.AbstractEventLoop


class Keeper:
    """Keeps deliveries for any number of requests of one process. `close` writes what is left."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock
        self._queue: queue.Queue[_Item | None] = queue.Queue(MOST_WAITING)
        self._thread: threading.Thread | None = None

    async def keep(self, heard: Heard, patience: float = PATIENCE_SECONDS) -> bool:
        """Keep one delivery and wait until it is on disk; True where it is new. `NotKept` where that failed."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="inbox", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        item = _Item(heard, loop.create_future(), loop)
        try:
            self._queue.put_nowait(item)
            return await asyncio.wait_for(item.answer, patience)
        except queue.Full:
            raise NotKept("too many deliveries wait for the database") from None
        except TimeoutError:
            raise NotKept(f"the database did not take it within {patience:g} seconds") from None

    def close(self) -> None:
        """Write what is queued, then end the thread."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            items = [item]
            ended = False
            while len(items) < AT_ONCE and not ended:
                try:
                    more = self._queue.get_nowait()
                except queue.Empty:
                    break
                ended = more is None
                items += [more] if more else []
            self._write(items)
            if ended:
                return

    def _write(self, items: Sequence[_Item]) -> None:
        try:
            with db.transaction(self._engine) as connection:
                new = inbox.keep(connection, [item.heard for item in items], self._clock())
        except OperationalError as error:
            # The database is away, full or locked: so it is for each of them.
            log.error("the inbox cannot be written: %s", type(error.orig).__name__)
            _answer(items, NotKept("the database cannot be written"))
        except SQLAlchemyError as error:
            log.error("the inbox refused a delivery: %s", type(error).__name__)
            if len(items) == 1:
                _answer(items, NotKept("the database refused it"))
            else:
                for item in items:
                    self._write([item])
        except Exception as error:
            # The thread must live on, or every delivery after this one would wait in vain.
            log.error("the receiver failed while writing: %s", type(error).__name__)
            _answer(items, NotKept("the receiver failed"))
        else:
            _answer(items, new)


def _answer(items: Sequence[_Item], result: Sequence[bool] | NotKept) -> None:
    """Hand the results to the waiting requests, waking each event loop once."""
    for loop in {item.loop for item in items}:
        theirs = [
            (item.answer, result if isinstance(result, NotKept) else result[number])
            for number, item in enumerate(items)
            if item.loop is loop
        ]
        try:
            loop.call_soon_threadsafe(_settle, theirs)
        except RuntimeError:
            # The loop is closed: nobody waits for the answer any more.
            continue


def _settle(answers: Sequence[tuple["asyncio.Future[bool]", "bool | NotKept"]]) -> None:
    for answer, result in answers:
        if answer.done():
            continue
        if isinstance(result, NotKept):
            answer.set_exception(result)
        else:
            answer.set_result(result)
