"""The pretended Stripe's memory: one shelf for each kind of object, lists newest first, and the `expand` parameter."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import Any

from integrations.stripe.sandbox_objects import Json, listed

PREFIXES = {
    "cus": "customers",
    "pm": "payment_methods",
    "sub": "subscriptions",
    "in": "invoices",
    "inpay": "invoice_payments",
    "pi": "payment_intents",
    "ch": "charges",
    "re": "refunds",
    "dp": "disputes",
    "evt": "events",
}
SUBSCRIPTION = "parent.subscription_details.subscription"
FILTERS: dict[str, dict[str, str]] = {
    "customers": {"email": "email"},
    "subscriptions": {"customer": "customer", "status": "status"},
    "invoices": {
        "collection_method": "collection_method",
        "customer": "customer",
        "status": "status",
        "subscription": SUBSCRIPTION,
    },
    "invoice_payments": {
        "invoice": "invoice",
        "status": "status",
        "payment[type]": "payment.type",
        "payment[payment_intent]": "payment.payment_intent",
    },
    "payment_intents": {"customer": "customer"},
    "charges": {"customer": "customer", "payment_intent": "payment_intent"},
    "refunds": {"charge": "charge", "payment_intent": "payment_intent"},
    "disputes": {"charge": "charge", "payment_intent": "payment_intent"},
    "events": {"type": "type"},
}
"""Which parameter of which list compares which field."""
BOUNDED = {"starting_after", *(f"created[{name}]" for name in ("gt", "gte", "lt", "lte"))}
LEVELS = 4
LARGEST_PAGE = 100


class ApiError(Exception):
    """A 4xx answer of the pretended vendor."""

    def __init__(self, status: int, error: Json) -> None:
        super().__init__(error.get("message"))
        self.status = status
        self.error = error


def invalid(message: str, *, status: int = 400, code: str | None = None, param: str | None = None) -> ApiError:
    """An `invalid_request_error`."""
    error = {"message": message, "type": "invalid_request_error"}
    extra = {"code": code, "param": param}
    return ApiError(status, {**error, **{name: value for name, value in extra.items() if value}})


class Shelf:
    """The objects of one kind, by id and in order of their creation."""

    def __init__(self) -> None:
        self.items: dict[str, Json] = {}
        self._order: list[tuple[int, int, str]] = []
        self._places: dict[str, tuple[int, int, str]] = {}

    def add(self, item: Json) -> Json:
        """Keep an object under its `id`, at the place of its `created`."""
        place = (item["created"], len(self._places), item["id"])
        self.items[item["id"]] = item
        self._places[item["id"]] = place
        if self._order and place < self._order[-1]:
            insort(self._order, place)
        else:
            self._order.append(place)
        return item

    def newest_first(self, bounds: dict[str, int], after: str = "") -> Iterator[Json]:
        """Objects created within the bounds (gt, gte, lt, lte), from the one that follows `after`."""
        low, high = 0, len(self._order)
        if "gte" in bounds or "gt" in bounds:
            edge = bounds["gte"] if "gte" in bounds else bounds["gt"] + 1
            low = bisect_left(self._order, (edge,))
        if "lte" in bounds or "lt" in bounds:
            edge = bounds["lt"] if "lt" in bounds else bounds["lte"] + 1
            high = bisect_left(self._order, (edge,))
        if after:
            if after not in self._places:
                raise invalid(f"No such object: '{after}'", code="resource_missing", param="starting_after")
            high = min(high, bisect_right(self._order, self._places[after]) - 1)
        for index in range(high - 1, low - 1, -1):
            yield self.items[self._order[index][2]]


class Shelves:
    """Everything that the pretended vendor keeps, by the name of its path: `invoices`, `charges` and so on."""

    def __init__(self) -> None:
        self.kinds = {kind: Shelf() for kind in PREFIXES.values()}
        self.payments_by_intent: dict[str, Json] = {}
        self.payments_by_invoice: dict[str, list[Json]] = {}
        self.back_by_payment: dict[tuple[str, str], list[Json]] = {}

    def add(self, kind: str, item: Json) -> Json:
        """Keep an object; what is asked for by its payment is also found by that, without a search."""
        if kind == "invoice_payments":
            self.payments_by_intent[item["payment"]["payment_intent"]] = item
            self.payments_by_invoice.setdefault(item["invoice"], []).append(item)
        if kind in ("refunds", "disputes"):
            for name in (item["charge"], item["payment_intent"]):
                self.back_by_payment.setdefault((kind, name), []).append(item)
        return self.kinds[kind].add(item)

    def get(self, kind: str, id: str, param: str = "id") -> Json:
        """One object by its id; the vendor's 404 where there is none."""
        item = self.kinds[kind].items.get(id)
        if item is None:
            raise invalid(f"No such {kind[:-1]}: '{id}'", status=404, code="resource_missing", param=param)
        return item

    def page(self, kind: str, asked: dict[str, list[str]]) -> Json:
        """A list's answer to its parameters."""
        limit, more = _limit(asked), False
        found: list[Json] = []
        for item in self._candidates(kind, asked):
            if _fits(item, FILTERS[kind], asked):
                more = len(found) == limit
                if more:
                    break
                found.append(item)
        paths = [_listed_path(path) for path in asked.get("expand[]", [])]
        shown = [self.expand(item, paths) for item in found]
        return listed(f"/v1/{kind}", shown, has_more=more)

    def expand(self, item: Json, paths: list[str]) -> Json:
        """A copy of an object with whole objects in place of ids along each path."""
        for path in paths:
            item = self._expanded(item, path.split("."), path)
        return item

    def _candidates(self, kind: str, asked: dict[str, list[str]]) -> Iterator[Json]:
        intent = asked.get("payment[payment_intent]")
        if intent:
            found = self.payments_by_intent.get(intent[0])
            return iter([found] if found else [])
        named = asked.get("charge", asked.get("payment_intent"))
        if kind in ("refunds", "disputes") and named and not asked.keys() & BOUNDED:
            return reversed(sorted(self.back_by_payment.get((kind, named[0]), []), key=lambda item: item["created"]))
        names = [name for name in ("gt", "gte", "lt", "lte") if f"created[{name}]" in asked]
        bounds = {name: _seconds(asked[f"created[{name}]"][0]) for name in names}
        return self.kinds[kind].newest_first(bounds, asked.get("starting_after", [""])[0])

    def _expanded(self, item: Json, parts: list[str], path: str) -> Json:
        head, rest = parts[0], parts[1:]
        value: Any = item.get(head)
        if head == "payments" and item.get("object") == "invoice":
            payments = self.payments_by_invoice.get(item["id"], [])
            value = value or listed(f"/v1/invoice_payments?invoice={item['id']}", payments)
        elif head not in item:
            raise invalid(f"This property cannot be expanded ({path}).", param="expand")
        if isinstance(value, str):
            shelf = PREFIXES.get(value.split("_")[0])
            if shelf is None:
                raise invalid(f"This property cannot be expanded ({path}).", param="expand")
            value = self.get(shelf, value, "expand")
        if rest and isinstance(value, dict):
            value = self._expanded(value, rest, path)
        elif rest and isinstance(value, list):
            value = [self._expanded(part, rest, path) for part in value]
        return {**item, head: value}


def check_levels(paths: list[str]) -> None:
    """Stripe expands four levels and no more, `data` of a list included."""
    for path in paths:
        if path.count(".") >= LEVELS:
            raise invalid(f"You cannot expand more than {LEVELS} levels of a property ({path}).", param="expand")


def _limit(asked: dict[str, list[str]]) -> int:
    text = asked.get("limit", ["10"])[0]
    if not text.isdigit() or not 1 <= int(text) <= LARGEST_PAGE:
        raise invalid(f"This value must be between 1 and {LARGEST_PAGE}.", param="limit")
    return int(text)


def _seconds(text: str) -> int:
    if not text.isdigit():
        raise invalid("Invalid timestamp.", param="created")
    return int(text)


def _listed_path(path: str) -> str:
    if not path.startswith("data."):
        raise invalid(f"This property cannot be expanded ({path}).", param="expand")
    return path.removeprefix("data.")


def _fits(item: Json, filters: dict[str, str], asked: dict[str, list[str]]) -> bool:
    for name, path in filters.items():
        if name in asked:
            node: Any = item
            for part in path.split("."):
                node = node[part]
            if node != asked[name][0]:
                return False
    kinds = asked.get("types[]")
    return not kinds or item["type"] in kinds
