"""Webhooks, scans and signing keys work the same on both databases."""

import pytest

from hub.names import ArtifactName
from hub.publish.commit import create
from hub.records import File
from hub.registry.accounts.accounts import Accounts
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.repositories import change_settings, move_repository
from hub.registry.artifacts.scans import SCAN, find_scan, mark_unsafe_files
from hub.registry.outbox.worker import Task, run_due
from hub.store import MemoryStore
from server.parts.scanning.scan import rescan_outdated, save_report
from server.parts.signatures.signing_keys import add_key, keys_of, revoke_key, trusted_keys
from server.parts.webhooks.deliveries import DELIVER, deliveries, find_delivery, save_attempt
from server.parts.webhooks.webhooks import Watched, add_webhook, allow_host, allowed_hosts

ROOT = Actor("root")
THING = ArtifactName("lab", "thing")


@pytest.fixture
def accounts(registry):
    made = Accounts(registry.database)
    for name in ("ada", "bob"):
        made.add(name, ROOT)
    made.add("root", ROOT, is_admin=True)
    made.add("lab", ROOT, kind="organisation")
    made.set_member(made.get("lab"), made.get("ada"), "write", ROOT)
    return made


def test_webhooks_with_access_get_deliveries_and_deliveries_are_stored(registry, accounts):
    database = registry.database
    hooks = {
        name: add_webhook(
            database, accounts.get(name), "https://example.org/", [Watched(kind, watched)], ["repo"], ROOT
        )
        for name, kind, watched in [("ada", "org", "Lab"), ("bob", "model", "lab/thing"), ("root", "everything", "")]
    }
    create(THING, registry, MemoryStore(), ROOT, private=True)
    delivered = {name: [each.action for each in deliveries(database, hook)] for name, hook in hooks.items()}
    assert delivered == {"ada": ["create"], "bob": [], "root": ["create"]}
    change_settings(database, THING, ROOT, private=False)
    move_repository(database, THING, ArtifactName("lab", "other"), ROOT)
    change_settings(database, ArtifactName("lab", "other"), ROOT, gated="auto")
    assert [each.action for each in reversed(deliveries(database, hooks["bob"]))] == ["update", "move", "update"]

    def deliver(job):
        save_attempt(database, find_delivery(database, job.subject), status=200, error="", duration_ms=3)

    assert run_due(database, [Task(DELIVER, deliver)]) == 11
    assert all(each.delivered and each.attempts == 1 for hook in hooks.values() for each in deliveries(database, hook))


def test_hosts_are_allowed_and_forbidden(registry):
    allow_host(registry.database, "ci.lab", ROOT)
    allow_host(registry.database, "10.0.0.7", ROOT)
    allow_host(registry.database, "ci.lab", ROOT, allowed=False)
    assert allowed_hosts(registry.database) == {"10.0.0.7"}


def test_keys_are_trusted_for_their_owner_and_organisations(registry, accounts):
    database = registry.database
    for name in ("ada", "bob", "lab"):
        add_key(database, accounts.get(name), f"key of {name}", "PEM", "key", name * 20, ROOT)
    assert [key.account for key in trusted_keys(database, THING)] == ["lab", "ada"]
    revoke_key(database, accounts.get("lab"), "lab" * 4, ROOT)
    assert [key.account for key in trusted_keys(database, THING)] == ["ada"]
    assert keys_of(database, accounts.get("lab")) == []


def test_scans_are_flagged_saved_and_repeated(registry):
    database = registry.database
    digest, size = MemoryStore().put(b"x")
    for _ in range(2):
        mark_unsafe_files(database, [(File("a/x.pkl", digest, size), "pickle")])
    assert [job.subject for job in registry.jobs() if job.task == SCAN] == [digest.hex]
    run_due(
        database,
        [Task(SCAN, lambda _job: save_report(database, digest, "clean", "one 1", {"one": {"verdict": "clean"}}))],
    )
    found = find_scan(database, digest)
    assert (found.name, found.verdict, found.evidence) == ("x.pkl", "clean", ("one : clean",))
    assert rescan_outdated(database, "one 1") == 0
    assert rescan_outdated(database, "one 2") == 1
