"""Names that people cannot take by themselves."""

import pytest

from hub.errors import Conflict, InvalidName
from hub.names import ArtifactName
from hub.publish.commit import create
from hub.registry.artifacts.repositories import delete_repository
from hub.registry.membership.claimed_names import require_free_name
from tests.builders.server.people import ROOT


def test_names_of_accounts_of_owners_without_account_and_of_the_server_are_taken_and_others_are_free(hub):
    database = hub.registry.database
    for name in (
        ArtifactName("someone", "thing"),
        ArtifactName("some0ne", "set", is_dataset=True),
        ArtifactName("gone", "x"),
    ):
        create(name, hub.registry, hub.store, ROOT)
    delete_repository(database, ArtifactName("gone", "x"), ROOT)
    hub.accounts.add("left", ROOT)
    hub.accounts.remove("left", ROOT)
    for name in ("ada", "ADA", "lab", "linguahub", "someone", "SomeOne", "some0ne", "gone", "left", "me"):
        with pytest.raises(Conflict, match="is taken"):
            require_free_name(database, name, local_owner="me")
    for name in ("admin", "support", "settings", "administration", "signup", "a/b", "a b", "", "x" * 97, "<b>"):
        with pytest.raises(InvalidName):
            require_free_name(database, name, local_owner="me")
    for name in ("some", "someone2", "adah", "left-over"):
        require_free_name(database, name, local_owner="me")
