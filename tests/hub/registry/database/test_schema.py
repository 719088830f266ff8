"""Current, outdated and foreign databases."""

import dataclasses
import hashlib
import logging
import multiprocessing
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from hub.errors import DamagedFile, InvalidRequest, Unreachable
from hub.names import Digest
from hub.records import File, Provenance, Query
from hub.registry import Registry
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.record import reproduce
from hub.registry.artifacts.scans import malicious_files
from hub.registry.database.schema import HEAD, all_tables, migrate
from hub.registry.database.sqlite import SqliteDatabase
from tests.builders import ROOT, postgres
from tests.builders.artifacts import a_score
from tests.builders.hub import opened_version
from tests.builders.registry import WITHOUT_0041, a_revision, an_artifact, fill, names, put


def test_head_is_the_newest_migration():
    newest = max((ROOT / "hub/registry/database/migrations/versions").glob("[0-9]*.py"))
    assert newest.name.startswith(f"{HEAD}_")


TABLES_OF_HEAD = ("0041", "c0954c028259")
"""The revision, and the first digits of a SHA-256 over its tables and columns."""


def test_tables_change_only_together_with_the_revision():
    columns = sorted(
        f"{table.name}.{column.name} {column.type!r}"
        for table in all_tables().sorted_tables
        for column in table.columns
    )
    digest = hashlib.sha256("\n".join(columns).encode()).hexdigest()[:12]
    assert (HEAD, digest) == TABLES_OF_HEAD, "add a migration, or an older registry passes as current; then update both"


def test_a_registry_of_an_older_release_is_migrated_when_it_is_opened(address):
    registry = Registry.open(address)
    fill(registry, an_artifact())
    for statement in (
        *WITHOUT_0034,
        "INSERT INTO scans (digest, name, kind, verdict, scanner, report) VALUES ('"
        + "a" * 64
        + "', 'x.pkl', 'pickle', 'malicious', '', '{}')",
        "UPDATE alembic_version SET version_num = '0033'",
    ):
        registry.database.execute(statement)
    registry.close()
    registry = Registry.open(address)
    assert registry.names() == [str(an_artifact().name)]
    [(scan, _)] = malicious_files(registry.database, 10)
    assert (scan.name, scan.is_blocked) == ("x.pkl", True)
    registry.close()


KEPT_BY_THE_DATABASE = {"search", "artifacts_by_words"}
"""PostgreSQL's column and index for words; the names of SQLite's tables start with `artifact_text`."""


def test_a_new_registry_has_exactly_the_tables_of_the_code(address):
    registry = Registry.open(address)
    check_tables(registry)
    registry.close()


def check_tables(registry):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from sqlalchemy.schema import CreateIndex

    tables = all_tables()
    orders = {
        index.name: index
        for index in tables.tables["artifacts"].indexes
        if any("DESC" in str(each) for each in index.expressions)
    }

    def is_compared(_object, name, *_):
        return not str(name).startswith("artifact_text") and name not in {*KEPT_BY_THE_DATABASE, *orders}

    with registry.database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": is_compared})
        assert compare_metadata(context, tables) == []
        if connection.dialect.name == "sqlite":  # Its reflection forgets which way an index runs.
            made = dict(connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'index'").all())
            for name, index in orders.items():
                assert made[name].replace('"', "") == str(CreateIndex(index).compile(connection)).replace('"', "")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.write_bytes(b"certainly no database " * 100), "is not a registry"),
        (lambda path: path.write_bytes(b"SQLite format 3\0" + b"\xff" * 4096), "registry"),
        (
            lambda path: sqlite3.connect(path).execute("CREATE TABLE cats (name)").connection.close(),
            "database of another program",
        ),
    ],
)
def test_a_file_that_is_not_a_registry_is_refused_in_one_line_and_left_alone(tmp_path, make, reason):
    path = tmp_path / "registry.db"
    make(path)
    before = path.read_bytes()
    with pytest.raises(DamagedFile, match=reason) as raised:
        Registry.open(path)
    assert "\n" not in str(raised.value)
    assert path.read_bytes() == before


def test_a_newer_registry_is_refused(tmp_path):
    path = tmp_path / "registry.db"
    Registry.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("UPDATE alembic_version SET version_num = '0999';")
    with pytest.raises(DamagedFile, match=r"has schema 0999, but this linguahub supports .*: upgrade linguahub"):
        Registry.open(path)


def test_a_registry_of_schema_0031_gets_the_table_of_narrow_uploads(address):
    registry = Registry.open(address)
    fill(registry, an_artifact())
    without_0033(registry)
    registry.database.execute("DROP TABLE narrow_uploads")
    registry.database.execute("UPDATE alembic_version SET version_num = '0031'")
    registry.close()
    registry = Registry.open(address)
    assert registry.names() == [str(an_artifact().name)]
    assert registry.database.rows("SELECT * FROM narrow_uploads") == []
    assert registry.database.version() == HEAD
    registry.close()


