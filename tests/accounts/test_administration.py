"""One protocol, two implementations: what an administrator does here and on a server, and says about it, is the same."""

from __future__ import annotations

import io

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hub.accounts import Actor
from hub.administration import LocalAdministration, RemoteAdministration
from hub.administration.contract import Hook
from hub.cli import main
from hub.commit import create
from hub.errors import (
    Conflict,
    Forbidden,
    Unauthenticated,
    Unreachable,
    WrongRequest,
)
from hub.names import ArtifactName
from hub.registry.deliveries import deliveries
from hub.registry.outbox import claim, debts, owe, postpone
from hub.registry.repositories import delete_repository
from hub.registry.signing_keys import keys_of
from hub.registry.webhooks import Watched, add_webhook
from hub.signatures import fingerprint_of
from tests.serving import serving

ROOT = Actor("root")


def a_public_key() -> str:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


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


def test_webhooks_are_seen_without_their_secrets_and_with_what_they_were_told(admin, hub):
    watched = [Watched("user", "root"), Watched("everything", "")]
    owner, url = hub.accounts.get("root"), "https://ci.example.org/a-secret"
    made = add_webhook(hub.registry.database, owner, url, watched, ["repo"], ROOT, secret="another")
    create(ArtifactName("root", "module"), hub.registry, hub.store, ROOT, is_dataset=False, private=False)
    assert admin.webhooks("root") == [Hook(made.id, "ci.example.org", ["everything", "user root"], False)]
    told = admin.deliveries(made.id)
    assert told == deliveries(hub.registry.database, made)
    assert {(each.scope, each.action) for each in told} >= {("repo", "create")}


def test_hosts_of_webhooks_are_allowed_and_forbidden(admin):
    kept = [admin.allow_webhook_host(host, allowed=True) for host in ("CI.lab", "10.0.0.7", "::1")]
    assert kept == ["ci.lab", "10.0.0.7", "::1"]
    assert admin.webhook_hosts() == sorted(kept)
    admin.allow_webhook_host("ci.lab", allowed=False)
    assert admin.webhook_hosts() == ["10.0.0.7", "::1"]
    assert admin.audit(subject="", limit=1)[0].actor == "root"


def test_signing_keys_are_added_listed_and_revoked(admin, hub):
    hub.accounts.add("lab", ROOT, kind="organisation")
    made = admin.add_signing_key("lab", a_public_key(), label="laptop")
    assert (made.account, made.name, made.kind) == ("lab", "laptop", "key")
    assert admin.signing_keys("lab") == keys_of(hub.registry.database, hub.accounts.get("lab")) == [made]
    admin.revoke_signing_key("lab", made.fingerprint[:12])
    assert admin.signing_keys("lab") == []
    [revoked, added] = admin.audit(subject="lab", limit=2)
    assert (revoked.action, revoked.actor, added.action) == ("signing-key.revoke", "root", "signing-key.add")


def test_what_is_owed_is_listed_and_made_due_in_somebodys_name(admin, hub):
    with hub.registry.database.transaction() as session:
        for subject in ("one", "two", "three"):
            owe(session, "no-such-task", subject, {"why": subject})
    [debt] = claim(hub.registry.database, "no-such-task", 60)
    assert admin.outbox(limit=10) == debts(hub.registry.database)
    assert admin.outbox(limit=1)[0].claimed_until == debt.claimed_until
    postpone(hub.registry.database, debt, "it never works", None)
    given_up = admin.outbox(limit=10)[0]
    assert (given_up.error, given_up.detail, given_up.given_up_at is None) == ("it never works", {"why": "one"}, False)
    assert admin.retry_outbox("another-task") == 0
    assert admin.retry_outbox("no-such-task") == 1
    assert [each.given_up_at for each in admin.outbox(limit=10)] == [None, None, None]
    [entry] = admin.audit(subject="no-such-task", limit=10)
    assert (entry.actor, entry.token, entry.action, entry.detail) == ("root", "root's", "outbox.retry", {"debts": 1})


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
    "too many debts": (WrongRequest, "1 to 10000, not 10001", lambda admin: admin.outbox(limit=10_001)),
    "a task that is none": (WrongRequest, "is no task", lambda admin: admin.retry_outbox("a\0b")),
    "a host that is none": (WrongRequest, "is no host", lambda admin: admin.allow_webhook_host("a b", allowed=True)),
    "webhooks of nobody": (WrongRequest, "Did you mean `root`", lambda admin: admin.webhooks("roott")),
    "a webhook that is none": (WrongRequest, "no webhook is called `77`", lambda admin: admin.deliveries("77")),
    "keys of nobody": (WrongRequest, "Did you mean `root`", lambda admin: admin.signing_keys("roott")),
    "a key that is none": (WrongRequest, "no public key", lambda admin: admin.add_signing_key("root", "PEM", label="x")),
    "a key without a name": (WrongRequest, "needs a name", lambda admin: admin.add_signing_key("root", a_public_key(), label="")),
    "a fingerprint that is none": (WrongRequest, "no signing key is called", lambda admin: admin.revoke_signing_key("root", "f" * 8)),
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


def test_every_command_prints_the_same_here_and_there(hub, root_token, monkeypatch, capsys, tmp_path):
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
        pem = tmp_path / f"{user}.pem"
        pem.write_text(a_public_key())
        print_of = fingerprint_of(pem.read_text())[1]
        with hub.registry.database.transaction() as session:
            owe(session, f"task-of-{user}", user)
        postpone(hub.registry.database, claim(hub.registry.database, f"task-of-{user}", 60)[0], "no\nuse", None)
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
            run("webhook", "allow", f"{user}.internal", *where),
            run("webhook", "hosts", *where),
            run("webhook", "allow", f"{user}.internal", "--forbid", *where),
            run("key", "add", user, str(pem), *where).replace(print_of, "print"),
            run("key", "list", user, *where).replace(print_of, "print"),
            run("key", "revoke", user, print_of[:12], *where).replace(print_of[:12], "print"),
            run("outbox", *where).splitlines()[-1],
            run("outbox", "--retry", "--task", f"task-of-{user}", *where),
            run("audit", "--limit", "1", *where).split("\t")[3],
            run("user", "remove", user, *where),
            run("user", "restore", user, *where),
        ]

    with serving(hub) as endpoint:
        there = journey("ada", "--endpoint", endpoint)
        here = journey("bob")
        assert {"task-of-ada\tada\t1\tgiven up\tno use", "1 are due now\n"} <= set(there)
        assert [each.replace("bob", "ada") for each in here] == there
        watched = [Watched("user", "ada")]
        hook = add_webhook(hub.registry.database, hub.accounts.get("ada"), "https://x.org/", watched, ["repo"], ROOT).id
        create(ArtifactName("ada", "module"), hub.registry, hub.store, ROOT, is_dataset=False, private=False)
        assert run("webhook", "list", "ada", "--endpoint", endpoint) == run("webhook", "list", "ada") != ""
        assert run("webhook", "log", hook, "--endpoint", endpoint) == run("webhook", "log", hook) != ""
        assert run("outbox", "--endpoint", endpoint) == run("outbox") != ""
        assert run("user", "list", "--endpoint", endpoint) == run("user", "list")
        assert run("org", "list", "--endpoint", endpoint) == run("org", "list")
        assert run("quota", "list", "--endpoint", endpoint) == run("quota", "list")
