"""What happens at the pretended shop beside our own calls, and the webhooks that tell of it.

act    {"do": …} or a list of them:
       tags_added, tags_removed   {"customer", "tags": [...]}
       dispute_opened             {"order", "type"?: CHARGEBACK | INQUIRY};  dispute_closed {"order", "status": WON | …}
       staff_refund               {"order", "amount": "10.00", "lines"?: [[id, quantity]], "note"?, "status"?: pending}
       refund_settles             {"refund" | "key" | "order", "status": success | failure | error}, all that fit
       refunds_become             {"order", "refunds": success | pending | failure, "gateway"?}: how the next ones go
       cancel, touch              {"order"}: cancelled, or just changed somehow
       return_updated             {"order"}: a return of the shop's own changed
       in_progress                {"times": 1, "done": false}: the next refunds say that their key is in use
       throttled                  {"times": 1, "cost": 20}: the next calls find no points left
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from domain.money import parse
from integrations.sandbox_hooks import Deliveries
from integrations.shopify import sandbox_refunds as refunds
from integrations.shopify.documents import API_VERSION
from integrations.shopify.sandbox_orders import KeptOrder, KeptRefund, Memory, Transaction, number_for
from integrations.shopify.sandbox_shapes import gid, moment

Json = dict[str, Any]


class People:
    """Customers, staff and banks of one shop. `troubles` counts down the answers that are not given."""

    def __init__(self, memory: Memory, deliveries: Deliveries) -> None:
        self.memory, self.deliveries = memory, deliveries
        self.troubles: dict[str, Json] = {}

    def settle(self) -> None:
        """Let everything happen whose time has come."""
        now = self.memory.clock.now()
        while ready := sorted((item for item in self.memory.planned if item[0] <= now), key=lambda item: item[0]):
            self.memory.planned.remove(ready[0])
            self.act({name: value for name, value in ready[0][1].items() if name != "at"}, ready[0][0])

    def act(self, action: Json, now: datetime) -> None:
        """Do one thing; KeyError or ValueError names what is missing or strange."""
        what = action.get("do", "")
        if what not in ACTIONS:
            raise ValueError(f"do must be one of {', '.join(ACTIONS)}, not {what!r}")
        ACTIONS[what](self, action, now)

    def trouble(self, name: str) -> Json | None:
        """The trouble of this name that strikes now, counted down."""
        found = self.troubles.get(name)
        if not found or found["times"] <= 0:
            return None
        found["times"] -= 1
        return found

    def tell(self, topic: str, body: Json, now: datetime) -> None:
        """Send one event to everybody who subscribed."""
        event = str(uuid5(NAMESPACE_URL, f"shopify/{len(self.deliveries.events)}/{topic}"))
        headers = {
            "X-Shopify-Topic": topic,
            "X-Shopify-Shop-Domain": self.memory.shop["domain"],
            "X-Shopify-API-Version": API_VERSION,
            "X-Shopify-Event-Id": event,
            "X-Shopify-Webhook-Id": str(uuid5(NAMESPACE_URL, f"{event}/delivery")),
            "X-Shopify-Triggered-At": moment(now) or "",
        }
        self.deliveries.emit(topic, body, headers)

    def order_changed(self, order: KeptOrder, now: datetime, topic: str = "orders/updated") -> None:
        """Tell of an order that is not as it was."""
        order.updated = now
        self.tell(topic, order_body(order), now)

    def refunded(self, refund: KeptRefund, now: datetime) -> None:
        """Tell of a refund, of its transactions and of the order."""
        order = self.memory.orders[refund.order]
        self.tell("refunds/create", refund_body(refund), now)
        for item in refund.transactions:
            self.tell("order_transactions/create", transaction_body(item, order.id), now)
        self.order_changed(order, now)

    def pay(self, order: str, lines: list[tuple[str, int]], amount: str, currency: str) -> str:
        """Make a refund as an app that was let in, e.g. a returns portal, and give its id; unknown orders have one too.

        Where the portal thinks in another currency than the customer paid in, the shop's own suggestion is paid, and
        never more than the shop says is left.
        """
        kept = self.memory.orders.get(order)
        if kept is None:
            return number_for(f"elsewhere/{order}/{amount}")
        known = {line.id: line.quantity - line.refunded for line in kept.lines}
        taken = [(line, min(count, known[line])) for line, count in lines if known.get(line)]
        suggested, most, _ = refunds.suggest(kept, taken)
        wanted = parse(amount, currency) if currency == kept.presentment else suggested
        split = refunds.shares(kept, min(wanted, most))
        made = refunds.make(self.memory, kept, taken, split, note="", by="portal")
        self.refunded(made, self.memory.clock.now())
        return made.id


def order_body(order: KeptOrder) -> Json:
    """The body of `orders/…`, without the customer."""
    return {
        "id": int(order.id),
        "admin_graphql_api_id": gid("Order", order.id),
        "name": order.name,
        "currency": order.currency,
        "presentment_currency": order.presentment,
        "test": order.test,
        "cancelled_at": moment(order.cancelled),
        "created_at": moment(order.at),
        "updated_at": moment(order.updated),
    }


def refund_body(refund: KeptRefund) -> Json:
    """The body of `refunds/create`."""
    return {
        "id": int(refund.id),
        "order_id": int(refund.order),
        "created_at": moment(refund.at),
        "note": refund.note,
        "processed_at": moment(refund.at),
        "admin_graphql_api_id": gid("Refund", refund.id),
        "refund_line_items": [{"quantity": count, "line_item_id": int(line)} for line, count in refund.lines],
        "transactions": [transaction_body(item, refund.order) for item in refund.transactions],
    }


def transaction_body(item: Transaction, order: str) -> Json:
    """The body of `order_transactions/create`."""
    amount, _, currency = str(item.amount).partition(" ")
    return {
        "id": int(item.id),
        "order_id": int(order),
        "kind": item.kind.lower(),
        "gateway": item.gateway,
        "status": item.status.lower(),
        "created_at": moment(item.at),
        "parent_id": int(item.parent) if item.parent else None,
        "amount": amount,
        "currency": currency,
        "admin_graphql_api_id": gid("OrderTransaction", item.id),
    }


def _tags(people: People, action: Json, now: datetime) -> None:
    customer, added = people.memory.customers[str(action["customer"])], action["do"] == "tags_added"
    others = [tag for tag in customer.tags if tag not in action["tags"]]
    customer.tags = [*others, *action["tags"]] if added else others
    body = {"customerId": gid("Customer", customer.id), "tags": action["tags"], "occurredAt": moment(now)}
    people.tell(f"customer.{action['do']}", body, now)


def _dispute_opened(people: People, action: Json, now: datetime) -> None:
    order = _order(people, action)
    ident = str(action.get("id", number_for(f"dispute/{order.id}/{len(order.disputes)}")))
    order.disputes[ident] = {"status": "NEEDS_RESPONSE", "type": action.get("type", "CHARGEBACK")}
    people.tell("disputes/create", _dispute_body(order, ident, now), now)
    people.order_changed(order, now)


def _dispute_closed(people: People, action: Json, now: datetime) -> None:
    order = _order(people, action)
    for ident, dispute in order.disputes.items():
        dispute["status"] = action["status"]
        people.tell("disputes/update", _dispute_body(order, ident, now), now)
    people.order_changed(order, now)


def _dispute_body(order: KeptOrder, ident: str, now: datetime) -> Json:
    dispute = order.disputes[ident]
    return {
        "id": int(ident),
        "order_id": int(order.id),
        "type": dispute["type"].lower(),
        "reason": "fraudulent",
        "network_reason_code": "4837",
        "status": dispute["status"].lower(),
        "initiated_at": moment(now),
        "finalized_on": None,
    }


def _staff_refund(people: People, action: Json, now: datetime) -> None:
    order = _order(people, action)
    lines = [(str(line), int(count)) for line, count in action.get("lines", [])]
    split = refunds.shares(order, parse(action["amount"], order.presentment))
    made = refunds.make(
        people.memory, order, lines, split, note=action.get("note", ""), by="staff", status=action.get("status", "")
    )
    people.refunded(made, now)


def _refund_settles(people: People, action: Json, now: datetime) -> None:
    asked = {name: str(action[name]) for name in ("refund", "key", "order") if name in action}
    if not asked:
        raise ValueError("refund_settles needs a refund, a key or an order")
    for refund in list(people.memory.refunds.values()):
        if all({"refund": refund.id, "key": refund.key, "order": refund.order}[name] == asked[name] for name in asked):
            refunds.settle(people.memory, refund, action["status"], now)
            people.order_changed(people.memory.orders[refund.order], now)


def _refunds_become(people: People, action: Json, now: datetime) -> None:
    if action["refunds"] not in refunds.STATUS:
        raise ValueError(f"refunds must be one of {', '.join(refunds.STATUS)}")
    for tender in _order(people, action).tenders:
        if action.get("gateway", tender.gateway) == tender.gateway:
            tender.refunds = action["refunds"]


def _cancel(people: People, action: Json, now: datetime) -> None:
    order = _order(people, action)
    order.cancelled = now
    people.order_changed(order, now, "orders/cancelled")


def _touch(people: People, action: Json, now: datetime) -> None:
    people.order_changed(_order(people, action), now)


def _return_updated(people: People, action: Json, now: datetime) -> None:
    order = _order(people, action)
    ident = number_for(f"return/{order.id}")
    about = {"id": int(order.id), "admin_graphql_api_id": gid("Order", order.id)}
    body = {"id": int(ident), "admin_graphql_api_id": gid("Return", ident), "status": "open", "order": about}
    people.tell("returns/update", body, now)


def _trouble(people: People, action: Json, now: datetime) -> None:
    people.troubles[action["do"]] = {"times": 1, "done": False, "cost": 20, **action}


def _order(people: People, action: Json) -> KeptOrder:
    return people.memory.orders[str(action["order"])]


ACTIONS: dict[str, Callable[[People, Json, datetime], None]] = {
    "tags_added": _tags,
    "tags_removed": _tags,
    "dispute_opened": _dispute_opened,
    "dispute_closed": _dispute_closed,
    "staff_refund": _staff_refund,
    "refund_settles": _refund_settles,
    "refunds_become": _refunds_become,
    "cancel": _cancel,
    "touch": _touch,
    "return_updated": _return_updated,
    "in_progress": _trouble,
    "throttled": _trouble,
}
"""What can happen beside our own calls."""
