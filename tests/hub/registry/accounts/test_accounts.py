"""Accounts, their permissions and the stored form of their secrets."""

from __future__ import annotations

import runpy
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import argon2
import pytest

from hub.errors import Conflict, InvalidName, InvalidRequest, UnknownAccount
from hub.names import ArtifactName
from hub.registry import Registry
from hub.registry.accounts import secrets
from hub.registry.accounts.accounts import Accounts
from hub.registry.accounts.audit import read_audit
from hub.registry.accounts.permissions import ANONYMOUS, ORGANISATION, Actor
from hub.registry.accounts.tokens import Tokens
from hub.registry.database.database import TIMEOUT_S
from tests.builders.registry import an_artifact

ROOT = Actor("root")
MODULE = ArtifactName("ada", "module")


@pytest.fixture
def database(tmp_path: Path, empty_registry: Path):
    with closing(Registry.open(shutil.copy(empty_registry, tmp_path / "registry.db"))) as registry:
        yield registry.database


@pytest.fixture
def accounts(database):
    return Accounts(database)


@pytest.fixture
def tokens(database):
    return Tokens(database)


def caller(accounts, tokens, name, role="write", **options):
    return tokens.caller(tokens.create(accounts.get(name), role, ROOT, **options))


def test_a_user_is_found_in_any_case_and_names_are_unique(accounts):
    accounts.add("Ada", ROOT)
    assert accounts.get("aDA").name == "Ada"
    with pytest.raises(Conflict, match="taken"):
        accounts.add("ada", ROOT, kind=ORGANISATION)
    with pytest.raises(UnknownAccount, match="Did you mean `Ada`"):
        accounts.get("adda")


@pytest.mark.parametrize("name", ["api", "a/b", "..", "", "-a", "datasets", "x" * 97])
def test_a_name_that_would_shadow_a_route_is_refused(accounts, name):
    with pytest.raises(InvalidName):
        accounts.add(name, ROOT)


def test_a_token_is_not_stored_in_the_database(accounts, tokens, database):
    accounts.add("ada", ROOT)
    secret = tokens.create(accounts.get("ada"), "read", ROOT)
    accounts.set_password("ada", "correct horse battery", ROOT)
    with closing(sqlite3.connect(database.path)) as connection:
        dump = "\n".join(connection.iterdump())
    assert secret not in dump
    assert "correct horse" not in dump
    assert "$argon2id$" in dump


def test_a_password_is_recognised_and_no_other_is(accounts):
    accounts.add("ada", ROOT)
    assert not accounts.has_password("ada", "correct horse battery")
    accounts.set_password("ada", "correct horse battery", ROOT)
    assert accounts.has_password("Ada", "correct horse battery")
    assert not accounts.has_password("ada", "correct horse batterz")
    assert not accounts.has_password("nobody", "correct horse battery")
    with pytest.raises(InvalidRequest, match="characters"):
        accounts.set_password("ada", "short", ROOT)


def test_a_server_hashes_as_rfc_9106_recommends_also_for_a_user_that_does_not_exist():
    unpatched = runpy.run_path(secrets.__file__)
    hashed = unpatched["hash_password"]("correct horse battery")
    assert argon2.extract_parameters(hashed) == argon2.profiles.RFC_9106_LOW_MEMORY
    assert hashed.split("$")[:4] == unpatched["_DUMMY_HASH"].split("$")[:4]
    assert unpatched["verify_password"](hashed, "correct horse battery")
    assert not unpatched["verify_password"](None, "correct horse battery")


def test_a_revoked_token_is_invalid(accounts, tokens):
    ada = accounts.add("ada", ROOT)
    secret = tokens.create(ada, "write", ROOT)
    assert tokens.caller(secret).account == ada
    assert tokens.of(ada)[0].last_used_at is not None
    tokens.revoke(ada, tokens.of(ada)[0].id, ROOT)
    assert tokens.caller(secret) is None
    assert tokens.caller(secret[:-1]) is None
    assert tokens.caller("lh_") is None


