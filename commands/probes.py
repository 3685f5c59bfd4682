"""The checks of `recoup doctor` that ask others: every vendor by its cheapest read, and Prefect by its API.

Nothing is written anywhere. Prefect is asked over plain HTTP, because importing it takes longer than the check may.
"""

import asyncio
import base64
import json
import time
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from commands.findings import Finding, bad, ok, warn
from settings import Settings, is_set, need, variable

NO_TICKET = "recoup/doctor/none"
"""A key that no ticket carries: asking for it proves the login and changes nothing."""


async def payments(settings: Settings) -> Sequence[Finding]:
    """One empty list from the payments vendor."""
    from integrations.http import open_client
    from integrations.stripe import ADDRESS
    from integrations.stripe.client import StripePayments

    if not is_set(settings, "payments.secret_key"):
        return []
    address, started = settings.payments.url or ADDRESS, time.monotonic()
    async with open_client(address) as http:
        vendor = StripePayments(http, need(settings, "payments.secret_key"))
        async for _ in vendor.renewals(datetime.now(UTC)):
            break
    return [_answered("payments", address, started)]


async def texts(settings: Settings) -> Sequence[Finding]:
    """The first page of what was texted to us since now."""
    from integrations.http import open_client
    from integrations.twilio import ADDRESS
    from integrations.twilio.client import TwilioTexts

    if not is_set(settings, "texts.account_sid", "texts.auth_token", "texts.sender"):
        return []
    address, started = settings.texts.url or ADDRESS, time.monotonic()
    async with open_client(address) as http:
        token = need(settings, "texts.auth_token")
        await TwilioTexts(http, settings.texts.account_sid, token, settings.texts.sender).replies(datetime.now(UTC))
    return [_answered("texts", address, started)]


async def helpdesk(settings: Settings) -> Sequence[Finding]:
    """A ticket that does not exist."""
    from integrations.gorgias.client import GorgiasHelpdesk
    from integrations.http import open_client

    if not is_set(settings, "helpdesk.url", "helpdesk.user", "helpdesk.api_key"):
        return []
    started = time.monotonic()
    async with open_client(settings.helpdesk.url) as http:
        vendor = GorgiasHelpdesk(http, settings.helpdesk.user, need(settings, "helpdesk.api_key"))
        await vendor.find_ticket(NO_TICKET)
    return [_answered("helpdesk", settings.helpdesk.url, started)]


async def mail(settings: Settings) -> Sequence[Finding]:
    """Greeting, encryption, login and NOOP; no mail."""
    from integrations.mail.client import Server
    from integrations.mail.probe import probe

    place = settings.mail
    if not place.host:
        return []
    started = time.monotonic()
    await probe(Server(place.host, place.port, place.security, place.user, place.password.get_secret_value()))
    return [_answered("mail", f"{place.host}:{place.port}, {place.security}", started)]


async def prefect(settings: Settings) -> Sequence[Finding]:
    """The API answers, every deployment of prefect.yaml is there and current, and runs are scheduled."""
    return await asyncio.to_thread(_prefect, settings)


def _prefect(settings: Settings) -> Sequence[Finding]:
    started = time.monotonic()
    try:
        _ask(settings, "/health")
    except OSError as error:
        if getattr(error, "code", 0) == 401:  # noqa: PLR2004  # HTTP: unauthorised.
            return [bad("prefect", "refused our login", f"Set {variable('prefect.auth_string')} as on the server")]
        text = f"does not answer at {settings.prefect_api_url}"
        return [warn("prefect", text, f"recoup up starts it; or set {variable('prefect.api_url')}")]
    found = [
        ok("prefect", f"API answers in {(time.monotonic() - started) * 1000:.0f} ms at {settings.prefect_api_url}")
    ]
    deployments = {each["name"]: each for each in _ask(settings, "/deployments/filter", {})}
    return [*found, *_deployments(settings, deployments), *_schedule(settings, deployments)]


def _deployments(settings: Settings, deployments: dict[str, Any]) -> Sequence[Finding]:
    from deployments import prefect_api

    missing = sorted(prefect_api.declared() - set(deployments))
    if missing:
        return [bad("prefect", f"not deployed: {', '.join(missing)}", "recoup up applies prefect.yaml")]
    found = []
    record = settings.home / "prefect" / "deployed.json"
    if not settings.prefect.api_url and not prefect_api.is_current(record, settings.shop.time_zone):
        found.append(
            warn("prefect", "prefect.yaml or a flow has changed since it was applied", "Start recoup up again")
        )
    paused = sorted(name for name, each in deployments.items() if each["paused"])
    off = sorted(
        f"{name}/{schedule.get('slug') or 'schedule'}"
        for name, each in deployments.items()
        for schedule in each["schedules"]
        if not schedule["active"]
    )
    if paused or off:
        text = f"switched off: {', '.join([*paused, *off])}"
        found.append(warn("prefect", text, "Switch it on in Prefect's pages when it should run again"))
    return found or [ok("prefect", f"{len(deployments)} deployments current, all switched on")]


def _schedule(settings: Settings, deployments: dict[str, Any]) -> Sequence[Finding]:
    """Whether the scheduler lives: with the wrong SQLAlchemy everything but this looks well."""
    expected = [
        each
        for each in deployments.values()
        if not each["paused"] and any(schedule["active"] for schedule in each["schedules"])
    ]
    wanted = {
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
        "sort": "EXPECTED_START_TIME_ASC",
        "limit": 200,
    }
    runs = _ask(settings, "/flow_runs/filter", wanted)
    planned = {run["deployment_id"] for run in runs if run.get("auto_scheduled")}
    dry = sorted(each["name"] for each in expected if each["id"] not in planned)
    if dry:
        text = f"no run is scheduled for: {', '.join(dry)}"
        cause = "The scheduler takes a minute after a start; later than that, it does not work"
        return [warn("prefect", text, "Look for ERROR in the server's log under the home folder", cause)]
    late = [run for run in runs if run["state"]["name"] == "Late"]
    if late:
        text = f"{len(late)} runs are late, the first since {late[0]['expected_start_time'][:16]}Z"
        return [bad("prefect", text, "No worker takes them: start recoup up", "A stopped or overloaded worker")]
    return [ok("prefect", f"next run {runs[0]['expected_start_time'][:16]}Z")] if runs else []


def _ask(settings: Settings, path: str, body: dict[str, Any] | None = None) -> Any:
    request = urllib.request.Request(settings.prefect_api_url + path)
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    if is_set(settings, "prefect.auth_string"):
        login = base64.b64encode(need(settings, "prefect.auth_string").encode()).decode()
        request.add_header("Authorization", f"Basic {login}")
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read())


def _answered(check: str, address: str, started: float) -> Finding:
    return ok(check, f"answers in {(time.monotonic() - started) * 1000:.0f} ms, login taken: {address}")
