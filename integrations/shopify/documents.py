"""Every question that is put to Shopify's Admin API, version 2026-07, as one GraphQL document each.

A query may cost 1,000 points: an object costs one, a connection two and what it asks for (shopify.dev/docs/api/usage/
limits). So lists are short here, and the client reads on where one is full. `tests/integrations` holds each document
to Shopify's own schema and to that limit.
"""

from typing import Final, NamedTuple

API_VERSION: Final = "2026-07"
PATH: Final = f"/admin/api/{API_VERSION}/graphql.json"

LINES, TRANSACTIONS, REFUNDS = 25, 40, 12
"""How many of each come with an order. More are read by the documents below."""
MANY_TRANSACTIONS, MANY_REFUNDS = 150, 250
LISTED = 50


class Document(NamedTuple):
    """A document and the name of its one operation, which is what faults and errors call it by."""

    name: str
    text: str


_MONEY = "presentmentMoney { amount currencyCode }"

_LINE = """
fragment Line on LineItem {
  id quantity sku isGiftCard
  sellingPlan { name }
  product { productType tags }
  variant { inventoryItem { unitCost { amount currencyCode } } }
}"""

_TRANSACTION = f"""
fragment Transaction on OrderTransaction {{
  id kind status gateway manualPaymentGateway processedAt receiptJson
  amountSet {{ {_MONEY} }}
  parentTransaction {{ id }}
  paymentDetails {{ __typename ... on CardPaymentDetails {{ company number bin expirationMonth expirationYear }} }}
}}"""


def _refund(name: str, lines: int, transactions: int) -> str:
    """A fragment for a refund with so many of its lines and transactions."""
    return f"""
fragment {name} on Refund {{
  legacyResourceId note createdAt
  refundLineItems(first: {lines}) {{ nodes {{ quantity lineItem {{ id }} }} pageInfo {{ hasNextPage }} }}
  transactions(first: {transactions}) {{
    nodes {{ id kind status gateway processedAt errorCode amountSet {{ {_MONEY} }} parentTransaction {{ id }} }}
    pageInfo {{ hasNextPage }}
  }}
}}"""


_SHORT = _refund("ShortRefund", 10, 4)
_WHOLE = _refund("WholeRefund", 100, 50)

ORDER = Document(
    "OrderForRefund",
    f"""query OrderForRefund($id: ID!) {{
  order(id: $id) {{
    id legacyResourceId name processedAt currencyCode presentmentCurrencyCode test cancelledAt sourceName customerLocale
    totalCapturableSet {{ {_MONEY} }}
    purchasingEntity {{ __typename }}
    customer {{
      legacyResourceId tags numberOfOrders createdAt locale displayName
      amountSpent {{ amount currencyCode }}
      defaultEmailAddress {{ emailAddress }}
    }}
    shippingAddress {{ address1 address2 city provinceCode zip countryCodeV2 }}
    disputes {{ id status }}
    lineItems(first: {LINES}) {{ nodes {{ ...Line }} pageInfo {{ hasNextPage endCursor }} }}
    transactions(first: {TRANSACTIONS}) {{ ...Transaction }}
    refunds(first: {REFUNDS}) {{ ...ShortRefund }}
  }}
}}{_LINE}{_TRANSACTION}{_SHORT}""",
)
"""Everything about one order that a refund decision needs, in one question."""

ORDER_LINES = Document(
    "OrderLines",
    f"""query OrderLines($id: ID!, $after: String) {{
  order(id: $id) {{
    lineItems(first: {LISTED}, after: $after) {{ nodes {{ ...Line }} pageInfo {{ hasNextPage endCursor }} }}
  }}
}}{_LINE}""",
)

ORDER_TRANSACTIONS = Document(
    "OrderTransactions",
    f"""query OrderTransactions($id: ID!) {{
  order(id: $id) {{ transactions(first: {MANY_TRANSACTIONS}) {{ ...Transaction }} }}
}}{_TRANSACTION}""",
)

ORDER_REFUNDS = Document(
    "OrderRefunds",
    f"""query OrderRefunds($id: ID!) {{
  order(id: $id) {{ refunds(first: {REFUNDS}) {{ ...ShortRefund }} }}
}}{_SHORT}""",
)

REFUND_IDS = Document(
    "RefundIds",
    f"""query RefundIds($id: ID!) {{
  order(id: $id) {{ refunds(first: {MANY_REFUNDS}) {{ legacyResourceId }} }}
}}""",
)

REFUND = Document(
    "RefundById",
    f"""query RefundById($id: ID!) {{
  refund(id: $id) {{ ...WholeRefund }}
}}{_WHOLE}""",
)

SUGGESTED_REFUND = Document(
    "SuggestedRefund",
    f"""query SuggestedRefund($id: ID!, $lines: [RefundLineItemInput!]) {{
  order(id: $id) {{
    suggestedRefund(refundLineItems: $lines) {{
      amountSet {{ {_MONEY} }}
      maximumRefundableSet {{ {_MONEY} }}
      suggestedTransactions {{ gateway amountSet {{ {_MONEY} }} parentTransaction {{ id }} }}
    }}
  }}
}}""",
)

REFUND_CREATE = Document(
    "RefundCreate",
    f"""mutation RefundCreate($input: RefundInput!, $key: String!) {{
  refundCreate(input: $input) @idempotent(key: $key) {{
    refund {{ ...WholeRefund }}
    userErrors {{ field message }}
  }}
}}{_WHOLE}""",
)
"""The one effect. Since 2026-04 Shopify refuses it without the directive, which the schema does not say."""

ORDERS_TOUCHED = Document(
    "OrdersTouched",
    f"""query OrdersTouched($query: String!, $after: String) {{
  orders(first: {LISTED}, after: $after, query: $query, sortKey: UPDATED_AT) {{
    nodes {{ legacyResourceId }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}""",
)

SUBSCRIPTIONS = Document(
    "WebhookSubscriptions",
    f"""query WebhookSubscriptions($after: String) {{
  webhookSubscriptions(first: {LISTED}, after: $after) {{
    nodes {{ legacyResourceId topic uri }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}""",
)

SHOP = Document(
    "Shop",
    """query Shop {
  shop {
    name myshopifyDomain currencyCode
    plan { partnerDevelopment }
    shopAddress { countryCodeV2 }
  }
}""",
)

DOCUMENTS: Final = (
    ORDER,
    ORDER_LINES,
    ORDER_TRANSACTIONS,
    ORDER_REFUNDS,
    REFUND_IDS,
    REFUND,
    SUGGESTED_REFUND,
    REFUND_CREATE,
    ORDERS_TOUCHED,
    SUBSCRIPTIONS,
    SHOP,
)
