"""Reports: an account reports a problem of an artifact to the administrators, and they answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hub.errors import InvalidRequest, Unknown
from hub.registry.accounts.audit import log_action
from hub.registry.accounts.login_throttle import AttemptLimit, count_attempt, forget_old_attempts
from hub.registry.accounts.permissions import Account, Actor
from hub.registry.artifacts.rows import NAME
from hub.registry.database.clock import from_column, utc_now
from hub.registry.membership.plain_text import plain_text

if TYPE_CHECKING:
    from hub.records import Repository
    from hub.registry.database.database import Database

REASONS = {
    "malware": "Malware, or a file that attacks users who load it",
    "licence": "Licence or copyright",
    "scores": "Wrong scores",
    "abuse": "Abuse, or personal data",
    "other": "Something else",
}
"""Reason → its text in the form."""
OPEN, RESOLVED, DISMISSED = "open", "resolved", "dismissed"
STATES = (OPEN, RESOLVED, DISMISSED)
MAX_TEXT = 4000
"""Maximum length of a report and of an answer, in characters."""
MAX_REPORTS = 20
"""Reports of one account in the window of `login_throttle`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report about an artifact."""

    id: int
    artifact: str
    """`owner/name`, or `datasets/owner/name`."""
    reporter: str
    reason: str
    """`malware`, `licence`, `scores`, `abuse` or `other`."""
    text: str
    state: str
    """`open`, `resolved` or `dismissed`."""
    at: datetime
    answer: str
    answered_by: str
    """The administrator who has closed it; empty while it is open."""
    answered_at: datetime | None


class UnknownReport(Unknown):
    """No report has this number."""

    noun = "report"
    listing = "hub admin report list"


_SELECT = (
    f"SELECT reports.*, {NAME} AS artifact, accounts.name AS reporter FROM reports "  # noqa: S608 - NAME is a constant
    "JOIN artifacts ON artifacts.id = artifact_id JOIN accounts ON accounts.id = account_id"
)


def add_report(
    database: Database, artifact: Repository, account: Account, reason: str, text: str, actor: Actor
) -> Report:
    """Report an artifact. A second open report of the same account with the same reason replaces the text of the first.

    Raises InvalidRequest, and RateLimited after MAX_REPORTS.
    """
    from sqlalchemy import select

    from hub.registry.tables.artifacts import artifact_row
    from hub.registry.tables.moderation import ReportRow

    if reason not in REASONS:
        raise InvalidRequest(f"unknown reason {reason[:40]!r}: choose one of {', '.join(REASONS)}.")
    text = plain_text(text, MAX_TEXT, "the report")
    if not text:
        raise InvalidRequest("the report is empty: describe what is wrong, and where.")
    forget_old_attempts(database)
    count_attempt(database, [AttemptLimit(f"report by {account.key}", MAX_REPORTS)])
    with database.transaction() as session:
        row = artifact_row(session, artifact.name)
        assert row is not None, "the artifact was found before"
        same = select(ReportRow).where(
            ReportRow.artifact_id == row.id,
            ReportRow.account_id == account.id,
            ReportRow.reason == reason,
            ReportRow.state == OPEN,
        )
        report = session.scalar(same)
        if report is None:
            report = ReportRow(
                artifact_id=row.id, account_id=account.id, reason=reason, text=text, state=OPEN, at=utc_now(),
                answer="", answered_by="", answered_at=None,
            )  # fmt: skip
            session.add(report)
            session.flush()
            log_action(session, actor, "report.add", _subject(report.id), artifact=str(artifact.name), reason=reason)
        elif report.text != text:
            report.text = text
            log_action(session, actor, "report.change", _subject(report.id), artifact=str(artifact.name), reason=reason)
        number = report.id
    return get_report(database, number)


def get_report(database: Database, number: int) -> Report:
    """Return a report. Raises UnknownReport."""
    rows = database.rows(f"{_SELECT} WHERE reports.id = :id", {"id": number})
    if not rows:
        raise UnknownReport(str(number))
    return _report(rows[0])


def find_reports(
    database: Database, *, state: str = "", account: Account | None = None, before: int = 0, limit: int = 50
) -> list[Report]:
    """Return up to `limit` reports, newest first: those with a state, of an account, or with numbers below `before`, if given.

    Raises InvalidRequest for an unknown state.
    """
    if state and state not in STATES:
        raise InvalidRequest(f"unknown state {state[:40]!r}: choose one of {', '.join(STATES)}.")
    given: dict[str, Any] = {"state": state, "account": account.id if account else 0, "before": before}
    columns = {"state": "reports.state = :state", "account": "account_id = :account", "before": "reports.id < :before"}
    conditions = [text for name, text in columns.items() if given[name]]
    rows = database.rows(
        f"{_SELECT} {'WHERE ' * bool(conditions)}{' AND '.join(conditions)} ORDER BY reports.id DESC LIMIT :limit",
        {"limit": limit} | {name: value for name, value in given.items() if value},
    )
    return [_report(row) for row in rows]


def count_open(database: Database) -> int:
    """Return the number of open reports."""
    return int(database.rows("SELECT count(*) FROM reports WHERE state = 'open'")[0][0])


def answer_report(database: Database, number: int, state: str, answer: str, actor: Actor) -> Report:
    """Close a report, or open it again, with an answer for the reporter. Raises UnknownReport, InvalidRequest."""
    from hub.registry.tables.moderation import ReportRow

    if state not in STATES:
        raise InvalidRequest(f"unknown state {state[:40]!r}: choose one of {', '.join(STATES)}.")
    answer, found = plain_text(answer, MAX_TEXT, "the answer"), get_report(database, number)
    if (found.state, found.answer) == (state, answer):
        return found
    with database.transaction() as session:
        row = session.get_one(ReportRow, number)
        row.state, row.answer = state, answer
        row.answered_by, row.answered_at = ("", None) if state == OPEN else (actor.name, utc_now())
        log_action(session, actor, "report.answer", _subject(number), artifact=found.artifact, state=state)
    return get_report(database, number)


def _subject(number: int) -> str:
    """Return the subject of entries in the audit log. It is not the artifact: its owner may read entries about that."""
    return f"report {number}"


def _report(row: Any) -> Report:
    return Report(
        id=row["id"], artifact=row["artifact"], reporter=row["reporter"], reason=row["reason"], text=row["text"],
        state=row["state"], at=from_column(row["at"]), answer=row["answer"], answered_by=row["answered_by"],
        answered_at=from_column(row["answered_at"]),
    )  # fmt: skip
