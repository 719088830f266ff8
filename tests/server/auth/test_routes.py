"""Every route, requested with every kind of credential for a public, a gated and a private repository.

A route that is missing from `LEVELS` and `OTHERS` fails the first test: add it to the level of access that it needs.
"""

from __future__ import annotations

import re
import shutil
from contextlib import ExitStack
from itertools import product

import pytest
from starlette.testclient import TestClient

from hub.home import Home
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.commit import create
from hub.registry.accounts.permissions import Actor
from hub.registry.accounts.sessions import Sessions
from hub.registry.artifacts.repositories import change_settings
from server import create_app, routes
from server.http.signed_links import seal
from server.parts.git.service import ROUTES
from tests.builders.server.people import ROOT

ADA = Actor("ada")
VISIBILITIES = ("public", "gated", "private")
CREDENTIALS = ("anonymous", "other", "read", "narrow", "write", "session", "page")
STRANGERS = ("anonymous", "other")
VARIES = {"x-request-id", "date"}


@pytest.fixture(scope="module")
def worlds(furnished, tmp_path_factory):
    """Yield two equal hubs, each with its client and the headers by credential; only the first one has `ada/private`."""
    full, bare = tmp_path_factory.mktemp("full"), tmp_path_factory.mktemp("worlds") / "bare"
    shutil.copy(furnished, full / "registry.db")
    with LocalHub.open(Home(full / "registry.db", full, full / "cards")) as hub:
        for name in ("public", "gated"):
            create(ArtifactName("ada", name), hub.registry, hub.store, ADA, private=False)
        change_settings(hub.registry.database, ArtifactName("ada", "gated"), ADA, gated="manual")
    shutil.copytree(full, bare)
    with ExitStack() as opened:
        found = []
        for at in (full, bare):
            hub = opened.enter_context(LocalHub.open(Home(at / "registry.db", at, at / "cards")))
            app = create_app(hub, rates=None)
            found.append((hub, opened.enter_context(TestClient(app, follow_redirects=False)), headers_of(hub)))
        hub = found[0][0]
        create(ArtifactName("ada", "private"), hub.registry, hub.store, ADA, private=True)
        yield found


def headers_of(hub):
    def bearer(name, role="write", artifact=""):
        secret = hub.tokens.create(hub.accounts.get(name), role, ROOT, artifact=artifact)
        return {"authorization": f"Bearer {secret}"}

    session = Sessions(hub.registry.database).begin(hub.accounts.get("ada"), ADA)
    fixed = {
        "anonymous": {}, "other": bearer("bob"), "read": bearer("ada", "read"), "write": bearer("ada"),
        "session": {"cookie": f"linguahub={session}"},
        "page": {"cookie": f"linguahub={session}", "x-csrf-token": seal(hub, "form", session), "sec-fetch-site": "same-origin"},
    }  # fmt: skip
    return {each: fixed | {"narrow": bearer("ada", artifact=f"ada/{each}")} for each in VISIBILITIES}


