"""Public keys and certificates that accounts sign with."""

# ruff: noqa: S608 - only a constant is put into SQL here.
from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import Conflict, UnknownSigningKey, WrongRequest
from hub.names import ArtifactName
from hub.records import SigningKey
from hub.registry.accounts.audit import note
from hub.registry.accounts.permissions import Account, Actor
from hub.registry.database.clock import utc_now

if TYPE_CHECKING:
    from hub.registry.database.database import Database, Row

MOST = 50
"""Keys of an account."""
LONGEST_PEM = 20_000
_QUESTION = (
    "SELECT signing_keys.name, signing_keys.kind, fingerprint, pem, accounts.name AS account "
    "FROM signing_keys JOIN accounts ON accounts.id = account_id WHERE revoked_at IS NULL AND "
)


def keys_of(database: Database, account: Account) -> list[SigningKey]:
    """What an account has registered, oldest first, without what was revoked."""
    return [
        _key(row) for row in database.rows(f"{_QUESTION} account_id = :id ORDER BY signing_keys.id", {"id": account.id})
    ]


def trusted_keys(database: Database, name: ArtifactName) -> list[SigningKey]:
    """Keys whose signatures count for an artifact: its owner's and, of an organisation, those of its members who may write."""
    rows = database.rows(
        f"{_QUESTION} (accounts.key = :owner OR accounts.id IN (SELECT user_id FROM memberships "
        "JOIN accounts AS owners ON owners.id = organisation_id WHERE owners.key = :owner AND role IN ('write', 'admin'))) "
        "ORDER BY accounts.key <> :owner, signing_keys.id",
        {"owner": name.owner.lower()},
    )
    return [_key(row) for row in rows]


def add_key(
    database: Database, account: Account, name: str, pem: str, kind: str, fingerprint: str, actor: Actor
) -> SigningKey:
    """Register a key; `fingerprint_of` tells its kind and fingerprint. Raises Conflict, WrongRequest."""
    from server.parts.signatures.tables import SigningKeyRow

    known = keys_of(database, account)
    if len(known) >= MOST:
        raise WrongRequest(
            f"`{account.name}` has {len(known)} signing keys, and {MOST} are the most: revoke one first."
        )
    if not name or len(name) > 100 or not name.isprintable():
        raise WrongRequest("a signing key needs a name of 1 to 100 printable letters.")
    with database.transaction() as session:
        found = session.query(SigningKeyRow).filter_by(account_id=account.id, fingerprint=fingerprint).one_or_none()
        if found is not None and found.revoked_at is None:
            raise Conflict(f"`{account.name}` has registered this key already, as `{found.name}`.")
        if found is not None:
            raise Conflict(f"`{account.name}` has revoked this key: make another one.")
        session.add(
            SigningKeyRow(
                account_id=account.id, name=name, kind=kind, fingerprint=fingerprint, pem=pem, created_at=utc_now()
            )
        )
        note(session, actor, "signing-key.add", account.name, key=name, fingerprint=fingerprint)
    return SigningKey(account=account.name, name=name, kind=kind, fingerprint=fingerprint, pem=pem)


def revoke_key(database: Database, account: Account, fingerprint: str, actor: Actor) -> None:
    """Trust a key no longer for what comes. `fingerprint` may be its beginning. Raises UnknownSigningKey."""
    from server.parts.signatures.tables import SigningKeyRow

    found = [
        key for key in keys_of(database, account) if key.fingerprint.startswith(fingerprint) and len(fingerprint) >= 8
    ]
    if len(found) != 1:
        raise UnknownSigningKey(fingerprint[:80], listing=f"hub admin key list {account.name}")
    with database.transaction() as session:
        row = session.query(SigningKeyRow).filter_by(account_id=account.id, fingerprint=found[0].fingerprint).one()
        row.revoked_at = utc_now()
        note(session, actor, "signing-key.revoke", account.name, key=row.name, fingerprint=row.fingerprint)


def _key(row: Row) -> SigningKey:
    return SigningKey(**{name: row[name] for name in ("account", "name", "kind", "fingerprint", "pem")})
