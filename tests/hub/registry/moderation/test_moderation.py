"""Reports, hidden artifacts, blocked files and lists of accounts, on both databases."""

from __future__ import annotations

import pytest

from hub.errors import BlockedFile, Forbidden
from hub.names import ArtifactName, Digest
from hub.records import File
from hub.registry.accounts.accounts import Accounts
from hub.registry.accounts.audit import read_audit
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.access_requests import add_request, requests_for, requests_of
from hub.registry.artifacts.repositories import change_settings
from hub.registry.artifacts.scans import allow_file, mark_unsafe_files, require_harmless, require_no_blocked_file
from hub.registry.artifacts.usage import largest_owners
from hub.registry.membership.find_accounts import count_accounts, find_accounts
from hub.registry.membership.reset_links import ExpiredLink, create_reset_link, use_reset_link, user_of_link
from hub.registry.moderation.blocked_files import block_file, blocked_files, unblock_file
from hub.registry.moderation.hidden_artifacts import find_hidden, hidden_artifacts, hide_artifact, show_artifact
from hub.registry.moderation.reports import add_report, answer_report, count_open, find_reports
from hub.registry.outbox.queue import jobs
from tests.builders.registry import an_artifact, fill, put

ROOT = Actor("root")
NAME = ArtifactName("ada", "x")


@pytest.fixture
def registry(registry):
    fill(registry, an_artifact("ada/x"))
    return registry


@pytest.fixture
def bob(registry):
    return Accounts(registry.database).add("bob", ROOT, full_name="Bob 100%")


def test_reports_are_listed_answered_and_counted(registry, bob):
    database = registry.database
    for reason in ("other", "abuse", "other"):
        add_report(database, registry.get(NAME), bob, reason, "line\nline", Actor("bob"))
    newest, oldest = find_reports(database, account=bob)
    assert (newest.reason, oldest.reason, newest.artifact, count_open(database)) == ("abuse", "other", "ada/x", 2)
    answer_report(database, oldest.id, "dismissed", "no", ROOT)
    assert [each.id for each in find_reports(database, state="open")] == [newest.id]
    assert find_reports(database, before=oldest.id) == []
    actions = [each.action for each in read_audit(database, action="report")]
    assert actions == ["report.answer", "report.add", "report.add"]
    assert read_audit(database, action="report.ad") == []
    assert len(read_audit(database, actor="bob", action="report.add", subject=f"report {newest.id}")) == 1


def test_a_hidden_artifact_is_private_until_it_is_shown_again(registry):
    database = registry.database
    hide_artifact(database, NAME, "personal data", ROOT)
    assert registry.get(NAME).private
    with pytest.raises(Forbidden, match="hidden by an administrator"):
        change_settings(database, NAME, Actor("ada"), private=False)
    assert [each.artifact for each in hidden_artifacts(database)] == ["ada/x"]
    assert find_hidden(database, NAME).reason == "personal data"
    put(registry, an_artifact("ada/x", summary="a newer revision"), "2", parent=registry.head(NAME))
    assert registry.get(NAME).private
    show_artifact(database, NAME, ROOT)
    assert not registry.get(NAME).private
    assert find_hidden(database, NAME) is None


def test_a_malicious_file_is_refused_until_an_administrator_allows_it(registry):
    database = registry.database
    file = File("emoji-sd/model.pkl", Digest("2" * 64), 5)
    mark_unsafe_files(database, [(file, "pickle")])
    require_harmless(database, file)
    database.execute("UPDATE scans SET verdict = 'malicious'")
    with pytest.raises(BlockedFile, match="scanners found it malicious"):
        require_harmless(database, file)
    allow_file(database, file.digest, True, ROOT)
    require_harmless(database, file)


def test_a_blocked_file_is_refused_alone_and_with_its_repository(registry):
    database = registry.database
    file = File("emoji-sd/model.safetensors", Digest("2" * 64), 5)
    put(registry, an_artifact("ada/y"), "2")
    require_harmless(database, file)
    block_file(database, file.digest, file.path, "it attacks readers", ROOT)
    with pytest.raises(BlockedFile, match="it attacks readers"):
        require_harmless(database, file)
    with pytest.raises(BlockedFile, match="blocked `emoji-sd/model.safetensors`"):
        require_no_blocked_file(database, ArtifactName("ada", "y"))
    require_no_blocked_file(database, NAME)
    assert [each.name for each in blocked_files(database)] == [file.path]
    unblock_file(database, file.digest, ROOT)
    require_harmless(database, file)


def test_accounts_owners_and_requests_are_listed(registry, bob):
    database = registry.database
    assert [each.name for each in find_accounts(database, "100%")] == ["bob"]
    assert find_accounts(database, "1_0") == []
    assert find_accounts(database, kind="user", after="bob") == []
    assert count_accounts(database) == {"user": 1}
    assert [name for name, _ in largest_owners(database, 10)] == ["ada"]
    change_settings(database, NAME, Actor("ada"), gated="manual")
    add_request(database, registry.get(NAME), bob, Actor("bob"))
    [made], [waiting] = requests_of(database, bob), requests_for(database, ["ada", "lab"], "pending")
    assert made == waiting and (made.artifact, made.user) == ("ada/x", "bob")
    assert requests_for(database, ["lab"], "pending") == []
    assert {each.given_up_at for each in jobs(database, 10, given_up_first=True)} <= {None}


def test_a_reset_link_is_used_once(registry, bob):
    database = registry.database
    secret = create_reset_link(database, "bob", ROOT).path.rpartition("/")[2]
    assert user_of_link(database, secret) == bob
    assert use_reset_link(database, secret, "correct horse battery", "192.0.2.1") == bob
    with pytest.raises(ExpiredLink):
        use_reset_link(database, secret, "correct horse battery", "192.0.2.1")
    assert Accounts(database).has_password("bob", "correct horse battery")
