"""Webhooks get signed deliveries of events, which are retried until they succeed."""

import base64
import hashlib
import hmac
import json
import time

from huggingface_hub import HfApi
from starlette.testclient import TestClient

from hub.cards import write_card
from hub.cli import main
from hub.names import ArtifactName
from hub.publish.publish import publish
from server.app import create_app
from tests.builders.artifacts import a_card, a_folder, a_score
from tests.builders.server.people import ROOT
from tests.builders.server.webhooks import WATCH_ADA, a_receiver, create, make
from tests.builders.serving import serving


def due(hub):
    hub.registry.database.execute("UPDATE outbox SET due_at = '2020-01-01 00:00:00.000000'")


def test_events_have_the_format_of_hugging_face(trusted, as_, work, receiver):
    webhook = make(as_, receiver)
    create(as_)
    commit = '{"key":"header","value":{"summary":"first"}}\n{"key":"file","value":{"path":"a.txt","content":"aGk="}}'
    secret = trusted.tokens.create(trusted.accounts.get("ada"), "write", ROOT)
    ada = {"Authorization": f"Bearer {secret}"}
    before = trusted.registry.head(_name("ada/thing"))
    client = TestClient(create_app(trusted))
    assert client.post("/api/models/ada/thing/commit/main", content=commit, headers=ada).status_code == 200
    after = trusted.registry.head(_name("ada/thing"))
    as_("ada", "POST", "/api/models/ada/thing/tag/main", {"tag": "v1"})
    as_("ada", "DELETE", "/api/models/ada/thing/tag/v1")
    as_("ada", "PUT", "/api/models/ada/thing/settings", {"gated": "auto"})
    as_("ada", "POST", "/api/repos/move", {"fromRepo": "ada/thing", "toRepo": "ada/other"})
    as_("ada", "DELETE", "/api/repos/delete", {"name": "other", "organization": "ada"})
    work()
    delivered = [(each["event"]["scope"], each["event"]["action"], each["repo"]["name"]) for each in receiver.bodies]
    assert delivered == [
        ("repo", "create", "ada/thing"),
        ("repo.content", "update", "ada/thing"),
        ("repo.content", "update", "ada/thing"),
        ("repo.content", "update", "ada/thing"),
        ("repo.config", "update", "ada/thing"),
        ("repo", "move", "ada/thing"),
        ("repo", "delete", "ada/other"),
    ]
    commit, tagged, untagged, gated, moved = receiver.bodies[1:6]
    assert commit["updatedRefs"] == [{"ref": "refs/heads/main", "oldSha": before[:40], "newSha": after[:40]}]
    assert commit["repo"]["headSha"] == after[:40]
    assert commit["repo"]["url"] == {
        "web": "http://testserver/ada/thing",
        "api": "http://testserver/api/models/ada/thing",
    }
    assert commit["webhook"] == {"id": webhook, "version": 3}
    assert tagged["updatedRefs"] == [{"ref": "refs/tags/v1", "oldSha": None, "newSha": after[:40]}]
    assert untagged["updatedRefs"] == [{"ref": "refs/tags/v1", "oldSha": after[:40], "newSha": None}]
    assert gated["updatedConfig"] == {"gated": "auto"}
    assert moved["movedTo"] == {"name": "ada/other", "owner": {"id": "ada"}}


