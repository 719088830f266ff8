"""A private artifact is answered exactly as a name that does not exist, and a narrow token reaches only its own artifact."""

from __future__ import annotations

import shutil
from contextlib import ExitStack

import pytest
from starlette.testclient import TestClient

from hub.home import Home
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.commit import create
from hub.registry.accounts.permissions import Actor
from hub.registry.accounts.sessions import Sessions
from hub.registry.artifacts.access_requests import set_status
from hub.registry.artifacts.repositories import change_settings, delete_repository, move_repository
from server import create_app
from tests.builders.server.people import ROOT

ADA = Actor("ada")
HIDDEN = ("ada/hidden-thing", "ada/hidden-data", "lab/hidden-plans", "local/hidden-bare", "ada/old-name")
"""Names of private artifacts, and the former name of one."""
VARIES = {"x-request-id", "date"}


def a_repository(hub, name, *, gated="", private=False):
    create(ArtifactName.parse(name, ""), hub.registry, hub.store, ADA, private=private)
    if gated:
        change_settings(hub.registry.database, ArtifactName.parse(name, ""), ADA, gated=gated)


def hide(hub):
    """Add the private artifacts."""
    for name in HIDDEN[:4]:
        a_repository(hub, f"datasets/{name}" if name.endswith("data") else name, private=True)
    a_repository(hub, "ada/old-name")
    move_repository(hub.registry.database, ArtifactName("ada", "old-name"), ArtifactName("lab", "new-secret"), ADA)
    change_settings(hub.registry.database, ArtifactName("lab", "new-secret"), ADA, private=True)


@pytest.fixture(scope="module")
def worlds(furnished, tmp_path_factory):
    """Yield two equal hubs with their applications; only the first one has private artifacts."""
    full, bare = tmp_path_factory.mktemp("full"), tmp_path_factory.mktemp("worlds") / "bare"
    shutil.copy(furnished, full / "registry.db")
    with LocalHub.open(Home(full / "registry.db", full, full / "cards")) as hub:
        a_repository(hub, "ada/hidden-things")
        a_repository(hub, "ada/gated", gated="manual")
        a_repository(hub, "bob/gated", gated="manual")
        a_repository(hub, "bob/hidden-bare")
        set_status(hub.registry.database, ArtifactName("bob", "gated"), hub.accounts.get("ada"), "accepted", ADA)
    shutil.copytree(full, bare)
    with ExitStack() as opened:
        hubs = [opened.enter_context(LocalHub.open(Home(at / "registry.db", at, at / "cards"))) for at in (full, bare)]
        hide(hubs[0])
        apps = [create_app(hub, rates=None) for hub in hubs]
        yield [
            (hub, opened.enter_context(TestClient(app, follow_redirects=False)))
            for hub, app in zip(hubs, apps, strict=True)
        ]


@pytest.fixture(scope="module")
def secrets(worlds):
    """Return a function that creates the same token on both hubs, as headers."""

    def make(name, role="write", artifact=""):
        return [
            {"authorization": f"Bearer {hub.tokens.create(hub.accounts.get(name), role, ROOT, artifact=artifact)}"}
            for hub, _ in worlds
        ]

    return make


