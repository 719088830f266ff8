"""Start a temporary PostgreSQL cluster that listens only on a socket in its own folder."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import quote, urlsplit

from hub.registry import Registry

INSTALLED = Path("/usr/lib/postgresql")
"""Debian's folder of servers, with one folder per version; elsewhere they are on the PATH."""
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=", "max_connections=50")
ABSENT = "PostgreSQL is not installed: apt-get install postgresql, or add `initdb` and `postgres` to the PATH"


def programs() -> Path | None:
    """Return the folder of `initdb` and `pg_ctl`, or None if the PostgreSQL server is not installed."""
    versions = sorted(INSTALLED.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]), reverse=True)
    found = versions[0] if versions else shutil.which("initdb")
    return Path(found).parent if found else None


@contextmanager
def a_cluster(binaries: Path) -> Iterator[str]:
    """Yield the socket folder of a running server. PostgreSQL refuses to run as root, so root runs it as `postgres`."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        before: tuple[str, ...] = ()
        if os.geteuid() == 0:
            before = ("runuser", "-u", "postgres", "--")
            shutil.chown(folder, "postgres")
        cluster, log = Path(folder, "cluster"), Path(folder, "log")

        def run(program: str, *arguments: str) -> None:
            done = subprocess.run(
                [*before, str(binaries / program), *arguments],
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
                timeout=300,
            )
            assert done.returncode == 0, f"{program}: {done.stderr} {log.read_text() if log.exists() else ''}"

        run("initdb", "-D", str(cluster), "-U", "hub", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
        options = " ".join(f"-c {option}" for option in (*FAST, f"unix_socket_directories={folder}"))
        run("pg_ctl", "start", "-w", "-s", "-D", str(cluster), "-l", str(log), "-o", options)
        try:
            yield folder
        finally:
            run("pg_ctl", "stop", "-w", "-s", "-D", str(cluster), "-m", "immediate")


def a_database(folder: str) -> str:
    """Return the URL of a new, empty database of the cluster whose socket is in `folder`."""
    # A collation that differs from SQLite's, as on most servers: sorting must not depend on it.
    return _url(folder, _create(folder, "template0 LOCALE_PROVIDER icu ICU_LOCALE 'en' LOCALE 'C.UTF-8'"))


def a_registry(folder: str, original: str = "") -> str:
    """Return the URL of a copy of the registry at the URL `original`, which must not be open, or of an empty one.

    To copy takes 0.04 s of a processor; to create the tables, 0.2 s.
    """
    return _url(folder, _create(folder, _name(original or _empty_registry(folder))))


@contextmanager
def a_reused_registry(folder: str) -> Iterator[str]:
    """Yield the URL of an empty registry, which is emptied afterwards and yielded again: to copy and drop one takes 30 times as long."""
    spare = _spare_registries(folder)
    url = spare.pop() if spare else a_registry(folder)
    yield url
    import psycopg

    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_empty_all(folder).encode())
    except psycopg.Error:  # Its tables were changed, or a connection is still writing.
        drop(folder, url)
    else:
        spare.append(url)


@cache
def _spare_registries(folder: str) -> list[str]:
    return []


@cache
def _empty_all(folder: str) -> str:
    """Return SQL that deletes all rows and restarts all sequences."""
    import psycopg

    with psycopg.connect(_empty_registry(folder)) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        sequences = connection.execute("SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'").fetchall()
    steps = ["SET lock_timeout = '5s'", "SET session_replication_role = replica"]  # Neither triggers nor foreign keys.
    steps += [f"DELETE FROM {name}" for (name,) in tables if name != "alembic_version"]
    return "; ".join([*steps, *(f"SELECT setval('{name}', 1, false)" for (name,) in sequences)])


def drop(folder: str, url: str) -> None:
    """Delete a database that is no longer open: hundreds of them, 8 MB each, would be written to the disk."""
    import psycopg

    with psycopg.connect(_url(folder, "postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {_name(url)} WITH (FORCE)".encode())


@cache
def _empty_registry(folder: str) -> str:
    """Return the URL of a registry that is only copied."""
    url = a_database(folder)
    Registry.open(url).close()
    return url


def _name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def _create(folder: str, template: str) -> str:
    """Create a copy of a template and return its name."""
    import psycopg

    name = f"hub_{secrets.token_hex(6)}"
    with psycopg.connect(_url(folder, "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    return name


def _url(folder: str, name: str) -> str:
    return f"postgresql://hub@/{name}?host={quote(folder, safe='')}"