def test_a_registry_from_before_the_first_release_is_refused_in_one_line_and_left_alone(address):
    registry = Registry.open(address)
    registry.database.execute("UPDATE alembic_version SET version_num = '0028'")
    registry.close()
    for _ in range(2):
        with pytest.raises(DamagedFile, match=r"older development version \(schema 0028.*hub index") as raised:
            Registry.open(address)
        assert "\n" not in str(raised.value)


def test_scores_of_an_older_registry_become_self_reported_and_rank_as_if_published_now(address):
    claims = (a_score(0.7), a_score(0.9, language="hi"), a_score(0.4, metric="base_alone_r_precision_at_1"))
    reported = a_score(0.99, provenance=Provenance.REPORTED, source="a paper")
    registry = Registry.open(address)
    fill(
        registry,
        an_artifact("linguahub/good", scores=(*claims, reported)),
        an_artifact("ada/copy", scores=(a_score(0.9999),)),
        reproduced=False,
    )
    ranks = "SELECT key, position, provenance, scores.ranking, artifacts.ranking AS best, facet_bits FROM scores JOIN artifacts ON artifacts.id = artifact_id ORDER BY 1, 2"
    languages = "SELECT artifact_id, tag, ranking, facet_bits FROM artifact_languages ORDER BY 1, 2"
    expected = [[tuple(row) for row in registry.database.rows(each)] for each in (ranks, languages)]
    without_0033(registry)
    registry.close()
    registry = Registry.open(address)
    assert registry.database.version() == HEAD
    assert [[tuple(row) for row in registry.database.rows(each)] for each in (ranks, languages)] == expected
    assert names(registry.find(Query(language="yo"))) == ["good", "copy"]
    with registry.database.transaction() as session:
        reproduce(session, an_artifact("ada/copy"), a_revision("ada/copy", "1"), [a_score(0.5)], Actor("test"))
    assert names(registry.find(Query(language="yo"))) == ["copy", "good"]
    check_tables(registry)
    registry.close()


def without_0033(registry):
    """Make a registry what version 0032 made of the same artifacts."""
    for statement in WITHOUT_0034:
        registry.database.execute(statement)
    new, old = ("'reproduced', 'self-reported', 'reported', 'disputed'", "'reported', 'measured', 'disputed'")
    check = "scores_have_a_provenance"
    with registry.database.engine.begin() as connection:
        run = connection.exec_driver_sql
        run("DROP TABLE evaluations")
        if connection.dialect.name == "sqlite":
            run("PRAGMA writable_schema = ON")
            run("UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE name = 'scores'", (new, old))
            run("PRAGMA writable_schema = RESET")
        else:
            run(f"ALTER TABLE scores DROP CONSTRAINT {check}")
        run("UPDATE scores SET provenance = 'measured' WHERE provenance IN ('self-reported', 'reproduced')")
        # One place less: every measured score ranked its artifact, and reported ones came next.
        run("UPDATE scores SET ranking = -0.999 * value WHERE ranking = 1001 OR ranking < 1000")
        run("UPDATE scores SET ranking = ranking - 1 WHERE ranking > 1000 AND ranking < 2000")
        if connection.dialect.name == "postgresql":
            run(f"ALTER TABLE scores ADD CONSTRAINT {check} CHECK (provenance in ({old}))")
        run("UPDATE alembic_version SET version_num = '0032'")


FILES = ("README.md", "emoji-sd/config.json", "emoji-sd/model.safetensors", "emoji-sd/text/vocab.json")
WITHOUT_0039 = (
    *WITHOUT_0041,
    "ALTER TABLE mirror_blobs DROP COLUMN used_at",
)
WITHOUT_0038 = (
    *WITHOUT_0039,
    *(f"DROP TABLE {name}" for name in ("reset_links", "reports", "hidden_artifacts", "blocked_files")), "DROP INDEX audit_by_action",
    "ALTER TABLE accounts DROP COLUMN about",
)  # fmt: skip
WITHOUT_0037 = (
    *WITHOUT_0038,
    "DROP TABLE parities", "DROP INDEX scores_by_ranking_and_value", "DROP INDEX scores_by_language_and_ranking",
    "ALTER TABLE scores DROP COLUMN setting",
)  # fmt: skip
WITHOUT_0036 = (
    *WITHOUT_0037,
    "ALTER TABLE artifacts DROP COLUMN aliases", "ALTER TABLE artifacts DROP COLUMN trained_languages",
    "DROP INDEX artifacts_by_owner_and_kind",
)  # fmt: skip
WITHOUT_0034 = (
    *WITHOUT_0036, "DROP TABLE blob_ids", "DROP INDEX scans_by_verdict", "ALTER TABLE scans DROP COLUMN allowed_by",
)  # fmt: skip
WITHOUT_0031 = (
    "DROP TABLE narrow_uploads", "DROP INDEX files_by_folder", "ALTER TABLE files DROP COLUMN folder", "ALTER TABLE files DROP COLUMN is_counted",
    "DROP TABLE folders", "DROP INDEX uploads_by_owner", "ALTER TABLE uploads DROP COLUMN owner", "ALTER TABLE uploads DROP COLUMN is_part",
    "DROP INDEX xorbs_by_owner", "ALTER TABLE xorbs DROP COLUMN owner", "UPDATE alembic_version SET version_num = '0030'",
)  # fmt: skip


