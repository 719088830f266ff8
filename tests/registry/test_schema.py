"""Files that are, were, or never will be a registry."""

import logging
import multiprocessing
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from hub.errors import Damaged, Unreachable, WrongRequest
from hub.records import Query
from hub.registry import Registry
from hub.registry.schema import HEAD
from tests.builders import a_score
from tests.registry.test_registry import an_artifact, fill


def version_of(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]


WITHOUT_ACCOUNTS = """
DROP TABLE memberships; DROP TABLE tokens; DROP TABLE audit; DROP TABLE likes; DROP TABLE access_requests; DROP TABLE tombstones;
DROP TABLE uploads; DROP TABLE xorbs; DROP TABLE settings; DROP TABLE accounts; CREATE TABLE accounts (name TEXT PRIMARY KEY);
DROP INDEX artifacts_by_privacy; ALTER TABLE artifacts DROP private; ALTER TABLE artifacts DROP gated;
ALTER TABLE artifacts DROP any_file; ALTER TABLE artifacts DROP likes; ALTER TABLE revisions DROP author;
ALTER TABLE refs DROP kind; ALTER TABLE refs DROP message;
"""
"""Undoes the migration 0005."""


def downgrade(path, version, script=""):
    """Make a file of an earlier release out of a current one."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"{WITHOUT_ACCOUNTS} {script} UPDATE alembic_version SET version_num = '{version}';")


def test_head_is_the_newest_migration():
    newest = max((Path(__file__).parents[2] / "hub/registry/migrations/versions").glob("[0-9]*.py"))
    assert newest.name.startswith(f"{HEAD}_")


def test_the_migrations_make_exactly_the_tables_of_the_code(tmp_path):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    import hub.registry.people  # noqa: F401 - declares tables
    from hub.registry.tables import Table

    registry = Registry.open(tmp_path / "registry.db")
    with registry.database.engine.connect() as connection:
        options = {"include_object": lambda _object, name, *_: not str(name).startswith("artifact_text")}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), Table.metadata) == []
    registry.close()


def test_an_older_registry_is_migrated_with_its_content(tmp_path):
    path = tmp_path / "registry.db"
    registry = Registry.open(path)
    fill(registry, an_artifact())
    registry.close()
    downgrade(path, "0001", "DROP TABLE artifact_text;")
    migrated = Registry.open(path)
    assert version_of(path) == HEAD
    assert migrated.find(Query(text="prompts")).total == 1
    migrated.close()


def test_standings_of_an_older_registry_are_those_of_a_new_one(tmp_path):
    path = tmp_path / "registry.db"
    registry = Registry.open(path)
    fill(registry, an_artifact("local/en", scores=(a_score(0.9, language="en"),)), an_artifact("local/yo"))
    registry.close()
    downgrade(path, "0002", "UPDATE artifacts SET standing = -1; UPDATE scores SET standing = -1;")
    migrated = Registry.open(path)
    assert [artifact.name.name for artifact in migrated.find(Query()).items] == ["yo", "en"]
    assert [artifact.name.name for artifact in migrated.find(Query(language="yo")).items] == ["yo", "en"]
    migrated.close()


def test_curated_cards_of_an_older_registry_are_indexed_again(tmp_path):
    path = tmp_path / "registry.db"
    registry = Registry.open(path)
    registry.mark_indexed("adapters/mulan-yo", "stamp", "linguahub/mulan-yo")
    registry.close()
    downgrade(path, "0003")
    migrated = Registry.open(path)
    assert migrated.indexed() == {"adapters/mulan-yo": ("", "linguahub/mulan-yo")}
    migrated.close()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.write_bytes(b"certainly no database " * 100), "is no registry"),
        (lambda path: path.write_bytes(b"SQLite format 3\0" + b"\xff" * 4096), "registry"),
        (
            lambda path: sqlite3.connect(path).execute("CREATE TABLE cats (name)").connection.close(),
            "database of something else",
        ),
    ],
)
def test_a_file_that_is_no_registry_is_refused_in_one_line_and_left_alone(tmp_path, make, reason):
    path = tmp_path / "registry.db"
    make(path)
    before = path.read_bytes()
    with pytest.raises(Damaged, match=reason) as raised:
        Registry.open(path)
    assert "\n" not in str(raised.value)
    assert path.read_bytes() == before


def test_a_newer_registry_is_refused(tmp_path):
    path = tmp_path / "registry.db"
    Registry.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("UPDATE alembic_version SET version_num = '0999';")
    with pytest.raises(Damaged, match=r"has schema 0999, this linguahub knows .*: upgrade linguahub"):
        Registry.open(path)


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unreachable, match="HUB_HOME") as raised:
        Registry.open(tmp_path / "file" / "registry.db")
    assert "\n" not in str(raised.value)


def test_only_sqlite_is_served(tmp_path):
    with pytest.raises(WrongRequest, match="'postgresql' registries are not served"):
        Registry.open("postgresql://localhost/hub")
    Registry.open(f"sqlite:///{tmp_path}/by-url.db").close()
    assert (tmp_path / "by-url.db").is_file()


def _open(path: str) -> str:
    Registry.open(path).close()
    return version_of(path)


def test_processes_that_create_it_at_once_all_get_it(tmp_path):
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert pool.map(_open, [str(tmp_path / "registry.db")] * 6) == [HEAD] * 6


def test_migrating_says_nothing(tmp_path, caplog, capfd):
    with caplog.at_level(logging.WARNING):
        Registry.open(tmp_path / "registry.db").close()
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def test_opening_and_searching_a_current_registry_imports_nothing_heavy(tmp_path):
    Registry.open(tmp_path / "registry.db").close()
    script = (
        "import sys; from hub.registry import Registry; from hub.records import Query\n"
        f"Registry.open({str(tmp_path / 'registry.db')!r}).find(Query(language='yo'))\n"
        "heavy = {'torch', 'sqlalchemy', 'alembic', 'yaml', 'huggingface_hub', 'safetensors', 'asyncio'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy))"
    )
    assert (
        subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True).stderr.strip() == ""
    )
