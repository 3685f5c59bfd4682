"""Merges: two accounts of one person that the shop has made one. What is open of both then counts as of one.

Noticed where an order that we refunded early belongs to another customer than before. Running it again changes
nothing; decisions stay as they were made.
"""

from sqlalchemy import Connection, select, update

from store.refund_tables import commitments, exposures, returns
from store.tables import cases


def take_over(connection: Connection, order: str, customer: str) -> list[str]:
    """Give `customer` what stands under those who had this order before; return their ids."""
    mine = (commitments.c.order_ref == order) & (commitments.c.customer != customer) & (commitments.c.customer != "")
    before = sorted(connection.execute(select(commitments.c.customer).where(mine).distinct()).scalars())
    if not before:
        return []
    for table in (commitments, exposures, returns):
        connection.execute(update(table).where(table.c.customer.in_(before)).values(customer=customer))
    theirs = (cases.c.operation == "refunds") & cases.c.customer.in_(before)
    connection.execute(update(cases).where(theirs).values(customer=customer))
    return before
