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
from tests import postgres
from tests.builders import a_score
from tests.registry.test_registry import an_artifact, fill


def version_of(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]


BEFORE_0028 = "DROP INDEX scores_by_trial; DROP INDEX scores_by_trial_and_language;"
"""Undoes the migration 0028."""
BEFORE_0027 = """
DROP INDEX artifacts_by_creation; DROP INDEX artifacts_by_likes; DROP INDEX artifacts_by_trend;
ALTER TABLE artifacts DROP trending; ALTER TABLE artifacts DROP weights; ALTER TABLE artifacts DROP parameters;
"""
"""Undoes the migration 0027."""
BEFORE_0026 = """
DROP TABLE mirror_blobs; DROP TABLE mirror_refs; DROP TABLE mirror_files; DROP TABLE mirror_commits; DROP TABLE mirrors;
DROP TABLE git_commits;
"""
"""Undoes the migration 0026."""
BEFORE_0024 = "DROP TABLE signatures; DROP TABLE signing_keys; DROP TABLE scans;"
"""Undoes the migration 0024."""
BEFORE_0023 = """
DROP TABLE webhook_deliveries; DROP TABLE webhook_watches; DROP TABLE webhooks; DROP INDEX outbox_by_subject; DROP INDEX outbox_by_time;
ALTER TABLE outbox DROP detail; ALTER TABLE outbox DROP attempts; ALTER TABLE outbox DROP due_at;
ALTER TABLE outbox DROP claimed_until; ALTER TABLE outbox DROP error; ALTER TABLE outbox DROP given_up_at;
"""
"""Undoes the migration 0023."""
BEFORE_0022 = "DROP TABLE renewals; DROP TABLE sessions; DROP TABLE guesses; DROP TABLE devices;"
"""Undoes the migration 0022, as far as BEFORE_0021 does not."""
BEFORE_0021 = """
DROP TABLE memberships; DROP TABLE tokens; DROP TABLE audit; DROP TABLE likes; DROP TABLE access_requests; DROP TABLE tombstones;
DROP TABLE uploads; DROP TABLE xorbs; DROP TABLE settings; DROP TABLE accounts; CREATE TABLE accounts (name TEXT PRIMARY KEY);
DROP INDEX artifacts_by_privacy; ALTER TABLE artifacts DROP private; ALTER TABLE artifacts DROP gated;
ALTER TABLE artifacts DROP any_file; ALTER TABLE artifacts DROP likes; ALTER TABLE revisions DROP author;
ALTER TABLE refs DROP kind; ALTER TABLE refs DROP message;
"""
"""Undoes the migration 0021."""
BEFORE_0020 = """
    DROP TRIGGER artifact_text_insert; DROP TRIGGER artifact_text_delete; DROP TRIGGER artifact_text_update;
    DROP TABLE artifact_text; DROP TABLE facet_counts; DROP INDEX languages_by_standing;
    ALTER TABLE artifacts DROP COLUMN words; ALTER TABLE artifacts DROP COLUMN facets;
    ALTER TABLE artifact_languages DROP COLUMN standing;
    CREATE VIRTUAL TABLE artifact_text USING fts5(name, owner, summary, tags, languages);
"""


BEFORE_0025 = """
DROP TABLE downloads; DROP TABLE disputes; DROP INDEX scores_by_metric; DROP INDEX scores_by_language;
DROP INDEX scores_by_place;
ALTER TABLE scores DROP author; ALTER TABLE scores DROP revision; ALTER TABLE scores DROP run; ALTER TABLE scores DROP machine;
ALTER TABLE scores DROP published_at; ALTER TABLE refs DROP protected;
"""


