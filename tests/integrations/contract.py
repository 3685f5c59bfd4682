"""Hold requests and answers against what a vendor publishes about its own API.

`Contract.request` takes an `httpx.Request`, `Contract.response` an `httpx.Response`; both return findings as text
(empty when all is well), so a test shows every mismatch at once. `recording(contract, found)` makes httpx event
hooks that collect the findings of a whole test. Sources: OpenAPI 3.0 and 3.1 (YAML or JSON), Stripe's SDK schema,
and the tool list of the Gorgias file. With `strict` a name that the vendor's schema does not know is a finding.
Where the files are absent, skip with `needs_shared`.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import httpx
import pytest
import yaml
from jsonschema import Draft202012Validator

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
needs_shared = pytest.mark.skipif(
    not (SHARED / "specs").is_dir(), reason="needs the vendors' API descriptions in ../shared/specs, which are absent"
)

Json = Any
_NUMBER = re.compile(r"-?\d+\Z")
_BRACKET = re.compile(r"\[([^\]]*)\]")


@dataclass(frozen=True)
class Operation:
    """One method and path: its schemas as `{"$ref": …}` or inline, resolved against the whole document."""

    method: str
    template: str
    query: Json = None
    body: Json = None
    media: str = ""
    answers: dict[str, Json] = field(default_factory=dict)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The path template as a regular expression."""
        return re.compile(re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(self.template)) + r"\Z")

    def fits(self, method: str, path: str) -> bool:
        """Whether a call is this operation."""
        return self.method == method and bool(self.pattern.match(path))


class Contract:
    """A vendor's operations. `prefix` is what our base URL puts before the vendor's paths, e.g. `/stripe`."""

    def __init__(
        self, document: Json, operations: list[Operation], *, prefix: str = "", resources: Json = None
    ) -> None:
        self.document = document
        self.operations = operations
        self.prefix = prefix
        self.resources = resources or {}
        self._validators: dict[str, Draft202012Validator] = {}

    def operation(self, request: httpx.Request) -> Operation | None:
        """The operation that a request calls; one without a parameter in its path wins over one with."""
        path = unquote(request.url.path).removeprefix(self.prefix)
        fitting = [item for item in self.operations if item.fits(request.method, path)]
        return min(fitting, key=lambda item: item.template.count("{")) if fitting else None

    def request(self, request: httpx.Request) -> list[str]:
        """What is wrong with a request: unknown operation, unknown or badly typed parameters, a bad body."""
        operation = self.operation(request)
        call = f"{request.method} {request.url.path.removeprefix(self.prefix)}"
        if operation is None:
            return [f"{call}: the vendor has no such operation"]
        found = []
        if operation.query is not None:
            found += self._check(operation.query, self._typed(_nested(request.url.query.decode()), operation.query))
        if operation.body is not None and request.content:
            if operation.media == "form":
                given = self._typed(_nested(request.content.decode()), operation.body)
            else:
                given = json.loads(request.content)
            found += self._check(operation.body, given)
        return [f"{call}: {text}" for text in found]

    def response(self, response: httpx.Response) -> list[str]:
        """What is wrong with an answer: a status that the vendor does not name, or a body of another shape."""
        request = response.request
        call = f"{request.method} {request.url.path.removeprefix(self.prefix)} {response.status_code}"
        if self.resources:
            found = list(self._resource(response.json()))
        else:
            operation = self.operation(request)
            if operation is None:
                return [f"{call}: the vendor has no such operation"]
            status = str(response.status_code)
            schema = operation.answers.get(status, operation.answers.get("default"))
            if status not in operation.answers and "default" not in operation.answers:
                return [f"{call}: the vendor names only {', '.join(operation.answers)}"]
            found = self._check(schema, response.json()) if schema else []
        return [f"{call}: {text}" for text in found]

    def check(self, schema: Json, value: Json) -> list[str]:
        """What is wrong with a value under one schema of the document, e.g. `{"$ref": "#/components/…"}`."""
        return self._check(schema, value)

    def _resource(self, body: Json) -> Iterator[str]:
        """Check an object by its own `object` field; a list item by item, an event's payload too."""
        if not isinstance(body, dict):
            yield f"a JSON {type(body).__name__} where an object was due"
            return
        if "error" in body:
            yield from self._check(self.resources["error"], body["error"])
            return
        kind = body.get("object")
        if kind == "list":
            if set(body) != {"object", "data", "has_more", "url"}:
                yield f"a list has {sorted(body)}"
            for item in body.get("data", []):
                yield from self._resource(item)
        elif kind not in self.resources:
            yield f"object {kind!r} is not in the vendor's file"
        else:
            yield from self._check(self.resources[kind], body)
            if kind == "event":
                yield from self._resource(body["data"]["object"])

    def _check(self, schema: Json, value: Json) -> list[str]:
        errors = self._validator(schema).iter_errors(value)
        return [_said(error) for error in errors]

    def _validator(self, schema: Json) -> Draft202012Validator:
        name = json.dumps(schema, sort_keys=True)
        if name not in self._validators:
            # The definitions stand beside the schema, so that `#/components/…` and `#/$defs/…` resolve in it.
            shared = {key: self.document[key] for key in ("components", "$defs") if key in self.document}
            self._validators[name] = Draft202012Validator({"allOf": [schema], **shared})
        return self._validators[name]

    def _resolve(self, schema: Json) -> Json:
        while "$ref" in schema:
            node = self.document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                node = node[part.replace("~1", "/").replace("~0", "~")]
            schema = node
        return schema

    def _typed(self, value: Json, schema: Json) -> Json:
        """Give a form's strings the types that their schema names: numbers, booleans, lists by index."""
        schema = self._resolve(schema)
        branches = schema.get("anyOf") or schema.get("oneOf")
        if branches:
            typed = [(self._typed(value, branch), branch) for branch in branches]
            fitting = [item for item, branch in typed if not self._check(branch, item)]
            return fitting[0] if fitting else value
        kind = schema.get("type")
        if kind == "object" and isinstance(value, dict):
            known = schema.get("properties", {})
            return {name: self._typed(item, known.get(name, {})) for name, item in value.items()}
        if kind == "array":
            items = list(value.values()) if isinstance(value, dict) else value
            items = items if isinstance(items, list) else [items]
            return [self._typed(item, schema.get("items", {})) for item in items]
        if isinstance(value, str) and kind in ("integer", "number") and _NUMBER.match(value):
            return int(value)
        if isinstance(value, str) and kind == "boolean":
            return {"true": True, "false": False}.get(value, value)
        return value


