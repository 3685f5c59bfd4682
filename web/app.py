"""The web application: the receiver of webhooks and the dispatcher that wakes the flows, in one process.

Building it opens and checks the database like every command; serving it starts the dispatcher. When it is stopped, what
was received is written first, then the runs at work end or are cancelled, while Prefect still answers.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from sqlalchemy import Engine, text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from flows.refunds import refunds
from settings import Settings, is_set
from store.db import reading
from tasks.connect import opened
from tasks.database import open_database
from tasks.routing import REFUNDS
from web import senders
from web.dispatching import Dispatcher, Job
from web.hooks import Receiver, routes

HEALTHY, UNWELL = 200, 503


def build(settings: Settings) -> Starlette:
    """The application for these settings. Raises tasks.database.NotReady and SettingsError before anything is served.

    Prefect's own settings must stand in the environment already: it reads them when it is imported.
    """
    book = senders.Senders(settings.home / senders.FILE_NAME)
    engine = open_database(settings)
    dispatcher = Dispatcher(
        jobs(settings),
        engine,
        at_once=settings.web.runs_at_once if engine.dialect.name == "postgresql" else 1,
        inside=lambda: opened(lambda: settings),
        zone=settings.shop.time_zone,
    )
    receiver = Receiver(engine, book, _now, dispatcher.wake)

    async def health(_request: Request) -> JSONResponse:
        """200 while the database answers and the dispatcher lives; with each operation's switch, and nothing else."""
        well = dispatcher.alive and await asyncio.to_thread(_answers, engine)
        body = {"status": "ok" if well else "unwell", "switches": dispatcher.standing()}
        return JSONResponse(body, HEALTHY if well else UNWELL)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        dispatcher.start()
        try:
            yield
        finally:
            await asyncio.to_thread(receiver.close)
            await asyncio.to_thread(dispatcher.stop)
            engine.dispose()

    return Starlette(routes=[*routes(receiver), Route("/health", health)], lifespan=lifespan)


def jobs(settings: Settings) -> Mapping[str, Job]:
    """What is woken for which operation; nothing for one that is not set up, whose events wait."""
    found: dict[str, Job] = {}
    if is_set(settings, "portal.api_key", "storefront.token"):
        found[REFUNDS] = Job(flow=refunds, deployment="refunds/refunds", parameters={"on": "today", "source": "inbox"})
    return found


def _answers(engine: Engine) -> bool:
    try:
        with reading(engine) as connection:
            connection.execute(text("SELECT 1"))
    except Exception:
        # Whatever the driver says, the answer to who asks is the same.
        return False
    return True


def _now() -> datetime:
    return datetime.now(UTC)
