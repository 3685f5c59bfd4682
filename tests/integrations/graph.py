"""Hold GraphQL documents, their variables and their answers to the schema that Shopify publishes of itself.

`request` takes an `httpx.Request` to the endpoint, `response` the answer to it; both give findings as text. An answer
has to have every field that was asked for, of the right kind, and no other. Skip with `contract.needs_shared`.
"""

import gzip
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    NoDeprecatedCustomRule,
    OperationDefinitionNode,
    SelectionSetNode,
    build_client_schema,
    get_named_type,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.values import get_variable_values

from tests.integrations.contract import SHARED

CURRENT, NEXT = "2026-07", "2026-10"
_SCALARS = {
    "Int": lambda value: type(value) is int,
    "Float": lambda value: type(value) in (int, float),
    "Boolean": lambda value: isinstance(value, bool),
    "Decimal": lambda value: isinstance(value, str) and bool(re.fullmatch(r"-?\d+\.\d+", value)),
    "UnsignedInt64": lambda value: isinstance(value, str) and value.isdigit(),
    "DateTime": lambda value: isinstance(value, str) and bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value)),
    "JSON": lambda value: True,
}
"""What a scalar looks like in JSON; every other one is text."""


@cache
def schema(version: str = CURRENT) -> GraphQLSchema:
    """The Admin API's schema. Shopify's own deprecations do not agree with each other, so it is not validated."""
    with gzip.open(SHARED / "specs" / "shopify" / f"admin_{version}.json.gz") as file:
        found = json.load(file)
    return build_client_schema(found.get("data", found), assume_valid=True)


def faults_of(text: str, version: str = CURRENT) -> list[str]:
    """What is wrong with a document, deprecated fields included."""
    rules = [*specified_rules, NoDeprecatedCustomRule]
    return [error.message for error in validate(schema(version), parse(text), rules)]


def request(sent: httpx.Request) -> list[str]:
    """What is wrong with a request: the document, or variables that are not of the types it declares."""
    body = json.loads(sent.content)
    operation, _ = _parts(parse(body["query"]))
    found = faults_of(body["query"])
    values = get_variable_values(schema(), list(operation.variable_definitions or []), body["variables"])
    if isinstance(values, list):
        found += [error.message for error in values]
    name = operation.name.value if operation.name else ""
    if body.get("operationName") != name:
        found.append(f"operationName is {body.get('operationName')!r}")
    return [f"{name}: {text}" for text in found]


def response(got: httpx.Response) -> list[str]:
    """What is wrong with an answer that has data."""
    try:
        body = got.json()
    except ValueError:
        return []
    if got.status_code != httpx.codes.OK or "errors" in body:
        return []
    operation, fragments = _parts(parse(json.loads(got.request.content)["query"]))
    kind = schema().mutation_type if operation.operation.value == "mutation" else schema().query_type
    assert kind is not None
    name = operation.name.value if operation.name else ""
    return [f"{name}: {text}" for text in _object(kind, operation.selection_set, body["data"], fragments, "data")]


def cost(text: str) -> int:
    """Points by Shopify's documented rule: an object 1, a connection 2 and its nodes, a mutation 10, a scalar none."""
    operation, fragments = _parts(parse(text))
    mutation = operation.operation.value == "mutation"
    kind = schema().mutation_type if mutation else schema().query_type
    assert kind is not None
    return (10 if mutation else 0) + _cost(kind, operation.selection_set, fragments, 0)


def _parts(document: DocumentNode) -> tuple[OperationDefinitionNode, dict[str, FragmentDefinitionNode]]:
    operations = [item for item in document.definitions if isinstance(item, OperationDefinitionNode)]
    fragments = [item for item in document.definitions if isinstance(item, FragmentDefinitionNode)]
    assert len(operations) == 1
    return operations[0], {item.name.value: item for item in fragments}


def _fields(
    chosen: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode], kind: str = ""
) -> Iterator[FieldNode]:
    """The fields asked for of an object of this kind; of any kind where none is said."""
    for item in chosen.selections:
        if isinstance(item, FieldNode):
            yield item
            continue
        part = fragments[item.name.value] if isinstance(item, FragmentSpreadNode) else item
        condition = part.type_condition.name.value if part.type_condition else ""
        if not kind or not condition or condition == kind:
            yield from _fields(part.selection_set, fragments, kind)


def _object(
    kind: GraphQLObjectType, chosen: SelectionSetNode, value: Any, fragments: dict[str, Any], path: str
) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: {type(value).__name__} where an object is due"
        return
    asked = {
        node.alias.value if node.alias else node.name.value: node for node in _fields(chosen, fragments, kind.name)
    }
    if set(asked) != set(value):
        yield f"{path}: asked {sorted(set(asked) - set(value))} and got {sorted(set(value) - set(asked))} instead"
    for name in sorted(set(asked) & set(value)):
        if asked[name].name.value == "__typename":
            continue
        field = kind.fields[asked[name].name.value]
        yield from _value(field.type, asked[name].selection_set, value[name], fragments, f"{path}.{name}")


def _value(kind: Any, chosen: Any, value: Any, fragments: dict[str, Any], path: str) -> Iterator[str]:
    if isinstance(kind, GraphQLNonNull):
        if value is None:
            yield f"{path}: null where the schema promises a value"
        else:
            yield from _value(kind.of_type, chosen, value, fragments, path)
    elif value is None:
        return
    elif isinstance(kind, GraphQLList):
        for place, item in enumerate(value if isinstance(value, list) else [object()]):
            yield from _value(kind.of_type, chosen, item, fragments, f"{path}.{place}")
    elif isinstance(kind, GraphQLEnumType):
        if value not in kind.values:
            yield f"{path}: {value!r} is no {kind.name}"
    elif chosen is not None:
        named = kind if isinstance(kind, GraphQLObjectType) else schema().type_map.get(value.get("__typename"))
        if isinstance(named, GraphQLObjectType):
            yield from _object(named, chosen, value, fragments, path)
        else:
            yield f"{path}: does not say which {kind.name} it is"
    elif not _SCALARS.get(kind.name, lambda item: isinstance(item, str))(value):
        yield f"{path}: {value!r} is no {kind.name}"


def _cost(kind: Any, chosen: SelectionSetNode, fragments: dict[str, Any], asked: int) -> int:
    """What the fields below an object cost; `asked` is how many nodes the connection around them has."""
    points = 0
    for node in _fields(chosen, fragments):
        if node.selection_set is None:
            continue
        field = getattr(kind, "fields", {}).get(node.name.value)
        below = get_named_type(field.type) if field else None
        given = [item.value.value for item in node.arguments or () if item.name.value == "first"]
        first = int(given[0]) if given else 1
        if below is not None and below.name.endswith("Connection"):
            points += 2 + _cost(below, node.selection_set, fragments, first)
        else:
            times = asked if node.name.value == "nodes" else first
            points += times * (1 + _cost(below, node.selection_set, fragments, 0))
    return points