def test_an_erasure_is_one_event_with_every_moved_branch_and_tag(trusted, as_, work, receiver):
    create(as_)
    secret, hidden = trusted.tokens.create(trusted.accounts.get("ada"), "write", ROOT), b"hidden"
    lines = (
        {"key": "header", "value": {"summary": "Tell"}},
        {"key": "file", "value": {"path": "a.txt", "content": base64.b64encode(hidden).decode(), "encoding": "base64"}},
    )
    at, ada = "/api/models/ada/thing", {"Authorization": f"Bearer {secret}"}
    as_("ada", "POST", f"{at}/branch/early")
    content = "\n".join(map(json.dumps, lines))
    assert TestClient(create_app(trusted)).post(f"{at}/commit/main", content=content, headers=ada).status_code == 200
    as_("ada", "POST", f"{at}/tag/main", {"tag": "v1"})
    assert as_("ada", "PUT", "/api/v1/artifacts/ada/thing/aliases/@stable", {"revision": "main"}).status_code == 200
    before = trusted.registry.head(_name("ada/thing"))
    make(as_, receiver, domains=["repo.content"])
    erased = {"deletions": {"sha": [hashlib.sha256(hidden).hexdigest()], "rewriteHistory": True}}
    for _ in range(2):
        assert as_("ada", "POST", f"{at}/lfs-files/batch", erased).status_code == 200
    after = trusted.registry.head(_name("ada/thing"))
    assert before != after
    work()
    [delivered] = receiver.bodies
    assert delivered["event"] == {"action": "update", "scope": "repo.content"}
    assert delivered["repo"]["headSha"] == after[:40]
    shas = {"oldSha": before[:40], "newSha": after[:40]}
    assert delivered["updatedRefs"] == [{"ref": "refs/heads/main", **shas}, {"ref": "refs/tags/v1", **shas}]


def test_yanking_a_revision_is_an_event(trusted, as_, work, receiver):
    create(as_)
    make(as_, receiver, domains=["repo.config"])
    head = trusted.registry.head(_name("ada/thing"))
    trusted.registry.yank(_name("ada/thing"), head)
    work()
    assert [each["updatedConfig"] for each in receiver.bodies] == [{"yanked": True, "revision": head[:40]}]


