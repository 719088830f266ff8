"""How often artifacts are downloaded: in all, and on each day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from hub.registry.database.clock import utc_now
from hub.registry.index.trending import weight

if TYPE_CHECKING:
    from hub.names import ArtifactName
    from hub.registry.database.database import Database

_ONE_MORE = (
    "INSERT INTO downloads (artifact_id, day, downloads) SELECT id, :day, 1 FROM artifacts WHERE key = :key "
    "ON CONFLICT (artifact_id, day) DO UPDATE SET downloads = downloads.downloads + 1"
)


def count_download(database: Database, name: ArtifactName) -> None:
    """One more download of `name`, today; nothing happens when it is not here.

    Two small changes, not one: a crash between them costs a day's count one download, never the artifact's.
    """
    database.execute(
        "UPDATE artifacts SET downloads = downloads + 1, trending = trending + :weight WHERE key = :key",
        {"key": name.key, "weight": weight()},
    )
    database.execute(_ONE_MORE, {"key": name.key, "day": today().isoformat()})


def downloads_by_day(database: Database, name: ArtifactName, days: int) -> dict[str, int]:
    """Day, as `2026-11-23` in UTC → downloads, of the last `days` days; days without any are left out."""
    rows = database.rows(
        "SELECT day, downloads.downloads AS number FROM downloads JOIN artifacts ON artifacts.id = artifact_id "
        "WHERE key = :key AND day > :since ORDER BY day",
        {"key": name.key, "since": (today() - timedelta(days=days)).isoformat()},
    )
    return {row["day"]: row["number"] for row in rows}


def today() -> date:
    """The day that downloads are counted on."""
    return utc_now().date()
