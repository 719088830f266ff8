"""The outbox: jobs that are enqueued in a transaction and run after it, each by one worker at a time.

A worker claims a job for a limited time; if it dies, another one may claim the job when that time has passed. The claim is one
statement on a locked row: PostgreSQL skips rows that others have locked, SQLite has a single writer. See docs/internals/outbox.md.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from hub.registry.accounts.audit import log_action
from hub.registry.database.clock import from_column, to_column, utc_now

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hub.registry.accounts.permissions import Actor
    from hub.registry.database.database import Database, ResultRow

WRITE_REFERENCE = "write-reference"
"""The task that a writer runs right after its transaction; see `hub.publish.publish.drain_outbox`."""
_COLUMNS = "id, task, subject, detail, attempts, due_at, claimed_until, error, given_up_at"
_OPEN = "given_up_at IS NULL AND (claimed_until IS NULL OR claimed_until <= :now) AND due_at <= :now"
_MAX_ERROR = 2000
"""Maximum length of a stored error message, in characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work that a transaction has left to a worker."""

    id: int
    task: str
    subject: str
    """`owner/name` or a digest. Jobs with the same task and subject run in order."""
    detail: dict[str, Any]
    attempts: int
    """Number of attempts so far."""
    due_at: datetime
    claimed_until: datetime | None
    """End of the current claim; None if no worker has claimed it."""
    error: str
    """Why the last attempt failed; empty if none has."""
    given_up_at: datetime | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """The jobs of one task."""

    waiting: int
    """Due now or later, or claimed."""
    given_up: int
    oldest_s: float
    """Age of the oldest waiting job, in seconds."""


def enqueue(session: Session, task: str, subject: str, detail: dict[str, Any] | None = None) -> None:
    """Enqueue a job to run after this transaction. Earlier failed jobs with the same task and subject become due, too."""
    enqueue_all(session, task, [subject], detail)


def enqueue_all(session: Session, task: str, subjects: Sequence[str], detail: dict[str, Any] | None = None) -> None:
    """Enqueue a job for each subject, as `enqueue` does."""
    from sqlalchemy import insert, update

    from hub.registry.tables.outbox import OutboxRow

    at = utc_now()
    same = update(OutboxRow).where(OutboxRow.task == task, OutboxRow.subject.in_(subjects), OutboxRow.due_at > at)
    session.execute(same.values(due_at=at), execution_options={"synchronize_session": False})
    rows = [
        {"task": task, "subject": each, "detail": detail or {}, "created_at": at, "due_at": at} for each in subjects
    ]
    session.execute(insert(OutboxRow), rows)


def request_once(database: Database, task: str, subject: str, detail: dict[str, Any]) -> None:
    """Enqueue a job unless there is one with this task and subject, including one that was given up."""
    known = "SELECT 1 FROM outbox WHERE task = :task AND subject = :subject LIMIT 1"
    if not database.rows(known, {"task": task, "subject": subject}):
        with database.transaction() as session:
            enqueue(session, task, subject, detail)


def claim(database: Database, task: str, lease_s: float, limit: int = 1) -> list[Job]:
    """Claim up to `limit` due jobs of `task` for `lease_s` seconds; empty if none is due."""
    now = utc_now()
    values: dict[str, Any] = {"task": task, "now": to_column(now)}
    if not database.rows(f"SELECT 1 FROM outbox WHERE task = :task AND {_OPEN} LIMIT 1", values):  # noqa: S608 - names alone
        return []  # An idle worker only reads and never takes the write lock.
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
    """Return the id of the newest job with the same task and subject. A run that starts now completes all jobs up to it."""
    row = database.rows(
        "SELECT max(id) FROM outbox WHERE task = :task AND subject = :subject",
        {"task": job.task, "subject": job.subject},
    )[0]
    return int(row[0] or job.id)


def complete(database: Database, job: Job, up_to: int | None = None) -> None:
    """Delete a completed job; with `up_to`, all jobs with its task and subject up to that id."""
    if up_to is not None:
        values: dict[str, Any] = {"task": job.task, "subject": job.subject, "up_to": up_to}
        database.execute("DELETE FROM outbox WHERE task = :task AND subject = :subject AND id <= :up_to", values)
        return
    assert job.claimed_until is not None, "only a claimed job can be completed"
    # A worker whose claim has expired must not delete a job that another one has claimed since.
    database.execute(
        "DELETE FROM outbox WHERE id = :id AND claimed_until = :until",
        {"id": job.id, "until": to_column(job.claimed_until)},
    )


def retry_later(database: Database, job: Job, error: str, wait_s: float | None) -> None:
    """Record why an attempt failed, and retry after `wait_s` seconds; None gives the job up."""
    assert job.claimed_until is not None, "only a claimed job can fail"
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
    """Make all jobs of a task, or of all tasks, due now, including those given up. Return the number of affected jobs.

    With an `actor`, the request is recorded in the audit log.
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
            log_action(session, actor, "outbox.retry", task, jobs=count)
    return count


def jobs(database: Database, limit: int | None = None, *, given_up_first: bool = False) -> list[Job]:
    """Return all jobs, or the first `limit` ones, oldest first, including those given up."""
    most = "" if limit is None else "LIMIT :limit"
    order = "given_up_at IS NULL, id" if given_up_first else "id"
    rows = database.rows(
        f"SELECT {_COLUMNS} FROM outbox ORDER BY {order} {most}",  # noqa: S608 - names alone
        {} if limit is None else {"limit": limit},
    )
    return [_job(row) for row in rows]


def count_jobs(database: Database) -> int:
    """Return the number of jobs, including those given up."""
    return int(database.rows("SELECT count(*) FROM outbox")[0][0])


def backlog(database: Database) -> dict[str, Backlog]:
    """Map each task that has jobs to its backlog."""
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