def recording(contract: Contract, found: list[str]) -> dict[str, Any]:
    """httpx event hooks that append every finding to `found`; check that it is empty at the end of the test."""

    async def request(sent: httpx.Request) -> None:
        found.extend(contract.request(sent))

    async def response(got: httpx.Response) -> None:
        await got.aread()
        found.extend(contract.response(got))

    return {"request": [request], "response": [response]}


@cache
def openapi(path: str, *, prefix: str = "", strict: bool = True) -> Contract:
    """A contract from an OpenAPI 3 file under `shared/specs`, e.g. `twilio/twilio_api_v2010.json`."""
    # Some files of OpenAPI 3.1 still say `nullable`, which is 3.0; it means the same there.
    document = _nullable(_load(SHARED / "specs" / path))
    document = _closed(document) if strict else document
    operations = []
    for template, methods in document["paths"].items():
        for method, item in methods.items():
            if method in ("get", "post", "put", "patch", "delete"):
                shared = methods.get("parameters", [])
                operations.append(_operation(document, method.upper(), template, item, shared))
    return Contract(document, operations, prefix=prefix)


@cache
def stripe_sdk(*, prefix: str = "") -> Contract:
    """Stripe's current API: requests from the SDK's parameters, answers by their `object`, both strict."""
    document = _closed(_load(SHARED / "specs" / "stripe" / "sdk-16.1.0.endive.schema.json"))
    operations = []
    for call, schema in document["x-requests"].items():
        method, template = call.split(" ")
        part = {"query": schema} if method == "GET" else {"body": schema, "media": "form"}
        operations.append(Operation(method, template, **part))
    error = {"$ref": "#/$defs/payment_intent.PaymentIntent.LastPaymentError"}
    return Contract(document, operations, prefix=prefix, resources={**document["x-resources"], "error": error})


