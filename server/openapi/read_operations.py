"""Read the OpenAPI document for people: operations with their parameters, bodies and responses, and the fields of each schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

Document = dict[str, Any]
USUAL = ("400", "401", "429")
"""Statuses that any request can have."""


@dataclass(frozen=True, slots=True)
class TypePart:
    """A piece of the name of a type."""

    text: str
    is_schema: bool = False
    """Whether `text` is the name of a schema of the document."""


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of a JSON object."""

    name: str
    type: tuple[TypePart, ...]
    description: str
    is_required: bool
    default: str
    """As JSON; empty without one."""


@dataclass(frozen=True, slots=True)
class Response:
    """Meaning and content of a status."""

    status: str
    description: str
    type: tuple[TypePart, ...]
    example: str


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of a path."""

    id: str
    method: str
    path: str
    description: str
    needs_token: bool
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    example: str
    """Of the body, as JSON; empty without one."""
    responses: tuple[Response, ...]
    request: str
    """A command that sends it."""


@dataclass(frozen=True, slots=True)
class Schema:
    """A JSON object, or the values of an enumeration."""

    name: str
    description: str
    fields: tuple[Field, ...]
    type: tuple[TypePart, ...]
    """Of a schema without fields."""


def operations_of(document: Document, tag: str) -> list[Operation]:
    """Return the operations with a tag."""
    return [
        _operation(document, path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if tag in operation["tags"]
    ]


def schemas_of(document: Document) -> list[Schema]:
    """Return all schemas of requests and responses, sorted by name."""
    return [_schema(name, each) for name, each in sorted(document["components"]["schemas"].items())]


def type_of(schema: Document) -> Iterator[TypePart]:
    """Yield the name of a type, such as `list of` `Score`."""
    if "$ref" in schema:
        yield TypePart(schema["$ref"].rpartition("/")[2], is_schema=True)
    elif "const" in schema:
        yield TypePart(json.dumps(schema["const"]))
    elif "enum" in schema:
        yield TypePart(" | ".join(map(json.dumps, schema["enum"])))
    elif choices := schema.get("anyOf") or schema.get("allOf"):
        for position, each in enumerate(choices):
            if position:
                yield TypePart(" or ")
            yield from type_of(each)
    elif schema.get("type") == "array":
        yield TypePart("list of ")
        yield from type_of(schema.get("items", {}))
    elif isinstance(values := schema.get("additionalProperties"), dict):
        yield TypePart("map of ")
        yield from type_of(values)
    else:
        yield TypePart(f"{schema.get('type', 'any')}{_bounds(schema)}")


def _schema(name: str, schema: Document) -> Schema:
    kind = () if "properties" in schema else tuple(type_of(schema))
    return Schema(name, _one_line(schema.get("description", "")), tuple(_fields(schema)), kind)


def _bounds(schema: Document) -> str:
    first, last = schema.get("minimum", ""), schema.get("maximum", "")
    return f" {first}–{last}" if first != "" and last != "" else f" from {first}" if first != "" else ""


def _operation(document: Document, path: str, method: str, operation: Document) -> Operation:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    schema = _resolved(document, body)
    examples = schema.get("examples") or []
    parameters = operation.get("parameters", [])
    needs_token = operation["security"] == [{"token": []}]
    return Operation(
        id=operation["operationId"], method=method.upper(), path=path, description=_one_line(operation.get("description", "")),
        needs_token=needs_token, body=tuple(_fields(schema)), example=_json(examples[0]) if examples else "",
        parameters=tuple(
            Field(
                each["name"], tuple(type_of(each["schema"])), _one_line(each.get("description", "")), each.get("required", False),
                _default(each["schema"]),
            )
            for each in parameters
        ),
        responses=tuple(_response(status, each) for status, each in operation["responses"].items() if status not in USUAL),
        request=_command(method.upper(), path, parameters, examples, needs_token=needs_token),
    )  # fmt: skip


def _fields(schema: Document) -> Iterator[Field]:
    required = schema.get("required", [])
    for name, each in schema.get("properties", {}).items():
        meaning = _one_line(each.get("description", ""))
        yield Field(name, tuple(type_of(each)), meaning, name in required, _default(each))


def _response(status: str, response: Document) -> Response:
    contents: dict[str, Document] = response.get("content", {})
    media = next(iter(contents), "")
    content = contents.get(media, {})
    schema = content.get("schema", {})
    kind = tuple(type_of(schema)) if "$ref" in schema else (TypePart(media.partition(";")[0]),) if media else ()
    examples = content.get("examples", {})
    example = next((each["value"] for name, each in examples.items() if name != "error"), None)
    return Response(status, _one_line(response["description"]), kind, "" if example is None else _json(example))


def _command(method: str, path: str, parameters: list[Document], bodies: list[Any], *, needs_token: bool) -> str:
    """Return a line of curl with the parameters of the path as in their examples; `$HF_ENDPOINT` is the address of a server."""
    for each in parameters:
        if each["in"] == "path" and (examples := each["schema"].get("examples") or each.get("examples")):
            path = path.replace(f"{{{each['name']}}}", str(examples[0]))
    words = ["curl", *(["-X", method] if method != "GET" else [])]
    words += ['-H "Authorization: Bearer $HF_TOKEN"'] if needs_token else []
    words += [f"--json {_quoted(json.dumps(bodies[0], ensure_ascii=False))}"] if bodies else []
    return " ".join([*words, f'"$HF_ENDPOINT{path}"'])


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _resolved(document: Document, schema: Document) -> Document:
    name = schema.get("$ref", "").rpartition("/")[2]
    return cast("Document", document["components"]["schemas"][name]) if name else schema


def _default(schema: Document) -> str:
    return _json(schema["default"]) if schema.get("default") not in (None, "") else ""


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)


def _one_line(text: str) -> str:
    return " ".join(text.split())
