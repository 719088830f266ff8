"""Searches in a replica of the registry: an older copy, and replicas that cannot be used."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hub.errors import InvalidRequest
from hub.home import Home
from hub.records import Query
from hub.registry import Registry
from tests.builders.registry import an_artifact, fill, put

OLD, NEW = "local/mulan-yo", "local/mulan-ha"


def names_of(registry: Registry) -> list[str]:
    return sorted(str(each.name) for each in registry.find(Query()).items)


@pytest.fixture
def copied(tmp_path: Path, empty_registry: Path) -> tuple[Path, Path]:
    """Return a registry with two artifacts, and a copy from before the second one."""
    paths = tmp_path / "registry.db", tmp_path / "replica.db"
    shutil.copy(empty_registry, paths[0])
    with closing(Registry.open(paths[0])) as registry:
        fill(registry, an_artifact(OLD))
        with closing(sqlite3.connect(paths[0])) as source, closing(sqlite3.connect(paths[1])) as target:
            source.backup(target)
        put(registry, an_artifact(NEW, languages=("ha",)), "2")
    return paths


def test_searches_read_the_replica_and_everything_else_the_registry(copied: tuple[Path, Path]):
    with closing(Registry.open(copied[0], replica=f"sqlite:///{copied[1]}")) as registry:
        assert names_of(registry) == [OLD]
        assert str(registry.get(NEW).name) == NEW
        put(registry, an_artifact("local/third"), "3")
        assert names_of(registry) == [OLD]
        assert registry.find(Query(text="mulan-haa")).total == 0


def test_a_replica_that_cannot_be_used_is_left_out_for_a_while(copied, monkeypatch, caplog):
    missing = copied[1].with_name("missing.db")
    with closing(Registry.open(copied[0], replica=f"sqlite:///{missing}")) as registry:
        with caplog.at_level(logging.ERROR, "hub.registry.replica"):
            assert names_of(registry) == names_of(registry) == [NEW, OLD]
        assert len(caplog.records) == 1
        assert not missing.exists()
        copied[1].rename(missing)
        assert names_of(registry) == [NEW, OLD]
        monkeypatch.setattr(registry._replica, "_retry_at", 0.0)
        assert names_of(registry) == [OLD]


def test_a_replica_whose_tables_are_of_another_version_is_left_out(copied, caplog):
    with closing(sqlite3.connect(copied[1])) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '0036'")
    with closing(Registry.open(copied[0], replica=str(copied[1]))) as registry:
        assert names_of(registry) == [NEW, OLD]
    assert "does not have the tables of this version" in caplog.text


def test_a_replica_that_fails_later_is_left_out(copied, monkeypatch):
    with closing(Registry.open(copied[0], replica=str(copied[1]))) as registry:
        assert names_of(registry) == [OLD]
        registry._replica.close()
        copied[1].write_bytes(b"no database" * 1000)
        assert names_of(registry) == [NEW, OLD]


def test_the_url_comes_from_the_environment_and_others_are_refused(tmp_path: Path):
    home = Home.find(environment={"HUB_HOME": str(tmp_path), "HUB_READ_DATABASE": "postgresql://replica/hub"})
    assert home.replica_url == "postgresql://replica/hub"
    assert Home.find(tmp_path, {"HUB_READ_DATABASE": "postgresql://replica/hub"}).replica_url == ""
    with pytest.raises(InvalidRequest, match="unsupported registry"):
        Registry.open(tmp_path / "registry.db", replica="mysql://replica/hub")