def test_a_registry_of_schema_0030_gets_the_folders_of_its_revisions(address):
    files = tuple(File(path, Digest(f"{size:064x}"), size) for size, path in enumerate(FILES))
    registry = Registry.open(address)
    artifact = an_artifact()
    registry.record(artifact, dataclasses.replace(a_revision(), files=files), None)
    questions = ("SELECT * FROM folders ORDER BY path", "SELECT path, folder, is_counted FROM files ORDER BY path")
    expected = [[tuple(row) for row in registry.database.rows(question)] for question in questions]
    assert [row[1] for row in expected[0]] == ["emoji-sd", "emoji-sd/text"]
    assert [row[0] for row in expected[1] if row[2]] == ["emoji-sd/config.json"]
    without_0033(registry)
    for statement in WITHOUT_0031:
        registry.database.execute(statement)
    registry.close()
    migrated = Registry.open(address)
    assert migrated.database.version() == HEAD
    assert [[tuple(row) for row in migrated.database.rows(question)] for question in questions] == expected
    assert migrated.revision(artifact.name).files == files
    migrated.close()


def test_tables_are_created_once_and_left_alone_afterwards(address):
    registry = Registry.open(address)
    fill(registry, an_artifact())
    with registry.database.engine.connect() as connection:
        migrate(connection)
    assert registry.names() == [str(an_artifact().name)]
    registry.close()


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unreachable, match="HUB_HOME") as raised:
        Registry.open(tmp_path / "file" / "registry.db")
    assert "\n" not in str(raised.value)


def test_databases_of_other_kinds_are_refused(tmp_path):
    with pytest.raises(InvalidRequest, match="unsupported registry 'mysql'"):
        Registry.open("mysql://localhost/hub")
    Registry.open(f"sqlite:///{tmp_path}/by-url.db").close()
    assert (tmp_path / "by-url.db").is_file()


@pytest.fixture(scope="module")
def processes():
    """Yield three processes of a pool."""
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        yield pool


def test_processes_that_create_a_registry_at_once_all_succeed(address, processes):
    assert processes.map(opened_version, [address] * 6) == [HEAD] * 6


def test_a_newer_or_foreign_database_of_postgresql_is_refused(cluster):
    import psycopg

    address = postgres.a_database(cluster)
    with psycopg.connect(address) as connection:
        connection.execute("CREATE TABLE cats (name text)")
    with pytest.raises(DamagedFile, match="database of another program"):
        Registry.open(address)
    address = postgres.a_database(cluster)
    Registry.open(address).close()
    with psycopg.connect(address) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999'")
    with pytest.raises(DamagedFile, match="has schema 0999"):
        Registry.open(address)


def test_readers_reconnect_when_the_server_has_closed_their_connections(cluster):
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


def test_migrating_prints_nothing(tmp_path, caplog, capfd):
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
        subprocess.run(
            [sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=300
        ).stderr.strip()
        == ""
    )


def modes(folder):
    return {file.name: file.stat().st_mode & 0o777 for file in folder.glob("registry.db*")}


@pytest.mark.parametrize(("former", "mode"), [(None, 0o600), (0o644, 0o600), (0o664, 0o660)])
def test_only_its_user_and_a_group_that_shares_it_can_read_a_registry(tmp_path, former, mode):
    path = tmp_path / "home" / "registry.db"
    if former:
        Registry.open(path).close()
        path.chmod(former)
    registry = Registry.open(path)
    fill(registry, an_artifact())
    assert registry.names()  # An open reader keeps the journals.
    assert modes(path.parent) == dict.fromkeys(("registry.db", "registry.db-wal", "registry.db-shm"), mode)
    registry.database.backup(tmp_path)
    assert modes(tmp_path)["registry.db"] == 0o600
    registry.close()
    copy = Registry(SqliteDatabase(tmp_path / "copy" / "registry.db"), "local")
    copy.database.restore(tmp_path / "registry.db")
    assert modes(tmp_path / "copy")["registry.db"] == 0o600
    copy.close()


def test_opening_a_registry_twice_in_a_process_keeps_its_locks(tmp_path):
    path = tmp_path / "registry.db"
    script = f"import sys; from hub.registry import Registry; r = Registry.open({str(path)!r}); print(len(r.names())); r.close()"

    def ask_another_process():
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
        return done.stdout.strip() or done.stderr

    registry = Registry.open(path)
    fill(registry, an_artifact("a/first"))
    assert registry.names() == ["a/first"]  # An open reader keeps the journals.
    Registry.open(path).close()
    assert ask_another_process() == "1"
    assert (tmp_path / "registry.db-wal").exists(), "the other process was not the last one to close it"
    put(registry, an_artifact("a/second"), "1")
    assert ask_another_process() == "2"
    assert registry.database.rows("PRAGMA integrity_check")[0][0] == "ok"
    registry.close()
