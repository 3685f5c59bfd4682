"""The rules of a refund decision by id: what each looks at, who acts where it holds, and what they do.

The ids are stable: they stand in stored decisions, approvals and statements. A new rule gets a new id.
"""

from collections.abc import Sequence
from typing import NamedTuple

from domain.refund_case import Check, CheckResult

FRAUD, LEAD, FINANCE = "fraud", "support lead", "finance"


class Rule(NamedTuple):
    """One rule: its short name, and who does what where a person has to act."""

    name: str
    owner: str = ""
    next_action: str = ""


RULES = {
    "E-01": Rule("the label has a tracking number"),
    "E-02": Rule("the portal issued the label", LEAD, "Find out who made the label; refund after inspection"),
    "E-03": Rule("the label is in force", LEAD, "Ask the customer which label is on the parcel"),
    "E-04": Rule("a carrier has the parcel"),
    "E-05": Rule("a physical checkpoint, not only a status"),
    "E-06": Rule("scanned after the label was made", FRAUD, "Compare the carrier's history with the label's date"),
    "E-07": Rule("the parcel is on its way to us", LEAD, "Ask the carrier where the parcel is, then tell the customer"),
    "E-08": Rule("a status that we know", LEAD, "Read the carrier's page; tell us what the word means"),
    "E-09": Rule("scanned at a plausible place", FRAUD, "Wait for the parcel and open it before any money goes back"),
    "E-10": Rule("goes to the right place", FRAUD, "Ask the carrier for the address; suspect a forged label"),
    "E-11": Rule("a scan of this label, not of a box", LEAD, "Wait for the hub to confirm the items"),
    "E-12": Rule("the scan is recent", LEAD, "See why this was not decided at the scan; inspect and refund as usual"),
    "V-01": Rule("a VIP at the scan"),
    "V-02": Rule("a VIP until lately"),
    "S-01": Rule("the order was read"),
    "S-02": Rule("the return is open", LEAD, "Look at the return in the portal; the parcel comes all the same"),
    "S-03": Rule("the return is not flagged", LEAD, "Read why it was flagged and clear the flag or inspect"),
    "S-04": Rule("the portal has not refunded", FINANCE, "Switch off the portal's own early processing"),
    "S-05": Rule("not edited after the scan", LEAD, "See what was changed; the parcel was closed before"),
    "S-06": Rule("known what is in the parcel", LEAD, "Tie the lines to the labels in the portal"),
    "S-07": Rule("the customer wants their money back", LEAD, "Settle exchange, credit and refund together by hand"),
    "S-08": Rule("no gift return"),
    "S-09": Rule("an order of a kind that is refunded early"),
    "S-10": Rule("the order is not cancelled", LEAD, "See whether the cancellation has paid the money back"),
    "S-11": Rule("the payment was captured", FINANCE, "Void the authorisation instead; nothing was taken yet"),
    "S-12": Rule("not refunded in full already"),
    "S-13": Rule("no open dispute", FINANCE, "Answer the dispute; a refund beside it would pay twice"),
    "S-14": Rule("no refund by somebody else", LEAD, "Find out what the earlier refund was for"),
    "S-15": Rule("not refunded by us already"),
    "S-16": Rule("the shop says what these lines come to", FINANCE, "Compare order and return; refund by hand"),
    "S-17": Rule("not more than is left", FINANCE, "Add up the refunds of this order and find the one too many"),
    "S-18": Rule("every tender can be refunded", LEAD, "Refund by hand; this payment method cannot be by itself"),
    "S-19": Rule("the payment is young enough", LEAD, "Offer store credit or another way to pay the money out"),
    "S-20": Rule(
        "the portal may pay the whole return", LEAD, "Compare the portal's sum with the shop's; process it by hand"
    ),
    "S-21": Rule("something is left to pay", FINANCE, "Work out the handling fee in the customer's currency"),
    "G-01": Rule("order cap on open refunds", LEAD, "Approve or reject"),
    "G-02": Rule("customer cap on open refunds", LEAD, "Approve or reject"),
    "G-03": Rule("limits per customer", LEAD, "Approve or reject"),
    "G-04": Rule("limits per address", LEAD, "Approve or reject"),
    "G-05": Rule("limits per card", LEAD, "Approve or reject"),
    "G-06": Rule("return rate"),
    "G-07": Rule("earlier parcels came in order"),
    "G-08": Rule("age of the account", LEAD, "Approve or reject"),
    "G-09": Rule("earlier orders", LEAD, "Approve or reject"),
    "G-10": Rule("no excluded goods"),
    "G-11": Rule("no excluded customer"),
    "B-01": Rule("refunds are not stopped"),
    "B-02": Rule("the shop's budget of the hour", LEAD, "Approve or reject"),
    "B-03": Rule("the shop's budget of the day", LEAD, "Approve or reject"),
    "A-01": Rule("what a person said", LEAD, "Approve the new amount or reject"),
}
"""In the order in which they are looked at; of two equally bad ones the first is the reason."""

PAY = "R-01"
"""The rule of a verdict that pays: nothing speaks against it."""


def check(rule: str, result: CheckResult, said: str) -> Check:
    """The result of one rule, with its name."""
    return Check(rule, RULES[rule].name, result, said)


def passed(rule: str, said: str) -> Check:
    """The rule is fulfilled."""
    return check(rule, "pass", said)


def listed(names: Sequence[str]) -> str:
    """`exchange and store credit`: our own words as a person reads them."""
    return " and ".join(name.replace("_", " ") for name in names)
