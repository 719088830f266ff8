"""Sessions, how they end, and the limit of login attempts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.errors import Conflict, InvalidRequest, RateLimited
from hub.registry.accounts import login_throttle, sessions
from hub.registry.accounts.accounts import Accounts
from hub.registry.accounts.audit import read_audit
from hub.registry.accounts.login_throttle import AttemptLimit, count_attempt, reset_attempts
from hub.registry.accounts.permissions import ORGANISATION, Actor
from hub.registry.accounts.sessions import Sessions, UnknownSession
from hub.registry.accounts.tokens import Tokens
from server.parts.device_login import refresh_tokens
from server.parts.device_login.device_codes import Devices, UnknownCode
from server.parts.device_login.refresh_tokens import TokenGrant, renew

ROOT = Actor("root")
PASSWORD = "correct horse battery"


@pytest.fixture
def database(registry):
    Accounts(registry.database).add("ada", ROOT)
    return registry.database


@pytest.fixture
def ada(database):
    return Accounts(database).get("ada")


def age(database, table, column, time):
    """Let time pass for all rows of a table."""
    from hub.registry.database.clock import from_column, to_column

    for row in database.rows(f"SELECT DISTINCT {column} AS at FROM {table} WHERE {column} IS NOT NULL"):
        values = {"then": to_column(from_column(row["at"]) - time), "at": row["at"]}
        database.execute(f"UPDATE {table} SET {column} = :then WHERE {column} = :at", values)


def test_a_session_is_known_by_its_secret_until_it_is_ended(database, ada):
    kept = Sessions(database)
    secret = kept.begin(ada, ROOT, agent="Firefox")
    session, caller = kept.find(secret)
    assert (caller.account, caller.token, caller.in_browser) == (ada, None, True)
    assert caller.may_change_account and caller.actor.token == "password"
    assert kept.find(secret[:-1]) is None
    assert [each.agent for each in kept.of(ada)] == ["Firefox"]
    kept.end(ada, session.id, ROOT)
    assert kept.find(secret) is None
    with pytest.raises(UnknownSession):
        kept.end(ada, session.id, ROOT)


@pytest.mark.parametrize(("column", "time"), [("used_at", sessions.IDLE), ("created_at", sessions.MAX_LIFETIME)])
def test_a_session_expires(database, ada, column, time):
    kept = Sessions(database)
    secret = kept.begin(ada, ROOT)
    age(database, "sessions", column, time - timedelta(minutes=1))
    assert kept.find(secret) is not None
    age(database, "sessions", column, time)
    assert kept.find(secret) is None
    assert kept.of(ada) == []


def test_a_session_begun_with_a_token_has_its_permissions_and_ends_with_it(database, ada):
    tokens, kept = Tokens(database), Sessions(database)
    tokens.create(ada, "read", ROOT)
    token = tokens.of(ada)[0]
    secret = kept.begin(ada, ROOT, token=token)
    _, caller = kept.find(secret)
    assert not caller.may_write(caller_name(ada)) and not caller.may_change_account
    tokens.revoke(ada, token.id, ROOT)
    assert kept.find(secret) is None


def caller_name(account):
    from hub.names import ArtifactName

    return ArtifactName(account.name, "module")


def test_a_new_password_ends_all_sessions(database, ada):
    kept = Sessions(database)
    secrets = [kept.begin(ada, ROOT) for _ in range(2)]
    Accounts(database).set_password("ada", PASSWORD, ROOT)
    assert [kept.find(each) for each in secrets] == [None, None]


def test_a_removed_user_comes_in_nowhere_and_keeps_the_name(database, ada):
    accounts, tokens, kept = Accounts(database), Tokens(database), Sessions(database)
    accounts.add("lab", ROOT, kind=ORGANISATION)
    accounts.set_member(accounts.get("lab"), ada, "admin", ROOT)
    token, session = tokens.create(ada, "write", ROOT), kept.begin(ada, ROOT)
    accounts.set_password("ada", PASSWORD, ROOT)
    accounts.remove("ada", ROOT)
    assert tokens.caller(token) is None and kept.find(session) is None
    assert not accounts.has_password("ada", PASSWORD)
    assert accounts.all("user") == [] and accounts.members(accounts.get("lab")) == []
    with pytest.raises(Conflict, match="hub admin user restore"):
        accounts.add("ADA", ROOT)
    with pytest.raises(InvalidRequest, match="was removed"):
        tokens.create(accounts.get("ada"), "read", ROOT)
    accounts.restore("ada", ROOT)
    assert [each.name for each in accounts.all("user")] == ["ada"]
    assert tokens.caller(token) is None
    assert tokens.caller(tokens.create(accounts.get("ada"), "read", ROOT)) is not None


def test_the_last_administrator_stays(database):
    accounts = Accounts(database)
    accounts.set_admin("ada", True, ROOT)
    for change in (lambda: accounts.remove("ada", ROOT), lambda: accounts.set_admin("ada", False, ROOT)):
        with pytest.raises(InvalidRequest, match="last administrator"):
            change()
    assert accounts.get("ada").is_admin
    accounts.add("bob", ROOT, is_admin=True)
    accounts.remove("ada", ROOT)


def test_a_token_expires_at_its_time(database, ada):
    tokens = Tokens(database)
    secret = tokens.create(ada, "read", ROOT, lifetime=timedelta(days=7))
    assert tokens.caller(secret) is not None
    age(database, "tokens", "expires_at", timedelta(days=7))
    assert tokens.caller(secret) is None


def test_logins_are_blocked_after_too_many_attempts_and_allowed_again_later(database):
    door, other = AttemptLimit("password ada", 3), AttemptLimit("password bob", 3)
    for _ in range(3):
        count_attempt(database, [door, other])
    reset_attempts(database, [other])
    for _ in range(2):
        with pytest.raises(RateLimited, match="wait 15 minutes") as caught:
            count_attempt(database, [door])
        assert 0 < caught.value.wait_s <= 900
    count_attempt(database, [other])
    age(database, "login_attempts", "since", login_throttle.WINDOW)
    count_attempt(database, [door])


def an_accepted(database, ada, role="write"):
    devices = Devices(database)
    asked = devices.start("hf", "192.0.2.7")
    devices.answer(asked.user_code, ada, role, ROOT)
    return devices, asked


def test_a_device_waits_is_let_in_and_gets_its_token_once(database, ada):
    devices = Devices(database)
    asked = devices.start("hf", "192.0.2.7")

    def redeem():
        return devices.redeem(asked.device_code, "hf", "laptop", "192.0.2.7")

    assert redeem() == "authorization_pending"
    assert redeem() == "slow_down"
    age(database, "devices", "polled_at", timedelta(seconds=10))
    assert redeem() == "authorization_pending"
    shown = devices.get(asked.user_code.lower().replace("-", " "))
    assert (shown.client, shown.address, shown.user_code) == ("hf", "192.0.2.7", asked.user_code)
    devices.answer(asked.user_code, ada, "read", ROOT)
    with pytest.raises(UnknownCode):
        devices.answer(asked.user_code, ada, "write", ROOT)
    grant = redeem()
    caller = Tokens(database).caller(grant.token)
    assert (caller.account, caller.token.role, caller.token.name) == (ada, "read", "laptop")
    assert redeem() == "invalid_grant"
    assert devices.redeem("lhd_wrong", "hf", "laptop", "") == "invalid_grant"


def test_a_device_that_was_denied_or_came_too_late_gets_nothing(database, ada):
    devices, denied = an_accepted(database, ada, role="")
    assert devices.redeem(denied.device_code, "hf", "laptop", "") == "access_denied"
    devices, late = an_accepted(database, ada)
    assert devices.redeem(late.device_code, "another", "laptop", "") == "invalid_grant"
    age(database, "devices", "created_at", timedelta(minutes=16))
    assert devices.redeem(late.device_code, "hf", "laptop", "") == "expired_token"
    with pytest.raises(UnknownCode):
        devices.get(late.user_code)


def test_a_refresh_token_is_used_once_and_a_copied_one_ends_the_login(database, ada):
    tokens = Tokens(database)
    devices, asked = an_accepted(database, ada)
    first = devices.redeem(asked.device_code, "hf", "laptop", "")
    assert isinstance(first, TokenGrant)
    second = renew(database, first.refresh_token, "")
    assert tokens.caller(first.token).account == tokens.caller(second.token).account == ada
    repeated = renew(database, first.refresh_token, "")
    assert repeated is not None, "the answer may have been lost"
    assert len(tokens.of(ada)) == 1
    age(database, "renewals", "renewed_at", refresh_tokens.REUSE_GRACE)
    assert renew(database, second.refresh_token, "") is None
    assert tokens.caller(repeated.token) is None and renew(database, repeated.refresh_token, "") is None
    assert read_audit(database, subject="ada")[0].detail["reason"] == "its refresh token was used twice"


def test_the_previous_token_and_refresh_tokens_expire(database, ada):
    tokens = Tokens(database)
    devices, asked = an_accepted(database, ada)
    first = devices.redeem(asked.device_code, "hf", "laptop", "")
    second = renew(database, first.refresh_token, "")
    age(database, "tokens", "former_expires_at", refresh_tokens.LIFETIME)
    assert tokens.caller(first.token) is None and tokens.caller(second.token) is not None
    age(database, "renewals", "renewed_at", refresh_tokens.REFRESH_LIFETIME)
    assert renew(database, second.refresh_token, "") is None
    tokens.revoke(ada, tokens.of(ada)[0].id, ROOT)
    assert tokens.caller(second.token) is None
