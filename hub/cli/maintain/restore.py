"""`hub restore`: restore a backup."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

from typer import Argument


def restore(folder: Annotated[Path, Argument(help="Folder written by `hub backup`.")]) -> None:
    """Restore a backup into an empty registry and its store."""
    from hub.cli.terminal import count
    from hub.home import Home
    from hub.maintenance.backup import restore as restore_backup
    from hub.registry.database.open import open_database
    from hub.store import open_store

    home = Home.find()
    home.create()
    with closing(open_database(home.registry)) as database:
        blobs = restore_backup(folder, database, open_store(home.store_url or home.store))
        print(f"Restored {count(blobs, 'blob')} and the registry to {database.address}. Check them with `hub verify`.")