def test_the_receiver_can_verify_sender_and_time(trusted, as_, work, receiver):
    make(as_, receiver, secret="whsec_" + base64.b64encode(b"k" * 24).decode())
    create(as_)
    work()
    [(headers, body)] = receiver.arrived
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mine = base64.b64encode(hmac.new(b"k" * 24, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{mine}"
    assert headers["X-Webhook-Secret"].startswith("whsec_")
    assert abs(time.time() - int(headers["webhook-timestamp"])) < 60
    assert headers["Content-Type"] == "application/json"


def test_without_a_secret_nothing_is_signed(trusted, as_, work, receiver):
    make(as_, receiver, secret=None)
    create(as_)
    work()
    [(headers, _)] = receiver.arrived
    assert not {"webhook-signature", "X-Webhook-Secret"} & headers.keys()


def test_a_failed_delivery_is_retried_with_the_same_id_and_body(trusted, as_, work, receiver):
    receiver.statuses = [500, 503]
    webhook = make(as_, receiver)
    create(as_)
    for _ in range(3):
        work()
        due(trusted)
    assert len({headers["webhook-id"] for headers, _ in receiver.arrived}) == 1
    assert len({body for _, body in receiver.arrived}) == 1
    [delivery] = as_("ada", "GET", f"/api/v1/webhooks/{webhook}/deliveries").json()["items"]
    assert (delivery["attempts"], delivery["status"], delivery["delivered"], delivery["error"]) == (3, 200, True, "")
    assert delivery["duration_ms"] >= 0
    assert trusted.registry.jobs() == []


def test_a_delivery_without_response_is_given_up_and_can_be_redelivered(trusted, as_, work):
    with a_receiver() as gone:
        pass
    webhook = make(as_, gone)
    create(as_)
    for _ in range(20):
        work()
        due(trusted)
    [delivery] = as_("ada", "GET", f"/api/v1/webhooks/{webhook}/deliveries").json()["items"]
    assert (delivery["attempts"], delivery["status"], delivery["delivered"]) == (8, None, False)
    assert delivery["error"].startswith("no response: ")
    assert trusted.registry.jobs() == [], "failures of receivers do not stay in the outbox"
    with a_receiver() as back:
        as_("ada", "PATCH", f"/api/v1/webhooks/{webhook}", {"url": back.url})
        again = as_("ada", "POST", f"/api/v1/webhooks/{webhook}/deliveries/{delivery['id']}/redeliver")
        assert again.status_code == 202
        work()
        assert [headers["webhook-id"] for headers, _ in back.arrived] == [delivery["id"]]
    assert as_("ada", "POST", f"/api/v1/webhooks/{webhook}/deliveries/none/redeliver").status_code == 404


def test_a_redirect_is_not_followed(trusted, as_, work, receiver):
    with a_receiver() as inside:
        receiver.statuses, receiver.headers = [307], {"Location": inside.url}
        webhook = make(as_, receiver)
        create(as_)
        work()
        assert inside.arrived == []
    [delivery] = as_("ada", "GET", f"/api/v1/webhooks/{webhook}/deliveries").json()["items"]
    assert delivery["error"] == "status 307: redirects are not followed"
    assert trusted.registry.jobs() == []


def test_only_watched_repositories_and_domains_cause_deliveries(trusted, as_, work, receiver):
    create(as_)
    create(as_, repository="other")
    make(as_, receiver, watched=[{"type": "model", "name": "Ada/Thing"}], domains=["repo.config"])
    for name in ("thing", "other"):
        as_("ada", "PUT", f"/api/models/ada/{name}/settings", {"gated": "auto"})
        as_("ada", "POST", f"/api/models/ada/{name}/tag/main", {"tag": "v1"})
    work()
    assert [(each["repo"]["name"], each["event"]["scope"]) for each in receiver.bodies] == [
        ("ada/thing", "repo.config")
    ]


def test_webhooks_without_access_get_no_events_of_private_repositories(trusted, as_, work, receiver):
    with a_receiver() as bobs, a_receiver() as roots:
        make(as_, receiver)
        make(as_, bobs, name="bob", watched=[*WATCH_ADA, {"type": "org", "name": "lab"}])
        make(as_, roots, name="root", watched=[{"type": "everything"}])
        create(as_, private=True)
        create(as_, repository="in-the-lab", organization="lab", private=True)
        create(as_, repository="open")
        work()
        assert [each["repo"]["name"] for each in receiver.bodies] == ["ada/thing", "ada/open"]
        assert [each["repo"]["name"] for each in bobs.bodies] == ["ada/open"]
        assert [each["repo"]["name"] for each in roots.bodies] == ["ada/thing", "lab/in-the-lab", "ada/open"]


def test_a_disabled_webhook_gets_no_deliveries_including_pending_ones(trusted, as_, work, receiver):
    webhook = make(as_, receiver)
    create(as_)
    as_("ada", "POST", f"/api/settings/webhooks/{webhook}/disable")
    create(as_, repository="other")
    work()
    assert receiver.arrived == []
    as_("ada", "POST", f"/api/settings/webhooks/{webhook}/enable")
    create(as_, repository="third")
    work()
    assert [each["repo"]["name"] for each in receiver.bodies] == ["ada/third"]


def test_a_failed_commit_causes_no_delivery(trusted, as_, work, receiver):
    create(as_)
    make(as_, receiver)
    assert as_("ada", "POST", "/api/models/ada/thing/tag/main", {"tag": "2026"}).status_code == 400
    work()
    assert receiver.arrived == []


def test_scores_of_a_new_revision_are_delivered_once(trusted, as_, work, receiver, tmp_path):
    make(as_, receiver, domains=["score"])
    folder = a_folder(tmp_path / "mulan-yo")
    name = _name("ada/mulan-yo")
    publish(folder, name, trusted.registry, trusted.store)
    write_card(a_card(scores=(a_score(), a_score(0.7, language="sw"))), folder)
    publish(folder, name, trusted.registry, trusted.store)
    work()
    delivered = [
        [(score["metric"], score["value"], score["language"]) for score in each["scores"]] for each in receiver.bodies
    ]
    assert delivered == [[("r_precision_at_1", 0.5, "yo")], [("r_precision_at_1", 0.7, "sw")]]


def test_a_published_score_is_delivered_once(trusted, as_, work, receiver, tmp_path):
    revision = publish(a_folder(tmp_path / "mulan-yo"), _name("ada/mulan-yo"), trusted.registry, trusted.store)
    make(as_, receiver, domains=["score"])
    score = {
        "metric": "r_precision_at_10", "value": 0.25, "benchmark": "emoji-generation", "benchmark_digest": "ab" * 32, "split": "seen",
        "language": "yo", "base": "emoji-sd", "sample_size": 128, "seed": 0, "revision": revision.id, "run": "hub evaluate mulan-yo",
        "machine": "2 cores",
    }  # fmt: skip
    for _ in range(2):
        assert as_("bob", "POST", "/api/v1/artifacts/ada/mulan-yo/scores", score).status_code in {200, 201}
    work()
    [delivered] = receiver.bodies
    assert delivered["event"] == {"action": "create", "scope": "score"}
    [score] = delivered["scores"]
    assert (score["metric"], score["value"], score["language"]) == ("r_precision_at_10", 0.25, "yo")


def test_only_the_newest_deliveries_are_kept(trusted, as_, work, receiver, monkeypatch):
    monkeypatch.setattr("server.parts.webhooks.deliveries.MAX_DELIVERIES", 3)
    webhook = make(as_, receiver)
    create(as_)
    for number in range(5):
        as_("ada", "POST", "/api/models/ada/thing/tag/main", {"tag": f"v{number}"})
    work()
    assert len(receiver.arrived) == 6
    assert len(as_("ada", "GET", f"/api/v1/webhooks/{webhook}/deliveries").json()["items"]) == 3


def test_webhooks_are_private_to_their_account_and_secrets_are_never_returned(team, as_):
    body = {"url": "https://example.org/", "watched": WATCH_ADA, "secret": "s3cret"}
    made = as_("ada", "POST", "/api/v1/webhooks", body).json()
    assert made["secret"] == "s3cret"
    mine = f"/api/v1/webhooks/{made['id']}"
    assert as_("ada", "GET", mine).json()["secret"] is None
    for method, path in [("GET", mine), ("DELETE", mine), ("PATCH", mine), ("GET", f"{mine}/deliveries")]:
        assert as_("bob", method, path, {} if method == "PATCH" else None).status_code == 404
    assert as_("bob", "GET", "/api/v1/webhooks").json() == {"items": []}
    assert as_("ada", "DELETE", mine, role="read").status_code == 403
    assert as_("ada", "GET", mine, artifact="ada/thing").status_code == 403
    assert "s3cret" not in str(team.registry.database.rows("SELECT detail FROM audit")[0][0])


IMPOSSIBLE = [
    ({"watched": [{"type": "everything"}]}, 403, "administrator"),
    ({"watched": []}, 400, "can watch 1 to 100"),
    ({"watched": [{"type": "moon", "name": "x"}]}, 400, "cannot be watched"),
    ({"watched": [{"type": "model", "name": "thing"}]}, 400, "owner/name"),
    ({"domains": ["weather"]}, 400, "unknown domains"),
    ({"domains": []}, 201, ""),
    ({"secret": "line\nbreak"}, 400, "printable"),
    ({"url": "http://example.org/"}, 400, "https://"),
    ({"url": "https://user:word@example.org/"}, 400, "password"),
    ({"url": "https://example.org:25/"}, 400, "port 25"),
    ({"url": "ftp://example.org/"}, 400, "https://"),
    ({"url": "https:///nowhere"}, 400, "not a valid URL"),
    ({"url": "https://[::1"}, 400, "not a valid URL"),
]
"""Invalid requests, with the status and a part of the error."""


def test_an_invalid_webhook_is_refused_with_the_reason(team, as_):
    for changes, status, reason in IMPOSSIBLE:
        body = {"url": "https://example.org/", "watched": WATCH_ADA, **changes}
        response = as_("ada", "POST", "/api/v1/webhooks", body)
        assert (response.status_code, reason in response.text) == (status, True), (changes, response.text)


def test_a_webhook_that_starts_a_job_is_not_supported(team, as_):
    response = as_("ada", "POST", "/api/settings/webhooks", {"jobSourceId": "j", "watched": WATCH_ADA})
    assert response.status_code == 501 and "jobs are not supported" in response.text


def test_an_account_has_a_limited_number_of_webhooks(team, as_, monkeypatch):
    monkeypatch.setattr("server.parts.webhooks.webhooks.MAX_WEBHOOKS", 1)
    body = {"url": "https://example.org/", "watched": WATCH_ADA}
    assert as_("ada", "POST", "/api/v1/webhooks", body).status_code == 201
    assert "the maximum is" in as_("ada", "POST", "/api/v1/webhooks", body).text
    assert as_("bob", "POST", "/api/v1/webhooks", body).status_code == 201


def test_hugging_faces_client_creates_changes_and_deletes_webhooks(team):
    with serving(team) as endpoint:
        token = team.tokens.create(team.accounts.get("ada"), "write", ROOT)
        api = HfApi(endpoint=endpoint, token=token)
        made = api.create_webhook(url="https://example.org/a", watched=WATCH_ADA, secret="s3cret")
        assert (made.url, made.domains, made.secret, made.disabled) == (
            "https://example.org/a", ["repo", "discussion"], "s3cret", False,
        )  # fmt: skip
        assert [each.id for each in api.list_webhooks()] == [made.id]
        assert api.get_webhook(made.id).watched[0].name == "ada"
        changed = api.update_webhook(made.id, url="https://example.org/b")
        assert (changed.url, changed.watched[0].name) == ("https://example.org/b", "ada")
        assert api.disable_webhook(made.id).disabled is True
        assert api.enable_webhook(made.id).disabled is False
        api.delete_webhook(made.id)
        assert api.list_webhooks() == []


def test_an_administrator_allows_hosts_on_the_command_line(team, as_, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HUB_HOME", str(team.home.folder))
    monkeypatch.setenv("HUB_CARDS", str(tmp_path / "no-cards"))
    body = {"url": "http://ci.lab.internal:80/", "watched": WATCH_ADA}
    assert as_("ada", "POST", "/api/v1/webhooks", body).status_code == 400
    assert main(["admin", "webhook", "allow", "CI.lab.internal"]) == 0
    assert as_("ada", "POST", "/api/v1/webhooks", body).status_code == 201
    capsys.readouterr()
    main(["admin", "webhook", "hosts"])
    assert capsys.readouterr().out == "ci.lab.internal\n"
    main(["admin", "webhook", "allow", "ci.lab.internal", "--forbid"])
    assert as_("ada", "POST", "/api/v1/webhooks", body).status_code == 400
    assert main(["admin", "webhook", "allow", "http://x/"]) == 2


def test_an_administrator_lists_webhooks_and_their_deliveries(
    trusted, as_, work, receiver, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("HUB_HOME", str(trusted.home.folder))
    monkeypatch.setenv("HUB_CARDS", str(tmp_path / "no-cards"))
    webhook = make(as_, receiver)
    create(as_)
    work()
    assert main(["admin", "webhook", "list", "ada"]) == 0
    assert capsys.readouterr().out == f"{webhook}\t127.0.0.1\tuser ada\tenabled\n"
    assert main(["admin", "webhook", "log", webhook]) == 0
    assert capsys.readouterr().out.split("\t")[1:4] == ["repo create", "1", "200"]
    assert main(["admin", "webhook", "log", "none"]) == 2


def _name(name):
    return ArtifactName.parse(name, "")


def test_a_webhook_does_not_follow_a_private_repository_to_a_name_that_its_owner_cannot_see(trusted, as_, receiver):
    hook = {"url": receiver.url, "watched": [{"type": "model", "name": "lab/module"}], "domains": ["repo"]}
    as_("root", "PUT", "/api/v1/admin/organisations/lab/members/bob", {"role": "read"})
    as_("ada", "POST", "/api/repos/create", {"name": "lab/module"})
    made = {name: as_(name, "POST", "/api/v1/webhooks", hook).json()["id"] for name in ("ada", "bob")}
    as_("ada", "PUT", "/api/models/lab/module/settings", {"private": True})
    as_("ada", "POST", "/api/repos/move", {"fromRepo": "lab/module", "toRepo": "ada/secret-name"})
    watched, told = {}, {}
    for name, webhook in made.items():
        watched[name] = as_(name, "GET", f"/api/v1/webhooks/{webhook}").json()["watched"][0]["name"]
        told[name] = "secret-name" in as_(name, "GET", f"/api/v1/webhooks/{webhook}/deliveries").text
    assert watched == {"ada": "ada/secret-name", "bob": "lab/module"}
    assert told == {"ada": True, "bob": False}
