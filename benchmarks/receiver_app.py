"""What the receiver's benchmark serves, each in a process of its own: our receiver, and a bare route beside it.

    RECOUP_BENCH_DATABASE=… RECOUP_BENCH_HOOKS=… python -m uvicorn --factory benchmarks.receiver_app:ours

The bare route reads the body and makes the same durable insert, and nothing else: no signature, no JSON.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from sqlalchemy import insert
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from domain.instants import to_text
from store import db
from store.event_tables import inbox
from web.hooks import PATH, Receiver, routes
from web.senders import Senders

DATABASE, HOOKS = "RECOUP_BENCH_DATABASE", "RECOUP_BENCH_HOOKS"


def ours() -> Starlette:
    """The receiver as it is, with nobody to wake."""
    receiver = Receiver(
        db.connect(os.environ[DATABASE]), Senders(Path(os.environ[HOOKS])), _now, lambda _operation: None
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        receiver.close()

    return Starlette(routes=list(routes(receiver)), lifespan=lifespan)


def bare() -> Starlette:
    """One route with one insert, committed before the answer."""
    engine = db.connect(os.environ[DATABASE])

    def keep(body: bytes) -> None:
        at = to_text(_now())
        row = dict.fromkeys((column.name for column in inbox.c), "") | {"tries": 0, "copies": 0, "size": len(body)}
        row |= {"id": uuid4().hex, "sender": "bare", "vendor": "loop", "operation": "refunds", "state": "waiting"}
        row |= {"received_at": at, "not_before": at, "body": body.decode(), "encoding": "utf-8"}
        with db.transaction(engine) as connection:
            connection.execute(insert(inbox), row)

    async def receive(request: Request) -> Response:
        await run_in_threadpool(keep, await request.body())
        return Response()

    return Starlette(routes=[Route(PATH, receive, methods=["POST"])])


def _now() -> datetime:
    return datetime.now(UTC)
