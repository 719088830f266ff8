"""The hub with every combination of registry and store."""

import itertools

import pytest

from hub.errors import InvalidRequest
from hub.home import Home
from hub.local import LocalHub
from hub.maintenance.backup import back_up, restore
from hub.maintenance.verify import verify
from hub.names import ArtifactName
from hub.publish.publish import publish
from hub.records import Query
from hub.registry.accounts.server_settings import epoch
from hub.registry.database.open import open_database
from hub.store import open_store
from tests.builders import postgres
from tests.builders.artifacts import a_folder

NAME = ArtifactName("local", "mulan-yo")
PLACES = list(itertools.product(["sqlite", "postgres"], ["folder", "bucket"]))


def a_home(request, folder, registry, store):
    """A home with this registry and store, configured by environment variables."""
    environment = {"HUB_HOME": str(folder), "HUB_CARDS": str(folder / "no-cards")}
    if registry == "postgres":
        environment["DATABASE_URL"] = postgres.a_registry(request.getfixturevalue("cluster"))
    environment["STORE_URL"] = (
        request.getfixturevalue("bucket") if store == "bucket" else f"file://{folder}/the store".replace(" ", "%20")
    )
    return Home.find(environment=environment)


@pytest.fixture(params=PLACES, ids="-".join)
def home(request, tmp_path):
    return a_home(request, tmp_path / "home", *request.param)


def test_an_artifact_is_published_found_and_read(home, tmp_path):
    folder = a_folder(tmp_path / "mulan-yo")
    with LocalHub.open(home) as hub:
        revision = publish(folder, NAME, hub.registry, hub.store)
        assert publish(folder, NAME, hub.registry, hub.store) == revision
        assert hub.registry.find(Query(text="mulan-yo", language="yo")).total == 1
        snapshot = hub.snapshot("mulan-yo")
        for file in revision.files:
            assert (snapshot / file.path).read_bytes() == (folder / file.path).read_bytes()
        assert verify(hub.registry, hub.store) == []
    with LocalHub.open(home) as again:
        assert again.registry.revision("mulan-yo") == revision


def test_a_deleted_registry_is_rebuilt_from_the_store(home, tmp_path, request):
    with LocalHub.open(home) as hub:
        first = publish(a_folder(tmp_path / "a"), NAME, hub.registry, hub.store)
        second = publish(a_folder(tmp_path / "b", seed=1), NAME, hub.registry, hub.store)
    environment = {
        "HUB_HOME": str(tmp_path / "new"),
        "HUB_CARDS": str(tmp_path / "no-cards"),
        "STORE_URL": home.store_url,
    }
    if home.database_url:
        environment["DATABASE_URL"] = postgres.a_registry(request.getfixturevalue("cluster"))
    with LocalHub.open(Home.find(environment=environment)) as hub:
        assert [each.id for each in hub.registry.revisions(NAME)] == [second.id, first.id]
        assert hub.registry.find(Query(language="yo")).total == 1


def test_a_backup_is_restored_elsewhere_or_refused_with_the_reason(home, tmp_path, request):
    with LocalHub.open(home) as hub:
        revision = publish(a_folder(tmp_path / "mulan-yo"), NAME, hub.registry, hub.store)
        hub.registry.count_download(NAME)
        former = epoch(hub.registry.database)
        for _ in range(2):
            report = back_up(hub.registry, hub.store, tmp_path / "backup")
            assert (report.blobs, report.faults) == (len(revision.files) + 1, ())
        assert report.linked == report.blobs
        with pytest.raises(InvalidRequest, match="is not an empty registry"):
            restore(tmp_path / "backup", hub.registry.database, hub.store)
    kind = "postgres" if home.database_url else "sqlite"
    other = a_home(request, tmp_path / "other", kind, "folder")
    other.create()
    database = open_database(other.registry)
    assert restore(tmp_path / "backup", database, open_store(other.store_url)) == report.blobs
    database.close()
    with LocalHub.open(other) as restored:
        assert restored.registry.revision(NAME) == revision
        assert restored.registry.get(NAME).downloads == 1
        assert epoch(restored.registry.database) != former, "clients send their xorbs again"
        assert verify(restored.registry, restored.store) == []
        publish(a_folder(tmp_path / "next", seed=2), NAME, restored.registry, restored.store)
        assert restored.registry.find(Query(text="yoruba")).total == 1


def test_a_password_is_never_printed():
    address = open_database("postgresql://ada:secret@db.example:5432/hub").address
    assert address == "postgresql://ada@db.example:5432/hub"


def test_a_server_that_does_not_respond_is_reported_in_one_line(tmp_path):
    from hub.errors import Unreachable

    home = Home(
        tmp_path / "registry.db",
        tmp_path,
        tmp_path / "no-cards",
        database_url="postgresql://ada:secret@127.0.0.1:1/hub",
    )
    with pytest.raises(Unreachable, match="cannot use postgresql://ada@127.0.0.1:1/hub") as raised:
        LocalHub.open(home)
    assert "\n" not in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("address", ["gs://bucket", "s3://", "s3://key:secret@bucket/prefix"])
def test_stores_of_other_kinds_are_refused(address):
    with pytest.raises(InvalidRequest) as raised:
        open_store(address)
    assert "\n" not in str(raised.value)
