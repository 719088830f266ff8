"""Count downloads, in total and per day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from hub.registry.database.clock import utc_now
from hub.registry.index.trending import weight

if TYPE_CHECKING:
    from hub.names import ArtifactName
    from hub.registry.database.database import Database

_INCREMENT = (
    "INSERT INTO downloads (artifact_id, day, downloads) SELECT id, :day, 1 FROM artifacts WHERE key = :key "
    "ON CONFLICT (artifact_id, day) DO UPDATE SET downloads = downloads.downloads + 1"
)


def count_download(database: Database, name: ArtifactName) -> None:
    """Count a download of `name` today; nothing happens if the artifact does not exist.

    The two updates are not atomic: a crash between them loses a download of the day, never of the total.
    """
    database.execute(
        "UPDATE artifacts SET downloads = downloads + 1, trending = trending + :weight WHERE key = :key",
        {"key": name.key, "weight": weight()},
    )
    database.execute(_INCREMENT, {"key": name.key, "day": today().isoformat()})


def downloads_by_day(database: Database, name: ArtifactName, days: int) -> dict[str, int]:
    """Map the last `days` days (UTC, `2026-11-23`) to their downloads, without days that have none."""
    rows = database.rows(
        "SELECT day, downloads.downloads AS number FROM downloads JOIN artifacts ON artifacts.id = artifact_id "
        "WHERE key = :key AND day > :since ORDER BY day",
        {"key": name.key, "since": (today() - timedelta(days=days)).isoformat()},
    )
    return {row["day"]: row["number"] for row in rows}


def today() -> date:
    """Return the current day in UTC."""
    return utc_now().date()
