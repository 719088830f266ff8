"""Signing keys of accounts: public keys and certificates."""

# ruff: noqa: S608 - only a constant is inserted into SQL.
from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import Conflict, InvalidRequest, UnknownSigningKey
from hub.names import ArtifactName
from hub.records import SigningKey
from hub.registry.accounts.audit import log_action
from hub.registry.accounts.permissions import Account, Actor
from hub.registry.database.clock import utc_now

if TYPE_CHECKING:
    from hub.registry.database.database import Database, ResultRow

MAX_KEYS = 50
"""Keys of an account."""
MAX_PEM = 20_000
_SELECT = (
    "SELECT signing_keys.name, signing_keys.kind, fingerprint, pem, accounts.name AS account "
    "FROM signing_keys JOIN accounts ON accounts.id = account_id WHERE revoked_at IS NULL AND "
)


def keys_of(database: Database, account: Account) -> list[SigningKey]:
    """Return the active keys of an account, oldest first."""
    rows = database.rows(f"{_SELECT} account_id = :id ORDER BY signing_keys.id", {"id": account.id})
    return [_key(row) for row in rows]


def trusted_keys(database: Database, name: ArtifactName) -> list[SigningKey]:
    """Return the keys trusted for an artifact: its owner's and, for an organisation, those of members with write access."""
    rows = database.rows(
        f"{_SELECT} (accounts.key = :owner OR accounts.id IN (SELECT user_id FROM memberships "
        "JOIN accounts AS owners ON owners.id = organisation_id WHERE owners.key = :owner AND role IN ('write', 'admin'))) "
        "ORDER BY accounts.key <> :owner, signing_keys.id",
        {"owner": name.owner.lower()},
    )
    return [_key(row) for row in rows]


def add_key(
    database: Database, account: Account, name: str, pem: str, kind: str, fingerprint: str, actor: Actor
) -> SigningKey:
    """Register a key, with kind and fingerprint from `fingerprint_of`. Raises Conflict, InvalidRequest."""
    from server.parts.signatures.tables import SigningKeyRow

    known = keys_of(database, account)
    if len(known) >= MAX_KEYS:
        raise InvalidRequest(
            f"`{account.name}` has {len(known)} signing keys, the maximum is {MAX_KEYS}: revoke one first."
        )
    if not name or len(name) > 100 or not name.isprintable():
        raise InvalidRequest("the name of a signing key has 1 to 100 printable characters.")
    with database.transaction() as session:
        found = session.query(SigningKeyRow).filter_by(account_id=account.id, fingerprint=fingerprint).one_or_none()
        if found is not None:
            problem = (
                f"already registered as `{found.name}`" if found.revoked_at is None else "revoked: create a new key"
            )
            raise Conflict(f"this key of `{account.name}` is {problem}.")
        session.add(
            SigningKeyRow(
                account_id=account.id, name=name, kind=kind, fingerprint=fingerprint, pem=pem, created_at=utc_now()
            )
        )
        log_action(session, actor, "signing-key.add", account.name, key=name, fingerprint=fingerprint)
    return SigningKey(account=account.name, name=name, kind=kind, fingerprint=fingerprint, pem=pem)


def revoke_key(database: Database, account: Account, fingerprint: str, actor: Actor) -> None:
    """Revoke a key for new revisions. `fingerprint` may be a prefix of 8 digits or more. Raises UnknownSigningKey."""
    from server.parts.signatures.tables import SigningKeyRow

    found = [key for key in keys_of(database, account) if key.fingerprint.startswith(fingerprint)]
    if len(found) != 1 or len(fingerprint) < 8:
        raise UnknownSigningKey(fingerprint[:80], listing=f"hub admin key list {account.name}")
    with database.transaction() as session:
        row = session.query(SigningKeyRow).filter_by(account_id=account.id, fingerprint=found[0].fingerprint).one()
        row.revoked_at = utc_now()
        log_action(session, actor, "signing-key.revoke", account.name, key=row.name, fingerprint=row.fingerprint)


def _key(row: ResultRow) -> SigningKey:
    return SigningKey(**{name: row[name] for name in ("account", "name", "kind", "fingerprint", "pem")})
