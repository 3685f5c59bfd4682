"""The pretended Stripe's payments of orders, which belong to no invoice: seeded paid, then refunded or disputed.

"payments": [{"id": "pi_…", "charge"?: "ch_…", "amount", "currency", "created",   (Stripe's minor units)
              "customer"?, "order"?, "card"?: {"fingerprint", "network", …}, "captured"?: false,
              "refunds"?: [fate, …],                                              (see sandbox_refunds)
              "actions"?: [{"at": instant, "do": "refund" | "disputes" | …}]}]
"""

from collections.abc import Callable

from integrations.stripe import sandbox_back, sandbox_money, sandbox_objects, sandbox_refunds
from integrations.stripe.sandbox_account import AUTOMATIC, OK, Account
from integrations.stripe.sandbox_objects import Json

FIELDS = frozenset(
    {"id", "charge", "customer", "amount", "currency", "created", "card", "captured", "order", "refunds", "actions"}
)
PREFIXES = ("pi_", "ch_", "re_")
"""How the ids begin that `act` takes."""


def check(wanted: Json) -> None:
    """ValueError where a seeded payment has a field that there is not, or an id that is no payment intent's."""
    strange = set(wanted) - FIELDS
    if strange:
        raise ValueError(f"payment {wanted.get('id')!r}: unknown field {sorted(strange)[0]!r}")
    if not str(wanted.get("id", "")).startswith("pi_"):
        raise ValueError(f"payment {wanted.get('id')!r}: the id must begin with pi_")


def begin(account: Account, wanted: Json, now: int) -> None:
    """A payment comes into being as its seed says."""
    shelves, currency, amount = account.shelves, wanted.get("currency", "usd").lower(), wanted["amount"]
    id, order = wanted["id"], wanted.get("order", "")
    customer = wanted.get("customer") or f"cus_{id.removeprefix('pi_')}"
    if customer not in shelves.kinds["customers"].items:
        shelves.add("customers", sandbox_objects.customer(customer, now, {}))
    card = wanted.get("card") or {"fingerprint": f"fp_{id.removeprefix('pi_')}", "network": "visa"}
    method = sandbox_objects.payment_method(card.get("id") or account.new_id("pm"), now, customer, card)
    if method["id"] not in shelves.kinds["payment_methods"].items:
        shelves.add("payment_methods", method)
    metadata = {"order_id": order} if order else {}
    intent = sandbox_money.payment_intent(id, now, customer, order or id, amount, currency)
    intent.update(description="Order", metadata=metadata, payment_method=method["id"])
    shelves.add("payment_intents", intent)
    charge = sandbox_money.charge(wanted.get("charge") or account.new_id("ch"), now, intent, method, OK)
    charge["metadata"] = metadata
    intent["latest_charge"] = shelves.add("charges", charge)["id"]
    account.fates[charge["id"]] = [sandbox_refunds.fate(item) for item in wanted.get("refunds", [])]
    if wanted.get("captured", True):
        intent.update(status="succeeded", amount_received=amount)
        account.tell("charge.succeeded", charge, account.person(), now)
        return
    intent.update(status="requires_capture", amount_capturable=amount)
    charge.update(captured=False, amount_captured=0, balance_transaction=None)


def act(account: Account, about: str, action: Json, now: int) -> None:
    """Do one thing with a payment, a charge or a refund; a ValueError where `do` is no action."""
    do = action.get("do", "")
    if do == "is_paid":
        begin(account, action["payment"], now)
    elif do == "ends":
        refund = account.shelves.get("refunds", about)
        sandbox_refunds.end(account, refund, action["state"], action.get("reason", ""), now)
    elif do in ACTIONS:
        ACTIONS[do](account, _charge(account, about), action, now)
    else:
        raise ValueError(f"do must be one of ends, {', '.join(ACTIONS)}, not {do!r}")


def _charge(account: Account, about: str) -> Json:
    id = account.shelves.get("payment_intents", about)["latest_charge"] if about.startswith("pi_") else about
    return account.shelves.get("charges", id)


def refund(account: Account, charge: Json, action: Json, now: int) -> None:
    """Somebody refunds in Stripe's dashboard: `amount`, or all that is left; nothing where nothing is left."""
    left = charge["amount_captured"] - charge["amount_refunded"]
    amount = min(action.get("amount", left), left)
    if amount > 0:
        how = sandbox_refunds.fate(action.get("fate", "succeeded"))
        sandbox_refunds.make(account, charge, amount, how, account.person(), now, by="person")


def dispute(account: Account, charge: Json, action: Json, now: int) -> None:
    """The bank disputes the charge; with `inquiry` it only asks, no money moves, and a refund is still possible."""
    made = sandbox_back.dispute(account.new_id("dp"), now, charge)
    if action.get("inquiry"):
        card = {**made["payment_method_details"]["card"], "case_type": "inquiry"}
        details = {**made["payment_method_details"], "card": card}
        made.update(status="warning_needs_response", balance_transactions=[], payment_method_details=details)
    made["is_charge_refundable"] = bool(action.get("refundable", action.get("inquiry")))
    account.shelves.add("disputes", made)
    charge["disputed"] = True
    account.tell("charge.dispute.created", made, AUTOMATIC, now)


def end_disputes(account: Account, charge: Json, status: str, now: int) -> None:
    """Decide every open dispute of the charge; a won one gives the money back, a closed inquiry never took it."""
    for found in account.shelves.kinds["disputes"].items.values():
        if found["charge"] != charge["id"] or found["status"] in ("won", "lost", "warning_closed"):
            continue
        final = "warning_closed" if found["status"].startswith("warning") else status
        found["status"] = final
        if final == "won":
            id = account.new_id("txn")
            back = sandbox_back.balance_transaction(id, now, found["id"], charge, "dispute_reversal")
            found["balance_transactions"] = [*found["balance_transactions"], back]
        account.tell("charge.dispute.closed", found, AUTOMATIC, now)


def _won(account: Account, charge: Json, action: Json, now: int) -> None:
    end_disputes(account, charge, "won", now)


def _lost(account: Account, charge: Json, action: Json, now: int) -> None:
    end_disputes(account, charge, "lost", now)


def _captures(account: Account, charge: Json, action: Json, now: int) -> None:
    intent = account.shelves.get("payment_intents", charge["payment_intent"])
    intent.update(status="succeeded", amount_received=charge["amount"], amount_capturable=0)
    charge.update(captured=True, amount_captured=charge["amount"], balance_transaction=f"txn_{charge['id']}")
    account.tell("charge.captured", charge, account.person(), now)


ACTIONS: dict[str, Callable[[Account, Json, Json, int], None]] = {
    "refund": refund,
    "disputes": dispute,
    "dispute_won": _won,
    "dispute_lost": _lost,
    "captures": _captures,
}
"""What can happen to a payment beside our own calls."""
