"""The one way to open an HTTP client and to make a call: timeouts, short retries, errors by what we know.

tenacity repeats within seconds, and only what certainly had no effect (`Unavailable`) or is safe to repeat
(`read_only=True`, or a call that carries the vendor's own idempotency key). Minutes and days belong to the
flows, which start from the keyed steps.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from integrations.errors import NoAnswer, Refused, Unauthorised, Unavailable, Unreadable

PATIENCE_SECONDS, CONNECT_SECONDS = 30.0, 5.0
TOO_MANY, SERVER_ERROR, UNAVAILABLE = 429, 500, 503
TRIES = 3
"""Calls in a row within seconds; Prefect's retries multiply with it, so neither is large."""
LONGEST_WAIT_SECONDS = 20.0
"""A vendor that names a longer wait is asked again by the next run. The helpdesk's bucket is empty after so long."""
_SOON = wait_exponential_jitter(multiplier=0.05, max=1.0, jitter=0.2)

CONNECTIONS, ROUNDS = 8, 4
"""Connections to a vendor, and how many calls may wait for each in turn. Every call looks at all connections of
its pool: with 32 calls in flight one costs 3.1 ms of CPU over 64 connections, 1.2 ms over 8 (measured)."""


def open_client(
    base_url: str, *, timeout: httpx.Timeout | float = PATIENCE_SECONDS, **options: Any
) -> httpx.AsyncClient:
    """An HTTP client for one vendor; the caller closes it. `timeout` in seconds; connecting never takes that long."""
    if not isinstance(timeout, httpx.Timeout):
        timeout = httpx.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS), pool=ROUNDS * timeout)
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    return httpx.AsyncClient(base_url=base_url, timeout=timeout, limits=limits, **options)


async def call(
    vendor: str,
    name: str,
    send: Callable[[], Awaitable[httpx.Response]],
    *,
    repeatable: bool,
    accept: tuple[int, ...] = (),
) -> httpx.Response:
    """Make one call and return its 2xx answer (or one of `accept`); raise the VendorError that fits.

    `repeatable` says that a second identical call cannot have a second effect.
    """
    kinds = (Unavailable, NoAnswer) if repeatable else (Unavailable,)
    unsure = False
    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type(kinds),
        stop=stop_after_attempt(TRIES),
        wait=_wait,
        reraise=True,
    ):
        with attempt:
            try:
                return await _once(vendor, name, send, accept, repeatable)
            except NoAnswer:
                unsure = True
                raise
            except Unavailable as error:
                if not unsure:
                    raise
                # An earlier try may have had its effect, so "nothing happened" is not known any more.
                raise NoAnswer(vendor, name, f"no answer, and then it {error.message}") from error
    raise AssertionError("unreachable: tenacity re-raises the last error")


def json_object(vendor: str, name: str, response: httpx.Response) -> dict[str, Any]:
    """The answer's body as a JSON object; Unreadable where it is anything else."""
    try:
        body = response.json()
    except ValueError as error:
        raise Unreadable(vendor, name, f"answered {response.status_code} with no JSON") from error
    if not isinstance(body, dict):
        raise Unreadable(vendor, name, f"answered {response.status_code} with a JSON {type(body).__name__}")
    return body


def _wait(state: RetryCallState) -> float:
    """Seconds until the next try: soon, or when the vendor said; all who wait for one moment spread a little."""
    error = state.outcome.exception() if state.outcome else None
    named = error.retry_after_seconds if isinstance(error, Unavailable) else 0.0
    return min(named, LONGEST_WAIT_SECONDS) + _SOON(state)


async def _once(
    vendor: str, name: str, send: Callable[[], Awaitable[httpx.Response]], accept: tuple[int, ...], repeatable: bool
) -> httpx.Response:
    try:
        response = await send()
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise Unavailable(vendor, name, f"no connection ({type(error).__name__})") from error
    except httpx.HTTPError as error:
        raise NoAnswer(vendor, name, f"no answer ({type(error).__name__})") from error
    if response.is_success or response.status_code in accept:
        return response
    raise _error(vendor, name, response, repeatable)


def _error(vendor: str, name: str, response: httpx.Response, repeatable: bool) -> Exception:
    status = response.status_code
    # A gateway says 503 before or after the work; only where a repeat is harmless may it count as "nothing happened".
    if status == TOO_MANY or (status == UNAVAILABLE and repeatable):
        error = Unavailable(vendor, name, f"asked us to wait ({status})")
        error.retry_after_seconds = _seconds(response.headers.get("retry-after", ""))
        return error
    if status >= SERVER_ERROR:
        return NoAnswer(vendor, name, f"failed with {status}")
    if status in (401, 403):
        return Unauthorised(vendor, name, f"refused our credentials ({status})")
    return Refused(vendor, name, f"refused with {status}")


def _seconds(header: str) -> float:
    return float(header) if header.isdigit() else 0.0
