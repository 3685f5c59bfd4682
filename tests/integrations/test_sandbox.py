"""The pretended vendors as a process and as a stage: they start, keep one clock, follow their script, and forget."""

import json
import smtplib
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from integrations.faults import Faults
from integrations.sandbox import start_in_process
from integrations.sandbox_clock import Clock
from tests.integrations.conftest import Sandbox

ROOT = Path(__file__).resolve().parents[2]
AUTH = {"Authorization": "Bearer sk_test_x"}


def get(sandbox: Sandbox, path: str) -> httpx.Response:
    return sandbox.http.get(f"/stripe/v1/{path}", headers=AUTH)


class TestProcess:
    def test_it_starts_with_a_seed_says_where_it_is_and_stops_when_told(self, tmp_path: Path) -> None:
        renewal = {"id": "in_1", "customer": "cus_1", "amount": 4990, "created": "2026-01-15T08:00:00Z"}
        stripe = {"renewals": [{**renewal, "card": {"fingerprint": "fp", "network": "visa"}}]}
        seed = tmp_path / "seed.json"
        seed.write_text(json.dumps({"clock": "2026-01-16T09:00:00Z", "stripe": stripe}))
        started = start_in_process(seed=seed)
        try:
            with httpx.Client(base_url=started.url(), verify=False) as http:
                assert http.get("/_sandbox/clock").json()["now"] == "2026-01-16T09:00:00+00:00"
                assert http.get("/stripe/v1/invoices/in_1", headers=AUTH).json()["status"] == "paid"
            with smtplib.SMTP("127.0.0.1", started.mail_port, timeout=5) as mail:
                assert mail.noop()[0] == 250
        finally:
            before = time.monotonic()
            started.stop()
        assert time.monotonic() - before < 5
        assert started.process.returncode in (0, -15)

    def test_a_taken_port_is_said_in_one_line(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            words = [sys.executable, "-m", "integrations.sandbox", "--port", str(taken.getsockname()[1])]
            done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 1
        assert done.stderr.startswith("the pretended vendors cannot start:")
        assert "Traceback" not in done.stderr

    def test_a_seed_that_is_wrong_says_which_renewal_and_field(self, tmp_path: Path) -> None:
        seed = tmp_path / "seed.json"
        renewal = {"id": "in_1", "customer": "cus_1", "amount": 1, "created": 0, "colour": "red"}
        seed.write_text(json.dumps({"stripe": {"renewals": [renewal]}}))
        words = [sys.executable, "-m", "integrations.sandbox", "--seed", str(seed)]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 1
        assert "renewal 'in_1': unknown field 'colour'" in done.stderr


class TestStage:
    def test_what_is_scripted_happens_in_order_as_the_clock_passes_it(self, sandbox: Sandbox) -> None:
        actions = [
            {"at": "2026-01-22T09:00:00Z", "do": "refund"},
            {"at": "2026-01-20T09:00:00Z", "do": "pays"},
            {"at": "2026-02-02T09:00:00Z", "do": "cancels"},
        ]
        sandbox.renewals({"outcomes": ["do_not_honor"], "actions": actions})
        assert get(sandbox, "invoices/in_0").json()["status"] == "open"
        sandbox.at(datetime(2026, 1, 25, tzinfo=UTC))
        paid = get(sandbox, "invoices/in_0").json()
        assert (paid["status"], paid["status_transitions"]["paid_at"]) == ("paid", 1_768_899_600)
        (refund,) = get(sandbox, "refunds").json()["data"]
        assert refund["created"] == 1_769_072_400
        subscription = paid["parent"]["subscription_details"]["subscription"]
        assert get(sandbox, f"subscriptions/{subscription}").json()["status"] == "active"

    def test_a_renewal_of_a_later_day_is_not_there_before_it(self, sandbox: Sandbox) -> None:
        sandbox.renewals({"created": "2026-02-15T08:00:00Z"})
        assert get(sandbox, "invoices").json()["data"] == []
        sandbox.at(datetime(2026, 2, 15, 8, tzinfo=UTC))
        assert [item["id"] for item in get(sandbox, "invoices").json()["data"]] == ["in_0"]

    def test_money_that_arrives_on_payday_lets_any_later_try_succeed(self, sandbox: Sandbox) -> None:
        retries = ["2026-01-20T09:00:00Z", "2026-01-31T09:00:00Z"]
        sandbox.renewals(
            {"outcomes": ["insufficient_funds"], "ok_from": "2026-01-30T00:00:00Z", "vendor_retries": retries}
        )
        sandbox.at(datetime(2026, 1, 21, tzinfo=UTC))
        assert get(sandbox, "invoices/in_0").json()["status"] == "open"
        sandbox.at(datetime(2026, 2, 1, tzinfo=UTC))
        assert get(sandbox, "invoices/in_0").json()["status"] == "paid"
        assert [item["outcome"] for item in sandbox.effects("vendor")] == ["insufficient_funds"] * 2 + ["ok"]

    def test_the_same_script_twice_gives_the_same_bytes(self, sandbox: Sandbox) -> None:
        seen = []
        for _ in range(2):
            sandbox.post("reset", {})
            sandbox.at(datetime(2026, 1, 15, 8, tzinfo=UTC))
            sandbox.renewals({"outcomes": ["do_not_honor"]}, {"outcomes": ["ok"]})
            sandbox.act("in_0", "pays")
            seen.append((get(sandbox, "events?limit=100").content, get(sandbox, "charges").content))
        assert seen[0] == seen[1]

    def test_a_reset_forgets_everything(self, sandbox: Sandbox) -> None:
        sandbox.renewals({})
        sandbox.fault("down", "GET", times=None)
        sandbox.post("reset", {})
        assert get(sandbox, "invoices").json()["data"] == []
        assert sandbox.effects("vendor") == []

    @pytest.mark.parametrize(
        ("path", "body", "said"),
        [
            ("stripe/act", {"renewal": "in_0", "do": "dances"}, "do must be one of"),
            ("stripe/act", {"renewal": "in_9", "do": "pays"}, "No such invoice"),
            ("stripe/seed", {"renewals": [{"id": "in_1", "created": "2026-01-15T08:00:00"}]}, "needs a time zone"),
            ("stripe/faults", {"fault": "earthquake", "call": "x"}, "fault must be one of"),
            ("stripe/faults", {"fault": "down", "call": "("}, "regular expression"),
            ("clock", {"now": "2026-01-15T08:00:00"}, "with a time zone"),
            ("seed", {"paypal": {}}, "no pretended vendor 'paypal'"),
        ],
    )
    def test_wrong_control_input_says_what_is_wrong(
        self, sandbox: Sandbox, path: str, body: dict[str, object], said: str
    ) -> None:
        sandbox.renewals({})
        answer = sandbox.http.post(f"/_sandbox/{path}", json=body)
        assert answer.status_code in (400, 404)
        assert said in answer.text

    def test_stripe_expands_four_levels_and_no_more(self, sandbox: Sandbox) -> None:
        sandbox.renewals({})
        deep = "data.customer.invoice_settings.default_payment_method"
        assert get(sandbox, f"invoices?expand[]={deep}").status_code == 200
        assert get(sandbox, f"invoices?expand[]={deep}.customer").status_code == 400

    def test_a_key_is_kept_for_a_day_and_then_forgotten(self, sandbox: Sandbox) -> None:
        sandbox.renewals({"outcomes": ["do_not_honor"]})
        for moment, times in ((16, 1), (17, 2)):
            sandbox.at(datetime(2026, 1, moment, 7, 59, tzinfo=UTC))
            for _ in range(2):
                headers = {**AUTH, "Idempotency-Key": "k"}
                assert sandbox.http.post("/stripe/v1/invoices/in_0/pay", headers=headers).status_code == 402
            assert [effect["times"] for effect in sandbox.effects()] == [times]


class TestParts:
    def test_a_clock_needs_a_time_zone_and_tells_who_listens(self) -> None:
        clock, heard = Clock(), []
        clock.listen(heard.append)
        noon = datetime(2026, 1, 15, 12, tzinfo=UTC)
        clock.set(noon)
        assert (clock.now(), heard) == (noon, [noon])
        with pytest.raises(ValueError, match="time zone"):
            clock.set(datetime(2026, 1, 15, 12))  # noqa: DTZ001
        clock.set(None)
        assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 5

    def test_switches_strike_in_order_as_often_as_they_say(self) -> None:
        faults = Faults("stripe")
        faults.set({"fault": "429", "call": "POST", "times": 2})
        faults.set({"fault": "500", "call": "pay$", "times": None})
        struck = [faults.take("POST /v1/pay") for _ in range(4)]
        assert [fault.fault for fault in struck if fault] == ["429", "429", "500", "500"]
        assert faults.take("GET /v1/charges") is None
