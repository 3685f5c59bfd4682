"""Refunds that only the payments vendor knows: each is seen, none counts twice."""

from datetime import UTC, datetime

from domain.money import Money
from domain.orders import Order, Refunded, Shopper
from domain.payment_refunds import PaymentRefund, unknown_to_shop

AT = datetime(2026, 11, 20, tzinfo=UTC)


def order(*refunds: Refunded) -> Order:
    return Order(id="1", name="#1", at=AT, currency="USD", presentment="USD", shopper=Shopper(id="7"), refunds=refunds)


def there(ident: str, minor: int, *, key: str = "", state: str = "succeeded", currency: str = "USD") -> PaymentRefund:
    money = Money(minor, currency)
    return PaymentRefund(id=ident, amount=money, state=state, at=AT, payment="pi_1", key=key)  # type: ignore[arg-type]


def here(ident: str, minor: int, *, key: str = "", state: str = "succeeded") -> Refunded:
    return Refunded(id=ident, amount=Money(minor, "USD"), state=state, key=key)  # type: ignore[arg-type]


def test_given_a_refund_by_hand_at_the_vendor_then_it_is_one_that_is_tied_to_no_line() -> None:
    (found,) = unknown_to_shop(order(), [there("re_1", 5000), there("re_2", 700, state="pending")])
    assert (found.amount, found.key, found.shop_lines) == (Money(5700, "USD"), "", ())


def test_given_a_refund_that_the_shop_made_through_the_vendor_then_it_counts_once() -> None:
    assert unknown_to_shop(order(here("9", 5000)), [there("re_1", 5000)]) == ()
    (rest,) = unknown_to_shop(order(here("9", 5000)), [there("re_1", 5000), there("re_2", 100)])
    assert rest.amount == Money(100, "USD")


def test_given_a_refund_of_ours_then_it_comes_with_its_key_and_only_where_the_shop_has_it_not() -> None:
    (found,) = unknown_to_shop(order(), [there("re_1", 5000, key="refunds/loop-1/label-2", state="pending")])
    assert (found.key, found.state) == ("refunds/loop-1/label-2", "pending")
    known = here("9", 5000, key="refunds/loop-1/label-2")
    assert unknown_to_shop(order(known), [there("re_1", 5000, key="refunds/loop-1/label-2")]) == ()


def test_given_a_refund_that_failed_then_it_takes_nothing() -> None:
    assert unknown_to_shop(order(here("9", 400, state="failed")), [there("re_1", 5000, state="failed")]) == ()
