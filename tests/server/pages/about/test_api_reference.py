"""/api: the API reference lists the contents of the OpenAPI document."""

from __future__ import annotations

import re
import shlex
from html import unescape

import pytest
from starlette.testclient import TestClient

from server.openapi.read_operations import operations_of, type_of
from tests.builders.server.published import client, hub

__all__ = ["client", "hub"]


@pytest.fixture(scope="module")
def page(client: TestClient) -> str:
    response = client.get("/api", headers={"Accept": "text/html"})
    assert response.status_code == 200
    return response.text


def test_the_page_has_every_operation_and_every_schema_of_the_document(client: TestClient, page: str):
    document = client.get("/api/v1/openapi.json").json()
    operations = {operation["operationId"] for methods in document["paths"].values() for operation in methods.values()}
    schemas = {f"schema-{name}" for name in document["components"]["schemas"]}
    shown = re.findall(r'id="([^"]+)"', page)
    assert len(shown) == len(set(shown))
    assert operations | schemas <= set(shown)


def test_every_link_within_the_page_leads_somewhere(page: str):
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert "schema-SearchBody" in targets
    assert targets <= set(re.findall(r'id="([^"]+)"', page))


def test_commands_can_be_pasted_into_a_shell(page: str):
    commands = [shlex.split(unescape(each)) for each in re.findall(r"<code>(curl .*?)</code>", page, re.DOTALL)]
    assert ["curl", "$HF_ENDPOINT/api/v1/search"] in commands
    assert [
        "curl", "-X", "POST", "-H", "Authorization: Bearer $HF_TOKEN", "$HF_ENDPOINT/api/v1/artifacts/linguahub/mulan-yo/revisions/main/yank",
    ] in [[word for word in each if not word.startswith(("--json", "{"))] for each in commands]  # fmt: skip


def test_operations_state_whether_they_need_a_token(client: TestClient):
    document = client.get("/api/v1/openapi.json").json()
    found = {each.id: each for each in operations_of(document, "artifacts")}
    assert found["yank_revision"].needs_token
    assert not found["get_artifact"].needs_token


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ({"type": "array", "items": {"$ref": "#/components/schemas/Score"}}, "list of Score"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "map of integer"),
        ({"type": "integer", "minimum": 0, "maximum": 100}, "integer 0–100"),
        ({"enum": ["a", "b"]}, '"a" | "b"'),
        ({}, "any"),
    ],
)
def test_types_have_names(schema: dict, name: str):
    assert "".join(each.text for each in type_of(schema)) == name