def test_a_token_is_recognised_while_another_program_writes(accounts, tokens, database):
    secret = tokens.create(accounts.add("ada", ROOT), "read", ROOT)
    with closing(sqlite3.connect(database.path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert tokens.caller(secret).account.name == "ada"
        writer.execute("ROLLBACK")
    assert tokens.of(accounts.get("ada"))[0].last_used_at is None
    tokens.caller(secret)
    assert tokens.of(accounts.get("ada"))[0].last_used_at is not None
    (waits_ms,) = database.rows("PRAGMA busy_timeout")[0]
    assert waits_ms == TIMEOUT_S * 1000, "other writes of this thread wait"


def test_a_user_writes_to_their_own_name_and_to_organisations_by_role(accounts, tokens):
    for name in ("ada", "bob"):
        accounts.add(name, ROOT)
    accounts.add("lab", ROOT, kind=ORGANISATION)
    accounts.set_member(accounts.get("lab"), accounts.get("ada"), "write", ROOT)
    accounts.set_member(accounts.get("lab"), accounts.get("bob"), "read", ROOT)
    of_lab = ArtifactName("lab", "module")
    ada, bob = caller(accounts, tokens, "ada"), caller(accounts, tokens, "bob")
    assert ada.may_write(MODULE) and ada.may_administer(MODULE)
    assert ada.may_write(of_lab) and not ada.may_administer(of_lab)
    assert not bob.may_write(of_lab) and not bob.may_write(MODULE)
    assert bob.readers() == ("bob", "lab")
    accounts.set_member(accounts.get("lab"), accounts.get("ada"), "", ROOT)
    assert not caller(accounts, tokens, "ada").may_write(of_lab)


def test_a_read_token_never_writes_and_a_restricted_one_reaches_one_artifact(accounts, tokens):
    accounts.add("ada", ROOT)
    reader = caller(accounts, tokens, "ada", role="read")
    narrow = caller(accounts, tokens, "ada", artifact="ada/module")
    assert not reader.may_write(MODULE)
    assert narrow.may_write(MODULE)
    assert not narrow.may_create(MODULE) and not narrow.may_administer(MODULE)
    assert not narrow.may_write(ArtifactName("ada", "other"))
    assert narrow.readers() == ("ada/module",)
    assert not narrow.may_list("ada") and not narrow.may_act and not reader.may_act
    assert caller(accounts, tokens, "ada", artifact="bob/module").readers() == ()


def test_a_restricted_token_opens_no_other_gate_of_its_account(accounts, tokens):
    accounts.add("ada", ROOT)
    whole, narrow = caller(accounts, tokens, "ada"), caller(accounts, tokens, "ada", artifact="ada/module")
    own = an_artifact("ada/module", gated="manual")
    other, foreign = (an_artifact(f"{owner}/other", gated="manual") for owner in ("ada", "bob"))
    assert whole.may_download(other, accepted=False) and whole.may_download(foreign, accepted=True)
    assert narrow.may_download(own, accepted=False)
    assert not narrow.may_download(other, accepted=True) and not narrow.may_download(foreign, accepted=True)
    assert not ANONYMOUS.may_download(own, accepted=True)


def test_an_administrator_can_do_everything_and_an_anonymous_caller_nothing(accounts, tokens):
    accounts.add("root", ROOT, is_admin=True)
    root = caller(accounts, tokens, "root")
    assert root.may_administer(MODULE) and root.readers() is None and root.is_admin
    assert not ANONYMOUS.may_write(MODULE) and ANONYMOUS.readers() == ()
    assert not caller(accounts, tokens, "root", artifact="ada/module").is_admin


def test_every_change_is_recorded_in_the_audit_log(accounts, tokens, database):
    accounts.add("ada", ROOT)
    accounts.set_quota("ada", 10, ROOT)
    tokens.create(accounts.get("ada"), "read", ROOT, name="laptop")
    entries = read_audit(database, subject="ada")
    assert [each.action for each in entries] == ["token.create", "user.quota", "user.add"]
    assert {each.actor for each in entries} == {"root"}
    assert entries[0].detail == {"token": "laptop", "role": "read", "artifact": ""}
