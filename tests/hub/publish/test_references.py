"""References of data sets, which shared the names of models before schema 0032."""

from hub.home import Home
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.commit import commit, create
from hub.publish.publish import reference
from hub.records import File
from hub.registry.accounts.permissions import Actor

ADA = Actor("ada")
MODEL, DATA = ArtifactName("ada", "cats"), ArtifactName("ada", "cats", is_dataset=True)


def opened(folder):
    return LocalHub.open(Home(folder / "registry.db", folder, folder / "cards"))


def add_data(hub):
    create(DATA, hub.registry, hub.store, ADA)
    file = File("a.txt", *hub.store.put(b"meow"))
    commit(hub.registry.get(DATA), [file], hub.registry, hub.store, ADA, message="Add")


def test_a_data_set_is_restored_from_a_reference_without_its_prefix_which_then_moves(tmp_path):
    with opened(tmp_path) as hub:
        add_data(hub)
        hub.store.write_reference(MODEL, reference(hub.registry, DATA))
        hub.store.delete_reference(DATA)
    (tmp_path / "registry.db").unlink()
    with opened(tmp_path) as hub:
        assert hub.registry.names() == [str(DATA)]
        assert hub.registry.get("ada/cats").kind == "dataset"
        assert [name for name, _ in hub.store.references()] == [str(DATA)]


def test_a_model_keeps_its_reference_when_the_data_set_of_its_name_changes(tmp_path):
    with opened(tmp_path) as hub:
        create(MODEL, hub.registry, hub.store, ADA)
        add_data(hub)
        assert [name for name, _ in hub.store.references()] == [str(MODEL), str(DATA)]
