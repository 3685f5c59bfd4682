"""Merges: two accounts of one person that the shop has made one. What is open of both then counts as of one.

Noticed where an order that we refunded early belongs to another customer than before. Running it again changes
nothing; decisions stay as they were made.
"""

from collections.abc import Mapping

from sqlalchemy import Connection, select, update

from store.refund_tables import commitments, exposures, returns
from store.tables import cases


def take_over(connection: Connection, owners: Mapping[str, str]) -> list[str]:
    """Give the owners, by order, what stands under those who had these orders before; return the ids of those."""
    mine = commitments.c.order_ref.in_(list(owners)) & (commitments.c.customer != "")
    found = connection.execute(select(commitments.c.order_ref, commitments.c.customer).where(mine).distinct())
    before = sorted({(was, owners[order]) for order, was in found if was != owners[order]})
    for was, customer in before:
        for table in (commitments, exposures, returns):
            connection.execute(update(table).where(table.c.customer == was).values(customer=customer))
        theirs = (cases.c.operation == "refunds") & (cases.c.customer == was)
        connection.execute(update(cases).where(theirs).values(customer=customer))
    return [was for was, _ in before]