COMMIT = '{"key":"header","value":{"summary":"x"}}'
BATCH = {"operation": "download", "objects": [{"oid": "a" * 64, "size": 1}]}
SURFACES = [
    ("GET", "/feed.atom?limit=100", {}),
    *(
        ("GET", each, {})
        for each in (
            "/ada",
            "/lab",
            "/local",
            "/bob",
            "/bases",
            "/methods",
            "/benchmarks",
            "/datasets",
            "/bases/hidden-bare",
        )
    ),
    *(
        ("GET", f"/api/v1/{each}", {})
        for each in ("owners/ada", "owners/lab", "owners/local", "bases", "methods", "benchmarks", "datasets")
    ),
    ("GET", "/api/models/{name}", {}),
    ("GET", "/api/datasets/{name}", {}),
    ("GET", "/api/models/{name}/revision/main", {}),
    ("GET", "/api/models/{name}/tree/main", {}),
    ("GET", "/api/models/{name}/refs", {}),
    ("GET", "/api/models/{name}/auth-check", {}),
    ("POST", "/api/models/{name}/paths-info/main", {"json": {"paths": ["a"]}}),
    ("POST", "/api/models/{name}/commit/main", {"content": COMMIT}),
    ("POST", "/api/models/{name}/like", {}),
    ("PUT", "/api/models/{name}/settings", {"json": {"private": False}}),
    ("HEAD", "/{name}/resolve/main/README.md", {}),
    ("GET", "/{name}/resolve/main/README.md", {}),
    ("GET", "/datasets/{name}/resolve/main/README.md", {}),
    ("GET", "/{name}", {"headers": {"accept": "text/html"}}),
    ("GET", "/datasets/{name}", {"headers": {"accept": "text/html"}}),
    ("GET", "/{name}/tree/main", {"headers": {"accept": "text/html"}}),
    ("GET", "/{bare}", {"headers": {"accept": "text/html"}}),
    ("GET", "/api/models/{bare}", {}),
    ("GET", "/api/v1/artifacts/{bare}", {}),
    ("GET", "/api/v1/artifacts/{name}", {}),
    ("GET", "/api/v1/artifacts/{name}/revisions/main/manifest", {}),
    ("GET", "/api/v1/artifacts/{name}/scores", {}),
    ("GET", "/api/v1/compare?artifact={name}&artifact=ada/gated", {}),
    ("GET", "/compare?artifact={name}&artifact=ada/gated", {}),
    ("GET", "/compare?artifact={name}", {}),
    ("GET", "/{name}.git/info/refs?service=git-upload-pack", {}),
    ("POST", "/{name}.git/info/lfs/objects/batch", {"json": BATCH}),
    ("POST", "/{name}/ask-access", {}),
    ("DELETE", "/api/repos/delete", {"json": {"name": "{name}"}}),
    ("POST", "/api/repos/move", {"json": {"fromRepo": "{name}", "toRepo": "bob/mine"}}),
]


def answer(client, method, path, name, headers, options):
    bare = name.partition("/")[2]
    given = {key: value for key, value in options.items() if key != "headers"}
    if "json" in given:
        given["json"] = {
            key: value.format(name=name) if isinstance(value, str) else value for key, value in given["json"].items()
        }
    found = client.request(
        method, path.format(name=name, bare=bare), headers=headers | options.get("headers", {}), **given
    )
    return found.status_code, found.text, {key: value for key, value in found.headers.items() if key not in VARIES}


@pytest.mark.parametrize(
    ("method", "path", "options"), SURFACES, ids=[f"{method} {path}" for method, path, _ in SURFACES]
)
def test_strangers_get_the_same_answer_for_private_and_for_missing_names(worlds, strangers, method, path, options):
    for headers in strangers:
        for name in HIDDEN:
            full, bare = (
                answer(client, method, path, name, sent, options)
                for (_, client), sent in zip(worlds, headers, strict=True)
            )
            assert full == bare, name
            assert "new-secret" not in str(full)


@pytest.fixture(scope="module")
def strangers(secrets):
    """Return the headers of callers that cannot see the private artifacts, for each hub."""
    return [[{}, {}], secrets("bob"), secrets("bob", "read"), secrets("bob", artifact="ada/hidden-thing")]


def test_similar_names_are_those_that_the_caller_can_see(worlds, secrets):
    (_, client), _ = worlds
    asked = "/api/models/ada/hidden-thin"
    ada, narrow = secrets("ada")[0], secrets("ada", "read", "ada/hidden-thing")[0]
    assert "`ada/hidden-things`" in client.get(asked).text
    assert "`ada/hidden-thing`" not in client.get(asked).text
    for headers in (ada, narrow):
        assert "`ada/hidden-thing`" in client.get(asked, headers=headers).text
    assert "hidden-plan" not in client.get("/api/models/lab/hidden-plan", headers=narrow).text.partition("Did you")[2]


def test_a_former_name_redirects_callers_who_can_see_the_new_one(worlds, secrets):
    (_, client), _ = worlds
    moved = client.get("/api/models/ada/old-name", headers=secrets("ada")[0])
    assert (moved.status_code, moved.headers["location"]) == (307, "/api/models/lab/new-secret")