ARTIFACT, REPOSITORY, PAGE = (
    "/api/v1/artifacts/{owner}/{name}",
    "/api/{collection:collection}/{repository:repository}",
    "/{collection:prefix}{repository:repository}",
)
REVISION, GIT = ARTIFACT + "/revisions/{revision}", "/{collection:prefix}{owner}/{name}"
LEVELS = {
    "see": [
        *(f"GET {ARTIFACT}{end}" for end in ("", "/downloads", "/revisions", "/diff", "/aliases", "/scores", "/scores/{score}", "/security", "/compatible")),
        *(f"GET {REVISION}{end}" for end in ("", "/tensors", "/manifest")),
        *(f"GET {REPOSITORY}{end}" for end in ("", "/refs", "/likers", "/lfs-files", "/commits/{revision}", "/revision/{revision}", "/tree/{revision}", "/tree/{revision}/{path:path}")),
        f"GET {ARTIFACT}/scores/{{score}}", f"POST {REPOSITORY}/paths-info/{{revision}}",
        f"GET {GIT}/scores", f"GET {GIT}/share.png", f"GET {PAGE}", *(f"GET {PAGE}/{end}/{{revision}}" for end in ("tree", "commit", "commits")),
        *(f"GET {PAGE}/{end}/{{revision}}/{{path:path}}" for end in ("tree", "blob")),  # Without the content: see test_files.
    ],
    "download": [
        f"GET {REPOSITORY}/auth-check", f"POST {REPOSITORY}/duplicate", f"POST {REPOSITORY}/lfs-files/duplicate",
        "GET /api/models/{repository:repository}/safetensors-metadata/{path:path}",
        f"POST {PAGE}.git/info/lfs/objects/batch", *(f"GET {PAGE}/{end}/{{revision}}/{{path:path}}" for end in ("resolve", "raw")),
        f"GET {ARTIFACT}/rows", f"GET {GIT}/viewer", f"GET {GIT}/viewer/{{revision}}/{{image}}",
    ],
    "clone": [f"{each}" for at in (f"{GIT}.git", GIT) for each in (f"GET {at}/info/refs", f"POST {at}/git-upload-pack")],
    "score": [f"POST {ARTIFACT}/scores", f"POST {ARTIFACT}/scores/{{score}}/disputes"],
    "act": [f"POST {REPOSITORY}/like", f"DELETE {REPOSITORY}/like", f"POST {PAGE}/ask-access", f"POST {ARTIFACT}/reports"],
    "write": [
        f"POST {REVISION}/yank", f"DELETE {REVISION}/yank", f"PUT {ARTIFACT}/aliases/{{alias}}", f"DELETE {ARTIFACT}/aliases/{{alias}}",
        f"GET {REPOSITORY}/auth-check/write",
        *(f"POST {REPOSITORY}/{end}" for end in ("preupload/{revision}", "commit/{revision}", "branch/{branch}", "tag/{revision}", "super-squash/{branch}")),
        f"DELETE {REPOSITORY}/branch/{{branch}}", f"DELETE {REPOSITORY}/tag/{{revision}}",
    ],
    "administer": [
        f"PUT {REPOSITORY}/settings", f"POST {REPOSITORY}/lfs-files/batch", f"GET {REPOSITORY}/user-access-request/{{status}}",
        f"POST {REPOSITORY}/user-access-request/handle", f"POST {REPOSITORY}/user-access-request/grant",
    ],
    "send": [f"GET {REPOSITORY}/xet-write-token/{{revision}}"],
    "push": [f"POST {GIT}.git/git-receive-pack", f"POST {GIT}/git-receive-pack"],
}  # fmt: skip
"""Access that a route needs → method and path. Pushes by git are refused, with the reason for those who can see the repository."""
OF_UPLOADS = [
    f"POST {REPOSITORY}/preupload/{{revision}}", f"POST {REPOSITORY}/commit/{{revision}}", f"POST {PAGE}.git/info/lfs/objects/batch",
]  # fmt: skip
"""Routes that the page `/publish` calls with its session and the CSRF token."""
ALIKE = [
    *(f"{REPOSITORY}{end}" for end in ("/discussions", "/discussions/{rest:path}")),
    *(f"{GIT}.git/info/lfs/locks{end}" for end in ("", "/verify", "/{id}/unlock")),
    *(f"{PAGE}/{end}" for end in ("request-access", "like", "yank", "edit/{revision}/{path:path}")), f"{GIT}/settings", f"{GIT}/report", "/api/datasets/{owner}/{name}/leaderboard", "/api/{collection:collection}/{owner}/{name}/xet-read-token/{revision}",
]  # fmt: skip
"""Paths that answer the same for every name: features that are not served, and forms without their page."""
OTHERS = {
    *(f"/api/v1/{end}" for end in ("search", "languages", "bases", "bases/{base}", "methods", "methods/{method}", "benchmarks", "benchmarks/{benchmark}", "datasets", "owners/{owner}", "leaderboard", "parity", "recommend", "audit", "reports", "health/live", "health/ready", "metrics")),
    *("/api/v1/artifacts/{name}", "/api/v1/compare", "/api/repos/create", "/api/repos/delete", "/api/repos/move"),
    *("/compare", "/leaderboard", "/parity", "/languages", "/languages/{tag}", "/languages/{tag}/share.png", "/recommend", "/study", "/study/{name}"),
    *("/bases", "/bases/{base:path}", "/methods", "/methods/{method}", "/benchmarks", "/benchmarks/{benchmark}", "/datasets"),
    *("/publish", "/publish/check"),
    *("/api", "/status", "/sitemap.xml", "/sitemap-{part}.xml", "/fonts/{name}"),
    *("/", "/feed.atom", "/robots.txt", "/favicon.ico", "/login", "/logout", "/signup", "/reset/{secret}"),
    *(f"/settings{end}" for end in ("", "/locale", "/tokens", "/tokens/{number}/revoke", "/password", "/security", "/access", "/reports", "/sessions/{number}/end", "/sessions/end-others")),
    *(f"/settings/organisations{end}" for end in ("", "/{name}", "/{name}/members", "/{name}/leave")),
    *(f"/administration{end}" for end in ("", "/policy", "/users", "/users/{name}", "/storage", "/reports", "/reports/{number}", "/jobs", "/audit")),
    *(f"/administration/files{end}" for end in ("", "/unblock", "/{digest}")),
    *("/api/whoami-v2", "/api/settings/repositories", "/api/agent-harnesses", "/v1/telemetry"),
    *(f"/api/users/{{name}}/{end}" for end in ("overview", "likes", "followers", "following")),
    *(f"/api/organizations/{{name}}/{end}" for end in ("overview", "members", "followers", "settings/repositories")),
    *("/api/telemetry/{topic:path}", "/lfs/objects/{token}", "/lfs/parts/{token}", "/lfs/complete/{token}", "/lfs/verify/{token}"),
    *(f"/cas/{{epoch}}/{{tenant}}/v1/{end}" for end in ("chunks/{prefix}/{hash}", "xorbs/default/{hash}", "xorbs/default-merkledb/{hash}", "shards")),
    *("/uploads", *(f"/{each}/{{rest:path}}" for each in ("papers", "spaces", "kernels", "buckets", "collections"))),
    *("/api/validate-yaml", "/api/{collection:collection}", "/api/{collection:collection}-tags-by-type"),
    *("/api/{group:unserved}", "/api/{group:unserved}/{rest:path}"),
}  # fmt: skip
"""Paths without the name of a repository; `test_privacy` asks those that take one as a parameter."""
VARY_ANYWAY = {
    "/api/v1/metrics",
    "/api/v1/health/ready",
    "/login",
    "/status",
    "/reset/{secret}",
    "/signup",
    "/try",
    "/try/{job}",
    "/api/whoami-v2",
}
"""Figures of the whole store and its jobs, without names; forms with a random token; the time when a token was made."""
SCORE = {
    "metric": "accuracy", "value": 0.9, "benchmark": "emoji", "benchmark_digest": "d" * 64, "sample_size": 256, "seed": 3,
    "revision": "main", "run": "hub evaluate", "machine": "two cores",
}  # fmt: skip
BODIES = {
    f"POST {ARTIFACT}/scores": SCORE,
    f"POST {ARTIFACT}/scores/{{score}}/disputes": {"reason": "measured elsewhere"},
    f"POST {ARTIFACT}/reports": {"reason": "other", "text": "it is broken"},
    f"POST {PAGE}.git/info/lfs/objects/batch": {"operation": "download", "objects": []},
}  # fmt: skip


