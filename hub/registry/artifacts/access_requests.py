"""Access requests: everyone can see a gated artifact, but only accounts with an accepted request can download its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hub.errors import InvalidRequest
from hub.names import ArtifactName
from hub.records import Repository
from hub.registry.accounts.audit import log_action
from hub.registry.accounts.permissions import Account, Actor, Caller
from hub.registry.artifacts.rows import NAME
from hub.registry.database.clock import from_column, utc_now

if TYPE_CHECKING:
    from hub.registry.database.database import Database

AUTO, MANUAL = "auto", "manual"
STATUSES = ("pending", "accepted", "rejected")


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """An account's request for the files of a gated artifact."""

    user: str
    full_name: str
    email: str
    status: str
    reason: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class RequestedAccess:
    """An access request in a list of several artifacts."""

    artifact: str
    """`owner/name`, or `datasets/owner/name`."""
    user: str
    full_name: str
    status: str
    reason: str
    at: datetime | None


def may_download(database: Database, caller: Caller, artifact: Repository) -> bool:
    """Return whether the caller may download the files of the artifact."""
    if caller.may_download(artifact, accepted=False):
        return True
    accepted = caller.account is not None and status_of(database, artifact.name, caller.account) == "accepted"
    return caller.may_download(artifact, accepted=accepted)


def status_of(database: Database, name: ArtifactName, account: Account) -> str:
    """Return `pending`, `accepted` or `rejected`; empty if the account has made no request."""
    rows = database.rows(
        "SELECT status FROM access_requests JOIN artifacts ON artifacts.id = artifact_id "
        "WHERE artifacts.key = :key AND account_id = :account",
        {"key": name.key, "account": account.id},
    )
    return rows[0]["status"] if rows else ""


def access_requests(database: Database, name: ArtifactName, status: str) -> list[AccessRequest]:
    """Return the access requests with a status, oldest first. Raises InvalidRequest."""
    if status not in STATUSES:
        raise InvalidRequest(f"invalid status {status[:80]!r}: choose one of {', '.join(STATUSES)}.")
    rows = database.rows(
        "SELECT accounts.name, full_name, email, status, reason, at FROM access_requests "
        "JOIN accounts ON accounts.id = account_id JOIN artifacts ON artifacts.id = artifact_id "
        "WHERE artifacts.key = :key AND status = :status ORDER BY at",
        {"key": name.key, "status": status},
    )
    return [
        AccessRequest(row["name"], row["full_name"], row["email"], row["status"], row["reason"], from_column(row["at"]))
        for row in rows
    ]


def requests_of(database: Database, account: Account, limit: int = 200) -> list[RequestedAccess]:
    """Return the requests that an account has made, newest first."""
    return _requested(database, "account_id = :account ORDER BY at DESC", {"account": account.id, "limit": limit})


def requests_for(database: Database, owners: Sequence[str], status: str, limit: int = 200) -> list[RequestedAccess]:
    """Return the requests with a status for the artifacts of `owners` (in lower case), oldest first. Raises InvalidRequest."""
    if status not in STATUSES:
        raise InvalidRequest(f"invalid status {status[:80]!r}: choose one of {', '.join(STATUSES)}.")
    among, values = database.in_list("lower(artifacts.owner)", owners, "owners")
    condition = f"status = :status AND {among} ORDER BY at"
    return _requested(database, condition, {"status": status, "limit": limit, **values})


def _requested(database: Database, condition: str, values: dict[str, Any]) -> list[RequestedAccess]:
    rows = database.rows(
        f"SELECT {NAME} AS artifact, accounts.name AS user_name, full_name, status, reason, at FROM access_requests "  # noqa: S608 - constants
        f"JOIN accounts ON accounts.id = account_id JOIN artifacts ON artifacts.id = artifact_id WHERE {condition} LIMIT :limit",
        values,
    )
    return [
        RequestedAccess(
            row["artifact"], row["user_name"], row["full_name"], row["status"], row["reason"], from_column(row["at"])
        )
        for row in rows
    ]


def add_request(database: Database, artifact: Repository, account: Account, actor: Actor) -> str:
    """Request access and return the resulting status. A request that was already decided keeps its status.

    Raises InvalidRequest if the artifact is not gated.
    """
    if not artifact.gated:
        raise InvalidRequest(f"`{artifact.name}` is not gated: its files can be downloaded without a request.")
    known = status_of(database, artifact.name, account)
    status = known or ("accepted" if artifact.gated == AUTO else "pending")
    if not known:
        set_status(database, artifact.name, account, status, actor)
    return status


def set_status(
    database: Database, name: ArtifactName, account: Account, status: str, actor: Actor, *, reason: str = ""
) -> None:
    """Accept or reject an access request, or make it pending again. Raises InvalidRequest."""
    from hub.registry.tables.accounts import AccessRequestRow
    from hub.registry.tables.artifacts import artifact_row

    if status not in STATUSES:
        raise InvalidRequest(f"invalid status {status[:80]!r}: choose one of {', '.join(STATUSES)}.")
    with database.transaction() as session:
        artifact = artifact_row(session, name)
        assert artifact is not None, "the artifact was found before"
        row = AccessRequestRow(
            account_id=account.id, artifact_id=artifact.id, status=status, reason=reason[:1000], at=utc_now()
        )
        session.merge(row)
        log_action(session, actor, "access", str(name), user=account.name, status=status)