@cache
def gorgias_tools(*, prefix: str = "") -> Contract:
    """Requests to Gorgias from the tool list, which mixes path, query and body: no answers are described there."""
    document = _load(SHARED / "specs" / "gorgias" / "community-mcp-2026-04.schema.json")
    operations = []
    for tool in document["tools"].values():
        if "schema" not in tool:
            continue
        in_path = set(re.findall(r"\{([^}]+)\}", tool["path"]))
        schema = {**tool["schema"], "required": [n for n in tool["schema"].get("required", []) if n not in in_path]}
        part = {"query": schema} if tool["method"] == "GET" else {"body": schema, "media": "json"}
        operations.append(Operation(tool["method"], tool["path"], **part))
    return Contract(document, operations, prefix=prefix)


def _operation(document: Json, method: str, template: str, item: Json, shared: list[Json]) -> Operation:
    parameters = [_deref(document, entry) for entry in [*shared, *item.get("parameters", [])]]
    asked = [entry for entry in parameters if entry["in"] == "query"]
    query = {
        "type": "object",
        "properties": {entry["name"].removesuffix("[]"): entry.get("schema", {}) for entry in asked},
        "required": [entry["name"] for entry in asked if entry.get("required")],
        "additionalProperties": False,
    }
    content = _deref(document, item.get("requestBody", {})).get("content", {})
    media = "form" if "application/x-www-form-urlencoded" in content else "json"
    body = next((part.get("schema") for part in content.values()), None)
    answers = {}
    for status, answer in item["responses"].items():
        parts = _deref(document, answer).get("content", {})
        answers[str(status)] = next((part.get("schema") for kind, part in parts.items() if "json" in kind), None)
    return Operation(method, template, query, body, media, answers)


def _deref(document: Json, node: Json) -> Json:
    while "$ref" in node:
        target = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


def _nullable(node: Json) -> Json:
    """OpenAPI 3.0's `nullable` as a null branch, which also works beside `anyOf`, `enum` and `$ref`."""
    if isinstance(node, list):
        return [_nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _nullable(value) for key, value in node.items()}
    if made.get("nullable") is True:
        del made["nullable"]
        return {"anyOf": [made, {"type": "null"}]}
    return made


def _closed(node: Json) -> Json:
    """Refuse unknown names wherever properties are listed and nothing else is said."""
    if isinstance(node, list):
        return [_closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _closed(value) for key, value in node.items()}
    named = isinstance(made.get("properties"), dict) and made.get("type", "object") == "object"
    if named and "additionalProperties" not in made and "allOf" not in made:
        made["additionalProperties"] = False
    return made


def _nested(text: str) -> dict[str, Json]:
    """`a=1&b[c]=2&d[]=3` as nested objects and lists of strings."""
    made: dict[str, Json] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        head, parts = name.split("[")[0], _BRACKET.findall(name)
        node, key = made, head
        for part in parts:
            if part == "":
                node.setdefault(key, [])
                break
            node, key = node.setdefault(key, {}), part
        if parts and parts[-1] == "":
            node[key].append(value)
        elif key in node:
            # The same plain name twice is a list, as Starlette and Twilio's own SDK send it.
            node[key] = [*(node[key] if isinstance(node[key], list) else [node[key]]), value]
        else:
            node[key] = value
    return made


def _said(error: Any) -> str:
    where = "/".join(str(part) for part in error.absolute_path) or "the body"
    deepest = min(error.context, key=lambda item: -len(item.absolute_path)) if error.context else None
    more = f" (nearest branch: {deepest.message[:160]})" if deepest is not None else ""
    return f"{where}: {error.message[:240]}{more}"


class _PlainLoader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):
    """A YAML loader that leaves dates, `=` and yes/no as text, as a vendor's file means them."""


def _plain(loader: type[_PlainLoader]) -> type[_PlainLoader]:
    kept = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:null", "tag:yaml.org,2002:bool")
    loader.yaml_implicit_resolvers = {
        first: [(tag, regex) for tag, regex in pairs if tag in kept]
        for first, pairs in loader.yaml_implicit_resolvers.items()
    }
    loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
    return loader


def _load(path: Path) -> Json:
    if path.suffix == ".json":
        return json.loads(path.read_text(encoding="utf-8"))
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_plain(_PlainLoader))