def test_every_route_is_in_a_table():
    declared = {
        (f"{method} {each.path}", each.path)
        for each in (*routes.OWN_API, *routes.SPECIFIC, *routes.GENERAL, *ROUTES)
        for method in each.methods.split()
    }
    listed = {route for level in LEVELS.values() for route in level}
    known = {*OTHERS, *ALIKE}
    assert {route for route, path in declared if route not in listed and path not in known} == set()
    assert listed - {route for route, _ in declared} == set()
    assert known - {path for _, path in declared} == set()


def ask(client, route, name, headers):
    """Return the response of a route for a repository."""
    method, path = route.split(" ")
    path = path.replace("{collection:prefix}", "").replace("{collection:collection}", "models")
    for placeholder, value in {
        "{repository:repository}": name, "{owner}/{name}": name, "{revision}": "main", "{score}": "0" * 16, "{path:path}": "README.md", "{name}": "ada",
        "{account}": "ada", "{user}": "ada",
    }.items():  # fmt: skip
        path = path.replace(placeholder, value)
    path = re.sub(r"\{\w+(:\w+)?\}", "topic", path)
    return client.request(method, path, headers=headers, **({} if method == "GET" else {"json": BODIES.get(route, {})}))


def verdict(response):
    return {401: "unauthenticated", 403: "forbidden"}.get(response.status_code, "allowed")


