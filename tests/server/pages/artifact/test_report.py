"""Reports about artifacts: the form, the API, the answers."""

from __future__ import annotations

import pytest

from hub.names import ArtifactName
from hub.publish.commit import create
from hub.registry.accounts.permissions import Actor
from hub.registry.moderation.reports import MAX_REPORTS, find_reports
from tests.builders.server.people import browse, hub, token_of

__all__ = ["browse", "hub", "token_of"]
PAGE, API = "/ada/module/report", "/api/v1/artifacts/ada/module/reports"
LICENCE = {"reason": "licence", "text": "The images are <b>not</b> free.\nSee README.md."}


@pytest.fixture(autouse=True)
def _module(hub):
    create(ArtifactName("ada", "module"), hub.registry, hub.store, Actor("ada"))


@pytest.fixture
def bob(browse, hub):
    made = browse()
    made.enter(hub, "bob")
    return made


def test_visitors_log_in_before_they_report(browse):
    assert browse().get(PAGE).headers["location"] == "/login?next=%2Fada%2Fmodule%2Freport"


def test_a_report_is_answered_and_the_reporter_reads_the_answer(bob, browse, hub):
    assert bob.send(PAGE, PAGE, LICENCE).headers["location"] == "/settings/reports?done=reported"
    root = browse()
    root.enter(hub, "root")
    [report] = find_reports(hub.registry.database)
    at = f"/administration/reports/{report.id}"
    page = root.get(at).text
    assert "&lt;b&gt;not&lt;/b&gt; free." in page and "<b>not</b>" not in page
    root.send(at, at, {"state": "resolved", "answer": "They were <i>removed</i>."})
    own = bob.get("/settings/reports").text
    assert "They were &lt;i&gt;removed&lt;/i&gt;." in own and "resolved" in own
    assert "No open reports" in root.get("/administration/reports").text
    assert "They were" not in browse().get("/ada/module").text


def test_a_report_that_is_sent_twice_is_one_report(bob, hub):
    for text in ("first", "second", "second"):
        bob.send(PAGE, PAGE, {"reason": "other", "text": text})
    assert [each.text for each in find_reports(hub.registry.database)] == ["second"]
    bob.send(PAGE, PAGE, {"reason": "abuse", "text": "third"})
    assert len(find_reports(hub.registry.database)) == 2


@pytest.mark.parametrize("fields", [{"reason": "", "text": "x"}, {"reason": "envy", "text": "x"}, {"reason": "other", "text": " \n"},
                                    {"reason": "other", "text": "x" * 4001}, {"reason": "other", "text": "a\x07b"}])  # fmt: skip
def test_a_refused_report_keeps_the_typed_text(bob, hub, fields):
    response = bob.send(PAGE, PAGE, fields)
    assert response.status_code == 400 and 'role="alert"' in response.text
    assert fields["text"].strip() in response.text
    assert find_reports(hub.registry.database) == []


def test_reports_of_one_account_are_limited(bob, hub):
    answers = [bob.send(PAGE, PAGE, {"reason": "other", "text": f"{n}"}).status_code for n in range(MAX_REPORTS + 1)]
    assert answers == [303] * MAX_REPORTS + [429]


def test_the_owner_does_not_learn_the_reporter(bob, browse, hub, token_of):
    bob.send(PAGE, PAGE, LICENCE)
    ada = browse()
    headers = {"authorization": f"Bearer {token_of('ada')}"}
    log = ada.client.get("/api/v1/audit", params={"subject": "ada/module"}, headers=headers).text
    assert "bob" not in log and "report" not in log


def test_the_api_takes_reports_and_lists_those_of_the_caller(browse, token_of):
    client = browse().client
    bob, ada, narrow = (
        {"authorization": f"Bearer {token_of(name, artifact=artifact)}"}
        for name, artifact in (("bob", ""), ("ada", ""), ("bob", "ada/module"))
    )
    assert client.post(API, json=LICENCE).status_code == 401
    assert client.post(API, json=LICENCE, headers=narrow).status_code == 403
    made = client.post(API, json=LICENCE, headers=bob)
    assert made.status_code == 201 and made.json()["state"] == "open"
    assert client.post(API, json={"reason": "envy", "text": "x"}, headers=bob).status_code == 400
    assert [each["text"] for each in client.get("/api/v1/reports", headers=bob).json()["items"]] == [LICENCE["text"]]
    assert client.get("/api/v1/reports", headers=ada).json()["items"] == []
    assert client.get("/api/v1/reports", headers=narrow).status_code == 403


def test_a_report_about_a_private_artifact_reveals_nothing_to_strangers(bob, hub):
    create(ArtifactName("ada", "secret"), hub.registry, hub.store, Actor("ada"), private=True)
    assert bob.get("/ada/secret/report").status_code == 404
    assert bob.send(PAGE, "/ada/secret/report", LICENCE).status_code == 404
