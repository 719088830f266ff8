"""Uploads count against a quota before they are committed."""

from __future__ import annotations

import dataclasses

import pytest

from hub.names import Digest
from hub.records import File
from hub.registry.accounts.accounts import Accounts
from hub.registry.accounts.permissions import Actor, Caller
from hub.registry.artifacts.repositories import delete_repository
from hub.registry.uploads.uploads import record_upload, record_xorb, uncommitted_bytes
from tests.builders.registry import a_revision, an_artifact

ROOT = Actor("root")
FIRST, SECOND, THIRD = (Digest(digit * 64) for digit in "123")


@pytest.fixture
def database(registry):
    Accounts(registry.database).add("ada", ROOT)
    Accounts(registry.database).add("bob", ROOT)
    return registry.database


@pytest.fixture
def ada(database):
    return Accounts(database).get("ada")


def commit(registry, *digests):
    files = tuple(File(digest.hex[0], digest, 100) for digest in digests)
    registry.record(an_artifact("ada/x"), dataclasses.replace(a_revision("ada/x"), files=files), None)


def test_an_upload_counts_once_until_an_artifact_of_the_owner_contains_it(registry, database, ada):
    bob = Accounts(database).get("bob")
    for account in (ada, bob):
        record_upload(database, Caller(account=account), FIRST, 100, owner="Ada")
    record_upload(database, Caller(account=ada), SECOND, 100, owner="ada")
    record_upload(database, Caller(account=ada), THIRD, 100)
    assert uncommitted_bytes(database, "ADA", {}) == 200
    assert uncommitted_bytes(database, "ada", {FIRST: 100, THIRD: 100}) == 300
    assert uncommitted_bytes(database, "bob", {FIRST: 100}) == 100
    commit(registry, FIRST)
    assert uncommitted_bytes(database, "ada", {}) == 100
    assert uncommitted_bytes(database, "ada", {FIRST: 100}) == 100


def test_parts_and_xorbs_count_as_far_as_no_file_is_made_of_them(registry, database, ada):
    record_upload(database, Caller(account=ada), FIRST, 60, owner="ada", is_part=True)
    record_xorb(database, ada, "a" * 64, SECOND, 40, b"", owner="ada")
    assert uncommitted_bytes(database, "ada", {}) == 100
    assert uncommitted_bytes(database, "ada", {}, raw_bytes=10) == 110
    assert uncommitted_bytes(database, "ada", {THIRD: 100}) == 100
    record_upload(database, Caller(account=ada), THIRD, 100, owner="ada")
    assert uncommitted_bytes(database, "ada", {}) == 100
    assert uncommitted_bytes(database, "ada", {}, raw_bytes=10) == 110
    commit(registry, THIRD)
    assert uncommitted_bytes(database, "ada", {}) == 0


def test_a_blob_that_is_both_a_part_and_a_whole_object_counts_as_the_object(database, ada):
    for is_part in (True, False, True):
        record_upload(database, Caller(account=ada), FIRST, 60, owner="ada", is_part=is_part)
    assert uncommitted_bytes(database, "ada", {FIRST: 60}) == 60


def test_files_deleted_with_an_artifact_do_not_count(registry, database, ada):
    for digest in (FIRST, SECOND):
        record_upload(database, Caller(account=ada), digest, 100, owner="ada")
    commit(registry, FIRST)
    delete_repository(database, an_artifact("ada/x").name, ROOT)
    assert uncommitted_bytes(database, "ada", {}) == 100
