"""The outbox: work that a transaction owes, written down in that transaction and done after it, by one worker at a time.

A worker claims a job until a moment; whoever dies with it is followed by another when that moment has passed. The claim is one
statement on a locked row: PostgreSQL passes by the rows that others have locked, SQLite has one writer. See docs/internals/outbox.md.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from hub.registry.accounts.audit import note
from hub.registry.database.clock import from_column, to_column, utc_now

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hub.registry.accounts.permissions import Actor
    from hub.registry.database.database import Database, ResultRow

WRITE_REFERENCE = "write-reference"
"""The task that whoever wrote does at once: see `hub.publish.publish.drain_outbox`."""
_COLUMNS = "id, task, subject, detail, attempts, due_at, claimed_until, error, given_up_at"
_OPEN = "given_up_at IS NULL AND (claimed_until IS NULL OR claimed_until <= :now) AND due_at <= :now"
_MAX_ERROR = 2000
"""Characters of a failure that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Derived work that a transaction left to be done."""

    id: int
    task: str
    subject: str
    """What it is about: `owner/name`, a digest. Of two jobs with one task and one subject, the older comes first."""
    detail: dict[str, Any]
    attempts: int
    """How often it was begun."""
    due_at: datetime
    claimed_until: datetime | None
    """When whoever works on it must have finished; None when nobody does."""
    error: str
    """Why the last attempt failed; empty before one has."""
    given_up_at: datetime | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is owed of one task."""

    waiting: int
    """Due now, later, or being worked on."""
    given_up: int
    oldest_s: float
    """Age of the oldest that waits, in seconds."""


def enqueue(session: Session, task: str, subject: str, detail: dict[str, Any] | None = None) -> None:
    """Let `task` be done for `subject` after this transaction. What failed before for it is due again, too."""
    from sqlalchemy import update

    from hub.registry.tables.outbox import OutboxRow

    at = utc_now()
    same = update(OutboxRow).where(OutboxRow.task == task, OutboxRow.subject == subject, OutboxRow.due_at > at)
    session.execute(same.values(due_at=at), execution_options={"synchronize_session": False})
    session.add(OutboxRow(task=task, subject=subject, detail=detail or {}, created_at=at, due_at=at))


def claim(database: Database, task: str, lease_s: float, limit: int = 1) -> list[Job]:
    """Up to `limit` jobs of `task` that are due, for this caller alone for `lease_s` seconds; none when nothing is due."""
    now = utc_now()
    values: dict[str, Any] = {"task": task, "now": to_column(now)}
    if not database.rows(f"SELECT 1 FROM outbox WHERE task = :task AND {_OPEN} LIMIT 1", values):  # noqa: S608 - names alone
        return []  # An idle worker reads and never takes the lock of writers.
    chosen = (
        f"SELECT id FROM outbox AS wanted WHERE task = :task AND {_OPEN} AND NOT EXISTS ("  # noqa: S608
        "SELECT 1 FROM outbox AS older WHERE older.task = wanted.task AND older.subject = wanted.subject "
        f"AND older.id < wanted.id AND older.given_up_at IS NULL) ORDER BY due_at, id LIMIT :limit {database.skip_locked}"
    )
    rows = database.rows(
        f"WITH chosen AS MATERIALIZED ({chosen}) UPDATE outbox SET claimed_until = :until, attempts = attempts + 1 "  # noqa: S608
        f"WHERE id IN (SELECT id FROM chosen) RETURNING {_COLUMNS}",
        values | {"until": to_column(now + timedelta(seconds=lease_s)), "limit": limit},
    )
    return sorted(map(_job, rows), key=lambda job: job.id)


def newest(database: Database, job: Job) -> int:
    """The id of the youngest job with the same task and subject: all up to it are served by work that begins now."""
    row = database.rows(
        "SELECT max(id) FROM outbox WHERE task = :task AND subject = :subject",
        {"task": job.task, "subject": job.subject},
    )[0]
    return int(row[0] or job.id)


