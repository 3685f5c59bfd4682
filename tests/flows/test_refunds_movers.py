"""The cases of the other two movers, on the plain flow: the payments vendor refunds the payment, the portal the return.

The shop as the mover is in all the other files.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from integrations.sandbox import Addresses
from tests.flows.returns_shop import Returns, case_of, order
from tests.flows.shop import IMPATIENT, PATIENT, open_shop
from tests.flows.test_refunds_state import two_labels, two_lines

pytestmark = pytest.mark.anyio
KEY = f"refunds/{case_of()}"
FAULTS = ("timeout_after", "drop_after", "500_after", "garbage")


@asynccontextmanager
async def paying(
    vendors: Addresses, file: Path, mover: str, patience: float = PATIENT, **seed: Any
) -> AsyncIterator[Returns]:
    """A shop with this mover, whose order was paid at the payments vendor."""
    changed = {"RECOUP_REFUNDS__MOVER": mover}
    async with open_shop(vendors, file, patience=patience, changed=changed) as shop:
        returns = Returns(shop)
        returns.seed(orders=[order(tenders=[tender()])], **seed)
        paid = {"id": "pi_1001", "amount": 5000, "currency": "usd", "created": "2026-01-13T12:00:00Z", "order": "1001"}
        returns.shop.control.seed({"stripe": {"payments": [paid]}})
        yield returns


@pytest.fixture
async def payments(vendors: Addresses, sqlite_file: Path) -> AsyncIterator[Returns]:
    """The payments vendor moves the money."""
    async with paying(vendors, sqlite_file, "payments") as found:
        yield found


@pytest.fixture
async def hurried_payments(vendors: Addresses, sqlite_file: Path) -> AsyncIterator[Returns]:
    """The same, without patience."""
    async with paying(vendors, sqlite_file, "payments", IMPATIENT) as found:
        yield found


@pytest.fixture
async def portal(vendors: Addresses, sqlite_file: Path) -> AsyncIterator[Returns]:
    """The portal moves the money."""
    async with paying(vendors, sqlite_file, "portal") as found:
        yield found


@pytest.fixture
async def hurried_portal(vendors: Addresses, sqlite_file: Path) -> AsyncIterator[Returns]:
    """The same, without patience."""
    async with paying(vendors, sqlite_file, "portal", IMPATIENT) as found:
        yield found


def tender(amount: str = "50.00", payment: str = "pi_1001") -> dict[str, Any]:
    """A payment by card that the payments vendor took."""
    return {"gateway": "shopify_payments", "amount": amount, "payment": payment}


def at_stripe(returns: Returns) -> list[tuple[str, int]]:
    """Every refund that the payments vendor made for us: (key, minor units)."""
    return [(row["key"], row["amount"]) for row in returns.shop.control.effects("stripe")["refunds"]]


def at_portal(returns: Returns) -> list[str]:
    """The keys under which the portal processed returns."""
    return [row["key"] for row in returns.shop.control.effects("loop")["effects"] if row["kind"] == "processed"]


async def test_given_the_payments_vendor_moves_it_then_it_goes_back_to_the_payment_and_out_of_its_clearing(
    payments: Returns,
) -> None:
    report = await payments.scanned()
    assert (report.problems, at_stripe(payments), payments.paid()) == ([], [(KEY, 5000)], [])
    assert (payments.step(KEY).state, payments.told()) == ("done", ["sent"])
    assert payments.shop.balance("Income:Contra") == 5000
    assert payments.shop.balance("Assets") == -5000


@pytest.mark.parametrize("fault", FAULTS)
async def test_55_61_given_the_payments_vendor_paid_and_gave_no_answer_then_it_is_booked_once(
    hurried_payments: Returns, fault: str
) -> None:
    returns = hurried_payments
    returns.shop.control.fault("stripe", "POST /v1/refunds", fault, times=None, seconds=2)
    await returns.scanned()
    returns.shop.control.heal()
    await settled(returns)
    assert (at_stripe(returns), returns.step(KEY).state, returns.told()) == ([(KEY, 5000)], "done", ["sent"])
    assert returns.shop.balance("Income:Contra") == 5000


async def test_57_given_two_days_of_silence_then_the_payments_vendors_key_is_not_relied_on(
    hurried_payments: Returns,
) -> None:
    returns = hurried_payments
    returns.shop.control.fault("stripe", "POST /v1/refunds", "timeout_after", times=None, seconds=2)
    await returns.scanned()
    returns.shop.control.heal()
    returns.later(days=2)
    await settled(returns)
    assert (at_stripe(returns), returns.step(KEY).state) == ([(KEY, 5000)], "done")


async def settled(returns: Returns) -> None:
    """What is not known becomes known, and the runs after it find nothing more to do."""
    returns.later(minutes=11)
    for _ in range(2):
        await returns.reconcile()
        await returns.run()


async def test_63_given_the_payments_vendor_says_days_later_that_it_failed_then_it_is_taken_back(
    payments: Returns,
) -> None:
    await payments.scanned()
    payments.later(days=3)
    ref = payments.step(KEY).vendor_ref
    payments.shop.control.act("stripe", payment=ref, do="ends", state="failed", reason="expired_or_canceled_card")
    for _ in range(2):
        await payments.run()
        payments.later(minutes=6)
    assert payments.shop.balance("Income:Contra") == 0
    assert (payments.told(), payments.tasks()) == (["sent", "failed"], {"failed": "done"})
    assert at_stripe(payments) == [(KEY, 5000)], "nobody pays again by themselves"


async def test_63_given_it_is_pending_at_the_payments_vendor_then_it_arrives_by_its_event(payments: Returns) -> None:
    fate = {"state": "pending", "then": "succeeded", "after": 86400}
    payments.shop.control.post("/_sandbox/stripe/refunds", {"fates": [fate]})
    await payments.scanned()
    assert (payments.step(KEY).state, payments.told()) == ("unknown", ["pending"])
    payments.later(days=1, minutes=1)
    await payments.run()
    assert (payments.step(KEY).state, payments.told(), payments.shop.balance("Income:Contra")) == (
        "done",
        ["pending"],
        5000,
    )


async def test_65_given_a_dispute_at_the_payments_vendor_before_then_held_and_after_then_a_person_has_it(
    payments: Returns,
) -> None:
    payments.shop.control.act("stripe", payment="pi_1001", do="disputes", inquiry=True)
    await payments.scanned()
    assert (payments.verdicts()[-1], at_stripe(payments)) == (("hold", "S-13"), [])


async def test_65_given_a_dispute_at_the_payments_vendor_after_the_refund_then_a_person_has_it_once(
    payments: Returns,
) -> None:
    await payments.scanned()
    payments.later(days=2)
    payments.shop.control.act("stripe", payment="pi_1001", do="disputes")
    for _ in range(2):
        await payments.run()
        payments.later(minutes=6)
    (about,) = payments.tasks()
    assert about.startswith("dispute-")


async def test_50_given_several_tenders_then_the_payments_vendor_is_not_called_and_a_person_refunds(
    payments: Returns,
) -> None:
    tenders = [tender("30.00"), {"gateway": "gift_card", "amount": "20.00"}]
    payments.shop.control.seed({"shopify": {"orders": [order(tenders=tenders)]}})
    await payments.scanned()
    assert (at_stripe(payments), payments.step(KEY).state, payments.tasks()) == ([], "refused", {"failed": "done"})
    assert payments.shop.balance("Income:Contra") == 0


async def test_given_the_portal_moves_it_then_it_is_booked_when_the_portal_shows_the_refund(portal: Returns) -> None:
    report = await portal.scanned()
    assert (report.problems, portal.step(KEY).state, portal.told()) == ([], "unknown", [])
    await settled(portal)
    assert (at_portal(portal), portal.step(KEY).state, portal.told()) == ([KEY], "done", ["sent"])
    assert (portal.shop.balance("Income:Contra"), len(portal.paid())) == (5000, 1)


@pytest.mark.parametrize("fault", FAULTS)
async def test_55_61_given_the_portal_processed_it_and_gave_no_answer_then_it_is_booked_once(
    hurried_portal: Returns, fault: str
) -> None:
    returns = hurried_portal
    returns.shop.control.fault("loop", "POST .*/process", fault, times=None, seconds=2)
    await returns.scanned()
    returns.shop.control.heal()
    await settled(returns)
    assert (at_portal(returns), returns.step(KEY).state, returns.told()) == ([KEY], "done", ["sent"])
    assert (returns.shop.balance("Income:Contra"), len(returns.paid())) == (5000, 1)


@pytest.mark.parametrize("answer", ["closed", "review", "false"])
async def test_42_given_the_portal_answers_200_with_an_error_then_it_is_no_success_and_a_person_hears(
    portal: Returns, answer: str
) -> None:
    portal.shop.control.post("/_sandbox/loop/process", {"answer": answer})
    await portal.scanned()
    assert (portal.step(KEY).state, portal.told(), portal.tasks()) == ("refused", [], {"failed": "done"})
    assert (portal.paid(), portal.shop.balance("Income:Contra")) == ([], 0)


async def test_42_given_an_answer_of_another_shape_then_it_is_not_known_until_the_portal_shows_it(
    portal: Returns,
) -> None:
    portal.shop.control.post("/_sandbox/loop/process", {"answer": "strange"})
    await portal.scanned()
    assert (portal.step(KEY).state, portal.shop.balance("Income:Contra")) == ("unknown", 0)
    portal.shop.control.post("/_sandbox/loop/process", {})
    portal.later(hours=3)
    await settled(portal)
    await settled(portal)
    assert (at_portal(portal), portal.step(KEY).state) == ([KEY], "done")


async def test_43_given_the_portal_says_later_that_it_could_not_then_it_failed_and_a_person_has_it(
    portal: Returns,
) -> None:
    portal.shop.control.post("/_sandbox/loop/process", {"then": "fails", "message": "gateway down"})
    await portal.scanned()
    assert portal.step(KEY).state == "unknown"
    body = {"topic": "return.processing", "trigger": "return.processing.failed", "return_id": 501}
    portal.hear_from("loop", "failed 501", body | {"return_state": "review", "message": "gateway down"})
    await portal.run("inbox")
    step = portal.step(KEY)
    assert (step.state, "gateway down" in step.detail) == ("refused", True)
    assert (portal.tasks(), portal.told(), portal.paid()) == ({"failed": "done"}, [], [])
    assert portal.shop.balance("Income:Contra") == 0


async def test_43_given_the_news_of_the_failure_is_lost_then_the_case_is_a_persons_all_the_same(
    portal: Returns,
) -> None:
    portal.shop.control.post("/_sandbox/loop/process", {"then": "fails"})
    await portal.scanned()
    portal.later(hours=3)
    await settled(portal)
    assert (portal.step(KEY).state, portal.paid()) == ("void", [])
    assert portal.verdicts()[-1] in (("hold", "S-02"), ("hold", "S-03"))
    assert set(portal.tasks().values()) == {"done"}


async def test_27_given_the_portal_pays_two_labels_then_it_waits_for_both_parcels_and_pays_once(
    vendors: Addresses, sqlite_file: Path
) -> None:
    async with paying(vendors, sqlite_file, "portal", rets=[two_labels()]) as returns:
        returns.shop.control.seed({"shopify": {"orders": [two_lines()]}})
        await returns.scanned(label="a")
        assert (returns.verdicts(label="a")[-1], at_portal(returns)) == (("wait", "S-20"), [])
        returns.later(hours=1)
        await returns.scanned(label="b")
        await settled(returns)
        assert len(at_portal(returns)) == 1
        assert (returns.shop.balance("Income:Contra"), len(returns.paid())) == (10000, 1)
