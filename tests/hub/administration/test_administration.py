"""Administrative operations have the same effects and messages locally and on a server."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pytest

from hub.administration import LocalAdministration, Operation, RemoteAdministration
from hub.administration.audit import ListAudit
from hub.administration.organisations import AddOrganisation, ListMembers, ListOrganisations, SetMember
from hub.administration.outbox import Due, ListJobs, RetryJobs
from hub.administration.quotas import ListQuotas, SetQuota, ShowQuota
from hub.administration.repositories import AllowUnsafeFiles, FreeName
from hub.administration.tokens import CreateToken, ListTokens, RevokeToken
from hub.administration.unsafe_files import AllowFile, FilePolicy, ListFilePolicies, ListMaliciousFiles, SetFilePolicy
from hub.administration.users import AddUser, ListUsers, RemoveUser, RestoreUser, SetAdmin, SetPassword
from hub.cli import main
from hub.errors import (
    Conflict,
    Forbidden,
    InvalidRequest,
    Unauthenticated,
    Unreachable,
)
from hub.names import ArtifactName
from hub.publish.commit import create
from hub.registry.accounts.file_policy import file_policy
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.repositories import delete_repository
from hub.registry.outbox.queue import claim, enqueue, jobs, retry_later
from server.parts.signatures.operations import AddSigningKey, ListSigningKeys, RevokeSigningKey
from server.parts.signatures.signatures import fingerprint_of
from server.parts.signatures.signing_keys import keys_of
from server.parts.webhooks.deliveries import deliveries
from server.parts.webhooks.operations import (
    AllowWebhookHost,
    ListUserWebhooks,
    ListWebhookDeliveries,
    ListWebhookHosts,
    WebhookSummary,
)
from server.parts.webhooks.webhooks import Watched, add_webhook
from tests.builders.server.keys import a_public_key
from tests.builders.server.scans import mark_malicious
from tests.builders.serving import serving

ROOT = Actor("root")


@pytest.fixture
def root_token(hub):
    return hub.tokens.create(hub.accounts.add("root", ROOT, is_admin=True), "write", ROOT, name="root's")


@pytest.fixture(params=["here", "there"])
def admin(request, hub, root_token):
    """A local and a remote administration of the same registry."""
    if request.param == "here":
        yield LocalAdministration(hub, Actor("root", "root's"))
    else:
        with serving(hub) as endpoint:
            yield RemoteAdministration(endpoint, root_token)


def test_users_are_added_removed_and_restored(admin, hub):
    made = admin.run(AddUser(name="ada", full_name="Ada L.", email="ada@example.org"))
    assert made == hub.accounts.get("ada")
    assert [each.name for each in admin.run(ListUsers())] == ["ada", "root"]
    assert admin.run(SetPassword(name="ada", password="correct horse battery")).name == "ada"
    assert hub.accounts.has_password("ada", "correct horse battery")
    assert admin.run(SetAdmin(name="ada", is_admin=True)).is_admin
    assert admin.run(RemoveUser(name="ada")).removed_at is not None
    assert [each.name for each in admin.run(ListUsers())] == ["root"]
    assert admin.run(RestoreUser(name="ada")).removed_at is None
    assert [each.name for each in admin.run(ListUsers())] == ["ada", "root"]


def test_tokens_are_created_listed_and_revoked(admin, hub):
    admin.run(AddUser(name="ada"))
    secret = admin.run(CreateToken(user="ada", role="write", artifact="ada/module", name="laptop", days=7)).token
    caller = hub.tokens.caller(secret)
    assert caller.may_write(ArtifactName("ada", "module")) and not caller.may_write(ArtifactName("ada", "other"))
    [listed] = admin.run(ListTokens(user="ada"))
    assert listed == hub.tokens.of(hub.accounts.get("ada"))[0]
    assert (listed.name, listed.artifact) == ("laptop", "ada/module") and listed.expires_at and listed.last_used_at
    assert admin.run(RevokeToken(user="ada", number=listed.id)).name == "laptop"
    assert hub.tokens.caller(secret) is None


def test_organisations_have_members(admin):
    admin.run(AddUser(name="ada"))
    assert admin.run(AddOrganisation(name="lab", full_name="The lab")).full_name == "The lab"
    assert [each.name for each in admin.run(ListOrganisations())] == ["lab"]
    assert admin.run(SetMember(name="lab", user="ada", role="admin")).role == "admin"
    assert [(each.name, each.role) for each in admin.run(ListMembers(name="lab"))] == [("ada", "admin")]
    admin.run(SetMember(name="lab", user="ada", role=""))
    assert admin.run(ListMembers(name="lab")) == []


def test_quotas_are_set_and_removed(admin):
    assert (
        admin.run(SetQuota(name="root", quota_bytes=10**9)).quota_bytes
        == admin.run(ShowQuota(name="root")).quota_bytes
        == 10**9
    )
    assert admin.run(SetQuota(name="root", quota_bytes=None)) == admin.run(ListQuotas())[0]
    assert admin.run(ShowQuota(name="root")).used_bytes == 0


def test_exceptions_for_artifacts(admin, hub):
    name = ArtifactName("root", "module")
    create(name, hub.registry, hub.store, ROOT, private=False)
    assert admin.run(AllowUnsafeFiles(name="root/module", allow_unsafe_files=True)).name == "root/module"
    assert hub.registry.get(name).allow_unsafe_files
    admin.run(AllowUnsafeFiles(name="root/module", allow_unsafe_files=False))
    assert not hub.registry.get(name).allow_unsafe_files
    delete_repository(hub.registry.database, name, ROOT)
    assert admin.run(FreeName(name="root/module")).name == "root/module"
    create(name, hub.registry, hub.store, ROOT, private=False)


def test_file_policies_are_set_for_the_server_and_for_owners(admin, hub):
    admin.run(AddUser(name="Ada"))
    assert admin.run(ListFilePolicies()) == [FilePolicy("", "scan")]
    assert admin.run(SetFilePolicy(policy="safetensors-only")) == FilePolicy("", "safetensors-only")
    assert admin.run(SetFilePolicy(policy="any", owner="ada")) == FilePolicy("Ada", "any")
    assert admin.run(ListFilePolicies()) == [FilePolicy("", "safetensors-only"), FilePolicy("ada", "any")]
    admin.run(SetFilePolicy(policy="", owner="ada"))
    assert admin.run(ListFilePolicies()) == [FilePolicy("", "safetensors-only")]
    assert file_policy(hub.registry.database, "ada") == "safetensors-only"


def test_malicious_files_are_listed_allowed_and_blocked_again(admin, hub):
    name = ArtifactName("root", "module")
    create(name, hub.registry, hub.store, ROOT, private=False)
    digest = mark_malicious(hub)
    [file] = admin.run(ListMaliciousFiles())
    assert (file.digest, file.name, file.allowed_by, file.artifacts) == (digest, "evil.pkl", "", ())
    assert "os.system" in file.evidence[0]
    assert admin.run(AllowFile(digest=digest, allowed=True)).allowed_by == "root"
    assert admin.run(ListMaliciousFiles())[0].allowed_by == "root"
    assert admin.run(AllowFile(digest=digest, allowed=False)).allowed_by == ""
    assert [each.action for each in admin.run(ListAudit(subject=digest, limit=2))] == ["file.block", "file.allow"]


def test_the_audit_log_records_the_account_and_the_token(admin):
    admin.run(AddUser(name="ada"))
    [entry] = admin.run(ListAudit(subject="ada", limit=10))
    assert (entry.actor, entry.token, entry.action, entry.detail) == ("root", "root's", "user.add", {"is_admin": False})
    assert entry.at is not None
    assert [each.action for each in admin.run(ListAudit(limit=1))] == ["user.add"]


def test_webhooks_are_listed_with_their_deliveries_and_without_secrets(admin, hub):
    watched = [Watched("user", "root"), Watched("everything", "")]
    owner, url = hub.accounts.get("root"), "https://ci.example.org/a-secret"
    made = add_webhook(hub.registry.database, owner, url, watched, ["repo"], ROOT, secret="another")
    create(ArtifactName("root", "module"), hub.registry, hub.store, ROOT, private=False)
    assert admin.run(ListUserWebhooks(name="root")) == [
        WebhookSummary(made.id, "ci.example.org", ["everything", "user root"], False)
    ]
    told = admin.run(ListWebhookDeliveries(webhook=made.id))
    assert told == deliveries(hub.registry.database, made)
    assert {(each.scope, each.action) for each in told} >= {("repo", "create")}


def test_hosts_of_webhooks_are_allowed_and_forbidden(admin):
    kept = [admin.run(AllowWebhookHost(host=host, allowed=True)).host for host in ("CI.lab", "10.0.0.7", "::1")]
    assert kept == ["ci.lab", "10.0.0.7", "::1"]
    assert [each.host for each in admin.run(ListWebhookHosts())] == sorted(kept)
    admin.run(AllowWebhookHost(host="ci.lab", allowed=False))
    assert [each.host for each in admin.run(ListWebhookHosts())] == ["10.0.0.7", "::1"]
    assert admin.run(ListAudit(limit=1))[0].actor == "root"


def test_signing_keys_are_added_listed_and_revoked(admin, hub):
    hub.accounts.add("lab", ROOT, kind="organisation")
    made = admin.run(AddSigningKey(account="lab", name="laptop", pem=a_public_key()))
    assert (made.account, made.name, made.kind) == ("lab", "laptop", "key")
    assert (
        admin.run(ListSigningKeys(account="lab")) == keys_of(hub.registry.database, hub.accounts.get("lab")) == [made]
    )
    admin.run(RevokeSigningKey(account="lab", fingerprint=made.fingerprint[:12]))
    assert admin.run(ListSigningKeys(account="lab")) == []
    [revoked, added] = admin.run(ListAudit(subject="lab", limit=2))
    assert (revoked.action, revoked.actor, added.action) == ("signing-key.revoke", "root", "signing-key.add")


def test_jobs_are_listed_and_retried_on_behalf_of_an_actor(admin, hub):
    with hub.registry.database.transaction() as session:
        for subject in ("one", "two", "three"):
            enqueue(session, "no-such-task", subject, {"why": subject})
    [job] = claim(hub.registry.database, "no-such-task", 60)
    assert admin.run(ListJobs(limit=10)) == jobs(hub.registry.database)
    assert admin.run(ListJobs(limit=1))[0].claimed_until == job.claimed_until
    retry_later(hub.registry.database, job, "it never works", None)
    given_up = admin.run(ListJobs(limit=10))[0]
    assert (given_up.error, given_up.detail, given_up.given_up_at is None) == ("it never works", {"why": "one"}, False)
    assert admin.run(RetryJobs(task="another-task")).due == 0
    assert admin.run(RetryJobs(task="no-such-task")).due == 1
    assert [each.given_up_at for each in admin.run(ListJobs(limit=10))] == [None, None, None]
    [entry] = admin.run(ListAudit(subject="no-such-task", limit=10))
    assert (entry.actor, entry.token, entry.action, entry.detail) == ("root", "root's", "outbox.retry", {"jobs": 1})


WRONG = {
    "an unknown user": (InvalidRequest, "Did you mean `root`", lambda admin: admin.run(ListTokens(user="roott"))),
    "a name that is taken": (Conflict, "is taken", lambda admin: admin.run(AddUser(name="ROOT"))),
    "an invalid name": (InvalidRequest, "", lambda admin: admin.run(AddOrganisation(name="a/b"))),
    "an invalid role": (InvalidRequest, "invalid token role 'king'", lambda admin: admin.run(CreateToken(user="root", role="king"))),
    "no time at all": (InvalidRequest, "must be from 1 to 3650, not 0", lambda admin: admin.run(CreateToken(user="root", role="read", days=0))),
    "an unknown token": (InvalidRequest, "no token is called `77`", lambda admin: admin.run(RevokeToken(user="root", number=77))),
    "a short password": (InvalidRequest, "10 to 1024 characters", lambda admin: admin.run(SetPassword(name="root", password="short"))),
    "the last administrator": (InvalidRequest, "is the last administrator", lambda admin: admin.run(RemoveUser(name="root"))),
    "a quota below nothing": (InvalidRequest, "not -1", lambda admin: admin.run(SetQuota(name="root", quota_bytes=-1))),
    "a quota beyond everything": (InvalidRequest, "not 2000000000000000000", lambda admin: admin.run(SetQuota(name="root", quota_bytes=2 * 10**18))),
    "an unknown artifact": (InvalidRequest, "no artifact is called", lambda admin: admin.run(AllowUnsafeFiles(name="root/none", allow_unsafe_files=True))),
    "a name that was never deleted": (InvalidRequest, "no artifact is called", lambda admin: admin.run(FreeName(name="root/none"))),
    "a user as an organisation": (InvalidRequest, "is not an organisation", lambda admin: admin.run(SetMember(name="root", user="root", role="read"))),
    "too many lines": (InvalidRequest, "1 to 10000, not 0", lambda admin: admin.run(ListAudit(limit=0))),
    "too many jobs": (InvalidRequest, "1 to 10000, not 10001", lambda admin: admin.run(ListJobs(limit=10_001))),
    "an unknown task": (InvalidRequest, "is not a task", lambda admin: admin.run(RetryJobs(task="a\1b"))),
    "an invalid host": (InvalidRequest, "is not a valid host", lambda admin: admin.run(AllowWebhookHost(host="a b", allowed=True))),
    "webhooks of an unknown user": (InvalidRequest, "Did you mean `root`", lambda admin: admin.run(ListUserWebhooks(name="roott"))),
    "an unknown webhook": (InvalidRequest, "no webhook is called `77`", lambda admin: admin.run(ListWebhookDeliveries(webhook="77"))),
    "keys of an unknown account": (InvalidRequest, "Did you mean `root`", lambda admin: admin.run(ListSigningKeys(account="roott"))),
    "an invalid key": (InvalidRequest, "not a public key", lambda admin: admin.run(AddSigningKey(account="root", name="x", pem="PEM"))),
    "a key without a name": (InvalidRequest, "the name of a signing key", lambda admin: admin.run(AddSigningKey(account="root", name="", pem=a_public_key()))),
    "an unknown fingerprint": (InvalidRequest, "no signing key is called", lambda admin: admin.run(RevokeSigningKey(account="root", fingerprint="f" * 8))),
    "an unknown policy": (InvalidRequest, "choose safetensors-only, scan, any", lambda admin: admin.run(SetFilePolicy(policy="none"))),
    "no policy of the server": (InvalidRequest, "unknown file policy ''", lambda admin: admin.run(SetFilePolicy(policy=""))),
    "a policy of an unknown owner": (InvalidRequest, "Did you mean `root`", lambda admin: admin.run(SetFilePolicy(policy="any", owner="roott"))),
    "a file that was not scanned": (InvalidRequest, "no file is called", lambda admin: admin.run(AllowFile(digest="0" * 64, allowed=True))),
    "a file by half its digest": (InvalidRequest, "", lambda admin: admin.run(AllowFile(digest="00", allowed=True))),
    "an invalid subject": (InvalidRequest, "is not the name of an artifact", lambda admin: admin.run(ListAudit(subject="a\0b", limit=1))),
    "a subject that is too long": (InvalidRequest, "is not the name of an artifact", lambda admin: admin.run(ListAudit(subject="a" * 201))),
    "a full name of two lines": (InvalidRequest, "must be single lines", lambda admin: admin.run(AddUser(name="eve", full_name="a\nb"))),
}  # fmt: skip


class CountUsers(Operation[list[Due]]):
    """An operation of an installed part."""

    path = "/admin/user-count"

    def run(self, hub, actor):
        return [Due(len(hub.accounts.all()))]


def test_an_installed_part_adds_operations_with_their_addresses(hub, root_token, monkeypatch):
    monkeypatch.setitem(sys.modules, "counting", SimpleNamespace(OPERATIONS=(CountUsers,)))
    monkeypatch.setattr("hub.administration.parts", lambda: (SimpleNamespace(operations=("counting",)),))
    with serving(hub) as endpoint:
        assert RemoteAdministration(endpoint, root_token).run(CountUsers()) == [Due(1)]


def refusal(kind, ask, admin) -> tuple[str, int]:
    with pytest.raises(kind) as caught:
        ask(admin)
    return str(caught.value), caught.value.exit_code


def test_invalid_requests_are_refused_with_the_same_message(hub, root_token):
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
                RemoteAdministration(endpoint, token).run(ListUsers())
    with pytest.raises(Unauthenticated, match="HF_TOKEN"):
        RemoteAdministration(endpoint, "")
    with pytest.raises(Unreachable, match="does not respond"):
        RemoteAdministration(endpoint, root_token).run(ListUsers())


@pytest.mark.parametrize("address", ["hub.example", "ftp://hub.example", "file:///etc", "https://"])
def test_an_invalid_address_is_refused_before_anything_is_sent(address):
    with pytest.raises(InvalidRequest, match="is not a valid URL"):
        RemoteAdministration(address, "lh_secret")


def test_every_command_prints_the_same_locally_and_remotely(hub, root_token, monkeypatch, capsys, tmp_path):
    """Run each command locally and remotely; only secrets and times differ."""
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
            enqueue(session, f"task-of-{user}", user)
        retry_later(hub.registry.database, claim(hub.registry.database, f"task-of-{user}", 60)[0], "no\nuse", None)
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
        assert {"task-of-ada\tada\t1\tfailed\tno use", "1 job due now\n"} <= set(there)
        assert [each.replace("bob", "ada") for each in here] == there
        watched = [Watched("user", "ada")]
        hook = add_webhook(hub.registry.database, hub.accounts.get("ada"), "https://x.org/", watched, ["repo"], ROOT).id
        create(ArtifactName("ada", "module"), hub.registry, hub.store, ROOT, private=False)
        assert run("webhook", "list", "ada", "--endpoint", endpoint) == run("webhook", "list", "ada") != ""
        assert run("webhook", "log", hook, "--endpoint", endpoint) == run("webhook", "log", hook) != ""
        assert run("outbox", "--endpoint", endpoint) == run("outbox") != ""
        assert run("user", "list", "--endpoint", endpoint) == run("user", "list")
        assert run("org", "list", "--endpoint", endpoint) == run("org", "list")
        assert run("quota", "list", "--endpoint", endpoint) == run("quota", "list")
