"""Every document that we send to Shopify, held to Shopify's schema, its price list and its words for keys."""

import re

import pytest

from integrations.shopify import documents, events, mapping, refunds
from integrations.shopify.connection import CONCURRENT, SENTENCES, SPENT_KEY
from tests.integrations import graph
from tests.integrations.contract import needs_shared

MOST_POINTS = 1000
every = pytest.mark.parametrize("document", documents.DOCUMENTS, ids=lambda document: document.name)


@needs_shared
@every
def test_a_document_fits_the_schema_and_asks_for_nothing_deprecated(document: documents.Document) -> None:
    assert graph.faults_of(document.text) == []


@needs_shared
@every
def test_a_document_also_fits_the_next_version(document: documents.Document) -> None:
    assert graph.faults_of(document.text, graph.NEXT) == []


@needs_shared
@every
def test_a_document_costs_no_more_than_one_query_may(document: documents.Document) -> None:
    assert 0 < graph.cost(document.text) <= MOST_POINTS


@needs_shared
def test_the_price_list_is_read_as_shopify_explains_it() -> None:
    listed = "query { orders(first: 10) { nodes { customer { id } lineItems(first: 5) { nodes { id } } } } }"
    assert graph.cost(listed) == 2 + 10 * (1 + 1 + 2 + 5)


@needs_shared
def test_a_wrong_document_is_found_out() -> None:
    assert graph.faults_of("query Shop { shop { nickname } }") != []


@every
def test_a_document_has_the_name_of_its_one_operation(document: documents.Document) -> None:
    assert re.findall(r"^(?:query|mutation) (\w+)", document.text, re.MULTILINE) == [document.name]


def test_no_two_documents_have_one_name() -> None:
    assert len({document.name for document in documents.DOCUMENTS}) == len(documents.DOCUMENTS)


def test_the_only_effect_carries_its_key_and_never_allows_more_than_was_paid() -> None:
    effects = [document for document in documents.DOCUMENTS if document.text.startswith("mutation")]
    assert effects == [documents.REFUND_CREATE]
    assert "refundCreate(input: $input) @idempotent(key: $key)" in documents.REFUND_CREATE.text
    assert not any("allowOverRefunding" in document.text for document in documents.DOCUMENTS)


@needs_shared
def test_the_sentences_of_the_key_are_those_of_the_schema() -> None:
    known = graph.schema().type_map["InventoryAdjustQuantitiesUserErrorCode"].values
    said = {code: known[code].description.rstrip(".").casefold() for code in (CONCURRENT, *SPENT_KEY)}
    assert said == {code: text for text, code in SENTENCES.items()}


@needs_shared
def test_the_words_that_we_compare_are_shopifys() -> None:
    words = graph.schema().type_map
    assert set(refunds.STATES) <= set(words["OrderTransactionStatus"].values)
    assert {*mapping.MONEY_IN, "REFUND"} <= set(words["OrderTransactionKind"].values)
    assert mapping.WON in words["DisputeStatus"].values
    assert refunds.NO_RESTOCK in words["RefundLineItemRestockType"].values
    assert set(events.TOPICS) <= set(words["WebhookSubscriptionTopic"].values)