def expected(level, credential, visibility):
    """Return the verdict for a caller who can see the repository."""
    is_closed = visibility == "gated" and credential in STRANGERS
    if level == "see" or (level in {"download", "clone"} and not is_closed):
        return "allowed"
    if credential == "anonymous" and level not in {"download", "push"}:
        return "unauthenticated"
    refused = {
        "download": STRANGERS, "clone": STRANGERS, "score": ("read",), "act": ("read", "narrow"), "write": ("other", "read"), "send": ("other", "read", "session", "page"),
        "administer": ("other", "read", "narrow"), "push": CREDENTIALS,
    }  # fmt: skip
    return "forbidden" if credential in refused[level] else "allowed"


def whole(response):
    return response.status_code, response.text, {k: v for k, v in response.headers.items() if k not in VARIES}


def test_strangers_get_the_same_answer_whether_or_not_there_is_a_private_repository(worlds):
    (_, client, headers), (_, bare, bare_headers) = worlds
    wrong = []
    for route in client.app.routes:
        is_asked = route.path not in VARY_ANYWAY and f"GET {route.path}" not in {
            each for level in LEVELS.values() for each in level
        }
        if not is_asked or "GET" not in (getattr(route, "methods", None) or ()):
            continue
        for credential in STRANGERS:
            found = ask(client, f"GET {route.path}", "ada/private", headers["private"][credential])
            absent = ask(bare, f"GET {route.path}", "ada/private", bare_headers["private"][credential])
            if whole(found) != whole(absent):
                wrong.append((route.path, credential, whole(found), whole(absent)))
    assert wrong == []


@pytest.mark.parametrize("level", LEVELS)
def test_each_credential_gets_what_its_level_allows_and_strangers_see_private_as_absent(worlds, level):
    (_, client, headers), (_, bare, bare_headers) = worlds
    wrong = []
    for route in LEVELS[level]:
        for visibility, credential in product(VISIBILITIES, CREDENTIALS):
            # A cookie only authorizes reading: changes need a form, or the page that uploads files, and Xet a token.
            acting = "write" if credential == "page" and route in OF_UPLOADS else credential
            if acting in {"session", "page"} and level != "send":
                acting = "write" if route.startswith("GET") else "anonymous"
            found = ask(client, route, f"ada/{visibility}", headers[visibility][credential])
            if visibility == "private" and acting in STRANGERS:
                absent = ask(bare, route, "ada/private", bare_headers[visibility][credential])
                is_right = whole(found) == whole(absent) and found.status_code in {401, 404}
            else:
                is_right = verdict(found) == expected(level, acting, visibility)
            if not is_right:
                wrong.append((route, visibility, credential, found.status_code, found.text[:200]))
    assert wrong == []


def test_no_route_of_administrators_is_open_to_others(worlds):
    (_, client, headers), _ = worlds
    asked = [
        (route.path, credential, verdict(ask(client, f"{method} {route.path}", "", headers["public"][credential])))
        for route in client.app.routes
        if route.path.startswith("/api/v1/admin/")
        for method in route.methods - {"HEAD"}
        for credential in ("anonymous", "other", "read", "narrow", "write")
    ]
    assert len(asked) > 50
    assert [each for each in asked if each[2] != ("unauthenticated" if each[1] == "anonymous" else "forbidden")] == []
