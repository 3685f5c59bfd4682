"""Movers: the three ways a refund's money can leave. A shop has exactly one, named by `refunds.mover`.

Each pays under our key, and finds by that key what became of a call that was not answered. None is ever asked to
pay twice: the key is one step's, and a step is performed once.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Protocol

from domain.orders import Order, Quote, RefundAnswer
from domain.returns import Return
from integrations.errors import Refused, Unauthorised

AT_ONCE: Final = timedelta(0)
QUEUE: Final = timedelta(hours=2)
"""How long a return may wait in the portal's queue before it counts as lost there. The portal has no key, so it is
asked a second time only after that, on fresh facts, and refuses where the return was processed meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """What one refund step is to pay: the shop's quote for one label's lines."""

    key: str
    ret: Return
    order: Order
    quote: Quote


class Mover(Protocol):
    """Who moves the money. Raises the vendor's errors; a refusal is an answer."""

    @property
    def vendor(self) -> str:
        """The name under which steps and entries remember who was called."""

    @property
    def queue(self) -> timedelta:
        """How long after a call it may still have its effect, although `find` does not see it yet."""

    async def pay(self, payout: Payout) -> RefundAnswer:
        """Move the money, once."""

    async def find(self, key: str, order: str, portal_id: str) -> RefundAnswer | None:
        """What the vendor has under our key; None where it never had it."""

    async def state(self, ref: str, order: str) -> RefundAnswer | None:
        """How the refund with the vendor's own reference stands now."""


@dataclass(frozen=True, slots=True)
class ThroughShop:
    """The shop refunds its own order, over all tenders as it suggests."""

    storefront: Any

    @property
    def vendor(self) -> str:
        """The shop system."""
        return str(self.storefront.VENDOR)

    @property
    def queue(self) -> timedelta:
        """It refunds in the call itself."""
        return AT_ONCE

    async def pay(self, payout: Payout) -> RefundAnswer:
        """Refund these lines; the key goes with the call and stays in the refund's note."""
        answer: RefundAnswer = await self.storefront.refund(payout.order, payout.quote, key=payout.key)
        return answer

    async def find(self, key: str, order: str, portal_id: str) -> RefundAnswer | None:
        """The order's refund with our key in its note."""
        answer: RefundAnswer | None = await self.storefront.find_refund(order, key)
        return answer

    async def state(self, ref: str, order: str) -> RefundAnswer | None:
        """The refund's transactions as they stand."""
        answer: RefundAnswer | None = await self.storefront.refund_state(order, ref)
        return answer


@dataclass(frozen=True, slots=True)
class ThroughPayments:
    """The payments vendor refunds the payment itself; the shop only says how much."""

    storefront: Any
    refunds: Any

    @property
    def vendor(self) -> str:
        """The payments vendor."""
        return str(self.refunds.VENDOR)

    @property
    def queue(self) -> timedelta:
        """It refunds in the call itself."""
        return AT_ONCE

    async def pay(self, payout: Payout) -> RefundAnswer:
        """Refund the one payment behind the quote; several tenders are for the shop to split, so a person does it."""
        shares = payout.quote.shares
        payment = _payment(payout.order, shares[0].tender) if len(shares) == 1 else ""
        if not payment:
            why = "several tenders" if len(shares) > 1 else "a tender without a payment at the vendor"
            return RefundAnswer(state="refused", why=f"paid by {why}, which the payments vendor cannot refund")
        answer: RefundAnswer = await self.refunds.refund(
            payment, payout.quote.amount, key=payout.key, order=payout.order.id
        )
        return answer

    async def find(self, key: str, order: str, portal_id: str) -> RefundAnswer | None:
        """The refund with our key on any of the order's payments."""
        named = [tender.payment for tender in (await self.storefront.order(order)).tenders if tender.payment]
        refused: list[Refused] = []
        for payment in named:
            try:
                answer: RefundAnswer | None = await self.refunds.find_refund(payment, key)
            except Unauthorised:
                raise
            except Refused as error:
                # A gift card or another gateway may stand beside the payment that is the vendor's.
                refused.append(error)
                continue
            if answer is not None:
                return answer
        if refused and len(refused) == len(named):
            raise refused[0]
        return None

    async def state(self, ref: str, order: str) -> RefundAnswer | None:
        """The refund by its own id."""
        answer: RefundAnswer | None = await self.refunds.refund_state(ref)
        return answer


@dataclass(frozen=True, slots=True)
class ThroughPortal:
    """The portal processes the whole return, and refunds through the shop. Its first answer only says: queued."""

    portal: Any

    @property
    def vendor(self) -> str:
        """The returns portal."""
        return str(self.portal.VENDOR)

    @property
    def queue(self) -> timedelta:
        """It only queues, and shows nothing until it is through."""
        return QUEUE

    async def pay(self, payout: Payout) -> RefundAnswer:
        """Ask for processing; a return that is processed already is found by its state, not taken for a success."""
        answer: RefundAnswer = await self.portal.process(payout.ret.portal_id, payout.key)
        if answer.state != "refused":
            return answer
        done: RefundAnswer | None = await self.portal.processed(payout.ret.portal_id)
        return done or answer

    async def find(self, key: str, order: str, portal_id: str) -> RefundAnswer | None:
        """What the portal made of the return."""
        answer: RefundAnswer | None = await self.portal.processed(portal_id)
        return answer

    async def state(self, ref: str, order: str) -> RefundAnswer | None:
        """Not told by the portal once it is processed: the nightly comparison sees the shop's refund."""
        return None


def _payment(order: Order, tender: str) -> str:
    return next((found.payment for found in order.tenders if found.id == tender), "")


def choose(name: str, *, storefront: Any, refunds: Any, portal: Any) -> Mover | None:
    """The shop's one mover, by its name in the settings; None where it moves no money."""
    movers: dict[str, Mover] = {
        "storefront": ThroughShop(storefront),
        "payments": ThroughPayments(storefront, refunds),
        "portal": ThroughPortal(portal),
    }
    return movers.get(name) if name != "payments" or refunds is not None else None
