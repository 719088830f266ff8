"""Schemathesis sends valid and invalid requests according to the OpenAPI document: no response may violate it.

`SCHEMATHESIS_EXAMPLES=200 pytest tests/server/openapi/test_document.py` sends more.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import schemathesis
from schemathesis.engine import Status, from_schema
from schemathesis.engine.events import NonFatalError, ScenarioFinished

from hub.local import LocalHub
from server import create_app
from server.openapi.document import PATH
from tests.builders.server.catalogue import Header

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "3"))


def settings(token: dict[str, str]) -> dict[str, Any]:
    return {
        "headers": token,
        "generation": {"max-examples": EXAMPLES, "deterministic": True, "database": "none"},
        "phases": {"stateful": {"max-steps": 4}},
        "checks": {
            # 501 and 503 are intended: unsupported features of the Hugging Face Hub, and a store that does not respond.
            "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", "501", "503"]},
            # Well-formed requests can still be invalid: an unsigned cursor, `min` without `metric`, two equal names.
            "positive_data_acceptance": {
                "expected-statuses": ["2xx", "307", "400", "401", "403", "404", "409", "501", "503"]
            },
        },
        "continue-on-failure": True,
    }


def test_no_request_causes_a_server_error_or_violates_the_openapi_document(hub: LocalHub, as_: Header):
    config = schemathesis.Config.from_dict(settings(as_("root")))
    schema = schemathesis.openapi.from_asgi(PATH, create_app(hub), config=config)
    problems, requests, faults = Counter[str](), Counter[str](), []
    for event in from_schema(schema).execute():
        if isinstance(event, NonFatalError):
            faults.append(str(event))
        if isinstance(event, ScenarioFinished):
            requests[str(event.phase)] += len(event.recorder.interactions)
            for checks in event.recorder.checks.values():
                for check in checks:
                    if check.status == Status.FAILURE and check.failure_info is not None:
                        failure = check.failure_info.failure
                        problems[
                            f"{check.name}: {failure.title} {failure.operation}\n{failure.message[:600]}\n{check.failure_info.code_sample[:400]}"
                        ] += 1
    assert faults == []
    assert not problems, "\n\n".join(f"{count} × {what}" for what, count in problems.items())
    assert requests.total() > 500


def test_schemas_have_names_of_their_own(hub: LocalHub):
    schemas = create_app(hub).openapi()["components"]["schemas"]
    # FastAPI puts the module before the names of two classes that are called alike.
    assert [name for name in schemas if "__" in name] == []
