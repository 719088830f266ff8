"""`hub restore`: put a backup back."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

from typer import Argument


def restore(folder: Annotated[Path, Argument(help="What `hub backup` has written.")]) -> None:
    """Put a backup into an empty registry and its store."""
    from hub.home import Home
    from hub.maintenance.backup import restore as put_back
    from hub.registry.database.open import open_database
    from hub.store import open_store

    home = Home.find()
    home.create()
    with closing(open_database(home.registry)) as database:
        blobs = put_back(folder, database, open_store(home.store_url or home.store))
        print(f"{blobs} blobs and the registry are back in {database.address}. Look at them with `hub verify`.")
