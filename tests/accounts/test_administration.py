"""One protocol, two implementations: what an administrator does here and on a server, and says about it, is the same."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn

from hub.accounts import Actor
from hub.administration import LocalAdministration, RemoteAdministration
from hub.cli import main
from hub.commit import create
from hub.errors import (
    Conflict,
    Forbidden,
    Unauthenticated,
    Unreachable,
    WrongRequest,
)
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.registry.repositories import delete_repository
from server import create_app
from server.cli import server_config

ROOT = Actor("root")


@contextmanager
def serving(hub: LocalHub) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(server_config(create_app(hub)))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(timeout=10)


@pytest.fixture
def root_token(hub):
    return hub.tokens.create(hub.accounts.add("root", ROOT, is_admin=True), "write", ROOT, name="root's")


@pytest.fixture(params=["here", "there"])
def admin(request, hub, root_token):
    """Both ways to the same registry."""
    if request.param == "here":
        yield LocalAdministration(hub, Actor("root", "root's"))
    else:
        with serving(hub) as endpoint:
            yield RemoteAdministration(endpoint, root_token)


def test_users_come_go_and_come_back(admin, hub):
    made = admin.add_user("ada", is_admin=False, full_name="Ada L.", email="ada@example.org")
    assert made == hub.accounts.get("ada")
    assert [each.name for each in admin.users()] == ["ada", "root"]
    assert admin.set_password("ada", "correct horse battery").name == "ada"
    assert hub.accounts.has_password("ada", "correct horse battery")
    assert admin.set_admin("ada", is_admin=True).is_admin
    assert admin.remove_user("ada").removed_at is not None
    assert [each.name for each in admin.users()] == ["root"]
    assert admin.restore_user("ada").removed_at is None
    assert [each.name for each in admin.users()] == ["ada", "root"]


def test_tokens_are_made_listed_and_revoked(admin, hub):
    admin.add_user("ada", is_admin=False, full_name="", email="")
    secret = admin.create_token("ada", "write", artifact="ada/module", label="laptop", days=7)
    caller = hub.tokens.caller(secret)
    assert caller.may_write(ArtifactName("ada", "module")) and not caller.may_write(ArtifactName("ada", "other"))
    [listed] = admin.tokens("ada")
    assert listed == hub.tokens.of(hub.accounts.get("ada"))[0]
    assert (listed.name, listed.artifact) == ("laptop", "ada/module") and listed.expires_at and listed.last_used_at
    assert admin.revoke_token("ada", listed.id).name == "laptop"
    assert hub.tokens.caller(secret) is None


def test_organisations_have_members(admin):
    admin.add_user("ada", is_admin=False, full_name="", email="")
    assert admin.add_organisation("lab", full_name="The lab").full_name == "The lab"
    assert [each.name for each in admin.organisations()] == ["lab"]
    assert admin.set_member("lab", "ada", "admin").role == "admin"
    assert [(each.name, each.role) for each in admin.members("lab")] == [("ada", "admin")]
    admin.set_member("lab", "ada", "")
    assert admin.members("lab") == []


def test_quotas_are_set_and_taken_away(admin):
    assert admin.set_quota("root", 10**9).quota_bytes == admin.quota("root").quota_bytes == 10**9
    assert admin.set_quota("root", None) == admin.quotas()[0]
    assert admin.quota("root").used_bytes == 0


def test_exceptions_for_artifacts(admin, hub):
    name = ArtifactName("root", "module")
    create(name, hub.registry, hub.store, ROOT, is_dataset=False, private=False)
    assert admin.allow_any_file("root/module", allowed=True) == "root/module"
    assert hub.registry.get(name).any_file
    admin.allow_any_file("root/module", allowed=False)
    assert not hub.registry.get(name).any_file
    delete_repository(hub.registry.database, name, ROOT)
    assert admin.free_name("root/module") == "root/module"
    create(name, hub.registry, hub.store, ROOT, is_dataset=False, private=False)


def test_the_audit_log_says_who_did_it_with_which_token(admin):
    admin.add_user("ada", is_admin=False, full_name="", email="")
    [entry] = admin.audit(subject="ada", limit=10)
    assert (entry.actor, entry.token, entry.action, entry.detail) == ("root", "root's", "user.add", {"is_admin": False})
    assert entry.at is not None
    assert [each.action for each in admin.audit(subject="", limit=1)] == ["user.add"]


WRONG = {
    "an unknown user": (WrongRequest, "Did you mean `root`", lambda admin: admin.tokens("roott")),
    "a name that is taken": (Conflict, "is taken", lambda admin: admin.add_user("ROOT", is_admin=False, full_name="", email="")),
    "a name that is none": (WrongRequest, "", lambda admin: admin.add_organisation("a/b", full_name="")),
    "a role that is none": (WrongRequest, "'king' is no role", lambda admin: admin.create_token("root", "king", artifact="", label="", days=None)),
    "no time at all": (WrongRequest, "1 to 3650 days, not 0", lambda admin: admin.create_token("root", "read", artifact="", label="", days=0)),
    "a token that is none": (WrongRequest, "no token is called `77`", lambda admin: admin.revoke_token("root", 77)),
    "a short password": (WrongRequest, "10 to 1024 characters", lambda admin: admin.set_password("root", "short")),
    "the last administrator": (WrongRequest, "is the last administrator", lambda admin: admin.remove_user("root")),
    "a quota below nothing": (WrongRequest, "not -1", lambda admin: admin.set_quota("root", -1)),
    "a quota beyond everything": (WrongRequest, "not 1000000000000000000000", lambda admin: admin.set_quota("root", 10**21)),
    "an artifact that is none": (WrongRequest, "no artifact is called", lambda admin: admin.allow_any_file("root/none", allowed=True)),
    "a name that was never deleted": (WrongRequest, "no artifact is called", lambda admin: admin.free_name("root/none")),
    "a user as an organisation": (WrongRequest, "is no organisation", lambda admin: admin.set_member("root", "root", "read")),
    "too many lines": (WrongRequest, "1 to 10000, not 0", lambda admin: admin.audit(subject="", limit=0)),
    "a subject that is none": (WrongRequest, "is no artifact", lambda admin: admin.audit(subject="a\0b", limit=1)),
    "a full name of two lines": (WrongRequest, "on one line", lambda admin: admin.add_user("eve", is_admin=False, full_name="a\nb", email="")),
}  # fmt: skip


def refusal(kind, ask, admin) -> tuple[str, int]:
    with pytest.raises(kind) as caught:
        ask(admin)
    return str(caught.value), caught.value.exit_code


def test_what_cannot_be_is_refused_with_the_same_words(hub, root_token):
    here = LocalAdministration(hub, ROOT)
    with serving(hub) as endpoint:
        there = RemoteAdministration(endpoint, root_token)
        said = {case: (refusal(kind, ask, here), refusal(kind, ask, there)) for case, (kind, _, ask) in WRONG.items()}
    assert {case: both for case, both in said.items() if both[0] != both[1]} == {}
    assert {case: both[0] for case, both in said.items() if WRONG[case][1] not in both[0][0]} == {}


def test_only_an_administrators_token_that_writes_gets_in(hub, root_token):
    ada = hub.accounts.add("ada", ROOT)
    root = hub.accounts.get("root")
    tokens = {
        hub.tokens.create(ada, "write", ROOT): Forbidden,
        hub.tokens.create(root, "read", ROOT): Forbidden,
        hub.tokens.create(root, "write", ROOT, artifact="root/module"): Forbidden,
        "lh_wrong": Unauthenticated,
    }
    with serving(hub) as endpoint:
        for token, refusal in tokens.items():
            with pytest.raises(refusal):
                RemoteAdministration(endpoint, token).users()
    with pytest.raises(Unauthenticated, match="HF_TOKEN"):
        RemoteAdministration(endpoint, "")
    with pytest.raises(Unreachable, match="does not answer"):
        RemoteAdministration(endpoint, root_token).users()


@pytest.mark.parametrize("address", ["hub.example", "ftp://hub.example", "file:///etc", "https://"])
def test_an_address_that_is_none_is_refused_before_anything_is_sent(address):
    with pytest.raises(WrongRequest, match="no address of a server"):
        RemoteAdministration(address, "lh_secret")


def test_every_command_prints_the_same_here_and_there(hub, root_token, monkeypatch, capsys):
    """Through the command line, each command once here and once there; only secrets and times differ."""
    monkeypatch.setenv("HUB_HOME", str(hub.home.folder))
    monkeypatch.setenv("HUB_CARDS", str(hub.home.cards))
    monkeypatch.setenv("HF_TOKEN", root_token)
    monkeypatch.setattr("hub.local.Home.find", lambda *_: hub.home)

    def run(*arguments: str, line: str = "") -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(line))
        assert main(["admin", *arguments]) == 0, capsys.readouterr()
        return capsys.readouterr().out

    def journey(user: str, *where: str) -> list[str]:
        lab = f"{user}-lab"
        return [
            run("user", "add", user, "--full-name", "X", *where),
            run("user", "password", user, *where, line="correct horse battery\n"),
            run("user", "set-admin", user, *where),
            run("user", "set-admin", user, "--no", *where),
            run("token", "create", user, "--role", "write", "--repo", f"{user}/module", *where)[:3],
            run("token", "list", user, *where).split("\t", 1)[1],
            run("org", "add", lab, *where),
            run("org", "member", lab, user, "--role", "read", *where),
            run("org", "list", lab, *where),
            run("org", "member", lab, user, "--role", "none", *where),
            run("quota", "set", user, "20G", *where),
            run("quota", "show", user, *where),
            run("audit", "--limit", "1", *where).split("\t")[3],
            run("user", "remove", user, *where),
            run("user", "restore", user, *where),
        ]

    with serving(hub) as endpoint:
        there = journey("ada", "--endpoint", endpoint)
        here = journey("bob")
        assert [each.replace("bob", "ada") for each in here] == there
        assert run("user", "list", "--endpoint", endpoint) == run("user", "list")
        assert run("org", "list", "--endpoint", endpoint) == run("org", "list")
        assert run("quota", "list", "--endpoint", endpoint) == run("quota", "list")