def test_a_former_name_that_is_used_again_does_not_tell_where_a_hidden_repository_went(worlds):
    (hub, client), _ = worlds
    hub.accounts.add("guild", ROOT, kind="organisation")
    hub.accounts.set_member(hub.accounts.get("guild"), hub.accounts.get("bob"), "write", ROOT)
    a_repository(hub, "guild/plan")
    move_repository(hub.registry.database, ArtifactName("guild", "plan"), ArtifactName("ada", "secret-plan"), ADA)
    change_settings(hub.registry.database, ArtifactName("ada", "secret-plan"), ADA, private=True)
    headers = {"authorization": f"Bearer {hub.tokens.create(hub.accounts.get('bob'), 'write', ROOT)}"}
    assert client.get("/api/models/guild/plan", headers=headers).status_code == 404
    made = client.post("/api/repos/create", json={"name": "guild/plan"}, headers=headers)
    assert made.status_code == 200
    assert "secret-plan" not in made.text
    assert client.get("/api/models/guild/plan", headers=headers).json()["id"] == "guild/plan"
    for name in (ArtifactName("ada", "secret-plan"), ArtifactName("guild", "plan")):
        delete_repository(hub.registry.database, name, ADA)


def test_a_token_of_one_repository_sees_no_other_private_one(worlds, secrets):
    (_, client), _ = worlds
    narrow = secrets("ada", artifact="ada/hidden-thing")[0]
    assert client.get("/api/models/ada/hidden-thing", headers=narrow).status_code == 200
    assert client.get("/api/datasets/ada/hidden-data", headers=narrow).status_code == 404
    for path in ("/api/settings/repositories", "/api/organizations/lab/settings/repositories"):
        assert client.get(path, headers=narrow).status_code == 403, path
        assert client.get(path, headers=secrets("ada", "read")[0]).status_code == 200, path
    for path in ("/api/models?limit=100", "/api/v1/search?limit=100", "/api/users/ada/likes", "/api/v1/languages"):
        seen = client.get(path, headers=narrow).text
        assert not [each for each in ("hidden-data", "hidden-plans", "new-secret") if each in seen], path
    assert [each["id"] for each in client.get("/api/models?search=hidden-thing", headers=narrow).json()].count(
        "ada/hidden-thing"
    ) == 1


def test_a_token_of_one_repository_opens_no_other_gate(worlds, secrets):
    (_, client), _ = worlds
    whole, narrow = secrets("ada", "read")[0], secrets("ada", artifact="ada/hidden-thing")[0]
    for name in ("ada/gated", "bob/gated"):
        path = f"/api/models/{name}/auth-check"
        assert [client.get(path, headers=each).status_code for each in (whole, narrow, {})] == [200, 403, 403]


@pytest.mark.parametrize(("role", "artifact"), [("read", ""), ("write", "ada/hidden-thing")], ids=["read", "narrow"])
def test_only_a_write_token_of_the_account_likes_and_requests_access(worlds, secrets, role, artifact):
    (_, client), _ = worlds
    limited, whole = secrets("bob", role, artifact)[0], secrets("bob")[0]
    for method, path in (
        ("POST", "/api/models/ada/gated/like"),
        ("DELETE", "/api/models/ada/gated/like"),
        ("POST", "/ada/gated/ask-access"),
    ):
        assert client.request(method, path).status_code == 401
        assert client.request(method, path, headers=limited).status_code == 403
        assert client.request(method, path, headers=whole).status_code == 200


def test_a_session_with_a_token_of_one_repository_does_not_list_the_other_tokens(worlds):
    (hub, client), _ = worlds
    ada, shown = hub.accounts.get("ada"), {}
    for artifact in ("ada/hidden-data", "", "ada/hidden-thing"):
        token = hub.tokens.caller(hub.tokens.create(ada, "read", ROOT, artifact=artifact)).token
        session = Sessions(hub.registry.database).begin(ada, ADA, token=token)
        page = client.get("/settings/tokens", headers={"cookie": f"linguahub={session}", "accept": "text/html"})
        assert page.status_code == 200
        shown[artifact] = "ada/hidden-data" in page.text
    assert shown == {"ada/hidden-data": False, "": True, "ada/hidden-thing": False}