def complete(database: Database, job: Job, up_to: int | None = None) -> None:
    """Forget a job that has been paid; with `up_to`, all of its task and subject up to that id."""
    if up_to is not None:
        values: dict[str, Any] = {"task": job.task, "subject": job.subject, "up_to": up_to}
        database.execute("DELETE FROM outbox WHERE task = :task AND subject = :subject AND id <= :up_to", values)
        return
    assert job.claimed_until is not None, "only what was claimed can be settled"
    # Whoever took longer than it had claimed does not take the job away from its follower.
    database.execute(
        "DELETE FROM outbox WHERE id = :id AND claimed_until = :until",
        {"id": job.id, "until": to_column(job.claimed_until)},
    )


def retry_later(database: Database, job: Job, error: str, wait_s: float | None) -> None:
    """Write down why an attempt failed, and when to try again; with None, never."""
    assert job.claimed_until is not None, "only what was claimed can fail"
    now = utc_now()
    values = {
        "id": job.id,
        "until": to_column(job.claimed_until),
        "error": error[:_MAX_ERROR],
        "due": to_column(now + timedelta(seconds=wait_s or 0)),
        "given_up": to_column(now) if wait_s is None else None,
    }
    database.execute(
        "UPDATE outbox SET claimed_until = NULL, error = :error, due_at = :due, given_up_at = :given_up "
        "WHERE id = :id AND claimed_until = :until",
        values,
    )


def retry(database: Database, task: str = "", actor: Actor | None = None) -> int:
    """Make everything of a task, or of all, due now, what was given up included; how many that are.

    The audit log says so when somebody asks for it, and not when the registry does by itself.
    """
    from sqlalchemy import or_, update

    from hub.registry.tables.outbox import OutboxRow

    at = utc_now()
    waiting = update(OutboxRow).where(or_(OutboxRow.given_up_at.is_not(None), OutboxRow.due_at > at))
    if task:
        waiting = waiting.where(OutboxRow.task == task)
    due = waiting.values(due_at=at, given_up_at=None, attempts=0).returning(OutboxRow.id)
    with database.transaction() as session:
        count = len(session.scalars(due, execution_options={"synchronize_session": False}).all())
        if actor is not None:
            note(session, actor, "outbox.retry", task, jobs=count)
    return count


def jobs(database: Database, limit: int | None = None) -> list[Job]:
    """Everything that is owed, or the oldest so many, oldest first, what was given up included."""
    most = "" if limit is None else "LIMIT :limit"
    rows = database.rows(
        f"SELECT {_COLUMNS} FROM outbox ORDER BY id {most}",  # noqa: S608 - names alone
        {} if limit is None else {"limit": limit},
    )
    return [_job(row) for row in rows]


def count_jobs(database: Database) -> int:
    """How much is owed, what was given up included."""
    return int(database.rows("SELECT count(*) FROM outbox")[0][0])


def backlog(database: Database) -> dict[str, Backlog]:
    """Task → what is owed of it, for those of which anything is."""
    rows = database.rows(
        "SELECT task, sum(CASE WHEN given_up_at IS NULL THEN 1 ELSE 0 END) AS waiting, count(given_up_at) AS given_up, "
        "min(CASE WHEN given_up_at IS NULL THEN created_at END) AS oldest FROM outbox GROUP BY task ORDER BY task"
    )
    now = utc_now()
    return {
        row["task"]: Backlog(
            int(row["waiting"]),
            int(row["given_up"]),
            (now - oldest).total_seconds() if (oldest := from_column(row["oldest"])) else 0.0,
        )
        for row in rows
    }


def _job(row: ResultRow) -> Job:
    return Job(
        id=row["id"],
        task=row["task"],
        subject=row["subject"],
        detail=json.loads(row["detail"]),
        attempts=row["attempts"],
        due_at=from_column(row["due_at"]),
        claimed_until=from_column(row["claimed_until"]),
        error=row["error"],
        given_up_at=from_column(row["given_up_at"]),
    )