def downgrade(path, to, changes=""):
    """Make a file of an older release out of a current one."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            f"{BEFORE_0028}"
            f"{BEFORE_0027}"
            f"{BEFORE_0026}"
            f"{BEFORE_0025}"
            f"{BEFORE_0024}"
            f"{BEFORE_0023}"
            f"{BEFORE_0022}"
            f"{BEFORE_0021}"
            f"{BEFORE_0020}"
            f"{changes}; UPDATE alembic_version SET version_num = '{to}';"
        )


def test_head_is_the_newest_migration():
    newest = max((Path(__file__).parents[2] / "hub/registry/migrations/versions").glob("[0-9]*.py"))
    assert newest.name.startswith(f"{HEAD}_")


KEPT_BY_THE_DATABASE = {"search", "artifacts_by_words"}
"""PostgreSQL's own column and index for words; SQLite's tables for them begin with `artifact_text`."""


def test_the_migrations_make_exactly_the_tables_of_the_code(address):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from sqlalchemy.schema import CreateIndex

    import hub.registry.copies
    import hub.registry.hooks
    import hub.registry.people
    import hub.registry.trust  # noqa: F401 - declares tables
    from hub.registry.tables import Table

    registry = Registry.open(address)
    orders = {
        index.name: index
        for index in Table.metadata.tables["artifacts"].indexes
        if any("DESC" in str(each) for each in index.expressions)
    }

    def is_compared(_object, name, *_):
        return not str(name).startswith("artifact_text") and name not in {*KEPT_BY_THE_DATABASE, *orders}

    with registry.database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": is_compared})
        assert compare_metadata(context, Table.metadata) == []
        if connection.dialect.name == "sqlite":  # Its reflection forgets which way an index runs.
            made = dict(connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'index'").all())
            for name, index in orders.items():
                assert made[name].replace('"', "") == str(CreateIndex(index).compile(connection)).replace('"', "")
    registry.close()


def test_an_older_registry_is_migrated_with_its_content(tmp_path):
    path = tmp_path / "registry.db"
    registry = Registry.open(path)
    fill(registry, an_artifact())
    registry.close()
    downgrade(path, "0001", "DROP TABLE artifact_text")
    migrated = Registry.open(path)
    assert version_of(path) == HEAD
    assert (
        migrated.find(Query(text="prompts mulan-yo", language="yo", base="emoji-sd", license="apache-2.0")).total == 1
    )
    assert migrated.find(Query(text="swahili")).total == 0
    assert migrated.find(Query()).facets["language"] == migrated.languages() == {"yo": 1}
    migrated.forget(an_artifact().name)
    assert migrated.find(Query()).total == 0
    assert migrated.languages() == {}
    migrated.close()


def test_standings_of_an_older_registry_are_those_of_a_new_one(tmp_path):
    path = tmp_path / "registry.db"
    registry = Registry.open(path)
    fill(registry, an_artifact("local/en", scores=(a_score(0.9, language="en"),)), an_artifact("local/yo"))
    registry.close()
    downgrade(path, "0002", "UPDATE artifacts SET standing = -1; UPDATE scores SET standing = -1")
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


def test_databases_of_other_kinds_are_refused(tmp_path):
    with pytest.raises(WrongRequest, match="'mysql' registries are not served"):
        Registry.open("mysql://localhost/hub")
    Registry.open(f"sqlite:///{tmp_path}/by-url.db").close()
    assert (tmp_path / "by-url.db").is_file()


def _open(address: str) -> str:
    registry = Registry.open(address)
    registry.close()
    return registry.database.version()


def test_processes_that_create_it_at_once_all_get_it(address):
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert pool.map(_open, [address] * 6) == [HEAD] * 6


def test_a_newer_or_foreign_database_of_postgresql_is_refused(cluster):
    import psycopg

    address = postgres.a_database(cluster)
    with psycopg.connect(address) as connection:
        connection.execute("CREATE TABLE cats (name text)")
    with pytest.raises(Damaged, match="database of something else"):
        Registry.open(address)
    address = postgres.a_database(cluster)
    Registry.open(address).close()
    with psycopg.connect(address) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999'")
    with pytest.raises(Damaged, match="has schema 0999"):
        Registry.open(address)


def test_readers_go_on_when_the_server_has_ended_their_connections(cluster):
    import psycopg

    address = postgres.a_database(cluster)
    registry = Registry.open(address)
    fill(registry, an_artifact())
    for ask in (
        lambda: registry.get("mulan-yo"),
        lambda: registry.find(Query(language="yo")).items[0],
        lambda: registry.get("mulan-yo"),
    ):
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        assert ask().name == an_artifact().name
    registry.count_download(an_artifact().name)
    registry.close()


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
