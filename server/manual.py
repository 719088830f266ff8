"""docs/api.md from the OpenAPI document: `python -m server.manual > docs/api.md`."""

from __future__ import annotations

import json
from typing import Any, cast

from fastapi import FastAPI

from server.api.administration import administration
from server.http.routing import register
from server.openapi.document import TAGS, install
from server.part import server_parts
from server.routes import OWN_API

HEAD = """# Our API

Written from the OpenAPI document, which every server gives at `GET /api/v1/openapi.json`, by `python -m server.manual`; a test
compares the two. Hugging Face's clients speak to other addresses: see [the server](server.md).

A token is sent as `Authorization: Bearer TOKEN`; reading what is public needs none. Every error is `{"error": "…"}` with one line that
says what was asked, what was found and what to do next. 400, 401 and 429 can be the answer to anything and are not listed below; 307
leads from an artifact's former name to its name.
"""


def manual() -> str:
    """The whole page."""
    app = FastAPI()
    install(app)
    register(app, (*OWN_API, *administration(), *(each for part in server_parts() for each in part.addresses())))
    document = app.openapi()
    parts = [HEAD]
    for tag, meaning in TAGS.items():
        parts.append(f"## {tag.capitalize()}\n\n{meaning}\n")
        for path, operations in document["paths"].items():
            parts += [
                _section(method, path, operation, document)
                for method, operation in operations.items()
                if operation["tags"] == [tag]
            ]
    return "\n".join(parts)


def _section(method: str, path: str, operation: dict[str, Any], document: dict[str, Any]) -> str:
    lines = [f"### {method.upper()} {path}\n", _one_line(operation["description"]), ""]
    if operation["security"] == [{"token": []}]:
        lines += ["Needs a token.", ""]
    asked = [each for each in operation.get("parameters", []) if each["in"] == "query"]
    if asked:
        lines += ["| parameter | means | type |", "|---|---|---|"]
        lines += [f"| `{each['name']}` | {_meaning(each)} | {_type(each['schema'])} |" for each in asked] + [""]
    if "requestBody" in operation:
        schema = _resolved(operation["requestBody"]["content"]["application/json"]["schema"], document)
        lines += [_body(schema), ""]
    answers = [
        f"{status}: {_answer(answer)}"
        for status, answer in operation["responses"].items()
        if status not in {"400", "401", "429", "307"}
    ]
    return "\n".join([*lines, f"Answers {'; '.join(answers)}.", ""])


def _body(schema: dict[str, Any]) -> str:
    """What is sent: an example, or else the names of its parts."""
    if "examples" in schema:
        return f"```json\n{json.dumps(schema['examples'][0], ensure_ascii=False, indent=1)}\n```"
    required = schema.get("required", [])
    return f"Sends {', '.join(f'`{name}`' + ', required' * (name in required) for name in schema['properties'])}."


def _answer(answer: dict[str, Any]) -> str:
    """What an answer holds, by the name of its class."""
    for media, content in answer.get("content", {}).items():
        reference = content.get("schema", {}).get("$ref", "")
        if reference.endswith("/ErrorBody"):
            return _one_line(answer["description"]).rstrip(".").lower()
        return f"`{reference.rpartition('/')[2]}`" if reference else media.partition(";")[0]
    return _one_line(answer["description"]).rstrip(".").lower()


def _meaning(parameter: dict[str, Any]) -> str:
    example = parameter["schema"].get("examples") or [parameter.get("example")]
    shown = f" (`{example[0]}`)" if isinstance(example[0], str | int | float) else ""
    return f"{_one_line(parameter.get('description', ''))}{shown}{', required' if parameter.get('required') else ''}"


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " \\| ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"] if each.get("type") != "null")
    bounds = [str(schema[name]) for name in ("minimum", "maximum") if name in schema]
    return f"{schema.get('type', 'any')}{f' {bounds[0]}–{bounds[1]}' if len(bounds) == 2 else ''}"


def _resolved(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    name = schema["$ref"].rpartition("/")[2]
    return cast("dict[str, Any]", document["components"]["schemas"][name])


def _one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    print(manual(), end="")
